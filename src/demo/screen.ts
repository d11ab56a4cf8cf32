// Keeps a block of lines in its place on a terminal: only lines that changed are written, in one write, so
// that nothing flickers and nothing scrolls. Pure: gives the text to write.
//
// The sequences are those of ECMA-48 (CUU, CUD, EL, ED, CUP) and DEC's private modes 25 (cursor) and 2026
// (synchronized output: a terminal that knows it shows all or nothing, others ignore it).

const escape = '\u001B['
const begin = `${escape}?2026h`
const end = `${escape}?2026l`

export class Screen {
  #shown: readonly string[] = []
  #isShown = false

  /** The block, below what was written before or in the place of the last one. */
  draw(lines: readonly string[]): string {
    if (this.#isShown && same(lines, this.#shown)) return ''
    let text = begin
    if (!this.#isShown) {
      text += `${escape}?25l${lines.map(line => `${line}\n`).join('')}`
    } else {
      const before = this.#shown
      // The cursor stands on the line below the block, behind what a key has echoed there (^C).
      text += `\r${escape}K`
      if (before.length > 0) text += `${escape}${before.length}A`
      for (const [index, line] of lines.entries())
        text += index < before.length && before[index] === line ? '\n' : `${line}${escape}K\n`
      if (lines.length < before.length) text += `${escape}J`
    }
    this.#shown = lines
    this.#isShown = true
    return text + end
  }

  /**
   * After the terminal has changed its size nobody knows where lines have gone: everything visible is
   * cleared, and the block begins at the top.
   */
  redraw(lines: readonly string[]): string {
    const cleared = `${escape}H${escape}2J`
    this.#isShown = false
    return cleared + this.draw(lines)
  }

  /** The block stays as it is, and the cursor comes back. */
  leave(): string {
    if (!this.#isShown) return ''
    this.#isShown = false
    this.#shown = []
    return `\r${escape}K${escape}?25h`
  }
}

const same = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((line, index) => line === other[index])
