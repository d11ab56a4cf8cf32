// What a serializer does: events in, the bytes of a file out.
import type { Event } from '../event.ts'
import type { Steps } from '../wire/kafka/record.ts'

export interface Serializer {
  /** Bytes at the head of the file. */
  readonly head: Buffer
  /** The events of one transaction, whole: after these bytes a reader of the file finds all of them. In short steps. */
  encode(events: readonly Event[]): Steps<Buffer>
}
