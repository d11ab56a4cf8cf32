// AgentConfig -> Topology: finds every component's definition, reads its options, and checks what only
// shows when parts are seen together. Starts nothing. All problems are collected.
import type { CatalogueEntry, ComponentKind, Definition, DefinitionOf, Surroundings } from '../component.ts'
import type { AgentConfig, ComponentConfig } from '../config/agent-config.ts'
import type { ClassMap } from '../config/class-map.ts'
import type { Place, Problem } from '../config/problem.ts'
import { readOptions, sayOf } from '../config/read-options.ts'
import type { OptionsSnapshot } from '../observe/snapshot.ts'
import { checkExactlyOnce } from './exactly-once.ts'
import { findComponent } from './find-component.ts'
import type {
  ChannelPart,
  InterceptorPart,
  SelectorPart,
  SinkGroupPart,
  SinkPart,
  SinkProcessorPart,
  SourcePart,
  Topology,
} from './topology.ts'

export interface BuildParts {
  readonly catalogue: readonly CatalogueEntry[]
  /** Files of the operator's for Java classes. */
  readonly classes?: ClassMap
  readonly surroundings: Surroundings
}

export interface Built {
  /** Absent when there is an error among the problems. */
  readonly topology?: Topology
  readonly problems: readonly Problem[]
  /** What only one component may have (a directory, a port), and who has it. */
  readonly claims: ReadonlyMap<string, string>
}

interface BasicPart<K extends ComponentKind> {
  readonly name: string
  readonly place: Place
  readonly definition: DefinitionOf<K>
  readonly options: never
  readonly shown: OptionsSnapshot
  readonly fingerprint: string
}

/** The topology of an agent, with every problem of its parts; absent where one of them is an error. */
export async function buildTopology(
  config: AgentConfig,
  { catalogue, classes, surroundings }: BuildParts,
): Promise<Built> {
  const problems: Problem[] = []

  async function read<K extends ComponentKind>(
    kind: K,
    component: ComponentConfig,
    /** Names around it that its options may refer to. */
    names: readonly string[] = [],
  ): Promise<BasicPart<K> | undefined> {
    const found = await findComponent({ catalogue, classes }, kind, component.type)
    if ('problem' in found) {
      problems.push(found.problem)
      return undefined
    }
    const {
      options,
      shown,
      problems: more,
    } = readOptions(found.definition as Definition, component, surroundings)
    for (const problem of more) problems.push(problem)
    if (options !== undefined)
      found.definition.checkNames?.(options as never, names, sayOf(component, problems))
    const { name, place } = component
    return options === undefined
      ? undefined
      : {
          name,
          place,
          definition: found.definition,
          options: options as never,
          shown,
          fingerprint: fingerprintOf(component, found.version),
        }
  }

  const channels: ChannelPart[] = []
  for (const component of config.channels) {
    const part = await read('channel', component)
    if (part !== undefined) channels.push(part)
  }

  const sources: SourcePart[] = []
  for (const component of config.sources) {
    const part = await read('source', component)
    const selector: SelectorPart | undefined = await read('selector', component.selector, component.channels)
    const interceptors: InterceptorPart[] = []
    for (const one of component.interceptors) {
      const interceptor = await read('interceptor', one)
      if (interceptor !== undefined) interceptors.push(interceptor)
    }
    if (part === undefined || selector === undefined) continue
    const fingerprint = [part, selector, ...interceptors]
      .map(one => `${one.name}:${one.fingerprint}`)
      .join('\n')
    sources.push({ ...part, channels: component.channels, interceptors, selector, fingerprint })
  }

  const sinks = new Map<string, SinkPart>()
  for (const component of config.sinks) {
    const part = await read('sink', component)
    if (part !== undefined) sinks.set(part.name, { ...part, channel: component.channel })
  }

  const sinkGroups: SinkGroupPart[] = []
  for (const group of config.sinkGroups) {
    const processor: SinkProcessorPart | undefined = await read(
      'sink-processor',
      group.processor,
      group.sinks,
    )
    const members = group.sinks.flatMap(name => sinks.get(name) ?? [])
    for (const { name } of members) sinks.delete(name)
    if (processor === undefined) continue
    const fingerprint = [processor, ...members].map(one => `${one.name}:${one.fingerprint}`).join('\n')
    sinkGroups.push({ name: group.name, sinks: members, processor, fingerprint })
  }
  for (const sink of sinks.values())
    sinkGroups.push({ name: sink.name, sinks: [sink], fingerprint: sink.fingerprint })

  const topology: Topology = { agent: config.name, sources, channels, sinkGroups }
  const { claims, problems: conflicts } = checkClaims(topology, surroundings)
  for (const problem of [...checkBatchSizes(config, topology), ...checkExactlyOnce(topology), ...conflicts])
    problems.push(problem)
  const failed = problems.some(one => one.severity === 'error')
  return failed ? { problems, claims } : { topology, problems, claims }
}

