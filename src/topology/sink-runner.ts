// SinkRunner: takes batches from a channel, has a sink deliver them, commits what was delivered and returns
// the rest. The ritual of transactions lives here and nowhere else. A sink may have several batches under
// way, in a session. When one fails, all of them are brought to an end; what is known to be delivered is
// committed, event by event, and the rest comes again, in its order and in another session: nothing that was
// handed to the one that failed can still come between. In a group another sink may be next (sink-route.ts).
//
// An event that can never be delivered is met alone: what stands before it is delivered first, then it
// is set aside where a sink can do that, or retried until it passes, while what is behind it waits.
import { backoffMs, runnerBackoff } from '../backoff.ts'
import type { Batch, Channel, SimpleSink, Sink, SinkSession } from '../component.ts'
import { Fault, messageOf } from '../errors.ts'
import type { Event } from '../event.ts'
import type { Condition } from '../observe/conditions.ts'
import type { Logger } from '../observe/log.ts'
import { sparing } from '../observe/sparing-log.ts'
import { Pace } from '../system/pace.ts'
import type { Random } from '../system/random.ts'
import { Blockade } from './blockade.ts'
import { DeliveryLog } from './delivery-log.ts'
import { endBatch, Poison, undeliveredOf } from './poison.ts'
import { SinkRoute, type Failure, type Member, type SinkRouteParts } from './sink-route.ts'

/** Most encoded bytes of one take: bounds memory where events are large. */
const takeBytes = 16 * 1024 * 1024
/** Most commits that may be under way behind the deliveries; they share the channel's syncs. */
const commitsUnderWay = 256

export interface SinkRunnerParts extends SinkRouteParts {
  /** Of all members. */
  readonly channel: Channel
  readonly random: Random
  /** That of all runners: channel and sink may never wait. One of its own where absent. */
  readonly pace?: Pace
  readonly log: Logger
}

interface Flight {
  readonly batch: Batch
  /** The events of the batch that are handed to the sink: all, or the first of them. */
  readonly sent: readonly Event[]
  /** Who delivers; null where the event is set aside. */
  readonly member: Member | null
  /** Whether it was delivered; never rejects. */
  readonly outcome: Promise<{ error?: unknown }>
}

interface OpenSession {
  readonly session: SinkSession
  readonly abandon: AbortController
}

export class SinkRunner {
  readonly #parts: SinkRunnerParts
  readonly #route: SinkRoute
  readonly #outage: Condition
  readonly #notTaking: Condition
  readonly #poison: Poison
  /** A channel that fails may fail with every commit. */
  readonly #spared: Logger
  readonly #divert: Sink['divert']
  readonly #deliveries: ReadonlyMap<Member, DeliveryLog>
  /** Takes nothing more; what is under way may end. */
  readonly #closing = new AbortController()
  readonly #abandoning = new AbortController()
  readonly #sessions = new Map<Member, OpenSession>()
  /** To be aborted with it. AbortSignal.any would keep whatever listens for as long as the runner runs. */
  readonly #abandoned = new Set<AbortController>()
  #flights: Flight[] = []
  /** Resolves when every flight so far has ended, in order: true while none has failed. */
  #landed: Promise<boolean> = Promise.resolve(true)
  #commits = 0
  #failed = false
  /** Ends a take that waits; replaced after use. */
  #interrupt = new AbortController()
  #wake: () => void = () => {}
  #running: Promise<void> = Promise.resolve()

  constructor(parts: SinkRunnerParts) {
    this.#parts = parts
    const { name, members, clock, log, condition } = parts
    this.#route = new SinkRoute(parts)
    this.#spared = sparing(log, clock)
    this.#outage = condition('delivery')
    this.#notTaking = condition('taking')
    const title = `${name[0]!.toUpperCase()}${name.slice(1)}`
    this.#poison = new Poison(new Blockade({ name: title, clock, log, condition }))
    this.#deliveries = new Map(members.map(one => [one, new DeliveryLog(one.name, log, clock)]))
    this.#divert = members.find(({ sink }) => sink.divert !== undefined)?.sink.divert
  }

