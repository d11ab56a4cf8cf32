import assert from 'node:assert/strict'
import test from 'node:test'
import { FrameReader } from './frame-reader.ts'

/** A reader that keeps what it is given; it takes frames of 0 to 100,000 bytes. */
function reading(eagerBytes: number): { reader: FrameReader; found: Buffer[] } {
  const found: Buffer[] = []
  const reader = new FrameReader({
    eagerBytes,
    accept: size => size >= 0 && size <= 100_000,
    take: frame => found.push(frame),
  })
  return { reader, found }
}

function sizeBytes(size: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(size, 0)
  return bytes
}

test('frames are the same whatever the pieces they come in, and however room is made for them', () => {
  const payloads = [8, 0, 9, 3000, 20_000, 0].map((size, index) => Buffer.alloc(size, index + 1))
  const bytes = Buffer.concat(payloads.flatMap(payload => [sizeBytes(payload.length), payload]))
  for (const eagerBytes of [0, 5000, 1_000_000])
    for (const step of [1, 3, 7, 64, 1000, bytes.length]) {
      const { reader, found } = reading(eagerBytes)
      for (let at = 0; at < bytes.length; at += step) reader.read(bytes.subarray(at, at + step))
      assert.deepEqual(found, payloads)
      assert.equal(reader.heldBytes, 0)
    }
})

test('a size that is not accepted is refused as soon as it is there, and ends the reading', () => {
  for (const size of [-1, 100_001, 2 ** 31 - 1]) {
    const { reader, found } = reading(0)
    reader.read(Buffer.concat([sizeBytes(size), sizeBytes(1), Buffer.from('x')]))
    reader.read(Buffer.concat([sizeBytes(1), Buffer.from('x')]))
    assert.deepEqual(found, [])
    assert.equal(reader.heldBytes, 0)
  }
})

test('of a frame that is not whole only what has come is held', () => {
  const { reader } = reading(0)
  reader.read(Buffer.concat([sizeBytes(100_000), Buffer.from('x')]))
  assert.ok(reader.heldBytes <= 4096)
})

test('a frame that comes byte by byte takes the memory of its bytes', () => {
  const { reader, found } = reading(0)
  const payload = Buffer.alloc(100_000, 7)
  const bytes = Buffer.concat([sizeBytes(payload.length), payload])
  for (let at = 0; at < bytes.length; at++) {
    reader.read(bytes.subarray(at, at + 1))
    assert.ok(reader.heldBytes <= at + 4096)
  }
  assert.deepEqual(found, [payload])
  assert.equal(reader.heldBytes, 0)
})
