import assert from 'node:assert/strict'
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { deflateRawSync } from 'node:zlib'
import { dyingDisk } from '../../test/dying-disk.ts'
import { runSource, type RunningSource } from '../../test/running-source.ts'
import type { Disk } from '../system/disk.ts'
import { realSystem } from '../system/system.ts'
import { containerBlock, containerHead } from '../wire/avro/container.ts'
import { spooldirSource } from './spooldir.ts'
import { readTracker, Tracker, trackerName } from './spooldir/tracker.ts'

/** In memory where there is such a place: hundreds of lives are quick there. */
const root = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'millrace-spool-'))
after(() => rmSync(root, { recursive: true }))

let made = 0
function spool(files: Readonly<Record<string, string | Buffer>>): string {
  const directory = join(root, String(++made))
  mkdirSync(directory)
  let time = 1_600_000_000
  for (const [name, content] of Object.entries(files)) {
    const path = join(directory, name)
    mkdirSync(join(path, '..'), { recursive: true })
    writeFileSync(path, content)
    utimesSync(path, time, time++)
  }
  return directory
}

interface Spooling extends RunningSource {
  /** Resolves when the directory was looked at twice more: nothing is left to be read then. */
  settled(): Promise<void>
}

async function run(
  spoolDir: string,
  more: Record<string, unknown> = {},
  put?: Parameters<typeof runSource>[2],
  disk: Disk = realSystem.disk,
): Promise<Spooling> {
  const looks = new Set<() => void>()
  const list: Disk['list'] = directory => {
    if (directory === spoolDir) for (const look of looks) look()
    return disk.list(directory)
  }
  const system = { ...realSystem, disk: withList(disk, list) }
  const source = await runSource(spooldirSource, { spoolDir, pollDelay: 5, ...more }, put, system)
  const settled = () =>
    new Promise<void>(resolve => {
      let left = 2
      const look = () => {
        if (--left > 0) return
        looks.delete(look)
        resolve()
      }
      looks.add(look)
    })
  return Object.assign(Object.create(source) as RunningSource, { settled })
}

const withList = (disk: Disk, list: Disk['list']): Disk =>
  new Proxy(disk, { get: (_, key) => (key === 'list' ? list : (Reflect.get(disk, key) as unknown)) })

/** Until so many events have come and no file is left that waits; the source is stopped then. */
async function drain(
  spoolDir: string,
  count: number,
  more: Record<string, unknown> = {},
): Promise<RunningSource> {
  const source = await run(spoolDir, more)
  await source.until(() => source.events.length >= count)
  await source.settled()
  await source.stop()
  return source
}

const visible = (directory: string) => readdirSync(directory).filter(name => !name.startsWith('.'))