  /** What sinks have, and is not known to be delivered. */
  get underWay(): readonly (readonly [component: string, events: readonly Event[]])[] {
    return this.#flights.flatMap(({ member, sent }) =>
      member === null ? [] : [[`SINK.${member.name}`, sent] as const],
    )
  }

  start(): void {
    this.#running = this.#run()
  }

  /** Waits `patienceMs` for deliveries under way, then gives them up; what they did not deliver stays. */
  async stop(patienceMs: number): Promise<void> {
    this.#closing.abort()
    this.#interrupt.abort()
    const timer = this.#parts.clock.after(patienceMs, () => {
      this.#abandoning.abort()
      for (const one of this.#abandoned) one.abort()
    })
    await this.#running
    timer.cancel()
  }

  async #run(): Promise<void> {
    const closing = this.#closing.signal
    const { pace = new Pace(this.#parts.clock) } = this.#parts
    while (!closing.aborted) {
      const restMs = this.#failed ? await this.#settle() : await this.#step()
      if (restMs > 0) await this.#parts.clock.sleep(restMs, closing)
      if (pace.isOver) await pace.turn()
    }
    await this.#settle()
    await Promise.all([...this.#sessions.keys()].map(member => this.#close(member)))
    while (this.#commits > 0) await this.#woken()
  }

  #woken(): Promise<void> {
    return new Promise(resolve => (this.#wake = resolve))
  }

  /** Hands one batch over, or waits until that may be possible; gives the milliseconds to rest. */
  async #step(): Promise<number> {
    const likely = this.#route.next()
    if (!this.#hasRoom(likely)) {
      await this.#woken()
      return 0
    }
    const batch = await this.#take(this.#eventsOf((likely ?? this.#parts.members[0]!).sink))
    if (batch === null) return this.#notTaking.isRaised ? this.#backoffOf(this.#notTaking) : 0
    // Meanwhile another sink may have become the next.
    const member = this.#route.next()
    if (member !== null && this.#hasRoom(member)) this.#takeOff(batch, member)
    else await batch.rollback()
    return this.#failed || member !== null ? 0 : this.#report(this.#route.exhausted())
  }

  /** What waits is taken together, but where batches go to sinks in turn, or around an event that can never be delivered. */
  #eventsOf(sink: Sink): number {
    const isGathered = 'open' in sink && !this.#route.spreads && !this.#poison.isKnown
    return isGathered ? Math.max(sink.batchSize, sink.gathered ?? 0) : sink.batchSize
  }

  /** Whether another batch may be handed to the member now. */
  #hasRoom(member: Member | null): boolean {
    if (this.#commits >= commitsUnderWay) return false
    // Around an event that can never be delivered, one step after the other.
    if (this.#flights.length === 0 || this.#poison.isKnown) return this.#flights.length === 0
    const own = this.#flights.filter(flight => flight.member === member).length
    if (own < this.#flights.length && !this.#route.spreads) return false
    if (member === null || own === 0) return true
    return (
      'open' in member.sink && own < member.sink.window && this.#sessions.get(member)?.session.isOver !== true
    )
  }

  async #take(events: number): Promise<Batch | null> {
    const { name, channel } = this.#parts
    try {
      const batch = await channel.take({ events, bytes: takeBytes }, this.#interrupt.signal)
      this.#notTaking.clear(`Taking events for ${name} succeeds again`)
      return batch
    } catch (error) {
      if (!this.#closing.signal.aborted) this.#notTaking.fail(`Taking events for ${name}`, error)
      return null
    }
  }

  #takeOff(batch: Batch, member: Member): void {
    const sent = this.#poison.choose(batch.events)
    const divert = this.#poison.reasonToDivert(sent) === null ? undefined : this.#divert
    const delivered = divert === undefined ? this.#deliveries.get(member)!.begin(sent.length) : () => {}
    const delivery =
      divert === undefined
        ? new Promise<void>(resolve => resolve(this.#sessionOf(member).deliver(sent)))
        : this.#divertOne(divert, sent[0]!)
    const outcome = delivery.then(
      () => {
        delivered()
        return {}
      },
      (error: unknown) => {
        this.#failed = true
        this.#interrupt.abort()
        return { error: error ?? new Fault('PEER_REFUSED', 'no reason given') }
      },
    )
    const flight: Flight = { batch, sent, member: divert === undefined ? member : null, outcome }
    this.#flights.push(flight)
    if (divert === undefined) this.#route.assigned(member)
    this.#landed = this.#land(this.#landed, flight)
  }

  /** The session under way, or the next one where it is over: nothing of it is under way then. */
  #sessionOf(member: Member): SinkSession {
    if (this.#sessions.get(member)?.session.isOver === true) void this.#close(member)
    let open = this.#sessions.get(member)
    if (open === undefined) {
      const abandon = this.#abandonable()
      open = { session: openSession(member.sink, abandon.signal), abandon }
      this.#sessions.set(member, open)
    }
    return open.session
  }

  #abandonable(): AbortController {
    const one = new AbortController()
    if (this.#abandoning.signal.aborted) one.abort()
    else this.#abandoned.add(one)
    return one
  }

  async #divertOne(divert: NonNullable<Sink['divert']>, event: Event): Promise<void> {
    const abandon = this.#abandonable()
    try {
      await this.#poison.divert(divert, event, abandon.signal)
    } finally {
      this.#abandoned.delete(abandon)
    }
  }

  async #close(member: Member): Promise<void> {
    const open = this.#sessions.get(member)
    if (open === undefined) return
    this.#sessions.delete(member)
    await open.session.close?.().catch((error: unknown) => {
      this.#parts.log.debug(`closing a session of sink ${member.name}: ${messageOf(error)}`)
    })
    this.#abandoned.delete(open.abandon)
  }

  /** Waits for the flights before this one and for its own end; commits it where all were delivered. */
  async #land(before: Promise<boolean>, flight: Flight): Promise<boolean> {
    const { error } = await flight.outcome
    const goOn = await before
    if (!goOn) return false
    if (error === undefined) {
      this.#flights.shift()
      if (flight.member !== null) this.#route.delivered(flight.member, flight.sent)
      this.#passed(flight, [])
      this.#outage.clear(`${this.#doing} succeeds again`)
      this.#poison.passed(flight.sent)
      this.#end(flight.batch, flight.batch.events.slice(flight.sent.length))
    }
    this.#wake()
    return error === undefined
  }

  /** Brings everything under way to its end after a failure; gives the milliseconds to rest before the next try. */
  async #settle(): Promise<number> {
    await this.#landed
    const flights = this.#flights.splice(0)
    const outcomes = await Promise.all(flights.map(flight => flight.outcome))
    const failures = new Map<Member | null, Failure>()
    // The latest goes back first. Those behind the failed one may have been delivered all the same.
    for (let index = flights.length - 1; index >= 0; index--) {
      const { batch, sent, member } = flights[index]!
      const { error } = outcomes[index]!
      // The first of a session counts: what is behind it failed with it.
      if (error !== undefined) failures.set(member, { error, sent })
      const undelivered = error === undefined ? [] : undeliveredOf(error, sent)
      this.#passed(flights[index]!, undelivered)
      this.#end(batch, [...undelivered, ...batch.events.slice(sent.length)])
    }
    for (const member of failures.keys()) if (member !== null) void this.#close(member)
    this.#failed = false
    this.#landed = Promise.resolve(true)
    if (!this.#closing.signal.aborted) this.#interrupt = new AbortController()
    if (failures.size === 0 || this.#abandoning.signal.aborted) return 0
    const aside = failures.get(null)
    if (aside !== undefined) return this.#report(aside)
    for (const [member, failure] of failures) this.#route.failed(member!, failure)
    return this.#route.next() === null ? this.#report(this.#route.exhausted()) : 0
  }

  /** Tells who watches what has left the channel. */
  #passed({ member, sent }: Flight, undelivered: readonly Event[]): void {
    if (undelivered.length === sent.length) return
    if (member === null)
      this.#parts.members.find(one => one.sink.divert !== undefined)?.edge?.setAside(sent[0]!)
    else if (undelivered.length === 0) member.edge?.passed(sent)
    else {
      const left = new Set(undelivered)
      member.edge?.passed(sent.filter(event => !left.has(event)))
    }
  }

  /** Says what no sink could deliver, and why; gives the milliseconds to rest. */
  #report({ error, sent }: Failure): number {
    if (!this.#poison.notice(error, sent)) {
      this.#outage.fail(this.#doing, error)
      return this.#backoffOf(this.#outage)
    }
    // The peer answers: it is no outage.
    this.#outage.clear(`${this.#doing} succeeds again`)
    return this.#poison.judge(error, sent, this.#divert !== undefined)
  }

  #backoffOf({ tries }: Condition): number {
    return backoffMs(Math.max(1, tries), runnerBackoff, this.#parts.random)
  }

  get #doing(): string {
    return `Delivering events by ${this.#parts.name}`
  }

  /** What is not left is gone. Commits start in order and are not waited for: the channel syncs many at once. */
  #end(batch: Batch, left: readonly Event[]): void {
    const count = batch.events.length - left.length
    this.#poison.returned(left.length)
    this.#commits++
    endBatch(batch, left)
      .catch((error: unknown) => {
        this.#spared.error(
          `${count} events were delivered but not marked so; they will be delivered again: ${messageOf(error)}`,
        )
      })
      .finally(() => {
        this.#commits--
        this.#wake()
      })
  }
}

/** A sink that is one function delivers by it, and a failure ends nothing but its own call. */
export const openSession = (sink: Sink, signal: AbortSignal): SinkSession =>
  'open' in sink ? sink.open(signal) : { deliver: events => deliverApart(sink, events, signal) }

/** By a signal of its own: a sink need not take back what it has listen to it. */
async function deliverApart(sink: SimpleSink, events: readonly Event[], signal: AbortSignal): Promise<void> {
  const own = new AbortController()
  const abort = () => own.abort()
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort)
  try {
    await sink.deliver(events, own.signal)
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
