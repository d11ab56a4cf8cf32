import assert from 'node:assert/strict'
import test from 'node:test'
import { canonicalForm, fingerprint } from './fingerprint.ts'

test('the canonical form keeps what readers need, with full names', () => {
  const schema = {
    doc: 'x',
    fields: [
      { type: { type: 'int' }, name: 'a', default: 1 },
      { name: 'b', type: ['null', { type: 'enum', name: 'E', symbols: ['X', 'Y'], doc: 'y' }] },
      { name: 'c', type: { type: 'array', items: 'E' } },
      {
        name: 'd',
        type: { type: 'map', values: { type: 'fixed', name: 'other.F', size: 4, aliases: ['z'] } },
      },
      { name: 'e', type: 'other.F' },
    ],
    name: 'R',
    namespace: 'n.s',
    type: 'record',
  }
  assert.equal(
    canonicalForm(JSON.stringify(schema)),
    '{"name":"n.s.R","type":"record","fields":[{"name":"a","type":"int"},{"name":"b","type":["null",{"name":"n.s.E","type":"enum","symbols":["X","Y"]}]},{"name":"c","type":{"type":"array","items":"n.s.E"}},{"name":"d","type":{"type":"map","values":{"name":"other.F","type":"fixed","size":4}}},{"name":"e","type":"other.F"}]}',
  )
})

// Source: Apache Avro, share/test/data/schema-tests.txt, "null" and "int" (fingerprints as signed numbers there).
test('fingerprints are those of the specification', () => {
  const bytesOf = (number: bigint) => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64LE(number)
    return bytes.toString('hex')
  }
  assert.equal(fingerprint('"null"'), bytesOf(7195948357588979594n))
  assert.equal(fingerprint('{"type":"int"}'), bytesOf(8247732601305521295n))
})
