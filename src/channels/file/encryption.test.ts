// Encrypted file channels on real files with keys out of a real key store (test/golden/jceks, made by keytool):
// nothing of the events can be read in the files, everything comes back, and whoever misses a key is told which.
import assert from 'node:assert/strict'
import { createDecipheriv, hkdfSync } from 'node:crypto'
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { crc32 } from 'node:zlib'
import { contextFor, optionsFor, type TestContext } from '../../../test/context.ts'
import { eventsOf, rejectsWith, textsOf } from '../../../test/contracts/channel-events.ts'
import type { Channel } from '../../component.ts'
import { Event } from '../../event.ts'
import { fileChannel } from '../file.ts'
import type { EncryptionKeys } from './encryption-keys.ts'
import { FileChannel } from './file-channel.ts'

const golden = (name: string): string => join(import.meta.dirname, '../../../test/golden/jceks', name)
const keys = new Map([
  ['key-128', Buffer.from('af2c647d1bb3141951c66c386dd03f9c', 'hex')],
  ['key-256', Buffer.from('35dbd38157f617c53b11dfa5fa2a34af6a8c7c9fd7d29d6b04fa3a969c9b1153', 'hex')],
])
const never = new AbortController().signal
const secret = 'nobody-may-read-this-'

let home: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'millrace-encryption-'))
  copyFileSync(golden('quick.jceks'), join(home, 'aes.jceks'))
  writeFileSync(join(home, 'store'), 'store-password', { mode: 0o600 })
  writeFileSync(join(home, 'own'), 'key-password', { mode: 0o600 })
})
afterEach(() => rmSync(home, { recursive: true }))

type Given = Partial<Omit<EncryptionKeys, 'key'>> & { readonly aliases?: readonly string[] }

/** With the keys at hand; null for none. Fetching them from a store takes a second, each time. */
function channelWith(given: Given | null = {}): { channel: Channel; context: TestContext } {
  const context = contextFor('CHANNEL', 'c1', fileChannel.counters)
  const { aliases = [...keys.keys()], ...more } = given ?? {}
  const encryption: EncryptionKeys = {
    activeAlias: 'key-128',
    cipher: 'ctr',
    key: alias =>
      aliases.includes(alias) ? Promise.resolve(keys.get(alias)!) : Promise.reject(new Error(`no ${alias}`)),
    ...more,
  }
  const settings = {
    checkpointDirectory: join(home, 'checkpoint'),
    dataDirectories: [join(home, 'data')],
    capacity: 10_000,
    transactionCapacity: 1000,
    keepAliveMs: 0,
    segmentBytes: 64 * 1024,
    floorBytes: 0,
    syncEachGroup: true,
    syncIntervalMs: 1000,
    checkpointIntervalMs: 30_000,
    checkpointOnClose: true,
    encryption: given === null ? null : encryption,
  }
  return { channel: new FileChannel(settings, context), context }
}

/** As an agent makes it. */
function configuredChannel(cipherProvider: string): Channel {
  const encryption = {
    activeKey: 'key-256',
    cipherProvider,
    keyProvider: 'JCEKSFILE',
    'keyProvider.keyStoreFile': join(home, 'aes.jceks'),
    'keyProvider.keyStorePasswordFile': join(home, 'store'),
    'keyProvider.keys': 'key-128 key-256',
    'keyProvider.keys.key-256.passwordFile': join(home, 'own'),
  }
  const options = optionsFor(fileChannel, {
    checkpointDir: join(home, 'checkpoint'),
    dataDirs: [join(home, 'data')],
    minimumRequiredSpace: 0,
    maxFileSize: 1,
    encryption,
  })
  return fileChannel.create(options, contextFor('CHANNEL', 'c1', fileChannel.counters))
}

async function put(given: Given | null, from: number, count: number): Promise<void> {
  const { channel } = channelWith(given)
  await channel.start()
  for (let at = from; at < from + count; at += 20)
    await channel.put(eventsOf(at, Math.min(20, from + count - at)))
  await channel.stop()
}

async function takeAll(given: Given | null): Promise<string[]> {
  const { channel } = channelWith(given)
  await channel.start()
  const found: string[] = []
  while (channel.size > 0) {
    const batch = await channel.take({ events: 100 }, never)
    found.push(...textsOf(batch))
    await batch!.commit()
  }
  await channel.stop()
  return found
}

const numbers = (count: number): string[] => Array.from({ length: count }, (_, index) => String(index))
const filesIn = (directory: string): string[] => readdirSync(directory).map(name => join(directory, name))
const segments = (): string[] => filesIn(join(home, 'data')).filter(path => /millrace-\d+\.wal$/.test(path))
const gcm = { cipher: 'gcm' } as const

