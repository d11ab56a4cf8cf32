// What Node's zlib makes of packed data that are several frames (zstd) or members (gzip) after one another: it
// unpacks one at a time and tells where it ends.
import type { inflateRawSync, zstdDecompressSync } from 'node:zlib'
import { PackingError } from './format-error.ts'

/** Most frames in one batch: each costs a decoder of its own, and the smallest have nine bytes. */
const mostFrames = 10_000

export class UnpackedFrames {
  readonly #codec: string
  readonly #maxBytes: number
  readonly #unpack: typeof inflateRawSync | typeof zstdDecompressSync
  readonly #frames: Buffer[] = []
  #left: number

  constructor(codec: string, unpack: typeof inflateRawSync | typeof zstdDecompressSync, maxBytes: number) {
    this.#codec = codec
    this.#unpack = unpack
    this.#maxBytes = this.#left = maxBytes
  }

  /**
   * Unpacks the frame that begins at `at`; gives what it holds and where it ends. `finishFlush` is zlib's, for a frame
   * that may be cut off. Throws PackingError.
   */
  take(bytes: Buffer, at: number, finishFlush?: number): { frame: Buffer; end: number } {
    if (this.#frames.length === mostFrames) throw this.broken(`hold more than ${mostFrames} frames`)
    try {
      // Zero is no limit that zlib takes.
      const maxOutputLength = Math.max(1, this.#left)
      const { buffer, engine } = this.#unpack(bytes.subarray(at), {
        info: true,
        maxOutputLength,
        ...(finishFlush === undefined ? {} : { finishFlush }),
      }) as unknown as { buffer: Buffer; engine: { bytesWritten: number } }
      if (buffer.length > this.#left) throw this.#tooLarge()
      this.#left -= buffer.length
      this.#frames.push(buffer)
      return { frame: buffer, end: at + engine.bytesWritten }
    } catch (error) {
      if (error instanceof PackingError) throw error
      const { code, message } = error as NodeJS.ErrnoException
      throw code === 'ERR_BUFFER_TOO_LARGE' ? this.#tooLarge() : this.broken(`are damaged: ${message}`, error)
    }
  }

  /** Everything, in order. */
  get bytes(): Buffer {
    return this.#frames.length === 1 ? this.#frames[0]! : Buffer.concat(this.#frames)
  }

  broken(problem: string, cause?: unknown): PackingError {
    return new PackingError(`${this.#codec} data ${problem}`, { cause })
  }

  #tooLarge(): PackingError {
    return this.broken(`unpack to more than the ${this.#maxBytes} bytes allowed`)
  }
}
