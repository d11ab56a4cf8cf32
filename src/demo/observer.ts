// Looks at everything now and then and shows it: what was sent and has arrived, how far agent A is behind in
// test3, how full the channels are.
import type { Admin } from '../kafka-client/kafka-client.ts'
import type { System } from '../system/system.ts'
import type { AgentProcess } from './agent-process.ts'
import { agentFigures, type AgentFigures } from './agent-figures.ts'
import { topics } from './configuration-copy.ts'
import type { Ledger } from './ledger.ts'
import type { Output } from './output.ts'
import { Rate } from './rates.ts'
import type { Place, View } from './view.ts'

export interface ObserverParts {
  readonly system: System
  readonly output: Output
  readonly ledger: Ledger
  readonly admin: Admin
  readonly group: string
  readonly agents: { readonly a: AgentProcess; readonly b: AgentProcess }
  readonly trouble: () => string | null
  readonly rate: number | null
  readonly events: number | null
  readonly places: readonly Place[]
}

/** Agents that do not answer are not waited for longer when it ends. */
const lastLookMs = 500

/** What takes part in a state was asked for at one time. */
interface Look {
  readonly at: number
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
  #look: Look = { at: -Infinity, lag: null, a: notAsked, b: notAsked }
  #first: string | null = null
  #done: Promise<void> = Promise.resolve()

  constructor(parts: ObserverParts) {
    this.#parts = parts
  }

  start(): void {
    this.#done = this.#watch()
  }

  /** The first event has arrived, so long after the start. */
  first(after: string): void {
    this.#first = after
    this.#parts.output.say(`first event in ${topics.to} ${after} after the start`)
  }

  /** Why nothing moves: what Kafka's clients say, or one of the agents; null while all is well. */
  get trouble(): string | null {
    const { a, b } = this.#look
    const said = [this.#parts.trouble(), sayOf('A', a), sayOf('B', b)].filter(one => one !== null)
    return said[0] ?? null
  }

  /** Whether at a look begun after `sinceMs` nothing was left anywhere between test3 and test2. */
  isSettled(sinceMs: number): boolean {
    const { at, lag, a, b } = this.#look
    return at > sinceMs && lag === 0 && a.channel?.size === 0 && b.channel?.size === 0
  }

  /** Looks once more, shows that and ends. */
  async stop(): Promise<void> {
    const { clock } = this.#parts.system
    this.#stop.abort()
    await this.#done
    const last = await Promise.race([this.#takeLook(clock.monotonic()), clock.sleep(lastLookMs)])
    if (last !== undefined) this.#look = last
    this.state = 'ended'
    this.#parts.output.show(this.#view())
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
    const { admin, group, agents } = this.#parts
    const [lag, a, b] = await Promise.all([
      lagOf(admin, group).catch(() => null),
      agentFigures(agents.a.monitoringPort),
      agentFigures(agents.b.monitoringPort),
    ])
    return { at, lag, a, b }
  }

  #view(): View {
    const { system, ledger, rate, events, places } = this.#parts
    const now = system.clock.monotonic()
    this.#sent.sample(ledger.sent, now)
    this.#arrived.sample(ledger.arrived, now)
    const { lag, a, b } = this.#look
    return {
      state: this.state === 'running' && ledger.arrived === events ? 'all have arrived' : this.state,
      elapsedMs: now - (ledger.firstSentMs ?? now),
      sent: ledger.sent,
      arrived: ledger.arrived,
      inFlight: ledger.inFlight,
      sentRate: this.#sent.perSecond,
      arrivedRate: this.#arrived.perSecond,
      rate,
      events,
      lag,
      channelA: a.channel,
      channelB: b.channel,
      latency: ledger.recentLatencies(now),
      faults: ledger.faultsSoFar(),
      trouble: this.trouble,
      places:
        this.#first === null
          ? places
          : [{ label: 'first event', text: `${this.#first} after the start` }, ...places],
    }
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
