// SegmentWatch: notices, while the channel runs, that a directory, a segment or the checkpoint is not at its place any
// more. An open file goes on being written after its name is gone, and a segment that is not open is missed only when
// it is read: until then nothing would say that the events in it are lost.
import { basename, dirname } from 'node:path'
import type { Clock, Timer } from '../../system/clock.ts'
import type { Disk } from '../../system/disk.ts'
import { markName } from './directory-mark.ts'
import { wentAway } from './log.ts'
import type { Segment } from './segment.ts'

const lookMs = 1000

export interface WatchParts {
  readonly disk: Disk
  readonly clock: Clock
  readonly directories: readonly string[]
  /** As they are whenever it looks. */
  readonly segments: readonly Segment[]
  /** Whether the directories have their marks. */
  isMarked(): boolean
  /** Whether another directory lies at the path. */
  isReplaced(directory: string): Promise<boolean>
  /** What is wrong, as the middle of a sentence; called once. */
  onAway(problem: string): void
  readonly checkpoint: { readonly path: string }
  /** Called whenever it is looked for and is not there. */
  onCheckpointAway(): void
}

export class SegmentWatch {
  readonly #parts: WatchParts
  #timer: Timer | null = null

  constructor(parts: WatchParts) {
    this.#parts = parts
    this.#later()
  }

  close(): void {
    this.#timer?.cancel()
    this.#timer = null
  }

  #later(): void {
    const look = (): void => void this.#look().then(() => this.#timer !== null && this.#later())
    this.#timer = this.#parts.clock.after(lookMs, look, { background: true })
  }

  async #look(): Promise<void> {
    const { directories, checkpoint, onAway, onCheckpointAway, isMarked } = this.#parts
    for (const directory of directories) {
      const problem = await this.#problemIn(directory)
      if (this.#timer === null) return
      if (problem === null) continue
      this.close()
      return onAway(problem)
    }
    const names = await this.#namesIn(dirname(checkpoint.path))
    if (this.#timer === null || !isMarked() || names === 'unknown') return
    if (names?.includes(basename(checkpoint.path)) !== true) onCheckpointAway()
  }

  async #problemIn(directory: string): Promise<string | null> {
    const { segments, isMarked, isReplaced } = this.#parts
    const before = segments.filter(one => one.directory === directory)
    const wasMarked = isMarked()
    const names = await this.#namesIn(directory)
    if (names === 'unknown') return null
    if (names === null) return `${directory} ${wentAway}`
    const gone = before.find(one => segments.includes(one) && !names.includes(basename(one.path)))
    const lacksMark = wasMarked && !names.includes(markName)
    if (gone === undefined && (!lacksMark || before.length > 0)) return null
    if (await isReplaced(directory)) return `${directory} ${wentAway}, and another directory lies there`
    // What its lock left may lie there still.
    if (lacksMark) return `the files in ${directory} were removed while the channel runs`
    return `${gone!.path} ${wentAway}`
  }

  /** Null where it is not there. Any other error says nothing: reading and writing will tell. */
  async #namesIn(directory: string): Promise<readonly string[] | null | 'unknown'> {
    return await this.#parts.disk
      .list(directory)
      .catch(({ code }: NodeJS.ErrnoException) =>
        code === 'ENOENT' || code === 'ENOTDIR' ? null : 'unknown',
      )
  }
}
