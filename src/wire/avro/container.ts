// Avro container files: their parts, for reading and writing, and their objects as JSON text. The format (Apache Avro
// specification 1.11, "Object Container Files"):
//
//   head    "Obj" 01, map<bytes> of avro.schema (JSON), avro.codec and others, 16 bytes of sync marker
//   block   long: objects, long: bytes, the objects encoded one after another (compressed by the codec),
//           the sync marker
//
// What is packed may unpack to anything: sizes are bounded.
import { inflateRawSync, zstdDecompressSync } from 'node:zlib'
import { AvroFormatError, AvroReader, longSize, writeLong } from './binary.ts'
import { printDatum, type Printed } from './datum.ts'
import { readAvroSchema } from './schema.ts'

const magic = Buffer.from('Obj\x01', 'latin1')
/** Of all blocks together, unpacked: what unpacks in some 20 ms. */
const mostUnpackedBytes = 4 * 1024 * 1024
/** What a block counts for at least: unpacking nothing takes its time as well. */
const leastBlockBytes = 4096
export const markerBytes = 16

export const isAvroContainer = (bytes: Buffer): boolean =>
  bytes.length > 20 && bytes.subarray(0, 4).equals(magic)

export interface ContainerHead {
  readonly meta: ReadonlyMap<string, Buffer>
  /** `null` where none is named. */
  readonly codec: string
  readonly marker: Buffer
}

/** What a container begins with; the reader is at the first block then. Throws AvroFormatError. */
export function readContainerHead(reader: AvroReader): ContainerHead {
  if (!reader.readFixed(magic.length).equals(magic)) throw reader.broken('it does not begin with Obj 01')
  const meta = new Map<string, Buffer>()
  for (let count = reader.readBlockCount(); count !== 0; count = reader.readBlockCount())
    for (; count > 0; count--) {
      const key = reader.readString()
      meta.set(key, reader.readBytes())
    }
  const codec = meta.get('avro.codec')?.toString('utf8') ?? ''
  return { meta, codec: codec === '' ? 'null' : codec, marker: reader.readFixed(markerBytes) }
}

export function containerHead(meta: Readonly<Record<string, string>>, marker: Buffer): Buffer {
  const entries = Object.entries(meta)
  return Buffer.concat([
    magic,
    long(entries.length),
    ...entries.flatMap(([key, value]) => [
      long(Buffer.byteLength(key)),
      Buffer.from(key),
      long(Buffer.byteLength(value)),
      Buffer.from(value),
    ]),
    long(0),
    marker,
  ])
}

/** `data` is `objects` encodings one after another, compressed by the container's codec. */
export const containerBlock = (objects: number, data: Buffer, marker: Buffer): Buffer =>
  Buffer.concat([long(objects), long(data.length), data, marker])

function long(value: number): Buffer {
  const bytes = Buffer.alloc(longSize(value))
  writeLong(bytes, 0, value)
  return bytes
}

/** Its objects, one after another. Throws AvroFormatError. */
export function printContainer(bytes: Buffer, mostChars: number): Printed & { readonly objects: number } {
  const reader = new AvroReader(bytes)
  const { meta, codec, marker } = readContainerHead(reader)
  const type = readAvroSchema(meta.get('avro.schema')?.toString('utf8') ?? '')
  const texts: string[] = []
  let left = mostChars
  let objects = 0
  let room = mostUnpackedBytes
  while (reader.at < bytes.length) {
    const count = reader.readLong()
    const packed = reader.readBytes()
    const block = room > 0 ? unpackBlock(codec, packed, room) : null
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
    if (!reader.readFixed(markerBytes).equals(marker))
      throw reader.broken('a block does not end in the marker')
  }
  return { text: texts.join('\n'), isCut: false, objects }
}

/** Null where it unpacks to more than `mostBytes`. Throws AvroFormatError. */
export function unpackBlock(codec: string, data: Buffer, mostBytes: number): Buffer | null {
  const options = { maxOutputLength: mostBytes }
  try {
    switch (codec) {
      case 'null':
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
  throw unknownCodec(codec)
}

export const unknownCodec = (codec: string): AvroFormatError =>
  new AvroFormatError(`blocks are packed by the codec ${codec.slice(0, 40)}, which is not read here`)
