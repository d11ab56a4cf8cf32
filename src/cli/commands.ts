// The commands by their names, and how one is carried out: its words are read, and what it cannot do is printed. A
// command's own files are loaded for it alone: a broker needs nothing of an agent, and each file costs a start its time.
import { explanationOf } from '../errors.ts'
import { printable } from '../printable.ts'
import { readArguments, refuseOddDashes, type Arguments } from './arguments.ts'
import { exitCodes } from './exit-codes.ts'
import { UsageError } from './usage-error.ts'
import { flumeUsage, millraceUsage } from './usage.ts'
import { version } from './version.ts'

/** Kafka's tools, and ours that look like them: their words are Kafka's, not Flume's. */
const kafkaTools: Readonly<Record<string, (words: readonly string[], program: string) => Promise<number>>> = {
  topics: async words => (await import('./topics-command.ts')).runTopics(words),
  produce: async (words, program_) => (await import('./produce-command.ts')).runProduce(words, program_),
  consume: async (words, program_) => (await import('./consume-command.ts')).runConsume(words, program_),
  groups: async words => (await import('./groups-command.ts')).runGroups(words),
  offsets: async words => (await import('./offsets-command.ts')).runOffsets(words),
  progress: async (words, program_) => (await import('./progress-command.ts')).runProgress(words, program_),
  ledger: async (words, program_) => (await import('./ledger-command.ts')).runLedger(words, program_),
  audit: async (words, program_) => (await import('./audit-command.ts')).runAudit(words, program_),
}

async function toolCommand({ rest }: Arguments): Promise<number> {
  const [tool, ...words] = rest
  if (tool?.toUpperCase() === 'FCINTEGRITYTOOL')
    return (await import('./channel-command.ts')).runIntegrityTool(words)
  throw new UsageError(
    tool === undefined
      ? 'no tool named; Flume has FCINTEGRITYTOOL'
      : `there is no tool ${tool}; Flume has FCINTEGRITYTOOL`,
  )
}

function printVersion(): number {
  process.stdout.write(
    `Millrace ${version()}, runs Apache Flume 1.8 to 1.11 configurations\nNode ${process.version}\n`,
  )
  return 0
}

const usageOf = (program: string) => (program === 'millrace' ? `${millraceUsage}\n${flumeUsage}` : flumeUsage)

function printHelp(program: string): number {
  process.stdout.write(usageOf(program))
  return 0
}

type Run = (given: Arguments, program: string) => Promise<number> | number

const commands: Readonly<Record<string, Run>> = {
  agent: async given => (await import('./agent-options.ts')).runAgentCommand(given),
  async node(given, program_) {
    process.stderr.write(`${program_}: the command node is deprecated; write agent\n`)
    return (await import('./agent-options.ts')).runAgentCommand(given)
  },
  'avro-client': async given => (await import('./avro-client-command.ts')).runAvroClient(given.rest),
  check: async given => (await import('./check-command.ts')).runCheck(given),
  broker: async (given, program_) => (await import('./broker-command.ts')).runBroker(given, program_),
  console: async given => (await import('./console-command.ts')).runConsole(given),
  top: async given => (await import('./top-command.ts')).runTop(given),
  doctor: async given => (await import('./doctor-command.ts')).runDoctor(given),
  tap: async given => (await import('./tap-command.ts')).runTap(given),
  'kafka-manager': async given => (await import('./kafka-manager-command.ts')).runKafkaManager(given),
  demo: async (given, program_) => (await import('./demo-command.ts')).runDemo(given, program_),
  simulate: async given => (await import('./simulate-command.ts')).runSimulate(given),
  tool: toolCommand,
  channel: async given => (await import('./channel-command.ts')).runChannel(given),
  init: async given => (await import('./init-command.ts')).runInit(given),
  version: printVersion,
  '--version': printVersion,
  help: (_, program_) => printHelp(program_),
  '--help': (_, program_) => printHelp(program_),
  '-h': (_, program_) => printHelp(program_),
}

async function run(program: string, argv: readonly string[]): Promise<number> {
  refuseOddDashes(argv)
  const [name = '', ...words] = argv
  if (Object.hasOwn(kafkaTools, name)) return kafkaTools[name]!(words, program)
  const given = readArguments(argv)
  const { command = '' } = given
  if (Object.hasOwn(commands, command)) return await commands[command]!(given, program)
  const error = `Error: Unknown or unspecified command '${command}'`
  if (command === '') {
    process.stderr.write(`${error}\n`)
    process.stdout.write(`\n${usageOf(program)}`)
  } else {
    const { suggest } = await import('../did-you-mean.ts')
    const near = suggest(command, Object.keys({ ...commands, ...kafkaTools }))
    const hint = near === undefined ? '' : ` Did you mean ${near}?`
    process.stderr.write(`${error}.${hint} ${program} help lists the commands.\n`)
  }
  return exitCodes.usage
}

/** Told by its code: its class would have to be loaded for it. */
function isOfCommander(error: unknown): error is Error & { exitCode: number } {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('commander.')
}

/** Carries out the command line, and gives the exit code. What fails is printed, under the name of the program. */
export async function runCommand(program: string, argv: readonly string[]): Promise<number> {
  try {
    return await run(program, argv)
  } catch (error) {
    // Help that was asked for has been printed.
    if (isOfCommander(error) && error.exitCode === 0) return 0
    // A suggestion of commander stands in parentheses on a line of its own.
    const text = isOfCommander(error)
      ? printable(error.message.replace(/^error: /, '').replace(/\n\((.*)\)$/, '. $1'))
      : error instanceof UsageError
        ? error.message
        : explanationOf(error)
    process.stderr.write(`${program}: ${text}\n`)
    return exitCodes.usage
  }
}