/** Everything written below the component, in an order that does not depend on the file's; `version` of its module. */
function fingerprintOf(component: ComponentConfig, version: string | undefined): string {
  const settings = [...component.settings].map(([key, { value }]) => `${key}=${value}`)
  return JSON.stringify([component.type.value, version, ...settings.sort()])
}

/** A batch larger than a transaction of the channel could never be put or taken. */
function checkBatchSizes(config: AgentConfig, topology: Topology): Problem[] {
  const problems: Problem[] = []
  const capacities = new Map(
    topology.channels.map(({ name, definition, options }) => [
      name,
      definition.transactionCapacity?.(options),
    ]),
  )
  const compare = (
    kind: 'source' | 'sink',
    part: { name: string; definition: Definition; options: never },
    channels: readonly string[],
  ): void => {
    const size = 'batchSize' in part.definition ? part.definition.batchSize?.(part.options) : undefined
    const written = (kind === 'source' ? config.sources : config.sinks).find(
      ({ name }) => name === part.name,
    )!
    const setting = [...written.settings].find(([key]) => /(^|\.|flume)batch-?size$/i.test(key))?.[1]
    for (const channel of channels) {
      const capacity = capacities.get(channel)
      if (size === undefined || capacity === undefined || size <= capacity) continue
      problems.push({
        severity: 'error',
        place: setting?.place ?? written.type.place,
        problem: `${kind} ${part.name} moves up to ${size} events at once${setting === undefined ? ' (its default)' : ''}, but a transaction of channel ${channel} holds ${capacity}`,
        fix: `raise ${topology.agent}.channels.${channel}.transactionCapacity to at least ${size} or lower the batch size to ${capacity}`,
        edit: { key: `${topology.agent}.channels.${channel}.transactionCapacity`, value: String(size) },
      })
    }
  }
  for (const source of topology.sources) compare('source', source, source.channels)
  for (const group of topology.sinkGroups)
    for (const sink of group.sinks) compare('sink', sink, [sink.channel])
  return problems
}

/** What only one component may have (a directory, a port) must not be claimed twice. */
function checkClaims(
  topology: Topology,
  surroundings: Surroundings,
): { claims: ReadonlyMap<string, string>; problems: Problem[] } {
  const problems: Problem[] = []
  const claims = new Map<string, string>()
  const parts: { kind: string; name: string; place: Place; definition: Definition; options: never }[] = [
    ...topology.channels.map(part => ({ kind: 'channel', ...part })),
    ...topology.sources.map(part => ({ kind: 'source', ...part })),
    ...topology.sinkGroups.flatMap(group => group.sinks.map(part => ({ kind: 'sink', ...part }))),
  ]
  for (const { kind, name, place, definition, options } of parts)
    for (const claim of definition.claims?.(options, surroundings) ?? []) {
      const owner = claims.get(claim)
      const self = `${kind} ${name}`
      if (owner === undefined) claims.set(claim, self)
      else
        problems.push({
          severity: 'error',
          place,
          problem: owner === self ? `${self} names ${claim} twice` : `${self} and ${owner} both use ${claim}`,
          fix: `give ${self} one of its own`,
        })
    }
  return { claims, problems }
}
