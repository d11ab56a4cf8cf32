// From agents as their users wrote them to a plan for a simulated chain: which of them send to which, which Kafka
// clusters and topics there are, where events enter and leave. Kafka and Avro between the agents are simulated as
// they are; a component with another outside world is replaced by a model (doors.ts), and named.
import { addressesIn, parseAddress, whereOf } from '../address.ts'
import type { Flow } from '../component.ts'
import type { Topology } from '../topology/topology.ts'
import {
  bootstrapOf,
  type ChainAgent,
  type ChainBroker,
  type ChainPlan,
  type ModelDoors,
} from './chain-plan.ts'
import { modelSink, modelSource } from './doors.ts'

export interface FilesPlan {
  /** What a run needs, but for its faults and what the run without faults has shown. */
  readonly plan: Omit<ChainPlan, 'faults' | 'faultCount' | 'copies'>
  /** What is simulated otherwise than it was written, a sentence each. */
  readonly notes: readonly string[]
  /** Where events enter and leave, for the reader. */
  readonly enters: readonly string[]
  readonly leaves: readonly string[]
}

interface Part {
  readonly name: string
  readonly definition: { readonly type: string; readonly flow?: (options: never) => readonly Flow[] }
  readonly options: never
}

const flowsOf = ({ definition, options }: Part): readonly Flow[] => definition.flow?.(options) ?? []
const flowOf = <K extends Flow['does']>(part: Part, does: K) =>
  flowsOf(part).find((flow): flow is Extract<Flow, { does: K }> => flow.does === does)

/** Partitions of a topic that is written to from outside. */
const partitions = 2
const kafkaPort = 9092
/** Small segments: a simulated disk is in memory. */
const segmentBytes = 65_536
const agentWarmUpMs = 4_000
/** All runs have the same events, so that the run without faults speaks for all of them. */
const writingSeed = 1

