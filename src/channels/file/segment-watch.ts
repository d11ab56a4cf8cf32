// SegmentWatch: notices, while the channel runs, that a data directory or a segment is not at its place any more. An
// open file goes on being written after its name is gone, and a segment that is not open is missed only when
// it is read: until then nothing would say that the events in it are lost.
import { basename } from 'node:path'
import type { Clock, Timer } from '../../system/clock.ts'
import type { Disk } from '../../system/disk.ts'
import type { Segment } from './segment.ts'

const lookMs = 1000

export interface WatchParts {
  readonly disk: Disk
  readonly clock: Clock
  readonly directories: readonly string[]
  /** As they are whenever it looks. */
  readonly segments: readonly Segment[]
  /** What is wrong, as the middle of a sentence; called once. */
  onAway(problem: string): void
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
    const { disk, directories, segments, onAway } = this.#parts
    for (const directory of directories) {
      const before = segments.filter(one => one.directory === directory)
      const names = await disk.list(directory).catch(codeOf)
      if (this.#timer === null) return
      // An error other than that it is not there says nothing: reading and writing will tell.
      if (typeof names === 'string' && names !== 'ENOENT' && names !== 'ENOTDIR') continue
      const away =
        typeof names === 'string'
          ? directory
          : before.find(one => segments.includes(one) && !names.includes(basename(one.path)))?.path
      if (away === undefined) continue
      this.close()
      return onAway(`${away} was removed or renamed while the channel runs; put it back`)
    }
  }
}

const codeOf = (error: NodeJS.ErrnoException): string => error.code ?? ''
