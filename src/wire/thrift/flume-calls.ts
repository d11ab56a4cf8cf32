// Flume's Thrift service, ThriftSourceProtocol, as its senders and sources speak it:
//
//   struct ThriftFlumeEvent { 1: required map<string, string> headers, 2: required binary body }
//   enum Status { OK = 0, FAILED = 1, ERROR = 2, UNKNOWN = 3 }
//   Status append(1: ThriftFlumeEvent event)
//   Status appendBatch(1: list<ThriftFlumeEvent> events)
//
// A call's arguments are a struct with these fields; a reply is a struct with the status as field 0, or an exception with a
// text (1) and a kind (2). Checked against Flume 1.11 (test/interop/thrift-flume.test.ts).
import { longSize, writeLong } from '../avro/binary.ts'
import { maxHeaders } from '../avro/flume-event.ts'
import { messageKinds, type ThriftEncoding, ThriftReader, thriftTypes } from './thrift-reader.ts'
import { ThriftWriter } from './thrift-writer.ts'

const { string, struct, list, map, i32 } = thriftTypes

export const statuses = ['OK', 'FAILED', 'ERROR', 'UNKNOWN'] as const

/** Kinds of TApplicationException. */
export const exceptionKinds = { unknownMethod: 1, internalError: 6, protocolError: 7 } as const

/** What an event is here; `Event` is one. */
export interface ThriftEvent {
  readonly headers: ReadonlyMap<string, string>
  readonly body: Buffer
}

export interface ThriftCall {
  readonly name: string
  readonly seqid: number
  /** Where the sender waits for no answer. */
  readonly isOneway: boolean
}

/** The head of a call; its arguments follow. Throws ThriftFormatError. */
export function readCall(reader: ThriftReader): ThriftCall {
  const { kind, name, seqid } = reader.readMessage()
  if (kind !== messageKinds.call && kind !== messageKinds.oneway)
    throw reader.broken(`it is no call, but a message of kind ${kind}`)
  return { name, seqid, isOneway: kind === messageKinds.oneway }
}

/** Events and headers that are read in one turn of the event loop. */
const itemsInTurn = 20_000

/**
 * Reads the events of `append` or `appendBatch`, each as its one encoding (event.ts): headers become no strings, which would take
 * many times their bytes. Yields how many events follow before it reads them, and 0 where it has worked for a turn of the event
 * loop. Throws ThriftFormatError.
 */
export function* readEvents(
  reader: ThriftReader,
  name: 'append' | 'appendBatch',
): Generator<number, Buffer[], void> {
  const encoder = new EventEncoder(reader)
  const events: Buffer[] = []
  let isThere = false
  for (const { type, id } of reader.fields()) {
    if (id === 1 && name === 'append' && type === struct) {
      yield 1
      events.push(encoder.next())
      isThere = true
    } else if (id === 1 && name === 'appendBatch' && type === list) {
      const { type: of, size } = reader.readList()
      if (of !== struct && size > 0) throw reader.broken('its events are no structs')
      if (size > 0) yield size
      for (let index = 0; index < size; index++) {
        if (encoder.items >= itemsInTurn) {
          encoder.items = 0
          yield 0
        }
        events.push(encoder.next())
      }
      isThere = true
    } else reader.skip(type)
  }
  if (!isThere) throw reader.broken('its events are missing')
  if (reader.at !== reader.bytes.length) throw reader.broken('bytes follow the call')
  return events
}

class EventEncoder {
  /** Events and headers since it was set. */
  items = 0
  readonly #reader: ThriftReader
  /** Of all events of the message, as far as they fit. */
  #block = Buffer.alloc(0)
  #at = 0

  constructor(reader: ThriftReader) {
    this.#reader = reader
  }

