// The spooling directory source at work: one file after another, one batch after another. The position is noted behind the
// channel, so that a kill repeats a batch and loses nothing.
import { basename, resolve } from 'node:path'
import { pathOf, type Source, type SourceContext } from '../../component.ts'
import { diskFault, messageOf } from '../../errors.ts'
import { Event } from '../../event.ts'
import type { Condition } from '../../observe/conditions.ts'
import type { Logger } from '../../observe/log.ts'
import { sparing } from '../../observe/sparing-log.ts'
import { ensureDirectory } from '../../storage/directory.ts'
import type { Disk, DiskFile, FileState } from '../../system/disk.ts'
import { Pace } from '../../system/pace.ts'
import { deserializer, type Deserializer } from './deserializer.ts'
import { FileWindow } from './file-window.ts'
import { SetAside, type SetAsideFile } from './set-aside.ts'
import { SpoolDirectory, type SpooledFile } from './spool-directory.ts'
import type { SpoolOptions } from './spool-options.ts'
import { identityOf, readTracker, removeTracker, Tracker, type NotedPosition } from './tracker.ts'
import { UnreadableFile } from './unreadable-file.ts'

/** A file that cannot be opened is retried after so long. */
const unopenedMs = 30_000

interface OpenFile {
  readonly path: string
  readonly file: DiskFile
  /** As it was opened: it must not change. */
  readonly state: FileState
  readonly tracker: Tracker
  readonly deserializer: Deserializer
  /** The events that come next; they are in the channel where `isPut`. */
  batch: readonly Event[] | null
  isPut: boolean
  /** Nothing of it was read before: an empty file is an event then. */
  isNew: boolean
}

export class SpoolSource implements Source {
  readonly #options: SpoolOptions
  readonly #context: SourceContext
  readonly #disk: Disk
  readonly #log: Logger
  readonly #pace: Pace
  readonly #trackerDirectory: string
  readonly #directory: SpoolDirectory
  readonly #setAside: SetAside
  readonly #hasSetAside: Condition
  readonly #notOpening: Condition
  #current: OpenFile | null = null
  #waiting: SpooledFile[] = []
  /** Monotonic ms: a list that is older is made again. */
  #listedAt = -Infinity
  /** Where to go on, by path: what the tracker said at the start, and files that are tried once more. */
  #positions = new Map<string, NotedPosition>()
  /** Files that cannot be opened, and when they are retried. */
  readonly #unopened = new Map<string, number>()

