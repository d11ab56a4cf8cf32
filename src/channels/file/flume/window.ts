// Window: a file read in large pieces, whatever its size. A piece is never written again once it was given
// out, so that views on it stay what they are as long as somebody holds them.
import type { DiskFile } from '../../../system/disk.ts'

const nothing = Buffer.alloc(0)

export class Window {
  readonly file: DiskFile
  readonly size: number
  readonly #pieceBytes: number
  #at = 0
  #bytes: Buffer = nothing

  constructor(file: DiskFile, size: number, pieceBytes: number) {
    this.file = file
    this.size = size
    this.#pieceBytes = pieceBytes
  }

  /** `length` bytes at `position`, fewer at the file's end; null where they must be loaded first. */
  peek(position: number, length: number): Buffer | null {
    const end = Math.min(position + length, this.size)
    if (position < this.#at || end > this.#at + this.#bytes.length) return null
    return this.#bytes.subarray(position - this.#at, Math.max(position, end) - this.#at)
  }

  /** The same, loaded where it is not here yet. */
  async read(position: number, length: number): Promise<Buffer> {
    const there = this.peek(position, length)
    if (there !== null) return there
    const wanted = Math.max(0, Math.min(Math.max(length, this.#pieceBytes), this.size - position))
    const bytes = Buffer.allocUnsafeSlow(wanted)
    const count = await this.file.read(bytes, position)
    this.#at = position
    this.#bytes = bytes.subarray(0, count)
    return this.#bytes.subarray(0, length)
  }

  release(): void {
    this.#bytes = nothing
    this.#at = 0
  }
}
