// Bytes that come in pieces and are wanted as one: small pieces share blocks, so that a byte takes no more than a byte,
// and none is copied more than twice, however many come.

/** Blocks double up to this. */
const mostBlockBytes = 1024 * 1024
/** Copied in one turn of the event loop. */
const turnBytes = 8 * mostBlockBytes

export class Gathered {
  readonly #blocks: Buffer[] = []
  /** Of the last block. */
  #used = 0
  bytes = 0

  add(piece: Buffer): void {
    for (let from = 0; from < piece.length;) {
      const left = piece.length - from
      let block = this.#blocks.at(-1)
      if (block === undefined || this.#used === block.length) {
        block = Buffer.allocUnsafeSlow(Math.min(mostBlockBytes, Math.max(256, this.bytes, left)))
        this.#blocks.push(block)
        this.#used = 0
      }
      const copied = piece.copy(block, this.#used, from)
      this.#used += copied
      this.bytes += copied
      from += copied
    }
  }

  /** All of it as a buffer of its own, in steps that each fit in a turn of the event loop. */
  *join(): Generator<void, Buffer> {
    const whole = Buffer.allocUnsafeSlow(this.bytes)
    let at = 0
    let turnEnd = turnBytes
    for (const block of this.#blocks) {
      at += block.copy(whole, at)
      if (at < turnEnd || at >= this.bytes) continue
      turnEnd = at + turnBytes
      yield
    }
    return whole
  }
}
