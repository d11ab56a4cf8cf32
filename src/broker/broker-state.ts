// What of the broker must survive beside records: its topics, the cluster's id, how far producer ids have been given
// out, and the settings that were changed while it ran. A journal in one of the log directories, `broker.journal`,
// with entries in JSON:
//
//   {"cluster": id}                                        once
//   {"topic": name, "id": uuid, "partitions": n, "settings": {…}}   new, or changed as a whole
//   {"deleted": name, "partitions": n}                     its directories are to be removed
//   {"cleared": name}                                      they are
//   {"producerIds": n}                                     ids below n may be in use
//   {"level": "broker" or "default", "settings": {…}}     settings changed while it runs, as a whole
import { join } from 'node:path'
import type { Logger } from '../observe/log.ts'
import { Journal, type MustHold } from '../storage/journal.ts'
import { either, mapOf, object, readJson, text, whole, type Shape } from '../json-shape.ts'
import type { Random } from '../system/random.ts'
import type { System } from '../system/system.ts'
import { journalName, type FoundDirectories, type JournalPlace } from './log-directories.ts'
import { missingRemedy } from './log/recovery.ts'
import type { TopicSettings } from './topic-settings.ts'

type Entry =
  | { cluster: string }
  | { topic: string; id: string; partitions: number; settings: TopicSettings }
  | { deleted: string; partitions: number }
  | { cleared: string }
  | { producerIds: number }
  | { level: DynamicLevel; settings: GivenSettings }

/** As given, by Kafka's names. */
type GivenSettings = Readonly<Record<string, string>>

/** No topic has more partitions: each is a directory. */
const mostPartitions = 1_000_000
const partitionCount: Shape = value => whole(value) && Number(value) > 0 && Number(value) <= mostPartitions
const entryShape = either(
  object({ cluster: text }),
  object({ producerIds: whole }),
  object({ level: value => value === 'broker' || value === 'default', settings: mapOf(text) }),
  object({ cleared: text }),
  object({ deleted: text, partitions: partitionCount }),
  object({ topic: text, id: text, partitions: partitionCount, settings: mapOf(text) }),
)

/** Settings of this broker come before those of all brokers. */
export type DynamicLevel = 'broker' | 'default'

export interface KnownTopic {
  /** As Kafka prints it: 22 characters. */
  readonly id: string
  readonly partitions: number
  readonly settings: TopicSettings
}

export class BrokerState implements JournalPlace {
  /** Whether it begins without what is missing. */
  readonly acceptsLoss: boolean
  readonly #dynamic: Record<DynamicLevel, GivenSettings> = { broker: {}, default: {} }
  readonly #topics = new Map<string, KnownTopic>()
  readonly #remains = new Map<string, number>()
  #journal: Journal | null = null
  #home = ''
  #clusterId = ''
  #producerIdsTo = 0

  constructor(acceptsLoss: boolean) {
    this.acceptsLoss = acceptsLoss
  }

  /** Rejects with DISK, DISK_FULL, CORRUPT or STATE_MISSING. */
  async open({ disk, random }: System, log: Logger, { home, hasJournal }: FoundDirectories): Promise<void> {
    this.#home = home
    this.#journal = await Journal.open({
      disk,
      log,
      path: join(home, journalName),
      mustHold: hasJournal && !this.acceptsLoss ? { what: 'the topics', remedy: missingRemedy } : null,
      apply: payload => this.#apply(readJson<Entry>(payload, entryShape)),
      snapshot: () => this.#snapshot(),
      onFailed: fault => log.error(`topics can no longer be changed: ${fault.message}`),
    })
    if (this.#clusterId === '') await this.append({ cluster: newUuid(random) })
  }

  /** The directory of all journals. */
  get home(): string {
    return this.#home
  }

  /** A broker with topics has served clients: all of its journals were there. */
  mustHold(what: string): MustHold | null {
    return this.acceptsLoss || this.#topics.size === 0 ? null : { what, remedy: missingRemedy }
  }

  get clusterId(): string {
    return this.#clusterId
  }

  get topics(): ReadonlyMap<string, KnownTopic> {
    return this.#topics
  }

  /** Deleted topics whose directories may still be there: partitions by name. */
  get remains(): ReadonlyMap<string, number> {
    return this.#remains
  }

  /** Ids below may be in use. */
  get producerIdsTo(): number {
    return this.#producerIdsTo
  }

  /** Settings that were changed while the broker ran. */
  get dynamic(): Readonly<Record<DynamicLevel, GivenSettings>> {
    return this.#dynamic
  }

  /** Resolves when it is durable and counts. Rejects with DISK or DISK_FULL. */
  append(entry: Entry): Promise<void> {
    return this.#journal!.append(Buffer.from(JSON.stringify(entry)))
  }

  async close(): Promise<void> {
    await this.#journal?.close()
  }

  #apply(entry: Entry | null): boolean {
    if (entry === null) return false
    if ('cluster' in entry) this.#clusterId = entry.cluster
    else if ('producerIds' in entry) this.#producerIdsTo = Math.max(this.#producerIdsTo, entry.producerIds)
    else if ('level' in entry) this.#dynamic[entry.level] = entry.settings
    else if ('cleared' in entry) this.#remains.delete(entry.cleared)
    else if ('deleted' in entry) {
      this.#topics.delete(entry.deleted)
      this.#remains.set(entry.deleted, entry.partitions)
    } else {
      const { topic, id, partitions, settings } = entry
      this.#topics.set(topic, { id, partitions, settings })
    }
    return true
  }

  #snapshot(): Buffer[] {
    const entries: Entry[] = [{ cluster: this.#clusterId }, { producerIds: this.#producerIdsTo }]
    for (const level of ['default', 'broker'] as const)
      entries.push({ level, settings: this.#dynamic[level] })
    for (const [topic, known] of this.#topics) entries.push({ topic, ...known })
    for (const [deleted, partitions] of this.#remains) entries.push({ deleted, partitions })
    return entries.map(entry => Buffer.from(JSON.stringify(entry)))
  }
}

/** A UUID of 16 random bytes in Kafka's 22 characters. */
export function newUuid(random: Random): string {
  const text = random.bytes(16).toString('base64url')
  // Kafka's tools take a leading dash for an option, and its first ids are reserved.
  return text.startsWith('-') ? `A${text.slice(1)}` : text
}
