// The Kafka channel at work: puts are written to the topic, takes are read from it by a consumer that is made with the
// first of them. Every record that is read has a number, by which events that come back keep their place.
import { Fault, messageOf } from '../../errors.ts'
import { Event } from '../../event.ts'
import type {
  Batch,
  Channel,
  CountedContext,
  FullChannel,
  PeekedEvent,
  PutOptions,
  TakeLimit,
} from '../../component.ts'
import {
  createConsumer,
  createProducer,
  nameOf,
  type ConsumedRecord,
  type Consumer,
  type ConsumerSettings,
  type Producer,
  type ProducerRecord,
  type ProducerSettings,
  type TopicPartition,
} from '../../kafka-client/kafka-client.ts'
import type { Condition } from '../../observe/conditions.ts'
import type { Logger } from '../../observe/log.ts'
import { sparing } from '../../observe/sparing-log.ts'
import { Pace } from '../../system/pace.ts'
import { AvroReader } from '../../wire/avro/binary.ts'
import { skipEvent } from '../../wire/avro/flume-event.ts'
import { HandedOut } from '../handed-out.ts'
import type { Run } from '../returned-events.ts'
import { TakeLine } from '../take-line.ts'
import { Positions } from './positions.ts'
import { Writing } from './writing.ts'

export interface KafkaChannelSettings {
  readonly topic: string
  readonly parseAsFlumeEvent: boolean
  readonly defaultPartitionId: number | undefined
  readonly partitionIdHeader: string | undefined
  readonly producer: ProducerSettings
  readonly consumer: ConsumerSettings
  /** Where the group stood before it had positions in Kafka. */
  initialPositions(signal: AbortSignal): Promise<ReadonlyMap<string, number>>
}

/** Records read ahead of the takers. */
const readAhead = 1000
/** How long a revocation waits for deliveries under way, and the stop for the last commit, which a channel may take. */
const revocationMs = 30_000
const closeMs = 1000
const retryMs = 1000
/** Whether a turn of the event loop has lasted long enough is looked at after so many records. */
const lookedAfter = 64

export class KafkaChannel implements Channel {
  readonly capacity = Infinity
  readonly transactionCapacity = Infinity
  readonly #settings: KafkaChannelSettings
  readonly #context: CountedContext
  readonly #log: Logger
  readonly #pace: Pace
  readonly #takers = new TakeLine()
  readonly #handedOut = new HandedOut()
  readonly #positions: Positions
  readonly #notWriting: Condition
  readonly #notReading: Condition
  readonly #stopping = new AbortController()
  #producer: Producer | null = null
  #writing: Writing | null = null
  #consumer: Consumer | null = null
  #reading: Promise<void> | null = null
  /** Read, and not taken yet, in the order of their numbers. */
  #fresh: { readonly number: number; readonly event: Event; readonly partition: string }[] = []
  /** In open batches. */
  readonly #taken = new Set<number>()
  #numbers = 0
  #closed = true

