// The flow: the snapshots of all agents put together to one picture, from the topics that are read to those that are
// written, with the one sentence that says how it stands. A pure function of what was seen.
import { isLoopback } from '../address.ts'
import { flowCounters } from '../observe/counters.ts'
import type {
  ChannelSnapshot,
  ComponentSnapshot,
  FlowSnapshot,
  SinkSnapshot,
  Snapshot,
  SourceSnapshot,
} from '../observe/snapshot.ts'
import type { Condition, Fill, Flow, FlowAgent, FlowEdge, FlowNode, Lag } from './api.ts'
import { fillStanding, standingOf, standings } from './flow-standing.ts'
import { verdictOf } from './verdict.ts'

/** What the flow is made of. */
export type SeenSnapshot = Omit<Snapshot, 'process'> & { readonly process?: Snapshot['process'] }

/** What is known of one agent. */
export interface AgentView {
  /** Of its monitoring page: host:port. */
  readonly address: string
  readonly kind: FlowAgent['kind']
  /** Why it is not seen at the moment; null while it answers. */
  readonly problem: string | null
  readonly seenAt: number | null
  /** The last one, which stays while the agent is away. */
  readonly snapshot: SeenSnapshot | null
  /** Whether it runs on this machine, whatever its address looks like. */
  readonly isHere?: boolean
}

/** A lag that is read within this time is none. */
const lagSeconds = 10

/** The lag of groups in a topic; null where it is not known. */
export type LagOf = (
  servers: string,
  topic: string,
  groups: readonly string[],
) => Omit<Lag, 'isGrowing'> | null

/** `before`: the flow of the look before, by which states are dated. */
export function flowOf(
  views: readonly AgentView[],
  takenAt: number,
  lagOf: LagOf = () => null,
  before: Pick<Flow, 'nodes'> = { nodes: [] },
): Omit<Flow, 'notices'> {
  const nodes = new Map<string, FlowNode>()
  const edges: FlowEdge[] = []
  const agents = views.map(agentOf)
  const seen = views.filter(view => view.snapshot !== null)
  for (const view of seen) {
    const { address, snapshot, problem } = view
    const { sources, channels, sinks } = snapshot!
    const add = (node: FlowNode) => nodes.set(node.id, problem === null ? node : asUnknown(node))
    for (const source of sources)
      add({
        ...componentNode(view, 'source', source),
        interceptors: source.interceptors.map(interceptorName),
      })
    for (const channel of channels) add(channelNode(view, channel))
    for (const sink of sinks) add(componentNode(view, 'sink', withRates(sink, channels, sinks)))
    for (const source of sources)
      for (const channel of source.channels) {
        const isOnly = sources.filter(one => one.channels.includes(channel)).length === 1
        const target = channels.find(({ name }) => name === channel)
        const rate = isOnly ? target?.inPerSecond : source.outPerSecond
        const total = isOnly ? target && totalsOf('channel', target)[0] : totalsOf('source', source)[1]
        link(edges, idOf(address, 'source', source.name), idOf(address, 'channel', channel), rate, total)
      }
    for (const sink of sinks) {
      const channel = channels.find(({ name }) => name === sink.channel)
      link(
        edges,
        idOf(address, 'channel', sink.channel),
        idOf(address, 'sink', sink.name),
        withRates(sink, channels, sinks).outPerSecond,
        totalsOf('sink', sink)[1] ??
          (isAlone(sink, sinks) && channel !== undefined ? totalsOf('channel', channel)[1] : null),
      )
    }
  }
  joinAgents(seen, nodes, edges)
  addLags(seen, nodes, lagOf)
  for (const edge of edges)
    if (isAway(agents, nodes.get(edge.from)) || isAway(agents, nodes.get(edge.to))) edge.perSecond = null
  const seenNow = { takenAt, agents, nodes: [...nodes.values()], edges }
  const flow = { ...seenNow, ...standings(seenNow, before) }
  return { ...flow, totals: totalsOfFlow(flow), verdict: verdictOf(flow) }
}

