// A session of the Avro sink: one connection, which is not replaced. Whatever fails closes it, so that nothing
// handed over later can leave before what failed is sent again on the next one.
import type { SinkSession } from '../../component.ts'
import { DeliveryFault } from '../../delivery-fault.ts'
import { Fault } from '../../errors.ts'
import type { Event } from '../../event.ts'
import { type AvroClient, Refusal } from '../../avro-rpc/client.ts'
import type { Counters } from '../../observe/counters.ts'
import type { Clock } from '../../system/clock.ts'
import type { RequestSize } from '../rpc/request-size.ts'

export interface AvroSessionParts {
  /** Connects; the signal gives it up. */
  readonly connect: (signal: AbortSignal) => Promise<AvroClient>
  /** The session is over after so long; 0: never. */
  readonly resetMs: number
  readonly batchSize: number
  readonly size: RequestSize
  readonly counters: Counters
  readonly clock: Clock
}

export class AvroSession implements SinkSession {
  readonly #parts: AvroSessionParts
  readonly #giveUp = new AbortController()
  /** Every batch waits for it, also when it has long been resolved: that keeps them in order. */
  readonly connected: Promise<AvroClient>
  #client: AvroClient | null = null
  #isOver = false
  #refusal: Refusal | null = null

  constructor(parts: AvroSessionParts) {
    this.#parts = parts
    this.connected = this.#connect()
    this.connected.catch(() => (this.#isOver = true))
  }

  /** The connection was closed, could not be made, or is due to be made anew. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Several requests may be under way, each a transaction of the peer. */
  get isPipelined(): boolean {
    return this.#client?.pipelined === true
  }

  async #connect(): Promise<AvroClient> {
    const { connect, resetMs, size, counters, clock } = this.#parts
    const { signal } = this.#giveUp
    const client = await connect(signal)
    this.#client = client
    const reset = () => (this.#isOver = true)
    const timer = resetMs === 0 ? null : clock.after(resetMs, reset, { background: true })
    const stop = () =>
      client.destroy(new Fault('STOPPED', 'the request was abandoned because the agent is stopping'))
    signal.addEventListener('abort', stop)
    if (signal.aborted) stop()
    client.onClose(() => {
      this.#isOver = true
      timer?.cancel()
      counters.add('ConnectionClosedCount')
      if (!(client.fault instanceof Refusal)) size.peerLeft(clock.monotonic())
    })
    return client
  }

  /** Gives up what is under way, the connection included. */
  giveUp(): void {
    this.#giveUp.abort()
  }

  /** What is under way is answered first; nobody waits for a connection. */
  async close(): Promise<void> {
    if (this.#client === null) this.giveUp()
    const client = await this.connected.catch(() => null)
    await client?.close()
  }

  async deliver(events: readonly Event[]): Promise<void> {
    // They go as they are, and no source takes such a one.
    for (const event of events) event.checkHeaders()
    const { batchSize, counters } = this.#parts
    counters.add('BatchCompleteCount', Math.floor(events.length / batchSize))
    if (events.length % batchSize !== 0) counters.add('BatchUnderflowCount')
    counters.add('EventDrainAttemptCount', events.length)
    try {
      await this.#send(await this.connected, events)
    } catch (error) {
      counters.add('EventWriteFail')
      if (error instanceof DeliveryFault)
        counters.add('EventDrainSuccessCount', events.length - error.undelivered.length)
      throw error
    }
    counters.add('EventDrainSuccessCount', events.length)
  }

  /** Sends the events in as many requests as are needed; rejects with what was not accepted. */
  async #send(client: AvroClient, events: readonly Event[]): Promise<void> {
    const { size, clock } = this.#parts
    const requests = client.send(events, size.most(clock.monotonic()))
    const results = await Promise.allSettled(requests.map(({ answered }) => answered))
    const passed = requests.filter((_, index) => results[index]!.status === 'fulfilled')
    const longest = Math.max(0, ...passed.map(one => one.events.length))
    if (longest > 0) size.passed(longest, clock.monotonic())
    const at = results.findIndex(result => result.status === 'rejected')
    if (at === -1) return
    const { reason } = results[at] as PromiseRejectedResult
    if (!(reason instanceof Fault)) throw reason
    // Those behind a refused request are rejected with the same fault, after it.
    const isRefused = reason instanceof Refusal && this.#refusal === null
    if (isRefused) this.#refusal = reason
    const isSmaller = isRefused && size.refused(requests[at]!.events.length, reason.tookMs, clock.monotonic())
    throw new DeliveryFault(isSmaller ? 'BATCH_REFUSED' : reason.code, reason.message, {
      undelivered: requests.filter(one => !passed.includes(one)).flatMap(one => one.events),
      cause: reason.cause,
      ...(isSmaller ? {} : { remedy: reason.remedy }),
    })
  }
}
