// Batches that no transaction of the channel can hold. Their sender repeats them for ever, and gets
// nothing else through: health is red meanwhile, and one line names the sender and the remedy, again each
// minute. It is over when a batch as large passes, or when the sender has stopped repeating it.
import { Fault } from '../../errors.ts'
import { OutageLines } from '../../observe/outage-lines.ts'
import type { Logger } from '../../observe/log.ts'
import type { Clock } from '../../system/clock.ts'

/** Flume's senders repeat within 5 s, ours within a second: after this long it was given up or made smaller. */
const givenUpMs = 30_000
/** Senders told apart; what more there are share the last one's lines. */
const mostSenders = 100

interface Sender {
  readonly lines: OutageLines
  events: number
  lastAt: number
  problem: string
}

export interface OversizedBatchesParts {
  readonly source: string
  readonly clock: Clock
  readonly log: Logger
  setHealth(problem: string | null): void
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
    const { source, clock, log } = this.#parts
    const host = hostOf(sender)
    let known = this.#senders.get(host)
    if (known === undefined) {
      if (this.#senders.size >= mostSenders) return
      known = { lines: new OutageLines(clock, log), events, lastAt: 0, problem: '' }
      this.#senders.set(host, known)
    }
    known.events = events
    known.lastAt = clock.monotonic()
    known.problem = `${sender} sends a batch of ${events} events, which can never be accepted: ${fault.message}`
    const remedy = `${fault.remedy} With deadLetter.file such batches are set aside`
    known.lines.failed({
      level: 'error',
      what: `Batches of ${host} that can never be accepted`,
      began: () => `Avro source ${source} answered FAILED: ${known.problem}. ${remedy}`,
      lasts: ({ seconds, tries }) =>
        `Avro source ${source} has been answering FAILED for ${seconds} s (${tries} tries): ${known.problem}. ${remedy}`,
    })
    this.#tellHealth()
  }

  accepted(sender: string, events: number): void {
    if (this.#senders.size === 0) return
    const { source, clock } = this.#parts
    const now = clock.monotonic()
    for (const [host, { lines, events: most, lastAt }] of this.#senders) {
      const isLarger = host === hostOf(sender) && events >= most
      if (!isLarger && now - lastAt < givenUpMs) continue
      this.#senders.delete(host)
      lines.succeeded(
        (seconds, tries) =>
          `Avro source ${source}: ${host} no longer sends a batch that can never be accepted, after ${seconds} s and ${tries} tries`,
      )
      this.#tellHealth()
    }
  }

  #tellHealth(): void {
    const last = [...this.#senders.values()].at(-1)
    this.#parts.setHealth(last?.problem ?? null)
  }
}

function hostOf(sender: string): string {
  const end = sender.lastIndexOf(':')
  return end === -1 ? sender : sender.slice(0, end)
}
