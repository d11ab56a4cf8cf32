// `flume-ng agent`: reads the configuration, runs the agent, watches the configuration for changes, and
// stops on a signal.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { formatProblem, type Problem } from '../config/problem.ts'
import type { ConfigurationText } from '../config/configuration.ts'
import { messageOf } from '../errors.ts'
import type { Logger } from '../observe/log.ts'
import { startMetricsHttp, type MetricsHttp } from '../observe/metrics-http.ts'
import { metricsOf } from '../observe/metrics-json.ts'
import { readMonitoring } from '../observe/metrics-settings.ts'
import { realSystem } from '../system/system.ts'
import { Agent, StartFailure } from '../topology/agent.ts'
import { exitCodes } from './exit-codes.ts'
import { stopSignal } from './signals.ts'
import { readTexts, sameTexts, type SourceOptions } from './configuration-source.ts'
import { homeDirectory } from '../system/environment.ts'
import { loadTopology, type LoadOptions } from '../load-topology.ts'

export interface AgentCommand {
  readonly name: string
  readonly source: SourceOptions
  readonly properties: ReadonlyMap<string, string>
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly reload: boolean
  readonly pollIntervalMs: number
  readonly backupDirectory?: string
  readonly log: Logger
  reopenLog(): void
}

/** From the first signal to the end of the process, whatever happens. */
const stopLimitMs = 9500

/** Runs until a signal ends it; resolves with the exit code. */
export async function runAgent(command: AgentCommand): Promise<number> {
  const { log, name } = command
  const load: LoadOptions = {
    agent: name,
    environment: command.environment,
    systemProperties: command.properties,
    // As the JVM: Flume's file channel keeps its files below it unless told otherwise.
    home: command.properties.get('user.home') ?? homeDirectory(),
  }
  let texts: ConfigurationText[]
  try {
    texts = await readInitial(command)
  } catch (error) {
    process.stderr.write(`flume-ng: ${messageOf(error)}\n`)
    return exitCodes.configuration
  }
  const { topology, problems } = await loadTopology(texts, load)
  if (topology === undefined) return refuse(name, problems)
  for (const problem of problems) log.warn(formatProblem(problem))

  const agent = new Agent(topology, {
    agent: name,
    system: realSystem,
    log,
    home: load.home,
    logRawData: command.properties.get('org.apache.flume.log.rawdata')?.toLowerCase() === 'true',
    systemProperties: command.properties,
  })
  const bell = new Bell()
  const { stopping, stop } = stopSignal(
    log,
    { limitMs: stopLimitMs, forcedCode: exitCodes.forced, kept: 'what is durable stays so' },
    {
      reload() {
        command.reopenLog()
        if (command.reload) bell.ring()
        else log.info('SIGHUP: the configuration is not read again (--no-reload-conf)')
      },
      reopen: () => command.reopenLog(),
      report: () => report(agent, log),
    },
  )
  if (command.properties.get('millrace.stop.with.stdin') === 'true')
    // Who started this process and held the other end is gone.
    process.stdin
      .on('error', () => {})
      .on('close', () => stop('end of standard input'))
      .resume()
  // An idle agent without a listener has nothing else that keeps the process alive.
  const alive = setInterval(() => {}, 1 << 30)
  log.info(`Starting agent ${name} from ${texts.map(text => text.file).join(', ')}`)
  try {
    await agent.start()
  } catch (error) {
    if (error instanceof StartFailure) return refuse(name, error.problems)
    throw error
  }
  await backUp(command, texts)
  const monitoring = await startMonitoring(command, agent)
  log.info(`Agent ${name} started`)
  const watching = new AbortController()
  const watch = command.reload
    ? watchConfiguration(command, load, agent, texts, bell, watching.signal)
    : Promise.resolve()
  await stopping
  watching.abort()
  await watch
  await agent.stop()
  await monitoring?.close()
  clearInterval(alive)
  log.info(`Agent ${name} stopped`)
  return exitCodes.stopped
}

function refuse(name: string, problems: readonly Problem[]): number {
  for (const problem of problems) process.stderr.write(`${formatProblem(problem)}\n`)
  const errors = problems.filter(one => one.severity === 'error').length
  process.stderr.write(
    `flume-ng: agent ${name} does not start: ${errors} ${errors === 1 ? 'error' : 'errors'}, see above\n`,
  )
  return exitCodes.configuration
}

