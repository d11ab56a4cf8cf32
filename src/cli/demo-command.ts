// `millrace demo`, which is also `npm start`: the whole system on one machine, with a live board.
import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Command, CommanderError } from 'commander'
import { Demo, demoExitCodes } from '../demo/demo.ts'
import {
  demoDefaults,
  DemoOptionProblem,
  readDemoOptions,
  type DemoOptions,
  type DemoWords,
} from '../demo/options.ts'
import { Fault } from '../errors.ts'
import { connectionDefaults } from '../kafka-client/settings.ts'
import { startProgram } from '../system/programs.ts'
import { realSystem } from '../system/system.ts'
import type { Arguments } from './arguments.ts'
import { openOutput } from './demo-terminal.ts'
import { usualPort } from '../console/settings.ts'
import { openLog } from './log-output.ts'
import { onSignals } from './signals.ts'

const exitCodes = { ...demoExitCodes, usage: 2 }
/** From the first signal to the end of the process, whatever happens. */
const stopLimitMs = 45_000

const usage = `Usage: millrace demo [options]            (in a checkout: npm start -- [options])

Starts an embedded Kafka broker and two Flume agents, streams events through topic test3 -> agent A ->
agent B -> topic test2, and shows on the terminal how they move. Ctrl-C ends it.

  --events N            send N events instead of going on for ever, as fast as they go
  --exit                end when all of them have arrived; 0: all in order and none twice, 1: not so
  --rate N              events a second (${demoDefaults.rate}; with --events as many as possible)
  --bootstrap HOST:PORT use a Kafka of yours instead of the embedded broker
  --port N              port of the embedded broker (${demoDefaults.port}; 0: a free one)
  --avro-port N         port of agent B (${demoDefaults.avroPort}; 0: a free one)
  --data-dir DIR        keep everything there; without it a temporary directory is used and removed
  --help

Exit codes: 0 ended as it should, 1 something is missing or does not run, 2 wrong options.
`

/** Resolves with the exit code. */
export async function runDemo({ rest, properties }: Arguments, program: string): Promise<number> {
  const complain = (text: string) => void process.stderr.write(text)
  let options: DemoOptions
  let demo: Demo
  let reopenLog = (): void => {}
  const stop = new AbortController()
  const output = openOutput(
    process.stdout,
    line => complain(line.startsWith(' ') ? line : `${program} demo: ${line}`),
    process.env,
  )
  try {
    const words = parse(rest)
    if (words.help === true) {
      process.stdout.write(usage)
      return exitCodes.good
    }
    options = readDemoOptions(words)
    demo = new Demo(options, {
      system: realSystem,
      output,
      launch: (args, onLine) =>
        startProgram({
          // The same Node and the same program, which need no launcher any more.
          command: [process.execPath, ...process.execArgv, process.argv[1]!, 'flume-ng', ...args],
          environment: process.env,
          onLine,
        }),
      openLog(directory) {
        const { log, reopen } = openLog(
          new Map([
            ['flume.root.logger', 'INFO,LOGFILE'],
            ['flume.log.dir', directory],
            ['flume.log.file', 'demo.log'],
            ...properties,
          ]),
        )
        reopenLog = reopen
        return log
      },
      openConsole: openDemoConsole,
      confDirectory: fileURLToPath(new URL('../../conf', import.meta.url)),
      stop: stop.signal,
      begunMs: 0,
    })
  } catch (error) {
    if (!(error instanceof DemoOptionProblem) && !(error instanceof CommanderError)) throw error
    complain(`${program} demo: ${error.message.replace(/^error: /, '').replaceAll('\n', ' ')}\n`)
    return exitCodes.usage
  }
  // However it ends, the cursor comes back.
  process.on('exit', () => output.endBoard())
  // Ctrl-Z: the shell gets its terminal in order, and after fg the board begins anew.
  process.on('SIGTSTP', () => {
    output.endBoard()
    process.kill(process.pid, 'SIGSTOP')
  })
  const end = listen(stop, demo, () => reopenLog())
  // Nobody sees an endless demonstration any more; one that has an end goes on to it, and its code tells.
  process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
    if (code === 'EPIPE' && !options.exits) end('nobody reads the output')
  })
  return demo.run()
}

/** On kafka-manager's port, or a free one where that is taken. */
async function openDemoConsole(agents: readonly string[], bootstrapServers: readonly string[]) {
  const { startConsole } = await import('../console/console.ts')
  const settings = { ...connectionDefaults, bootstrapServers }
  const start = (port: number) =>
    startConsole({
      agents: { given: agents, announced: false },
      clusters: [{ name: 'demo', settings }],
      settings: { port },
      system: { ...realSystem, systemProperties: new Map() },
    })
  return start(usualPort).catch((error: unknown) => {
    if (error instanceof Fault && error.code === 'ADDRESS_IN_USE') return start(0)
    throw error
  })
}

function parse(rest: readonly string[]): DemoWords & { help?: boolean } {
  return new Command('demo')
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .helpOption(false)
    .allowExcessArguments(false)
    .option('-h, --help')
    .option('--events <n>')
    .option('--exit')
    .option('--rate <n>')
    .option('--bootstrap <servers>')
    .option('--port <n>')
    .option('--avro-port <n>')
    .option('--data-dir <directory>')
    .parse([...rest], { from: 'user' })
    .opts()
}

/** The first signal, or a closed terminal, ends it; a second signal, and Ctrl-\, end it at once. */
function listen(stop: AbortController, demo: Demo, reopenLog: () => void): (cause: string) => void {
  const atOnce = (code: number) => {
    const directory = demo.kill()
    try {
      if (directory !== null) rmSync(directory, { recursive: true, force: true })
    } catch {
      // Agents that are dying may still write; the next demonstration clears it.
    }
    process.exit(code)
  }
  const reopen = () => {
    reopenLog()
    demo.reopenLogs()
  }
  return onSignals({
    stop() {
      stop.abort()
      setTimeout(() => atOnce(exitCodes.failed), stopLimitMs).unref()
    },
    stopAtOnce: atOnce,
    reload: reopen,
    reopen,
    report: () => atOnce(131),
    none() {},
  })
}
