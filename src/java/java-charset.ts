// Java's character sets: bytes to text and back under the names Java knows (UTF-8, UTF8, ISO8859_1,
// Cp1252 ...). What Java would make of malformed bytes and of characters a set lacks holds here too:
// U+FFFD and "?".
import type { Field } from '../fields.ts'

export interface Charset {
  /** Java's canonical name. */
  readonly name: string
  decode(bytes: Buffer): string
  encode(text: string): Buffer
}

const replacement = '\ufffd'

const utf8: Charset = {
  name: 'UTF-8',
  decode: bytes => bytes.toString('utf8'),
  encode: text => Buffer.from(text, 'utf8'),
}

const latin1: Charset = {
  name: 'ISO-8859-1',
  decode: bytes => bytes.toString('latin1'),
  encode: text => Buffer.from(text.replace(/[\u{10000}-\u{10ffff}]|[^\0-\xff]/gu, '?'), 'latin1'),
}

const ascii: Charset = {
  name: 'US-ASCII',
  decode: bytes => bytes.toString('latin1').replace(/[^\0-\x7f]/g, replacement),
  encode: text => Buffer.from(text.replace(/[\u{10000}-\u{10ffff}]|[^\0-\x7f]/gu, '?'), 'latin1'),
}

function swapped(bytes: Buffer): Buffer {
  const even = Buffer.from(bytes.subarray(0, bytes.length & ~1))
  return even.swap16()
}

const utf16le: Charset = {
  name: 'UTF-16LE',
  decode: bytes =>
    bytes.subarray(0, bytes.length & ~1).toString('utf16le') + (bytes.length % 2 === 1 ? replacement : ''),
  encode: text => Buffer.from(text, 'utf16le'),
}

const utf16be: Charset = {
  name: 'UTF-16BE',
  decode: bytes => swapped(bytes).toString('utf16le') + (bytes.length % 2 === 1 ? replacement : ''),
  encode: text => swapped(Buffer.from(text, 'utf16le')),
}

/** Reads a byte order mark, big end first without one; writes big end first with a mark. */
const utf16: Charset = {
  name: 'UTF-16',
  decode(bytes) {
    if (bytes[0] === 0xff && bytes[1] === 0xfe) return utf16le.decode(bytes.subarray(2))
    return utf16be.decode(bytes[0] === 0xfe && bytes[1] === 0xff ? bytes.subarray(2) : bytes)
  },
  encode: text =>
    text === '' ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0xfe, 0xff]), utf16be.encode(text)]),
}

function utf32(name: string, littleEnd: boolean | null): Charset {
  return {
    name,
    decode(bytes) {
      let little = littleEnd === true
      let at = 0
      if (littleEnd === null && bytes.length >= 4) {
        const mark = bytes.readUInt32BE(0)
        little = mark === 0xfffe0000
        if (little || mark === 0xfeff) at = 4
      }
      let text = ''
      for (; at + 4 <= bytes.length; at += 4) {
        const point = little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at)
        const valid = point <= 0x10ffff && (point < 0xd800 || point > 0xdfff)
        text += valid ? String.fromCodePoint(point) : replacement
      }
      return at < bytes.length ? text + replacement : text
    },
    encode(text) {
      const points = [...text]
      const bytes = Buffer.alloc(points.length * 4)
      for (const [index, point] of points.entries())
        if (littleEnd === true) bytes.writeUInt32LE(point.codePointAt(0)!, index * 4)
        else bytes.writeUInt32BE(point.codePointAt(0)!, index * 4)
      return bytes
    },
  }
}

/** A set of one byte a character, both ways from the platform's decoder. */
function singleByte(name: string, label: string): Charset {
  const decoder = new TextDecoder(label)
  let reverse: Map<string, number> | undefined
  return {
    name,
    decode: bytes => decoder.decode(bytes),
    encode(text) {
      reverse ??= new Map(
        Array.from({ length: 256 }, (_, byte) => [decoder.decode(Uint8Array.of(byte)), byte] as const),
      )
      const map = reverse
      return Buffer.from([...text].map(character => map.get(character) ?? 0x3f))
    },
  }
}

const byName = new Map<string, Charset | (() => Charset)>()
function add(charset: Charset | (() => Charset), ...names: string[]): void {
  for (const name of names) byName.set(normalise(name), charset)
}
add(utf8, 'UTF-8', 'unicode-1-1-utf-8')
add(latin1, 'ISO-8859-1', 'ISO8859_1', 'latin1', 'l1', 'Cp819', 'IBM819')
add(ascii, 'US-ASCII', 'ASCII', 'ISO646-US', 'ANSI_X3.4-1968', '646')
add(utf16, 'UTF-16', 'Unicode')
add(utf16be, 'UTF-16BE', 'UnicodeBigUnmarked')
add(utf16le, 'UTF-16LE', 'UnicodeLittleUnmarked')
add(utf32('UTF-32', null), 'UTF-32')
add(utf32('UTF-32BE', false), 'UTF-32BE')
add(utf32('UTF-32LE', true), 'UTF-32LE')
for (const part of [2, 3, 4, 5, 6, 7, 8, 13, 15])
  add(() => singleByte(`ISO-8859-${part}`, `iso-8859-${part}`), `ISO-8859-${part}`, `ISO8859_${part}`)
for (let page = 1250; page <= 1258; page++)
  add(() => singleByte(`windows-${page}`, `windows-${page}`), `windows-${page}`, `Cp${page}`)
add(() => singleByte('IBM866', 'ibm866'), 'IBM866', 'Cp866')
add(() => singleByte('KOI8-R', 'koi8-r'), 'KOI8-R')
add(() => singleByte('KOI8-U', 'koi8-u'), 'KOI8-U')

function normalise(name: string): string {
  return name.toLowerCase().replaceAll(/[-_]/g, '')
}

/** The set Java knows by this name, in any case, or undefined where it is not supported here. */
export function findCharset(name: string): Charset | undefined {
  const found = byName.get(normalise(name.trim()))
  return typeof found === 'function' ? found() : found
}

/** An option that names a character set; the value is the set. `default` is a name. */
export function charset(about: {
  readonly doc: string
  readonly default: string
  readonly differs?: string
}): Field<Charset, true> {
  const initial = findCharset(about.default)!
  return {
    ...about,
    kind: 'text',
    accepts: 'a character set by its Java name: UTF-8, UTF-16, ISO-8859-1, US-ASCII, windows-1252 ...',
    required: false,
    default: { ...initial, toString: () => initial.name } as Charset,
    parse(text) {
      const value = findCharset(text)
      return value === undefined
        ? {
            problem: `"${text}" is not a character set known here`,
            fix: 'write UTF-8, UTF-16, UTF-32, US-ASCII, ISO-8859-1 to -15, windows-1250 to -1258 or KOI8-R',
          }
        : { value }
    },
  }
}
