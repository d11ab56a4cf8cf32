import assert from 'node:assert/strict'
import { test } from 'node:test'
import { protocolText, ProtocolMismatch, readProtocol } from './protocol.ts'

test('our own text fits', () => {
  assert.deepEqual(readProtocol(protocolText).statuses, ['OK', 'FAILED', 'UNKNOWN'])
})

test('names in a namespace, strings with Java properties, types written in place and other orders fit', () => {
  const text = JSON.stringify({
    protocol: 'Other',
    types: [
      { type: 'enum', name: 'x.Status', symbols: ['UNKNOWN', 'FAILED', 'OK'] },
      {
        type: 'record',
        name: 'a.b.AvroFlumeEvent',
        fields: [
          {
            name: 'headers',
            type: { type: 'map', values: { type: 'string', 'avro.java.string': 'String' } },
          },
          { name: 'body', type: { type: 'bytes' } },
        ],
      },
    ],
    messages: {
      extra: { request: [], response: 'null' },
      append: { request: [{ name: 'event', type: 'a.b.AvroFlumeEvent' }], response: 'x.Status' },
    },
  })
  assert.deepEqual(readProtocol(text).statuses, ['UNKNOWN', 'FAILED', 'OK'])
})

test('what is spelt otherwise on the wire is refused with the reason', () => {
  const swapped = JSON.parse(protocolText)
  swapped.types[1].fields.reverse()
  const longer = JSON.parse(protocolText)
  longer.types[1].fields.push({ name: 'id', type: 'long' })
  const cases: [string, RegExp][] = [
    ['not json', /is not JSON/],
    ['[]', /is no object/],
    ['{"messages":{}}', /neither append nor appendBatch/],
    [JSON.stringify(swapped), /does not take one AvroFlumeEvent/],
    [JSON.stringify(longer), /does not take one AvroFlumeEvent/],
    [protocolText.replaceAll('"response":"Status"', '"response":"string"'), /does not answer with a Status/],
    [' '.repeat(300_000), /too long/],
  ]
  for (const [text, reason] of cases)
    assert.throws(
      () => readProtocol(text),
      (error: Error) => error instanceof ProtocolMismatch && reason.test(error.message),
      text.slice(0, 50),
    )
})

test('types that contain themselves, deeply nested ones and odd names end', () => {
  const knot: Record<string, unknown> = { type: 'record', name: 'AvroFlumeEvent' }
  knot['fields'] = [{ name: 'headers', type: 'AvroFlumeEvent' }]
  const text = (types: unknown[]) =>
    JSON.stringify({
      types,
      messages: { append: { request: [{ type: 'AvroFlumeEvent' }], response: 'Status' } },
    })
  assert.throws(() => readProtocol(text([knot])), ProtocolMismatch)
  const deep = `${'{"type":'.repeat(5000)}"string"${'}'.repeat(5000)}`
  assert.throws(
    () => readProtocol(`{"types":[${deep}],"messages":{"append":{"request":[{"type":${deep}}]}}}`),
    ProtocolMismatch,
  )
  assert.throws(() => readProtocol('{"messages":{"append":null}}'), ProtocolMismatch)
  assert.throws(
    () => readProtocol('{"messages":{"__proto__":{}},"types":[{"name":"__proto__","type":"enum"}]}'),
    ProtocolMismatch,
  )
})
