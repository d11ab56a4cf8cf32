import assert from 'node:assert/strict'
import { test } from 'node:test'
import avsc from 'avsc'
import fc from '../../../test/fast-check.ts'
import { AvroFormatError, AvroReader, longSize, writeLong } from './binary.ts'

const long = avsc.Type.forSchema('long')
const anyLong = fc.oneof(
  fc.integer({ min: -200, max: 200 }),
  fc.integer(),
  fc.maxSafeInteger().filter(value => Math.abs(value) <= Number.MAX_SAFE_INTEGER / 2),
)

test('numbers are written as another implementation writes them, and read back', () => {
  fc.assert(
    fc.property(anyLong, value => {
      const target = Buffer.alloc(longSize(value))
      assert.equal(writeLong(target, 0, value), target.length)
      assert.deepEqual(target, long.toBuffer(value))
      const reader = new AvroReader(target)
      assert.equal(reader.readLong(), value)
      assert.equal(reader.at, target.length)
    }),
    { numRuns: 2000 },
  )
})

test('numbers that end early, run on or are too large are refused', () => {
  for (const hex of ['', '80', 'ffff', 'ffffffffffffffffffff01', 'ffffffffffffffffff01'])
    assert.throws(() => new AvroReader(Buffer.from(hex, 'hex')).readLong(), AvroFormatError, hex)
})

test('lengths stay within the bytes there are, and a refused read names the place', () => {
  const reader = new AvroReader(Buffer.from('0a6162', 'hex'))
  assert.throws(() => reader.readBytes(), /at byte 1 of 3: the length 5 exceeds the 2 bytes left/)
  assert.throws(() => new AvroReader(Buffer.from([1])).readString(), /length -1 is negative/)
  assert.throws(() => new AvroReader(Buffer.alloc(3)).readFixed(4), AvroFormatError)
})

test('skipping moves as far as reading', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), bytes => {
      const encoded = avsc.Type.forSchema('bytes').toBuffer(Buffer.from(bytes))
      const [read, skip] = [new AvroReader(encoded), new AvroReader(encoded)]
      assert.deepEqual(read.readBytes(), Buffer.from(bytes))
      skip.skipBytes()
      assert.equal(skip.at, read.at)
    }),
  )
})

test('a negative block count is followed by the size in bytes', () => {
  const reader = new AvroReader(Buffer.from([0x03, 0x08, 0x02]))
  assert.equal(reader.readBlockCount(), 2)
  assert.equal(reader.at, 2)
  assert.equal(reader.readBlockCount(), 1)
})
