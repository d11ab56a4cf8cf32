// The Kafka source at work: records to the channel, several batches under way, and positions committed
// behind them. A position is committed only when the channel has every event before it, so that a kill
// at any moment repeats events and loses none.
import type { ChannelProcessor, Handovers } from '../../component.ts'
import { messageOf } from '../../errors.ts'
import type { Event } from '../../event.ts'
import type { Counters } from '../../observe/counters.ts'
import type { Logger } from '../../observe/log.ts'
import type { Origin } from '../../origin/origin.ts'
import { oncePerSecond } from '../../observe/sparing-log.ts'
import type { Clock } from '../../system/clock.ts'
import { itemBytes, type MemoryBudget, type MemoryShare } from '../../system/memory-budget.ts'
import type { ConsumedRecord, Consumer, Position, TopicPartition } from '../../kafka-client/kafka-client.ts'

/** What the intake needs of a consumer. */
export type RecordSupply = Pick<Consumer, 'poll' | 'commit'>

export interface IntakeParts {
  readonly batchSize: number
  /** A poll that brings nothing for so long ends and is counted. */
  readonly emptyPollMs: number
  readonly processor: ChannelProcessor
  readonly counters: Counters
  readonly clock: Clock
  readonly memory: MemoryBudget
  readonly log: Logger
  /** Where the record stands, for the header of its event; absent where events have no such header. */
  originOf?(record: ConsumedRecord): Origin
  /** Null skips the record. */
  makeEvent(record: ConsumedRecord, origin: Origin | null): Event | null
  endBatch(): void
}

interface Flight {
  readonly events: readonly Event[]
  readonly positions: ReadonlyMap<string, Position>
  readonly bytes: number
  /** What it hands over of each partition, for the coverage of its channels. */
  readonly handovers: Handovers | undefined
  /** For how many times its partitions had been given away when it was read. */
  readonly tenures: ReadonlyMap<string, number>
  state: 'under way' | 'accepted' | 'refused'
  error?: unknown
}

/** Records of a poll where more than a batch waits, as far as the channels have room for. */
const gatheredRecords = 500
/** Polls' worth handed to the channel and not yet accepted, and their bytes: another is begun below both. */
const windowPolls = (records: number) => Math.min(128, Math.max(4, Math.ceil(2000 / records)))
const windowBytes = 33_554_432
/** How long events are made in one turn, ms, which is looked at after so many records. */
const turnMs = 10
const lookedAfter = 16
/** How long a revocation waits for the channel before the partitions are given away regardless. */
const revocationPatienceMs = 30_000
const commitBackoffMs = 1000
/** How long the end waits for the last commit; records not committed are delivered again. */
const closePatienceMs = 3000

const nameOf = ({ topic, partition }: TopicPartition) => `${topic}-${partition}`

export class Intake {
  readonly #parts: IntakeParts
  readonly #supply: RecordSupply
  #flights: Flight[] = []
  /** In the memory budget: what is under way. */
  readonly #share: MemoryShare
  /** Accepted by the channel and not yet committed. */
  #uncommitted = new Map<string, Position>()
  /** On their way to the group. */
  #inCommit = new Map<string, Position>()
  /** How often each partition has been given away or lost; what was read before counts no more. */
  readonly #tenures = new Map<string, number>()
  #lost: () => void = () => {}
  #committing: Promise<void> | null = null
  #interrupt: () => void = () => {}
  #landed: () => void = () => {}
  #isClosing = false
  /** What the log has not said of, by partition. */
  readonly #committed = new Map<string, number>()
  readonly #tellCommits: () => void

