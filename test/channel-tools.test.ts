// millrace channel inspect, verify, export, import and repair, and FCINTEGRITYTOOL, in a process beside the test, on
// real directories: whole ones, damaged ones, ones whose headers are gone, used ones, Flume's.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, test } from 'node:test'
import { saltOf } from '../src/channels/file/tools/salt.ts'
import { fileChannel } from '../src/channels/file.ts'
import type { Channel } from '../src/component.ts'
import { contextFor, optionsFor } from './context.ts'
import { eventsOf, textsOf } from './contracts/channel-events.ts'
import { startDriver } from './tools/tool-driver.ts'

const root = join(import.meta.dirname, '..')
const never = new AbortController().signal
const made: string[] = []
let whole: string

function directory(): string {
  const path = mkdtempSync(join(tmpdir(), 'millrace-tools-'))
  made.push(path)
  return path
}

function channelAt(path: string, more: Record<string, unknown> = {}): Channel {
  const options = optionsFor(fileChannel, {
    checkpointDir: join(path, 'checkpoint'),
    dataDirs: [join(path, 'data')],
    minimumRequiredSpace: 0,
    maxFileSize: 1,
    ...more,
  })
  return fileChannel.create(options, contextFor('CHANNEL', 'c1', fileChannel.counters))
}

const numbers = (from: number, end: number): string[] =>
  Array.from({ length: end - from }, (_, index) => String(from + index))

async function contentOf(path: string, more: Record<string, unknown> = {}): Promise<string[]> {
  const channel = channelAt(path, more)
  await channel.start()
  const found: string[] = []
  while (channel.size > 0) {
    const batch = await channel.take({ events: 1000 }, never)
    found.push(...textsOf(batch))
    await batch!.commit()
  }
  await channel.stop()
  return found
}

const driver = startDriver()
after(() => driver[Symbol.asyncDispose]())

const run = (...words: string[]) => driver.run('millrace', words)

/** Of every file below, but for the lock's socket. */
function fingerprint(path: string): string {
  const hash = createHash('sha256')
  for (const entry of readdirSync(path, { recursive: true, withFileTypes: true }).toSorted((a, b) =>
    join(a.parentPath, a.name) < join(b.parentPath, b.name) ? -1 : 1,
  ))
    if (entry.isFile()) hash.update(entry.name).update(readFileSync(join(entry.parentPath, entry.name)))
  return hash.digest('hex')
}

before(async () => {
  whole = mkdtempSync(join(tmpdir(), 'millrace-tools-'))
  const channel = channelAt(whole)
  await channel.start()
  for (let at = 0; at < 4000; at += 50) await channel.put(eventsOf(at, 50))
  const first = await channel.take({ events: 120 }, never)
  const second = await channel.take({ events: 80 }, never)
  await second!.commit()
  await first!.rollback()
  await channel.stop()
  return () => rmSync(whole, { recursive: true })
})

afterEach(() => {
  for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true })
})

function copy(): string {
  const path = directory()
  cpSync(whole, path, { recursive: true, filter: source => !source.endsWith('.lock') })
  return path
}

const inside = [...numbers(0, 120), ...numbers(200, 4000)]

test('a whole channel: inspected, verified, exported, imported; nothing changes', async () => {
  const path = copy()
  const before = fingerprint(path)
  const told = await run('channel', 'inspect', join(path, 'data'))
  assert.equal(told.code, 0, told.err)
  assert.match(told.out, /events inside: 3920\n/)
  assert.match(told.out, /numbers: next 4000, all below 0 gone\nstopped cleanly\n/)
  assert.match(told.out, /millrace-2\.wal: \d+ transactions, \d+ events from number \d+ on/)
  const json = JSON.parse((await run('channel', 'inspect', '--json', join(path, 'data'))).out) as Record<
    string,
    unknown
  >
  assert.equal(json['inside'], 3920)
  assert.deepEqual(json['gone'], [{ first: 120, end: 200 }])
  const verified = await run('channel', 'verify', path)
  assert.equal(verified.code, 0, verified.err)
  assert.match(verified.out, /^3920 events inside, 0 lost: every byte is as it was written\n$/)
  const tool = await run('tool', 'FCINTEGRITYTOOL', '-l', join(path, 'data'))
  assert.equal(tool.code, 0, tool.err)
  assert.match(
    tool.out,
    /Number of Events in the Channel = 3920\nNumber of Valid Events = 3920\nNumber of Corrupt Events = 0\n/,
  )
  const lines = await run('channel', 'export', path)
  assert.equal(lines.code, 0)
  assert.equal(lines.out.trim().split('\n').length, 3920)
  const file = join(directory(), 'events.jsonl')
  assert.equal((await run('channel', 'export', path, '--to', file)).code, 0)
  assert.equal(readFileSync(file, 'utf8'), lines.out)
  assert.match(
    (await run('channel', 'export', path, '--to', file)).err,
    /events\.jsonl is there already; name a new file/,
  )
  assert.equal(fingerprint(path), before)

  const target = directory()
  const imported = await run('channel', 'import', join(target, 'data'), '--from', file)
  assert.match(imported.out, /^3920 of 3920 events imported behind 0, synced\n$/, imported.err)
  const refused = await run('channel', 'import', join(target, 'data'), '--from', file)
  assert.equal(refused.code, 1)
  assert.match(refused.err, /data is not empty; add --append/)
  assert.match(
    (await run('channel', 'import', join(target, 'data'), '--from', file, '--append')).out,
    /^3920 of 3920 events imported behind 3920, synced\n$/,
  )
  assert.deepEqual(await contentOf(target), [...inside, ...inside])
})

