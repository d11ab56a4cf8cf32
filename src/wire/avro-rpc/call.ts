// Calls of AvroSourceProtocol: what follows the handshake, or stands alone once it is done.
//
//   request   metadata map<bytes>, message name string, parameters
//             append: one event; appendBatch: array of events; "": a ping that only shakes hands
//   response  metadata map<bytes>, error flag boolean, then the Status (enum as int), or after a raised
//             flag union index 0 and a text
//
// An event is headers map<string> and body bytes (see event.ts). Here events stay encoded: a batch is
// written from slices and cut into slices. Source: Apache Avro specification 1.11 and captures.
import { type AvroReader, longSize, writeLong } from '../avro/binary.ts'
import { skipEvent, skipMap } from '../avro/flume-event.ts'
import { encodeFrame } from './frame.ts'

/** Anything that holds one encoded event. */
export interface Encoded {
  readonly encoded: Buffer
}

/** Slices from here on are handed to the socket as they are; smaller ones are cheaper to copy together. */
const ownSlice = 16 * 1024
const noBytes = Buffer.alloc(0)
const arrayEnd = Buffer.from([0])

/** Metadata (none) and the message's name. */
export function encodeCallHead(name: string): Buffer {
  const bytes = Buffer.from(name)
  const target = Buffer.alloc(1 + longSize(bytes.length) + bytes.length)
  const at = writeLong(target, 1, bytes.length)
  bytes.copy(target, at)
  return target
}

const appendHead = encodeCallHead('append')
const appendBatchHead = encodeCallHead('appendBatch')

/** The frame of one append, as pieces to write one after the other. */
export function encodeAppend(serial: number, handshake: Buffer | null, event: Encoded): Buffer[] {
  return encodeRequest(serial, handshake, appendHead, noBytes, [event], noBytes)
}

/** The frame of one appendBatch, as pieces to write one after the other. Large events are not copied. */
export function encodeAppendBatch(
  serial: number,
  handshake: Buffer | null,
  events: readonly Encoded[],
): Buffer[] {
  if (events.length === 0) return encodeRequest(serial, handshake, appendBatchHead, noBytes, events, arrayEnd)
  const count = Buffer.allocUnsafe(longSize(events.length))
  writeLong(count, 0, events.length)
  return encodeRequest(serial, handshake, appendBatchHead, count, events, arrayEnd)
}

function encodeRequest(
  serial: number,
  handshake: Buffer | null,
  head: Buffer,
  before: Buffer,
  events: readonly Encoded[],
  after: Buffer,
): Buffer[] {
  const shake = handshake ?? noBytes
  let bytes = before.length + after.length
  let copied = 16 + shake.length + head.length + before.length + after.length
  for (const { encoded } of events) {
    bytes += encoded.length
    if (encoded.length < ownSlice) copied += encoded.length
  }
  // One buffer holds all that is copied; pieces are cut from it around the slices that are not.
  const target = Buffer.allocUnsafeSlow(copied)
  const pieces: Buffer[] = []
  target.writeInt32BE(serial, 0)
  target.writeInt32BE(2, 4)
  target.writeInt32BE(shake.length + head.length, 8)
  let at = 12
  at += shake.copy(target, at)
  at += head.copy(target, at)
  at = target.writeInt32BE(bytes, at)
  at += before.copy(target, at)
  let start = 0
  for (const { encoded } of events)
    if (encoded.length < ownSlice) {
      target.set(encoded, at)
      at += encoded.length
    } else {
      if (at > start) pieces.push(target.subarray(start, at))
      start = at
      pieces.push(encoded)
    }
  at += after.copy(target, at)
  if (at > start) pieces.push(target.subarray(start, at))
  return pieces
}

/** Reads metadata (dropped) and the message's name, and leaves the reader at the parameters. */
export function decodeCallName(reader: AvroReader): string {
  skipMap(reader)
  const length = reader.readLength()
  if (length > 256) throw reader.broken(`a message name of ${length} bytes`)
  const start = reader.at
  reader.at += length
  return reader.bytes.toString('latin1', start, reader.at)
}

/** The parameters of append as one slice. Throws AvroFormatError. */
export function cutEvent(reader: AvroReader): Buffer {
  const start = reader.at
  skipEvent(reader)
  return endOfMessage(reader, reader.bytes.subarray(start, reader.at))
}

/**
 * Cuts the parameters of appendBatch into slices of the message, one an event, skipped over and not decoded. `next` tells how
 * many events come before they are cut.
 */
export class BatchCutter {
  readonly events: Buffer[] = []
  readonly #reader: AvroReader
  #left = 0

  constructor(reader: AvroReader) {
    this.#reader = reader
  }

  /** Events of the block that comes now; 0 at the end of the message. Throws AvroFormatError. */
  next(): number {
    const reader = this.#reader
    this.#left = reader.readBlockCount()
    if (this.#left === 0) endOfMessage(reader, null)
    // The smallest event takes two bytes.
    else if (this.#left * 2 > reader.bytes.length - reader.at)
      throw reader.broken(`${this.#left} events do not fit the ${reader.bytes.length - reader.at} bytes left`)
    return this.#left
  }

  /** Cuts `most` events of the block, or those left of it; false when there are none left. Throws AvroFormatError. */
  cut(most: number): boolean {
    const reader = this.#reader
    const end = Math.max(0, this.#left - most)
    for (; this.#left > end; this.#left--) {
      const start = reader.at
      skipEvent(reader)
      this.events.push(reader.bytes.subarray(start, reader.at))
    }
    return this.#left > 0
  }
}

function endOfMessage<T>(reader: AvroReader, result: T): T {
  if (reader.at !== reader.bytes.length)
    throw reader.broken(`${reader.bytes.length - reader.at} bytes are left over`)
  return result
}

/** Metadata, error flag and status, in the two buffers Flume writes. */
const noMetadata = Buffer.from([0])

/** The reply with a status: 0 OK, 1 FAILED. `handshake` only while the connection is being opened. */
export const encodeStatus = (serial: number, handshake: Buffer | null, status: 0 | 1): Buffer =>
  encodeFrame(serial, [handshake ?? noBytes, noMetadata, Buffer.from([0, status * 2])])

/** The reply with an error and its text. */
export function encodeError(serial: number, handshake: Buffer | null, text: string): Buffer {
  const bytes = Buffer.from(text)
  const head = Buffer.alloc(2 + longSize(bytes.length))
  head[0] = 1
  writeLong(head, 2, bytes.length)
  return encodeFrame(serial, [handshake ?? noBytes, noMetadata, Buffer.concat([head, bytes])])
}

/** The reply that carries nothing but the handshake: to a ping, and where the client is not known. */
export const encodeHandshakeOnly = (serial: number, handshake: Buffer): Buffer =>
  encodeFrame(serial, [handshake, noMetadata, Buffer.from([0])])

export type Reply = { readonly status: number } | { readonly error: string }

/** Reads a reply after its handshake. Throws AvroFormatError. */
export function decodeReply(reader: AvroReader): Reply {
  skipMap(reader)
  const flag = reader.readFixed(1)[0]
  if (flag === 0) return { status: reader.at === reader.bytes.length ? 0 : reader.readLong() }
  reader.readLong() // the error union's branch: the implicit string is the only one
  return { error: reader.readString() }
}
