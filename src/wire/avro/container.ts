// Avro container files, read: the schema that they bring, and their objects as JSON text. The format stands at the head of
// src/serializers/avro-container.ts. What is packed may unpack to anything: sizes are bounded.
import { inflateRawSync, zstdDecompressSync } from 'node:zlib'
import { AvroFormatError, AvroReader } from './binary.ts'
import { printDatum, type Printed } from './datum.ts'
import { readAvroSchema } from './schema.ts'

const magic = Buffer.from('Obj\x01', 'latin1')
/** Of one block, unpacked. */
const mostBlockBytes = 16 * 1024 * 1024

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
  while (reader.at < bytes.length) {
    const count = reader.readLong()
    const data = new AvroReader(unpack(codec, reader.readBytes()))
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

function unpack(codec: string, data: Buffer): Buffer {
  const options = { maxOutputLength: mostBlockBytes }
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
    throw new AvroFormatError(`a block cannot be unpacked (${codec}): ${(error as Error).message}`)
  }
  throw new AvroFormatError(`blocks are packed by the codec ${codec.slice(0, 40)}, which is not read here`)
}