test('a damaged transaction is named by file, bytes and events; repair keeps all others and the old files', async () => {
  const path = copy()
  const file = join(path, 'data', 'millrace-2.wal')
  const bytes = readFileSync(file)
  // The third transaction of the segment.
  let at = 2 * bytes.readUInt32LE(12)
  for (let skip = 0; skip < 2; skip++) at += 56 + bytes.readUInt32LE(at + 12)
  const first = bytes.readUInt32LE(at + 48)
  const end = at + 56 + bytes.readUInt32LE(at + 12)
  bytes[at + 300]! ^= 4
  writeFileSync(file, bytes)
  const before = fingerprint(path)
  const verified = await run('channel', 'verify', join(path, 'data'))
  assert.equal(verified.code, 1)
  assert.ok(
    verified.err.includes(
      `${file}, bytes ${at} to ${end}: no valid entry; events lost: ${first} to ${first + 49}\n`,
    ),
    verified.err,
  )
  assert.match(verified.out, /^3870 events inside, 50 lost: damaged\n/)
  const tool = await run('tool', 'fcintegritytool', '-l', join(path, 'data'))
  assert.equal(tool.code, 1)
  assert.match(
    tool.out,
    /Channel = 3920\nNumber of Valid Events = 3870\nNumber of Corrupt Events = 50\nnothing was changed; "\S*millrace channel repair \S+ --to DIRECTORY"/,
  )
  const target = join(directory(), 'new')
  const repaired = await run('channel', 'repair', path, '--to', target)
  assert.equal(repaired.code, 0, repaired.err)
  assert.match(
    repaired.out,
    /^3870 events are in the new channel, 50 could not be read; the old files are as they were\n/,
  )
  assert.equal(fingerprint(path), before)
  assert.deepEqual(
    await contentOf(target),
    inside.filter(number => Number(number) < first || Number(number) >= first + 50),
  )
  assert.match(
    (await run('channel', 'repair', path, '--to', target)).err,
    /new is not empty; name a new directory/,
  )
})

test('segments whose headers are gone in both copies are read all the same', async () => {
  const path = copy()
  for (const name of readdirSync(join(path, 'data')).filter(one => /^millrace-\d+\.wal$/.test(one))) {
    const file = join(path, 'data', name)
    const bytes = readFileSync(file)
    bytes.fill(0xa5, 0, 2 * bytes.readUInt32LE(12))
    writeFileSync(file, bytes)
  }
  rmSync(join(path, 'checkpoint'), { recursive: true })
  const target = join(directory(), 'new')
  const repaired = await run('channel', 'repair', join(path, 'data'), '--to', target)
  assert.equal(repaired.code, 0, repaired.err)
  assert.match(repaired.err, /millrace-1\.wal: header: it does not begin as a segment does\n/)
  assert.deepEqual(await contentOf(target), inside)
})

test('the salt of a segment follows from one entry', () => {
  const bytes = readFileSync(join(whole, 'data', 'millrace-2.wal'))
  const start = 2 * bytes.readUInt32LE(12)
  assert.equal(saltOf(bytes.subarray(start)), bytes.readUInt32LE(72))
})

