// Lines in bytes of a file. A line ends in LF, and one CR before it is no part of it; ends are looked for as bytes, which is
// right for UTF-8 and for sets of one byte a character.

const lf = 0x0a
const cr = 0x0d

export interface Line {
  /** Where its text ends, and where what follows it begins. */
  readonly end: number
  readonly next: number
}

/** Finds one line after the other in bytes that do not change. */
export class LineScanner {
  readonly #bytes: Buffer
  readonly #mostBytes: number
  /** The first LF at or behind the last line that was asked for: what is long is looked through once. */
  #lf = -1

  /** A line of more than `mostBytes` is given in parts of so many, cut between characters where it is UTF-8. */
  constructor(bytes: Buffer, mostBytes: number) {
    this.#bytes = bytes
    this.#mostBytes = mostBytes
  }

  /** The line that begins at `from`; null where its end is not there. */
  lineAt(from: number): Line | null {
    const bytes = this.#bytes
    if (this.#lf < from) {
      const found = bytes.indexOf(lf, from)
      this.#lf = found === -1 ? Infinity : found
    }
    const isWhole = this.#lf !== Infinity
    const last = isWhole ? this.#lf : bytes.length
    const end = last > from && bytes[last - 1] === cr ? last - 1 : last
    if (end - from <= this.#mostBytes) return isWhole ? { end, next: last + 1 } : null
    let cut = from + this.#mostBytes
    for (let back = 0; back < 3 && (bytes[cut]! & 0xc0) === 0x80 && cut - 1 > from; back++) cut--
    // No character has more bytes: this is no UTF-8.
    if ((bytes[cut]! & 0xc0) === 0x80) cut = from + this.#mostBytes
    return { end: cut, next: cut }
  }
}
