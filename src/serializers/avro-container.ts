// Avro container files of events. The format (Apache Avro specification 1.11, "Object Container Files"):
//
//   head    "Obj" 01, map<bytes> of avro.schema (JSON) and avro.codec, 16 bytes of sync marker
//   block   long: objects, long: bytes, the objects encoded one after another (compressed by the codec),
//           the sync marker
//
// The schema is Flume's: record Event { headers: map<string>, body: bytes }, which is what an event's
// own encoding is, so a block is encodings put together.
import { deflateRawSync, zstdCompressSync } from 'node:zlib'
import type { Event } from '../event.ts'
import { longSize, writeLong } from '../wire/avro/binary.ts'
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
const codecs: Readonly<Record<string, (data: Buffer) => Buffer>> = {
  null: data => data,
  deflate: data => deflateRawSync(data),
  zstandard: data => zstdCompressSync(data),
}
export const codecNames: readonly string[] = Object.keys(codecs)

/** `syncIntervalBytes` bounds a block before compression; every transaction ends its block. */
export function avroContainer(codec: string, syncIntervalBytes: number, marker: Buffer): Serializer {
  const compress = codecs[codec]!
  return {
    head: headOf(codec, marker),
    encode(events) {
      const blocks: Buffer[] = []
      let pending: Event[] = []
      let size = 0
      const flush = () => {
        if (pending.length > 0) blocks.push(blockOf(pending, compress, marker))
        pending = []
        size = 0
      }
      for (const event of events) {
        pending.push(event)
        size += event.size
        if (size >= syncIntervalBytes) flush()
      }
      flush()
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

function blockOf(events: readonly Event[], compress: (data: Buffer) => Buffer, marker: Buffer): Buffer {
  const data = compress(Buffer.concat(events.map(event => event.encoded)))
  return Buffer.concat([long(events.length), long(data.length), data, marker])
}

function long(value: number): Buffer {
  const bytes = Buffer.alloc(longSize(value))
  writeLong(bytes, 0, value)
  return bytes
}
