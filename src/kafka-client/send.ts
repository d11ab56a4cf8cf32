// One call of the producer's send: settled when the last of its parts is. A part (chunk) is what the
// send has for one partition; a thousand records make one promise and a few chunks.
import { Fault } from '../errors.ts'
import { ProduceFault } from './produce-fault.ts'
import type { ProducerRecord } from './contract.ts'

export interface Chunk {
  readonly send: Send
  readonly records: ProducerRecord[]
  /** Sum of the records' sizes, as an upper bound. */
  bytes: number
}

export class Send {
  readonly done: Promise<void>
  readonly records: readonly ProducerRecord[]
  /** Monotonic ms after which nothing is tried again. */
  readonly deadline: number
  /** The first fault; the rest of the send is not sent any more. */
  fault: Fault | null = null
  /** Why what is under way of it need not be tried again; null while it should be. */
  givenUp: Fault | null = null
  readonly #onFault: (send: Send) => void
  #open = 0
  #lost: ProducerRecord[] = []
  #resolve!: () => void
  #reject!: (fault: Fault) => void

  constructor(records: readonly ProducerRecord[], deadline: number, onFault: (send: Send) => void) {
    this.#onFault = onFault
    this.records = records
    this.deadline = deadline
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
    if (this.fault !== null) return
    this.fault = fault
    this.#onFault(this)
  }

  #settle(): void {
    const { fault } = this
    if (fault === null) return this.#resolve()
    const lost = new Set(this.#lost)
    // Each send has a fault of its own, since each has lost other records.
    const own = new ProduceFault(fault.code, fault.message, {
      record:
        fault instanceof ProduceFault && fault.record !== null && lost.has(fault.record)
          ? fault.record
          : null,
      cause: fault.cause,
    })
    own.undelivered = this.records.filter(record => lost.has(record))
    this.#reject(own)
  }
}
