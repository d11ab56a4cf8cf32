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
import { maxHeaders } from './wire/avro/flume-event.ts'

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

/** Longer values are not kept to be compared with. */
const keptBytes = 256

/** The name of a header that many events are asked for. */
export class HeaderName {
  readonly text: string
  readonly bytes: Buffer
  /** What the last event had there: most have the same. */
  readonly #lastBytes = Buffer.alloc(keptBytes)
  #lastLength = 0
  #last = ''

  constructor(text: string) {
    this.text = text
    this.bytes = Buffer.from(text)
  }

  /** The text in bytes `start` to `end`, where its value stands. */
  textOf(bytes: Buffer, start: number, end: number): string {
    const length = end - start
    if (length > keptBytes) return bytes.toString('utf8', start, end)
    if (length !== this.#lastLength || !isAt(bytes, start, this.#lastBytes, length)) {
      this.#lastLength = bytes.copy(this.#lastBytes, 0, start, end)
      this.#last = bytes.toString('utf8', start, end)
    }
    return this.#last
  }
}

/** Headers that many events have, encoded once. They come before an event's own. */
export class SharedHeaders {
  /** Names and values in turn; each name once. */
  readonly fields: readonly string[]
  /** Without the count. */
  readonly bytes: Buffer
  /** What an interceptor made of it last: it makes the same of the next. */
  #last: { readonly name: string; readonly value: string; readonly made: SharedHeaders } | null = null

  constructor(fields: readonly string[]) {
    this.fields = fields
    this.bytes = Buffer.allocUnsafeSlow(fieldBytes(fields))
    writeFields(this.bytes, 0, fields)
  }

  /** With another value of a header; null where it has none of this name. */
  with(name: string, value: string): SharedHeaders | null {
    if (this.#last?.name === name && this.#last.value === value) return this.#last.made
    const at = placeOf(name, this.fields)
    if (at === this.fields.length) return null
    const made = new SharedHeaders(this.fields.with(at + 1, value))
    this.#last = { name, value, made }
    return made
  }
}

/** With more headers than half of it a map finds them sooner. */
const mostFields = 64

/** An event: headers and a body. Encoded and decoded forms are made from one another when they are asked for. */
export class Event {
  #headers: Headers | null
  /** Before the fields, where there are fields. */
  #shared: SharedHeaders | null
  /** Names and values in turn, which cost a tenth of a map: what was set where nobody asked for the map, or a copy of it. */
  #fields: string[] | null
  #body: Buffer | null
  #encoded: Buffer | null

