// Looks at everything now and then and shows it: what was sent and has arrived, how far agent A is behind in
// test3, how full the channels are.
import type { Admin } from '../kafka-client/kafka-client.ts'
import { consumerDefaults } from '../kafka-client/settings.ts'
import { Rate } from '../observe/rate.ts'
import type { System } from '../system/system.ts'
import type { AgentKeeper } from './agent-keeper.ts'
import { agentFigures, type AgentFigures, type ChannelFill } from './agent-figures.ts'
import { topics } from './configuration-copy.ts'
import type { Ledger } from './ledger.ts'
import type { Output } from './output.ts'
import type { Place, View } from './view.ts'

export interface ObserverParts {
  readonly system: System
  readonly output: Output
  readonly ledger: Ledger
  readonly admin: Admin
  readonly group: string
  readonly agents: { readonly a: AgentKeeper; readonly b: AgentKeeper }
  readonly trouble: () => string | null
  readonly rate: number | null
  readonly events: number | null
  readonly places: () => readonly Place[]
}

/** Agents that do not answer are not waited for longer at the start and at the end. */
const lookLimitMs = 500

/** Agent A's file leaves it to the default. */
const { sessionTimeoutMs } = consumerDefaults
/** Several that were killed one after the other are given up one after the other. */
const waitingMs = 4 * sessionTimeoutMs

/** What takes part in a state was asked for at one time. */
interface Look {
  readonly at: number
  /** Since the start there was more in test3 and the channels than this demonstration has sent. */
  readonly hasOthers: boolean
  readonly lag: number | null
  readonly a: AgentFigures
  readonly b: AgentFigures
}

const notAsked: AgentFigures = { channel: null, problem: null }

export class Observer {
  state = 'running'
  readonly #parts: ObserverParts
  readonly #stop = new AbortController()
  readonly #sent = new Rate()
  readonly #arrived = new Rate()
  #look: Look = { at: -Infinity, hasOthers: true, lag: null, a: notAsked, b: notAsked }
  #first: string | null = null
  #done: Promise<void> = Promise.resolve()

  constructor(parts: ObserverParts) {
    this.#parts = parts
  }

  /** Resolves when it has looked once, before anything is sent. */
  async start(): Promise<void> {
    await this.#lookOnce()
    this.#done = this.#watch()
  }

  /** The first event has arrived, so long after the start. */
  first(after: string): void {
    this.#first = after
    this.#parts.output.say(`first event in ${topics.to} ${after} after the start`)
  }

  /**
   * Why nothing moves: what Kafka's clients and the agents say; null while all is well. Agent B before agent A, which
   * complains of it.
   */
  get trouble(): string | null {
    const { a, b } = this.#look
    const said = [this.#parts.trouble(), sayOf('B', b), sayOf('A', a)].filter(one => one !== null)
    return said.length > 0 ? said.join('; ') : this.#waitingForGroup
  }

  /** A consumer that was killed keeps its partitions until its session runs out, on every Kafka. */
  get #waitingForGroup(): string | null {
    const { system, agents, ledger } = this.#parts
    const { lag, a, b } = this.#look
    const now = system.clock.monotonic()
    const isWaiting =
      now - (agents.a.lastRestartMs ?? -Infinity) < waitingMs &&
      lag !== 0 &&
      a.channel?.size === 0 &&
      b.channel?.size === 0 &&
      now - (ledger.lastArrivedMs ?? 0) > 1000
    return isWaiting
      ? `agent A waits until Kafka gives up the one before it (${sessionTimeoutMs / 1000} s)`
      : null
  }

  /** Whether at a look begun after `sinceMs` nothing was left anywhere between test3 and test2. */
  isSettled(sinceMs: number): boolean {
    const { at, lag, a, b } = this.#look
    return at > sinceMs && lag === 0 && a.channel?.size === 0 && b.channel?.size === 0
  }

