// What stands before a file channel opens: its directories are locked, a Flume's channel in them is looked for, and what
// is inside is found. The check rehearses it on a disk that is only looked at.
import { join, resolve as absolute } from 'node:path'
import type { CountedContext } from '../../component.ts'
import { Fault, diskFault } from '../../errors.ts'
import { Checkpoint, checkpointName } from './checkpoint.ts'
import { markName } from './directory-mark.ts'
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
    const store = this.makeStore()
    try {
      await store.open()
      const encryption = await this.makeEncryption()
      const { floorBytes, segmentBytes } = this.#settings
      if ((await this.lookForFlume(await store.list())) === null) {
        const { found } = await this.takeInventory(store, this.makeCheckpoint())
        await startLog(this.#context.system, store, found, { segmentBytes, encryption })
      }
      const free = await store.freeBytes()
      if (free < floorBytes)
        this.#context.log.warn(
          `channel ${this.#context.name} will refuse puts: ${free} bytes are free where its data lies, fewer than minimumRequiredSpace (${floorBytes})`,
        )
    } catch (error) {
      throw this.faultOf(error)
    } finally {
      await store.close()
    }
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
    if (error instanceof Fault) return error
    const { name } = this.#context
    return diskFault(`channel ${name} cannot open its log`, error)
  }
}
