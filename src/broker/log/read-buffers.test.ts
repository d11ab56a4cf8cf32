import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReadBuffers } from './read-buffers.ts'

const mib = 1024 * 1024

test('a buffer given back is used again, and lent to one reader at a time', () => {
  const buffers = new ReadBuffers()
  const first = buffers.take(mib)
  assert.equal(first.length, mib)
  assert.notEqual(buffers.take(mib).buffer, first.buffer)
  buffers.giveBack(first.subarray(100, 200))
  buffers.giveBack(first) // once more, as when two parts of an answer are of one read
  const second = buffers.take(mib - 5)
  assert.equal(second.buffer, first.buffer)
  assert.equal(second.length, mib - 5)
  assert.notEqual(buffers.take(mib).buffer, first.buffer)
})

test('what is not its own is not taken in, and no more is kept than is good', () => {
  const buffers = new ReadBuffers()
  const foreign = Buffer.allocUnsafeSlow(mib)
  const small = buffers.take(100)
  const large = buffers.take(5 * mib)
  assert.deepEqual([small.length, large.length], [100, 5 * mib])
  for (const one of [foreign, small, large]) buffers.giveBack(one)
  const many = Array.from({ length: 20 }, () => buffers.take(mib))
  for (const one of many) assert.ok(![foreign, small, large].some(other => other.buffer === one.buffer))
  for (const one of many) buffers.giveBack(one)
  const again = Array.from({ length: 20 }, () => buffers.take(mib))
  assert.equal(again.filter(one => many.some(other => other.buffer === one.buffer)).length, 8)
})
