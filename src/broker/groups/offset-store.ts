// The committed positions of all groups, kept in a journal of their own (`offsets.journal`), synced before
// a commit is answered. Entries in JSON:
//   {"group": id, "offsets": [[topic, partition, offset, leader epoch, metadata, time], …]}
//   the same with "producer": id       within the open transaction of that producer: counts when it commits
//   {"ended": producer, "committed": true or false}
//   {"group": id, "forgotten": [[topic, partition], …]}
//   {"deletedGroup": id}    {"deletedTopic": name}
import { join } from 'node:path'
import type { Logger } from '../../observe/log.ts'
import { Journal } from '../../storage/journal.ts'
import type { Disk } from '../../system/disk.ts'

export interface CommittedOffset {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly leaderEpoch: number
  readonly metadata: string
  /** Milliseconds since 1970. */
  readonly committedAt: number
}

type StoredOffset = readonly [
  topic: string,
  partition: number,
  offset: number,
  leaderEpoch: number,
  metadata: string,
  committedAt: number,
]
type Entry =
  | { group: string; offsets: readonly StoredOffset[]; producer?: number }
  | { group: string; forgotten: readonly (readonly [topic: string, partition: number])[] }
  | { ended: number; committed: boolean }
  | { deletedGroup: string }
  | { deletedTopic: string }

type Offsets = Map<string, StoredOffset>

const encode = (entry: Entry): Buffer => Buffer.from(JSON.stringify(entry))
const keyOf = (topic: string, partition: number): string => `${topic}-${partition}`

export class OffsetStore {
  readonly #groups = new Map<string, Offsets>()
  /** Of transactions that are open: producer, then group. */
  readonly #pending = new Map<number, Map<string, Offsets>>()
  #journal!: Journal

  async open(disk: Disk, log: Logger, directory: string): Promise<void> {
    this.#journal = await Journal.open({
      disk,
      log,
      path: join(directory, 'offsets.journal'),
      apply: payload => this.#apply(JSON.parse(payload.toString()) as Entry),
      snapshot: () => [
        ...[...this.#groups].map(([group, offsets]) => encode({ group, offsets: [...offsets.values()] })),
        ...[...this.#pending].flatMap(([producer, groups]) =>
          [...groups].map(([group, offsets]) => encode({ group, offsets: [...offsets.values()], producer })),
        ),
      ],
      onFailed: fault => log.error(`groups can no longer commit offsets: ${fault.message}`),
    })
  }

  /** Groups that have committed. */
  get groups(): IterableIterator<string> {
    return this.#groups.keys()
  }

  has(group: string): boolean {
    return this.#groups.has(group)
  }

  of(group: string): CommittedOffset[] {
    return [...(this.#groups.get(group)?.values() ?? [])].map(fromStored)
  }

  get(group: string, topic: string, partition: number): CommittedOffset | undefined {
    const stored = this.#groups.get(group)?.get(keyOf(topic, partition))
    return stored === undefined ? undefined : fromStored(stored)
  }

  /** An open transaction may still change the position. */
  isPending(group: string, topic: string, partition: number): boolean {
    for (const groups of this.#pending.values())
      if (groups.get(group)?.has(keyOf(topic, partition)) === true) return true
    return false
  }

  /** Resolves when they are durable. With a producer they count when its transaction commits. */
  async commit(group: string, offsets: readonly CommittedOffset[], producer?: number): Promise<void> {
    if (offsets.length === 0) return
    const stored = offsets.map(
      one => [one.topic, one.partition, one.offset, one.leaderEpoch, one.metadata, one.committedAt] as const,
    )
    await this.#journal.append(
      encode({ group, offsets: stored, ...(producer === undefined ? {} : { producer }) }),
    )
  }

  /** Resolves when it is durable. Nothing happens where the producer has committed no positions. */
  async endTransaction(producer: number, committed: boolean): Promise<void> {
    if (this.#pending.has(producer)) await this.#journal.append(encode({ ended: producer, committed }))
  }

  /** Resolves when it is durable. */
  async forget(group: string, forgotten: readonly (readonly [string, number])[]): Promise<void> {
    if (forgotten.length > 0) await this.#journal.append(encode({ group, forgotten }))
  }

  async deleteGroup(group: string): Promise<void> {
    await this.#journal.append(encode({ deletedGroup: group }))
  }

  async deleteTopic(topic: string): Promise<void> {
    await this.#journal.append(encode({ deletedTopic: topic }))
  }

  async close(): Promise<void> {
    await this.#journal?.close()
  }

  #apply(entry: Entry): void {
    if ('deletedGroup' in entry) this.#groups.delete(entry.deletedGroup)
    else if ('deletedTopic' in entry) {
      for (const [group, offsets] of this.#groups) {
        for (const [key, [topic]] of offsets) if (topic === entry.deletedTopic) offsets.delete(key)
        if (offsets.size === 0) this.#groups.delete(group)
      }
    } else if ('forgotten' in entry) {
      const offsets = this.#groups.get(entry.group)
      for (const [topic, partition] of entry.forgotten) offsets?.delete(keyOf(topic, partition))
      if (offsets?.size === 0) this.#groups.delete(entry.group)
    } else if ('ended' in entry) {
      const groups = this.#pending.get(entry.ended)
      this.#pending.delete(entry.ended)
      if (entry.committed)
        for (const [group, offsets] of groups ?? []) merge(this.#groups, group, offsets.values())
    } else if (entry.producer === undefined) merge(this.#groups, entry.group, entry.offsets)
    else {
      let groups = this.#pending.get(entry.producer)
      if (groups === undefined) this.#pending.set(entry.producer, (groups = new Map()))
      merge(groups, entry.group, entry.offsets)
    }
  }
}

function merge(groups: Map<string, Offsets>, group: string, more: Iterable<StoredOffset>): void {
  let offsets = groups.get(group)
  if (offsets === undefined) groups.set(group, (offsets = new Map()))
  for (const one of more) offsets.set(keyOf(one[0], one[1]), one)
}

function fromStored([
  topic,
  partition,
  offset,
  leaderEpoch,
  metadata,
  committedAt,
]: StoredOffset): CommittedOffset {
  return { topic, partition, offset, leaderEpoch, metadata, committedAt }
}