for (const cipherProvider of ['AESCTRNOPADDING', 'AESGCMNOPADDING'])
  test(`${cipherProvider}: nothing of an event can be read in any file, and all come back in order`, async () => {
    const channel = configuredChannel(cipherProvider)
    await channel.start()
    for (let at = 0; at < 500; at++)
      await channel.put([Event.of({ [`${secret}header`]: `${secret}${at}` }, `${secret}${at}`.repeat(20))])
    await channel.stop()
    assert.ok(segments().length > 3)
    for (const path of [...filesIn(join(home, 'data')), ...filesIn(join(home, 'checkpoint'))])
      assert.equal(readFileSync(path).indexOf('may-read'), -1, path)
    const again = configuredChannel(cipherProvider)
    await again.start()
    for (let at = 0; at < 500; at++) {
      const batch = await again.take({ events: 1 }, never)
      assert.equal(batch!.events[0]!.headers.get(`${secret}header`), `${secret}${at}`)
      assert.equal(batch!.events[0]!.body.toString(), `${secret}${at}`.repeat(20))
      await batch!.commit()
    }
    await again.stop()
  })

test('without encryption the same look finds them', async () => {
  const { channel } = channelWith(null)
  await channel.start()
  await channel.put([Event.of({}, `${secret}0`)])
  await channel.stop()
  assert.ok(segments().some(path => readFileSync(path).includes('may-read')))
})

test('the segment is what the format says: readable with nothing but the key', async () => {
  await put({}, 0, 20)
  const [path] = segments()
  const bytes = readFileSync(path!)
  assert.equal(bytes.readUInt32LE(8), 3)
  const at = 80 + 16 * bytes.readUInt32LE(76)
  assert.equal(bytes.readUInt32LE(at), 1)
  const aliasBytes = bytes.readUInt32LE(at + 4)
  assert.equal(bytes.toString('utf8', at + 40, at + 40 + aliasBytes), 'key-128')
  const info = Buffer.concat([
    Buffer.from('millrace-segment'),
    bytes.subarray(24, 40),
    bytes.subarray(16, 24),
  ])
  const derived = Buffer.from(
    hkdfSync('sha256', keys.get('key-128')!, bytes.subarray(at + 8, at + 24), info, 32),
  )
  assert.deepEqual(derived.subarray(16), bytes.subarray(at + 24, at + 40))
  const position = 2 * bytes.readUInt32LE(12)
  const sealed = bytes.subarray(position + 56, position + 56 + bytes.readUInt32LE(position + 12))
  assert.equal(crc32(sealed), bytes.readUInt32LE(position + 16))
  const counter = Buffer.alloc(16)
  counter.writeBigUInt64BE(BigInt(position))
  const plain = createDecipheriv('aes-128-ctr', derived.subarray(0, 16), counter).update(sealed)
  const first = plain.subarray(4 * 20, 4 * 20 + plain.readUInt32LE(0))
  assert.equal(Event.fromEncoded(first).body.toString(), '0')
})

test('another key and cipher, and none, between starts: what was written before is still read', async () => {
  await put({}, 0, 100)
  await put({ activeAlias: 'key-256', ...gcm }, 100, 100)
  await put({ activeAlias: 'key-256' }, 200, 100)
  await put(gcm, 300, 100)
  assert.deepEqual(await takeAll({}), numbers(400))
  // All are delivered: no key is needed for them any more.
  await put(null, 0, 100)
  await put({}, 100, 100)
  assert.deepEqual(await takeAll({}), numbers(200))
})

test('events that stand there as plain text are warned of, by file, until they are delivered', async () => {
  await put(null, 0, 20)
  const warned = async (): Promise<string | undefined> => {
    const { channel, context } = channelWith({})
    await channel.start()
    await channel.stop()
    return context.log.lines.find(line => line.includes('is to be encrypted'))
  }
  assert.match((await warned())!, /^WARN .*millrace-1\.wal is not: the events in it can be read there/)
  assert.deepEqual(await takeAll({}), numbers(20))
  assert.equal(await warned(), undefined)
})

test('a channel that was stopped after all was delivered opens without the old key', async () => {
  await put({}, 0, 100)
  assert.deepEqual(await takeAll({}), numbers(100))
  const without = { activeAlias: 'key-256', aliases: ['key-256'] }
  await put(without, 0, 20)
  assert.deepEqual(await takeAll(without), numbers(20))
})

