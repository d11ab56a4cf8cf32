// Starts an agent inside a program, from the text of a configuration.
import type { CatalogueEntry } from './component.ts'
import { mostLogged, problemLines, sentenceOf } from './config/problem.ts'
import { loadTopology, type LoadOptions } from './load-topology.ts'
import { silentLogger, type Logger } from './observe/log.ts'
import { startMonitoring } from './observe/monitoring.ts'
import { homeDirectory, environment } from './system/environment.ts'
import { memoryBudgetSetting, MemoryBudget, readMemoryBudget } from './system/memory-budget.ts'
import { realSystem } from './system/system.ts'
import { useTimeZone } from './system/time-zone.ts'
import { Agent, StartFailure } from './topology/agent.ts'
import type { Topology } from './topology/topology.ts'

/** What `startAgent` needs. */
export interface AgentOptions {
  /** Which agent of the text. */
  readonly name: string
  /** Properties text, as it would stand in a file. */
  readonly configuration: string
  /** Name that places in problems carry; a relative path of a component of your own starts from it. */
  readonly file?: string
  readonly log?: Logger
  /** Components beside those of Millrace. */
  readonly components?: readonly CatalogueEntry[]
  /**
   * What -D would set. millrace.memoryBudget bounds what is received and decoded, flume.monitoring.* serve the metrics until the agent stops; user.timezone is the time zone of
   * the whole process.
   */
  readonly properties?: Readonly<Record<string, string>>
}

/** A running agent. Rejects with StartFailure, which holds every problem, when it cannot start. */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const { name, configuration, file = 'configuration', log = silentLogger, components = [] } = options
  const systemProperties = new Map(Object.entries(options.properties ?? {}))
  const zone = useTimeZone(systemProperties.get('user.timezone') ?? '')
  if (zone !== null) log.warn(`user.timezone: ${zone}`)
  const load: LoadOptions = {
    agent: name,
    environment: environment(),
    systemProperties,
    home: homeOf(systemProperties),
    examine: { system: realSystem },
    components,
  }
  const { topology, problems } = await loadTopology([{ file, bytes: Buffer.from(configuration) }], load)
  if (topology === undefined) throw new StartFailure(problems.filter(one => one.severity === 'error'))
  for (const { line } of problemLines(problems, sentenceOf, mostLogged)) log.warn(line)
  const agent = agentOf(topology, load, log)
  await agent.start()
  await monitor(agent, systemProperties, log)
  return agent
}

/** Serves what flume.monitoring.* ask for, until the agent stops. */
export async function monitor(
  agent: Agent,
  systemProperties: ReadonlyMap<string, string>,
  log: Logger,
): Promise<void> {
  const { clock } = realSystem
  const condition = agent.conditionsOf('MONITORING')
  const monitoring = await startMonitoring(systemProperties, { agent, clock, log, condition })
  if (monitoring !== null) agent.closeAtStop(monitoring)
}

/** As the JVM's: Flume's file channel keeps its files below it unless told otherwise. */
export const homeOf = (systemProperties: ReadonlyMap<string, string>): string =>
  systemProperties.get('user.home') ?? homeDirectory()

/** With what its components have around them. */
export function agentOf(
  topology: Topology,
  { agent, home, systemProperties }: LoadOptions,
  log: Logger,
): Agent {
  const memory = new MemoryBudget(readMemoryBudget(systemProperties.get(memoryBudgetSetting)) ?? undefined)
  return new Agent(topology, {
    agent,
    system: { ...realSystem, memory },
    log,
    home,
    logRawData: systemProperties.get('org.apache.flume.log.rawdata')?.toLowerCase() === 'true',
    systemProperties,
  })
}
