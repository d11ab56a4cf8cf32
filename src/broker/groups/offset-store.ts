// The committed positions of all groups: records of the internal topic __consumer_offsets in Kafka's own form,
// so that its tools can read them, and all of them in memory. A commit is answered when its record is as
// durable as any other. The topic has one partition, is made at the first commit, and is compacted like
// every other; a start reads it.
import { FormatError } from '../../wire/kafka/format-error.ts'
import { offsetCommitKey, offsetCommitValue } from '../../wire/kafka/messages/offsets-topic.ts'
import { readRecordBatch } from '../../wire/kafka/record-batch.ts'
import type { NewRecord } from '../../wire/kafka/record.ts'
import { defaultMaxUnpackedBytes } from '../../wire/kafka/compression.ts'
import { writeRecords } from '../../wire/kafka/record-set.ts'
import { batchesOf } from '../log/batch-header.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import { batchFlags, decodeMarker } from '../log/transaction-marker.ts'

export interface CommittedOffset {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly leaderEpoch: number
  readonly metadata: string
  /** Milliseconds since 1970. */
  readonly committedAt: number
}

/** Whose transaction a position belongs to. */
export interface CommittingProducer {
  readonly producerId: number
  readonly producerEpoch: number
}

/** A position by its group; null where it is to be forgotten. */
interface Change {
  readonly group: string
  readonly topic: string
  readonly partition: number
  readonly position: CommittedOffset | null
}

const readBytes = 1024 * 1024
const keyVersion = 1
const valueVersion = 3
const keyOf = (topic: string, partition: number): string => `${topic}-${partition}`

export class OffsetStore {
  readonly #groups = new Map<string, Map<string, CommittedOffset>>()
  /** Of transactions that are open, by producer. */
  readonly #pending = new Map<number, Change[]>()
  readonly #make: () => Promise<PartitionLog>
  readonly #now: () => number
  #log: PartitionLog | null = null

  /** `make` gives the partition where there is none yet. */
  constructor(make: () => Promise<PartitionLog>, now: () => number) {
    this.#make = make
    this.#now = now
  }

  /** Reads what is there. */
  async open(log: PartitionLog | undefined): Promise<void> {
    if (log === undefined) return
    this.#log = log
    for (let next = log.startOffset; next < log.highWatermark && !log.isDamaged;) {
      const bytes = await log.read(next, readBytes, true)
      const before = next
      for (const { at, end, header } of batchesOf(bytes)) {
        next = header.lastOffset + 1
        const batch = bytes.subarray(at, end)
        const marker = decodeMarker(batch, header)
        if (marker !== null) this.endTransaction(marker.producerId, marker.committed)
        else if (header.recordCount > 0)
          this.#take(
            changesIn(batch),
            (header.attributes & batchFlags.transactional) === 0 ? undefined : header.producerId,
          )
      }
      if (next === before) break
    }
    for (const group of this.#groups.keys()) this.dropEmpty(group)
  }

