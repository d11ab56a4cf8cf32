// The log, as components see it. How lines look and where they go is the command line's business, and so is
// that no text from outside can begin a line of its own or move a terminal's cursor.

/** Where components write what operators read. */
export interface Logger {
  /** `cause` is printed after the message; its stack at DEBUG only. */
  error(message: string, cause?: unknown): void
  /** `cause` as in `error`. */
  warn(message: string, cause?: unknown): void
  /** `below`: further lines that belong to it. */
  info(message: string, below?: readonly string[]): void
  /** Per batch at most, never per event. */
  debug(message: string): void
  /** Whether debug lines are printed: ask before building one that costs. */
  readonly debugs: boolean
  /** A logger whose lines name this component. */
  child(name: string): Logger
}

/** Drops every line. */
export const silentLogger: Logger = {
  error() {},
  warn() {},
  info() {},
  debug() {},
  debugs: false,
  child: () => silentLogger,
}
