// The agents that the console looks at, those that are given and those that announce themselves on this machine: asks each
// for its snapshot every second, and keeps the last day of each component's rates and sizes.
import { messageOf } from '../errors.ts'
import type { Peek, TapSample } from '../observe/event-view.ts'
import type { Clock, Timer } from '../system/clock.ts'
import { AgentPages, findLeft, ownSockets, type OwnSocket } from './agent-pages.ts'
import type { Flow, FlowNode, Level, NodeDetail, Notice } from './api.ts'
import { flowOf, type AgentView, type LagOf, type SeenSnapshot } from './flow.ts'
import { History, type Span } from './history.ts'

const lookMs = 1000
const mostNotices = 50
/** Of one component. */
const mostOwnNotices = 20
/** An agent that was killed is shown for so long, unless one of its name starts. */
const missedMs = 3_600_000

class Agent {
  readonly pages: AgentPages
  #view: AgentView

  constructor(pages: AgentPages) {
    this.pages = pages
    const { address, isAnnounced } = pages
    this.#view = {
      address,
      kind: 'unknown',
      problem: null,
      seenAt: null,
      snapshot: null,
      isHere: isAnnounced,
    }
  }

  get view(): AgentView {
    return this.#view
  }

  hasStopped = false

  get isAway(): boolean {
    return this.#view.problem !== null
  }

  async look(clock: Clock): Promise<void> {
    try {
      const snapshot = await this.pages.snapshot(clock)
      const kind = this.pages.isFlume ? 'flume' : 'millrace'
      this.#view = { ...this.#view, kind, problem: null, seenAt: clock.now(), snapshot }
    } catch (error) {
      this.miss(messageOf(error))
    }
  }

  miss(problem: string): void {
    this.#view = { ...this.#view, problem }
  }
}

export interface AgentsOptions {
  /** Addresses of monitoring pages: host:port. */
  readonly given: readonly string[]
  /** Whether agents that announce themselves on this machine are looked at as well. */
  readonly announced: boolean
}

/** What the flow is made with, beside the agents. */
export interface FlowParts {
  readonly lagOf?: LagOf
}

export class Agents {
  readonly #clock: Clock
  readonly #findsMore: boolean
  readonly #lagOf: LagOf | undefined
  readonly #history = new History()
  readonly #readers = new Set<(flow: Flow) => void>()
  #agents: readonly Agent[]
  #flow: Flow
  #notices: Notice[] = []
  readonly #ownNotices = new Map<string, readonly Notice[]>()
  #timer: Timer | null = null
  #isStopped = false

  constructor({ given, announced }: AgentsOptions, clock: Clock, { lagOf }: FlowParts = {}) {
    this.#clock = clock
    this.#lagOf = lagOf
    this.#findsMore = announced
    this.#agents = given.map(address => new Agent(new AgentPages(address)))
    this.#flow = this.#make()
  }

  start(): void {
    void this.#look()
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
  }

  get flow(): Flow {
    return this.#flow
  }

  /** Looks once; resolves with the flow. */
  async once(): Promise<Flow> {
    await this.#lookAtAll()
    return this.#flow
  }

  /** What each has answered last. */
  get views(): readonly AgentView[] {
    return this.#agents.map(({ view }) => view)
  }

  /** Each flow as it is made; gives what ends it. */
  watch(read: (flow: Flow) => void): () => void {
    this.#readers.add(read)
    return () => this.#readers.delete(read)
  }

