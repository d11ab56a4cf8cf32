// The log directories while the broker runs: locked, and looked at, because open files go on being written after their
// names are gone, and what they take is gone with the process.
import { join } from 'node:path'
import { Fault } from '../errors.ts'
import type { Logger } from '../observe/log.ts'
import { ensureDirectory } from '../storage/directory.ts'
import type { DirectoryLock } from '../system/directory-lock.ts'
import type { Disk } from '../system/disk.ts'
import type { PartitionLog } from './log/partition-log.ts'

const wentAway = 'was removed, renamed or replaced while the broker runs'
const awayRemedy =
  'Stop the broker, put it back, and start the broker again; what was acknowledged last is lost otherwise.'

export class WatchedDirectories {
  readonly #disk: Disk
  readonly #log: Logger
  readonly #logs: () => readonly PartitionLog[]
  /** By directory, in the order of log.dirs. */
  readonly #locks = new Map<string, DirectoryLock>()
  readonly #away = new Set<string>()

  /** `logs` gives those of all topics. */
  constructor(disk: Disk, log: Logger, logs: () => readonly PartitionLog[]) {
    this.#disk = disk
    this.#log = log
    this.#logs = logs
  }

  /** Makes and locks them. Rejects with DISK, DISK_FULL, DIRECTORY_IN_USE or FOREIGN_FILES. */
  async lock(directories: readonly string[]): Promise<void> {
    for (const directory of directories) {
      await ensureDirectory(this.#disk, directory)
      this.#locks.set(directory, await this.#disk.lockDirectory(directory, 'a Millrace broker'))
      if (await this.#disk.exists(join(directory, 'meta.properties')))
        throw new Fault(
          'FOREIGN_FILES',
          `directory ${directory} belongs to an Apache Kafka broker (meta.properties is there); give log.dirs a directory of its own`,
        )
    }
  }

  async release(): Promise<void> {
    await Promise.all([...this.#locks.values()].map(lock => lock.release()))
    this.#locks.clear()
  }

  /** Whether it can be seen that a directory is not at its place any more. */
  get isWatchable(): boolean {
    return [...this.#locks.values()].some(lock => lock.isAway !== undefined)
  }

  /** Log directories, and directories of single partitions, of which files were removed, renamed or replaced. */
  get away(): ReadonlySet<string> {
    return this.#away
  }

  /** The directory of a partition is removed on purpose. */
  forget(directory: string): void {
    this.#away.delete(directory)
  }

  /** Takes the partitions offline whose files are not at their places any more. */
  async look(): Promise<void> {
    for (const directory of this.#locks.keys()) {
      if (await this.#isAway(directory)) continue
      for (const log of this.#logsIn(directory))
        // It may have been deleted meanwhile.
        if ((await log.isAway()) && this.#logsIn(directory).includes(log))
          this.#takeAway(log.directory, `${log.directory}, or its newest segment,`, [log])
    }
  }

  /** New entries of the journal and new partitions would be lost: rejects with STATE_MISSING. */
  async require(places: ReadonlySet<string>): Promise<void> {
    for (const place of places)
      if (await this.#isAway(place))
        throw new Fault('STATE_MISSING', `log directory ${place} ${wentAway}`, { remedy: awayRemedy })
  }

  async #isAway(directory: string): Promise<boolean> {
    if (!this.#away.has(directory) && (await this.#locks.get(directory)?.isAway?.()) === true)
      this.#takeAway(directory, `log directory ${directory}`, this.#logsIn(directory))
    return this.#away.has(directory)
  }

  #logsIn(directory: string): PartitionLog[] {
    return this.#logs().filter(log => log.directory === join(directory, log.name))
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
}
