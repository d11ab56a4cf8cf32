// A request that is not granted, for the answer.

/** An answer of 4xx or 503, with what was wrong and what can be done. */
export class Refused extends Error {
  readonly status: number
  readonly remedy: string
  /** Of the body: what is wrong, where it is one. */
  readonly field: string | undefined
  /** After so many seconds it may be asked again. */
  readonly retryAfter: number | undefined

  constructor(status: number, message: string, remedy = '', field?: string, retryAfter?: number) {
    super(message)
    this.status = status
    this.remedy = remedy
    this.field = field
    this.retryAfter = retryAfter
  }
}

export const notThere = (what: string): Refused =>
  new Refused(404, `there is no ${what}`, 'Look at the list that it was in.')

export const unreadable = (problem: string): Refused => new Refused(400, problem)
