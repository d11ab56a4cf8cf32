// Packed data that are several frames (zstd) or members (gzip) after one another, unpacked piece by piece in the calling
// thread: a piece is made when somebody asks for it, so that neither the size of the whole nor the time it takes matters.
//
// Node's streams unpack in the thread pool, and its one-shot functions all at once; between them lies the handle of a
// stream, which takes input and room for output and says how much of both is left. It is the same in Node 22 and 24.
import { constants, InflateRaw, ZstdDecompress } from 'node:zlib'
import { PackingError } from './format-error.ts'

/** Most frames in one batch: the smallest have nine bytes, and none need be in them. */
const mostFrames = 10_000
/** Pieces grow from the size expected up to this, which takes about a millisecond. */
const pieceBytes = { least: 16_384, most: 262_144 }

/** What a stream of zlib has inside. */
export interface ZlibInside {
  readonly _handle: {
    writeSync(
      flush: number,
      input: Buffer,
      inputAt: number,
      inputLength: number,
      output: Buffer,
      outputAt: number,
      outputLength: number,
    ): void
    reset(): void
    close(): void
  }
  /** After a write: room left in the output, bytes left of the input. */
  readonly _writeState: Uint32Array
}

export class UnpackedFrames {
  readonly #codec: 'gzip' | 'zstd'
  readonly #bytes: Buffer
  readonly #maxBytes: number
  readonly #engine: ZlibInside
  #left: number
  /** Where the next piece is written: the same memory for as long as nobody was given it. */
  #output: Buffer
  #frames = 0
  #failure: string | null = null
  /** Where the frame that was unpacked last ends. */
  end = 0

  constructor(codec: 'gzip' | 'zstd', bytes: Buffer, maxBytes: number) {
    this.#codec = codec
    this.#bytes = bytes
    this.#maxBytes = this.#left = maxBytes
    this.#output = Buffer.allocUnsafeSlow(
      Math.min(pieceBytes.most, Math.max(pieceBytes.least, bytes.length * 4)),
    )
    this.#engine = (codec === 'zstd' ? new ZstdDecompress() : new InflateRaw()) as unknown as ZlibInside
    const onerror = (message: string) => (this.#failure = message)
    Object.assign(this.#engine._handle, { onerror })
  }

  /**
   * Unpacks the frame that begins at `at`; `end` is known when there is no further piece. `mayBeCutOff`: a frame of
   * zstd that is cut off ends there. Throws PackingError.
   */
  *frame(at: number, mayBeCutOff = true): Generator<Buffer> {
    if (this.#frames++ === mostFrames) throw this.broken(`hold more than ${mostFrames} frames`)
    if (this.#codec === 'gzip' && at > 0) this.#engine._handle.reset()
    this.end = at
    for (let isOver = false; !isOver;) {
      const output = this.#output
      const room = this.#step(output, mayBeCutOff)
      isOver = room > 0
      const piece = output.subarray(0, output.length - room)
      this.#left -= piece.length
      if (this.#left < 0) throw this.broken(`unpack to more than the ${this.#maxBytes} bytes allowed`)
      if (piece.length * 2 >= output.length) {
        this.#output = Buffer.allocUnsafeSlow(Math.min(pieceBytes.most, output.length * 2))
        yield piece
      } else if (piece.length > 0) yield copyOf(piece)
    }
  }

  /** Gives the room left. */
  #step(output: Buffer, mayBeCutOff: boolean): number {
    const { _handle: handle, _writeState: state } = this.#engine
    const given = this.#bytes.length - this.end
    // Without input the end of a frame would be taken for one that is cut off.
    const flush =
      this.#codec === 'gzip'
        ? constants.Z_SYNC_FLUSH
        : mayBeCutOff || given === 0
          ? constants.ZSTD_e_flush
          : constants.ZSTD_e_end
    handle.writeSync(flush, this.#bytes, this.end, given, output, 0, output.length)
    if (this.#failure !== null) throw this.broken(`are damaged: ${this.#failure}`)
    this.end = this.#bytes.length - state[1]!
    return state[0]!
  }

  /** Gives the decoder's memory back. */
  close(): void {
    this.#engine._handle.close()
  }

  broken(problem: string): PackingError {
    return new PackingError(`${this.#codec} data ${problem}`)
  }
}

/** So that a few bytes do not keep the room for many. */
function copyOf(piece: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(piece.length)
  piece.copy(copy)
  return copy
}
