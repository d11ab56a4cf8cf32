import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { Duplex, PassThrough } from 'node:stream'
import { test } from 'node:test'
import { constants, deflateSync, inflateSync } from 'node:zlib'
import { DeflatedStream } from './compression.ts'

/** Two streams, each the other's far end. */
function wire(): [Duplex, Duplex] {
  const [there, back] = [new PassThrough(), new PassThrough()]
  return [Duplex.from({ readable: back, writable: there }), Duplex.from({ readable: there, writable: back })]
}

test('what is written on one side is read on the other, frame by frame, without an end', async () => {
  const [left, right] = wire()
  const [near, far] = [new DeflatedStream(left), new DeflatedStream(right, 9)]
  for (const text of ['first', 'second '.repeat(10_000), 'third']) {
    near.write(text)
    let read = ''
    while (read.length < text.length)
      read += String(far.read() ?? (await new Promise(resolve => far.once('readable', () => resolve('')))))
    assert.equal(read, text)
  }
  near.destroy()
  far.destroy()
})

test('the bytes are one zlib stream with a sync marker after each write, and a trailer at the end', async () => {
  const inner = new PassThrough()
  const chunks: Buffer[] = []
  const out = Duplex.from({ readable: new PassThrough(), writable: inner })
  inner.on('data', (chunk: Buffer) => chunks.push(chunk))
  const layer = new DeflatedStream(out, 6)
  layer.cork()
  layer.write('one ')
  layer.write('frame')
  layer.uncork()
  await new Promise<void>(resolve => layer.write('', () => resolve()))
  const first = Buffer.concat(chunks)
  assert.equal(first.toString('hex', 0, 2), '789c')
  assert.equal(first.toString('hex').endsWith('0000ffff'), true)
  assert.equal(inflateSync(first, { finishFlush: constants.Z_SYNC_FLUSH }).toString(), 'one frame')
  layer.end(' and more')
  await new Promise(resolve => inner.once('end', resolve))
  assert.equal(inflateSync(Buffer.concat(chunks)).toString(), 'one frame and more')
  layer.destroy()
})

test('a small input that inflates to much is inflated only as far as it is read', async () => {
  const source = new PassThrough()
  const layer = new DeflatedStream(Duplex.from({ readable: source, writable: new PassThrough() }))
  source.write(deflateSync(Buffer.alloc(64 * 1024 * 1024)))
  await new Promise(resolve => layer.once('readable', resolve))
  for (let turns = 0; turns < 200; turns++) await new Promise(resolve => setImmediate(resolve))
  assert.ok(layer.readableLength <= 256 * 1024, `${layer.readableLength} bytes wait`)
  layer.destroy()
})

test('bytes that are no zlib stream are an error', async () => {
  const source = new PassThrough()
  const layer = new DeflatedStream(Duplex.from({ readable: source, writable: new PassThrough() }))
  const failed = new Promise<Error>(resolve => layer.once('error', resolve))
  source.write('GET / HTTP/1.1\r\n')
  assert.match((await failed).message, /incorrect header check/)
})

test('a peer that leaves without the trailer is an end, not an error', async () => {
  const source = new PassThrough()
  const layer = new DeflatedStream(Duplex.from({ readable: source, writable: new PassThrough() }))
  const whole = deflateSync('text', { finishFlush: constants.Z_SYNC_FLUSH })
  source.end(whole)
  const chunks: Buffer[] = []
  layer.on('data', (chunk: Buffer) => chunks.push(chunk))
  await new Promise((resolve, reject) => layer.once('end', resolve).once('error', reject))
  assert.equal(Buffer.concat(chunks).toString(), 'text')
})

test('an end waits until the last bytes are out, also where the other side has ended', async () => {
  const written: Buffer[] = []
  let leave = () => {}
  const slow = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      leave = () => {
        leave = () => {}
        written.push(chunk)
        done()
      }
    },
  })
  const layer = new DeflatedStream(slow)
  const ended = new Promise(resolve => layer.once('end', resolve))
  slow.push(null)
  layer.resume()
  await ended
  layer.end('the last answer')
  const closed = new Promise(resolve => layer.once('close', resolve))
  while (!layer.closed && !slow.writableFinished) {
    leave()
    await new Promise(resolve => setImmediate(resolve))
  }
  await closed
  assert.equal(inflateSync(Buffer.concat(written)).toString(), 'the last answer')
})

test('keeps what a slow reader has yet to take, without the thread pool too', async () => {
  for (const isSync of [true, false]) {
    const taken: Buffer[] = []
    const slow = new Duplex({
      writableHighWaterMark: 1,
      read() {},
      write(chunk: Buffer, _, done) {
        setImmediate(() => {
          taken.push(Buffer.from(chunk))
          done()
        })
      },
    })
    const stream = new DeflatedStream(slow, 6, isSync)
    const sent = Array.from({ length: 20 }, () => randomBytes(3000))
    await Promise.all(sent.map(one => new Promise(resolve => stream.write(one, resolve))))
    const got = (): Buffer => inflateSync(Buffer.concat(taken), { finishFlush: constants.Z_SYNC_FLUSH })
    while (got().length < 60_000) await new Promise(resolve => setImmediate(resolve))
    assert.ok(got().equals(Buffer.concat(sent)), `isSync ${isSync}`)
    stream.destroy()
  }
})
