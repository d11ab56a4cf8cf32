// Configuration texts -> Topology, with everything the reader, the builder and the loop check have to say.
import { AgentJoin } from './agent-set/agent-join.ts'
import { flowAgentOf } from './agent-set/flow-agent.ts'
import { findLoops } from './agent-set/loops.ts'
import type { CatalogueEntry } from './component.ts'
import { catalogue } from './components.ts'
import type { AgentConfig, Setting } from './config/agent-config.ts'
import type { ClassMap } from './config/class-map.ts'
import { readConfiguration, type ConfigurationText } from './config/configuration.ts'
import { readAgent } from './config/grammar.ts'
import { inOrder, type Problem } from './config/problem.ts'
import { settingsByAgent } from './config/settings-by-agent.ts'
import { readMonitoring } from './observe/metrics-settings.ts'
import { buildTopology, type BuildParts, type Built } from './topology/build-topology.ts'
import { trySuggestions } from './topology/tried-suggestions.ts'
import { examineTopology, findBusyPorts, rehearseChannels } from './topology/examine.ts'
import { firstLineOf } from './system/programs.ts'
import { realSystem, type System } from './system/system.ts'
import type { Topology } from './topology/topology.ts'

export interface LoadOptions {
  readonly agent: string
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly systemProperties: ReadonlyMap<string, string>
  readonly home: string
  /** What the components name outside of the files is looked at, but for parts of `running` that stay as they are. */
  readonly examine?: {
    readonly system: System
    readonly running?: Topology
    /** No start follows: what others use at this moment is told, and what channels would meet in their directories. */
    readonly isCheck?: boolean
  }
  /** The agents of a set are looked at together afterwards (src/agent-set/), which finds loops as well. */
  readonly isOfSet?: boolean
  /** Components beside those of the catalogue. */
  readonly components?: readonly CatalogueEntry[]
  /** Files for Java classes, which go before those of the texts. */
  readonly classes?: ClassMap
}

export interface Loaded {
  readonly topology?: Topology
  /** As written; absent where the text describes no such agent. */
  readonly config?: AgentConfig
  readonly problems: readonly Problem[]
}

/** How long a program of a config filter may take. */
const filterLimitMs = 30_000

export async function loadTopology(
  texts: readonly ConfigurationText[],
  options: LoadOptions,
): Promise<Loaded> {
  const { agent, environment, systemProperties, home, examine, components = [], isOfSet = false } = options
  const read = await readConfiguration(texts, {
    agent,
    environment,
    systemProperties,
    now: realSystem.clock.now(),
    run: command => firstLineOf(command, filterLimitMs),
  })
  const monitoring = readMonitoring(systemProperties)
  const around: Problem[] = monitoring.type === 'problem' ? [{ severity: 'warning', ...monitoring }] : []
  if (read.config === undefined) return { problems: inOrder([...around, ...read.problems]) }
  const surroundings = { home, systemProperties }
  const classes = new Map([...read.classes, ...(options.classes ?? [])])
  const parts = { catalogue: [...components, ...catalogue], classes, surroundings }
  const built = await buildTopology(read.config, parts)
  const others = await neighbours(read.settings, agent, parts)
  const outside = examine && { system: examine.system, ...surroundings }
  const problems = await trySuggestions(
    [...around, ...read.problems, ...built.problems],
    {
      agent,
      settings: read.settings,
      built,
      neighbours: others,
      outside: examine?.isCheck === true ? outside : undefined,
    },
    parts,
  )
  if (built.topology === undefined || hasErrors(read.problems))
    return { config: read.config, problems: inOrder(problems) }
  const topologies = [built, ...others.values()].flatMap(({ topology }) => topology ?? [])
  const flowAgents = topologies.map(one => flowAgentOf(one, isOwnInterceptor))
  if (!isOfSet) problems.push(...findLoops(new AgentJoin(flowAgents, false)).proven)
  if (examine !== undefined && outside !== undefined) {
    problems.push(...(await examineTopology(read.config, built.topology, outside, examine.running)))
    if (examine.isCheck === true) {
      problems.push(...(await findBusyPorts(read.config, built.topology, outside)))
      if (!hasErrors(problems)) problems.push(...(await rehearseChannels(built.topology, outside)))
    }
  }
  return {
    config: read.config,
    ...(hasErrors(problems) ? {} : { topology: built.topology }),
    problems: inOrder(problems),
  }
}

const hasErrors = (problems: readonly Problem[]) => problems.some(one => one.severity === 'error')

/** The other agents of the same files, as far as they can be read: events may pass through them. */
async function neighbours(
  settings: readonly Setting[],
  agent: string,
  parts: BuildParts,
): Promise<Map<string, Built>> {
  const found = new Map<string, Built>()
  const byAgent = settingsByAgent(settings)
  for (const name of byAgent.agents) {
    if (name === agent) continue
    const { config, problems } = readAgent(byAgent, name, '')
    if (config !== undefined && !hasErrors(problems)) found.set(name, await buildTopology(config, parts))
  }
  return found
}

/** Interceptors of the catalogue declare which headers they touch; those of users may touch any. */
export const isOwnInterceptor = (type: string): boolean =>
  catalogue.some(({ kind, names }) => kind === 'interceptor' && names.includes(type))