  /** Undefined where no such component is known. */
  detail(id: string, span: Span = 'hour'): NodeDetail | undefined {
    const node = this.#flow.nodes.find(one => one.id === id)
    const snapshot = this.#agentOf(node)?.view.snapshot
    if (node === undefined || !snapshot) return undefined
    const parts = { source: snapshot.sources, channel: snapshot.channels, sink: snapshot.sinks }
    if (node.kind === 'topic' || node.kind === 'outside') return undefined
    const part = parts[node.kind].find(({ name }) => name === node.name)
    if (part === undefined) return undefined
    return {
      writtenAt: part.writtenAt,
      startedAt: part.startedAt,
      options: Object.entries(part.options).map(([key, option]) => ({
        key,
        value: shown(option.value),
        default: shown(option.default),
        writtenAt: option.writtenAt,
      })),
      counters: Object.entries({ ...part.counters, ...part.ownCounters }).map(([name, value]) => ({
        name,
        value: String(value),
      })),
      notices: [...(this.#ownNotices.get(id) ?? [])],
      ...this.#history.of(id, span),
    }
  }

  /** The oldest events of a channel. Rejects with a Fault; undefined where no such channel is known. */
  async peek(id: string, events: number): Promise<Peek | undefined> {
    const node = this.#flow.nodes.find(one => one.id === id && one.kind === 'channel')
    return this.#agentOf(node)?.pages.peek(node!.name, events)
  }

  /** Samples of the events that pass between two components of one agent, as `peek`. */
  tap(from: string, to: string, signal: AbortSignal): AsyncGenerator<TapSample> | undefined {
    if (!this.#flow.edges.some(edge => edge.from === from && edge.to === to)) return undefined
    const [one, other] = [from, to].map(id => this.#flow.nodes.find(node => node.id === id))
    if (one?.agent !== other?.agent) return undefined
    return this.#agentOf(one)?.pages.tap(labelOf(one!), labelOf(other!), signal)
  }

  #agentOf(node: FlowNode | undefined): Agent | undefined {
    return this.#agents.find(({ pages }) => pages.address === node?.agent)
  }

  async #look(): Promise<void> {
    const begun = this.#clock.monotonic()
    await this.#lookAtAll()
    if (this.#isStopped) return
    for (const read of this.#readers) read(this.#flow)
    const restMs = Math.max(100, lookMs - (this.#clock.monotonic() - begun))
    this.#timer = this.#clock.after(restMs, () => void this.#look(), { background: true })
  }

  async #lookAtAll(): Promise<void> {
    const sockets = await ownSockets()
    await Promise.all(this.#agents.map(agent => this.#lookAt(agent, sockets)))
    await this.#meet(sockets)
    this.#flow = this.#make()
    this.#history.add(this.#flow.nodes)
  }

  async #lookAt(agent: Agent, sockets: readonly OwnSocket[]): Promise<void> {
    const { pages, view } = agent
    const socket = sockets.find(({ pid }) => pid === pages.socket?.pid)
    if (!pages.isAnnounced) {
      if (socket === undefined || socket.isLeft) pages.socket = null
      return agent.look(this.#clock)
    }
    if (socket !== undefined && !socket.isLeft) await agent.look(this.#clock)
    if (socket !== undefined && (socket.isLeft || agent.isAway) && (await findLeft(socket)))
      agent.miss('its process has ended without stopping the agent')
    // Who stops takes the socket away.
    const isMissed = agent.isAway && view.snapshot?.state !== 'stopping'
    agent.hasStopped =
      socket === undefined && (!isMissed || this.#clock.now() - (view.seenAt ?? 0) > missedMs)
  }

  /** Learns of agents that have come, and lets those go that have stopped. */
  async #meet(sockets: readonly OwnSocket[]): Promise<void> {
    this.#agents = this.#agents.filter(agent => !agent.hasStopped)
    const isComplete = this.#agents.every(({ pages }) => pages.socket !== null)
    if (isComplete && !this.#findsMore) return
    for (const socket of sockets)
      if (!socket.isLeft && !this.#agents.some(({ pages }) => pages.socket?.pid === socket.pid))
        await this.#greet(socket)
  }

  async #greet(socket: OwnSocket): Promise<void> {
    const snapshot = await new AgentPages(socket.path, socket).snapshot(this.#clock).catch(() => null)
    if (snapshot === null) {
      await findLeft(socket)
      return
    }
    const name = snapshot.agent
    const given = this.#agents.find(
      ({ pages, view }) => !pages.isAnnounced && view.snapshot !== null && isOne(view.snapshot, snapshot),
    )
    if (given !== undefined) given.pages.socket = socket
    if (given !== undefined || !this.#findsMore) return
    const isTaken = this.#agents.some(({ pages, isAway }) => pages.address === name && !isAway)
    const address = isTaken ? `${name}.${socket.pid}` : name
    const agent = new Agent(new AgentPages(address, socket))
    await agent.look(this.#clock)
    // One of the same name that was killed comes back so.
    this.#agents = [...this.#agents.filter(({ pages }) => pages.address !== address), agent]
  }

  #make(): Flow {
    const flow = flowOf(
      this.#agents.map(({ view }) => view),
      this.#clock.now(),
      this.#lagOf,
      this.#flow,
    )
    const news = this.#flow === undefined ? [] : newsBetween(this.#flow, flow)
    this.#notices = [...news, ...this.#notices].slice(0, mostNotices)
    const own = this.#ownNotices
    for (const one of news) own.set(one.node, [one, ...(own.get(one.node) ?? [])].slice(0, mostOwnNotices))
    // What a reload has removed is forgotten.
    for (const id of own.keys()) if (!flow.nodes.some(node => node.id === id)) own.delete(id)
    return { ...flow, notices: this.#notices }
  }
}

/** Whether both are of one agent, seen on two ways. */
function isOne(one: SeenSnapshot, other: SeenSnapshot): boolean {
  const begun = ({ sources, channels, sinks }: SeenSnapshot) =>
    [...sources, ...channels, ...sinks].map(({ startedAt }) => startedAt).join(' ')
  return one.agent === other.agent && one.process?.pid === other.process?.pid && begun(one) === begun(other)
}

/** As the agent's /metrics names it. */
const labelOf = ({ kind, name }: FlowNode): string => `${kind.toUpperCase()}.${name}`

function shown(value: unknown): string {
  if (value === null) return ''
  return Array.isArray(value) ? value.join(' ') : String(value)
}

type Seen = Pick<Flow, 'agents' | 'nodes' | 'takenAt'>

/** What began and ended between two looks. */
function newsBetween(before: Seen, after: Seen): Notice[] {
  const news: Notice[] = []
  const tell = (level: Level, node: string, text: string) =>
    news.push({ at: after.takenAt, level, node, text })
  for (const agent of after.agents) {
    const old = before.agents.find(({ address }) => address === agent.address)
    const wasAway = typeof old?.problem === 'string'
    if (!wasAway && agent.problem !== null)
      tell('bad', agent.address, `Agent ${agent.name} does not answer: ${agent.problem}`)
    if (wasAway && agent.problem === null) tell('good', agent.address, `Agent ${agent.name} answers again`)
    if (old === undefined && before.agents.length > 0)
      tell('off', agent.address, `Agent ${agent.name} has started`)
  }
  for (const agent of before.agents)
    if (!after.agents.some(({ address }) => address === agent.address))
      tell('off', agent.address, `Agent ${agent.name} has stopped`)
  const key = (node: FlowNode, name: string) => `${node.id} ${name}`
  const raised = (seen: Seen) =>
    new Map(
      seen.nodes.flatMap(node => node.conditions.map(one => [key(node, one.name), { node, one }] as const)),
    )
  const [old, now] = [raised(before), raised(after)]
  for (const [name, { node, one }] of now)
    if (!old.has(name)) tell(one.isRed && node.state !== 'waiting' ? 'bad' : 'warn', node.id, one.problem)
  for (const [name, { node, one }] of old)
    // An agent that is away has not ended its troubles.
    if (!now.has(name) && after.nodes.some(({ id, state }) => id === node.id && state !== 'unknown'))
      tell('good', node.id, `Over: ${one.problem}`)
  return news
}
