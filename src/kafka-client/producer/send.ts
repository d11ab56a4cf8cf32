// One call of a session's send: settled when the last of its parts is. A part (chunk) is what the send has
// for one partition; a thousand records make one promise and a few chunks.
import { Fault } from '../../errors.ts'
import { ProduceFault } from './produce-fault.ts'
import type { ProducerRecord } from '../contract.ts'

export interface Chunk {
  readonly send: Send
  readonly records: ProducerRecord[]
  /** Sum of the records' sizes, as an upper bound. */
  bytes: number
}

/** Sends whose order counts: nothing is sent after the first that failed, for as long as there is anybody to send. */
export interface Session {
  fault: Fault | null
}

export class Send {
  readonly done: Promise<void>
  readonly session: Session
  readonly records: readonly ProducerRecord[]
  /** Monotonic ms after which nothing is retried. */
  readonly deadline: number
  /** Why what is not under way of it is not sent any more; null while all is well. */
  givenUp: Fault | null = null
  readonly #onFault: (send: Send, fault: Fault) => void
  /** Why the first of the records was lost. */
  #fault: Fault | null = null
  #open = 0
  #lost: ProducerRecord[] = []
  #resolve!: () => void
  #reject!: (fault: Fault) => void

  constructor(
    given: Pick<Send, 'session' | 'records' | 'deadline'>,
    onFault: (send: Send, fault: Fault) => void,
  ) {
    this.#onFault = onFault
    this.session = given.session
    this.records = given.records
    this.deadline = given.deadline
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    // Kept open until everything is handed out.
    this.#open = 1
  }

  /** Another part is under way. */
  begin(): void {
    this.#open++
  }

  /** A part is written. */
  complete(): void {
    if (--this.#open === 0) this.#settle()
  }

  /** Records of a part are not written. The part still has to be completed. */
  lose(records: readonly ProducerRecord[], fault: Fault): void {
    for (const record of records) this.#lost.push(record)
    if (this.#fault !== null) return
    this.#fault = fault
    this.#onFault(this, fault)
  }

  #settle(): void {
    const fault = this.#fault
    if (fault === null) return this.#resolve()
    const lost = new Set(this.#lost)
    // Each send has a fault of its own, since each has lost other records.
    const own = new ProduceFault(fault.code, fault.message, {
      record:
        fault instanceof ProduceFault && fault.record !== null && lost.has(fault.record)
          ? fault.record
          : null,
      cause: fault.cause,
      remedy: fault.remedy,
    })
    own.undelivered = this.records.filter(record => lost.has(record))
    this.#reject(own)
  }
}

/** What later sends of a session are told when an earlier one has failed. */
export const heldBack = (fault: Fault): Fault =>
  new Fault(
    fault.code === 'STOPPED' ? 'STOPPED' : 'KAFKA',
    `held back, because an earlier send failed: ${fault.message}`,
    { cause: fault },
  )

/** The chunk's records are not written. */
export function lose(chunk: Chunk, fault: Fault): void {
  chunk.send.lose(chunk.records, fault)
  chunk.send.complete()
}

/** Loses the chunks of sends that were given up; gives the others. */
export const withoutGivenUp = (chunks: readonly Chunk[]): Chunk[] =>
  chunks.filter(chunk => {
    const { givenUp } = chunk.send
    if (givenUp !== null) lose(chunk, givenUp)
    return givenUp === null
  })
