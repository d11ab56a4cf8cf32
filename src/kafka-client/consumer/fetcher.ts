// Fetches ahead of the polls: one request under way to each leader, for all of its partitions whose
// buffers have room; the next one goes out before the answer is looked at by anybody. A partition is
// fetched again as soon as it holds less than one answer's worth.
import { Fault, messageOf } from '../../errors.ts'
import type { Logger } from '../../observe/log.ts'
import { sparing } from '../../observe/sparing-log.ts'
import type { ResponseOf } from '../../wire/kafka/api.ts'
import { errorCodes } from '../../wire/kafka/error-codes.ts'
import { zeroUuid } from '../../wire/kafka/fields.ts'
import { fetch } from '../../wire/kafka/messages/fetch.ts'
import { areSoundInSteps } from '../../wire/kafka/record-set.ts'
import { Pace } from '../../system/pace.ts'
import { FetchBuffer, type Room } from './fetch-buffer.ts'
import type { FetcherParts } from './fetcher-parts.ts'
import { PartitionTroubles } from './partition-troubles.ts'
import { isFinal, isFinalCode, refuse, wordsOf } from '../connection/refusal.ts'
import {
  nameOf,
  type ConsumedRecord,
  type Position,
  type RecordLimits,
  type TopicPartition,
} from '../contract.ts'
import type { Timer } from '../../system/clock.ts'

/** Records fetched but not yet polled, over all partitions, bytes. */
const readAheadBytes = 16_777_216

const defaultRecordLimits: RecordLimits = {
  maxRecordBytes: 67_108_864,
  passesOverLarge: false,
  remedy: 'Read on behind it, from the next offset.',
}
/** Most records and bytes of one poll, which is worked on in one turn of the event loop. */
const pollRecords = 10_000
const pollBytes = 4 * 1024 * 1024
/** Bytes of one answer whose checksums are verified in the turn in which it is taken in. */
const checkedAtOnce = 524_288

type PartitionAnswer = ResponseOf<typeof fetch>['responses'][number]['partitions'][number]

export class Fetcher {
  readonly #parts: FetcherParts
  readonly #buffers = new Map<string, FetchBuffer>()
  readonly #busyLeaders = new Set<number>()
  /** Leaders that asked not to be asked before, monotonic ms. */
  readonly #throttled = new Map<number, number>()
  readonly #stop = new AbortController()
  readonly #pace: Pace
  /** Where the next poll starts, so that no partition starves. */
  #turn = 0
  #ring: FetchBuffer[] = []
  #wake: () => void = () => {}
  #fault: Fault | null = null
  #isKicked = false
  /** Ends the earliest rest of a partition or a leader. */
  #alarm: { at: number; timer: Timer } | null = null
  #isLearning = false
  /** Why partitions are not read. */
  readonly #troubles: PartitionTroubles
  /** Of what records may bring as often as they like. */
  readonly #log: Logger

  constructor(parts: FetcherParts) {
    this.#parts = parts
    this.#pace = new Pace(parts.system.clock)
    this.#troubles = new PartitionTroubles(parts.condition, 'cannot be read')
    this.#log = sparing(parts.log, parts.system.clock)
  }

  add(positions: readonly Position[]): void {
    const { settings, system, onLeftOut, recordLimits = defaultRecordLimits, recordOrigins } = this.#parts
    const { maxPartitionFetchBytes: maxBytes } = settings
    for (const position of positions) {
      const name = nameOf(position)
      this.#buffers.get(name)?.share.close()
      const buffer = new FetchBuffer(
        position,
        system.memory.share(() => this.wake()),
        {
          maxBytes,
          ...recordLimits,
          recordOrigins,
          onLeftOut: (offset, what, isWhole) => {
            onLeftOut?.({ ...position, offset }, what, isWhole)
            this.#log.warn(`${what} of the record at ${name} offset ${offset} are left out`)
          },
        },
      )
      this.#buffers.set(name, buffer)
    }
    this.#ring = [...this.#buffers.values()]
    this.kick()
  }

