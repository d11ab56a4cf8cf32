import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from '../../test/fast-check.ts'
import { isIn, type Field, type FieldSet } from '../wire/kafka/fields.ts'
import { FormatError } from '../wire/kafka/format-error.ts'
import { apiTable } from './api-table.ts'

const apis = apiTable.map(({ api }) => api)

const numbers = (min: number, max: number) => fc.integer({ min, max })
const scalars: Record<string, fc.Arbitrary<unknown>> = {
  int8: numbers(-128, 127),
  int16: numbers(-32768, 32767),
  uint16: numbers(0, 65535),
  int32: numbers(-2147483648, 2147483647),
  uint32: numbers(0, 4294967295),
  int64: fc.maxSafeInteger(),
  float64: fc.double({ noNaN: true }),
  bool: fc.boolean(),
  uuid: fc.uint8Array({ minLength: 16, maxLength: 16 }).map(raw => Buffer.from(raw).toString('base64url')),
  string: fc.string({ unit: 'grapheme', maxLength: 20 }),
  bytes: fc.uint8Array({ maxLength: 200 }).map(raw => Buffer.from(raw)),
}

function defaultOf(field: Field): unknown {
  if (field.options.default === null) return null
  if (field.kind === 'array') return []
  if (field.kind !== 'struct') return field.options.default
  return Object.fromEntries(Object.entries(field.fields!).map(([name, inner]) => [name, defaultOf(inner)]))
}

function valueOf(field: Field, version: number): fc.Arbitrary<unknown> {
  const { versions, nullable } = field.options
  if (versions !== undefined && !isIn(version, versions)) return fc.constant(defaultOf(field))
  const value =
    field.kind === 'array'
      ? fc.array(valueOf(field.element!, version), { maxLength: 3 })
      : field.kind === 'struct'
        ? bodyOf(field.fields!, version)
        : scalars[field.kind]!
  return isIn(version, nullable) ? fc.option(value, { nil: null }) : value
}

const bodyOf = (fields: FieldSet, version: number): fc.Arbitrary<unknown> =>
  fc.record(
    Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, valueOf(field, version)])),
    { noNullPrototype: true },
  )

for (const api of apis)
  describe(api.name, () => {
    for (let version = api.minVersion; version <= api.maxVersion; version++)
      it(`version ${version}, both messages, there and back`, () =>
        fc.assert(
          fc.property(
            bodyOf(api.request, version),
            bodyOf(api.response, version),
            numbers(-2147483648, 2147483647),
            fc.option(fc.string(), { nil: null }),
            (request, response, correlationId, clientId) => {
              const sent = api.encodeRequest({ version, correlationId, clientId, body: request as never })
              assert.equal(sent.readInt32BE(0), sent.length - 4)
              assert.deepEqual(api.decodeRequest(version, sent.subarray(4)), {
                correlationId,
                clientId,
                body: request,
              })
              const answered = api.encodeResponse({ version, correlationId, body: response as never })
              // ApiVersions answers with error 35 are read as version 0, see its file.
              if (api.name === 'ApiVersions' && answered.readInt16BE(8) === 35) return
              assert.deepEqual(api.decodeResponse(version, answered.subarray(4)), {
                correlationId,
                body: response,
              })
            },
          ),
          { numRuns: 25 },
        ))

    it('throws nothing but FormatError, whatever the bytes', () =>
      fc.assert(
        fc.property(numbers(api.minVersion, api.maxVersion), scalars.bytes!, (version, bytes) => {
          for (const decode of [api.decodeResponse, api.decodeRequest])
            try {
              decode(version, bytes as Buffer)
            } catch (error) {
              assert.ok(error instanceof FormatError, String((error as Error).stack))
            }
        }),
        { numRuns: 200 },
      ))
  })

it('lists each API once, in order', () => {
  const keys = apis.map(api => api.key)
  assert.deepEqual(
    keys,
    [...new Set(keys)].sort((a, b) => a - b),
  )
})
