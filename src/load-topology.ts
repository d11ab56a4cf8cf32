// Configuration texts -> Topology, with everything the reader, the builder and the loop check have to say.
import type { CatalogueEntry, Flow } from './component.ts'
import { catalogue } from './components.ts'
import type { Setting } from './config/agent-config.ts'
import { readConfiguration, type ConfigurationText } from './config/configuration.ts'
import { readAgent } from './config/grammar.ts'
import { findLoops, type FlowAgent } from './config/loop.ts'
import { inOrder, type Problem } from './config/problem.ts'
import { settingsByAgent } from './config/settings-by-agent.ts'
import { readMonitoring } from './observe/metrics-settings.ts'
import { buildTopology, type Built } from './topology/build-topology.ts'
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
  /** Components beside those of the catalogue. */
  readonly components?: readonly CatalogueEntry[]
}

export interface Loaded {
  readonly topology?: Topology
  readonly problems: readonly Problem[]
}

/** How long a program of a config filter may take. */
const filterLimitMs = 30_000

export async function loadTopology(
  texts: readonly ConfigurationText[],
  options: LoadOptions,
): Promise<Loaded> {
  const { agent, environment, systemProperties, home, examine, components = [] } = options
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
  const parts = { catalogue: [...components, ...catalogue], surroundings }
  const built = await buildTopology(read.config, parts)
  const others = await neighbours(read.settings, options)
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
  if (built.topology === undefined || hasErrors(read.problems)) return { problems: inOrder(problems) }
  const topologies = [built, ...others.values()].flatMap(({ topology }) => topology ?? [])
  for (const problem of findLoops(topologies.map(flowAgentOf))) problems.push(problem)
  if (examine !== undefined && outside !== undefined) {
    problems.push(...(await examineTopology(read.config, built.topology, outside, examine.running)))
    if (examine.isCheck === true) {
      problems.push(...(await findBusyPorts(read.config, built.topology, outside)))
      if (!hasErrors(problems)) problems.push(...(await rehearseChannels(built.topology, outside)))
    }
  }
  return { ...(hasErrors(problems) ? {} : { topology: built.topology }), problems: inOrder(problems) }
}

const hasErrors = (problems: readonly Problem[]) => problems.some(one => one.severity === 'error')

/** The other agents of the same files, as far as they can be read: events may pass through them. */
async function neighbours(
  settings: readonly Setting[],
  { agent, home, systemProperties }: LoadOptions,
): Promise<Map<string, Built>> {
  const found = new Map<string, Built>()
  const byAgent = settingsByAgent(settings)
  for (const name of byAgent.agents) {
    if (name === agent) continue
    const { config, problems } = readAgent(byAgent, name, '')
    if (config !== undefined && !hasErrors(problems))
      found.set(name, await buildTopology(config, { catalogue, surroundings: { home, systemProperties } }))
  }
  return found
}

/** Selectors that give every channel of the source some events at least. */
const givesToAll = new Set(['replicating', 'load_balancing'])

function flowAgentOf(topology: Topology): FlowAgent {
  const flows = (part: { definition: { flow?: (options: never) => readonly Flow[] }; options: never }) =>
    part.definition.flow?.(part.options) ?? []
  const known = (type: string) =>
    catalogue.some(entry => entry.kind === 'interceptor' && entry.names.includes(type))
  return {
    name: topology.agent,
    sources: topology.sources.map(source => ({
      name: source.name,
      place: source.place,
      channels: givesToAll.has(source.selector.definition.type) ? source.channels : [],
      flows: flows(source),
      interceptors: source.interceptors.map(part => (known(part.definition.type) ? flows(part) : null)),
    })),
    sinks: topology.sinkGroups.flatMap(group =>
      group.sinks.map(sink => ({ name: sink.name, channel: sink.channel, flows: flows(sink) })),
    ),
  }
}