  remove(partitions: readonly TopicPartition[]): void {
    for (const name of partitions.map(nameOf)) {
      this.#buffers.get(name)?.share.close()
      this.#buffers.delete(name)
      this.#troubles.over(name)
    }
    this.#ring = [...this.#buffers.values()]
  }

  get partitions(): readonly TopicPartition[] {
    return this.#ring
  }

  /** Looks again whether there is something to hand out, or to fetch. */
  wake(): void {
    this.#wake()
    this.kick()
  }

  buffer(partition: TopicPartition): FetchBuffer | undefined {
    return this.#buffers.get(nameOf(partition))
  }

  /** The next poll, or the one that waits, rejects with it. */
  raise(fault: Fault): void {
    this.#fault = fault
    this.#wake()
  }

  close(): void {
    this.#stop.abort()
    this.#alarm?.timer.cancel()
    for (const { share } of this.#ring) share.close()
    this.#wake()
  }

  /** As soon as there is one record, `maxRecords` at most and no more than a turn may take; empty when the signal is aborted first, or at the end. */
  async poll(maxRecords: number, signal: AbortSignal): Promise<ConsumedRecord[]> {
    for (;;) {
      const out: ConsumedRecord[] = []
      const isThrough = this.#take(out, { records: Math.min(maxRecords, pollRecords), bytes: pollBytes })
      if (out.length > 0 || signal.aborted || this.#stop.signal.aborted) return out
      if (!isThrough) {
        await new Promise<void>(resolve => this.#parts.system.clock.soon(resolve))
        continue
      }
      const fault = this.#fault
      if (fault !== null) {
        this.#fault = null
        throw fault
      }
      await new Promise<void>(resolve => {
        const done = () => {
          signal.removeEventListener('abort', done)
          resolve()
        }
        this.#wake = done
        signal.addEventListener('abort', done, { once: true })
      })
    }
  }

  /** False where there is more to unpack before there are records: in another turn of the event loop. */
  #take(out: ConsumedRecord[], room: Room): boolean {
    if (this.#parts.isHeld()) return true
    const ring = this.#ring
    let isThrough = true
    for (let count = 0; count < ring.length && isThrough && room.records > 0 && room.bytes > 0; count++) {
      const buffer = ring[(this.#turn + count) % ring.length]!
      if (buffer.isPaused || !buffer.hasRecords) continue
      const { position } = buffer
      try {
        isThrough = buffer.take(out, room)
        if (buffer.position === position) continue
        if (buffer.isUnreadable) this.#troubles.over(buffer.name)
        buffer.isUnreadable = false
      } catch (error) {
        this.#damaged(buffer, error as Fault)
      }
    }
    if (out.length > 0) {
      this.#turn = (this.#turn + 1) % ring.length
      this.kick()
    }
    return isThrough
  }

  /** Sends requests to leaders that have none under way and something to give. */
  kick(): void {
    if (this.#isKicked || this.#stop.signal.aborted) return
    this.#isKicked = true
    void Promise.resolve().then(() => {
      this.#isKicked = false
      this.#fetchAll()
    })
  }

  #fetchAll(): void {
    const { cluster, settings, system } = this.#parts
    if (this.#stop.signal.aborted) return
    const now = system.clock.monotonic()
    let held = 0
    for (const buffer of this.#ring) {
      this.#compareIds(buffer)
      held += buffer.bytes
    }
    const byLeader = new Map<number, { ready: FetchBuffer[]; isHeldBack: boolean }>()
    for (const buffer of this.#ring) {
      if (buffer.isPaused || buffer.isResetting) continue
      if (buffer.restsUntil > now) {
        this.#kickAt(buffer.restsUntil)
        continue
      }
      const leader = this.#isUnknown(buffer) ? -1 : cluster.leaderOf(buffer.topic, buffer.partition)
      if (this.#busyLeaders.has(leader)) continue
      const throttledUntil = this.#throttled.get(leader) ?? 0
      if (throttledUntil > now) {
        this.#kickAt(throttledUntil)
        continue
      }
      let plan = byLeader.get(leader)
      if (plan === undefined) byLeader.set(leader, (plan = { ready: [], isHeldBack: false }))
      if (
        buffer.bytes < settings.maxPartitionFetchBytes &&
        (held < readAheadBytes || buffer.bytes === 0) &&
        buffer.share.mayRead(buffer.bytes === 0)
      )
        plan.ready.push(buffer)
      else plan.isHeldBack = true
    }
    for (const [leader, { ready, isHeldBack }] of byLeader)
      if (ready.length === 0) continue
      else if (leader === -1) this.#miss(ready)
      else void this.#fetchFrom(leader, ready, isHeldBack)
  }

  /** A position counts in the topic of one id alone: another of the same name is read from its start. */
  #compareIds(buffer: FetchBuffer): void {
    const { topicId, position, fetchOffset } = buffer
    const id = this.#parts.cluster.idOf(buffer.topic)
    if (id === topicId || id === '') return
    buffer.topicId = id
    if (topicId === '') return
    buffer.moveTo(0)
    buffer.isUnreadable = false
    this.#parts.onRecreated(buffer, { position, fetchOffset })
  }

  /**
   * A broker did not know the topic, and it was not listed since: one that is there again may be another, of which the
   * position would be read as if it were the same.
   */
  #isUnknown({ topic, unknownAt }: FetchBuffer): boolean {
    return unknownAt >= (this.#parts.cluster.topic(topic)?.seenAt ?? Infinity)
  }

  #miss(buffers: readonly FetchBuffer[]): void {
    for (const { name, topic, partition } of buffers) {
      const { why, isFinal: atOnce } = this.#parts.cluster.whyNoLeader(topic, partition)
      this.#troubles.note(name, why, { atOnce })
    }
    void this.#learnLeaders()
  }

  /** A timer may ring a little early: then this is called again. */
  #kickAt(at: number): void {
    if (this.#alarm !== null && this.#alarm.at <= at) return
    this.#alarm?.timer.cancel()
    const { clock } = this.#parts.system
    const ring = () => {
      this.#alarm = null
      this.kick()
    }
    const timer = clock.after(Math.max(1, at - clock.monotonic()), ring, { background: true })
    this.#alarm = { at, timer }
  }

  async #fetchFrom(leader: number, ready: readonly FetchBuffer[], isHeldBack: boolean): Promise<void> {
    const { cluster, settings, system } = this.#parts
    this.#busyLeaders.add(leader)
    const asked = ready.map(buffer => ({ buffer, offset: buffer.fetchOffset, topicId: buffer.topicId }))
    let isConnected = false
    try {
      const connection = await cluster.connect(leader, 'fetch')
      isConnected = true
      // From version 13 on topics are named by their ids alone.
      const version = connection.versionOf(fetch, ready.every(one => one.topicId !== '') ? undefined : 12)
      // Kafka 2.7 and later compare with their log.
      const tellsCuts = version >= 12
      const byTopic = Map.groupBy(asked, ({ buffer }) => buffer.topic)
      // Where a buffer is full, its partition must not wait for the silence of the others.
      const maxWaitMs = isHeldBack ? Math.min(50, settings.fetchMaxWaitMs) : settings.fetchMaxWaitMs
      const answer = await connection.request(
        fetch,
        {
          maxWaitMs,
          minBytes: settings.fetchMinBytes,
          maxBytes: Math.min(settings.fetchMaxBytes, readAheadBytes),
          isolationLevel: settings.readCommitted ? 1 : 0,
          topics: [...byTopic].map(([topic, list]) => ({
            topic,
            topicId: list[0]!.buffer.topicId || zeroUuid,
            partitions: list.map(({ buffer, offset }) => ({
              partition: buffer.partition,
              fetchOffset: offset,
              lastFetchedEpoch: tellsCuts ? buffer.leaderEpoch : -1,
              partitionMaxBytes: buffer.maxBytes,
            })),
          })),
          forgottenTopicsData: [],
        },
        maxWaitMs,
        version,
      )
      if (answer.throttleTimeMs > 0)
        this.#throttled.set(leader, cluster.noteThrottle(connection.where, answer))
      refuse(answer.errorCode, `${connection.where} refuses to be read`)
      const sound = await this.#soundOf(answer)
      if (this.#stop.signal.aborted) return
      this.#accept(asked, answer, sound)
    } catch (error) {
      if (this.#stop.signal.aborted) return
      this.#parts.log.debug(`fetching from broker ${leader} failed: ${messageOf(error)}`)
      // That a broker cannot be connected to is a condition of its own.
      for (const { buffer } of asked)
        if (isConnected) this.#failed(buffer, messageOf(error), { isFinal: isFinal(error) })
        else this.#rest(buffer, system.clock.monotonic())
      void this.#learnLeaders()
    } finally {
      this.#busyLeaders.delete(leader)
      for (const { share, isUnpacking } of ready) if (!isUnpacking) share.finished()
      this.kick()
    }
  }

  /** Records that have passed their checksums: of large answers, which take several turns of the event loop. */
  async #soundOf({ responses }: ResponseOf<typeof fetch>): Promise<ReadonlySet<Buffer>> {
    const sound = new Set<Buffer>()
    if (!this.#parts.settings.checkCrcs) return sound
    const all = responses.flatMap(one => one.partitions.flatMap(({ records }) => records ?? []))
    if (all.reduce((sum, one) => sum + one.length, 0) <= checkedAtOnce) return sound
    for (const records of all) if (await this.#pace.run(areSoundInSteps(records))) sound.add(records)
    return sound
  }

  #accept(
    asked: readonly { buffer: FetchBuffer; offset: number; topicId: string }[],
    answer: ResponseOf<typeof fetch>,
    sound: ReadonlySet<Buffer>,
  ): void {
    const open = new Map(asked.map(({ buffer, offset }) => [buffer, offset]))
    const names = new Map(asked.map(({ buffer, topicId }) => [topicId, buffer.topic]))
    let hasNew = false
    for (const { topic, topicId, partitions } of answer.responses)
      for (const one of partitions) {
        const name = topic === '' ? names.get(topicId)! : topic
        const buffer = this.#buffers.get(nameOf({ topic: name, partition: one.partitionIndex }))
        // Given away, or moved, since it was asked for.
        if (buffer === undefined || open.get(buffer) !== buffer.fetchOffset) continue
        // Asked of a topic that has been created again since, at the same offset.
        if (topic === '' && buffer.topicId !== topicId) continue
        open.delete(buffer)
        if (one.errorCode !== 0) this.#refused(buffer, one)
        else if (one.divergingEpoch.endOffset >= 0) void this.#cut(buffer, one.divergingEpoch)
        else if (this.#load(buffer, one, sound)) hasNew = true
      }
    for (const [buffer, offset] of open)
      if (buffer.fetchOffset === offset) this.#failed(buffer, 'the broker does not answer for it')
    if (hasNew) this.#wake()
  }

  #load(
    buffer: FetchBuffer,
    { records, abortedTransactions }: PartitionAnswer,
    sound: ReadonlySet<Buffer>,
  ): boolean {
    const { checkCrcs, readCommitted } = this.#parts.settings
    const { maxBytes, fetchOffset } = buffer
    try {
      const isNew =
        records !== null &&
        buffer.load(records, checkCrcs && !sound.has(records), readCommitted ? abortedTransactions : null)
      if (!isNew && records !== null && records.length > 0 && buffer.maxBytes === maxBytes)
        this.#failed(buffer, `the broker sends no whole batch that holds offset ${fetchOffset}`)
      else {
        buffer.failures = 0
        if (!buffer.isUnreadable) this.#troubles.over(buffer.name)
      }
      return isNew
    } catch (error) {
      this.#damaged(buffer, error as Fault)
      return buffer.hasRecords
    }
  }

  /** It is asked for again after a rest; `problem` is reported where that lasts. */
  #failed(
    buffer: FetchBuffer,
    problem: string,
    { isFinal: atOnce = false, atLeastMs = 0, remedy = '' } = {},
  ): void {
    this.#rest(buffer, this.#parts.system.clock.monotonic(), atLeastMs)
    if (this.#buffers.has(buffer.name)) this.#troubles.note(buffer.name, problem, { atOnce, remedy })
  }

  /**
   * The leader's log parts from what was read before at `endOffset` (KIP-595): a leader before it had more.
   * What has taken its place since must not be passed over.
   */
  #cut(buffer: FetchBuffer, { epoch, endOffset }: PartitionAnswer['divergingEpoch']): Promise<void> {
    return this.#goOn(buffer, () => {
      const { topic, partition, position } = buffer
      buffer.moveTo(Math.min(position, endOffset))
      if (endOffset <= position) buffer.leaderEpoch = epoch
      this.#failed(buffer, `the log of its leader parts from what was read before, at offset ${endOffset}`)
      if (endOffset < position) this.#parts.onCut({ topic, partition, from: endOffset, to: position - 1 })
    })
  }

  /** Said, and retried: it is never passed over. */
  #damaged(buffer: FetchBuffer, { code, message, remedy }: Fault): void {
    this.#failed(buffer, message, { isFinal: true, atLeastMs: 1_000, remedy })
    this.raise(new Fault(code, `${buffer.name} cannot be read: ${message}`))
  }

  #refused(buffer: FetchBuffer, { errorCode }: PartitionAnswer): void {
    const isHopeless = isFinalCode(errorCode)
    const why = wordsOf(errorCode)
    const isOutOfRange = errorCode === errorCodes.OFFSET_OUT_OF_RANGE
    if (errorCode === errorCodes.UNKNOWN_TOPIC_OR_PARTITION)
      buffer.unknownAt = this.#parts.system.clock.monotonic()
    this.#failed(buffer, why, { isFinal: isHopeless && !isOutOfRange })
    if (isOutOfRange) void this.#reset(buffer)
    else if (isHopeless) this.raise(new Fault('KAFKA', `${buffer.name} cannot be read: ${why}`))
    else void this.#learnLeaders()
  }

  #reset(buffer: FetchBuffer): Promise<void> {
    return this.#goOn(buffer, async offset => {
      // What was fetched before is handed out all the same, unless others have its offsets now.
      const next = await this.#parts.resolveOutOfRange(buffer, offset, (why, atOnce) =>
        this.#troubles.note(buffer.name, why, { atOnce }),
      )
      if (buffer.fetchOffset !== offset) return
      if (buffer.hasRecords && next >= offset) buffer.fetchOffset = next
      else buffer.moveTo(next)
    })
  }

  /**
   * The leader does not hold what is asked for: `decide` moves the buffer from its offset, unless the topic was deleted and
   * created again meanwhile. Only its id, which is asked for first, tells that.
   */
  async #goOn(buffer: FetchBuffer, decide: (offset: number) => Promise<void> | void): Promise<void> {
    const offset = buffer.fetchOffset
    buffer.isResetting = true
    try {
      await this.#parts.cluster.refresh()
      this.#compareIds(buffer)
      if (buffer.fetchOffset === offset) await decide(offset)
    } catch (error) {
      if (this.#stop.signal.aborted) return
      this.#failed(buffer, messageOf(error), { isFinal: isFinal(error), atLeastMs: 1_000 })
      if (error instanceof Fault && error.code === 'KAFKA_FATAL') this.raise(error)
    } finally {
      buffer.isResetting = false
      this.kick()
    }
  }

  #rest(buffer: FetchBuffer, now: number, atLeastMs = 0): void {
    buffer.failures++
    buffer.restsUntil = now + Math.max(atLeastMs, this.#parts.cluster.retryMs(buffer.failures))
  }

  /** Asks for the metadata until it comes, at most one asking at a time. */
  async #learnLeaders(): Promise<void> {
    if (this.#isLearning) return
    this.#isLearning = true
    const { cluster } = this.#parts
    await cluster.pause(1, this.#stop.signal).catch(() => {})
    if (!this.#stop.signal.aborted) await cluster.refresh().catch(() => {})
    this.#isLearning = false
    this.kick()
  }
}
