// A terminal as far as the board needs one: what stands where after the text was written. It wraps and
// scrolls as real ones do, so that a line too long or a block too high shows.
export class TerminalScreen {
  columns: number
  rows: number
  #cells: string[]
  #row = 0
  #column = 0
  /** Lines that went out at the top. */
  scrolled = 0
  isCursorShown = true
  /** Escape sequences it does not know. */
  readonly unknown: string[] = []

  constructor(columns: number, rows: number) {
    this.columns = columns
    this.rows = rows
    this.#cells = Array.from({ length: rows }, () => '')
  }

  /** What can be seen, without empty lines at the end. */
  get lines(): string[] {
    const lines = this.#cells.map(line => line.trimEnd())
    while (lines.at(-1) === '') lines.pop()
    return lines
  }

  resize(columns: number, rows: number): void {
    this.columns = columns
    this.rows = rows
    this.#cells = Array.from({ length: rows }, (_, index) => (this.#cells[index] ?? '').slice(0, columns))
    this.#row = Math.min(this.#row, rows - 1)
    this.#column = Math.min(this.#column, columns - 1)
  }

  write(text: string): void {
    const sequence = new RegExp(`${String.fromCharCode(27)}\\[(\\??)([\\d;]*)([A-Za-z])`, 'y')
    for (let at = 0; at < text.length;) {
      sequence.lastIndex = at
      const found = sequence.exec(text)
      if (found !== null) {
        this.#obey(found[1]! + found[3]!, found[2]!)
        at = sequence.lastIndex
        continue
      }
      this.#put(text[at]!)
      at++
    }
  }

  #obey(what: string, numbers: string): void {
    const count = Number(numbers || '1')
    if (what === 'm') return
    if (what === 'A') this.#row = Math.max(this.#row - count, 0)
    else if (what === 'H') this.#row = this.#column = 0
    else if (what === 'K') this.#cells[this.#row] = this.#cells[this.#row]!.slice(0, this.#column)
    else if (what === 'J' && numbers === '2') this.#cells.fill('')
    else if (what === 'J') {
      this.#cells[this.#row] = this.#cells[this.#row]!.slice(0, this.#column)
      this.#cells.fill('', this.#row + 1)
    } else if (what === '?h' || what === '?l') {
      if (numbers === '25') this.isCursorShown = what === '?h'
    } else this.unknown.push(`${what} ${numbers}`)
  }

  #put(character: string): void {
    if (character === '\r') this.#column = 0
    else if (character === '\n') {
      this.#column = 0
      this.#down()
    } else {
      if (this.#column === this.columns) {
        this.#column = 0
        this.#down()
      }
      const line = this.#cells[this.#row]!.padEnd(this.#column)
      this.#cells[this.#row] = line.slice(0, this.#column) + character + line.slice(this.#column + 1)
      this.#column++
    }
  }

  #down(): void {
    if (this.#row < this.rows - 1) this.#row++
    else {
      this.#cells.shift()
      this.#cells.push('')
      this.scrolled++
    }
  }
}