  constructor(settings: KafkaChannelSettings, context: CountedContext) {
    const { clock } = context.system
    this.#settings = settings
    this.#context = context
    this.#log = sparing(context.log, clock)
    this.#pace = new Pace(clock)
    this.#notWriting = context.condition('writing')
    this.#notReading = context.condition('reading')
    this.#positions = new Positions({
      clock,
      log: context.log,
      onCommit: ms => context.counters.add('KafkaCommitTimer', Math.round(ms)),
    })
  }

  /** Those that were read: how many are in the topic only Kafka knows. */
  get size(): number {
    return this.#fresh.length + this.#taken.size + this.#handedOut.returnedCount
  }

  get full(): FullChannel | null {
    const waiting = this.#writing?.waitingEvents ?? 0
    if (waiting === 0) return null
    return {
      why: `Kafka has not acknowledged the ${waiting} events that were put last`,
      remedy: 'See the other conditions of the channel, which name what is wrong with the brokers.',
    }
  }

  async start(): Promise<void> {
    const { log, condition, system, systemProperties } = this.#context
    this.#producer = createProducer({
      settings: this.#settings.producer,
      system: { ...system, systemProperties },
      log,
      condition,
    })
    this.#writing = new Writing({
      producer: this.#producer,
      topic: this.#settings.topic,
      clock: system.clock,
      random: system.random,
      condition: this.#notWriting,
    })
    this.#closed = false
  }

  async put(events: readonly Event[], options: PutOptions = {}): Promise<void> {
    if (this.#closed) throw this.#closedFault()
    if (options.signal?.aborted === true) throw new Fault('STOPPED', 'the put was given up: stopping')
    if (events.length === 0) return
    const { counters, system } = this.#context
    counters.add('EventPutAttemptCount', events.length)
    const records = events.map(event => this.#recordOf(event))
    const begin = system.clock.monotonic()
    await this.#writing!.put(records, options)
    counters.add('KafkaEventSendTimer', Math.round(system.clock.monotonic() - begin))
    counters.add('EventPutSuccessCount', events.length)
  }

  #recordOf(event: Event): ProducerRecord {
    const { topic, parseAsFlumeEvent } = this.#settings
    const key = event.headers.get('key')
    const partition = this.#partitionOf(event)
    return {
      topic,
      ...(partition !== undefined && { partition }),
      key: key === undefined ? null : Buffer.from(key),
      value: parseAsFlumeEvent ? event.encoded : event.body,
    }
  }

  #partitionOf({ headers }: Event): number | undefined {
    const { partitionIdHeader, defaultPartitionId } = this.#settings
    const given = partitionIdHeader === undefined ? undefined : headers.get(partitionIdHeader)
    if (given === undefined) return defaultPartitionId
    if (/^\+?\d+$/.test(given) && Number(given) <= 2_147_483_647) return Number(given)
    throw new Fault(
      'CHANNEL_FAILED',
      `the header "${partitionIdHeader}" of an event is no partition number: ${JSON.stringify(given.slice(0, 100))}`,
      { remedy: 'Correct what sets the header, or remove partitionIdHeader from the channel.' },
    )
  }

  async take(limit: TakeLimit, signal: AbortSignal): Promise<Batch | null> {
    if (this.#closed) throw this.#closedFault()
    const batch = signal.aborted || this.#takers.length > 0 ? null : this.#next(limit)
    if (batch !== null) return batch
    if (signal.aborted) return null
    const waiting = this.#takers.wait(limit, signal)
    this.#reading ??= this.#read()
    return await waiting
  }

  async peek(limit: TakeLimit): Promise<readonly PeekedEvent[]> {
    return this.#handedOut.peek(limit, runsOf(this.#fresh))
  }

  #next(limit: TakeLimit): Batch | null {
    const runs = this.#handedOut.again(limit) ?? this.#takeFresh(limit)
    if (runs === null) return null
    const { counters } = this.#context
    const numbers = runs.flatMap(numbersOf)
    for (const number of numbers) this.#taken.add(number)
    counters.add('EventTakeAttemptCount', numbers.length)
    const batch = this.#handedOut.open(runs, {
      remove: async run => this.#remove(run),
      onReturned: () => this.#serve(),
    })
    /** What is left of the batch is with nobody, or comes again. A second end rejects. */
    let isOpen = true
    const end = (how: () => Promise<void>): Promise<void> => {
      if (isOpen) for (const number of numbers) this.#taken.delete(number)
      isOpen = false
      return how()
    }
    return {
      events: batch.events,
      commit: () => end(() => batch.commit()),
      rollback: () => {
        if (isOpen) counters.add('RollbackCount', batch.events.length)
        return end(() => batch.rollback())
      },
      commitExcept: left => {
        if (isOpen) counters.add('RollbackCount', left.length)
        return end(() => batch.commitExcept(left))
      },
    }
  }

  #takeFresh(limit: TakeLimit): Run[] | null {
    let bytes = 0
    let count = 0
    for (const { event } of this.#fresh) {
      bytes += limit.bytes === undefined ? 0 : event.size
      if (count === limit.events || (count > 0 && bytes > (limit.bytes ?? Infinity))) break
      count++
    }
    return count === 0 ? null : runsOf(this.#fresh.splice(0, count))
  }

  #remove(run: Run): void {
    this.#context.counters.add('EventTakeSuccessCount', run.events.length)
    this.#positions.remove(numbersOf(run))
  }

  #serve(): void {
    this.#handedOut.forget(number => this.#positions.isForgotten(number))
    this.#takers.serve(limit => this.#next(limit))
  }

  /** Reads as long as somebody waits for events. */
  async #read(): Promise<void> {
    const { signal } = this.#stopping
    const { clock } = this.#context.system
    while (!signal.aborted && this.#takers.length > 0)
      try {
        this.#consumer ??= await this.#consume(signal)
        const begin = clock.monotonic()
        const records = await this.#consumer.poll({ maxRecords: readAhead, signal })
        this.#context.counters.add('KafkaEventGetTimer', Math.round(clock.monotonic() - begin))
        await this.#keep(records)
        this.#notReading.clear(`Topic ${this.#settings.topic} is read again`)
        this.#serve()
      } catch (error) {
        if (signal.aborted) break
        // What the consumer knows of is a condition of its own.
        if (this.#consumer === null) this.#notReading.fail(`Reading topic ${this.#settings.topic}`, error)
        else this.#context.log.debug(`records cannot be fetched: ${messageOf(error)}`)
        await clock.sleep(retryMs, signal)
      }
    this.#reading = null
  }

  async #consume(signal: AbortSignal): Promise<Consumer> {
    const { log, condition, system, systemProperties, counters } = this.#context
    const { topic, consumer: settings } = this.#settings
    const consumer = createConsumer({
      settings,
      topics: [topic],
      initialPositions: await this.#settings.initialPositions(signal),
      system: { ...system, systemProperties },
      log,
      condition,
      onRevoked: partitions => this.#giveUp(partitions),
      onLost: partitions => this.#forget(partitions),
      onGone: ({ from, to }) => counters.addOwn('records_gone', to - from + 1),
      onCut: ({ from, to }) => counters.addOwn('records_cut_off', to - from + 1),
      onRecreated: partition => {
        counters.addOwn('partitions_recreated')
        this.#forget([partition])
      },
    })
    this.#positions.commitWith(consumer)
    consumer.start()
    return consumer
  }

  async #keep(records: readonly ConsumedRecord[]): Promise<void> {
    for (const [index, record] of records.entries()) {
      const number = this.#numbers++
      this.#positions.add(number, record)
      const event = this.#eventOf(record)
      if (event === null) this.#positions.remove([number])
      else this.#fresh.push({ number, event, partition: nameOf(record) })
      if (index % lookedAfter === 0 && this.#pace.isOver) await this.#pace.turn()
    }
  }

  /** Null where it is none. */
  #eventOf(record: ConsumedRecord): Event | null {
    const { counters } = this.#context
    let event: Event
    try {
      event = this.#settings.parseAsFlumeEvent
        ? decoded(record.value)
        : Event.of(new Map(), record.value ?? '')
      if (record.key !== null) event.setHeader('key', record.key.toString())
      return event
    } catch (error) {
      counters.addOwn('records_not_flume_events')
      this.#log.warn(
        `the record at ${nameOf(record)} offset ${record.offset} is no event of Flume and is skipped: ${messageOf(error)}. With parseAsFlumeEvent = false any record is an event`,
      )
      return null
    }
  }

  /** Another member gets them: what takers have of them is finished and committed first. */
  async #giveUp(partitions: readonly TopicPartition[]): Promise<void> {
    const names = new Set(partitions.map(nameOf))
    this.#fresh = this.#fresh.filter(({ partition }) => !names.has(partition))
    const patience = new AbortController()
    const timer = this.#context.system.clock.after(revocationMs, () => patience.abort())
    const signal = AbortSignal.any([patience.signal, this.#stopping.signal])
    await this.#positions.giveUp(partitions, number => this.#taken.has(number), signal)
    timer.cancel()
    this.#forget(partitions)
  }

  #forget(partitions: readonly TopicPartition[]): void {
    const names = new Set(partitions.map(nameOf))
    this.#fresh = this.#fresh.filter(({ partition }) => !names.has(partition))
    this.#positions.forget(partitions)
    this.#handedOut.forget(number => this.#positions.isForgotten(number))
  }

  async stop(): Promise<void> {
    const { clock } = this.#context.system
    if (this.#closed) return
    this.#closed = true
    this.#takers.failAll(() => this.#closedFault())
    this.#stopping.abort()
    this.#writing?.close()
    this.#positions.close()
    const patience = new AbortController()
    const timer = clock.after(closeMs, () => patience.abort())
    await this.#positions.flush(patience.signal)
    await Promise.race([
      Promise.all([this.#consumer?.close(), this.#producer?.close(), this.#reading]),
      clock.sleep(closeMs, patience.signal),
    ])
    timer.cancel()
  }

  #closedFault(): Fault {
    return new Fault('CHANNEL_CLOSED', `channel ${this.#context.name} is closed`)
  }
}

/** Throws where the bytes are no event, or have more headers than are allowed. */
function decoded(value: Buffer | null): Event {
  const bytes = value ?? Buffer.alloc(0)
  const end = skipEvent(new AvroReader(bytes))
  return Event.fromEncoded(end === bytes.length ? bytes : bytes.subarray(0, end))
}

const numbersOf = ({ first, events }: Run): number[] => events.map((_, index) => first + index)

/** Numbers without a gap are a run. */
function runsOf(fresh: readonly { readonly number: number; readonly event: Event }[]): Run[] {
  const runs: { first: number; events: Event[] }[] = []
  for (const { number, event } of fresh) {
    const last = runs.at(-1)
    if (last !== undefined && last.first + last.events.length === number) last.events.push(event)
    else runs.push({ first: number, events: [event] })
  }
  return runs
}
