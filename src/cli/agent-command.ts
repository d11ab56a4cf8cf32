// `flume-ng agent`: reads the configuration, runs the agent, watches the configuration for changes, and
// stops on a signal.
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { mostLogged, problemLines, sentenceOf, type Problem } from '../config/problem.ts'
import type { ConfigurationText } from '../config/configuration.ts'
import { messageOf } from '../errors.ts'
import { countOf } from '../printable.ts'
import type { Logger } from '../observe/log.ts'
import { announce } from '../observe/announcement.ts'
import { exceptions } from '../observe/health.ts'
import { metricsOf } from '../observe/metrics-json.ts'
import { changedModules } from '../system/modules.ts'
import { realSystem } from '../system/system.ts'
import { agentOf, monitor } from '../start-agent.ts'
import { StartFailure, type Agent } from '../topology/agent.ts'
import type { Topology } from '../topology/topology.ts'
import { exitCodes } from './exit-codes.ts'
import { isInstallationReplaced, replacedInstallation } from './installation.ts'
import { stopSignal } from './signals.ts'
import { readTexts, sameTexts } from './configuration-source.ts'
import { loadTopology } from '../load-topology.ts'
import { backupPath, prepareAgent, type AgentSetup, type Prepared } from './agent-setup.ts'
import { openLog } from './log-output.ts'
import { reportStart } from './service-manager.ts'

export interface AgentCommand extends AgentSetup {
  readonly reload: boolean
  readonly pollIntervalMs: number
}

/** From the first signal to the end of the process, whatever happens. */
const stopLimitMs = 9500

/** Runs until a signal ends it; resolves with the exit code. */
export async function runAgent(command: AgentCommand): Promise<number> {
  const { name } = command
  const { properties } = command.launch
  const { topology, texts, problems, load } = await prepareAgent(command)
  if (topology === undefined) return refuse(name, problems)
  const { log, reopen } = openLog(properties)
  logProblems(log, problems)

  const agent = agentOf(topology, load, log)
  const bell = new Bell()
  const { stopping, stop } = stopSignal(
    log,
    { limitMs: stopLimitMs, forcedCode: exitCodes.forced, kept: 'events in file channels stay safe' },
    {
      reload() {
        reopen()
        if (command.reload) bell.ring()
        else log.info('SIGHUP: the configuration is not read again (--no-reload-conf)')
      },
      reopen,
      report: () => report(agent, log),
    },
  )
  if (properties.get('millrace.stop.with.stdin') === 'true')
    // Who started this process and held the other end is gone.
    process.stdin
      .on('error', () => {})
      .on('close', () => stop('end of standard input'))
      .resume()
  // An idle agent without a listener has nothing else that keeps the process alive.
  const alive = setInterval(() => {}, 1 << 30)
  log.info(`Starting agent ${name} from ${texts.map(text => text.file).join(', ')}`)
  void stopping.then(() => agent.giveUp())
  try {
    await agent.start()
  } catch (error) {
    if (error instanceof StartFailure) return refuse(name, error.problems)
    throw error
  }
  await backUp(command, texts, log)
  await monitor(agent, properties, log)
  const announced = await announce({ agent, clock: realSystem.clock, log })
  if (announced !== null) agent.closeAtStop(announced)
  sayWhatRuns(log, `Agent ${name} started`, agent)
  await reportStart(log)
  const watching = new AbortController()
  const watch = command.reload
    ? watchConfiguration(command, { topology, load, agent, texts, log, bell }, watching.signal)
    : Promise.resolve()
  await stopping
  watching.abort()
  await watch
  await agent.stop()
  clearInterval(alive)
  log.info(`Agent ${name} stopped`)
  return exitCodes.stopped
}

/** A log line has a level of its own. */
function logProblems(log: Logger, problems: readonly Problem[]): void {
  for (const { severity, line } of problemLines(problems, sentenceOf, mostLogged))
    log[severity === 'error' ? 'error' : 'warn'](line)
}

/** With what could not be started yet. */
function sayWhatRuns(log: Logger, what: string, agent: Agent): void {
  const except = exceptions(agent.health())
  if (except === '') log.info(what)
  else log.warn(`${what}${except}`)
}

