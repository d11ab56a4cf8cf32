// SequenceFile, version 6, as Hadoop's writers make it (hadoop-common 3.3, org.apache.hadoop.io.SequenceFile):
//
//   head     "SEQ" 06, class of keys, class of values, is compressed, is block-compressed, [codec's class],
//            metadata int32 = 0, 16 bytes of sync marker
//   record   length int32 of key and value, length int32 of the key, key, value
//   sync     int32 -1 and the marker, before a record when some bytes have passed since the last
//   block    (block-compressed) sync, number of records vint, then four times: size vint, packed bytes; they are the
//            lengths of the keys as vints, the keys, the lengths of the values, the values
//
// Text is a vint of its UTF-8 length and the bytes. The key of an event is its time, a LongWritable of 8 bytes; its value
// the body, a BytesWritable (int32 length, bytes) or a Text.
import type { Event } from '../event.ts'
import type { Steps } from '../wire/kafka/record.ts'
import type { HadoopCodec } from './hadoop-codecs.ts'

export interface SequenceFileOptions {
  /** What values are: bytes, or UTF-8 text. */
  readonly writeFormat: 'Writable' | 'Text'
  /** Null: records are not packed. */
  readonly codec: HadoopCodec | null
  /** 16 random bytes, of this file alone. */
  readonly marker: Buffer
  /** Wall clock, ms since 1970: the key of events without the header `timestamp`. */
  readonly now: () => number
}

export interface SequenceFile {
  readonly head: Buffer
  /** The events, whole, in steps of some milliseconds. */
  encode(events: readonly Event[]): Steps<Buffer>
}

const keyBytes = 8
/** How far sync markers are apart. */
const syncIntervalBytes = 100 * 20
const eventsPerStep = 1000

export function sequenceFile({ writeFormat, codec, marker, now }: SequenceFileOptions): SequenceFile {
  const escape = Buffer.alloc(4, 0xff)
  let sinceSync = 0
  const recordOf = (event: Event): Buffer[] => {
    const value = valueOf(event, writeFormat)
    const lengths = Buffer.alloc(8)
    lengths.writeInt32BE(keyBytes + value.length, 0)
    lengths.writeInt32BE(keyBytes, 4)
    const isDue = sinceSync >= syncIntervalBytes
    if (isDue) sinceSync = 0
    sinceSync += lengths.length + keyBytes + value.length
    return [...(isDue ? [escape, marker] : []), lengths, keyOf(event, now), value]
  }
  return {
    head: Buffer.concat([
      Buffer.from('SEQ\x06', 'latin1'),
      text('org.apache.hadoop.io.LongWritable'),
      text(`org.apache.hadoop.io.${writeFormat === 'Text' ? 'Text' : 'BytesWritable'}`),
      Buffer.from(codec === null ? [0, 0] : [1, 1]),
      ...(codec === null ? [] : [text(codec.javaClass)]),
      Buffer.alloc(4),
      marker,
    ]),
    *encode(events) {
      const parts: Buffer[] = []
      const keys: Buffer[] = []
      const keyLengths: Buffer[] = []
      const valueLengths: Buffer[] = []
      for (const [index, event] of events.entries()) {
        if (index % eventsPerStep === eventsPerStep - 1) yield
        if (codec === null) parts.push(...recordOf(event))
        else {
          const value = valueOf(event, writeFormat)
          keyLengths.push(vint(keyBytes))
          keys.push(keyOf(event, now))
          valueLengths.push(vint(value.length))
          parts.push(value)
        }
      }
      if (codec === null) return Buffer.concat(parts)
      const block = [escape, marker, vint(events.length)]
      for (const buffers of [keyLengths, keys, valueLengths, parts]) {
        const packed = yield* codec.pack(Buffer.concat(buffers))
        block.push(vint(packed.length), packed)
      }
      return Buffer.concat(block)
    },
  }
}

function keyOf(event: Event, now: () => number): Buffer {
  const header = event.headers.get('timestamp')
  const key = Buffer.alloc(keyBytes)
  key.writeBigInt64BE(
    BigInt.asIntN(
      64,
      header !== undefined && /^[+-]?\d{1,19}$/.test(header) ? BigInt(header) : BigInt(Math.trunc(now())),
    ),
  )
  return key
}

function valueOf({ body }: Event, format: 'Writable' | 'Text'): Buffer {
  if (format === 'Text') return Buffer.concat([vint(body.length), body])
  const size = Buffer.alloc(4)
  size.writeInt32BE(body.length)
  return Buffer.concat([size, body])
}

const text = (value: string) => Buffer.concat([vint(Buffer.byteLength(value)), Buffer.from(value)])

/** WritableUtils.writeVInt, of values that are not negative: one byte up to 127, else their number of bytes first. */
function vint(value: number): Buffer {
  if (value <= 127) return Buffer.from([value])
  const bytes: number[] = []
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256)
  return Buffer.from([256 - 112 - bytes.length, ...bytes])
}
