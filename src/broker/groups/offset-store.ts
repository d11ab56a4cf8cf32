// The committed positions of all groups, kept in a journal of their own (`offsets.journal`), synced before
// a commit is answered. Entries in JSON:
//   {"group": id, "offsets": [[topic, partition, offset, leader epoch, metadata, time], …]}
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
  | { group: string; offsets: readonly StoredOffset[] }
  | { deletedGroup: string }
  | { deletedTopic: string }

const encode = (entry: Entry): Buffer => Buffer.from(JSON.stringify(entry))
const keyOf = (topic: string, partition: number): string => `${topic}-${partition}`

export class OffsetStore {
  readonly #groups = new Map<string, Map<string, StoredOffset>>()
  #journal!: Journal

  async open(disk: Disk, log: Logger, directory: string): Promise<void> {
    this.#journal = await Journal.open({
      disk,
      log,
      path: join(directory, 'offsets.journal'),
      apply: payload => this.#apply(JSON.parse(payload.toString()) as Entry),
      snapshot: () =>
        [...this.#groups].map(([group, offsets]) => encode({ group, offsets: [...offsets.values()] })),
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

  /** Resolves when they are durable. */
  async commit(group: string, offsets: readonly CommittedOffset[]): Promise<void> {
    if (offsets.length === 0) return
    await this.#journal.append(
      encode({
        group,
        offsets: offsets.map(one => [
          one.topic,
          one.partition,
          one.offset,
          one.leaderEpoch,
          one.metadata,
          one.committedAt,
        ]),
      }),
    )
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
    } else {
      let offsets = this.#groups.get(entry.group)
      if (offsets === undefined) this.#groups.set(entry.group, (offsets = new Map()))
      for (const one of entry.offsets) offsets.set(keyOf(one[0], one[1]), one)
    }
  }
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
