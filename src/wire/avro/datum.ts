// A datum of Avro as JSON text that loses nothing: longs with all their digits, NaN and infinities by their names, bytes
// that are no text as {"hex": …}. Data and schema may come from anybody: the depth and what is printed are bounded.
// Source: Apache Avro specification 1.11, "Binary Encoding".
import type { AvroReader } from './binary.ts'
import type { AvroType } from './schema.ts'

const mostDepth = 100

export interface Printed {
  readonly text: string
  /** What came after `mostChars` is left out. */
  readonly isCut: boolean
}

/** Stops the work when enough is printed. */
const enough = Symbol('enough')

/** Reads one datum. Throws AvroFormatError where the bytes are none. */
export function printDatum(reader: AvroReader, type: AvroType, mostChars: number): Printed {
  const parts: string[] = []
  let chars = 0
  const print = (text: string): void => {
    chars += text.length
    parts.push(text)
    if (chars > mostChars) throw enough
  }
  try {
    printInto(reader, type, print, 0)
    return { text: parts.join(''), isCut: false }
  } catch (error) {
    if (error !== enough) throw error
    return { text: parts.join('').slice(0, mostChars), isCut: true }
  }
}

function printInto(reader: AvroReader, type: AvroType, print: (text: string) => void, depth: number): void {
  if (depth > mostDepth) throw reader.broken(`the data is more than ${mostDepth} types deep`)
  const indent = '  '.repeat(depth + 1)
  const close = `\n${'  '.repeat(depth)}`
  switch (type.kind) {
    case 'null':
      return print('null')
    case 'boolean': {
      const [byte] = reader.readFixed(1)
      if (byte! > 1) throw reader.broken(`${byte} is no boolean`)
      return print(byte === 1 ? 'true' : 'false')
    }
    case 'int':
    case 'long':
      return print(String(readExactLong(reader)))
    case 'float':
      return print(shortest(reader.readFixed(4).readFloatLE()))
    case 'double':
      return print(numberText(reader.readFixed(8).readDoubleLE()))
    case 'bytes':
      return print(bytesText(reader.readBytes()))
    case 'fixed':
      return print(bytesText(reader.readFixed(type.size)))
    case 'string':
      return print(stringText(reader.readBytes()))
    case 'enum': {
      const symbol = type.symbols[Number(readExactLong(reader))]
      if (symbol === undefined) throw reader.broken('an enum has no such symbol')
      return print(JSON.stringify(symbol))
    }
    case 'union': {
      const branch = type.branches[Number(readExactLong(reader))]
      if (branch === undefined) throw reader.broken('a union has no such branch')
      return printInto(reader, branch, print, depth)
    }
    case 'record': {
      if (type.fields.length === 0) return print('{}')
      type.fields.forEach(({ name, type: fieldType }, index) => {
        print(`${index === 0 ? '{' : ','}\n${indent}${JSON.stringify(name)}: `)
        printInto(reader, fieldType, print, depth + 1)
      })
      return print(`${close}}`)
    }
    case 'array':
    case 'map': {
      const [begin, end] = type.kind === 'map' ? ['{', '}'] : ['[', ']']
      let isFirst = true
      for (let count = reader.readBlockCount(); count !== 0; count = reader.readBlockCount())
        for (; count > 0; count--) {
          print(`${isFirst ? begin : ','}\n${indent}`)
          isFirst = false
          if (type.kind === 'map') print(`${stringText(reader.readBytes())}: `)
          printInto(reader, type.items, print, depth + 1)
        }
      return print(isFirst ? `${begin}${end}` : `${close}${end}`)
    }
  }
}

/** Passes over one datum without looking at what it holds. Throws AvroFormatError where the bytes are none. */
export function skipDatum(reader: AvroReader, type: AvroType, depth = 0): void {
  if (depth > mostDepth) throw reader.broken(`the data is more than ${mostDepth} types deep`)
  switch (type.kind) {
    case 'null':
      return
    case 'boolean':
      return void reader.readFixed(1)
    case 'int':
    case 'long':
      return skipLong(reader)
    case 'float':
      return void reader.readFixed(4)
    case 'double':
      return void reader.readFixed(8)
    case 'bytes':
    case 'string':
      return reader.skipBytes()
    case 'fixed':
      return void reader.readFixed(type.size)
    case 'enum':
      return skipLong(reader)
    case 'union': {
      const branch = type.branches[reader.readLong()]
      if (branch === undefined) throw reader.broken('a union has no such branch')
      return skipDatum(reader, branch, depth)
    }
    case 'record':
      for (const field of type.fields) skipDatum(reader, field.type, depth + 1)
      return
    case 'array':
    case 'map':
      for (let count = reader.readBlockCount(); count !== 0; count = reader.readBlockCount())
        for (; count > 0; count--) {
          const before = reader.at
          if (type.kind === 'map') reader.skipBytes()
          skipDatum(reader, type.items, depth + 1)
          // Items without bytes may be billions.
          if (reader.at === before) break
        }
  }
}

/** Of any 64 bits. */
function skipLong(reader: AvroReader): void {
  for (let bytes = 1; reader.readFixed(1)[0]! > 127; bytes++)
    if (bytes === 10) throw reader.broken('a number is longer than 10 bytes')
}

/** All 64 bits. */
function readExactLong(reader: AvroReader): bigint {
  let value = 0n
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = reader.readFixed(1)[0]!
    value |= BigInt(byte & 127) << shift
    if (byte < 128) return BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n))
  }
  throw reader.broken('a number is longer than 10 bytes')
}

const numberText = (value: number): string => (Object.is(value, -0) ? '-0' : String(value))

/** The fewest digits that mean the same of 32 bits. */
function shortest(value: number): string {
  if (!Number.isFinite(value) || value === 0) return numberText(value)
  for (let digits = 1; digits <= 9; digits++) {
    const text = Number(value.toPrecision(digits))
    if (Math.fround(text) === value) return String(text)
  }
  return String(value)
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Null where the bytes are no UTF-8. */
export function textOf(bytes: Uint8Array): string | null {
  try {
    return utf8.decode(bytes)
  } catch {
    return null
  }
}

/** A string must be UTF-8; one that is not shows its bytes. */
const stringText = (bytes: Buffer): string => {
  const text = textOf(bytes)
  return text === null ? hexText(bytes) : JSON.stringify(text)
}

// oxlint-disable-next-line no-control-regex
const control = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/

const bytesText = (bytes: Buffer): string => {
  const text = textOf(bytes)
  return text === null || control.test(text) ? hexText(bytes) : JSON.stringify(text)
}

const hexText = (bytes: Buffer): string => `{"hex": "${bytes.toString('hex')}"}`

/** Whether the text is one that people wrote: no control characters but white space. */
export const isPlain = (text: string): boolean => !control.test(text)
