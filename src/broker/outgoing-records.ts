// Record batches turned into a message set of an older format, for clients that ask with Fetch versions
// that know no batches: format 0 up to version 1, format 1 up to version 3. Headers are lost, as in Kafka.
import { RecordSetReader, recordsBuilder } from '../wire/kafka/record-set.ts'
import { writeInt64 } from '../wire/kafka/record-batch.ts'
import type { Pace } from '../system/pace.ts'

/** Offset and size in front of each message. */
const entryHeaderBytes = 12
/** Records that are converted between two looks at the pace. */
const convertedAtOnce = 500
/** After a record that is longer it is looked at as well. */
const longBytes = 8192

/**
 * Messages from offset `from` on, unpacked: as many as fit `maxBytes`, but one at least. Rejects with FormatError where
 * batches are damaged.
 */
export async function toMessageSet(
  batches: Buffer,
  magic: 0 | 1,
  { from, maxBytes, pace }: { from: number; maxBytes: number; pace: Pace },
): Promise<Buffer> {
  const reader = new RecordSetReader(batches, { checksums: false })
  const builder = recordsBuilder(magic, 'none', { expectedBytes: Math.min(batches.length * 2, maxBytes) })
  const offsets: number[] = []
  reading: for (let batch = reader.next(); batch !== null; batch = reader.next()) {
    if (batch.lastOffset < from || batch.isControl) continue
    const records = batch.reader()
    for (let record = records.next(), read = 1; record !== null; record = records.next(), read++) {
      const bytes = (record?.key?.length ?? 0) + (record?.value?.length ?? 0)
      const isLong = record === undefined || bytes > longBytes
      if ((isLong || read % convertedAtOnce === 0) && pace.isOver) await pace.turn()
      if (record === undefined || record.offset < from) continue
      const size = builder.sizeBytes + bytes
      if (offsets.length > 0 && size > maxBytes) break reading
      builder.append(record)
      offsets.push(record.offset)
    }
  }
  const set = builder.finish()
  // The offset is not part of a message's checksum.
  let at = 0
  for (const offset of offsets) {
    writeInt64(set, at, offset)
    at += entryHeaderBytes + set.readInt32BE(at + 8)
  }
  return set
}
