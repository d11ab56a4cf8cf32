// Buffers for reading segments. Reads of a megabyte, which is what clients ask for, come again and again:
// such a buffer is used anew once the answer with its bytes has left, rather than left to the garbage
// collector, which sees megabytes outside its heap late. One that is not given back is only collected.

/**
 * A megabyte, and what a read takes besides: as much again where batches are that large. Pages that nobody has
 * written to take no memory.
 */
const wholeBytes = 2 * 1024 * 1024 + 65536
const leastBytes = 512 * 1024
const mostKept = 8

export class ReadBuffers {
  /** Not of those given back: each belongs to one reader at most. */
  readonly #lent = new WeakSet<ArrayBufferLike>()
  readonly #free: Buffer[] = []

  /** A buffer of this size whose bytes are arbitrary. */
  take(size: number): Buffer {
    if (size < leastBytes || size > wholeBytes) return Buffer.allocUnsafeSlow(size)
    const whole = this.#free.pop() ?? Buffer.allocUnsafeSlow(wholeBytes)
    this.#lent.add(whole.buffer)
    return whole.subarray(0, size)
  }

  /** Bytes of a buffer that nobody will look at again; those of others are left alone. */
  giveBack({ buffer }: Uint8Array): void {
    if (!this.#lent.delete(buffer) || this.#free.length >= mostKept) return
    this.#free.push(Buffer.from(buffer as ArrayBuffer))
  }
}

export const readBuffers = new ReadBuffers()
