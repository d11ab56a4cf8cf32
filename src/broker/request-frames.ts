// Cuts a connection's bytes into requests: size int32, then so many bytes. A size beyond the limit is
// refused before anything is kept for it; memory grows with the bytes that have really come.

export class FrameTooLarge extends Error {
  override name = 'FrameTooLarge'
}

/** The smallest request header: key, version, correlation id. */
const headerBytes = 8

export class RequestFrames {
  readonly #maxBytes: number
  readonly #leastBytes: number
  #chunks: Buffer[] = []
  #held = 0
  /** Bytes of the request that has begun; -1 while its size is not known. */
  #size = -1

  constructor(maxBytes: number, leastBytes: number = headerBytes) {
    this.#maxBytes = maxBytes
    this.#leastBytes = leastBytes
  }

  /** Bytes kept of a request that is not whole yet. */
  get heldBytes(): number {
    return this.#held
  }

  /** The requests that are whole now, without their sizes. Throws FrameTooLarge. */
  feed(chunk: Buffer): Buffer[] {
    const whole: Buffer[] = []
    this.#chunks.push(chunk)
    this.#held += chunk.length
    for (;;) {
      if (this.#size === -1) {
        if (this.#held < 4) break
        this.#size = this.#take(4).readInt32BE(0)
        if (this.#size < this.#leastBytes || this.#size > this.#maxBytes)
          throw new FrameTooLarge(
            `a request claims ${this.#size} bytes, and ${this.#leastBytes} to ${this.#maxBytes} are allowed (socket.request.max.bytes); is this a Kafka client?`,
          )
      }
      if (this.#held < this.#size) break
      whole.push(this.#take(this.#size))
      this.#size = -1
    }
    return whole
  }

  #take(size: number): Buffer {
    const first = this.#chunks[0] ?? Buffer.alloc(0)
    this.#held -= size
    if (first.length > size) {
      this.#chunks[0] = first.subarray(size)
      return first.subarray(0, size)
    }
    if (first.length === size) {
      this.#chunks.shift()
      return first
    }
    const all = Buffer.concat(this.#chunks)
    this.#chunks = all.length > size ? [all.subarray(size)] : []
    return all.subarray(0, size)
  }
}