export function planOfFiles(
  agents: readonly Topology[],
  given: {
    readonly records: number
    readonly stormMs: number
    /** Whether outsiders write into every topic that is read, also those that agents write. */
    readonly intoAll?: boolean
  },
): FilesPlan {
  const notes: string[] = []
  const clusters = clustersOf(agents)
  const brokers = clusters.map(({ broker }) => broker)
  const brokerOf = (servers: string) =>
    bootstrapOf(clusters.find(({ servers: all }) => all.has(firstOf(servers)))!.broker)
  const sources = agents.flatMap(({ sources: all }) => all)
  const sinks = agents.flatMap(({ sinkGroups }) => sinkGroups.flatMap(group => group.sinks))
  const written = writtenTopics(agents)
  const read = sources.flatMap(source => {
    const flow = flowOf(source, 'read-topics')
    if (flow === undefined) return []
    const names = flow.pattern === undefined ? flow.topics : topicsLike(flow.pattern, written)
    if (names.length === 0)
      notes.push(
        `source ${source.name} reads by a pattern (${flow.pattern!.source}) for which no topic was made`,
      )
    return names.map(name => ({ broker: brokerOf(flow.servers), name }))
  })
  const isRead = (topic: { broker: string; name: string }) =>
    read.some(one => one.broker === topic.broker && one.name === topic.name)
  const inputs = [...new Map(read.map(one => [`${one.broker} ${one.name}`, one])).values()]
    .filter(({ name }) => given.intoAll === true || !written.has(name))
    .map(one => ({ ...one, partitions }))
  const targets = sinks.flatMap(sink => flowOf(sink, 'send') ?? [])
  const ports = sources.flatMap(source => flowOf(source, 'receive') ?? [])
  const isSentTo = (flow: { host: string; port: number }) => targets.some(({ port }) => port === flow.port)
  const isReceived = (flow: { port: number }) => ports.some(({ port }) => port === flow.port)
  const modelled = sources.filter(source => !isNative(source, isSentTo))
  const mustModelSink = (sink: Part): boolean => {
    const send = flowOf(sink, 'send')
    return send === undefined ? flowOf(sink, 'write-topic') === undefined : !isReceived(send)
  }
  for (const source of modelled)
    notes.push(
      `source ${source.name} (${source.definition.type}) is a model: it hands over numbered events until each is taken`,
    )
  for (const sink of sinks.filter(mustModelSink))
    notes.push(`sink ${sink.name} (${sink.definition.type}) is a model: it takes whatever comes`)
  const eventsEach = Math.ceil(given.records / Math.max(1, modelled.length + (inputs.length > 0 ? 1 : 0)))
  const firstDoor = inputs.reduce((sum, one) => sum + one.partitions, 0)
  const chainAgents = agents.map((topology): ChainAgent => ({
    name: topology.agent,
    topology: doors =>
      simulated(
        topology,
        doors,
        source => {
          const index = modelled.indexOf(source as (typeof modelled)[number])
          return index < 0
            ? null
            : { door: firstDoor + index, events: eventsEach, meanMs: (given.stormMs * 5) / eventsEach }
        },
        mustModelSink,
      ),
    changed: null,
    hosts: topology.sources.flatMap(source => {
      const receive = flowOf(source, 'receive')
      if (receive === undefined) return []
      return [...new Set(targets.filter(({ port }) => port === receive.port).map(({ host }) => host))].map(
        host => whereOf({ host, port: receive.port }),
      )
    }),
    isMortal: true,
  }))
  if (agents.some(usesSecurity)) notes.push('TLS, logins and encryption at rest are left out')
  return {
    plan: {
      agents: chainAgents,
      brokers,
      inputs,
      others: [],
      isBetween: topic => isRead(topic),
      records: inputs.length > 0 ? eventsEach : 0,
      modelDoors: modelled.length,
      hasModels: sinks.some(mustModelSink),
      inFlight: Infinity,
      keepsOrder: false,
      readsCommitted: sinks.some(sink => flowOf(sink, 'write-topic')?.onceIn !== undefined),
      stormMs: given.stormMs,
      warmUpMs: agentWarmUpMs,
      restarts: false,
      writingSeed,
      mayLose: true,
    },
    notes,
    enters: [...inputs.map(({ name }) => `topic ${name}`), ...modelled.map(({ name }) => `source ${name}`)],
    leaves: [
      ...[...written].filter(name => !read.some(one => one.name === name)).map(name => `topic ${name}`),
      ...sinks.filter(mustModelSink).map(({ name }) => `sink ${name}`),
    ],
  }
}

const isNative = (source: Part, isSentTo: (flow: { host: string; port: number }) => boolean): boolean => {
  const receive = flowOf(source, 'receive')
  return receive === undefined ? flowOf(source, 'read-topics') !== undefined : isSentTo(receive)
}

const serversOf = (text: string): string[] =>
  addressesIn(text).map(one => {
    const address = parseAddress(one)
    return address === null ? one : whereOf(address)
  })
const firstOf = (text: string): string => serversOf(text)[0]!

/** Servers that stand in one list belong to one cluster; it has one broker. */
function clustersOf(agents: readonly Topology[]): { servers: Set<string>; broker: ChainBroker }[] {
  const found: Set<string>[] = []
  for (const { sources, sinkGroups } of agents)
    for (const part of [...sources, ...sinkGroups.flatMap(group => group.sinks)])
      for (const flow of flowsOf(part)) {
        if (flow.does !== 'read-topics' && flow.does !== 'write-topic') continue
        const servers = serversOf(flow.servers)
        const same = found.filter(one => servers.some(server => one.has(server)))
        const merged = new Set([...servers, ...same.flatMap(one => [...one])])
        for (const one of same) found.splice(found.indexOf(one), 1)
        found.push(merged)
      }
  return found.map((servers, index) => ({
    servers,
    broker: {
      name: found.length === 1 ? 'kafka' : `kafka${index + 1}`,
      addresses: [...servers].map(server => {
        const { host, port } = parseAddress(server) ?? { host: server, port: kafkaPort }
        return { host, port }
      }),
    },
  }))
}

