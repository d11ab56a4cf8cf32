// Bytes as somebody reads them: JSON and text as they were written, so that no number loses a digit, Avro as JSON, the rest
// in hexadecimal. What is not there, and what is empty, are told apart; of what is large the beginning goes to a browser.
import { AvroFormatError, AvroReader } from '../../wire/avro/binary.ts'
import { isAvroContainer, printContainer } from '../../wire/avro/container.ts'
import { isPlain, printDatum, textOf } from '../../wire/avro/datum.ts'
import { readAvroSchema, type AvroType } from '../../wire/avro/schema.ts'
import type { Shown } from '../api.ts'

/** How bytes are to be read; `auto`: found by their content. */
export const formats = ['auto', 'json', 'text', 'hex', 'avro'] as const
export type Format = (typeof formats)[number]

export interface Reading {
  readonly as: Format
  /** The schema that Avro was written with, behind the registry's five bytes or without them. */
  readonly schema?: AvroType | null
  /** More characters are not sent. */
  readonly mostChars: number
}

/** More is not judged by its content; a browser offers it as a file. */
const mostJudged = 1024 * 1024

/** What Flume's sinks write where events keep their headers. */
const flumeEvent = readAvroSchema(
  '{"type":"record","name":"Event","fields":[{"name":"headers","type":{"type":"map","values":"string"}},{"name":"body","type":"bytes"}]}',
)

export function shownOf(bytes: Buffer | null, { as, schema = null, mostChars }: Reading): Shown {
  if (bytes === null) return { kind: 'null', format: 'null', text: '', bytes: 0, isCut: false, problem: null }
  const shown = (
    kind: Shown['kind'],
    format: string,
    text: string,
    isCut = false,
    problem: string | null = null,
  ) => {
    const cut = text.length > mostChars
    // Not between the halves of one character.
    const end = cut && /[\ud800-\udbff]/.test(text[mostChars - 1]!) ? mostChars - 1 : mostChars
    return {
      kind,
      format,
      text: cut ? text.slice(0, end) : text,
      bytes: bytes.length,
      isCut: isCut || cut,
      problem,
    }
  }
  const hex = (format: string, problem: string | null = null) => {
    const most = Math.floor(mostChars / 2)
    return shown('hex', format, bytes.subarray(0, most).toString('hex'), bytes.length > most, problem)
  }
  if (as === 'hex') return hex('Bytes')
  if (as === 'avro' || (as === 'auto' && schema !== null)) {
    const avro = avroOf(bytes, schema, mostChars)
    if ('text' in avro) return shown('avro', avro.format, avro.text, avro.isCut)
    if (as === 'avro') return hex('Bytes', avro.problem)
  }
  if (bytes.length > mostJudged && as === 'auto')
    return hex('Bytes', 'larger than 1 MiB: choose how it is read')
  const text = textOf(bytes)
  if (as === 'text' || as === 'json') {
    if (text === null) return hex('Bytes', 'these bytes are no UTF-8')
    if (as === 'text') return shown('text', 'Text', text)
    return isJson(text) ? shown('json', 'JSON', text) : shown('text', 'Text', text, false, 'this is no JSON')
  }
  if (text !== null && isPlain(text))
    return isJson(text) ? shown('json', 'JSON', text) : shown('text', 'Text', text)
  const avro = avroOf(bytes, null, mostChars)
  if ('text' in avro) return shown('avro', avro.format, avro.text, avro.isCut)
  return hex('Bytes', avro.problem)
}

type Avro =
  | { readonly format: string; readonly text: string; readonly isCut: boolean }
  | { readonly problem: string | null }

/** By the schema that is given, else by what the bytes say of themselves. */
function avroOf(bytes: Buffer, schema: AvroType | null, mostChars: number): Avro {
  const id = registryIdOf(bytes)
  try {
    if (isAvroContainer(bytes)) {
      const { text, isCut, objects } = printContainer(bytes, mostChars)
      return { format: `Avro container file, ${objects}${isCut ? ' or more' : ''} objects`, text, isCut }
    }
    if (schema !== null) {
      // The same schema may be used with the registry's frame and without it.
      const framed = id === null ? null : wholeDatum(bytes, 5, schema, mostChars)
      const read = framed ?? wholeDatum(bytes, 0, schema, mostChars)
      if (read !== null)
        return { format: framed === null ? 'Avro' : `Avro, schema ${id} of a registry`, ...read }
      // What is wrong with it, said once more.
      printDatum(new AvroReader(bytes, id === null ? 0 : 5), schema, mostChars)
      return { problem: 'bytes are left over: this schema did not write them' }
    }
    const event = wholeDatum(bytes, 0, flumeEvent, mostChars)
    if (event !== null) return { format: 'Avro, Flume event', ...event }
  } catch (error) {
    if (!(error instanceof AvroFormatError)) throw error
    return { problem: error.message }
  }
  return {
    problem:
      id === null ? null : `this may be Avro with schema ${id} of a registry: give the schema to read it`,
  }
}

/** Null where the bytes are not one datum, to the end. */
function wholeDatum(bytes: Buffer, from: number, schema: AvroType, mostChars: number) {
  const reader = new AvroReader(bytes, from)
  try {
    const printed = printDatum(reader, schema, mostChars)
    return printed.isCut || reader.at === bytes.length ? printed : null
  } catch (error) {
    if (error instanceof AvroFormatError) return null
    throw error
  }
}

/** Of Confluent's framing: a zero, and the schema's number in four bytes. */
function registryIdOf(bytes: Buffer): number | null {
  if (bytes.length < 6 || bytes[0] !== 0) return null
  const id = bytes.readInt32BE(1)
  return id > 0 && id < 100_000_000 ? id : null
}

function isJson(text: string): boolean {
  if (!/^\s*[[{]/.test(text)) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
