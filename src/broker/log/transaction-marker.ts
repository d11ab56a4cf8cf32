// Control batches: the record that ends a producer's transaction in a partition, and is no record for
// consumers.
//
//   one record   key: version int16 = 0 | type int16, 0 abort, 1 commit
//                value: version int16 = 0 | coordinator epoch int32
//
// Source: Kafka documentation, "Control Batches"; KIP-98.
import { crc32c } from '../../wire/kafka/crc32c.ts'
import { RecordBatchBuilder, readRecordBatch } from '../../wire/kafka/record-batch.ts'
import { FormatError } from '../../wire/kafka/format-error.ts'
import type { BatchHeader } from './batch-header.ts'

export const batchFlags = { codec: 7, transactional: 16, control: 32 } as const

const types = { abort: 0, commit: 1 } as const
const attributesAt = 21
const checksumAt = 17

export interface TransactionMarker {
  readonly producerId: number
  readonly producerEpoch: number
  readonly committed: boolean
  readonly coordinatorEpoch: number
}

export function encodeMarker(marker: TransactionMarker, now: number): Buffer {
  const key = Buffer.alloc(4)
  key.writeInt16BE(marker.committed ? types.commit : types.abort, 2)
  const value = Buffer.alloc(6)
  value.writeInt32BE(marker.coordinatorEpoch, 2)
  const builder = new RecordBatchBuilder('none', { expectedBytes: 40 })
  builder.append({ timestamp: now, key, value })
  const { producerId, producerEpoch } = marker
  const bytes = builder.finish({ producerId, producerEpoch, baseSequence: -1, isTransactional: true })
  bytes.writeInt16BE(bytes.readInt16BE(attributesAt) | batchFlags.control, attributesAt)
  bytes.writeUInt32BE(crc32c(bytes, attributesAt), checksumAt)
  return bytes
}

/** Null where the batch is no marker, but records or a control batch of another kind. Throws FormatError. */
export function decodeMarker(batch: Buffer, header: BatchHeader): TransactionMarker | null {
  if ((header.attributes & batchFlags.control) === 0) return null
  const [record] = readRecordBatch(batch, 0, batch.length, {
    maxUnpackedBytes: batch.length,
    checksums: false,
  }).records()
  const { key = null, value = null } = record ?? {}
  if (key === null || key.length < 4) throw new FormatError('a control batch has no type')
  const type = key.readInt16BE(2)
  if (type !== types.abort && type !== types.commit) return null
  return {
    producerId: header.producerId,
    producerEpoch: header.producerEpoch,
    committed: type === types.commit,
    coordinatorEpoch: value === null || value.length < 6 ? 0 : value.readInt32BE(2),
  }
}
