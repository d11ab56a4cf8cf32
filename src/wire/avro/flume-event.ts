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

/** The position after the event that starts at `reader`'s position, checked but not decoded. Throws AvroFormatError. */
export function skipEvent(reader: AvroReader): number {
  skipMap(reader)
  reader.skipBytes()
  return reader.at
}
