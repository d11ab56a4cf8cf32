// How long something has been arriving: a request of which a byte comes now and then must not hold its place for good.
// The time in which nobody reads it, because there is no room for it, does not count.
import type { Clock } from './clock.ts'

export class Arrival {
  readonly #clock: Pick<Clock, 'monotonic'>
  /** Monotonic ms; null while nothing arrives. */
  #since: number | null = null
  #pausedAt: number | null = null

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  /** Bytes came, and now something `isWithin` its arrival; `isAnother` where what arrived before is whole. */
  note(isWithin: boolean, isAnother: boolean): void {
    if (!isWithin) this.#since = null
    else if (isAnother || this.#since === null) this.#since = this.#clock.monotonic()
  }

  set isRead(isRead: boolean) {
    if (isRead === (this.#pausedAt === null)) return
    const now = this.#clock.monotonic()
    if (isRead && this.#since !== null) this.#since += now - this.#pausedAt!
    this.#pausedAt = isRead ? null : now
  }

  /** So far; 0 while nothing arrives. */
  get ms(): number {
    return this.#since === null ? 0 : (this.#pausedAt ?? this.#clock.monotonic()) - this.#since
  }
}
