// Event: what everything carries. Headers (text to text) and a body (bytes, never null).
//
// An event has one encoding, which is the Avro record AvroFlumeEvent as Flume puts it on the wire:
//
//   headers  map<string>   count, then key and value as length and UTF-8, ended by a zero count
//   body     bytes         length, then the bytes
//
// The same bytes stand in the file channel. An Event holds either side, decoded or encoded, and makes
// the other when asked; changing a header or the body drops the encoded side.
import { Fault } from './errors.ts'
import { AvroReader, longSize, writeLong } from './wire/avro/binary.ts'
import { findHeader, maxHeaders } from './wire/avro/flume-event.ts'

/** Headers of an event: name to value, in the order in which they were set. */
export type Headers = Map<string, string>

const noBytes = Buffer.alloc(0)

/** An event whose headers are not looked at: one in a channel that came there when there was no limit, or by other hands. */
export class TooManyHeaders extends Fault {
  readonly event: Event

  constructor(event: Event) {
    super('UNDELIVERABLE', `an event of ${event.size} bytes has more than the ${maxHeaders} headers allowed`)
    this.event = event
  }
}

/** An event: headers and a body. Encoded and decoded forms are made from one another when they are asked for. */
/** Longer values are not kept to be compared with. */
const keptBytes = 256

/** The name of a header that many events are asked for. */
export class HeaderName {
  readonly text: string
  readonly bytes: Buffer
  /** What the last event had there: most have the same. */
  #lastBytes = noBytes
  #last = ''

  constructor(text: string) {
    this.text = text
    this.bytes = Buffer.from(text)
  }

  /** The text in bytes `start` to `end`, where its value stands. */
  textOf(bytes: Buffer, start: number, end: number): string {
    if (end - start > keptBytes) return bytes.toString('utf8', start, end)
    if (end - start !== this.#lastBytes.length || !isAt(bytes, start, this.#lastBytes)) {
      this.#lastBytes = Buffer.from(bytes.subarray(start, end))
      this.#last = this.#lastBytes.toString()
    }
    return this.#last
  }
}

/** With more headers than half of it a map finds them sooner. */
const mostFields = 64

export class Event {
  #headers: Headers | null
  /** Names and values in turn, which cost a tenth of a map: what was set where nobody asked for the map, or a copy of it. */
  #fields: string[] | null
  #body: Buffer | null
  #encoded: Buffer | null

  private constructor(
    headers: Headers | null,
    fields: string[] | null,
    body: Buffer | null,
    encoded: Buffer | null,
  ) {
    this.#headers = headers
    this.#fields = fields
    this.#body = body
    this.#encoded = encoded
  }

  /** Takes the map and the buffer as they are: neither is copied. */
  static of(headers: Headers | Record<string, string>, body: Buffer | string = noBytes): Event {
    const map = headers instanceof Map ? headers : new Map(Object.entries(headers))
    return new Event(map, null, typeof body === 'string' ? Buffer.from(body) : body, null)
  }

  /** Without headers, which are to be set. Takes the buffer as it is. */
  static withBody(body: Buffer): Event {
    return new Event(null, [], body, null)
  }

  /** `encoded` is exactly one encoded event; it is decoded only when somebody looks. */
  static fromEncoded(encoded: Buffer): Event {
    return new Event(null, null, null, encoded)
  }

  /** The live header map. Do not change it directly: use setHeader and removeHeader. Throws TooManyHeaders, as `body` does. */
  get headers(): ReadonlyMap<string, string> {
    if (this.#headers === null) this.#decode()
    return this.#headers!
  }

  /** Where its name stands in the fields; their end where it does not. */
  #fieldOf(name: string): number {
    const fields = this.#fields!
    let at = 0
    while (at < fields.length && fields[at] !== name) at += 2
    return at
  }