/** Topics that sinks write to, by their own option or by a header that an interceptor sets to one value. */
function writtenTopics(agents: readonly Topology[]): Set<string> {
  const found = new Set<string>()
  const flows = agents.flatMap(({ sinkGroups }) =>
    sinkGroups.flatMap(({ sinks }) => sinks.flatMap(sink => flowOf(sink, 'write-topic') ?? [])),
  )
  const headers = new Set(flows.map(({ topicHeader }) => topicHeader))
  for (const { topic } of flows) if (!topic.includes('%')) found.add(topic)
  for (const { sources } of agents)
    for (const { interceptors } of sources)
      for (const flow of interceptors.flatMap(flowsOf))
        if (flow.does === 'set-header' && flow.value !== null && headers.has(flow.header))
          found.add(flow.value)
  return found
}

/** Names that the pattern fits: of topics that are written, or the pattern without its special characters. */
function topicsLike(pattern: RegExp, written: ReadonlySet<string>): string[] {
  const fits = (name: string) => pattern.exec(name)?.[0] === name
  const there = [...written].filter(fits)
  if (there.length > 0) return there
  const plain = pattern.source.replaceAll(/\\([.\-_])/g, '$1').replaceAll(/\[.*?\]|[\\^$*+?()|{}]/g, '')
  return [plain, `${plain}a`, `${plain}1`, plain.replaceAll('.', ''), `${plain.replaceAll('.', '')}1`]
    .filter(name => name !== '' && fits(name))
    .slice(0, 1)
}

const secured = (options: Record<string, unknown>): boolean =>
  options['ssl'] === true ||
  Object.keys((options['encryption'] as object | undefined) ?? {}).length > 0 ||
  ['kafka.consumer', 'kafka.producer'].some(prefix => {
    const protocol = (options[prefix] as Record<string, string> | undefined)?.['security.protocol']
    return protocol !== undefined && protocol !== 'PLAINTEXT'
  })

const usesSecurity = ({ sources, channels, sinkGroups }: Topology): boolean =>
  [...sources, ...channels, ...sinkGroups.flatMap(group => group.sinks)].some(part =>
    secured(part.options as Record<string, unknown>),
  )

/** The topology with models in place of what cannot be simulated, and with small segments. */
function simulated(
  topology: Topology,
  doors: ModelDoors,
  doorOf: (source: Part) => { door: number; events: number; meanMs: number } | null,
  mustModelSink: (sink: Part) => boolean,
): Topology {
  const plain = <P extends { readonly options: never }>(part: P): P => ({
    ...part,
    options: withoutSecurity(part.options as Record<string, unknown>) as never,
  })
  return {
    ...topology,
    sources: topology.sources.map(source => {
      const door = doorOf(source)
      if (door === null) return plain(source)
      const definition = modelSource({ ...doors, ...door, batchEvents: 10 })
      return { ...source, definition, options: {} as never }
    }),
    channels: topology.channels.map(channel => {
      const part = plain(channel)
      const options = { ...(part.options as Record<string, unknown>) }
      if ('maxFileSize' in options) options['maxFileSize'] = segmentBytes
      return { ...part, options: options as never }
    }),
    sinkGroups: topology.sinkGroups.map(group => ({
      ...group,
      sinks: group.sinks.map(sink =>
        mustModelSink(sink)
          ? { ...sink, definition: modelSink(doors.ledger), options: {} as never }
          : plain(sink),
      ),
    })),
  }
}

function withoutSecurity(options: Record<string, unknown>): Record<string, unknown> {
  const changed = { ...options }
  if ('ssl' in changed) changed['ssl'] = false
  if ('encryption' in changed) changed['encryption'] = {}
  for (const prefix of ['kafka.consumer', 'kafka.producer']) {
    const properties = changed[prefix] as Record<string, string> | undefined
    if (properties === undefined) continue
    changed[prefix] = Object.fromEntries(
      Object.entries(properties).filter(([key]) => !/^(security\.protocol|sasl\.|ssl\.)/.test(key)),
    )
  }
  return changed
}
