import assert from 'node:assert/strict'
import test from 'node:test'
import { FrameTooLarge, RequestFrames } from './request-frames.ts'

function framed(...payloads: readonly Buffer[]): Buffer {
  return Buffer.concat(
    payloads.flatMap(payload => {
      const size = Buffer.alloc(4)
      size.writeInt32BE(payload.length, 0)
      return [size, payload]
    }),
  )
}

test('requests are the same whatever the pieces they come in', () => {
  const payloads = [8, 9, 100, 3000].map((size, index) => Buffer.alloc(size, index + 1))
  const bytes = framed(...payloads)
  for (const step of [1, 3, 7, 64, 1000, bytes.length]) {
    const frames = new RequestFrames(5000)
    const found: Buffer[] = []
    for (let at = 0; at < bytes.length; at += step) found.push(...frames.feed(bytes.subarray(at, at + step)))
    assert.deepEqual(found, payloads)
    assert.equal(frames.heldBytes, 0)
  }
})

test('a size that is not allowed is refused as soon as it is there; nothing is kept for one that is', () => {
  for (const size of [-1, 0, 7, 5001, 2 ** 31 - 1]) {
    const head = Buffer.alloc(4)
    head.writeInt32BE(size, 0)
    assert.throws(() => new RequestFrames(5000).feed(head), FrameTooLarge)
  }
  const frames = new RequestFrames(100_000_000)
  const head = Buffer.alloc(5)
  head.writeInt32BE(99_999_999, 0)
  assert.deepEqual(frames.feed(head), [])
  assert.equal(frames.heldBytes, 1)
})
