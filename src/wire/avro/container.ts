// Avro container files, read: the schema that they bring, and their objects as JSON text. The format stands at the head of
// src/serializers/avro-container.ts. What is packed may unpack to anything: sizes are bounded.
import { inflateRawSync, zstdDecompressSync } from 'node:zlib'
import { AvroFormatError, AvroReader } from './binary.ts'
import { printDatum, type Printed } from './datum.ts'
import { readAvroSchema } from './schema.ts'

const magic = Buffer.from('Obj\x01', 'latin1')
/** Of all blocks together, unpacked: what unpacks in some 20 ms. */
const mostUnpackedBytes = 4 * 1024 * 1024
/** What a block counts for at least: unpacking nothing takes its time as well. */
const leastBlockBytes = 4096

export const isAvroContainer = (bytes: Buffer): boolean =>
  bytes.length > 20 && bytes.subarray(0, 4).equals(magic)

/** Its objects, one after another. Throws AvroFormatError. */
export function printContainer(bytes: Buffer, mostChars: number): Printed & { readonly objects: number } {
  const reader = new AvroReader(bytes, 4)
  let schema = ''
  let codec = 'null'
  for (let count = reader.readBlockCount(); count !== 0; count = reader.readBlockCount())
    for (; count > 0; count--) {
      const key = reader.readString()
      const value = reader.readBytes()
      if (key === 'avro.schema') schema = value.toString('utf8')
      if (key === 'avro.codec') codec = value.toString('utf8')
    }
  const type = readAvroSchema(schema)
  const marker = reader.readFixed(16)
  const texts: string[] = []
  let left = mostChars
  let objects = 0
  let room = mostUnpackedBytes
  while (reader.at < bytes.length) {
    const count = reader.readLong()
    const packed = reader.readBytes()
    const block = room > 0 ? unpack(codec, packed, room) : null
    if (block === null) {
      if (objects > 0) return { text: texts.join('\n'), isCut: true, objects }
      throw reader.broken(
        `blocks cannot be unpacked (${codec}): they have more than ${mostUnpackedBytes} bytes`,
      )
    }
    if (block !== packed) room -= Math.max(block.length, leastBlockBytes)
    const data = new AvroReader(block)
    for (let index = 0; index < count; index++) {
      const { text, isCut } = printDatum(data, type, left)
      texts.push(text)
      objects++
      // Objects may be printed as nothing much, and there may be billions of them.
      left -= text.length + 1
      if (isCut || left <= 0) return { text: texts.join('\n').slice(0, mostChars), isCut: true, objects }
    }
    if (!reader.readFixed(16).equals(marker)) throw reader.broken('a block does not end in the marker')
  }
  return { text: texts.join('\n'), isCut: false, objects }
}

/** Null where it unpacks to more than `room`. */
function unpack(codec: string, data: Buffer, room: number): Buffer | null {
  const options = { maxOutputLength: room }
  try {
    switch (codec) {
      case 'null':
      case '':
        return data
      case 'deflate':
        return inflateRawSync(data, options)
      case 'zstandard':
        return zstdDecompressSync(data, options)
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return null
    throw new AvroFormatError(`a block cannot be unpacked (${codec}): ${(error as Error).message}`)
  }
  throw new AvroFormatError(`blocks are packed by the codec ${codec.slice(0, 40)}, which is not read here`)
}