test('a channel that is open is left alone, and so is what is no channel', async () => {
  const path = copy()
  const channel = channelAt(path)
  await channel.start()
  for (const words of [['inspect'], ['verify'], ['export'], ['repair', '--to', join(path, 'new')]]) {
    const { code, err } = await run('channel', words[0]!, path, ...words.slice(1))
    assert.equal(code, 1)
    assert.match(
      err,
      new RegExp(`directory ${path}/data is in use by pid ${process.pid}, agent a1, channel c1`),
    )
  }
  await channel.stop()
  assert.ok(!existsSync(join(path, 'new')))
  const empty = directory()
  assert.match(
    (await run('channel', 'verify', empty)).err,
    /there is no file channel in .*neither millrace-<n>\.wal nor Flume's log-<n>/,
  )
  assert.match((await run('channel', 'verify', join(empty, 'x'))).err, /cannot read directory .*x: ENOENT/)
  assert.match(
    (await run('channel', 'mend', empty)).err,
    /write millrace channel inspect\|verify\|export\|import\|repair/,
  )
  assert.match((await run('channel', 'verify')).err, /missing required argument 'directory'/)
  assert.match((await run('tool', 'FCINTEGRITYTOOL')).err, /required option '-l, --dataDirs/)
})

test('what is exported can be imported, whatever its headers hold', async () => {
  const path = directory()
  const letters = join(path, 'events.jsonl')
  writeFileSync(letters, `${JSON.stringify({ headers: { note: 'a\u2028b\u2029c' }, body: 'eA==' })}\n`)
  const imported = await run('channel', 'import', join(path, 'data'), '--from', letters)
  assert.match(imported.out, /^1 of 1 events? imported/, imported.err)
  const { out } = await run('channel', 'export', join(path, 'data'))
  assert.equal(out, readFileSync(letters, 'utf8'))
})

test('an import with a line that is no event puts nothing, and names the line', async () => {
  const path = directory()
  const file = join(path, 'events.jsonl')
  writeFileSync(file, '{"headers":{"a":"b"},"body":"eA=="}\n\n{"headers":{}}\n')
  const { code, err } = await run('channel', 'import', join(path, 'data'), '--from', file)
  assert.equal(code, 1)
  assert.match(err, /events\.jsonl:3: no event: a line is/)
  assert.ok(!existsSync(join(path, 'data')))
})

test("Flume's directories, killed with events inside, are inspected, exported and repaired", async () => {
  const golden = join(root, 'test/golden/flume/one-killed')
  const path = directory()
  cpSync(golden, path, { recursive: true })
  mkdirSync(join(path, 'out'))
  const before = fingerprint(join(path, 'data0'))
  const expected = readFileSync(join(golden, 'delivered.txt'), 'utf8').trim().split('\n').length
  const told = await run('channel', 'inspect', join(path, 'data0'))
  assert.equal(told.code, 0, told.err)
  assert.match(told.out, new RegExp(`Flume's file channel in .*data0\\nevents inside: ${expected}\\n`))
  assert.match(
    (await run('tool', 'FCINTEGRITYTOOL', '-l', join(path, 'data0'))).out,
    new RegExp(`Valid Events = ${expected}\\n`),
  )
  const target = join(path, 'out', 'new')
  assert.equal((await run('channel', 'repair', join(path, 'data0'), '--to', target)).code, 0)
  assert.equal(fingerprint(join(path, 'data0')), before)
  assert.match((await run('channel', 'verify', target)).out, new RegExp(`^${expected} events inside, 0 lost`))
})

test('an encrypted channel: verified without its keys, exported, imported and repaired with those of a configuration', async () => {
  const home = directory()
  const at = (name: string): string => join(home, name)
  cpSync(join(import.meta.dirname, 'golden/jceks/quick.jceks'), at('aes.jceks'))
  writeFileSync(at('password'), 'store-password', { mode: 0o600 })
  const encryption = {
    activeKey: 'key-128',
    cipherProvider: 'AESGCMNOPADDING',
    keyProvider: 'JCEKSFILE',
    'keyProvider.keyStoreFile': at('aes.jceks'),
    'keyProvider.keyStorePasswordFile': at('password'),
    'keyProvider.keys': 'key-128',
  }
  const channel = channelAt(home, { encryption })
  await channel.start()
  for (let number = 0; number < 1000; number += 50) await channel.put(eventsOf(number, 50))
  await channel.stop()
  const lines = [
    'a1.sources = r1\na1.channels = c1\na1.sinks = k1',
    'a1.sources.r1.type = seq\na1.sources.r1.channels = c1\na1.sinks.k1.type = null\na1.sinks.k1.channel = c1',
    `a1.channels.c1.type = file\na1.channels.c1.dataDirs = ${at('data')}`,
    ...Object.entries(encryption).map(([key, value]) => `a1.channels.c1.encryption.${key} = ${value}`),
  ]
  writeFileSync(at('a1.conf'), lines.join('\n'))
  const keys = ['--conf-file', at('a1.conf'), '--name', 'a1', '--channel', 'c1']
  const data = at('data')
  const before = fingerprint(data)

  const verified = await run('channel', 'verify', data)
  assert.equal(verified.code, 0, verified.err)
  assert.match(verified.out, /encrypted with the key "key-128".*verified, and nothing was decrypted/)
  assert.match(verified.out, /1000 events inside, 0 lost/)
  assert.match((await run('channel', 'inspect', data)).out, /encrypted with the key "key-128"/)
  for (const words of [
    ['export', data],
    ['repair', data, '--to', at('new')],
  ]) {
    const refused = await run('channel', ...words)
    assert.notEqual(refused.code, 0)
    assert.match(refused.err, /millrace-1\.wal is encrypted with the key "key-128": add --conf-file FILE/)
  }
  // A key that is not in the store: nothing is begun.
  cpSync(join(import.meta.dirname, 'golden/jceks/few-rounds.jceks'), at('other.jceks'))
  writeFileSync(at('missing.conf'), lines.join('\n').replace(at('aes.jceks'), at('other.jceks')))
  const other = ['--conf-file', at('missing.conf'), '--name', 'a1', '--channel', 'c1']
  for (const words of [
    ['export', data, '--to', at('events')],
    ['repair', data, '--to', at('new')],
    ['verify', data],
  ]) {
    const refused = await run('channel', ...words, ...other)
    assert.notEqual(refused.code, 0)
    assert.match(refused.err, /encrypted with the key "key-128", which is not available/)
  }
  assert.ok(!existsSync(at('new')))
  assert.ok(!existsSync(at('events')))
  const tool = await run('tool', 'FCINTEGRITYTOOL', '-l', data)
  assert.equal(tool.code, 0, tool.err)
  assert.match(tool.out, /nothing was decrypted/)
  const exported = await run('channel', 'export', data, '--to', at('events'), ...keys)
  assert.equal(exported.code, 0, exported.err)
  const bodies = readFileSync(at('events'), 'utf8')
    .trimEnd()
    .split('\n')
    .map(line => Buffer.from((JSON.parse(line) as { body: string }).body, 'base64').toString())
  assert.deepEqual(bodies, numbers(0, 1000))
  assert.match((await run('channel', 'verify', data, ...keys)).out, /1000 events inside, 0 lost: every byte/)

  const plain = await run(
    'channel',
    'import',
    data,
    '--append',
    '--from',
    at('events'),
    '--checkpoint',
    at('checkpoint'),
  )
  assert.notEqual(plain.code, 0)
  assert.match(plain.err, /is encrypted with the key "key-128", and what is imported would be plain text/)
  assert.equal(fingerprint(data), before)
  const imported = await run('channel', 'import', at('imported/data'), '--from', at('events'), ...keys)
  assert.equal(imported.code, 0, imported.err)
  const repaired = await run('channel', 'repair', data, '--to', at('new'), ...keys)
  assert.equal(repaired.code, 0, repaired.err)
  assert.equal(fingerprint(data), before)
  // Both copies of a header gone: what is needed to decrypt its events stands in the checkpoint, too.
  cpSync(at('data'), at('damaged/data'), { recursive: true })
  cpSync(at('checkpoint'), at('damaged/checkpoint'), { recursive: true })
  const first = at('damaged/data/millrace-1.wal')
  writeFileSync(first, readFileSync(first).fill(0, 0, 8192))
  const rescued = await run('channel', 'repair', at('damaged/data'), '--to', at('rescued'), ...keys)
  assert.match(rescued.out, /1000 events are in the new channel, 0 could not be read/)
  rmSync(at('damaged/checkpoint'), { recursive: true })
  const without = await run('channel', 'repair', at('damaged/data'), '--to', at('without'), ...keys)
  assert.match(without.err, /millrace-1\.wal.*its header or the checkpoint must be whole/)

  for (const copy of ['imported', 'new', 'rescued']) {
    const verifiedCopy = await run('channel', 'verify', at(`${copy}/data`))
    assert.match(verifiedCopy.out, /is encrypted with the key "key-128"/)
    assert.deepEqual(await contentOf(at(copy), { encryption }), numbers(0, 1000))
  }

  for (const [words, pattern] of [
    [['--conf-file', at('a1.conf')], /belong together/],
    [[...keys.slice(0, 5), 'c2'], /agent a1 has no channel c2; it has c1/],
    [['--conf-file', at('a1.conf'), '--name', 'a2', '--channel', 'c1'], /a2/],
  ] as const) {
    const wrong = await run('channel', 'export', data, ...words)
    assert.notEqual(wrong.code, 0)
    assert.match(wrong.err, pattern)
  }
})

test('an agent whose data directory is gone exits with 2, until the loss is accepted by the command that it names', async () => {
  const path = copy()
  const [data, other] = [join(path, 'data'), join(path, 'new disk')]
  rmSync(data, { recursive: true })
  const file = join(path, 'a.properties')
  writeFileSync(
    file,
    `a1.channels = c1
a1.sinks = k1
a1.channels.c1.type = file
a1.channels.c1.checkpointDir = ${join(path, 'checkpoint')}
a1.channels.c1.dataDirs = ${other}
a1.sinks.k1.type = null
a1.sinks.k1.channel = c1
`,
  )
  const before = fingerprint(path)
  const agent = spawnSync(
    process.execPath,
    [join(root, 'src/cli/main.ts'), 'flume-ng', 'agent', '-n', 'a1', '-f', file],
    { encoding: 'utf8', timeout: 120_000 },
  )
  assert.equal(agent.status, 2, agent.stderr)
  assert.match(
    agent.stderr,
    /a\.properties:1: error: channel c1 cannot start: 3920 undelivered events are missing: \S+\/data, which held 3920/,
  )
  assert.equal(fingerprint(path), before)
  assert.equal(existsSync(other), false)
  const [, command] = /"\S*millrace (channel repair --accept-loss .*'.*')" gives/.exec(agent.stderr)!
  const shell = spawnSync(
    'sh',
    ['-c', `"$0" "$1" millrace ${command}`, process.execPath, join(root, 'src/cli/main.ts')],
    {
      encoding: 'utf8',
    },
  )
  assert.equal(shell.status, 0, shell.stderr)
  assert.match(shell.stderr, /^channel \/.*: 3920 undelivered events are missing.*The loss is accepted/)
  assert.equal(shell.stdout, 'the channel opens with 0 events; what was missing counts as lost\n')
  assert.deepEqual(await contentOf(path, { dataDirs: [other] }), [])
})

test('no channel is made of a typing error in --accept-loss', async () => {
  const path = directory()
  const told = await run(
    'channel',
    'repair',
    '--accept-loss',
    '--checkpoint',
    join(path, 'c'),
    join(path, 'd'),
  )
  assert.equal(told.code, 1)
  assert.match(told.err, /cannot read directory \S+\/d/)
  mkdirSync(join(path, 'd'))
  assert.match(
    (await run('channel', 'repair', '--accept-loss', join(path, 'd'))).err,
    /there is no file channel in/,
  )
  assert.deepEqual(readdirSync(path, { recursive: true }), ['d'])
})

test('a directory that is missing is told by inspect, verify, export and repair', async () => {
  const path = directory()
  const dataDirs = ['d1', 'd2'].map(name => join(path, name))
  const channel = channelAt(path, { dataDirs })
  await channel.start()
  for (let at = 0; at < 9000; at += 100) await channel.put(eventsOf(at, 100))
  await channel.stop()
  assert.equal((await run('channel', 'verify', ...dataDirs)).code, 0)
  // The newest segment is the one that nothing else speaks of.
  const newest = readdirSync(path, { recursive: true, encoding: 'utf8' })
    .flatMap(name => /millrace-(\d+)\.wal$/.exec(name)?.[1] ?? [])
    .reduce((most, id) => Math.max(most, Number(id)), 0)
  const lost = dataDirs.find(one => existsSync(join(one, `millrace-${newest}.wal`)))!
  const [kept] = dataDirs.filter(one => one !== lost)
  rmSync(lost, { recursive: true })
  const missing = new RegExp(`^${lost}: a data directory of this channel that is not there`, 'm')
  for (const words of [['verify'], ['export', '--to', join(path, 'x')], ['inspect']]) {
    const told = await run('channel', ...words, kept!)
    assert.match(told.err, missing)
    assert.match(told.err, /events lost: .*to 8999/)
    assert.equal(told.code, words[0] === 'inspect' ? 0 : 1)
  }
  rmSync(join(path, 'checkpoint'), { recursive: true })
  assert.match((await run('channel', 'repair', kept!, '--to', join(path, 'new'))).err, missing)
})
