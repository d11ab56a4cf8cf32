// Avro container files of events; the format stands at the head of src/wire/avro/container.ts.
//
// The schema is Flume's: record Event { headers: map<string>, body: bytes }, which is what an event's
// own encoding is, so a block is encodings put together.
import { snappyCompress } from '@platformatic/wasm-utils'
import { crc32 } from 'node:zlib'
import { containerBlock, containerHead } from '../wire/avro/container.ts'
import { packStream } from '../wire/kafka/packing.ts'
import type { Steps } from '../wire/kafka/record.ts'
import type { Serializer } from './contract.ts'

const schema = JSON.stringify({
  type: 'record',
  name: 'Event',
  fields: [
    { name: 'headers', type: { type: 'map', values: 'string' } },
    { name: 'body', type: 'bytes' },
  ],
})

/** Codecs of blocks by their Avro names. */
const codecs: Readonly<Record<string, ((plain: Buffer) => Steps<Buffer>) | null>> = {
  null: null,
  deflate: plain => packStream('deflate', plain),
  snappy: snappyWithChecksum,
  zstandard: plain => packStream('zstd', plain),
}
export const codecNames: readonly string[] = Object.keys(codecs)

/** `syncIntervalBytes` bounds a block before compression; every transaction ends its block. */
export function avroContainer(codec: string, syncIntervalBytes: number, marker: Buffer): Serializer {
  const pack = codecs[codec]!
  return {
    head: containerHead({ 'avro.schema': schema, 'avro.codec': codec }, marker),
    *encode(events) {
      const blocks: Buffer[] = []
      let pending: Buffer[] = []
      let size = 0
      for (const [index, event] of events.entries()) {
        pending.push(event.encoded)
        size += event.size
        yield
        if (size < syncIntervalBytes && index < events.length - 1) continue
        blocks.push(yield* blockOf(pending, pack, marker))
        pending = []
        size = 0
      }
      return Buffer.concat(blocks)
    },
  }
}

function* blockOf(
  events: readonly Buffer[],
  pack: ((plain: Buffer) => Steps<Buffer>) | null,
  marker: Buffer,
): Steps<Buffer> {
  const plain = Buffer.concat(events)
  return containerBlock(events.length, pack === null ? plain : yield* pack(plain), marker)
}

/** Copies of Snappy do not reach from one piece into another. */
const snappyPieceBytes = 262_144

/** One raw block of Snappy, and the CRC-32 of what is in it (Apache Avro specification 1.11, "snappy"). */
function* snappyWithChecksum(plain: Buffer): Steps<Buffer> {
  const parts = [varintOf(plain.length)]
  for (let at = 0; at < plain.length; at += snappyPieceBytes) {
    if (at > 0) yield
    const piece = plain.subarray(at, at + snappyPieceBytes)
    parts.push(snappyCompress(piece).subarray(varintOf(piece.length).length))
  }
  const checksum = Buffer.alloc(4)
  checksum.writeUInt32BE(crc32(plain))
  return Buffer.concat([...parts, checksum])
}

/** Seven bits a byte, the lowest first. */
function varintOf(value: number): Buffer {
  const bytes: number[] = []
  for (let rest = value; ; rest >>>= 7)
    if (rest > 127) bytes.push((rest & 127) | 128)
    else return Buffer.from([...bytes, rest])
}
