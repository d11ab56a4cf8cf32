// Frames of Avro RPC over a stateful connection, as Avro's Netty transport writes them (both directions):
//
//   int32 BE  serial      chosen by the client, counts up from 1; the reply carries the same
//   int32 BE  n           number of buffers
//   n times   int32 BE length, then so many bytes
//
// The message is all buffers joined; where they are cut means nothing. Measured between Flume 1.8.0 and
// 1.11.0. The parser allocates nothing before bytes have arrived, whatever lengths a frame announces.
import { otherProtocol } from '../other-protocols.ts'

/** A frame that breaks the format or a limit. The message completes "closed …: ". */
export class FrameError extends Error {
  override name = 'FrameError'
}

export interface Frame {
  readonly serial: number
  /** The buffers joined, in a buffer of exactly this size. */
  readonly message: Buffer
}

/** Most buffers of one frame: Flume cuts at 8 KiB, so this allows for 512 MiB. */
const maxBuffers = 65_536
/** Pieces below this are copied together, so that bytes arriving one by one cost no object each. */
const smallPiece = 2048
const firstBlock = 4096
const lastBlock = 65_536

const noBytes = Buffer.alloc(0)

/** Cuts a byte stream into frames. One per connection; after it has thrown, the stream is worthless. */
export class FrameParser {
  readonly #maxMessageBytes: number
  readonly #head = Buffer.alloc(8)
  #headNeeded = 8
  #headFilled = 0
  #serial = 0
  #first = true
  #inFrame = false
  /** Buffers of the current frame that have not begun, and bytes missing in the one that has. */
  #buffersLeft = 0
  #bytesLeft = 0
  #announced = 0
  #received = 0
  #pieces: Buffer[] = []
  /** Where small pieces are gathered; what is in use of it is already among the pieces. */
  #block = noBytes
  #blockStart = 0
  #blockEnd = 0

  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes
  }

  /** Bytes held of a frame that is not complete. */
  get heldBytes(): number {
    return this.#received
  }

  /** True inside a frame, from its first byte on. */
  get midFrame(): boolean {
    return this.#inFrame || this.#headFilled > 0
  }

  /** Takes the next bytes of the stream; calls `each` for every frame they complete. Throws FrameError. */
  feed(chunk: Buffer, each: (frame: Frame) => void): void {
    let at = 0
    while (at < chunk.length) {
      if (this.#bytesLeft > 0) {
        const end = Math.min(chunk.length, at + this.#bytesLeft)
        this.#keep(chunk, at, end)
        this.#bytesLeft -= end - at
        at = end
      } else {
        const end = Math.min(chunk.length, at + this.#headNeeded - this.#headFilled)
        this.#headFilled += chunk.copy(this.#head, this.#headFilled, at, end)
        at = end
        if (this.#headFilled < this.#headNeeded) return
        this.#headFilled = 0
        if (this.#inFrame) this.#beginBuffer()
        else this.#beginFrame()
      }
      if (this.#inFrame && this.#bytesLeft === 0 && this.#buffersLeft === 0) each(this.#finish())
    }
  }

  #beginFrame(): void {
    this.#serial = this.#head.readInt32BE(0)
    const count = this.#head.readUInt32BE(4)
    // Serials count up from 1: a first one that reads like another protocol is one.
    const other = this.#first ? looksLike(this.#head) : ''
    this.#first = false
    if (other !== '' || count > maxBuffers)
      throw new FrameError(`these bytes are no Avro RPC: a frame of ${count} buffers is announced${other}`)
    this.#inFrame = true
    this.#buffersLeft = count
    this.#headNeeded = 4
  }

  #beginBuffer(): void {
    const length = this.#head.readUInt32BE(0)
    this.#announced += length
    if (this.#announced > this.#maxMessageBytes)
      throw new FrameError(
        `a message of at least ${this.#announced} bytes is announced, ${this.#maxMessageBytes} are allowed`,
      )
    this.#buffersLeft--
    this.#bytesLeft = length
  }

  #keep(chunk: Buffer, start: number, end: number): void {
    const size = end - start
    this.#received += size
    if (size >= smallPiece) {
      this.#closeBlock()
      this.#pieces.push(chunk.subarray(start, end))
      return
    }
    if (this.#block.length - this.#blockEnd < size) {
      this.#closeBlock()
      // Twice what is held, so that many small pieces make few blocks; never more than was received asks for.
      this.#block = Buffer.allocUnsafeSlow(Math.min(lastBlock, Math.max(firstBlock, this.#received)))
      this.#blockStart = this.#blockEnd = 0
    }
    this.#blockEnd += chunk.copy(this.#block, this.#blockEnd, start, end)
  }

  #closeBlock(): void {
    if (this.#blockEnd > this.#blockStart)
      this.#pieces.push(this.#block.subarray(this.#blockStart, this.#blockEnd))
    this.#blockStart = this.#blockEnd
  }

  #finish(): Frame {
    this.#closeBlock()
    const message = Buffer.allocUnsafeSlow(this.#received)
    let at = 0
    for (const piece of this.#pieces) at += piece.copy(message, at)
    this.#pieces = []
    this.#block = noBytes
    this.#blockStart = this.#blockEnd = 0
    this.#inFrame = false
    this.#headNeeded = 8
    this.#announced = this.#received = 0
    return { serial: this.#serial, message }
  }
}

/** What the first bytes of a stream look like when they are no frame, as the end of a sentence. */
function looksLike(bytes: Buffer): string {
  const other = otherProtocol(bytes)
  if (other === null) return ''
  if (other === 'TLS') return '; they look like TLS: one side has ssl = true, the other has not'
  if (other === 'zlib')
    return '; they look compressed: one side has compression-type = deflate, the other has not'
  return `; they look like ${other}`
}

/** One frame of these buffers, as one piece. */
export function encodeFrame(serial: number, buffers: readonly Buffer[]): Buffer {
  let size = 8
  for (const buffer of buffers) size += 4 + buffer.length
  const target = Buffer.allocUnsafe(size)
  target.writeInt32BE(serial, 0)
  target.writeInt32BE(buffers.length, 4)
  let at = 8
  for (const buffer of buffers) {
    at = target.writeInt32BE(buffer.length, at)
    at += buffer.copy(target, at)
  }
  return target
}
