// The topics of the broker and the logs of their partitions. A topic is in the broker's state only when all its
// directories are there. Nothing else is ever removed: a directory that belongs to no topic is told and left alone.
import { join } from 'node:path'
import { Fault, explanationOf } from '../errors.ts'
import type { Logger } from '../observe/log.ts'
import type { System } from '../system/system.ts'
import { newUuid, type BrokerState } from './broker-state.ts'
import type { LiveSettings } from './live-settings.ts'
import { partitionOfName, type FoundDirectories } from './log-directories.ts'
import { baseOfName } from './log/segment.ts'
import { missingRemedy, openPartitionLog } from './log/recovery.ts'
import type { LogParts, LogSettings } from './log/log-parts.ts'
import { PartitionLog } from './log/partition-log.ts'
import { TopicIndex } from './topic-index.ts'
import { logSettingsOf, missingProtection, type TopicSettings } from './topic-settings.ts'
import type { WatchedDirectories } from './watched-directories.ts'

export interface Topic {
  readonly name: string
  /** As Kafka prints it: 22 characters. */
  readonly id: string
  readonly settings: TopicSettings
  readonly partitions: readonly PartitionLog[]
}

export interface CatalogParts {
  readonly system: System
  readonly log: Logger
  readonly settings: LiveSettings
  readonly state: BrokerState
  readonly directories: WatchedDirectories
}

const openAtOnce = 16

export class TopicCatalog {
  readonly #parts: CatalogParts
  readonly #topics = new TopicIndex<Topic>()
  /** Changes of topics go one after the other. */
  #changing: Promise<unknown> = Promise.resolve()

