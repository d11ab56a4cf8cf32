import assert from 'node:assert/strict'
import { it } from 'node:test'
import { bootstrapForms } from '../test/bootstrap-servers.ts'
import { addressesIn, parseAddress, whereOf, withoutBrackets } from './address.ts'

it('an address is read with and without a protocol and brackets, and written with what it needs', () => {
  for (const text of ['::1:9092', '[::1]:9092', 'SASL_SSL://[::1]:9092', ' SASL_PLAINTEXT://::1:9092 '])
    assert.equal(whereOf(parseAddress(text)!), '[::1]:9092', text)
  assert.equal(whereOf(parseAddress('fe80::1%eth0:9092')!), '[fe80::1%eth0]:9092')
  assert.deepEqual(parseAddress('INTERNAL://a_b.c-d:09092'), {
    protocol: 'INTERNAL',
    host: 'a_b.c-d',
    port: 9092,
  })
  assert.deepEqual(parseAddress(':9092'), { protocol: null, host: '', port: 9092 })
  assert.deepEqual(['[::1]', '::1', 'host', ''].map(withoutBrackets), ['::1', '::1', 'host', ''])
})

it('what is no address is none', () => {
  for (const text of ['', 'host', 'host:', '::1', 'a:b:1', 'host:1:2', 'host:65536', 'a b:1', 'host:1/x'])
    assert.equal(parseAddress(text), null, text)
})

it('a list may have blanks and empty places', () => {
  assert.deepEqual(addressesIn(' a:1 ,, b:2,'), ['a:1', 'b:2'])
  assert.deepEqual(addressesIn(' , '), [])
})

/** Java takes the first and finds no address for such names when it starts; it does not trim the last. */
const differences: Readonly<Record<string, string>> = {
  '::1': 'refused',
  'SASL_SSL:host:9092': 'refused',
  'a:b:9092': 'refused',
  'a:9092:9093': 'refused',
  'host:9092\u00a0': 'host 9092',
  '\u00a0host:9092': 'host 9092',
}

function ours(text: string): string {
  const read = addressesIn(text).map(parseAddress)
  if (read.length === 0 || read.includes(null)) return 'refused'
  return read.map(one => `${one!.host} ${one!.port}`).join(', ')
}

it("bootstrap.servers is read as Kafka's clients read it", () => {
  for (const [text, read] of bootstrapForms)
    assert.equal(ours(text), differences[text] ?? read, JSON.stringify(text))
})