describe('spooling directory source', { concurrency: true }, () => {
  test('files become events, oldest first, with their names in headers, and are renamed', async () => {
    const directory = spool({ b: 'one\ntwo\n', a: 'three', c: '', '.hidden': 'x', 'd.COMPLETED': 'x' })
    const source = await drain(directory, 4, { fileHeader: true, basenameHeader: true })
    assert.deepEqual(source.bodies, ['one', 'two', 'three', ''])
    assert.deepEqual(
      [...source.events[2]!.headers],
      [
        ['file', join(directory, 'a')],
        ['basename', 'a'],
      ],
    )
    assert.deepEqual(visible(directory).sort(), ['a.COMPLETED', 'b.COMPLETED', 'c.COMPLETED', 'd.COMPLETED'])
    assert.deepEqual(readdirSync(join(directory, '.flumespool')), [])
    const { counters } = source.context
    assert.equal(counters.get('EventReceivedCount'), 4)
    assert.equal(counters.get('EventAcceptedCount'), 4)
    assert.equal(counters.get('AppendBatchAcceptedCount'), 3)
  })

  test('patterns, order, deletion, directories below, links, and what is no file', async () => {
    const directory = spool({
      '1.log': '1',
      '2.log': '2',
      '3.txt': '3',
      '4.log': '4',
      'sub/5.log': '5',
      'sub/.not/6.log': '6',
      'old/7.log': '7',
    })
    symlinkSync('.', join(directory, 'sub', 'loop'))
    mkdirSync(join(directory, 'dir.log'))
    const source = await drain(directory, 3, {
      includePattern: /^(?:.*\.log)$/,
      ignorePattern: /^(?:2.*|old)$/,
      consumeOrder: 'youngest',
      deletePolicy: 'immediate',
      recursiveDirectorySearch: true,
    })
    assert.deepEqual(source.bodies, ['5', '4', '1'])
    assert.deepEqual(visible(directory).sort(), ['2.log', '3.txt', 'dir.log', 'old', 'sub'])
  })

  test('with tracker_dir the directory stays as it is, and no file is read twice', async () => {
    const directory = spool({ a: '1', 'sub/b': '2' })
    const more = {
      trackingPolicy: 'tracker_dir',
      trackerDir: join(root, 'marks'),
      recursiveDirectorySearch: true,
    }
    assert.deepEqual((await drain(directory, 2, more)).bodies, ['1', '2'])
    assert.deepEqual(visible(directory).sort(), ['a', 'sub'])
    assert.ok(existsSync(join(root, 'marks', 'sub', 'b.COMPLETED')))
    writeFileSync(join(directory, 'c'), '3')
    assert.deepEqual((await drain(directory, 1, more)).bodies, ['3'])
  })

  test('a file that changed while it was read is set aside, and the others are read', async () => {
    const directory = spool({ a: '1\n2\n', b: '3\n' })
    const source = await run(directory, {}, async ([event]) => {
      if (event!.body.toString() === '1') appendFileSync(join(directory, 'a'), 'more\n')
    })
    await source.until(() => source.events.length === 3)
    await source.context.log.line(/ERROR .*a changed while it was read\. It is set aside at byte 4/)
    assert.match(
      source.context.health()[0]!,
      /^a was set aside and is not read any further \(changed while it was read\)$/,
    )
    await source.settled()
    await source.stop()
    assert.deepEqual(source.bodies, ['1', '2', '3'])
    assert.equal(source.context.counters.get('EventReadFail'), 1)
    // Not after a restart either, until it is another file.
    const again = await run(directory)
    await again.settled()
    assert.equal(again.context.health().length, 1)
    renameSync(join(directory, 'a'), join(directory, 'again'))
    await again.until(() => again.events.length === 3)
    await again.context.log.line(/No file of the spooling directory is set aside any more/)
    await again.stop()
    assert.deepEqual(again.bodies, ['1', '2', 'more'])
  })

  test('a name that was used before is not overwritten; the file is done when the name is free', async () => {
    const directory = spool({ 'a.COMPLETED': 'old', a: '1', b: '2' })
    const source = await run(directory)
    await source.until(() => source.events.length === 2)
    await source.context.log.line(/a was read, but another file of its name was read before/)
    assert.equal(readFileSync(join(directory, 'a.COMPLETED'), 'utf8'), 'old')
    await source.stop()
    const again = await run(directory)
    await again.settled()
    rmSync(join(directory, 'a.COMPLETED'))
    await again.context.log.line(/is set aside any more/)
    await again.stop()
    assert.deepEqual(again.bodies, [])
    assert.deepEqual(visible(directory).sort(), ['a.COMPLETED', 'b.COMPLETED'])
  })

  test('a file that is no text is set aside at its first bad line, and goes on there under another policy', async () => {
    const directory = spool({ a: Buffer.from('good\n\xff\nlast\n', 'latin1'), b: 'other' })
    const source = await run(directory)
    await source.until(() => source.events.length === 2)
    await source.settled()
    await source.stop()
    assert.deepEqual(source.bodies, ['good', 'other'])
    const again = await drain(directory, 2, { decodeErrorPolicy: 'REPLACE' })
    assert.deepEqual(again.bodies, ['\ufffd', 'last'])
    assert.deepEqual(again.context.health(), [])
    assert.deepEqual(visible(directory).sort(), ['a.COMPLETED', 'b.COMPLETED'])
  })

  test(
    'a file without rights is retried, and the others are read',
    { skip: process.getuid?.() === 0 },
    async () => {
      const directory = spool({ a: '1', b: '2' })
      chmodSync(join(directory, 'a'), 0)
      const source = await drain(directory, 1)
      assert.deepEqual(source.bodies, ['2'])
      assert.match(source.context.health()[0]!, /a cannot be opened/)
    },
  )

  test('a position that Flume has left is continued, and one of another file is not', async () => {
    const directory = spool({ a: '1\n2\n3\n', b: '4\n5\n' })
    const tracker = join(directory, '.flumespool')
    mkdirSync(tracker)
    // As Java writes it: no codec named, its own order of the schema's keys, a block for each position.
    const marker = Buffer.alloc(16, 7)
    const schema =
      '{"type":"record","name":"TransferStateFileMeta","namespace":"org.apache.flume.serialization","fields":[{"name":"offset","type":"long"}]}'
    writeFileSync(
      join(tracker, trackerName),
      Buffer.concat([
        containerHead({ file: join(directory, 'a'), 'avro.schema': schema }, marker),
        containerBlock(1, Buffer.from([4]), marker),
        containerBlock(1, Buffer.from([8]), marker),
        Buffer.from([2, 2]),
      ]),
    )
    assert.deepEqual((await drain(directory, 3)).bodies, ['3', '4', '5'])
    const other = spool({ a: '1\n2\n' })
    mkdirSync(join(other, '.flumespool'))
    const noted = { file: join(other, 'a'), identity: 'another', position: 2 }
    await (await Tracker.begin(realSystem, join(other, '.flumespool'), noted)).close()
    assert.equal((await readTracker(realSystem.disk, join(other, '.flumespool')))!.position, 2)
    assert.deepEqual((await drain(other, 2)).bodies, ['1', '2'])
  })

  test('killed at any operation of the disk: nothing is lost, and at most a batch comes twice', async () => {
    const files = { a: '1\n2\n3\n', b: '', c: '4' }
    const all = ['', '1', '2', '3', '4']
    /** Dies after so many operations, and is followed by another life; says how many there were. */
    const live = async (more: Record<string, unknown>, operations: number): Promise<number> => {
      const directory = spool(files)
      const dying = dyingDisk(realSystem.disk, operations)
      const first = await Promise.race([
        run(directory, { ...more, batchSize: 2 }, undefined, dying.disk),
        dying.died.then(() => null),
      ])
      const isDone = first?.until(() => new Set(first.bodies).size === all.length)
      await Promise.race([dying.died, isDone?.then(() => first!.settled())])
      const before = [...(first?.bodies ?? [])]
      const { count } = dying
      if (operations === Infinity) await first!.stop()
      const second = await run(directory, { ...more, batchSize: 2 })
      await second.until(() => new Set([...before, ...second.bodies]).size === all.length)
      await second.settled()
      await second.stop()
      const together = [...before, ...second.bodies]
      assert.deepEqual([...new Set(together)].sort(), all)
      assert.ok(together.length <= all.length + 2, `${operations}: ${together.join()}`)
      assert.deepEqual(second.context.health(), [], `${operations}`)
      return count()
    }
    for (const more of [{}, { deletePolicy: 'immediate' }, { trackingPolicy: 'tracker_dir' }]) {
      const operations = await live(more, Infinity)
      assert.ok(operations > 40)
      await Promise.all(Array.from({ length: operations }, (_, index) => live(more, index)))
    }
  })

  test('objects of an Avro container, packed or not, go on at their block', async () => {
    const schema = JSON.stringify({
      type: 'record',
      name: 'Line',
      namespace: 'x.y',
      doc: 'left out of the fingerprint',
      fields: [
        { name: 'n', type: 'long' },
        { name: 'text', type: ['null', 'string'] },
      ],
    })
    const objectOf = (n: number) => Buffer.concat([Buffer.from([n * 2, 2, 4]), Buffer.from('ab')])
    for (const codec of ['null', 'deflate']) {
      const marker = Buffer.alloc(16, 9)
      const pack = (bytes: Buffer) => (codec === 'null' ? bytes : deflateRawSync(bytes))
      const blockOf = (...numbers: number[]) =>
        containerBlock(numbers.length, pack(Buffer.concat(numbers.map(objectOf))), marker)
      const whole = Buffer.concat([
        containerHead({ 'avro.schema': schema, 'avro.codec': codec }, marker),
        blockOf(1, 2, 3),
        blockOf(),
        blockOf(4, 5),
      ])
      const directory = spool({ a: whole, b: whole.subarray(0, -1), c: 'no container' })
      const more = { deserializer: 'avro', batchSize: 2 }
      const source = await run(directory, more)
      await source.until(() => source.events.length === 8)
      await source.settled()
      await source.stop()
      assert.deepEqual(
        source.events.map(({ body }) => body[0]! / 2),
        [1, 2, 3, 4, 5, 1, 2, 3],
      )
      assert.deepEqual(source.events[0]!.body, objectOf(1))
      assert.match(source.events[0]!.headers.get('flume.avro.schema.hash')!, /^[0-9a-f]{16}$/)
      assert.match(source.context.health()[0]!, /b, and 1 more were set aside/)
      // Killed behind the fourth object: its block is not done.
      const reached = Promise.withResolvers<void>()
      const other = spool({ a: whole })
      const killed = await run(other, { ...more, 'deserializer.schemaType': 'LITERAL' }, async ([event]) => {
        if (event!.body[0] !== 10) return
        reached.resolve()
        await new Promise(() => {})
      })
      await reached.promise
      assert.deepEqual(
        (await drain(other, 2, more)).events.map(({ body }) => body[0]! / 2),
        [4, 5],
      )
      assert.equal(killed.events[0]!.headers.get('flume.avro.schema.literal'), schema)
    }
  })

  test('a file is one body, or several of the longest allowed', async () => {
    const directory = spool({ a: '0123456789', b: '01234567', c: '' })
    const source = await drain(directory, 6, { deserializer: 'blob', 'deserializer.maxBlobLength': 4 })
    assert.deepEqual(source.bodies, ['0123', '4567', '89', '0123', '4567', ''])
  })

  test('a batch that the channel refuses is put again; the position waits for it', async () => {
    const directory = spool({ a: '1\n2\n3\n' })
    let refusals = 1
    const source = await run(directory, { batchSize: 2 }, async () => {
      if (refusals-- > 0) throw new Error('no')
    })
    await source.until(() => source.events.length === 3)
    await source.stop()
    assert.deepEqual(source.bodies, ['1', '2', '3'])
    assert.equal(source.context.counters.get('EventReceivedCount'), 3)
  })
})
