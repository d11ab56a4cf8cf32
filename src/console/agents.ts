// The agents that the console looks at: asks each for its snapshot every second, real Flume for its /metrics, and keeps
// the last hour of each component's rates and sizes.
import { Fault, messageOf } from '../errors.ts'
import type { Clock, Timer } from '../system/clock.ts'
import { sendHttp, type HttpAnswer } from '../system/https-request.ts'
import type { Flow, FlowNode, Level, NodeDetail, Notice } from './api.ts'
import { FlumeAgent } from './flume-agent.ts'
import { flowOf, type AgentView, type SeenSnapshot } from './flow.ts'
import { History } from './history.ts'

const lookMs = 1000
const patienceMs = 2000
const mostNotices = 50

class Agent {
  readonly address: string
  #view: AgentView
  #flume: FlumeAgent | null = null

  constructor(address: string) {
    this.address = address
    this.#view = { address, kind: 'unknown', problem: null, seenAt: null, snapshot: null }
  }

  get view(): AgentView {
    return this.#view
  }

  async look(clock: Clock): Promise<void> {
    try {
      const snapshot = await this.#ask(clock)
      const kind = this.#flume === null ? 'millrace' : 'flume'
      this.#view = { address: this.address, kind, problem: null, seenAt: clock.now(), snapshot }
    } catch (error) {
      this.#view = { ...this.#view, problem: messageOf(error) }
    }
  }

  async #ask(clock: Clock): Promise<SeenSnapshot> {
    if (this.#flume === null) {
      const answer = await this.#get('/snapshot')
      // A Flume answers with a page of its own for every path but /metrics.
      if (answer.status === 200 && answer.body.startsWith('{')) return JSON.parse(answer.body) as SeenSnapshot
      if (answer.status === 403) throw new Fault('PEER_REFUSED', `${this.address}: ${answer.body.trim()}`)
    }
    const answer = await this.#get('/metrics')
    if (answer.status !== 200 || !answer.body.startsWith('{'))
      throw new Fault('PROTOCOL', `${this.address} answers, but not as an agent's monitoring page does`)
    const flume = (this.#flume ??= new FlumeAgent(this.address))
    return flume.snapshot(JSON.parse(answer.body), clock)
  }

  #get(path: string): Promise<HttpAnswer> {
    const url = `http://${this.address}${path}`
    return sendHttp({ url, method: 'GET', headers: {}, timeoutMs: patienceMs, isPublic: true })
  }
}

export class Agents {
  readonly #agents: readonly Agent[]
  readonly #clock: Clock
  readonly #history = new History()
  readonly #readers = new Set<(flow: Flow) => void>()
  #flow: Flow
  #notices: Notice[] = []
  #timer: Timer | null = null
  #isStopped = false

  constructor(addresses: readonly string[], clock: Clock) {
    this.#clock = clock
    this.#agents = addresses.map(address => new Agent(address))
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

  /** Each flow as it is made; gives what ends it. */
  watch(read: (flow: Flow) => void): () => void {
    this.#readers.add(read)
    return () => this.#readers.delete(read)
  }

  /** Undefined where no such component is known. */
  detail(id: string): NodeDetail | undefined {
    const node = this.#flow.nodes.find(one => one.id === id)
    const view = this.#agents.find(({ address }) => address === node?.agent)?.view
    const snapshot = view?.snapshot
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
      ...this.#history.of(id),
    }
  }

  async #look(): Promise<void> {
    const begun = this.#clock.monotonic()
    await Promise.all(this.#agents.map(agent => agent.look(this.#clock)))
    if (this.#isStopped) return
    this.#flow = this.#make()
    this.#history.add(this.#flow.nodes)
    for (const read of this.#readers) read(this.#flow)
    const restMs = Math.max(100, lookMs - (this.#clock.monotonic() - begun))
    this.#timer = this.#clock.after(restMs, () => void this.#look(), { background: true })
  }

  #make(): Flow {
    const flow = flowOf(
      this.#agents.map(({ view }) => view),
      this.#clock.now(),
    )
    const news = this.#flow === undefined ? [] : newsBetween(this.#flow, flow)
    this.#notices = [...news, ...this.#notices].slice(0, mostNotices)
    return { ...flow, notices: this.#notices }
  }
}

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
  }
  const key = (node: FlowNode, name: string) => `${node.id} ${name}`
  const raised = (seen: Seen) =>
    new Map(
      seen.nodes.flatMap(node => node.conditions.map(one => [key(node, one.name), { node, one }] as const)),
    )
  const [old, now] = [raised(before), raised(after)]
  for (const [name, { node, one }] of now)
    if (!old.has(name)) tell(one.isRed ? 'bad' : 'warn', node.id, one.problem)
  for (const [name, { node, one }] of old)
    // An agent that is away has not ended its troubles.
    if (!now.has(name) && after.nodes.some(({ id, state }) => id === node.id && state !== 'unknown'))
      tell('good', node.id, `Over: ${one.problem}`)
  return news
}
