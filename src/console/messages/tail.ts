// A live tail: messages as they come, ten batches a second at most, of so many rows and bytes. What is more than that is left
// out and counted exactly: what is shown and what was left out are together what was asked for. The reader of a topic is
// never slowed down by a browser, and neither is the memory of this process.
import { nameOf } from '../../kafka-client/contract.ts'
import { latest } from '../../kafka-client/consumer/offsets.ts'
import type { ConsumedRecord } from '../../kafka-client/contract.ts'
import type { Session } from '../access/session.ts'
import type { TailBatch } from '../api.ts'
import { eventOf, type Outlet } from '../route.ts'
import { withDeadline } from './deadline.ts'
import { rowOf } from './browse.ts'
import { holds, offsetsText, type Question } from './question.ts'
import { readerOf, type Extent, type Source } from './scan.ts'

const everyMs = 100
const mostRows = 200
const mostBytes = 256 * 1024
/** Brokers and proxies in between hear of the connection so often. */
const heartbeatMs = 15_000
/** A poll is worked on in one turn. */
const pollRecords = 2000

export interface TailParts {
  readonly source: Source
  readonly session: Session
  readonly gone: AbortSignal
  readonly outlet: Outlet
}

/** Resolves when the reader has gone. Rejects with what PartitionReader rejects with. */
export async function tail(question: Question, extent: Extent, parts: TailParts): Promise<void> {
  const { source, session, gone, outlet } = parts
  const { clock } = source.system
  const { topic, after } = question
  const partitions = extent.partitions.map(({ partition }) => ({ topic, partition }))
  const ends = await source.admin.offsets.at(partitions, latest)
  const places = new Map(
    extent.partitions.map(({ partition, first }) => {
      const end = ends.get(nameOf({ topic, partition })) ?? first
      return [partition, Math.min(end, Math.max(first, after?.get(partition) ?? end))]
    }),
  )
  let [seen, matched, dropped] = [0, 0, 0]
  /** The newest of what was asked for and not sent. */
  let waiting: ConsumedRecord[] = []
  let sentAt = -Infinity
  const send = () => {
    const rows = []
    let bytes = 0
    // The newest are those that somebody who looks wants to see.
    while (waiting.length > 0 && rows.length < mostRows) {
      const row = rowOf(waiting.pop()!)
      bytes += JSON.stringify(row).length
      if (bytes > mostBytes && rows.length > 0) {
        dropped++
        break
      }
      rows.push(row)
    }
    dropped += waiting.length
    waiting = []
    const batch: TailBatch = {
      messages: rows.toReversed(),
      seen,
      matched,
      dropped,
      after: offsetsText(places),
    }
    outlet.send(eventOf('tail', batch))
    sentAt = clock.monotonic()
  }
  const reader = readerOf(source)
  try {
    reader.add([...places].map(([partition, offset]) => ({ topic, partition, offset })))
    send()
    while (!gone.aborted) {
      const untilMs = waiting.length > 0 ? Math.max(0, sentAt + everyMs - clock.monotonic()) : heartbeatMs
      const records = await withDeadline(clock, untilMs, gone, over =>
        reader.poll({ maxRecords: pollRecords, signal: over }),
      )
      for (const record of records) {
        places.set(record.partition, record.offset + 1)
        seen++
        const shown = session.mask(topic, record)
        if (!holds(shown, question)) continue
        matched++
        waiting.push(shown)
      }
      if (waiting.length > mostRows) {
        dropped += waiting.length - mostRows
        waiting = waiting.slice(-mostRows)
      }
      const now = clock.monotonic()
      const isTime =
        now - sentAt >= everyMs && (waiting.length > 0 || records.length > 0 || now - sentAt >= heartbeatMs)
      // A browser that does not take what it is sent gets the newest when it does.
      if (isTime && outlet.isReady && !gone.aborted) send()
      if (records.length > 0) await new Promise<void>(resolve => clock.soon(resolve))
    }
  } finally {
    reader.close()
  }
}
