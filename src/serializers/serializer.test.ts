import assert from 'node:assert/strict'
import test from 'node:test'
import { snappyDecompress } from '@platformatic/wasm-utils'
import { crc32, zstdDecompressSync } from 'node:zlib'
import avro from 'avsc'
import fc from '../../test/fast-check.ts'
import { Event } from '../event.ts'
import { SeededRandom } from '../simulation/seeded-random.ts'
import { realRandom } from '../system/random.ts'
import type { Serializer } from './contract.ts'
import { makeSerializer, serializerField } from './serializer.ts'

const options = { appendNewline: true, syncIntervalBytes: 2_048_000, compressionCodec: 'null' }

function encoded(serializer: Serializer, events: readonly Event[]): Buffer {
  const steps = serializer.encode(events)
  let step = steps.next()
  while (step.done !== true) step = steps.next()
  return step.value
}

interface Decoded {
  headers: Record<string, string>
  body: Buffer
}

/** The other implementation keeps maps in plain objects and loses this one name. */
const headerName = fc.string().filter(name => name !== '__proto__')

/** As Avro has it: a raw block, and the checksum of what was in it. */
function unpackSnappyBlock(data: Buffer, done: (error: Error | null, data?: Buffer) => void): void {
  const plain = Buffer.from(snappyDecompress(data.subarray(0, -4)))
  if (crc32(plain) !== data.readUInt32BE(data.length - 4)) return done(new Error('wrong checksum'))
  done(null, plain)
}

/** Reads a container file with another implementation. */
function readContainer(file: Buffer): Promise<Decoded[]> {
  return new Promise((resolve, reject) => {
    const found: Decoded[] = []
    const decoder = new avro.streams.BlockDecoder({
      codecs: {
        null: (data: Buffer, done: (error: Error | null, data: Buffer) => void) => done(null, data),
        deflate: avro.streams.BlockDecoder.defaultCodecs()['deflate']!,
        snappy: unpackSnappyBlock,
        zstandard: (data: Buffer, done: (error: Error | null, data: Buffer) => void) =>
          done(null, zstdDecompressSync(data)),
      },
    } as never)
    decoder.on('data', (value: Decoded) => found.push(value))
    decoder.on('end', () => resolve(found))
    decoder.on('error', reject)
    decoder.end(file)
  })
}

test('text: bodies, with a newline or without', () => {
  const events = [Event.of({ a: '1' }, 'x'), Event.of({}, '')]
  assert.equal(encoded(makeSerializer('TEXT', options, realRandom), events).toString(), 'x\n\n')
  const joined = makeSerializer('TEXT', { ...options, appendNewline: false }, realRandom)
  assert.equal(encoded(joined, events).toString(), 'x')
})

test('a block of Snappy is made of several pieces where it is large', async () => {
  const body = Buffer.from(Array.from({ length: 100_000 }, (_, index) => `${index} `).join(''))
  const serializer = makeSerializer('AVRO_EVENT', { ...options, compressionCodec: 'snappy' }, realRandom)
  const file = Buffer.concat([serializer.head, encoded(serializer, [Event.of({}, body), Event.of({}, 'x')])])
  assert.deepEqual(
    (await readContainer(file)).map(one => one.body),
    [body, Buffer.from('x')],
  )
})

test('header_and_text: headers as Java prints a map, then the body', () => {
  const events = [Event.of({ a: '1', b: 'ü' }, 'x'), Event.of({}, 'y')]
  const serializer = makeSerializer('HEADER_AND_TEXT', options, realRandom)
  assert.equal(encoded(serializer, events).toString(), '{a=1, b=ü} x\n{} y\n')
})

for (const compressionCodec of ['null', 'deflate', 'snappy', 'zstandard'])
  test(`avro_event with codec ${compressionCodec} is read by another implementation`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.tuple(fc.dictionary(headerName, fc.string()), fc.uint8Array()))),
        fc.integer({ min: 1, max: 200 }),
        async (transactions, syncIntervalBytes) => {
          const given = { ...options, syncIntervalBytes, compressionCodec }
          const serializer = makeSerializer('AVRO_EVENT', given, realRandom)
          const parts = transactions.map(one =>
            encoded(
              serializer,
              one.map(([headers, body]) => Event.of(headers, Buffer.from(body))),
            ),
          )
          const found = await readContainer(Buffer.concat([serializer.head, ...parts]))
          assert.deepEqual(
            found.map(one => [{ ...one.headers }, [...one.body]]),
            transactions.flat().map(([headers, body]) => [{ ...headers }, [...body]]),
          )
        },
      ),
      { numRuns: 30 },
    )
  })

for (const compressionCodec of ['null', 'deflate', 'snappy', 'zstandard'])
  test(`no step of a block of 4 MB with codec ${compressionCodec} is long`, () => {
    const random = new SeededRandom(1)
    const body = Buffer.from(Array.from({ length: 4_000_000 }, () => 48 + random.below(2)))
    const given = { ...options, compressionCodec }
    const steps = makeSerializer('AVRO_EVENT', given, realRandom).encode([Event.of({}, body)])
    let most = 0
    for (let isDone = false; !isDone;) {
      const before = process.threadCpuUsage()
      isDone = steps.next().done === true
      const { user, system } = process.threadCpuUsage(before)
      most = Math.max(most, user + system)
    }
    assert.ok(most < 50_000, `${most} µs`)
  })

test('a serializer is found by alias or class name', () => {
  const field = serializerField({ doc: '', default: 'TEXT' })
  for (const text of [
    'avro_event',
    'AVRO_EVENT',
    'org.apache.flume.serialization.FlumeEventAvroEventSerializer$Builder',
  ])
    assert.deepEqual(field.parse(text), { value: 'AVRO_EVENT' })
  assert.ok('problem' in field.parse('com.example.Mine'))
})
