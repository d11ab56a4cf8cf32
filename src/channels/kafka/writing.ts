// The way of events into the topic. Puts are written in their order; where one fails, those behind it wait until it is
// written or given up. What is known to be written is not sent again by a put that goes on.
import { backoffMs, runnerBackoff } from '../../backoff.ts'
import type { PutOptions } from '../../component.ts'
import { Fault } from '../../errors.ts'
import { ProduceFault, type Producer, type ProducerRecord } from '../../kafka-client/kafka-client.ts'
import type { Condition } from '../../observe/conditions.ts'
import { countOf } from '../../printable.ts'
import type { Clock } from '../../system/clock.ts'
import type { Random } from '../../system/random.ts'

export interface WritingParts {
  readonly producer: Producer
  readonly topic: string
  readonly clock: Clock
  readonly random: Random
  readonly condition: Condition
}

interface Put {
  /** Not known to be written. */
  left: readonly ProducerRecord[]
  /** Whether it is retried where it fails. */
  readonly waits: boolean
  /** Nobody waits for it any more. */
  readonly signal: AbortSignal
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
  isUnderWay: boolean
}

/** A put that may not wait gives up after so long; the broker has to be asked in any case. */
const leastPatienceMs = 1000
/** Puts that the producer has at a time: those behind them are given up without a trace. */
const putsUnderWay = 64

export class Writing {
  readonly #parts: WritingParts
  readonly #closing = new AbortController()
  /** In order; those under way first. */
  #puts: Put[] = []
  #running = false
  #arrived: () => void = () => {}

  constructor(parts: WritingParts) {
    this.#parts = parts
  }

  /** Those of puts that wait for the brokers. */
  get waitingEvents(): number {
    return this.#puts.reduce((sum, { left, signal }) => sum + (signal.aborted ? 0 : left.length), 0)
  }

  async put(records: readonly ProducerRecord[], { patienceMs, signal }: PutOptions): Promise<void> {
    const { clock, topic } = this.#parts
    const patience = new AbortController()
    const isBounded = patienceMs !== undefined && patienceMs !== Infinity
    const limitMs = Math.max(leastPatienceMs, patienceMs ?? 0)
    const timer = isBounded ? clock.after(limitMs, () => patience.abort()) : undefined
    const signals = [this.#closing.signal, patience.signal, ...(signal === undefined ? [] : [signal])]
    try {
      await this.#wait(records, AbortSignal.any(signals), patienceMs === Infinity)
    } catch (error) {
      if (signal?.aborted === true) throw new Fault('STOPPED', 'the put was given up: stopping')
      if (this.#closing.signal.aborted) throw new Fault('CHANNEL_CLOSED', 'the channel is closed')
      if (!patience.signal.aborted) throw error
      throw new Fault(
        'CHANNEL_FULL',
        `Kafka did not acknowledge ${countOf(records.length, 'event')} for topic ${topic} within ${limitMs / 1000} s`,
        { remedy: 'See the conditions of the channel, which name what is wrong with the brokers.' },
      )
    } finally {
      timer?.cancel()
    }
  }

  #wait(records: readonly ProducerRecord[], signal: AbortSignal, waits: boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const put: Put = { left: records, waits, signal, resolve, reject, isUnderWay: false }
      const giveUp = () => {
        // What the producer has may be written still: who retries repeats it then.
        if (!put.isUnderWay) this.#drop(put)
        reject(signal.reason)
      }
      if (signal.aborted) return giveUp()
      signal.addEventListener('abort', giveUp, { once: true })
      this.#puts.push(put)
      if (this.#running) this.#arrived()
      else void this.#run()
    })
  }

  #drop(put: Put): void {
    const at = this.#puts.indexOf(put)
    if (at !== -1) this.#puts.splice(at, 1)
  }

  /** One session after another: each ends with the first put that fails. */
  async #run(): Promise<void> {
    const { condition, clock, random, topic } = this.#parts
    this.#running = true
    while (this.#puts.length > 0 && !this.#closing.signal.aborted) {
      const failure = await this.#session()
      if (failure === null) continue
      for (const put of this.#puts) put.isUnderWay = false
      this.#puts = this.#puts.filter(put => !put.signal.aborted)
      const [first] = this.#puts
      if (first === undefined) continue
      condition.fail(`Writing events to topic ${topic}`, failure.error)
      await clock.sleep(backoffMs(condition.tries, runnerBackoff, random), this.#closing.signal)
    }
    this.#running = false
  }

  /** Until nothing is left, or a put has failed and those with it have settled. */
  async #session(): Promise<{ readonly error: unknown } | null> {
    const { producer, condition, topic } = this.#parts
    const session = producer.open()
    const underWay = new Set<Promise<void>>()
    let failure: { readonly error: unknown } | null = null
    const send = async (put: Put): Promise<void> => {
      try {
        await session.send(put.left, this.#closing.signal)
        this.#drop(put)
        condition.clear(`Events are written to topic ${topic} again`)
        put.resolve()
      } catch (error) {
        if (error instanceof ProduceFault) put.left = error.undelivered
        if (failure !== null) return
        failure = { error }
        session.end('a put before it has failed')
        if (put.waits) return
        this.#drop(put)
        put.reject(asPutFault(error))
      }
    }
    for (;;) {
      for (const put of this.#puts.slice(0, putsUnderWay)) {
        if (failure !== null || put.isUnderWay) continue
        put.isUnderWay = true
        const sending: Promise<void> = send(put).finally(() => underWay.delete(sending))
        underWay.add(sending)
      }
      if (underWay.size === 0) return failure
      const arrival = new Promise<void>(resolve => (this.#arrived = resolve))
      await Promise.race([...underWay, arrival])
    }
  }

  close(): void {
    this.#closing.abort()
  }
}

/** What a source understands: the channel did not take the events. */
function asPutFault(error: unknown): unknown {
  if (!(error instanceof ProduceFault)) return error
  return new Fault('CHANNEL_FAILED', error.message, { remedy: error.remedy, cause: error })
}