  /** The event at the reader's place. */
  next(): Buffer {
    const reader = this.#reader
    let [headers, count, headerBytes] = [-1, 0, 0]
    let [body, bodyBytes] = [-1, 0]
    for (const { type, id } of reader.fields())
      if (id === 1 && type === map) {
        count = this.#headerCount()
        headers = reader.at
        headerBytes = 0
        for (let index = 0; index < 2 * count; index++) {
          const size = reader.skipBytes()
          headerBytes += longSize(size) + size
        }
      } else if (id === 2 && type === string) {
        bodyBytes = reader.skipBytes()
        body = reader.at - bodyBytes
      } else reader.skip(type)
    if (headers < 0 || body < 0) throw reader.broken(`an event has no ${headers < 0 ? 'headers' : 'body'}`)
    this.items += 1 + count
    const size = (count === 0 ? 0 : longSize(count) + headerBytes) + 1 + longSize(bodyBytes) + bodyBytes
    const start = this.#claim(size)
    const after = reader.at
    let at = count === 0 ? start : writeLong(this.#block, start, count)
    reader.at = headers
    for (let index = 0; index < 2 * count; index++) {
      const bytes = reader.skipBytes()
      at = writeLong(this.#block, at, bytes)
      at += reader.bytes.copy(this.#block, at, reader.at - bytes, reader.at)
    }
    reader.at = after
    this.#block[at++] = 0
    at = writeLong(this.#block, at, bodyBytes)
    reader.bytes.copy(this.#block, at, body, body + bodyBytes)
    return this.#block.subarray(start, start + size)
  }

  #headerCount(): number {
    const reader = this.#reader
    const { keys, values, size } = reader.readMap()
    if (size > 0 && (keys !== string || values !== string)) throw reader.broken('headers are no strings')
    if (size > maxHeaders) throw reader.broken(`an event has more than the ${maxHeaders} headers allowed`)
    return size
  }

  #claim(size: number): number {
    if (this.#at + size > this.#block.length) {
      // Nearly always enough for what follows: this encoding is about as long.
      const left = this.#reader.bytes.length - this.#reader.at
      this.#block = Buffer.allocUnsafeSlow(size + left)
      this.#at = 0
    }
    const start = this.#at
    this.#at += size
    return start
  }
}

/** The frame of one `appendBatch`, as pieces to write one after the other. Large bodies are not copied. */
export function encodeAppendBatch(
  encoding: ThriftEncoding,
  seqid: number,
  events: readonly ThriftEvent[],
): Buffer[] {
  const writer = new ThriftWriter(encoding)
  writer.message({ kind: messageKinds.call, name: 'appendBatch', seqid })
  writer.struct(() => {
    writer.field(list, 1)
    writer.list(struct, events.length)
    for (const { headers, body } of events)
      writer.struct(() => {
        writer.field(map, 1)
        writer.map(string, string, headers.size)
        for (const [key, value] of headers) {
          writer.text(key)
          writer.text(value)
        }
        writer.field(string, 2)
        writer.bytes(body)
      })
  })
  return writer.frame
}

/** The frame of the answer to a call. */
export function encodeStatus(
  encoding: ThriftEncoding,
  { name, seqid }: ThriftCall,
  status: (typeof statuses)[number],
): Buffer {
  const writer = new ThriftWriter(encoding)
  writer.message({ kind: messageKinds.reply, name, seqid })
  writer.struct(() => {
    writer.field(i32, 0)
    writer.i32(statuses.indexOf(status))
  })
  return Buffer.concat(writer.frame)
}

/** The frame of an error in place of an answer. */
export function encodeException(
  encoding: ThriftEncoding,
  { name, seqid }: ThriftCall,
  kind: number,
  text: string,
): Buffer {
  const writer = new ThriftWriter(encoding)
  writer.message({ kind: messageKinds.exception, name, seqid })
  writer.struct(() => {
    writer.field(string, 1)
    writer.text(text)
    writer.field(i32, 2)
    writer.i32(kind)
  })
  return Buffer.concat(writer.frame)
}

/** What a frame answers. Throws ThriftFormatError. */
export function decodeReply(
  frame: Buffer,
  encoding: ThriftEncoding,
): { readonly seqid: number } & ({ readonly status: string } | { readonly error: string }) {
  const reader = new ThriftReader(frame, encoding)
  const { kind, seqid } = reader.readMessage()
  if (kind !== messageKinds.reply && kind !== messageKinds.exception)
    throw reader.broken(`it is no answer, but a message of kind ${kind}`)
  let status: string | null = null
  let error = 'an error without a text'
  for (const { type, id } of reader.fields())
    if (kind === messageKinds.exception && id === 1 && type === string) error = reader.readString()
    else if (kind === messageKinds.reply && id === 0 && type === i32) {
      const number = reader.readI32()
      status = statuses[number] ?? `status ${number}`
    } else reader.skip(type)
  if (kind === messageKinds.exception) return { seqid, error }
  if (status === null) throw reader.broken('an answer has no status')
  return { seqid, status }
}
