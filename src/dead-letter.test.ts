import assert from 'node:assert/strict'
import { appendFileSync, chmodSync, mkdirSync, readFileSync, renameSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { pathOf } from './component.ts'
import { DeadLetterFile, readDeadLetter } from './dead-letter.ts'
import { Fault } from './errors.ts'
import { Event } from './event.ts'
import { realClock } from './system/clock.ts'
import { realDisk, type Disk } from './system/disk.ts'

async function fileIn(t: TestContext, disk: Disk = realDisk) {
  const directory = await mkdtemp(join(tmpdir(), 'dead-letter-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  const path = join(directory, 'new', 'dead.jsonl')
  const make = () => new DeadLetterFile({ path, agent: 'a1', component: 'k1', disk, clock: realClock })
  const letters = (from = path) =>
    readFileSync(from, 'utf8')
      .split('\n')
      .flatMap(line => {
        try {
          return [JSON.parse(line) as Record<string, unknown>]
        } catch {
          return []
        }
      })
  return { directory, path, make, letters }
}

const reason = new Fault('UNDELIVERABLE', 'too "large"\nby far')
const eventOf = (body: string | Buffer, headers = {}) => Event.of(headers, body)

test('keeps an event with its headers, any bytes, and the reason, one line each', async t => {
  const { make, letters, path } = await fileIn(t)
  const bytes = Buffer.from([0, 10, 255, 13])
  const file = make()
  const before = Date.now()
  await Promise.all([
    file.keep([eventOf(bytes, { topic: 't', 'é"\n': 'ü' }), eventOf('')], reason),
    file.keep([eventOf('x')], reason),
  ])
  const [first, second, third] = letters()
  assert.deepEqual(Object.keys(first!), ['time', 'agent', 'component', 'code', 'reason', 'headers', 'body'])
  assert.ok(Date.parse(String(first!['time'])) >= before - 1)
  assert.deepEqual(
    { ...first, time: '' },
    {
      time: '',
      agent: 'a1',
      component: 'k1',
      code: 'UNDELIVERABLE',
      // Control characters are escaped in every message.
      reason: 'too "large"\\nby far',
      headers: { topic: 't', 'é"\n': 'ü' },
      body: bytes.toString('base64'),
    },
  )
  assert.equal(second!['body'], '')
  assert.equal(third!['body'], 'eA==')
  assert.equal(readFileSync(path, 'utf8').split('\n').length, 4)
})

test('goes on behind what is there, also behind half a line', async t => {
  const { make, letters, path } = await fileIn(t)
  await make().keep([eventOf('a')], reason)
  appendFileSync(path, '{"time":"2026-01')
  await make().keep([eventOf('b')], reason)
  assert.deepEqual(
    letters().map(one => Buffer.from(String(one['body']), 'base64').toString()),
    ['a', 'b'],
  )
  assert.equal(readFileSync(path, 'utf8').split('\n').length, 4)
})

test('makes the file anew when it was moved away', async t => {
  const { make, letters, path } = await fileIn(t)
  const file = make()
  await file.keep([eventOf('a')], reason)
  renameSync(path, `${path}.1`)
  await file.keep([eventOf('b')], reason)
  assert.equal(letters(`${path}.1`).length, 1)
  assert.equal(letters().length, 1)
})

test('two writers of one file do not write over one another', async t => {
  const { make, letters } = await fileIn(t)
  const [one, other] = [make(), make()]
  await one.keep([eventOf('first')], reason)
  await Promise.all(
    Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? one : other).keep([eventOf('x')], reason)),
  )
  assert.equal(letters().length, 21)
})

test('says which file cannot be written; what was written before a failed sync does not count', async t => {
  const isRoot = process.getuid?.() === 0
  const { make, directory } = await fileIn(t)
  if (!isRoot) {
    chmodSync(directory, 0o500)
    await assert.rejects(make().keep([eventOf('a')], reason), { code: 'DISK', message: /new\/dead\.jsonl/ })
    chmodSync(directory, 0o700)
  }
  mkdirSync(join(directory, 'new', 'dead.jsonl'), { recursive: true })
  await assert.rejects(make().keep([eventOf('a')], reason), { code: 'DISK', message: /new\/dead\.jsonl/ })
  const failing = await fileIn(t, {
    ...realDisk,
    async open(path, mode) {
      const file = await realDisk.open(path, mode)
      const full = () => Promise.reject(Object.assign(new Error('no space'), { code: 'ENOSPC' }))
      return {
        path,
        size: () => file.size(),
        read: (target, position) => file.read(target, position),
        write: (bytes, position) => file.write(bytes, position),
        writeAll: full,
        truncate: full,
        sync: full,
        close: () => file.close(),
      }
    },
  })
  await assert.rejects(failing.make().keep([eventOf('a')], reason), { code: 'DISK_FULL' })
})

test('what it has written can be read back; a line that holds no event is known', async t => {
  const { make, path } = await fileIn(t)
  const headers = { topic: 't', __proto__x: '1', 'line\u2028break': '\u2029', 7: 'seven' }
  await make().keep([eventOf(Buffer.from([0, 255]), headers)], new Fault('UNDELIVERABLE', 'a\u2028b'))
  const text = readFileSync(path, 'utf8')
  assert.doesNotMatch(text, /[\u2028\u2029]/)
  const event = readDeadLetter(text)!
  assert.deepEqual(Object.fromEntries(event.headers), headers)
  assert.deepEqual(event.body, Buffer.from([0, 255]))
  for (const line of ['', '{"headers":{},"bo', '{}', 'null', '7', '{"headers":{"a":1},"body":""}'])
    assert.equal(readDeadLetter(line), null)
})

test('knows the home directory', () => {
  assert.equal(pathOf('~/dead.jsonl', '/home/u'), '/home/u/dead.jsonl')
  assert.equal(pathOf(' /var/dead.jsonl ', '/home/u'), '/var/dead.jsonl')
})

test('an event of more headers than anybody looks at is kept as it is', async t => {
  const { make, path } = await fileIn(t)
  const wide = Event.of(
    new Map(Array.from({ length: 10_001 }, (_, index) => [`h${index}`, ''])),
    'body',
  ).encoded
  await make().keep([Event.fromEncoded(wide)], new Fault('UNDELIVERABLE', 'too wide'))
  assert.deepEqual(readDeadLetter(readFileSync(path, 'utf8'))!.encoded, wide)
})
