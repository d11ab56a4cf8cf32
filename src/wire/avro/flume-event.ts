// AvroFlumeEvent as bytes: headers map<string> and body bytes, looked at without being decoded. Channels, files, topics
// (useFlumeEventFormat) and the Avro RPC have it alike.
import type { AvroReader } from './binary.ts'

/**
 * Most headers of one event, at every door. They are kept in a map, each with a cost far beyond its bytes, and one event is
 * handled in one turn of the event loop.
 */
export const maxHeaders = 10_000

/** Passes over the entries of a map, all of which are a length and bytes twice. Throws AvroFormatError above `most`. */
export function skipMap(reader: AvroReader, most = maxHeaders): void {
  let all = 0
  for (let count = reader.readBlockCount(); count > 0; count = reader.readBlockCount()) {
    all += count
    if (all > most) throw reader.broken(`a map has more than the ${most} entries allowed`)
    for (let index = 0; index < count; index++) {
      reader.skipBytes()
      reader.skipBytes()
    }
  }
}

/** The value of the first header of this name, which is ASCII, of an event that was checked; undefined where it has none. */
export function findHeader(reader: AvroReader, name: string): string | undefined {
  const { bytes } = reader
  for (let count = reader.readBlockCount(); count > 0; count = reader.readBlockCount())
    for (let index = 0; index < count; index++) {
      const length = reader.readLength()
      const start = reader.at
      reader.at += length
      if (length === name.length && isAt(bytes, start, name)) return reader.readString()
      reader.skipBytes()
    }
  return undefined
}

/** From the end: names of one length often begin alike. */
function isAt(bytes: Buffer, start: number, name: string): boolean {
  for (let index = name.length - 1; index >= 0; index--)
    if (bytes[start + index] !== name.charCodeAt(index)) return false
  return true
}

/** The position after the event that starts at `reader`'s position, checked but not decoded. Throws AvroFormatError. */
export function skipEvent(reader: AvroReader): number {
  skipMap(reader)
  reader.skipBytes()
  return reader.at
}
