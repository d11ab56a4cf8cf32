// The topics of the broker: names, ids, partitions and settings, kept in a journal in one of the log
// directories, and the logs of their partitions. Also what else must survive: the cluster's id and how far
// producer ids have been given out.
//
//   journal `broker.journal`, entries in JSON:
//     {"cluster": id}                                        once
//     {"topic": name, "id": uuid, "partitions": n, "settings": {…}}   new, or changed as a whole
//     {"deleted": name, "partitions": n}                     its directories are to be removed
//     {"cleared": name}                                      they are
//     {"producerIds": n}                                     ids below n may be in use
//     {"level": "broker" or "default", "settings": {…}}     settings changed while it runs, as a whole
//
// A topic is in the journal only when all its directories are there. Nothing else is ever removed: a
// directory that belongs to no topic is told and left alone.
import { join } from 'node:path'
import { Fault, explanationOf } from '../errors.ts'
import type { Logger } from '../observe/log.ts'
import { ensureDirectory } from '../storage/directory.ts'
import { Journal, type MustHold } from '../storage/journal.ts'
import type { DirectoryLock } from '../system/directory-lock.ts'
import type { System } from '../system/system.ts'
import { readBrokerSettings, type BrokerSettings } from './broker-settings.ts'
import {
  findDirectories,
  journalName,
  partitionOfName,
  type FoundDirectories,
  type JournalPlace,
} from './log-directories.ts'
import { baseOfName } from './log/segment.ts'
import { missingRemedy, openPartitionLog } from './log/recovery.ts'
import type { LogParts, LogSettings } from './log/log-parts.ts'
import { PartitionLog } from './log/partition-log.ts'
import { logSettingsOf, missingProtection, type TopicSettings } from './topic-settings.ts'

export interface Topic {
  readonly name: string
  /** As Kafka prints it: 22 characters. */
  readonly id: string
  readonly settings: TopicSettings
  readonly partitions: readonly PartitionLog[]
}

type Entry =
  | { cluster: string }
  | { topic: string; id: string; partitions: number; settings: TopicSettings }
  | { deleted: string; partitions: number }
  | { cleared: string }
  | { producerIds: number }
  | { level: DynamicLevel; settings: Readonly<Record<string, string>> }

/** Settings of this broker come before those of all brokers. */
export type DynamicLevel = 'broker' | 'default'

interface KnownTopic {
  readonly id: string
  readonly partitions: number
  readonly settings: TopicSettings
}

const producerIdBlock = 1000
const openAtOnce = 16
const wentAway = 'was removed, renamed or replaced while the broker runs'
const awayRemedy =
  'Stop the broker, put it back, and start the broker again; what was acknowledged last is lost otherwise.'

export class TopicCatalog implements JournalPlace {
  readonly #system: System
  readonly #log: Logger
  /** Changes where settings do while it runs. */
  readonly #settings: BrokerSettings
  /** Whether it begins without what is missing. */
  readonly #acceptsLoss: boolean
  readonly #dynamic: Record<DynamicLevel, Readonly<Record<string, string>>> = { broker: {}, default: {} }
  readonly #known = new Map<string, KnownTopic>()
  /** Deleted topics whose directories may still be there: partitions by name. */
  readonly #remains = new Map<string, number>()
  readonly #topics = new Map<string, Topic>()
  /** By directory, in the order of log.dirs. */
  readonly #locks = new Map<string, DirectoryLock>()
  /** Directories that went while it ran. */
  readonly #away = new Set<string>()
  #journal!: Journal
  #home = ''
  #clusterId = ''
  #producerIdsTo = 0
  #nextProducerId = 0
  /** Changes of topics go one after the other. */
  #changing: Promise<unknown> = Promise.resolve()

  constructor(system: System, log: Logger, settings: BrokerSettings, acceptsLoss: boolean) {
    this.#system = system
    this.#log = log
    this.#settings = settings
    this.#acceptsLoss = acceptsLoss
  }

  /** A broker with topics has served clients: all of its journals were there. */
  mustHold(what: string): MustHold | null {
    return this.#acceptsLoss || this.#known.size === 0 ? null : { what, remedy: missingRemedy }
  }

  /** The directory of the journals. */
  get home(): string {
    return this.#home
  }

  get clusterId(): string {
    return this.#clusterId
  }

  get topics(): ReadonlyMap<string, Topic> {
    return this.#topics
  }

  /** Settings of the broker that were changed while it ran. */
  get dynamic(): Readonly<Record<DynamicLevel, Readonly<Record<string, string>>>> {
    return this.#dynamic
  }