  constructor(parts: IntakeParts, supply: RecordSupply) {
    this.#parts = parts
    this.#supply = supply
    this.#share = parts.memory.share()
    this.#tellCommits = oncePerSecond(parts.log, parts.clock, () => {
      const told = [...this.#committed].map(([name, offset]) => `${name} at ${offset}`)
      this.#committed.clear()
      return `positions committed: ${told.join(', ')}`
    })
  }

  /** One batch from the supply to the channel; does not wait for the channel while the window has room. */
  async poll(signal: AbortSignal): Promise<void> {
    await this.#putRefusedAgain(signal)
    while (this.#isFull()) {
      await this.#nextLanding()
      if (this.#flights.some(flight => flight.state === 'refused')) return
    }
    const { counters, clock } = this.#parts
    const begin = clock.monotonic()
    const records = await this.#supplied(signal)
    if (records.length === 0) {
      if (!signal.aborted) counters.add('KafkaEmptyCount')
      return
    }
    counters.add('KafkaEventGetTimer', Math.round(clock.monotonic() - begin))
    for (let rest = records; rest.length > 0;) {
      const { flight, count } = this.#flightOf(rest)
      this.#flights.push(flight)
      this.#share.add(flight.bytes)
      void this.#put(flight, signal)
      rest = count === rest.length ? [] : await this.#afterTurn(rest.slice(count))
      // What is in no flight is not committed either.
      if (signal.aborted) return
    }
  }

  /** In the next turn: without records of partitions that were given away meanwhile, which others read. */
  async #afterTurn(records: readonly ConsumedRecord[]): Promise<readonly ConsumedRecord[]> {
    const tenures = new Map(records.map(record => [nameOf(record), this.#tenureOf(nameOf(record))]))
    await new Promise<void>(resolve => this.#parts.clock.soon(resolve))
    return records.filter(record => tenures.get(nameOf(record)) === this.#tenureOf(nameOf(record)))
  }

  /** Of a poll: what waits is put together, however small batches are. */
  get #mostRecords(): number {
    const { batchSize, processor } = this.#parts
    return Math.max(batchSize, Math.min(gatheredRecords, processor.gathered ?? 0))
  }

  #isFull(): boolean {
    // The first batch always goes: when it has landed, so has what it holds.
    if (this.#flights.length === 0) return false
    const isLong = this.#flights.length >= windowPolls(this.#mostRecords)
    return isLong || this.#share.heldBytes >= windowBytes || !this.#share.mayRead(false)
  }

  /** Empty when nothing came for long, when a batch was refused meanwhile, and at the end. */
  async #supplied(signal: AbortSignal): Promise<readonly ConsumedRecord[]> {
    const { emptyPollMs, clock } = this.#parts
    const interrupt = new AbortController()
    const end = () => interrupt.abort('end')
    this.#interrupt = end
    signal.addEventListener('abort', end)
    const timer = clock.after(emptyPollMs, end, { background: true })
    if (signal.aborted) end()
    try {
      return await this.#supply.poll({ maxRecords: this.#mostRecords, signal: interrupt.signal })
    } finally {
      timer.cancel()
      signal.removeEventListener('abort', end)
    }
  }

  /** Waits until the channel has what it was given of the partitions, and commits that. */
  async giveUp(partitions: readonly TopicPartition[]): Promise<void> {
    const { clock, log } = this.#parts
    const names = new Set(partitions.map(nameOf))
    const isConcerned = (flight: Flight) => [...flight.positions.keys()].some(name => names.has(name))
    const patience = new AbortController()
    const expired = clock.sleep(revocationPatienceMs, patience.signal).then(() => true)
    const finish = async () => {
      while (!this.#isClosing && this.#flights.some(isConcerned)) await this.#nextLanding()
      await this.#commitAll()
      return false
    }
    const lost = new Promise<boolean>(resolve => (this.#lost = () => resolve(false)))
    if (await Promise.race([finish(), expired, lost]))
      log.warn(
        `partitions were given away before the channel had taken all their records (${revocationPatienceMs} ms); ` +
          'another member of the group will deliver some of them again',
      )
    patience.abort()
    this.forget(partitions)
  }

  /**
   * The partitions belong to somebody else already: what is not committed stays so, also what the channel
   * takes from now on. Should they come back, it must not set the group back to where we were.
   */
  forget(partitions: readonly TopicPartition[]): void {
    for (const name of partitions.map(nameOf)) {
      this.#tenures.set(name, this.#tenureOf(name) + 1)
      this.#uncommitted.delete(name)
      this.#inCommit.delete(name)
    }
    this.#lost()
  }

  #tenureOf(name: string): number {
    return this.#tenures.get(name) ?? 0
  }

  /** After the last poll: waits for what is under way (its signal is aborted) and commits what was accepted. */
  async close(): Promise<void> {
    this.#isClosing = true
    while (this.#flights.some(flight => flight.state === 'under way')) await this.#nextLanding()
    const done = new AbortController()
    await Promise.race([this.#commitAll(), this.#parts.clock.sleep(closePatienceMs, done.signal)])
    done.abort()
    this.#share.close()
  }

  /** Of all records, or of as many as a turn of the event loop may take: events may have many headers. */
  #flightOf(records: readonly ConsumedRecord[]): { flight: Flight; count: number } {
    const { originOf, makeEvent, endBatch, counters, clock } = this.#parts
    const until = clock.monotonic() + turnMs
    const events: Event[] = []
    const positions = new Map<string, Position>()
    let name = ''
    let bytes = 0
    let last: ConsumedRecord | undefined
    const handovers: { partition: string; from: number; to: number }[] | undefined = originOf && []
    const note = () => {
      if (last === undefined) return
      positions.set(name, { topic: last.topic, partition: last.partition, offset: last.offset + 1 })
    }
    let count = 0
    while (count < records.length) {
      const record = records[count++]!
      if (last === undefined || last.partition !== record.partition || last.topic !== record.topic) {
        note()
        name = nameOf(record)
      }
      last = record
      bytes += (record.key?.length ?? 0) + (record.value?.length ?? 0) + itemBytes
      const origin = originOf?.(record) ?? null
      if (origin !== null) addHandover(handovers!, origin)
      const event = makeEvent(record, origin)
      if (event !== null) events.push(event)
      if (count % lookedAfter === 0 && clock.monotonic() > until) break
    }
    note()
    endBatch()
    counters.add('EventReceivedCount', events.length)
    const tenures = new Map([...positions.keys()].map(one => [one, this.#tenureOf(one)]))
    return { flight: { events, positions, bytes, handovers, tenures, state: 'under way' }, count }
  }

  async #put(flight: Flight, signal: AbortSignal): Promise<void> {
    flight.state = 'under way'
    try {
      const { events, handovers } = flight
      if (events.length > 0 || handovers !== undefined)
        await this.#parts.processor.processUntilAccepted(events, signal, handovers)
      flight.state = 'accepted'
    } catch (error) {
      flight.state = 'refused'
      flight.error = error
      this.#interrupt()
    }
    this.#land()
  }

  /** Takes accepted flights off the front: positions advance in order, whatever order flights end in. */
  #land(): void {
    const { counters } = this.#parts
    while (this.#flights[0]?.state === 'accepted') {
      const { events, positions, tenures, bytes } = this.#flights.shift()!
      this.#share.add(-bytes)
      counters.add('EventAcceptedCount', events.length)
      for (const [name, position] of positions)
        if (tenures.get(name) === this.#tenureOf(name)) this.#uncommitted.set(name, position)
    }
    if (this.#uncommitted.size > 0) this.#committing ??= this.#commitBehind()
    this.#landed()
  }

  #nextLanding(): Promise<void> {
    const before = this.#landed
    return new Promise(resolve => {
      this.#landed = () => {
        before()
        this.#landed = () => {}
        resolve()
      }
    })
  }

  /** What the channel refused for good (a batch larger than its transactions) is offered again, as it is. */
  async #putRefusedAgain(signal: AbortSignal): Promise<void> {
    for (const flight of this.#flights.filter(one => one.state === 'refused')) {
      await this.#put(flight, signal)
      // The state has changed behind the compiler's back.
      if ((flight.state as Flight['state']) === 'refused') throw flight.error
    }
  }

  /** One commit at a time; what was accepted meanwhile goes with the next. Never rejects. */
  async #commitBehind(): Promise<void> {
    const { counters, clock, log } = this.#parts
    // A turn of the event loop, so that batches accepted together are committed together.
    await new Promise<void>(resolve => clock.soon(resolve))
    while (this.#uncommitted.size > 0) {
      const positions = this.#uncommitted
      this.#uncommitted = new Map()
      this.#inCommit = positions
      const begin = clock.monotonic()
      try {
        await this.#supply.commit([...positions.values()])
        this.#tellCommitted(positions)
        counters.add('KafkaCommitTimer', Math.round(clock.monotonic() - begin))
      } catch (error) {
        // The consumer reports it where it lasts.
        log.debug(`positions were not committed (${messageOf(error)}); they are committed with the next`)
        if (this.#isClosing) {
          log.warn(`positions were not committed (${messageOf(error)}); their records may be delivered again`)
          break
        }
        for (const [name, position] of positions)
          if (!this.#uncommitted.has(name)) this.#uncommitted.set(name, position)
        await clock.sleep(commitBackoffMs)
      }
    }
    this.#committing = null
  }

  #tellCommitted(positions: ReadonlyMap<string, Position>): void {
    if (!this.#parts.log.debugs) return
    for (const [name, { offset }] of positions) this.#committed.set(name, offset)
    this.#tellCommits()
  }

  async #commitAll(): Promise<void> {
    while (this.#committing !== null) await this.#committing
  }
}

/** To what is handed over already where it follows, as records of one partition do. */
function addHandover(
  all: { partition: string; from: number; to: number }[],
  { partition, from, to }: Origin,
): void {
  const before = all.findLast(one => one.partition === partition)
  if (before?.to === from - 1) before.to = to
  else all.push({ partition, from, to })
}
