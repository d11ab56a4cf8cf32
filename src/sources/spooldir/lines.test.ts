import assert from 'node:assert/strict'
import test from 'node:test'
import fc from '../../../test/fast-check.ts'
import { findCharset } from '../../java/java-charset.ts'
import type { DiskFile } from '../../system/disk.ts'
import { realClock } from '../../system/clock.ts'
import { Pace } from '../../system/pace.ts'
import { inBatches, type Deserializer } from './deserializer.ts'
import { FileWindow } from './file-window.ts'
import { lineDeserializer } from './lines.ts'

const fileOf = (bytes: Buffer): DiskFile =>
  ({
    read: async (target: Buffer, position: number) =>
      bytes.copy(target, 0, position, position + target.length),
  }) as unknown as DiskFile

async function open(
  bytes: Buffer,
  {
    at = 0,
    most = 2048,
    input = 'UTF-8',
    output = 'UTF-8',
    policy = 'FAIL' as 'FAIL' | 'REPLACE' | 'IGNORE',
  } = {},
): Promise<Deserializer> {
  const settings = {
    inputCharset: findCharset(input)!,
    outputCharset: findCharset(output)!,
    decodeErrorPolicy: policy,
    maxLineLength: most,
    onCut: () => {},
  }
  const window = new FileWindow(fileOf(bytes), bytes.length, at)
  return inBatches(await lineDeserializer(window, settings), new Pace(realClock))
}

async function all(deserializer: Deserializer, batch = 7): Promise<string[]> {
  const texts: string[] = []
  for (let some = await deserializer.read(batch); some.length > 0; some = await deserializer.read(batch))
    texts.push(...some.map(event => event.body.toString()))
  return texts
}

/** Flume's LineDeserializer, character by character; but for pairs of surrogates, which stay together here. */
function flumeLines(text: string, most: number): string[] {
  const lines: string[] = []
  for (let at = 0; at < text.length;) {
    let line = ''
    let count = 0
    while (at < text.length) {
      const one = String.fromCodePoint(text.codePointAt(at)!)
      if (line !== '' && count + one.length > most) break
      at += one.length
      count += one.length
      if (one === '\n') break
      line += one
      if (count >= most) break
    }
    lines.push(line)
  }
  return lines
}

const texts = fc
  .array(fc.string({ unit: fc.constantFrom('a', 'é', '€', '😀', '\n', '\r', 'b'), maxLength: 60 }), {
    maxLength: 4,
  })
  .map(parts => parts.join('\n'))

test('lines are those of Flume, in every character set, also when reading begins again behind any batch', async () => {
  await fc.assert(
    fc.asyncProperty(
      texts,
      fc.integer({ min: 1, max: 12 }),
      fc.constantFrom('UTF-8', 'UTF-16', 'UTF-16LE', 'UTF-16BE', 'UTF-32', 'UTF-32LE'),
      fc.integer({ min: 1, max: 5 }),
      async (given, most, input, batch) => {
        // Four bytes are one character there, and one that counts twice.
        const text = input.startsWith('UTF-32') ? given.replaceAll('😀', 'x') : given
        const bytes = findCharset(input)!.encode(text)
        assert.deepEqual(await all(await open(bytes, { most, input })), flumeLines(text, most))
        const again: string[] = []
        for (let at = 0; ;) {
          const reader = await open(bytes, { at, most, input })
          const some = await reader.read(batch)
          if (some.length === 0) break
          again.push(...some.map(event => event.body.toString()))
          at = reader.position
        }
        assert.deepEqual(again, flumeLines(text, most))
      },
    ),
    { numRuns: 300 },
  )
})

test('bytes that are no text: the lines before are given, then the place; or they are replaced; or left out', async () => {
  const bytes = Buffer.concat([
    Buffer.from('one\ntwo\nbad '),
    Buffer.from([0xff, 0xc3]),
    Buffer.from(' \ufffd\nend'),
  ])
  const reader = await open(bytes)
  assert.equal((await reader.read(10)).length, 2)
  await assert.rejects(reader.read(10), /the line at byte 8 is no text in UTF-8/)
  assert.equal(reader.position, 8)
  assert.deepEqual(await all(await open(bytes, { policy: 'REPLACE' })), [
    'one',
    'two',
    'bad \ufffd\ufffd \ufffd',
    'end',
  ])
  assert.deepEqual(await all(await open(bytes, { policy: 'IGNORE' })), ['one', 'two', 'bad  \ufffd', 'end'])
  await assert.rejects(
    open(Buffer.from([0x61, 0x80]), { input: 'US-ASCII' }).then(one => one.read(1)),
    /US-ASCII/,
  )
  const latin = await open(Buffer.from('ü\n', 'latin1'), { input: 'ISO-8859-1' })
  assert.deepEqual(await all(latin), ['ü'])
  const back = await open(Buffer.from('ü😀\n'), { output: 'ISO-8859-1' })
  assert.equal((await back.read(1))[0]!.body.toString('latin1'), 'ü?')
})

test('a megabyte in one line is one event where that is allowed, else many of them', async () => {
  const bytes = Buffer.from(`${'x'.repeat(1_000_000)}\nend`)
  assert.deepEqual(
    (await all(await open(bytes, { most: 2_000_000 }))).map(line => line.length),
    [1_000_000, 3],
  )
  const cut = await all(await open(bytes))
  assert.equal(cut.length, 490)
  assert.equal(cut.join('').length, 1_000_003)
})
