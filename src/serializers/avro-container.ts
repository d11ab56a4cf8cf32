// Avro container files of events. The format (Apache Avro specification 1.11, "Object Container Files"):
//
//   head    "Obj" 01, map<bytes> of avro.schema (JSON) and avro.codec, 16 bytes of sync marker
//   block   long: objects, long: bytes, the objects encoded one after another (compressed by the codec),
//           the sync marker
//
// The schema is Flume's: record Event { headers: map<string>, body: bytes }, which is what an event's
// own encoding is, so a block is encodings put together.
import { longSize, writeLong } from '../wire/avro/binary.ts'
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
const codecs: Readonly<Record<string, 'deflate' | 'zstd' | null>> = {
  null: null,
  deflate: 'deflate',
  zstandard: 'zstd',
}
export const codecNames: readonly string[] = Object.keys(codecs)

/** `syncIntervalBytes` bounds a block before compression; every transaction ends its block. */
export function avroContainer(codec: string, syncIntervalBytes: number, marker: Buffer): Serializer {
  const format = codecs[codec]!
  return {
    head: headOf(codec, marker),
    *encode(events) {
      const blocks: Buffer[] = []
      let pending: Buffer[] = []
      let size = 0
      for (const [index, event] of events.entries()) {
        pending.push(event.encoded)
        size += event.size
        yield
        if (size < syncIntervalBytes && index < events.length - 1) continue
        blocks.push(yield* blockOf(pending, format, marker))
        pending = []
        size = 0
      }
      return Buffer.concat(blocks)
    },
  }
}

function headOf(codec: string, marker: Buffer): Buffer {
  const text = (value: string) => Buffer.concat([long(Buffer.byteLength(value)), Buffer.from(value)])
  return Buffer.concat([
    Buffer.from('Obj\x01', 'latin1'),
    long(2),
    text('avro.schema'),
    text(schema),
    text('avro.codec'),
    text(codec),
    long(0),
    marker,
  ])
}

function* blockOf(
  events: readonly Buffer[],
  format: 'deflate' | 'zstd' | null,
  marker: Buffer,
): Steps<Buffer> {
  const plain = Buffer.concat(events)
  const data = format === null ? plain : yield* packStream(format, plain)
  return Buffer.concat([long(events.length), long(data.length), data, marker])
}

function long(value: number): Buffer {
  const bytes = Buffer.alloc(longSize(value))
  writeLong(bytes, 0, value)
  return bytes
}
