// What stands before a file channel opens: its directories are locked, a Flume's channel in them is looked for, and what
// is inside is found. The check rehearses it on a disk that is only looked at.
import { join, resolve as absolute } from 'node:path'
import type { CountedContext } from '../../component.ts'
import { Fault, diskFault, isDiskFull, messageOf } from '../../errors.ts'
import { silentLogger } from '../../observe/log.ts'
import { Checkpoint, Checkpointer, checkpointName } from './checkpoint.ts'
import { markName, planMarks } from './directory-mark.ts'
import type { FileChannelSettings } from './file-channel-settings.ts'
import { lookForFlume, type Takeover, type TakeoverParts } from './flume/takeover.ts'
import { takeInventory, type Inventory } from './inventory.ts'
import { startLog } from './log-start.ts'
import { Encryption, unlock } from './segment-cipher.ts'
import { SegmentStore } from './segment-store.ts'

export class Opening {
  readonly #settings: FileChannelSettings
  readonly #context: CountedContext
  readonly #directories: Pick<TakeoverParts, 'checkpointDirectory' | 'dataDirectories'>
  readonly #isForTakeover: boolean

  constructor(settings: FileChannelSettings, context: CountedContext, isForTakeover = false) {
    this.#settings = settings
    this.#context = context
    this.#isForTakeover = isForTakeover
    this.#directories = {
      checkpointDirectory: absolute(settings.checkpointDirectory),
      dataDirectories: settings.dataDirectories.map(one => absolute(one)),
    }
  }

  /** Meets what the channel's start meets in the directories, on a disk that is only looked at. Rejects as that does. */
  async rehearse(): Promise<void> {
    const { log, name } = this.#context
    const store = this.makeStore()
    try {
      await store.open()
      const encryption = await this.makeEncryption()
      if ((await this.lookForFlume(await store.list())) === null)
        await this.#rehearseWriting(store, encryption)
      const free = await this.freeBytes()
      const { floorBytes } = this.#settings
      if (free < floorBytes)
        log.warn(
          `channel ${name} will refuse puts: ${free} bytes are free where its data lies, fewer than minimumRequiredSpace (${floorBytes})`,
        )
    } catch (error) {
      const fault = this.faultOf(error)
      if (!isDiskFull(error)) throw fault
      log.warn(`${fault.message}. ${fault.remedy}`)
    } finally {
      await store.close()
    }
  }

  async #rehearseWriting(store: SegmentStore, encryption: Encryption | null): Promise<void> {
    const { system, condition } = this.#context
    const { segmentBytes } = this.#settings
    const checkpoint = this.makeCheckpoint()
    const { found, directories, givenUp } = await this.takeInventory(store, checkpoint)
    const started = await startLog(system, store, found, { segmentBytes, encryption })
    const marks = planMarks(system, started.segment.channelId, directories, givenUp)
    await marks.write()
    const checkpointer = new Checkpointer({
      checkpoint,
      clock: system.clock,
      intervalMs: this.#settings.checkpointIntervalMs,
      gone: found.gone,
      segments: [...found.segments, started.segment],
      directories: marks.directories,
      givenUp,
      log: silentLogger,
      stand: () => null,
      condition: condition('checkpoint'),
      onFailed: () => {},
    })
    await checkpointer.start(started)
    await checkpointer.close()
  }

  /** Of the data directory that has least. */
  async freeBytes(): Promise<number> {
    const { disk } = this.#context.system
    return Math.min(...(await Promise.all(this.#directories.dataDirectories.map(one => disk.freeBytes(one)))))
  }

  makeStore(): SegmentStore {
    const { segmentBytes, floorBytes } = this.#settings
    const { system, log, name: channel, agent } = this.#context
    const { disk } = system
    return new SegmentStore({ disk, log, channel, agent, ...this.#directories, segmentBytes, floorBytes })
  }

  async makeEncryption(): Promise<Encryption | null> {
    const keys = this.#settings.encryption ?? null
    return keys === null ? null : await Encryption.with(keys, this.#context.system.random)
  }

  makeCheckpoint(): Checkpoint {
    return new Checkpoint(this.#context.system.disk, this.#directories.checkpointDirectory)
  }

  async lookForFlume(segments: TakeoverParts['segments']): Promise<Takeover | null> {
    const { system, log, name: channel } = this.#context
    const { capacity, transactionCapacity, flumeBackupDirectory, encryption } = this.#settings
    const { checkpointDirectory, dataDirectories } = this.#directories
    if (!this.#isForTakeover)
      return await lookForFlume({
        ...this.#directories,
        backupDirectory: flumeBackupDirectory ?? null,
        system,
        log,
        channel,
        capacity,
        transactionCapacity,
        segments,
        ours: [join(checkpointDirectory, checkpointName), ...dataDirectories.map(one => join(one, markName))],
        keys: encryption ?? null,
      })
    // Between the look and this nobody had the lock.
    if (segments.length === 0) return null
    throw new Fault('DIRECTORY_IN_USE', `another agent began to use ${segments[0]!.directory}; start again`)
  }

  async takeInventory(store: SegmentStore, checkpoint: Checkpoint): Promise<Inventory> {
    const { system, log, name: channel } = this.#context
    const keys = this.#settings.encryption ?? null
    return await takeInventory({
      ...this.#directories,
      disk: system.disk,
      log,
      channel,
      checkpoint,
      files: await store.list(),
      unlock: segment => unlock(keys, segment),
      acceptLoss: this.#settings.acceptLoss === true,
    })
  }

  faultOf(error: unknown): Fault {
    const { name } = this.#context
    if (isDiskFull(error))
      return new Fault('DISK_FULL', `channel ${name} refuses puts: ${messageOf(error)}`, {
        cause: error,
        remedy: 'Free space on the file system named above. The channel then continues without a restart.',
      })
    if (error instanceof Fault) return error
    return diskFault(`channel ${name} cannot open its log`, error)
  }
}