function totalsOfFlow({ nodes, edges }: Pick<Flow, 'nodes' | 'edges'>): Flow['totals'] {
  const isBetween = (id: string, end: 'from' | 'to') => {
    const other = end === 'to' ? 'from' : 'to'
    return edges.some(
      edge => edge[end] === id && nodes.some(one => one.id === edge[other] && one.agent !== null),
    )
  }
  const sum = (values: readonly (number | null | undefined)[]): number | null => {
    const known = values.filter(value => typeof value === 'number')
    return known.length === 0 ? null : known.reduce((total, value) => total + value, 0)
  }
  const ages = nodes.flatMap(({ fill }) => fill?.oldestEventAgeMs ?? [])
  return {
    inPerSecond: sum(
      nodes.filter(({ kind, id }) => kind === 'source' && !isBetween(id, 'to')).map(one => one.inPerSecond),
    ),
    outPerSecond: sum(
      nodes.filter(({ kind, id }) => kind === 'sink' && !isBetween(id, 'from')).map(one => one.outPerSecond),
    ),
    inChannels: sum(nodes.map(({ fill }) => fill?.size)) ?? 0,
    inTopics: sum(nodes.map(({ lag }) => lag?.messages)),
    oldestEventAgeMs: ages.length === 0 ? null : Math.max(...ages),
  }
}

const isAlone = ({ channel }: SinkSnapshot, sinks: readonly SinkSnapshot[]): boolean =>
  sinks.filter(one => one.channel === channel).length === 1

/** Of a sink that counts nothing, as Flume's null sink does, the channel tells what it takes. */
function withRates(
  sink: SinkSnapshot,
  channels: readonly ChannelSnapshot[],
  sinks: readonly SinkSnapshot[],
): SinkSnapshot {
  const channel = channels.find(({ name }) => name === sink.channel)
  if (sink.outPerSecond !== null || channel === undefined || !isAlone(sink, sinks)) return sink
  return { ...sink, inPerSecond: channel.outPerSecond, outPerSecond: channel.outPerSecond }
}

type Kind = 'source' | 'channel' | 'sink'

const counterKind = (kind: Kind) => kind.toUpperCase() as Uppercase<Kind>

const idOf = (address: string, kind: Kind, name: string): string => `${address}/${counterKind(kind)}.${name}`

const isAway = (agents: readonly FlowAgent[], node: FlowNode | undefined): boolean =>
  agents.some(agent => agent.address === node?.agent && agent.problem !== null)

/** What an agent said last is no news of now. */
const asUnknown = (node: FlowNode): FlowNode => ({
  ...node,
  level: 'off',
  state: 'unknown',
  inPerSecond: null,
  outPerSecond: null,
  fill: node.fill && { ...node.fill, net: null, fullInSeconds: null, emptyInSeconds: null },
  conditions: [],
})

const interceptorName = ({ name, type }: { name: string; type: string }) =>
  name === type ? type : `${name} (${type})`

function link(
  edges: FlowEdge[],
  from: string,
  to: string,
  perSecond: number | null | undefined,
  total: number | null | undefined,
  label = '',
): void {
  edges.push({ from, to, perSecond: perSecond ?? null, total: total ?? null, label, isStuck: false })
}

/** Events in and out since the component was started. */
function totalsOf(
  kind: Kind,
  { counters }: ComponentSnapshot,
): [inward: number | null, outward: number | null] {
  const [inward, outward] = flowCounters[counterKind(kind)].map(name => {
    const value = counters?.[name]
    return typeof value === 'number' ? value : null
  })
  return [inward!, outward!]
}

function agentOf({ address, kind, problem, seenAt, snapshot }: AgentView): FlowAgent {
  const state = problem !== null ? 'no answer' : (snapshot?.state ?? 'asking')
  return {
    address,
    name: snapshot?.agent ?? address,
    kind,
    state,
    level: problem !== null ? 'bad' : state === 'running' ? 'good' : 'off',
    problem,
    seenAt,
  }
}

function conditionsOf(snapshot: SeenSnapshot, component: string): Condition[] {
  return snapshot.conditions
    .filter(one => one.component === component)
    .map(({ name, problem, remedy, since, isRed }) => ({ name, problem, remedy, since, isRed }))
}

function componentNode({ address, snapshot }: AgentView, kind: Kind, part: ComponentSnapshot): FlowNode {
  const conditions = conditionsOf(snapshot!, `${counterKind(kind)}.${part.name}`)
  const [level, state] = standingOf(part, conditions)
  const [inTotal, outTotal] = totalsOf(kind, part)
  return {
    id: idOf(address, kind, part.name),
    kind,
    agent: address,
    name: part.name,
    type: part.type,
    level,
    state,
    since: null,
    // A source that makes its events receives none.
    inPerSecond: kind === 'source' ? part.inPerSecond || part.outPerSecond : part.inPerSecond,
    outPerSecond: part.outPerSecond,
    inTotal,
    outTotal,
    fill: null,
    conditions,
    interceptors: [],
    lag: null,
  }
}