  /** One header; it is looked for in the encoding where that was not decoded. Throws TooManyHeaders, as `headers` does. */
  header(name: HeaderName): string | undefined {
    if (this.#headers !== null) return this.#headers.get(name.text)
    if (this.#fields !== null) return this.#fields[this.#fieldOf(name.text) + 1]
    const bytes = this.#encoded!
    const reader = new AvroReader(bytes)
    let start = -1
    let end = -1
    for (
      let count = this.#blockOf(reader, 0), all = count;
      count > 0;
      all += count = this.#blockOf(reader, all)
    )
      for (let index = 0; index < count; index++) {
        const length = reader.readLength()
        const isMeant = length === name.bytes.length && isAt(bytes, reader.at, name.bytes)
        reader.at += length
        const size = reader.readLength()
        if (isMeant) {
          start = reader.at
          end = start + size
        }
        reader.at += size
      }
    return start === -1 ? undefined : name.textOf(bytes, start, end)
  }

  /** Throws TooManyHeaders where the encoding begins with more than are allowed, without looking at them. */
  checkHeaders(): void {
    if (this.#encoded === null || this.#encoded[0] === 0) return
    if (new AvroReader(this.#encoded).readBlockCount() > maxHeaders) throw new TooManyHeaders(this)
  }

  /** One header, without decoding the others; its name is ASCII. */
  header(name: string): string | undefined {
    return this.#headers === null ? findHeader(new AvroReader(this.#encoded!), name) : this.#headers.get(name)
  }

  get body(): Buffer {
    if (this.#body === null) {
      const reader = new AvroReader(this.#encoded!)
      for (
        let count = this.#blockOf(reader, 0), all = count;
        count > 0;
        all += count = this.#blockOf(reader, all)
      )
        for (let index = 0; index < count; index++) {
          reader.skipBytes()
          reader.skipBytes()
        }
      this.#body = reader.readBytes()
    }
    return this.#body
  }

  set body(body: Buffer) {
    if (this.#fields === null && this.#headers === null) this.#decode()
    this.#body = body
    this.#encoded = null
  }

  /** Throws TooManyHeaders where there would be more than the limit. */
  setHeader(name: string, value: string): void {
    const fields = this.#fields
    if (this.#headers === null && fields !== null && fields.length < mostFields) {
      const at = this.#fieldOf(name)
      if (at === fields.length) fields.push(name, value)
      else fields[at + 1] = value
      this.#encoded = null
      return
    }
    if (this.#headers === null) this.#decode()
    if (this.#headers!.size >= maxHeaders && !this.#headers!.has(name)) throw new TooManyHeaders(this)
    this.#headers!.set(name, value)
    this.#encoded = this.#fields = null
  }

  /** Removes the header, if there is one. Throws TooManyHeaders, as `body` does. */
  removeHeader(name: string): void {
    if (this.#headers === null) this.#decode()
    if (this.#headers!.delete(name)) this.#encoded = this.#fields = null
  }

  /** The event's one encoding; made at the first call and kept. */
  get encoded(): Buffer {
    return (this.#encoded ??= encode(this.#flat(), this.#body!))
  }

  /** Bytes of the encoding. */
  get size(): number {
    return this.#encoded?.length ?? sizeOf(this.#flat(), this.#body!)
  }

  /** Writes the encoding at `at`, where there must be room for it; gives the position after it. */
  writeTo(target: Buffer, at: number): number {
    if (this.#encoded === null) return write(target, at, this.#flat(), this.#body!)
    target.set(this.#encoded, at)
    return at + this.#encoded.length
  }

  /** A copy with a header map of its own, so that changing it does not change this one. */
  clone(): Event {
    return this.#encoded === null
      ? new Event(null, [...this.#flat()], this.#body, null)
      : new Event(null, null, null, this.#encoded)
  }

  /** Not to be changed. */
  #flat(): readonly string[] {
    if (this.#fields !== null) return this.#fields
    const fields: string[] = []
    for (const [name, value] of this.#headers!) fields.push(name, value)
    return (this.#fields = fields)
  }

  #decode(): void {
    const headers: Headers = new Map()
    if (this.#fields !== null) {
      const fields = this.#fields
      for (let at = 0; at < fields.length; at += 2) headers.set(fields[at]!, fields[at + 1]!)
      this.#headers = headers
      return
    }
    const reader = new AvroReader(this.#encoded!)
    for (
      let count = this.#blockOf(reader, 0), all = count;
      count > 0;
      all += count = this.#blockOf(reader, all)
    )
      for (let index = 0; index < count; index++) {
        const key = reader.readString()
        headers.set(key, reader.readString())
      }
    this.#body ??= reader.readBytes()
    this.#headers = headers
  }

  /** Headers of the next block of the encoding; `before` of them have come. */
  #blockOf(reader: AvroReader, before: number): number {
    const count = reader.readBlockCount()
    if (before + count > maxHeaders) throw new TooManyHeaders(this)
    return count
  }
}

/** Whether all of `wanted` stands in `bytes` from `start` on. */
function isAt(bytes: Buffer, start: number, wanted: Buffer): boolean {
  for (let index = 0; index < wanted.length; index++) if (bytes[start + index] !== wanted[index]) return false
  return true
}

function encode(fields: readonly string[], body: Buffer): Buffer {
  // Not from the shared pool: channels keep encodings for long, and a slice of a pool pins all of it.
  const target = Buffer.allocUnsafeSlow(sizeOf(fields, body))
  write(target, 0, fields, body)
  return target
}

function sizeOf(fields: readonly string[], body: Buffer): number {
  let size = longSize(body.length) + body.length + 1
  if (fields.length > 0) size += longSize(fields.length / 2)
  for (let at = 0; at < fields.length; at++) size += textSize(fields[at]!)
  return size
}

function textSize(text: string): number {
  const length = isShortAscii(text) ? text.length : Buffer.byteLength(text)
  return longSize(length) + length
}

/** Such texts, as keys and most values are, are handled here faster than by a call out of JavaScript. */
const shortText = 40

function isShortAscii(text: string): boolean {
  if (text.length > shortText) return false
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 127) return false
  return true
}

/** Gives the position after it. */
function write(target: Buffer, from: number, fields: readonly string[], body: Buffer): number {
  let at = from
  if (fields.length > 0) at = writeLong(target, at, fields.length / 2)
  for (let index = 0; index < fields.length; index++) at = writeText(target, at, fields[index]!)
  at = writeLong(target, at, 0)
  at = writeLong(target, at, body.length)
  target.set(body, at)
  return at + body.length
}

function writeText(target: Buffer, from: number, text: string): number {
  if (text.length <= shortText) {
    target[from] = text.length * 2
    let at = from + 1
    let code = 0
    for (let index = 0; index < text.length && code < 128; index++)
      target[at++] = code = text.charCodeAt(index)
    if (code < 128) return at
  }
  const length = Buffer.byteLength(text)
  const at = writeLong(target, from, length)
  target.write(text, at, length, length === text.length ? 'latin1' : 'utf8')
  return at + length
}
