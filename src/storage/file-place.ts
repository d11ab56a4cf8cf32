// FilePlace: whether a file that is being written is at its place still. One that was removed or renamed from outside
// goes on being written, and what it takes is gone with the process.
import type { Clock } from '../system/clock.ts'
import type { DiskFile } from '../system/disk.ts'

const lookMs = 100

export class FilePlace {
  readonly #clock: Clock
  #lookedAt = -Infinity

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Whether the path leads elsewhere, or nowhere; null where it was looked at a moment ago, unless `always`. */
  isAway(file: DiskFile, path: string, always = false): Promise<boolean> | null {
    const now = this.#clock.monotonic()
    if (!always && now - this.#lookedAt < lookMs) return null
    this.#lookedAt = now
    return isAway(file, path)
  }
}

/** Where that cannot be told, writing and reading will tell. */
export async function isAway(file: DiskFile, path: string): Promise<boolean> {
  return (await file.isAt?.(path).catch(() => true)) === false
}
