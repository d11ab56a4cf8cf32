// RequestSize: how many events one request may have. A peer answers FAILED both when its channel is full
// and when a batch is larger than its transactions hold. A full channel makes it wait for its keep-alive
// first; a batch that is too large is refused at once. So what is refused at once is sent again in halves,
// down to a single event; the size that passes is kept, and a larger one retried after a while.
import type { Logger } from '../../observe/log.ts'

/** A refusal that took longer came after waiting for room. */
const waitedMs = 500
/** A larger size is tried after the first, then after twice as long each time it fails, up to the second. */
const trialMs = { first: 10_000, most: 600_000 }

export class RequestSize {
  readonly #log: Logger
  readonly #peer: string
  /** The size of a whole batch. */
  readonly #whole: number
  #most: number
  #trialAt = Infinity
  #restMs = trialMs.first
  /** Even one event was refused: size is not why, until something passes. */
  #isOtherwise = false
  #refused = 0
  #told = 0

  constructor(whole: number, { log, peer }: { log: Logger; peer: string }) {
    this.#whole = this.#most = whole
    this.#log = log
    this.#peer = peer
  }

  /** Most events of the next request. `now` is monotonic ms here and below. */
  most(now: number): number {
    return now >= this.#trialAt ? Math.min(this.#whole, this.#most * 2) : this.#most
  }

  passed(size: number, now: number): void {
    this.#isOtherwise = false
    if (this.#most === this.#whole) return
    if (size > this.#most) {
      this.#most = size
      this.#restMs = trialMs.first
      // It had room for twice as much: perhaps for more.
      this.#trialAt = now
      if (size < this.#whole) return
      this.#trialAt = Infinity
      if (this.#told !== 0) this.#log.info(`${this.#peer} takes batches of ${size} events again`)
      this.#told = 0
    } else if (this.#told !== this.#most) {
      this.#told = this.#most
      this.#log.warn(
        `${this.#peer} refuses ${this.#refused} events in one request and takes ${this.#most}: batches are sent in parts of ${this.#most}, and larger ones tried now and then. Its channel's transactionCapacity is below batch-size, it seems`,
      )
    }
  }

  /** Whether to send the events again at once, in smaller requests. `tookMs`: from the request to the answer. */
  refused(size: number, tookMs: number, now: number): boolean {
    if (tookMs >= waitedMs || this.#isOtherwise) return false
    if (size <= 1) {
      this.#isOtherwise = true
      this.#most = this.#whole
      this.#trialAt = Infinity
      return false
    }
    this.#refused = size
    if (size > this.#most) this.#restMs = Math.min(trialMs.most, this.#restMs * 2)
    else this.#most = Math.ceil(size / 2)
    this.#trialAt = now + this.#restMs
    return true
  }

  /** The peer has gone and may come back with another configuration. */
  peerLeft(now: number): void {
    if (this.#trialAt === Infinity) return
    this.#trialAt = now
    this.#restMs = trialMs.first
  }
}