  constructor(parts: CatalogParts) {
    this.#parts = parts
    parts.settings.onChange(() => {
      // After what is being made with the settings before.
      void this.#serially(() => {
        for (const topic of this.#topics.values()) this.#adjust(topic)
        return Promise.resolve()
      })
    })
  }

  get topics(): Omit<TopicIndex<Topic>, 'set' | 'delete' | 'clear'> {
    return this.#topics
  }

  /** Of all partitions. */
  get logs(): PartitionLog[] {
    return [...this.#topics.values()].flatMap(({ partitions }) => partitions)
  }

  partition(topic: string, index: number): PartitionLog | undefined {
    return this.#topics.get(topic)?.partitions[index]
  }

  /** Opens the partitions at `places`; one that is damaged or missing keeps nothing else from being served. */
  async open(places: FoundDirectories['places']): Promise<void> {
    const { state } = this.#parts
    for (const name of state.remains.keys()) await this.#clear(name)
    this.#tellStrays(places)
    const opening = [...state.topics].flatMap(([name, { partitions }]) =>
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
    for (const [name, { id, partitions, settings }] of state.topics)
      this.#topics.set(name, {
        name,
        id,
        settings,
        partitions: Array.from({ length: partitions }, (_, index) => logs.get(`${name}-${index}`)!),
      })
  }

  /** The topic may not be there yet; resolves with it when it is durable. */
  create(name: string, partitions: number, settings: TopicSettings = {}): Promise<Topic> {
    const { system, log, state } = this.#parts
    return this.#serially(async () => {
      const there = this.#topics.get(name)
      if (there !== undefined) return there
      const id = newUuid(system.random)
      const logs = await this.#openNew(name, 0, partitions, settings)
      await state.append({ topic: name, id, partitions, settings })
      const topic = { name, id, settings, partitions: logs }
      this.#topics.set(name, topic)
      log.info(`topic ${name} created with ${partitions} ${partitions === 1 ? 'partition' : 'partitions'}`)
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
      await this.#parts.state.append({ topic: name, id, partitions: count, settings })
      this.#topics.set(name, { ...topic, partitions: [...topic.partitions, ...fresh] })
    })
  }

  /** Gives the topic these settings in place of those it has. */
  configure(name: string, settings: TopicSettings): Promise<void> {
    return this.#serially(async () => {
      const topic = this.#topics.get(name)
      if (topic === undefined) return
      const { id, partitions } = topic
      await this.#parts.state.append({ topic: name, id, partitions: partitions.length, settings })
      const changed = { ...topic, settings }
      this.#topics.set(name, changed)
      this.#adjust(changed)
      this.#warnOfMissing(name, settings)
    })
  }

  delete(name: string): Promise<void> {
    const { log, state, directories } = this.#parts
    return this.#serially(async () => {
      const topic = this.#topics.get(name)
      if (topic === undefined) return
      await state.append({ deleted: name, partitions: topic.partitions.length })
      this.#topics.delete(name)
      for (const partition of topic.partitions) {
        await partition.abandon()
        directories.forget(partition.directory)
      }
      await this.#clear(name)
      log.info(`topic ${name} deleted`)
    })
  }

  async close(): Promise<void> {
    const { log, directories } = this.#parts
    await this.#changing.catch(() => {})
    await directories.look()
    for (const { partitions } of this.#topics.values())
      await Promise.all(partitions.map(one => one.close().catch(error => log.error('closing', error))))
  }

  #adjust({ partitions, settings }: Topic): void {
    for (const log of partitions) log.settings = this.#logSettings(settings)
  }

  #warnOfMissing(topic: string, settings: TopicSettings): void {
    const missing = missingProtection(settings, this.#parts.settings.current.log)
    if (missing !== null) this.#parts.log.warn(`topic ${topic}: ${missing}`)
  }

  #serially<T>(run: () => Promise<T>): Promise<T> {
    const done = this.#changing.then(run)
    this.#changing = done.catch(() => {})
    return done
  }

  #logSettings(settings: TopicSettings): LogSettings {
    return logSettingsOf(settings, this.#parts.settings.current.log)
  }

  #logParts(name: string, index: number, place: string, settings: TopicSettings): LogParts {
    return {
      system: this.#parts.system,
      log: this.#parts.log,
      name: `${name}-${index}`,
      directory: join(place, `${name}-${index}`),
      settings: this.#logSettings(settings),
    }
  }

  /** A partition that cannot be opened stays offline, and the others are served. */
  async #openKnown(name: string, index: number, places: readonly string[]): Promise<PartitionLog> {
    const { state, log, settings } = this.#parts
    const { acceptsLoss } = state
    const { logDirectories } = settings.current
    const [place = logDirectories[0]!, another] = places
    const parts = this.#logParts(name, index, place, state.topics.get(name)!.settings)
    try {
      if (another !== undefined)
        throw new Fault(
          'FOREIGN_FILES',
          `${parts.directory} lies in ${another} as well: one of them is a copy`,
          {
            remedy: 'Move the one that you do not need away, and restart the broker.',
          },
        )
      if (places.length === 0 && !acceptsLoss)
        throw new Fault('STATE_MISSING', `${parts.name} is not in ${logDirectories.join(', ')} any more`, {
          remedy: missingRemedy,
        })
      return await openPartitionLog(parts, { isKnown: true, acceptsLoss })
    } catch (error) {
      log.error(
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
    const { state, directories } = this.#parts
    const { logDirectories } = this.#parts.settings.current
    const places = Array.from(
      { length: to - from },
      (_, index) => logDirectories[(from + index) % logDirectories.length]!,
    )
    await directories.require(new Set([state.home, ...places]))
    const { disk } = this.#parts.system
    const parts = places.map((place, index) => this.#logParts(name, from + index, place, settings))
    const logs: PartitionLog[] = []
    const made: string[] = []
    try {
      for (let at = 0; at < parts.length; at += openAtOnce) {
        const opened = await Promise.allSettled(
          parts.slice(at, at + openAtOnce).map(async one => {
            if (!(await disk.exists(one.directory))) made.push(one.directory)
            return await openPartitionLog(one)
          }),
        )
        for (const one of opened) if (one.status === 'fulfilled') logs.push(one.value)
        for (const one of opened) if (one.status === 'rejected') throw one.reason
      }
      const foreign = logs.find(log => log.nextOffset > 0)
      if (foreign === undefined) return logs
      throw new Fault(
        'FOREIGN_FILES',
        `directory ${foreign.directory} holds records of no topic of this broker; move it away to create topic ${name}`,
      )
    } catch (error) {
      for (const log of logs) await log.abandon()
      for (const directory of made) await this.#removeFiles(directory).catch(() => {})
      throw error
    }
  }

  #tellStrays(places: FoundDirectories['places']): void {
    const { log, state } = this.#parts
    for (const [name, where] of places) {
      const { topic, index } = partitionOfName(name)!
      if (index < (state.topics.get(topic)?.partitions ?? 0)) continue
      for (const place of where)
        log.warn(`${join(place, name)} does not belong to a topic of this broker. The broker ignores it`)
    }
  }

  /** Removes the directories of a deleted topic: the files a partition has, and no other. */
  async #clear(name: string): Promise<void> {
    const { state, settings } = this.#parts
    for (const place of settings.current.logDirectories)
      for (let index = 0; index < state.remains.get(name)!; index++)
        await this.#removeFiles(join(place, `${name}-${index}`))
    await state.append({ cleared: name })
  }

  async #removeFiles(path: string): Promise<void> {
    const { system, log } = this.#parts
    const { disk } = system
    const isOurs = (file: string) =>
      baseOfName(file.replace(/\.(index|cleaned|log\.cut-\d+)$/, '.log')) !== null ||
      /^checkpoint(\.new)?$/.test(file)
    if (!(await disk.exists(path))) return
    for (const file of (await disk.list(path)).filter(isOurs)) await disk.remove(join(path, file))
    await disk
      .removeDirectory(path)
      .catch(() => log.warn(`${path} holds files that are not the broker's; they stay`))
  }
}
