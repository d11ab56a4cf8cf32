// Configuration texts -> Topology, with everything the reader, the builder and the loop check have to say.
import type { CatalogueEntry, Flow } from './component.ts'
import { catalogue } from './components.ts'
import type { Setting } from './config/agent-config.ts'
import { readConfiguration, type ConfigurationText } from './config/configuration.ts'
import { agentNames, readAgent } from './config/grammar.ts'
import { findLoops, type FlowAgent } from './config/loop.ts'
import { inOrder, type Problem } from './config/problem.ts'
import { readMonitoring } from './observe/metrics-settings.ts'
import { buildTopology } from './topology/build-topology.ts'
import { firstLineOf } from './system/programs.ts'
import { realSystem } from './system/system.ts'
import type { Topology } from './topology/topology.ts'

export interface LoadOptions {
  readonly agent: string
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly systemProperties: ReadonlyMap<string, string>
  readonly home: string
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
  const { agent, environment, systemProperties, home, components = [] } = options
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
  const built = await buildTopology(read.config, {
    catalogue: [...components, ...catalogue],
    surroundings: { home, systemProperties },
  })
  const problems = [...around, ...read.problems, ...built.problems]
  if (built.topology === undefined || hasErrors(read.problems)) return { problems: inOrder(problems) }
  const agents = [flowAgentOf(built.topology), ...(await neighbours(read.settings, options))]
  for (const problem of findLoops(agents)) problems.push(problem)
  return { topology: built.topology, problems: inOrder(problems) }
}

const hasErrors = (problems: readonly Problem[]) => problems.some(one => one.severity === 'error')

/** The other agents of the same files, as far as they can be read: events may pass through them. */
async function neighbours(
  settings: readonly Setting[],
  { agent, home, systemProperties }: LoadOptions,
): Promise<FlowAgent[]> {
  const found: FlowAgent[] = []
  for (const name of agentNames(settings)) {
    if (name === agent) continue
    const { config, problems } = readAgent(settings, name, '')
    if (config === undefined || hasErrors(problems)) continue
    const { topology } = await buildTopology(config, {
      catalogue,
      surroundings: { home, systemProperties },
    })
    if (topology !== undefined) found.push(flowAgentOf(topology))
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