  /** Makes the partition where there is none yet. Rejects as creating a topic does. */
  async ready(): Promise<PartitionLog> {
    return (this.#log ??= await this.#make())
  }

  /** Groups that have committed; one whose last position was forgotten is there until `dropEmpty`. */
  get groups(): IterableIterator<string> {
    return this.#groups.keys()
  }

  has(group: string): boolean {
    return this.#groups.has(group)
  }

  of(group: string): CommittedOffset[] {
    return [...(this.#groups.get(group)?.values() ?? [])]
  }

  get(group: string, topic: string, partition: number): CommittedOffset | undefined {
    return this.#groups.get(group)?.get(keyOf(topic, partition))
  }

  /** Whether an open transaction may still change a position of the group. */
  pendingIn(group: string): (topic: string, partition: number) => boolean {
    const pending = new Set<string>()
    for (const changes of this.#pending.values())
      for (const one of changes) if (one.group === group) pending.add(keyOf(one.topic, one.partition))
    return (topic, partition) => pending.has(keyOf(topic, partition))
  }

  /** Resolves when they are durable. With a producer they count when its transaction commits. */
  async commit(
    group: string,
    offsets: readonly CommittedOffset[],
    producer?: CommittingProducer,
  ): Promise<void> {
    await this.#append(
      offsets.map(position => ({
        group,
        topic: position.topic,
        partition: position.partition,
        position,
      })),
      producer,
    )
  }

  /** The marker is durable: what the transaction committed counts, or is dropped. */
  endTransaction(producerId: number, committed: boolean): void {
    const changes = this.#pending.get(producerId) ?? []
    this.#pending.delete(producerId)
    if (committed) this.#take(changes)
  }

  /** Resolves when it is durable. */
  async forget(
    group: string,
    forgotten: readonly (readonly [topic: string, partition: number])[],
  ): Promise<void> {
    await this.#append(forgotten.map(([topic, partition]) => ({ group, topic, partition, position: null })))
  }

  async deleteGroup(group: string): Promise<void> {
    await this.forget(
      group,
      this.of(group).map(({ topic, partition }) => [topic, partition] as const),
    )
    this.dropEmpty(group)
  }

  /** The group is not there any more, unless it has positions. */
  dropEmpty(group: string): void {
    if (this.#groups.get(group)?.size === 0) this.#groups.delete(group)
  }

  async deleteTopic(topic: string): Promise<void> {
    const changes = [...this.#groups].flatMap(([group, positions]) =>
      [...positions.values()]
        .filter(one => one.topic === topic)
        .map(({ partition }) => ({ group, topic, partition, position: null })),
    )
    await this.#append(changes)
  }

  async #append(changes: readonly Change[], producer?: CommittingProducer): Promise<void> {
    if (changes.length === 0) return
    const log = await this.ready()
    const timestamp = this.#now()
    const batch = writeRecords(
      changes.map(change => recordOf(change, timestamp)),
      producer === undefined ? {} : { identity: { ...producer, baseSequence: -1, isTransactional: true } },
    )
    await log.append(batch).durable
    this.#take(changes, producer?.producerId)
  }

  #take(changes: readonly Change[], producerId?: number): void {
    if (producerId !== undefined) {
      this.#pending.set(producerId, [...(this.#pending.get(producerId) ?? []), ...changes])
      return
    }
    for (const { group, topic, partition, position } of changes) {
      const positions = this.#groups.get(group) ?? new Map<string, CommittedOffset>()
      if (position === null) positions.delete(keyOf(topic, partition))
      else this.#groups.set(group, positions.set(keyOf(topic, partition), position))
    }
  }
}

function recordOf({ group, topic, partition, position }: Change, timestamp: number): NewRecord {
  return {
    timestamp,
    key: offsetCommitKey.encode(keyVersion, { group, topic, partition }),
    value:
      position === null
        ? null
        : offsetCommitValue.encode(valueVersion, {
            offset: position.offset,
            leaderEpoch: position.leaderEpoch,
            metadata: position.metadata,
            commitTimestamp: position.committedAt,
          }),
  }
}

/** The positions in a batch; what is none, or of a newer kind, is passed over. */
function changesIn(batch: Buffer): Change[] {
  const records = readRecordBatch(batch, 0, batch.length, {
    maxUnpackedBytes: defaultMaxUnpackedBytes,
    checksums: false,
  }).records()
  return records.flatMap(({ key, value }): Change[] => {
    if (key === null || key.length < 2 || key.readInt16BE(0) > keyVersion) return []
    try {
      const { group, topic, partition } = offsetCommitKey.decode(key).body
      if (value === null) return [{ group, topic, partition, position: null }]
      const { offset, leaderEpoch, metadata, commitTimestamp } = offsetCommitValue.decode(value).body
      const position = { topic, partition, offset, leaderEpoch, metadata, committedAt: commitTimestamp }
      return [{ group, topic, partition, position }]
    } catch (error) {
      if (error instanceof FormatError) return []
      throw error
    }
  })
}
