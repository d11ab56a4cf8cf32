// Record batches turned into a message set of an older format, for clients that ask with Fetch versions
// that know no batches: format 0 up to version 1, format 1 up to version 3. Headers are lost, as in Kafka.
import { readRecords, recordsBuilder } from '../wire/kafka/record-set.ts'
import { writeInt64 } from '../wire/kafka/record-batch.ts'

/** Offset and size in front of each message. */
const entryHeaderBytes = 12

/** Messages from offset `from` on, unpacked. Throws FormatError on batches that are damaged. */
export function toMessageSet(batches: Buffer, magic: 0 | 1, from: number): Buffer {
  const { records } = readRecords(batches, from, { checksums: false })
  const builder = recordsBuilder(magic, 'none', { expectedBytes: batches.length * 2 })
  for (const record of records) builder.append(record)
  const set = builder.finish()
  // The offset is not part of a message's checksum.
  let at = 0
  for (const { offset } of records) {
    writeInt64(set, at, offset)
    at += entryHeaderBytes + set.readInt32BE(at + 8)
  }
  return set
}