  /** Looks once more, shows that and ends. */
  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#done
    await this.#lookOnce()
    this.state = 'ended'
    this.#parts.output.show(this.#view())
  }

  async #lookOnce(): Promise<void> {
    const { clock } = this.#parts.system
    const look = await Promise.race([this.#takeLook(clock.monotonic()), clock.sleep(lookLimitMs)])
    if (look !== undefined) this.#look = look
  }

  async #watch(): Promise<void> {
    const { system, output } = this.#parts
    const { signal } = this.#stop
    let looking: Promise<void> | null = null
    while (!signal.aborted) {
      const begun = system.clock.monotonic()
      looking ??= this.#takeLook(begun).then(taken => {
        this.#look = taken
        looking = null
      })
      // Who does not answer must not halt the board.
      await Promise.race([looking, system.clock.sleep(output.showEachMs, signal)])
      if (signal.aborted) return
      output.show(this.#view())
      await system.clock.sleep(output.showEachMs - (system.clock.monotonic() - begun), signal)
    }
  }

  async #takeLook(at: number): Promise<Look> {
    const { admin, group, agents, ledger } = this.#parts
    const { arrived } = ledger
    const [lag, a, b] = await Promise.all([
      lagOf(admin, group).catch(() => null),
      agentFigures(agents.a.monitoringPort),
      agentFigures(agents.b.monitoringPort),
    ])
    const held = (lag ?? 0) + (a.channel?.size ?? 0) + (b.channel?.size ?? 0)
    return { at, hasOthers: this.#look.hasOthers && held > ledger.sent - arrived, lag, a, b }
  }

  #view(): View {
    const { system, ledger, rate, events, places, agents } = this.#parts
    const now = system.clock.monotonic()
    this.#sent.sample(ledger.sent, now)
    this.#arrived.sample(ledger.arrived, now)
    const { a, b } = agents
    const hasRestarted = a.restarts + b.restarts > 0
    return {
      state: this.state === 'running' && ledger.arrived === events ? 'all have arrived' : this.state,
      elapsedMs: now - (ledger.firstSentMs ?? now),
      sentRate: this.#sent.perSecond ?? 0,
      arrivedRate: this.#arrived.perSecond ?? 0,
      rate,
      events,
      ...this.#figures(),
      agentA: a,
      agentB: b,
      latency: ledger.recentLatencies(now),
      faults: ledger.faultsSoFar(hasRestarted),
      survived: hasRestarted ? ledger.survived() : null,
      trouble: this.trouble,
      places:
        this.#first === null
          ? places()
          : [{ label: 'first event', text: `${this.#first} after the start` }, ...places()],
    }
  }

  /**
   * The counts, and where the events are that are in flight. What is asked for takes its time, and an event is in two
   * places at once while it is handed over: each is shown in the one that is farthest on, so that the places never hold
   * more than there is. Not where records of others are among them.
   */
  #figures(): Pick<View, 'sent' | 'arrived' | 'inFlight' | 'lag' | 'channelA' | 'channelB'> {
    const { ledger } = this.#parts
    const { sent, arrived, inFlight } = ledger
    const { lag, a, b, hasOthers } = this.#look
    if (hasOthers || ledger.foreign > 0)
      return { sent, arrived, inFlight, lag, channelA: a.channel, channelB: b.channel }
    let left = inFlight
    const share = <T extends number | null>(count: T): T => {
      const shown = count === null ? 0 : Math.min(count, left)
      left -= shown
      return (count === null ? null : shown) as T
    }
    const fill = (channel: ChannelFill | null) =>
      channel === null ? null : { ...channel, size: share(channel.size) }
    const channelB = fill(b.channel)
    const channelA = fill(a.channel)
    return { sent, arrived, inFlight, lag: share(lag), channelA, channelB }
  }
}

const sayOf = (letter: string, { problem }: AgentFigures): string | null =>
  problem === null ? null : `agent ${letter}: ${problem}`

/** Records of test3 that the group has not committed. */
async function lagOf(admin: Admin, group: string): Promise<number> {
  const [committed, ends] = await Promise.all([admin.groups.committed(group), admin.offsets.of(topics.from)])
  return ends.reduce((sum, { partition, next }) => {
    const position = committed.find(one => one.topic === topics.from && one.partition === partition)
    return sum + (position === undefined ? 0 : Math.max(next - position.offset, 0))
  }, 0)
}
