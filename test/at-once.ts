// In one go what the program does step by step: reading the records of a topic, unpacking and checking them, cutting a
// batch of Avro events.
import { BatchCutter } from '../src/wire/avro-rpc/call.ts'
import type { AvroReader } from '../src/wire/avro/binary.ts'
import { unpack } from '../src/wire/kafka/compression.ts'
import { checkRecordsInSteps } from '../src/wire/kafka/record-batch.ts'
import { finished, type KafkaRecord } from '../src/wire/kafka/record.ts'
import { RecordSetReader, type ReadOptions } from '../src/wire/kafka/record-set.ts'

/** The events of an appendBatch, as they are encoded. Throws AvroFormatError. */
export function cutBatch(reader: AvroReader): Buffer[] {
  const cutter = new BatchCutter(reader)
  while (cutter.next() > 0) cutter.cut(Infinity)
  return cutter.events
}

/** Throws FormatError where the records of the batch are not what its header says. */
export function checkRecords(bytes: Buffer, maxUnpackedBytes: number): void {
  finished(checkRecordsInSteps(bytes, maxUnpackedBytes))
}

/**
 * All records of a set but those of control batches, from `fromOffset` on (a broker gives whole batches,
 * which may start before the offset asked for). `nextOffset` is where to read on; `fromOffset` where
 * nothing whole was there.
 */
export function readRecords(
  bytes: Buffer,
  fromOffset = 0,
  options: ReadOptions = {},
): { records: KafkaRecord[]; nextOffset: number } {
  const reader = new RecordSetReader(bytes, options)
  const found: KafkaRecord[] = []
  let nextOffset = fromOffset
  for (let batch = reader.next(); batch !== null; batch = reader.next()) {
    if (batch.lastOffset < fromOffset) continue
    nextOffset = batch.lastOffset + 1
    if (batch.isControl) continue
    for (const record of batch.records()) if (record.offset >= fromOffset) found.push(record)
  }
  return { records: found, nextOffset }
}

/** Unpacks it all. Throws FormatError. */
export function decompress(bytes: Buffer, codecNumber: number, magic: number, maxBytes: number): Buffer {
  const unpacked = unpack(bytes, codecNumber, magic, maxBytes)
  const pieces: Buffer[] = []
  for (let one = unpacked.next(); one.done !== true; one = unpacked.next()) pieces.push(one.value)
  return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces)
}
