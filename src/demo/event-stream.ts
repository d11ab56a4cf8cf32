// Sends numbered events into a topic: so many a second, or as fast as Kafka takes them; for ever, or up
// to a number.
import type { Producer } from '../kafka-client/kafka-client.ts'
import type { Clock } from '../system/clock.ts'
import type { Ledger } from './ledger.ts'
import { lineOf } from './message.ts'

/** Events of one call of the producer, and such calls under way. */
const chunkEvents = 500
const callsUnderWay = 4
/** How often events that are due are sent. */
const tickMs = 10
/** Who has fallen behind by more does not catch up: the stream was halted, not slow. */
const behindMs = 500

export interface EventStreamParts {
  readonly producer: Pick<Producer, 'open'>
  readonly clock: Clock
  readonly ledger: Ledger
  readonly run: string
  readonly topic: string
  /** Events a second; null: as fast as Kafka takes them. */
  readonly rate: number | null
  /** null: until the signal is aborted. */
  readonly events: number | null
}

/**
 * Resolves when all are acknowledged, or when `stop` is aborted and what was sent by then is acknowledged, or
 * when `giveUp` is aborted. Rejects as ProducerSession.send does.
 */
export async function streamEvents(
  parts: EventStreamParts,
  stop: AbortSignal,
  giveUp: AbortSignal,
): Promise<void> {
  const { clock, ledger, run, topic, rate, events } = parts
  const session = parts.producer.open()
  const underWay = new Set<Promise<void>>()
  const failures: unknown[] = []
  const send = (count: number) => {
    const now = clock.monotonic()
    const timestamp = clock.now()
    const records = Array.from({ length: count }, () => ({
      topic,
      // One partition: then Kafka keeps the order.
      partition: 0,
      key: null,
      value: Buffer.from(lineOf(run, ledger.send(now), timestamp)),
      timestamp,
    }))
    const call = session
      .send(records, giveUp)
      .catch((error: unknown) => {
        if (!giveUp.aborted) failures.push(error)
      })
      .finally(() => underWay.delete(call))
    underWay.add(call)
  }
  let began = clock.monotonic()
  let owed = 0
  while (!stop.aborted && failures.length === 0) {
    const left = events === null ? Infinity : events - ledger.sent
    if (left <= 0) break
    if (underWay.size >= callsUnderWay) {
      await Promise.race(underWay)
      continue
    }
    if (rate === null) {
      send(Math.min(chunkEvents, left))
      continue
    }
    const now = clock.monotonic()
    if (now - began - (owed * 1000) / rate > behindMs) {
      began = now
      owed = 0
    }
    const due = Math.min(Math.floor(((now - began) * rate) / 1000) - owed, chunkEvents, left)
    if (due > 0) {
      owed += due
      send(due)
    } else await clock.sleep(Math.max(tickMs, ((owed + 1) * 1000) / rate - (now - began)), stop)
  }
  await Promise.all(underWay)
  if (failures.length > 0) throw failures[0]
}
