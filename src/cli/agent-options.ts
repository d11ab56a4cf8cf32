// The options of `flume-ng agent`, from the command line and from flume.opts, and what they begin.
import { Command, Option } from 'commander'
import { runAgent } from './agent-command.ts'
import type { AgentSetup } from './agent-setup.ts'
import type { Arguments } from './arguments.ts'
import { collect, readClassOptions } from './class-options.ts'
import { readLaunch } from './launch.ts'
import { wordsOfOptionsFile } from './options-file.ts'
import { UsageError } from './usage-error.ts'
import { flumeUsage } from './usage.ts'

/** Options every command takes, and the agent's. */
function agentParser(): Command {
  return new Command('agent')
    .helpOption(false)
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .option('-n, --name <name>')
    .option('-f, --conf-file <file>', '', collect, [])
    .option('-u, --conf-uri <uri>', '', collect, [])
    .option('--map <class=file>', '', collect)
    .option('--conf-user <user>')
    .option('--conf-password <password>')
    .option('-i, --poll-interval <seconds>')
    .option('-b, --backup-directory <directory>')
    .option('--no-reload-conf')
    .option('-c, --conf <directory>')
    .option('-C, --classpath <path>')
    .option('--plugins-path <directories>')
    .option('-d, --dryrun')
    .option('-h, --help')
    .addOption(new Option('-z, --zkConnString <servers>'))
    .addOption(new Option('-p, --zkBasePath <path>'))
    .addOption(new Option('--conf-provider <class>'))
    .addOption(new Option('-a, --auth-provider <class>'))
}

export interface AgentOptions {
  name?: string
  confFile: string[]
  confUri: string[]
  map?: string[]
  confUser?: string
  confPassword?: string
  pollInterval?: string
  backupDirectory?: string
  reloadConf: boolean
  conf?: string
  classpath?: string
  pluginsPath?: string
  dryrun?: boolean
  help?: boolean
  zkConnString?: string
  confProvider?: string
  authProvider?: string
}

/** Options that exist in Flume and cannot exist here, each with a sentence. */
function refuseUnsupported(options: AgentOptions): void {
  if (options.zkConnString !== undefined)
    throw new UsageError(
      '--zkConnString: Millrace does not read configurations from ZooKeeper yet; write the text to a file and use --conf-file',
    )
  if (options.confProvider !== undefined)
    throw new UsageError(
      '--conf-provider names a Java class, which Millrace cannot load; use --conf-file or --conf-uri',
    )
  if (options.authProvider !== undefined)
    throw new UsageError(
      '--auth-provider names a Java class, which Millrace cannot load; use --conf-user and --conf-password',
    )
}

/** The command line's options, and those of flume.opts that it does not give. */
export function readAgentOptions(rest: readonly string[]): AgentOptions {
  // Commander says of a word without an option only how many there are.
  const parser = agentParser()
    .allowExcessArguments(true)
    .parse([...rest], { from: 'user' })
  const [word] = parser.args
  if (word !== undefined)
    throw new UsageError(
      `${word} does not belong to an option: write --name before the agent, --conf-file before the file`,
    )
  const known = new Map(
    parser.options.map(option => [
      option.long!.replace(/^--/, ''),
      {
        takesValue: option.required,
        given: parser.getOptionValueSource(option.attributeName()) === 'cli',
      },
    ]),
  )
  const words = wordsOfOptionsFile(parser.opts<AgentOptions>().conf, known)
  return words.length === 0
    ? parser.opts<AgentOptions>()
    : agentParser()
        .parse([...rest, ...words], { from: 'user' })
        .opts<AgentOptions>()
}

/** What the command line, flume.opts and flume-env.sh make of an agent. Rejects with UsageError. */
export async function readAgentSetup(
  options: AgentOptions,
  given: Arguments,
): Promise<AgentSetup & { readonly pollIntervalMs: number }> {
  const { name, conf, classpath, pluginsPath, backupDirectory } = options
  if (name === undefined) throw new UsageError('the agent to run is not named: add --name NAME')
  refuseUnsupported(options)
  if (options.confFile.length === 0 && options.confUri.length === 0)
    throw new UsageError('no configuration: add --conf-file FILE')
  const seconds = Number(options.pollInterval ?? (options.confUri.some(uri => /^http/i.test(uri)) ? 300 : 30))
  if (!(seconds > 0))
    throw new UsageError(`--poll-interval ${options.pollInterval}: write seconds, more than 0`)
  return {
    name,
    source: {
      files: options.confFile,
      uris: options.confUri,
      ...(options.confUser === undefined ? {} : { user: options.confUser }),
      ...(options.confPassword === undefined ? {} : { password: options.confPassword }),
    },
    launch: await readLaunch(given, {
      ...(conf === undefined ? {} : { conf }),
      ...(classpath === undefined ? {} : { classpath }),
      ...(pluginsPath === undefined ? {} : { pluginsPath }),
    }),
    environment: process.env,
    classes: readClassOptions(options.map),
    ...(backupDirectory === undefined ? {} : { backupDirectory }),
    // Longer is no time for a timer.
    pollIntervalMs: Math.min(seconds * 1000, 2 ** 31 - 1),
  }
}

/** Resolves with the exit code; rejects with UsageError. */
export async function runAgentCommand(given: Arguments): Promise<number> {
  const options = readAgentOptions(given.rest)
  if (options.help === true) {
    process.stdout.write(flumeUsage)
    return 0
  }
  const setup = await readAgentSetup(options, given)
  if (options.dryrun === true) {
    const from = options.confUri.length > 0 ? options.confUri : options.confFile
    process.stdout.write(`agent ${setup.name} from ${from.join(', ')}, nothing is started (--dryrun)\n`)
    return 0
  }
  return runAgent({ ...setup, reload: options.reloadConf })
}