function refuse(name: string, problems: readonly Problem[]): number {
  for (const { line } of problemLines(problems)) process.stderr.write(`${line}\n`)
  const errors = problems.filter(one => one.severity === 'error').length
  process.stderr.write(`flume-ng: agent ${name} does not start: ${countOf(errors, 'error')}, see above\n`)
  return exitCodes.configuration
}

/** What a thread dump is asked of a JVM for: what stands, and what has moved so far. */
function report(agent: Agent, log: Logger): void {
  const { problems, warnings } = agent.health()
  for (const { component, problem } of [...problems, ...warnings]) log.warn(`${component}: ${problem}`)
  for (const [component, values] of Object.entries(metricsOf(agent.snapshot())))
    log.info(`${component} ${JSON.stringify(values)}`)
  const { rss, external } = process.memoryUsage()
  log.info(`SIGQUIT: ${problems.length} problems; ${rss} bytes of memory, ${external} of them in buffers`)
}

const bytesOf = (texts: readonly ConfigurationText[]): number =>
  texts.reduce((sum, { bytes }) => sum + bytes.length, 0)

/** Keeps the text as it was read; unlike Flume's, the backup holds no looked-up secrets. */
async function backUp(
  command: AgentCommand,
  texts: readonly ConfigurationText[],
  log: Logger,
): Promise<void> {
  const path = backupPath(command)
  if (path === undefined) return
  const whole = Buffer.concat(texts.flatMap(text => [text.bytes, Buffer.from('\n')]))
  try {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, whole, { mode: 0o600 })
  } catch (error) {
    log.warn(`cannot keep a backup of the configuration: ${messageOf(error)}`)
  }
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
  parts: Required<Omit<Prepared, 'problems'>> & {
    readonly agent: Agent
    readonly log: Logger
    readonly bell: Bell
  },
  signal: AbortSignal,
): Promise<void> {
  const { pollIntervalMs, source } = command
  const { agent, load, log, bell } = parts
  let seen = parts.texts
  let running = parts.topology
  const unreadable = agent.conditionsOf('AGENT')('configuration file', { isRed: false })
  const replaced = agent.conditionsOf('AGENT')('installation', { level: 'warn', isRed: false })
  const changed = async (texts: readonly ConfigurationText[]): Promise<Topology> => {
    if (replaced.isRaised) throw new Error(`${replacedInstallation}; restart it`)
    const examine = { system: realSystem, running }
    const { topology, problems } = await loadTopology(texts, { ...load, examine })
    logProblems(log, problems)
    if (topology === undefined) throw new StartFailure(problems)
    return topology
  }
  for (;;) {
    const wasAsked = await bell.wait(pollIntervalMs, signal)
    if (signal.aborted) return
    let now: readonly ConfigurationText[]
    try {
      now = await readTexts(source)
    } catch (error) {
      const problem = `${messageOf(error)}; the agent runs on as before`
      if (unreadable.isRaised && wasAsked) log.error(problem)
      unreadable.raise(problem)
      continue
    }
    unreadable.clear('the configuration can be read again')
    if (replaced.isRaised || (await isInstallationReplaced()))
      replaced.raise(replacedInstallation, { remedy: 'Restart the agent.' })
    const modules = changedModules()
    const hasChanged = !sameTexts(now, seen)
    if (!hasChanged && modules.length === 0) {
      if (wasAsked) log.info('the configuration was read again and has not changed')
      continue
    }
    if (modules.length > 0) log.info(`component files have changed: ${modules.join(', ')}`)
    if (hasChanged) {
      log.info('the configuration has changed')
      log.debug(`the configuration has ${bytesOf(now)} bytes, and had ${bytesOf(seen)}`)
    }
    seen = now
    const next = await changed(now).catch((error: unknown) => void agent.refuse(error))
    if (next === undefined) continue
    try {
      await agent.reload(next)
    } catch (error) {
      // The agent has said why; here is all of it.
      if (error instanceof StartFailure) logProblems(log, error.problems)
      continue
    }
    running = next
    if (hasChanged) await backUp(command, now, log)
    const changes = hasChanged ? 'the changed configuration' : 'the changed component files'
    sayWhatRuns(log, `the agent runs with ${changes}`, agent)
  }
}