  private constructor(
    headers: Headers | null,
    fields: string[] | null,
    body: Buffer | null,
    encoded: Buffer | null,
    shared: SharedHeaders | null = null,
  ) {
    this.#shared = shared
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

  /** With these headers, the first of those that are to be set. Takes the buffer as it is. */
  static withBody(body: Buffer, shared: SharedHeaders | null = null): Event {
    return new Event(null, [], body, null, shared)
  }

  /** Whether it was made with shared headers. */
  get isShared(): boolean {
    return this.#shared !== null
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

  /** One header; it is looked for in the encoding where that was not decoded, among however many. */
  header(name: HeaderName): string | undefined {
    if (this.#headers !== null) return this.#headers.get(name.text)
    if (this.#fields !== null) {
      const shared = this.#shared?.fields ?? noFields
      return shared[placeOf(name.text, shared) + 1] ?? this.#fields[placeOf(name.text, this.#fields) + 1]
    }
    const bytes = this.#encoded!
    const bodyAt = bodyBehindShort(bytes, name.bytes)
    if (bodyAt > 0) return foundEnd === 0 ? undefined : name.textOf(bytes, foundAt, foundEnd)
    const reader = new AvroReader(bytes)
    let start = -1
    let end = -1
    for (let count = reader.readBlockCount(); count > 0; count = reader.readBlockCount())
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

  get body(): Buffer {
    if (this.#body === null) {
      const reader = new AvroReader(this.#encoded!, Math.max(0, bodyBehindShort(this.#encoded!, noBytes) - 1))
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
      this.#encoded = null
      const shared = this.#shared?.with(name, value) ?? null
      if (shared !== null) {
        this.#shared = shared
        return
      }
      const at = placeOf(name, fields)
      if (at === fields.length) fields.push(name, value)
      else fields[at + 1] = value
      return
    }
    if (this.#headers === null) this.#decode()
    if (this.#headers!.size >= maxHeaders && !this.#headers!.has(name)) throw new TooManyHeaders(this)
    this.#headers!.set(name, value)
    this.#encoded = this.#fields = this.#shared = null
  }

  /** Removes the header, if there is one. Throws TooManyHeaders, as `body` does. */
  removeHeader(name: string): void {
    if (this.#headers === null) this.#decode()
    if (this.#headers!.delete(name)) this.#encoded = this.#fields = this.#shared = null
  }

  /** The event's one encoding; made at the first call and kept. */
  get encoded(): Buffer {
    return (this.#encoded ??= encode(this.#shared, this.#flat(), this.#body!))
  }

  /** Bytes of the encoding. */
  get size(): number {
    return this.#encoded?.length ?? sizeOf(this.#shared, this.#flat(), this.#body!)
  }

  /** Writes the encoding at `at`, where there must be room for it; gives the position after it. */
  writeTo(target: Buffer, at: number): number {
    if (this.#encoded === null) return write(target, at, this.#shared, this.#flat(), this.#body!)
    target.set(this.#encoded, at)
    return at + this.#encoded.length
  }

  /** A copy with a header map of its own, so that changing it does not change this one. */
  clone(): Event {
    return this.#encoded === null
      ? new Event(null, [...this.#flat()], this.#body, null, this.#shared)
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
      const fields = this.#shared === null ? this.#fields : [...this.#shared.fields, ...this.#fields]
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

/** Where `bodyBehindShort` has found the value; 0 and 0 for no value. */
let foundAt = 0
let foundEnd = 0

/**
 * Looks for a header where all of them are in one block and every length is a byte, as is the case of nearly all events. Gives where
 * the body's length stands; 0 where it is otherwise.
 */
function bodyBehindShort(bytes: Buffer, wanted: Buffer): number {
  const count = bytes[0]!
  foundAt = foundEnd = 0
  // Lengths are even and, without their highest bit, the only byte.
  if ((count & 129) !== 0) return 0
  let at = 1
  for (let left = count; left > 0; left -= 2) {
    const nameSize = bytes[at]!
    const name = at + 1
    at = name + (nameSize >>> 1)
    const valueSize = bytes[at]!
    if (((nameSize | valueSize) & 129) !== 0) return 0
    const value = at + 1
    at = value + (valueSize >>> 1)
    if (nameSize === wanted.length * 2 && isAt(bytes, name, wanted)) {
      foundAt = value
      foundEnd = at
    }
  }
  if (count === 0) return 1
  return bytes[at] === 0 ? at + 1 : 0
}

/** Whether the first bytes of `wanted` stand in `bytes` from `start` on; from the end, since names of one length often begin alike. */
function isAt(bytes: Buffer, start: number, wanted: Buffer, length = wanted.length): boolean {
  for (let index = length - 1; index >= 0; index--) if (bytes[start + index] !== wanted[index]) return false
  return true
}

const noFields: readonly string[] = []

/** Where the name stands in names and values; their end where it does not. */
function placeOf(name: string, fields: readonly string[]): number {
  let at = 0
  while (at < fields.length && fields[at] !== name) at += 2
  return at
}

function encode(shared: SharedHeaders | null, fields: readonly string[], body: Buffer): Buffer {
  // Not from the shared pool: channels keep encodings for long, and a slice of a pool pins all of it.
  const target = Buffer.allocUnsafeSlow(sizeOf(shared, fields, body))
  write(target, 0, shared, fields, body)
  return target
}

function sizeOf(shared: SharedHeaders | null, fields: readonly string[], body: Buffer): number {
  const count = (fields.length + (shared?.fields.length ?? 0)) / 2
  const size = longSize(body.length) + body.length + 1 + fieldBytes(fields) + (shared?.bytes.length ?? 0)
  return count > 0 ? size + longSize(count) : size
}

function fieldBytes(fields: readonly string[]): number {
  let size = 0
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
function write(
  target: Buffer,
  from: number,
  shared: SharedHeaders | null,
  fields: readonly string[],
  body: Buffer,
): number {
  let at = from
  const count = (fields.length + (shared?.fields.length ?? 0)) / 2
  if (count > 0) at = writeLong(target, at, count)
  if (shared !== null) {
    target.set(shared.bytes, at)
    at += shared.bytes.length
  }
  at = writeFields(target, at, fields)
  at = writeLong(target, at, 0)
  at = writeLong(target, at, body.length)
  target.set(body, at)
  return at + body.length
}

function writeFields(target: Buffer, from: number, fields: readonly string[]): number {
  let at = from
  for (let index = 0; index < fields.length; index++) at = writeText(target, at, fields[index]!)
  return at
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
