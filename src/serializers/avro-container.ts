// Avro container files of events; the format stands at the head of src/wire/avro/container.ts.
//
// The schema is Flume's: record Event { headers: map<string>, body: bytes }, which is what an event's
// own encoding is, so a block is encodings put together.
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
        blocks.push(yield* blockOf(pending, format, marker))
        pending = []
        size = 0
      }
      return Buffer.concat(blocks)
    },
  }
}

function* blockOf(
  events: readonly Buffer[],
  format: 'deflate' | 'zstd' | null,
  marker: Buffer,
): Steps<Buffer> {
  const plain = Buffer.concat(events)
  const data = format === null ? plain : yield* packStream(format, plain)
  return containerBlock(events.length, data, marker)
}