  topicOfId(id: string): Topic | undefined {
    return [...this.#topics.values()].find(topic => topic.id === id)
  }

  partition(topic: string, index: number): PartitionLog | undefined {
    return this.#topics.get(topic)?.partitions[index]
  }

  /** Locks and reads the directories. Rejects with DISK, DIRECTORY_IN_USE, FOREIGN_FILES, STATE_MISSING or CORRUPT; a partition that is damaged or missing keeps nothing else from being served. */
  async open(): Promise<void> {
    const { disk, random } = this.#system
    const directories = this.#settings.logDirectories
    for (const directory of directories) {
      await ensureDirectory(disk, directory)
      this.#locks.set(directory, await disk.lockDirectory(directory, 'a Millrace broker'))
      if (await disk.exists(join(directory, 'meta.properties')))
        throw new Fault(
          'FOREIGN_FILES',
          `directory ${directory} belongs to an Apache Kafka broker (meta.properties is there); give log.dirs a directory of its own`,
        )
    }
    const { home, hasJournal, places } = await findDirectories(disk, directories, this.#acceptsLoss)
    this.#home = home
    this.#journal = await Journal.open({
      disk,
      log: this.#log,
      path: join(this.#home, journalName),
      mustHold: hasJournal && !this.#acceptsLoss ? { what: 'the topics', remedy: missingRemedy } : null,
      apply: payload => this.#apply(JSON.parse(payload.toString()) as Entry),
      snapshot: () => this.#snapshot(),
      onFailed: fault => this.#log.error(`topics can no longer be changed: ${fault.message}`),
    })
    if (this.#clusterId === '') await this.#append({ cluster: uuidText(random.bytes(16)) })
    this.#nextProducerId = this.#producerIdsTo
    this.#applyDynamic()
    for (const name of this.#remains.keys()) await this.#clear(name)
    this.#tellStrays(places)
    const opening = [...this.#known].flatMap(([name, { partitions }]) =>
      Array.from({ length: partitions }, (_, index) => ({ name, index })),
    )
    const logs = new Map<string, PartitionLog>()
    for (let from = 0; from < opening.length; from += openAtOnce)
      await Promise.all(
        opening.slice(from, from + openAtOnce).map(async ({ name, index }) => {
          const directory = `${name}-${index}`
          logs.set(directory, await this.#openKnown(name, index, places.get(directory) ?? []))
        }),
      )
    for (const [name, { id, partitions, settings }] of this.#known)
      this.#topics.set(name, {
        name,
        id,
        settings,
        partitions: Array.from({ length: partitions }, (_, index) => logs.get(`${name}-${index}`)!),
      })
  }

  /** The topic may not be there yet; resolves with it when it is durable. */
  create(name: string, partitions: number, settings: TopicSettings = {}): Promise<Topic> {
    return this.#serially(async () => {
      const there = this.#topics.get(name)
      if (there !== undefined) return there
      const id = uuidText(this.#system.random.bytes(16))
      const logs = await this.#openNew(name, 0, partitions, settings)
      await this.#append({ topic: name, id, partitions, settings })
      const topic = { name, id, settings, partitions: logs }
      this.#topics.set(name, topic)
      this.#log.info(
        `topic ${name} created with ${partitions} ${partitions === 1 ? 'partition' : 'partitions'}`,
      )
      this.#warnOfMissing(name, settings)
      return topic
    })
  }

  /** Adds partitions up to `count`. */
  grow(name: string, count: number): Promise<void> {
    return this.#serially(async () => {
      const topic = this.#topics.get(name)
      if (topic === undefined || count <= topic.partitions.length) return
      const { id, settings } = topic
      const fresh = await this.#openNew(name, topic.partitions.length, count, settings)
      await this.#append({ topic: name, id, partitions: count, settings })
      this.#topics.set(name, { ...topic, partitions: [...topic.partitions, ...fresh] })
    })
  }

  /** Gives the topic these settings in place of those it has. */
  configure(name: string, settings: TopicSettings): Promise<void> {
    return this.#serially(async () => {
      const topic = this.#topics.get(name)
      if (topic === undefined) return
      await this.#append({ topic: name, id: topic.id, partitions: topic.partitions.length, settings })
      this.#topics.set(name, { ...topic, settings })
      for (const log of topic.partitions) log.settings = this.#logSettings(settings)
      this.#warnOfMissing(name, settings)
    })
  }

  #warnOfMissing(topic: string, settings: TopicSettings): void {
    const missing = missingProtection(settings, this.#settings.log)
    if (missing !== null) this.#log.warn(`topic ${topic}: ${missing}`)
  }

  /** Gives the broker these settings in place of those it was given on that level while it ran. */
  configureBroker(level: DynamicLevel, settings: Readonly<Record<string, string>>): Promise<void> {
    return this.#serially(async () => {
      await this.#append({ level, settings })
      this.#applyDynamic()
      for (const topic of this.#topics.values())
        for (const log of topic.partitions) log.settings = this.#logSettings(topic.settings)
    })
  }

  #applyDynamic(): void {
    const { given } = this.#settings
    const all = { ...given, ...this.#dynamic.default, ...this.#dynamic.broker }
    Object.assign(this.#settings, readBrokerSettings('', '', all).settings, { given })
  }

  delete(name: string): Promise<void> {
    return this.#serially(async () => {
      const topic = this.#topics.get(name)
      if (topic === undefined) return
      await this.#append({ deleted: name, partitions: topic.partitions.length })
      this.#topics.delete(name)
      for (const log of topic.partitions) {
        await log.abandon()
        this.#away.delete(log.directory)
      }
      await this.#clear(name)
      this.#log.info(`topic ${name} deleted`)
    })
  }

  /** An id nobody has been given before. */
  async newProducerId(): Promise<number> {
    const id = this.#nextProducerId++
    if (id >= this.#producerIdsTo) await this.#append({ producerIds: id + producerIdBlock })
    return id
  }

  async close(): Promise<void> {
    await this.#changing.catch(() => {})
    await this.look()
    for (const { partitions } of this.#topics.values())
      await Promise.all(partitions.map(log => log.close().catch(error => this.#log.error('closing', error))))
    await this.#journal?.close()
    await Promise.all([...this.#locks.values()].map(lock => lock.release()))
    this.#locks.clear()
  }

  /** Whether it can be seen that a directory is not at its place any more. */
  get isWatchable(): boolean {
    return [...this.#locks.values()].some(lock => lock.isAway !== undefined)
  }

  /** Log directories, and directories of single partitions, of which files were removed, renamed or replaced while it ran. */
  get away(): ReadonlySet<string> {
    return this.#away
  }

  /**
   * Takes the partitions offline whose files are not at their places any more: open files go on being written after
   * their names are gone, and what they take is gone with the process.
   */
  async look(): Promise<void> {
    for (const directory of this.#locks.keys()) {
      if (await this.#isAway(directory)) continue
      for (const log of this.#logsIn(directory))
        // It may have been deleted meanwhile.
        if ((await log.isAway()) && this.#logsIn(directory).includes(log))
          this.#takeAway(log.directory, `${log.directory}, or its newest segment,`, [log])
    }
  }

  async #isAway(directory: string): Promise<boolean> {
    if (!this.#away.has(directory) && (await this.#locks.get(directory)?.isAway?.()) === true)
      this.#takeAway(directory, `log directory ${directory}`, this.#logsIn(directory))
    return this.#away.has(directory)
  }

  #logsIn(directory: string): PartitionLog[] {
    return [...this.#topics.values()]
      .flatMap(({ partitions }) => partitions)
      .filter(log => log.directory === join(directory, log.name))
  }

  #takeAway(path: string, what: string, logs: readonly PartitionLog[]): void {
    if (this.#away.has(path)) return
    this.#away.add(path)
    const gone = `${what} ${wentAway}`
    for (const log of logs) log.takeOffline(new Fault('STATE_MISSING', gone))
    const names = logs.slice(0, 3).map(log => log.name)
    if (logs.length > 3) names.push(`${logs.length - 3} more partitions`)
    const stays =
      logs.length === 0
        ? 'no partition is created in it'
        : `${names.join(', ')} ${logs.length === 1 ? 'stays' : 'stay'} offline`
    this.#log.error(`${gone}: ${stays} until the broker is started again. ${awayRemedy}`)
  }

  /** New entries of the journal and new partitions would be lost: rejects with STATE_MISSING. */
  async #requirePlaces(places: ReadonlySet<string>): Promise<void> {
    for (const place of places)
      if (await this.#isAway(place))
        throw new Fault('STATE_MISSING', `log directory ${place} ${wentAway}`, { remedy: awayRemedy })
  }

  #serially<T>(run: () => Promise<T>): Promise<T> {
    const done = this.#changing.then(run)
    this.#changing = done.catch(() => {})
    return done
  }

  #append(entry: Entry): Promise<void> {
    return this.#journal.append(Buffer.from(JSON.stringify(entry)))
  }

  #apply(entry: Entry): void {
    if ('cluster' in entry) this.#clusterId = entry.cluster
    else if ('producerIds' in entry) this.#producerIdsTo = Math.max(this.#producerIdsTo, entry.producerIds)
    else if ('level' in entry) this.#dynamic[entry.level] = entry.settings
    else if ('cleared' in entry) this.#remains.delete(entry.cleared)
    else if ('deleted' in entry) {
      this.#known.delete(entry.deleted)
      this.#remains.set(entry.deleted, entry.partitions)
    } else {
      const { topic, id, partitions, settings } = entry
      this.#known.set(topic, { id, partitions, settings })
    }
  }

  #snapshot(): Buffer[] {
    const entries: Entry[] = [{ cluster: this.#clusterId }, { producerIds: this.#producerIdsTo }]
    for (const level of ['default', 'broker'] as const)
      entries.push({ level, settings: this.#dynamic[level] })
    for (const [topic, known] of this.#known) entries.push({ topic, ...known })
    for (const [deleted, partitions] of this.#remains) entries.push({ deleted, partitions })
    return entries.map(entry => Buffer.from(JSON.stringify(entry)))
  }

  #logSettings(settings: TopicSettings): LogSettings {
    return logSettingsOf(settings, this.#settings.log)
  }

  #openLog(name: string, index: number, place: string, settings?: TopicSettings): Promise<PartitionLog> {
    return openPartitionLog(this.#logParts(name, index, place, settings))
  }

  #logParts(name: string, index: number, place: string, settings?: TopicSettings): LogParts {
    return {
      system: this.#system,
      log: this.#log,
      name: `${name}-${index}`,
      directory: join(place, `${name}-${index}`),
      settings: this.#logSettings(settings ?? this.#known.get(name)?.settings ?? {}),
    }
  }

  /** A partition that cannot be opened stays offline, and the others are served. */
  async #openKnown(name: string, index: number, places: readonly string[]): Promise<PartitionLog> {
    const { logDirectories } = this.#settings
    const [place = logDirectories[0]!, another] = places
    const parts = this.#logParts(name, index, place)
    try {
      if (another !== undefined)
        throw new Fault(
          'FOREIGN_FILES',
          `${parts.directory} lies in ${another} as well: one of them is a copy`,
          {
            remedy: 'Move the one that is not wanted away, and start the broker again.',
          },
        )
      const acceptsLoss = this.#acceptsLoss
      if (places.length === 0 && !acceptsLoss)
        throw new Fault('STATE_MISSING', `${parts.name} is not in ${logDirectories.join(', ')} any more`, {
          remedy: missingRemedy,
        })
      return await openPartitionLog(parts, { isKnown: true, acceptsLoss })
    } catch (error) {
      this.#log.error(
        `partition ${parts.name} stays offline until the broker is started again: ${explanationOf(error)}`,
      )
      return PartitionLog.damaged(parts, error as Error)
    }
  }

  /**
   * New partitions in the directories in turn. Rejects with FOREIGN_FILES where one holds records already, and with
   * STATE_MISSING where a directory went while the broker ran: it is not made anew.
   */
  async #openNew(name: string, from: number, to: number, settings: TopicSettings): Promise<PartitionLog[]> {
    const directories = this.#settings.logDirectories
    const places = Array.from(
      { length: to - from },
      (_, index) => directories[(from + index) % directories.length]!,
    )
    await this.#requirePlaces(new Set([this.#home, ...places]))
    const logs = await Promise.all(
      places.map((place, index) => this.#openLog(name, from + index, place, settings)),
    )
    const foreign = logs.find(log => log.nextOffset > 0)
    if (foreign === undefined) return logs
    for (const log of logs) await log.abandon()
    throw new Fault(
      'FOREIGN_FILES',
      `directory ${foreign.directory} holds records of no topic of this broker; move it away to create topic ${name}`,
    )
  }

  #tellStrays(places: FoundDirectories['places']): void {
    for (const [name, where] of places) {
      const { topic, index } = partitionOfName(name)!
      if (index < (this.#known.get(topic)?.partitions ?? 0)) continue
      for (const place of where)
        this.#log.warn(`${join(place, name)} belongs to no topic of this broker and is left alone`)
    }
  }

  /** Removes the directories of a deleted topic: the files a partition has, and no other. */
  async #clear(name: string): Promise<void> {
    const { disk } = this.#system
    const isOurs = (file: string) =>
      baseOfName(file.replace(/\.(index|cleaned|log\.cut-\d+)$/, '.log')) !== null ||
      /^checkpoint(\.new)?$/.test(file)
    for (const place of this.#settings.logDirectories)
      for (let index = 0; index < this.#remains.get(name)!; index++) {
        const path = join(place, `${name}-${index}`)
        if (!(await disk.exists(path))) continue
        for (const file of (await disk.list(path)).filter(isOurs)) await disk.remove(join(path, file))
        await disk
          .removeDirectory(path)
          .catch(() => this.#log.warn(`${path} holds files that are not the broker's; they stay`))
      }
    await this.#append({ cleared: name })
  }
}

/** A UUID of 16 bytes in Kafka's 22 characters. */
export function uuidText(bytes: Buffer): string {
  const text = bytes.toString('base64url')
  // Kafka's tools take a leading dash for an option, and its first ids are reserved.
  return text.startsWith('-') ? `A${text.slice(1)}` : text
}