/** What a thread dump is asked of a JVM for: what stands, and what has moved so far. */
function report(agent: Agent, log: Logger): void {
  const { problems } = agent.health()
  for (const { component, problem } of problems) log.warn(`${component}: ${problem}`)
  for (const [component, values] of Object.entries(metricsOf(agent.counters())))
    log.info(`${component} ${JSON.stringify(values)}`)
  const { rss, external } = process.memoryUsage()
  log.info(`SIGQUIT: ${problems.length} problems; ${rss} bytes of memory, ${external} of them in buffers`)
}

async function startMonitoring(
  { properties, log }: AgentCommand,
  agent: Agent,
): Promise<MetricsHttp | undefined> {
  const monitoring = readMonitoring(properties)
  if (monitoring.type === 'problem') log.warn(monitoring.problem)
  if (monitoring.type !== 'http') return undefined
  const { port, host } = monitoring
  const state = { counters: () => agent.counters(), health: () => agent.health() }
  try {
    return await startMetricsHttp({ port, ...(host === undefined ? {} : { host }), state, log })
  } catch (error) {
    log.error(`the agent runs without monitoring: ${messageOf(error)}`)
    return undefined
  }
}

/** The configuration, or the backup of the last good one where none can be read. */
async function readInitial(command: AgentCommand): Promise<ConfigurationText[]> {
  try {
    return await readTexts(command.source)
  } catch (error) {
    const backup = backupPath(command)
    if (backup === undefined) throw error
    const texts = await readTexts({ files: [backup], uris: [] }).catch(() => {
      throw error
    })
    command.log.warn(`${messageOf(error)}; the backup ${backup} is used`)
    return texts
  }
}

function backupPath({ backupDirectory, name }: AgentCommand): string | undefined {
  return backupDirectory === undefined ? undefined : join(backupDirectory, `.${name}.properties`)
}

/** Keeps the text as it was read; unlike Flume's, the backup holds no looked-up secrets. */
async function backUp(command: AgentCommand, texts: readonly ConfigurationText[]): Promise<void> {
  const path = backupPath(command)
  if (path === undefined) return
  const whole = Buffer.concat(texts.flatMap(text => [text.bytes, Buffer.from('\n')]))
  await writeFile(path, whole, { mode: 0o600 }).catch((error: unknown) =>
    command.log.warn(`cannot keep a backup of the configuration: ${messageOf(error)}`),
  )
}

/** Ends a wait early; rung while nobody waits, it ends the next one. */
class Bell {
  #rung = new AbortController()

  ring(): void {
    this.#rung.abort()
  }

  /** Resolves with whether it was rung. */
  async wait(limitMs: number, signal: AbortSignal): Promise<boolean> {
    await realSystem.clock.sleep(limitMs, AbortSignal.any([signal, this.#rung.signal]))
    const wasRung = this.#rung.signal.aborted
    if (wasRung) this.#rung = new AbortController()
    return wasRung
  }
}

/** Looks at the configuration every so often, and when it is asked to, and hands changes to the agent. */
async function watchConfiguration(
  command: AgentCommand,
  load: LoadOptions,
  agent: Agent,
  texts: readonly ConfigurationText[],
  bell: Bell,
  signal: AbortSignal,
): Promise<void> {
  const { log, pollIntervalMs, source } = command
  let seen = texts
  let unreadable = false
  for (;;) {
    const wasAsked = await bell.wait(pollIntervalMs, signal)
    if (signal.aborted) return
    try {
      const now = await readTexts(source)
      unreadable = false
      if (sameTexts(now, seen)) {
        if (wasAsked) log.info('the configuration was read again and has not changed')
        continue
      }
      seen = now
      log.info('the configuration has changed')
      const { topology, problems } = await loadTopology(now, load)
      for (const problem of problems) {
        if (problem.severity === 'error') log.error(formatProblem(problem))
        else log.warn(formatProblem(problem))
      }
      if (topology === undefined) {
        log.error('the change is refused and the agent runs on as before; the next change will be seen')
        continue
      }
      await agent.reload(topology)
      await backUp(command, now)
      log.info('the agent runs with the changed configuration')
    } catch (error) {
      if (error instanceof StartFailure) {
        for (const problem of error.problems) log.error(formatProblem(problem))
        log.error('the change is refused and the agent runs on as before; the next change will be seen')
      } else if (!unreadable || wasAsked) {
        unreadable = true
        log.error(`${messageOf(error)}; the agent runs on as before`)
      }
    }
  }
}