/** Its fill counts where nothing else is wrong with it. */
function channelNode(view: AgentView, part: ChannelSnapshot): FlowNode {
  const node = { ...componentNode(view, 'channel', part), fill: fillOf(part) }
  if (node.level !== 'good') return node
  const [level, state] = node.fill === null ? (['off', 'unknown'] as const) : fillStanding(node.fill)
  return { ...node, level, state }
}

function fillOf(part: ChannelSnapshot): Fill | null {
  const { size, capacity, diskBytes, oldestEventAgeMs, inPerSecond, outPerSecond } = part
  if (size === null) return null
  const net = inPerSecond === null || outPerSecond === null ? null : inPerSecond - outPerSecond
  // Below this the two rates are equal but for the moments at which they were taken.
  const least = Math.max(0.5, 0.02 * Math.max(inPerSecond ?? 0, outPerSecond ?? 0))
  // A channel that holds less than a second of what arrives does not fill: its rates were taken in different moments.
  const isFilling = net !== null && net > least && size >= (inPerSecond ?? 0)
  const isDraining = net !== null && net < -least
  return {
    size,
    capacity,
    diskBytes,
    oldestEventAgeMs,
    net,
    fullInSeconds: isFilling && capacity !== null && size < capacity ? (capacity - size) / net : null,
    emptyInSeconds: isDraining && size > 0 ? size / -net : null,
  }
}

function addLags(seen: readonly AgentView[], nodes: Map<string, FlowNode>, lagOf: LagOf): void {
  const groups = new Map<string, { servers: string; topic: string; groups: Set<string>; perSecond: number }>()
  for (const { flows, inPerSecond } of seen.flatMap(({ snapshot }) => snapshot!.sources))
    for (const flow of flows) {
      if (flow.does !== 'read-topics' || flow.group === undefined) continue
      for (const topic of flow.topics) {
        const id = topicId(flow.servers, topic)
        const known = groups.get(id) ?? { servers: flow.servers, topic, groups: new Set(), perSecond: 0 }
        groups.set(id, known)
        known.perSecond += inPerSecond ?? 0
        known.groups.add(flow.group)
      }
    }
  for (const [id, { servers, topic, groups: some, perSecond }] of groups) {
    const node = nodes.get(id)
    const lag = lagOf(servers, topic, [...some])
    if (node === undefined || lag === null) continue
    // A few seconds of reading are under way at any time.
    const isBehind = lag.messages > lagSeconds * perSecond
    const isGrowing = isBehind && (lag.perSecond ?? 0) > 0
    const drainsInSeconds = isBehind ? lag.drainsInSeconds : null
    nodes.set(id, { ...node, lag: { ...lag, isGrowing, drainsInSeconds } })
  }
}

// ------------------------------------------------------------------------------- between agents

const anyHost = /^(0\.0\.0\.0|\[?::\]?|)$/
const plainHost = (host: string): string => (isLoopback(host) ? 'localhost' : host.toLowerCase())
const hostOf = ({ address, isHere }: AgentView): string =>
  isHere === true ? 'localhost' : plainHost(address.slice(0, address.lastIndexOf(':')))

interface Receiver {
  readonly id: string
  readonly hosts: readonly string[]
  readonly port: number
}

function joinAgents(seen: readonly AgentView[], nodes: Map<string, FlowNode>, edges: FlowEdge[]): void {
  const receivers = seen.flatMap(view =>
    view.snapshot!.sources.flatMap(source =>
      source.flows.flatMap(flow => (flow.does === 'receive' ? [receiverOf(view, source, flow)] : [])),
    ),
  )
  for (const view of seen) {
    for (const source of view.snapshot!.sources)
      for (const flow of source.flows)
        if (flow.does === 'read-topics')
          for (const topic of flow.pattern === null ? flow.topics : [`/${flow.pattern}/`])
            link(
              edges,
              topicNode(nodes, flow.servers, topic),
              idOf(view.address, 'source', source.name),
              source.inPerSecond,
              totalsOf('source', source)[0],
            )
    for (const sink of view.snapshot!.sinks)
      for (const flow of sink.flows) {
        const [perSecond, total] = [sink.outPerSecond, totalsOf('sink', sink)[1]]
        const from = idOf(view.address, 'sink', sink.name)
        if (flow.does === 'send') {
          const to = receiverFor(view, flow, receivers) ?? outsideNode(nodes, `${flow.host}:${flow.port}`)
          link(edges, from, to, perSecond, total, wireOf(sink))
        }
        if (flow.does !== 'write-topic') continue
        const topics = topicsOf(flow, { seen, receivers, view, channel: sink.channel })
        // Where there are several, how many go to which is not counted.
        for (const topic of topics)
          link(
            edges,
            from,
            topicNode(nodes, flow.servers, topic),
            topics.size === 1 ? perSecond : null,
            topics.size === 1 ? total : null,
          )
      }
  }
}

