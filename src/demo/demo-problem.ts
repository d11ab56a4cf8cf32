// Why a demonstration does not start or does not go on: one sentence, and what was said last by who failed.

export class DemoProblem extends Error {
  /** Lines of a log that show more. */
  readonly lines: readonly string[]

  constructor(sentence: string, lines: readonly string[] = [], options?: { cause?: unknown }) {
    super(sentence, options)
    this.lines = lines
  }
}
