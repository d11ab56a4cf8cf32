// What tells whether two Avro schemas are the same for whoever reads data: the Parsing Canonical Form and its CRC-64
// fingerprint. Source: Apache Avro specification 1.11, "Transforming into Parsing Canonical Form" and "Schema
// Fingerprints".
import { AvroFormatError } from './binary.ts'

type Json = { readonly [key: string]: unknown }

/** Of a schema that `readAvroSchema` takes: what is wrong with another is not looked for here. */
export function canonicalForm(text: string): string {
  const seen = new Set<string>()

  function formOf(one: unknown, namespace: string): string {
    if (typeof one === 'string') return JSON.stringify(fullNameOf(one, namespace, seen))
    if (Array.isArray(one)) return `[${one.map(branch => formOf(branch, namespace)).join()}]`
    const { type, name, items, values, fields, symbols, size } = one as Json
    if (type === 'array') return `{"type":"array","items":${formOf(items, namespace)}}`
    if (type === 'map') return `{"type":"map","values":${formOf(values, namespace)}}`
    if (typeof name !== 'string' || !named.has(type as string)) return formOf(type, namespace)
    const space =
      typeof (one as Json)['namespace'] === 'string' ? String((one as Json)['namespace']) : namespace
    const full = name.includes('.') || space === '' ? name : `${space}.${name}`
    seen.add(full)
    const begin = `{"name":${JSON.stringify(full)},"type":"${type === 'error' ? 'record' : String(type)}"`
    if (type === 'enum') return `${begin},"symbols":${JSON.stringify(symbols)}}`
    if (type === 'fixed') return `${begin},"size":${String(size)}}`
    const inner = full.includes('.') ? full.slice(0, full.lastIndexOf('.')) : ''
    const parts = (fields as readonly Json[]).map(
      field => `{"name":${JSON.stringify(field['name'])},"type":${formOf(field['type'], inner)}}`,
    )
    return `${begin},"fields":[${parts.join()}]}`
  }

  try {
    return formOf(JSON.parse(text), '')
  } catch (error) {
    throw new AvroFormatError(`not a valid Avro schema: ${(error as Error).message}`)
  }
}

const named = new Set(['record', 'error', 'enum', 'fixed'])

const fullNameOf = (name: string, namespace: string, seen: ReadonlySet<string>): string =>
  !name.includes('.') && namespace !== '' && seen.has(`${namespace}.${name}`) ? `${namespace}.${name}` : name

/** Of no bytes; also the polynomial. High and low half. */
const empty = [0xc15d213a, 0xa4d7a795] as const

const table = Array.from({ length: 256 }, (_, byte): readonly [number, number] => {
  let high = 0
  let low = byte
  for (let bit = 0; bit < 8; bit++) {
    const isOdd = (low & 1) === 1
    low = ((low >>> 1) | (high << 31)) ^ (isOdd ? empty[1] : 0)
    high = (high >>> 1) ^ (isOdd ? empty[0] : 0)
  }
  return [high, low]
})

/** CRC-64-AVRO of the canonical form, lowest byte first, in hexadecimal digits: as Java's parsingFingerprint gives it. */
export function fingerprint(schema: string): string {
  let [high, low]: readonly [number, number] = empty
  for (const byte of Buffer.from(canonicalForm(schema))) {
    const [tableHigh, tableLow] = table[(low ^ byte) & 0xff]!
    low = ((low >>> 8) | (high << 24)) ^ tableLow
    high = (high >>> 8) ^ tableHigh
  }
  const bytes = Buffer.alloc(8)
  bytes.writeUInt32LE(low >>> 0, 0)
  bytes.writeUInt32LE(high >>> 0, 4)
  return bytes.toString('hex')
}
