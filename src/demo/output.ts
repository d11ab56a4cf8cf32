// Where the demonstration shows itself: a terminal with a board that stays in its place, or plain lines.
import type { View } from './view.ts'

export interface Output {
  readonly isBoard: boolean
  /** A line that stays. */
  say(line: string): void
  /** What is waited for at the moment; the next one takes its place where there is a terminal. */
  progress(text: string): void
  /** The state of things, again and again. */
  show(view: View): void
  /** How often a new state is worth showing, ms. */
  readonly showEachMs: number
  /** The last state stays as it is; what comes are lines again. */
  endBoard(): void
  /** What is wrong. */
  complain(line: string): void
}
