// Lines of bytes that come in pieces. Ends of lines are looked for as bytes, which is right for UTF-8 and for sets of one
// byte a character: no byte of a longer character is an end.

import { Gathered } from './gathered.ts'

const lf = 0x0a
const cr = 0x0d

export interface LineRules {
  /** What ends a line: LF alone, or LF, CR and CR LF, as Java's BufferedReader has it. */
  readonly ends: 'LF' | 'LF or CR'
  /** A line of more bytes is given out in parts of so many. */
  readonly mostBytes: number
}

export class LineCutter {
  readonly #rules: LineRules
  /** The beginning of a line whose end has not come. */
  #held = new Gathered()
  /** The last piece ended in CR: a LF that follows is of the same end. */
  #isAfterCr = false

  constructor(rules: LineRules) {
    this.#rules = rules
  }

  /** Of the line whose end has not come. */
  get heldBytes(): number {
    return this.#held.bytes
  }

  /** The lines that this piece completes, without their ends; copies, so that a kept line keeps no piece. */
  *add(piece: Buffer): Generator<Buffer, void> {
    let from = this.#isAfterCr && piece[0] === lf ? 1 : 0
    if (piece.length > 0) this.#isAfterCr = false
    let nextLf = piece.indexOf(lf, from)
    let nextCr = this.#rules.ends === 'LF' ? -1 : piece.indexOf(cr, from)
    while (from < piece.length) {
      if (nextLf !== -1 && nextLf < from) nextLf = piece.indexOf(lf, from)
      if (nextCr !== -1 && nextCr < from) nextCr = piece.indexOf(cr, from)
      const end = nextCr === -1 || (nextLf !== -1 && nextLf < nextCr) ? nextLf : nextCr
      const room = this.#rules.mostBytes - this.#held.bytes
      const most = end === -1 ? piece.length : end
      if (most - from > room) {
        yield this.#lineWith(piece.subarray(from, from + room))
        from += room
        continue
      }
      if (end === -1) {
        this.#held.add(piece.subarray(from))
        return
      }
      yield this.#lineWith(piece.subarray(from, end))
      from = end + 1
      if (end !== nextCr) continue
      if (from === piece.length) this.#isAfterCr = true
      else if (piece[from] === lf) from++
    }
  }

  /** What came behind the last end; null where nothing did. */
  rest(): Buffer | null {
    return this.#held.bytes === 0 ? null : this.#lineWith(Buffer.alloc(0))
  }

  #lineWith(end: Buffer): Buffer {
    if (this.#held.bytes === 0) return Buffer.from(end)
    this.#held.add(end)
    const joining = this.#held.join()
    this.#held = new Gathered()
    for (;;) {
      const { done, value } = joining.next()
      if (done === true) return value
    }
  }
}
