// Batches that no transaction of the channel can hold. Their sender repeats them for ever, and gets
// nothing else through: health is red meanwhile, and one line names the sender and the remedy, again each
// minute. It is over when a batch as large passes, or when the sender has stopped repeating it.
import { Fault } from '../../errors.ts'
import type { Condition, ConditionMaker } from '../../observe/conditions.ts'
import type { Clock } from '../../system/clock.ts'

/** Flume's senders repeat within 5 s, ours within a second: after this long it was given up or made smaller. */
const givenUpMs = 30_000
/** Senders told apart; what more there are share the last one's lines. */
const mostSenders = 100

interface Sender {
  readonly condition: Condition
  events: number
  lastAt: number
}

export interface OversizedBatchesParts {
  /** As messages begin with it. */
  readonly source: string
  readonly clock: Clock
  readonly condition: ConditionMaker
}

export class OversizedBatches {
  readonly #parts: OversizedBatchesParts
  /** By host: the port is another with each connection. */
  readonly #senders = new Map<string, Sender>()

  constructor(parts: OversizedBatchesParts) {
    this.#parts = parts
  }

  /** `sender` is host:port. */
  refused(sender: string, events: number, fault: Fault): void {
    const { source, clock, condition } = this.#parts
    const host = hostOf(sender)
    let known = this.#senders.get(host)
    if (known === undefined) {
      if (this.#senders.size >= mostSenders) this.#forgetOne()
      if (this.#senders.size >= mostSenders) return
      known = { condition: condition(`batches of ${host}`), events, lastAt: 0 }
      this.#senders.set(host, known)
    }
    known.events = events
    known.lastAt = clock.monotonic()
    known.condition.raise(
      `${source} answered FAILED: ${sender} sends a batch of ${events} events, which can never be accepted: ${fault.message}`,
      { remedy: `${fault.remedy} With deadLetter.file such batches are set aside.` },
    )
  }

  accepted(sender: string, events: number): void {
    if (this.#senders.size === 0) return
    const { source, clock } = this.#parts
    const now = clock.monotonic()
    for (const [host, { condition, events: most, lastAt }] of this.#senders) {
      if (!condition.isRaised) continue
      const isLarger = host === hostOf(sender) && events >= most
      if (isLarger || now - lastAt >= givenUpMs)
        condition.clear(`${source}: ${host} no longer sends a batch that can never be accepted`)
    }
  }

  #forgetOne(): void {
    const over = [...this.#senders].find(([, { condition }]) => !condition.isRaised)
    if (over !== undefined) this.#senders.delete(over[0])
  }
}

function hostOf(sender: string): string {
  const end = sender.lastIndexOf(':')
  return end === -1 ? sender : sender.slice(0, end)
}
