// Avro containers of one large block in a spooling directory: unpacking it holds up nothing else.
import assert from 'node:assert/strict'
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { crc32, deflateRawSync, zstdCompressSync } from 'node:zlib'
import { snappyCompress } from '@platformatic/wasm-utils'
import { containerBlock, containerHead } from '../../src/wire/avro/container.ts'
import { writeLong } from '../../src/wire/avro/binary.ts'
import { SeededRandom } from '../../src/simulation/seeded-random.ts'
import { accepted, AttackedAgent } from './attacked-agent.ts'

const objects = 60
const objectBytes = 1_000_000

const snappy = (bytes: Buffer): Buffer => {
  const sum = Buffer.alloc(4)
  sum.writeUInt32BE(crc32(bytes))
  return Buffer.concat([snappyCompress(bytes), sum])
}

for (const [codec, pack] of [
  ['null', (bytes: Buffer) => bytes],
  ['deflate', (bytes: Buffer) => deflateRawSync(bytes, { level: 1 })],
  ['zstandard', zstdCompressSync],
  ['snappy', snappy],
] as const)
  test(`a block of ${objects} MB, packed by ${codec}`, async t => {
    const agent = await AttackedAgent.start(t, [
      'a1.sources = r1',
      'a1.channels = c1',
      'a1.sinks = k1',
      'a1.sources.r1.type = spooldir',
      'a1.sources.r1.spoolDir = DIRECTORY',
      'a1.sources.r1.includePattern = .*avro',
      'a1.sources.r1.deserializer = AVRO',
      'a1.sources.r1.channels = c1',
      'a1.channels.c1.type = memory',
      'a1.sinks.k1.type = null',
      'a1.sinks.k1.channel = c1',
    ])
    const size = Buffer.alloc(9)
    const text = Buffer.from(new SeededRandom(1).bytes(objectBytes / 2).toString('hex'))
    const object = Buffer.concat([size.subarray(0, writeLong(size, 0, objectBytes)), text])
    const block = Buffer.concat(Array<Buffer>(objects).fill(object))
    const marker = Buffer.alloc(16, 'm')
    const head = containerHead({ 'avro.schema': '"bytes"', 'avro.codec': codec }, marker)
    writeFileSync(
      join(agent.directory, 'one.part'),
      Buffer.concat([head, containerBlock(objects, pack(block), marker)]),
    )
    // Whole, as the source wants it.
    renameSync(join(agent.directory, 'one.part'), join(agent.directory, 'one.avro'))
    await agent.until(snapshot => accepted(snapshot) === objects)
    assert.doesNotMatch(agent.output, /damaged/)
    await agent.assertBounded({ mostMb: 900 })
  })
