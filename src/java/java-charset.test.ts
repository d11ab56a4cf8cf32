import assert from 'node:assert/strict'
import test from 'node:test'
import fc from '../../test/fast-check.ts'
import { findCharset } from './java-charset.ts'

test('Java names and their variants find the set', () => {
  for (const [name, canonical] of [
    ['utf8', 'UTF-8'],
    ['UTF_16LE', 'UTF-16LE'],
    ['ISO8859_1', 'ISO-8859-1'],
    ['Cp1252', 'windows-1252'],
    ['ascii', 'US-ASCII'],
  ])
    assert.equal(findCharset(name!)?.name, canonical)
  assert.equal(findCharset('EBCDIC'), undefined)
})

test('every Unicode set gives any text back', () => {
  for (const name of ['UTF-8', 'UTF-16', 'UTF-16BE', 'UTF-16LE', 'UTF-32', 'UTF-32LE']) {
    const set = findCharset(name)!
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), text => assert.equal(set.decode(set.encode(text)), text)),
    )
  }
})

test('what a set lacks is written as a question mark, what is malformed read as U+FFFD', () => {
  assert.deepEqual(findCharset('us-ascii')!.encode('aé😀z'), Buffer.from('a??z'))
  assert.deepEqual(findCharset('iso-8859-1')!.encode('é€'), Buffer.from([0xe9, 0x3f]))
  assert.deepEqual(findCharset('windows-1252')!.encode('€é'), Buffer.from([0x80, 0xe9]))
  assert.equal(findCharset('windows-1251')!.decode(Buffer.from([0xcf, 0xf0])), 'Пр')
  assert.equal(findCharset('us-ascii')!.decode(Buffer.from([0x41, 0xc3])), 'A\ufffd')
  assert.equal(findCharset('utf-16')!.decode(Buffer.from([0xff, 0xfe, 0x41, 0])), 'A')
  assert.equal(findCharset('utf-16')!.decode(Buffer.from([0, 0x41, 0])), 'A\ufffd')
})