  constructor(given: SpoolOptions, context: SourceContext) {
    this.#options = given
    this.#context = context
    this.#disk = context.system.disk
    this.#log = sparing(context.log, context.system.clock)
    this.#pace = new Pace(context.system.clock)
    const directory = pathOf(given.spoolDir, context.home)
    this.#trackerDirectory = resolve(directory, given.trackerDir)
    this.#directory = new SpoolDirectory(this.#disk, {
      directory,
      trackerDirectory: this.#trackerDirectory,
      suffix: given.fileSuffix,
      include: given.includePattern,
      ignore: given.ignorePattern,
      isRecursive: given.recursiveDirectorySearch,
      order: given.consumeOrder,
      afterwards:
        given.deletePolicy === 'immediate' ? 'delete' : given.trackingPolicy === 'rename' ? 'rename' : 'mark',
    })
    this.#setAside = new SetAside(this.#disk, this.#trackerDirectory)
    this.#hasSetAside = context.condition('files set aside')
    this.#notOpening = context.condition('opening files')
  }

  async start(): Promise<void> {
    await this.#directory.waiting()
    await ensureDirectory(this.#disk, this.#trackerDirectory)
    this.#positions = new Map()
    for (const [path, { identity, position }] of await this.#setAside.open())
      this.#positions.set(path, { file: path, identity, position })
    const noted = await readTracker(this.#disk, this.#trackerDirectory)
    if (noted !== null) this.#positions.set(noted.file, noted)
    this.#unopened.clear()
    this.#waiting = []
    this.#context.log.info(
      `spooling directory source reads ${pathOf(this.#options.spoolDir, this.#context.home)}`,
    )
  }

  /** A batch, or the end of a file. */
  async poll(signal: AbortSignal): Promise<void> {
    this.#current ??= await this.#next()
    const current = this.#current
    if (current === null) return await this.#context.system.clock.sleep(this.#options.pollDelay, signal)
    try {
      current.batch ??= await this.#read(current)
    } catch (error) {
      if (!(error instanceof UnreadableFile)) throw diskFault(`cannot read ${current.path}`, error)
      const {
        path,
        state,
        deserializer: { position },
      } = current
      await this.#putAside({ path, identity: identityOf(state), position, why: 'unreadable' }, error)
      return await this.#close()
    }
    if (current.batch.length === 0) return await this.#finish(current)
    if (!current.isPut) await this.#put(current.batch, signal)
    current.isPut = true
    await current.tracker.store(current.deserializer.position).catch((error: unknown) => {
      throw diskFault(`cannot note the position in ${current.path}`, error)
    })
    current.batch = null
    current.isPut = false
  }

  async #read(current: OpenFile): Promise<readonly Event[]> {
    const { counters } = this.#context
    const { batchSize, fileHeader, fileHeaderKey, basenameHeader, basenameHeaderKey } = this.#options
    const events = await current.deserializer.read(batchSize)
    if (events.length === 0 && current.isNew && current.state.bytes === 0) events.push(Event.of(new Map()))
    current.isNew = false
    for (const event of events) {
      if (fileHeader) event.setHeader(fileHeaderKey, current.path)
      if (basenameHeader) event.setHeader(basenameHeaderKey, basename(current.path))
    }
    if (events.length === 0) return events
    counters.add('EventReceivedCount', events.length)
    counters.add('AppendBatchReceivedCount')
    return events
  }

  async #put(events: readonly Event[], signal: AbortSignal): Promise<void> {
    const { processor, counters } = this.#context
    await processor.processUntilAccepted(events, signal)
    counters.add('EventAcceptedCount', events.length)
    counters.add('AppendBatchAcceptedCount')
  }

  /** The next file that can be read, opened; null where none is there. */
  async #next(): Promise<OpenFile | null> {
    const { clock } = this.#context.system
    if (this.#waiting.length === 0 || clock.monotonic() - this.#listedAt >= this.#options.pollDelay) {
      await this.#lookAtSetAside()
      this.#waiting = (await this.#directory.waiting()).toReversed()
      this.#listedAt = clock.monotonic()
    }
    for (let next = this.#waiting.pop(); next !== undefined; next = this.#waiting.pop()) {
      const { path, state } = next
      const isSetAside = this.#setAside.at(path)?.identity === identityOf(state)
      if (isSetAside && !this.#positions.has(path)) continue
      if ((this.#unopened.get(path) ?? 0) > clock.monotonic()) continue
      const opened = await this.#open(path)
      if (opened !== null) return opened
    }
    return null
  }

  /** Null where it is gone, cannot be opened, or has no beginning that can be read. */
  async #open(path: string): Promise<OpenFile | null> {
    const file = await this.#disk.open(path, 'read').catch((error: unknown) => this.#notOpened(path, error))
    if (file === null) return null
    if (this.#unopened.delete(path) && this.#unopened.size === 0)
      this.#notOpening.clear('All files can be opened')
    const state = await file.stat!()
    const position = this.#positionIn(path, state)
    const tracker = await Tracker.begin(this.#context.system, this.#trackerDirectory, {
      file: path,
      identity: identityOf(state),
      position,
    }).catch(async (error: unknown) => {
      await file.close()
      throw diskFault(`cannot write the tracker in ${this.#trackerDirectory}`, error)
    })
    const open = { path, file, state, tracker, batch: null, isPut: false, isNew: position === 0 }
    try {
      return { ...open, deserializer: await this.#deserializer(open, position) }
    } catch (error) {
      await Promise.all([file.close(), tracker.close()])
      if (!(error instanceof UnreadableFile)) throw diskFault(`cannot read ${path}`, error)
      await this.#putAside({ path, identity: identityOf(state), position, why: 'unreadable' }, error)
      return null
    }
  }

  #deserializer(
    { path, file, state }: Pick<OpenFile, 'path' | 'file' | 'state'>,
    position: number,
  ): Promise<Deserializer> {
    const given = this.#options
    let isSaid = false
    const onCut = (what: string) => {
      if (!isSaid) this.#log.warn(`${path} ${what}; they become several events (reported once a file)`)
      isSaid = true
    }
    const settings = {
      kind: given.deserializer,
      inputCharset: given.inputCharset,
      decodeErrorPolicy: given.decodeErrorPolicy,
      outputCharset: given['deserializer.outputCharset'],
      maxLineLength: given['deserializer.maxLineLength'],
      maxBlobLength: given['deserializer.maxBlobLength'],
      schemaType: given['deserializer.schemaType'],
      onCut,
    }
    const { clock } = this.#context.system
    return deserializer(new FileWindow(file, state.bytes, position), settings, this.#pace, clock)
  }

  #notOpened(path: string, error: unknown): null {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    const { clock } = this.#context.system
    this.#unopened.set(path, clock.monotonic() + unopenedMs)
    this.#notOpening.raise(`${path} cannot be opened and is retried every 30 s: ${messageOf(error)}`, {
      remedy: 'Give the user of the agent the right to read it, or move it away.',
    })
    return null
  }

  /** Where reading goes on: what was noted counts for the same file alone. */
  #positionIn(path: string, state: FileState): number {
    const noted = this.#positions.get(path)
    this.#positions.delete(path)
    if (noted === undefined || (noted.identity !== null && noted.identity !== identityOf(state))) return 0
    if (noted.position <= state.bytes) return noted.position
    this.#log.warn(
      `${path} has ${state.bytes} bytes, and had been read up to ${noted.position}: it is another file, and is read from its beginning`,
    )
    return 0
  }

  /** All of it is in the channel. */
  async #finish(current: OpenFile): Promise<void> {
    const { path, state } = current
    const now = await this.#directory.stateOf(path)
    const isSame =
      now !== null &&
      identityOf(now) === identityOf(state) &&
      now.bytes === state.bytes &&
      now.modifiedMs === state.modifiedMs
    const record = { path, identity: identityOf(state), position: current.deserializer.position }
    if (now === null) this.#log.warn(`${path} was removed while it was read`)
    else if (!isSame) await this.#putAside({ ...record, why: 'changed' })
    else if (!(await this.#directory.retire(path))) await this.#putAside({ ...record, why: 'name taken' })
    if (isSame && this.#setAside.at(path)?.why === 'unreadable') await this.#setAside.forget([path])
    await removeTracker(this.#disk, this.#trackerDirectory)
    await this.#close()
  }

  async #putAside(file: SetAsideFile, error?: UnreadableFile): Promise<void> {
    const { counters } = this.#context
    await this.#setAside.add(file).catch((cause: unknown) => {
      throw diskFault(`cannot note in ${this.#trackerDirectory} that ${file.path} is set aside`, cause)
    })
    counters.add('EventReadFail')
    const why = error === undefined ? reasons[file.why] : `cannot be read further: ${error.message}`
    this.#log.error(
      `${file.path} ${why}. It is set aside at byte ${file.position}; the source goes on with the other files. ${error?.remedy ?? ''}`.trim(),
    )
    this.#tellSetAside()
  }

  #tellSetAside(): void {
    if (this.#setAside.files.length === 0)
      return this.#hasSetAside.clear('No file of the spooling directory is set aside any more')
    this.#hasSetAside.raise(this.#setAside.describe(), {
      remedy: 'Move them away; to read one from its beginning, put it back under a name that was not used.',
    })
  }

  /** Those that were moved away are forgotten; one whose name is free now is done. */
  async #lookAtSetAside(): Promise<void> {
    const done: string[] = []
    for (const { path, identity, why } of this.#setAside.files) {
      const state = await this.#directory.stateOf(path)
      const isGone = state === null || identityOf(state) !== identity
      if (isGone || (why === 'name taken' && (await this.#directory.retire(path)))) done.push(path)
    }
    await this.#setAside.forget(done)
    this.#tellSetAside()
  }

  async #close(): Promise<void> {
    const current = this.#current
    this.#current = null
    if (current !== null) await Promise.all([current.file.close(), current.tracker.close()])
  }

  async stop(): Promise<void> {
    await this.#close()
  }
}

const reasons = {
  changed: 'changed while it was read',
  'name taken': 'was read, but another file of its name was read before',
  unreadable: '',
} as const
