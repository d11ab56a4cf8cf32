// Where `millrace demo` writes: on a terminal a board that stays in its place, else plain lines, one a second.
import { boardLines } from '../demo/board.ts'
import type { Output } from '../demo/output.ts'
import { saidOnce } from '../demo/patience.ts'
import { Screen } from '../demo/screen.ts'
import { lineOfView, type View } from '../demo/view.ts'
import { isUnread } from './output.ts'

/** Fast enough to look alive, slow enough to be read. */
const boardEachMs = 500
const lineEachMs = 1000
const eraseLine = '\r\u001B[K'

type Environment = Readonly<Record<string, string | undefined>>

/** `stream` is standard output, `complain` writes to standard error. */
export function openOutput(
  stream: NodeJS.WriteStream,
  complain: (text: string) => void,
  environment: Environment,
): Output {
  // A dumb terminal knows no cursor; one of no size cannot hold a board.
  const isBoard = stream.isTTY === true && environment['TERM'] !== 'dumb' && environment['TERM'] !== undefined
  return isBoard && stream.columns > 0
    ? new TerminalOutput(stream, complain, environment)
    : new LineOutput(stream, complain)
}

class LineOutput implements Output {
  readonly isBoard = false
  readonly showEachMs = lineEachMs
  readonly #brief = saidOnce()
  readonly #stream: NodeJS.WriteStream
  readonly complain: (line: string) => void

  constructor(stream: NodeJS.WriteStream, complain: (text: string) => void) {
    this.#stream = stream
    this.complain = line => complain(`${line}\n`)
  }

  say(line: string): void {
    this.#stream.write(`${line}\n`)
  }

  progress(text: string): void {
    this.say(text)
  }

  show(view: View): void {
    if (isUnread(this.#stream)) return
    this.say(lineOfView({ ...view, trouble: view.trouble === null ? null : this.#brief(view.trouble) }))
  }

  endBoard(): void {}
}

class TerminalOutput implements Output {
  readonly isBoard = true
  readonly showEachMs = boardEachMs
  readonly #stream: NodeJS.WriteStream
  readonly #complain: (text: string) => void
  readonly #screen = new Screen()
  readonly #colors: boolean
  readonly #unicode: boolean
  #hasProgress = false
  #view: View | null = null

  constructor(stream: NodeJS.WriteStream, complain: (text: string) => void, environment: Environment) {
    this.#stream = stream
    this.#complain = complain
    // https://no-color.org: set and not empty.
    this.#colors = (environment['NO_COLOR'] ?? '') === ''
    const locale = environment['LC_ALL'] || environment['LC_CTYPE'] || environment['LANG'] || ''
    this.#unicode = /utf-?8/i.test(locale)
    stream.on('resize', this.#resized)
  }

  readonly #resized = () => {
    if (this.#view !== null) this.#stream.write(this.#screen.redraw(this.#lines(this.#view)))
  }

  say(line: string): void {
    // While the board stands it says the same in its own place.
    if (this.#view !== null) return
    this.#endProgress()
    this.#stream.write(`${line}\n`)
  }

  progress(text: string): void {
    if (this.#view !== null) return
    const width = Math.max(this.#stream.columns - 1, 1)
    this.#stream.write(`${eraseLine}${text.slice(0, width)}`)
    this.#hasProgress = true
  }

  show(view: View): void {
    this.#endProgress()
    this.#view = view
    if (isUnread(this.#stream)) return
    const text = this.#screen.draw(this.#lines(view))
    if (text !== '') this.#stream.write(text)
  }

  endBoard(): void {
    this.#endProgress()
    this.#view = null
    const text = this.#screen.leave()
    if (text !== '') this.#stream.write(text)
  }

  complain(line: string): void {
    this.#endProgress()
    this.#complain(`${line}\n`)
  }

  #lines(view: View): string[] {
    const { columns, rows } = this.#stream
    return boardLines(view, { columns, rows, colors: this.#colors, unicode: this.#unicode })
  }

  #endProgress(): void {
    if (this.#hasProgress) this.#stream.write(eraseLine)
    this.#hasProgress = false
  }
}
