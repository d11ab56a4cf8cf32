// Cuts what comes from a connection into frames, however the bytes arrive: size int32, then that many bytes. Requests
// and answers are framed alike. Small pieces of a frame are put together: each of its own takes a thousand times the
// memory of a byte.

export interface FrameHandler {
  /**
   * Bytes up to which room for a frame is made at once, before its bytes are there. 0 where whoever sends is not
   * trusted: memory grows with the bytes that have really come.
   */
  readonly eagerBytes: number
  /** Whether a frame of this size is accepted; `bytes` are the four that say it. Where not, nothing more is read. */
  accept(size: number, bytes: Buffer): boolean
  /** The bytes are a view of the chunk where a small frame is whole in it. */
  take(frame: Buffer): void
}

/** Smaller pieces are put together, in buffers of so many bytes. */
const smallBytes = 1024
const gatheredBytes = 4096

export class FrameReader {
  readonly #handler: FrameHandler
  readonly #sizeBytes = Buffer.alloc(4)
  #have = 0
  /** Of the frame being read; -1 while its size is not known. */
  #size = -1
  // Its bytes, either in one piece or as chunks.
  #frame: Buffer | null = null
  #chunks: Buffer[] = []
  /** Bytes that are free behind the last chunk, in its own buffer. */
  #room = 0
  #isOver = false

  constructor(handler: FrameHandler) {
    this.#handler = handler
  }

  /** Whether a frame has begun that is not whole yet. */
  get isWithin(): boolean {
    return !this.#isOver && (this.#size !== -1 || this.#have > 0)
  }

  /** Bytes kept of a frame that is not whole yet. */
  get heldBytes(): number {
    return this.#have + this.#room
  }

  /** Reads no more, and forgets what is not whole. */
  end(): void {
    this.#isOver = true
    this.#frame = null
    this.#chunks = []
    this.#room = 0
  }

  read(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length && !this.#isOver) {
      if (this.#size === -1) {
        const count = Math.min(4 - this.#have, chunk.length - at)
        chunk.copy(this.#sizeBytes, this.#have, at, at + count)
        this.#have += count
        at += count
        if (this.#have === 4) this.#begin(this.#sizeBytes.readInt32BE(0))
        continue
      }
      const count = Math.min(this.#size - this.#have, chunk.length - at)
      // A small frame that is whole in its chunk needs no copy.
      if (this.#have === 0 && count === this.#size && count < 16_384) {
        this.#finish(chunk.subarray(at, at + count))
      } else {
        if (this.#size <= this.#handler.eagerBytes) {
          this.#frame ??= Buffer.allocUnsafeSlow(this.#size)
          chunk.copy(this.#frame, this.#have, at, at + count)
        } else this.#keep(chunk.subarray(at, at + count))
        this.#have += count
        if (this.#have === this.#size) this.#finish(this.#frame ?? Buffer.concat(this.#chunks))
      }
      at += count
    }
  }

  #keep(piece: Buffer): void {
    const last = this.#chunks.at(-1)
    if (piece.length >= smallBytes) {
      this.#chunks.push(piece)
      this.#room = 0
    } else if (last === undefined || this.#room < piece.length) {
      const fresh = Buffer.allocUnsafeSlow(gatheredBytes)
      this.#chunks.push(fresh.subarray(0, piece.copy(fresh)))
      this.#room = gatheredBytes - piece.length
    } else {
      const longer = Buffer.from(last.buffer, last.byteOffset, last.length + piece.length)
      piece.copy(longer, last.length)
      this.#chunks[this.#chunks.length - 1] = longer
      this.#room -= piece.length
    }
  }

  #begin(size: number): void {
    this.#have = 0
    if (!this.#handler.accept(size, this.#sizeBytes)) return this.end()
    this.#size = size
    // Nothing follows that would end it.
    if (size === 0) this.#finish(Buffer.alloc(0))
  }

  #finish(frame: Buffer): void {
    this.#size = -1
    this.#have = 0
    this.#frame = null
    this.#chunks = []
    this.#room = 0
    this.#handler.take(frame)
  }
}