test('every segment has random bytes of its own, and the same events have other bytes in each', async () => {
  // Each start begins a segment, and puts the same.
  for (const _ of [1, 2]) {
    await put({}, 0, 20)
    assert.deepEqual(await takeAll({}), numbers(20))
  }
  const fields = filesIn(join(home, 'data'))
    .map(path => readFileSync(path))
    .filter(bytes => bytes.length > 0 && bytes.readUInt32LE(8) === 3)
    .map(bytes => bytes.toString('hex', 80 + 8, 80 + 24))
  assert.ok(fields.length > 1)
  assert.equal(new Set(fields).size, fields.length)
})

test('what is missing is said with the segment and the key, and nothing is changed', async () => {
  await put({}, 0, 100)
  const before = segments().map(path => readFileSync(path))
  const refused = async (pattern: RegExp, channel: Channel): Promise<void> => {
    await rejectsWith('KEY_STORE', channel.start(), pattern)
    await channel.stop()
  }
  const where = 'millrace-1\\.wal is encrypted with the key "key-128"'
  await refused(new RegExp(`${where}.*encryption\\.`), channelWith(null).channel)
  const other = { activeAlias: 'key-256', aliases: ['key-256'] }
  await refused(new RegExp(`${where}, which is not available: no key-128`), channelWith(other).channel)
  rmSync(join(home, 'aes.jceks'))
  await refused(/aes\.jceks: it does not exist/, configuredChannel('AESCTRNOPADDING'))
  copyFileSync(golden('mixed.jceks'), join(home, 'aes.jceks'))
  await refused(/key-256/, configuredChannel('AESCTRNOPADDING'))
  copyFileSync(golden('quick.jceks'), join(home, 'aes.jceks'))
  writeFileSync(join(home, 'store'), 'another', { mode: 0o600 })
  await refused(/aes\.jceks/, configuredChannel('AESCTRNOPADDING'))
  // A start that came as far as a new segment would have added one.
  assert.deepEqual(
    segments().map(path => readFileSync(path)),
    before,
  )
  assert.deepEqual(await takeAll({}), numbers(100))
})

test('the key of that name but another one: refused, since it would give other events', async () => {
  await put({}, 0, 100)
  // The alias stands in the header; the other key gets its name there.
  for (const path of segments()) {
    const bytes = readFileSync(path)
    const at = 80 + 16 * bytes.readUInt32LE(76)
    const size = bytes.readUInt32LE(12)
    bytes.write('key-256', at + 40)
    bytes.writeUInt32LE(crc32(bytes.subarray(8, size)), 4)
    bytes.copy(bytes, size, 0, size)
    writeFileSync(path, bytes)
  }
  rmSync(join(home, 'checkpoint', 'millrace.checkpoint'))
  const { channel } = channelWith({})
  await rejectsWith('KEY_STORE', channel.start(), /the key of that name in the key store is another one/)
  await channel.stop()
})

for (const cipher of ['ctr', 'gcm'] as const)
  test(`${cipher}: a flipped bit is found, named, and costs its transaction alone`, async () => {
    await put({ cipher }, 0, 100)
    const [path] = segments()
    const bytes = readFileSync(path!)
    bytes[8192 + 200]! ^= 4
    writeFileSync(path!, bytes)
    const { channel, context } = channelWith({ cipher })
    await channel.start()
    const batch = await channel.take({ events: 100 }, never)
    assert.deepEqual(textsOf(batch), numbers(100).slice(20))
    await batch!.rollback()
    await channel.stop()
    assert.match(context.log.lines.join('\n'), /20 events \(numbers 0 to 19\) are lost.*millrace-1\.wal/)
  })

for (const [what, at] of [
  ['events', 56 + 150],
  ['the number of the first event', 48],
] as const)
  test(`gcm notices when ${what} and the checksums were changed`, async () => {
    await put(gcm, 0, 100)
    const [path] = segments()
    const bytes = readFileSync(path!)
    const start = 2 * bytes.readUInt32LE(12)
    const second = start + 56 + bytes.readUInt32LE(start + 12)
    bytes[second + at]! ^= 64
    const end = second + 56 + bytes.readUInt32LE(second + 12)
    bytes.writeUInt32LE(crc32(bytes.subarray(second + 56, end)), second + 16)
    bytes.writeUInt32LE(crc32(bytes.subarray(second + 8, second + 56), bytes.readUInt32LE(72)), second + 4)
    writeFileSync(path!, bytes)
    const { channel, context } = channelWith(gcm)
    await channel.start()
    const found: string[] = []
    while (channel.size > 0) {
      const batch = await channel.take({ events: 100 }, never)
      found.push(...textsOf(batch))
      await batch!.commit()
    }
    await channel.stop()
    assert.deepEqual(
      found,
      numbers(100).filter(text => Number(text) < 20 || Number(text) >= 40),
    )
    assert.match(context.log.lines.join('\n'), /20 events \(numbers 20 to 39\) are lost/)
  })
