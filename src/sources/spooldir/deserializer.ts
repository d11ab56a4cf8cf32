// Deserializers: the bytes of a file -> events, and the position from which the events that follow can be read again.
import { Event } from '../../event.ts'
import type { Charset } from '../../java/java-charset.ts'
import type { Clock } from '../../system/clock.ts'
import type { Pace } from '../../system/pace.ts'
import { avroDeserializer } from './avro-events.ts'
import type { EventReader } from './event-reader.ts'
import type { FileWindow } from './file-window.ts'
import { lineDeserializer, type DecodeErrorPolicy } from './lines.ts'

export interface Deserializer {
  /**
   * The next events, up to `most` and some megabytes; none at the end. Rejects with UnreadableFile, after the events before
   * that place were given.
   */
  read(most: number): Promise<Event[]>
  /** Behind what was read, or before it: where a reading that is begun again loses nothing. */
  readonly position: number
}

/** A batch ends above so many bytes, whatever `most` is. */
const batchBytes = 4 * 1024 * 1024
/** Whether a turn of the event loop has lasted long enough is looked at after so many events. */
const lookedAfter = 64

/** Gathers batches; a failure waits until the events before it are put. */
export function inBatches(reader: EventReader, pace: Pace): Deserializer {
  let failure: { readonly error: unknown } | null = null
  return {
    get position() {
      return reader.position
    },
    async read(most) {
      const events: Event[] = []
      let bytes = 0
      while (failure === null && events.length < most && bytes < batchBytes)
        try {
          const next = reader.next()
          const event = next instanceof Promise ? await next : next
          if (event === null) break
          events.push(event)
          bytes += event.body.length
          if (events.length % lookedAfter === 0 && pace.isOver) await pace.turn()
        } catch (error) {
          failure = { error }
        }
      if (events.length === 0 && failure !== null) throw failure.error
      return events
    },
  }
}

export interface DeserializerSettings {
  readonly kind: 'line' | 'avro' | 'blob'
  readonly inputCharset: Charset
  readonly decodeErrorPolicy: DecodeErrorPolicy
  readonly outputCharset: Charset
  readonly maxLineLength: number
  readonly maxBlobLength: number
  readonly schemaType: 'HASH' | 'LITERAL'
  /** An event was given a part of something longer. */
  onCut(what: string): void
}

export async function deserializer(
  window: FileWindow,
  settings: DeserializerSettings,
  pace: Pace,
  time: Pick<Clock, 'isSimulated'>,
): Promise<Deserializer> {
  switch (settings.kind) {
    case 'line':
      return inBatches(await lineDeserializer(window, settings), pace)
    case 'avro':
      return inBatches(await avroDeserializer(window, settings.schemaType, pace, time), pace)
    case 'blob':
      return inBatches(blobDeserializer(window, settings), pace)
  }
}

/** The file in one event, or in several of the longest allowed. */
function blobDeserializer(window: FileWindow, { maxBlobLength, onCut }: DeserializerSettings): EventReader {
  return {
    get position() {
      return window.position
    },
    async next() {
      const isWhole = await window.has(maxBlobLength)
      if (window.bytes.length === 0) return null
      const body = Buffer.from(window.bytes.subarray(0, maxBlobLength))
      window.use(body.length)
      if (isWhole && !(window.isEnd && window.bytes.length === 0))
        onCut(`is longer than deserializer.maxBlobLength = ${maxBlobLength} bytes`)
      return Event.of(new Map(), body)
    },
  }
}