interface Way {
  readonly seen: readonly AgentView[]
  readonly receivers: readonly Receiver[]
  readonly view: AgentView
  readonly channel: string
}

/** Topics that a sink writes: those that static interceptors name on the way here, and its own where one names none. */
function topicsOf(
  { topic, topicHeader }: Extract<FlowSnapshot, { does: 'write-topic' }>,
  way: Way,
): Set<string> {
  const named = topicHeader === null ? [null] : headerValues(topicHeader, way)
  return new Set(named.map(value => value ?? topic))
}

/** Values that a header has in a channel, as far as options tell; null: none. */
function headerValues(header: string, way: Way, been: ReadonlySet<string> = new Set()): (string | null)[] {
  const { seen, receivers, view, channel } = way
  const values = view
    .snapshot!.sources.filter(({ channels }) => channels.includes(channel))
    .flatMap((source): (string | null)[] => {
      const setter = source.interceptors.findLast(
        ({ type, options }) => type === 'static' && options['key']?.value === header,
      )
      if (setter !== undefined) return [String(setter.options['value']?.value ?? '')]
      const id = idOf(view.address, 'source', source.name)
      if (been.has(id)) return []
      const senders = seen.flatMap(other =>
        other
          .snapshot!.sinks.filter(sink =>
            sink.flows.some(flow => flow.does === 'send' && receiverFor(other, flow, receivers) === id),
          )
          .map(sink => ({ seen, receivers, view: other, channel: sink.channel })),
      )
      return senders.length === 0
        ? [null]
        : senders.flatMap(sender => headerValues(header, sender, new Set([...been, id])))
    })
  return values.length === 0 ? [null] : values
}

function receiverOf(
  view: AgentView,
  source: SourceSnapshot,
  { host, port }: Extract<FlowSnapshot, { does: 'send' | 'receive' }>,
): Receiver {
  const hosts = anyHost.test(host) ? [hostOf(view)] : [plainHost(host), hostOf(view)]
  return { id: idOf(view.address, 'source', source.name), hosts, port }
}

/** The source that a sink sends to; what is local to a sink is where its agent is. */
function receiverFor(
  view: AgentView,
  flow: { host: string; port: number },
  receivers: readonly Receiver[],
): string | null {
  const host = isLoopback(flow.host) ? hostOf(view) : plainHost(flow.host)
  return receivers.find(({ hosts, port }) => port === flow.port && hosts.includes(host))?.id ?? null
}

function wireOf(sink: SinkSnapshot): string {
  const isTrue = (key: string) => sink.options[key]?.value === true
  const deflate = sink.options['compression-type']?.value === 'deflate'
  const protocol = sink.type === 'thrift' ? 'Thrift' : 'Avro'
  return [protocol, ...(isTrue('ssl') ? ['TLS'] : []), ...(deflate ? ['deflate'] : [])].join(', ')
}

const topicId = (servers: string, topic: string): string => `topic:${servers}/${topic}`

function topicNode(nodes: Map<string, FlowNode>, servers: string, topic: string): string {
  const id = topicId(servers, topic)
  if (!nodes.has(id)) nodes.set(id, placeNode(id, 'topic', topic, 'Kafka topic'))
  return id
}

function outsideNode(nodes: Map<string, FlowNode>, name: string): string {
  const id = `outside:${name}`
  if (!nodes.has(id)) nodes.set(id, placeNode(id, 'outside', name, 'not a known agent'))
  return id
}

const placeNode = (id: string, kind: 'topic' | 'outside', name: string, type: string): FlowNode => ({
  id,
  kind,
  agent: null,
  name,
  type,
  level: 'good',
  state: '',
  since: null,
  inPerSecond: null,
  outPerSecond: null,
  inTotal: null,
  outTotal: null,
  fill: null,
  conditions: [],
  interceptors: [],
  lag: null,
})
