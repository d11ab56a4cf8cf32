// What each deserializer is: it gives one event after another.
import type { Event } from '../../event.ts'

export interface EventReader {
  /** At once, or after more was read; null at the end. Throws, or rejects with, UnreadableFile. */
  next(): Event | null | Promise<Event | null>
  /** From where the events that follow can be read again. */
  readonly position: number
}
