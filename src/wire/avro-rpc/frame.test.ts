import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from '../../../test/fast-check.ts'
import { encodeFrame, type Frame, FrameError, FrameParser } from './frame.ts'

const parse = (bytes: Buffer, cuts: readonly number[], maxBytes = 1 << 30): Frame[] => {
  const parser = new FrameParser(maxBytes)
  const frames: Frame[] = []
  let at = 0
  for (const cut of [...cuts, bytes.length]) {
    parser.feed(bytes.subarray(at, Math.max(at, Math.min(cut, bytes.length))), frame => frames.push(frame))
    at = Math.max(at, Math.min(cut, bytes.length))
  }
  assert.equal(parser.midFrame, false)
  assert.equal(parser.heldBytes, 0)
  return frames
}

const messages = fc.array(fc.array(fc.uint8Array({ maxLength: 6000 }), { maxLength: 6 }), { maxLength: 5 })

test('frames come out as they went in, wherever the stream and the message are cut', () => {
  fc.assert(
    fc.property(messages, fc.array(fc.nat(40_000), { maxLength: 30 }), (written, cuts) => {
      const frames = written.map((buffers, index) => encodeFrame(index + 1, buffers.map(Buffer.from)))
      const read = parse(
        Buffer.concat(frames),
        cuts.toSorted((a, b) => a - b),
      )
      assert.deepEqual(
        read.map(({ serial, message }) => ({ serial, message: message.toString('hex') })),
        written.map((buffers, index) => ({
          serial: index + 1,
          message: Buffer.concat(buffers).toString('hex'),
        })),
      )
    }),
    { numRuns: 300 },
  )
})

test('byte by byte', () => {
  const frame = encodeFrame(7, [Buffer.from('abc'), Buffer.alloc(0), Buffer.from('d')])
  const [read] = parse(
    frame,
    Array.from({ length: frame.length }, (_, index) => index),
  )
  assert.deepEqual(read, { serial: 7, message: Buffer.from('abcd') })
})

test('a message is a buffer of its own, exactly as large as it is', () => {
  const chunk = Buffer.concat([encodeFrame(1, [Buffer.alloc(5000, 1)]), encodeFrame(2, [Buffer.alloc(9, 2)])])
  const read = parse(chunk, [])
  chunk.fill(0)
  assert.deepEqual(read[0]!.message, Buffer.alloc(5000, 1))
  assert.equal(read[0]!.message.buffer.byteLength, 5000)
  assert.deepEqual(read[1]!.message, Buffer.alloc(9, 2))
})

test('limits hold before anything is stored, for one buffer and for the sum', () => {
  const head = Buffer.from('0000000100000002', 'hex')
  const parser = new FrameParser(1000)
  const none = () => assert.fail('no frame is complete')
  parser.feed(head, none)
  assert.throws(() => parser.feed(Buffer.from('000003e9', 'hex'), none), FrameError)
  const other = new FrameParser(1000)
  other.feed(Buffer.concat([head, Buffer.from('00000258', 'hex'), Buffer.alloc(600)]), none)
  assert.equal(other.heldBytes, 600)
  assert.throws(
    () => other.feed(Buffer.from('00000191', 'hex'), none),
    /1001 bytes is announced, 1000 are allowed/,
  )
  assert.throws(
    () => new FrameParser(1000).feed(Buffer.from('0000000100010001', 'hex'), none),
    /65537 buffers/,
  )
})

test('bytes that trickle in hold little more than themselves', () => {
  const parser = new FrameParser(1 << 30)
  parser.feed(Buffer.from('00000001000000010fffffff', 'hex'), () => {})
  const before = process.memoryUsage()
  for (let count = 0; count < 1_000_000; count++) parser.feed(Buffer.from([1]), () => {})
  const after = process.memoryUsage()
  assert.equal(parser.heldBytes, 1_000_000)
  assert.ok(after.arrayBuffers - before.arrayBuffers < 4_000_000, 'blocks, not one buffer a byte')
})

test('any bytes give frames, an error or a wait, nothing else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
      const parser = new FrameParser(1000)
      try {
        parser.feed(Buffer.from(bytes), () => {})
        assert.ok(parser.heldBytes <= bytes.length)
      } catch (error) {
        assert.ok(error instanceof FrameError)
      }
    }),
    { numRuns: 2000 },
  )
})
