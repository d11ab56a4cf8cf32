// A window on bytes that are unpacked piece by piece: what is to be looked at lies in it in one piece, and what has been
// passed is let go.

/** So much is unpacked in one turn of the event loop: some 10 ms. */
export const turnBytes = 4 * 1024 * 1024

const noBytes = Buffer.alloc(0)

export class UnpackedWindow {
  readonly #pieces: Iterator<Buffer>
  /** What has been unpacked and is not passed begins at `at`. */
  protected bytes: Buffer = noBytes
  protected at = 0
  /** Bytes before those. */
  protected passed = 0
  /** Unpacked behind them, where not yet enough is. */
  #behind: Buffer[] = []
  #behindBytes = 0
  /** Still to be passed over. */
  #unwanted = 0

  constructor(pieces: Iterator<Buffer>) {
    this.#pieces = pieces
  }

  /** Passes over `size` bytes; false where that takes more than `mostBytes`: call again with 0. */
  protected pass(size: number, mostBytes: number): boolean {
    this.#unwanted += size
    for (let unpacked = 0; ;) {
      const here = Math.min(this.#unwanted, this.bytes.length - this.at)
      this.at += here
      this.#unwanted -= here
      if (this.#unwanted === 0) return true
      if (unpacked >= mostBytes) return false
      const one = this.#pieces.next()
      if (one.done === true) return true
      this.passed += this.at
      this.bytes = one.value
      this.at = 0
      unpacked += one.value.length
    }
  }

  /**
   * Unpacks until `size` bytes from `at` on are in the window, or all there are. False where that takes more than
   * `mostBytes`: call again. Gives `at` the place 0 where the window moves.
   */
  protected gather(size: number, mostBytes = Infinity): boolean {
    let unpacked = 0
    const { length } = this.bytes
    while (length - this.at + this.#behindBytes < size) {
      if (unpacked >= mostBytes) return false
      const one = this.#pieces.next()
      if (one.done === true) break
      this.#behind.push(one.value)
      this.#behindBytes += one.value.length
      unpacked += one.value.length
    }
    if (this.#behindBytes === 0) return true
    // Nothing is copied where a piece begins what is looked at, as the first one does.
    if (this.at < length) this.#behind.unshift(this.bytes.subarray(this.at))
    this.passed += this.at
    this.at = 0
    this.bytes = this.#behind.length === 1 ? this.#behind[0]! : Buffer.concat(this.#behind)
    this.#behind = []
    this.#behindBytes = 0
    return true
  }
}
