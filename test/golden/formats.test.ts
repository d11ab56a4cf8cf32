// Every on-disk format that Millrace has written: directories that agents and brokers of their time left, recorded once and
// kept as bytes (gzip of JSON: path to base64), are opened by this version, and by its tools. Formats from the future are
// refused in a sentence, and left as they are. docs/formats/README.md has the policy.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, describe, test } from 'node:test'
import { crc32, gunzipSync } from 'node:zlib'
import { readContent } from '../../src/cli/channel-content.ts'
import { findChannel } from '../../src/cli/channel-directories.ts'
import { fileChannel } from '../../src/channels/file.ts'
import type { Channel } from '../../src/component.ts'
import { explanationOf } from '../../src/errors.ts'
import { realSystem } from '../../src/system/system.ts'
import { startBroker } from '../broker/running-broker.ts'
import { cleanUp, Home } from '../channel-home.ts'
import { contextFor, optionsFor } from '../context.ts'
import { read, root } from '../source-text.ts'

after(cleanUp)
const folder = join(root, 'test/golden/formats')
const recordings = readdirSync(folder).map(name => name.replace(/\.gz$/, ''))
const channels = recordings.filter(name => name.startsWith('channel-'))
const hashOf = (value: unknown) => createHash('sha256').update(JSON.stringify(value)).digest('hex')
const never = new AbortController().signal
const all = Array.from({ length: 40 }, (_, index) => String(index))

async function restored(name: string): Promise<Home> {
  const home = await Home.make()
  const files = JSON.parse(gunzipSync(readFileSync(join(folder, `${name}.gz`))).toString()) as Record<
    string,
    string
  >
  for (const [path, bytes] of Object.entries(files)) {
    mkdirSync(dirname(home.at(path)), { recursive: true })
    writeFileSync(home.at(path), Buffer.from(bytes, 'base64'))
  }
  mkdirSync(home.at('checkpoint'), { recursive: true })
  return home
}

function channelIn(home: Home): Channel {
  cpSync(join(root, 'test/golden/jceks/quick.jceks'), home.at('keys'))
  writeFileSync(home.at('password'), 'store-password', { mode: 0o600 })
  const encryption = {
    activeKey: 'key-128',
    cipherProvider: 'AESGCMNOPADDING',
    keyProvider: 'JCEKSFILE',
    'keyProvider.keyStoreFile': home.at('keys'),
    'keyProvider.keyStorePasswordFile': home.at('password'),
    'keyProvider.keys': 'key-128',
  }
  const options = optionsFor(fileChannel, {
    checkpointDir: home.at('checkpoint'),
    dataDirs: [home.at('data')],
    minimumRequiredSpace: 0,
    maxFileSize: 1,
    encryption,
  })
  return fileChannel.create(options, contextFor('CHANNEL', 'c1', fileChannel.counters))
}

async function emptied(home: Home): Promise<string[]> {
  const channel = channelIn(home)
  await channel.start()
  const found: string[] = []
  while (channel.size > 0) {
    const batch = await channel.take({ events: 100 }, never)
    found.push(...batch!.events.map(({ body }) => String(body)))
    await batch!.commit()
  }
  await channel.stop()
  return found
}

test('each version of the format is among the recordings', () => {
  // Of each, what a clean stop leaves and what a kill leaves; the page names each recording.
  assert.deepEqual(
    recordings.toSorted(),
    [
      'broker-journal-1',
      ...['v1', 'v2', 'v2-before-marks', 'v2-marks', 'v3'].flatMap(version => [
        `channel-${version}-killed`,
        `channel-${version}-stopped`,
      ]),
    ].toSorted(),
  )
  const page = read('docs/formats/README.md')
  for (const name of recordings) assert.ok(page.includes(`\`${name.replace(/-(killed|stopped)$/, '')}`), name)
})

describe('a file channel of an older version', { concurrency: true }, () => {
  for (const name of channels)
    test(`${name}: read by the tools, opened, emptied once, and opened again`, async () => {
      const home = await restored(name)
      const content = await readContent(
        realSystem.disk,
        await findChannel(realSystem.disk, [home.at('data')], undefined),
        null,
      )
      assert.deepEqual([content.inside, content.lost, content.damage], [40, 0, []])
      assert.deepEqual(await emptied(home), all)
      assert.deepEqual(await emptied(home), [])
    })
})

test('a broker directory whose journal is of version 1 keeps topics, records and positions', async () => {
  const home = await restored('broker-journal-1')
  for (let start = 0; start < 2; start++) {
    const running = await startBroker(home.path, { 'log.dirs': home.at('data') })
    const kafka = running.kafkajs()
    const admin = kafka.admin()
    const consumer = kafka.consumer({ groupId: `reader-${start}` })
    try {
      await admin.connect()
      const [position] = await admin.fetchOffsets({ groupId: 'g', topics: ['t'] })
      assert.equal(position!.partitions[0]!.offset, '7')
      await consumer.connect()
      await consumer.subscribe({ topic: 't', fromBeginning: true })
      const found: string[] = []
      const { promise, resolve } = Promise.withResolvers<void>()
      await consumer.run({
        async eachMessage({ message }) {
          if (found.push(String(message.value)) === 20) resolve()
        },
      })
      await promise
      assert.deepEqual(
        found,
        Array.from({ length: 20 }, (_, index) => `event ${index + 1}`),
      )
    } finally {
      await consumer.disconnect()
      await admin.disconnect()
      await running.stop()
    }
  }
})

test('a journal of a broker from the future is refused in a sentence', async () => {
  const home = await restored('broker-journal-1')
  const path = home.at('data/broker.journal')
  const later = Buffer.alloc(20)
  later.write('MRJRNL3\n')
  later.writeUInt32LE(20, 8)
  later.writeUInt32LE(crc32(later.subarray(0, 16)), 16)
  writeFileSync(path, later)
  await assert.rejects(startBroker(home.path, { 'log.dirs': home.at('data') }), {
    code: 'FOREIGN_FILES',
    message: /broker\.journal has format 3.* up to 2/,
  })
  assert.deepEqual(readFileSync(path), later)
})

test('a format from the future is refused in a sentence, and nothing is changed', async () => {
  const refusal = async (home: Home): Promise<string> => {
    const channel = channelIn(home)
    const before = hashOf(await home.picture())
    const message = await channel.start().then(
      () => 'opened',
      (error: Error) => explanationOf(error),
    )
    await channel.stop()
    const isUnchanged = hashOf(await home.picture()) === before
    return `${message}${isUnchanged ? '' : ', and files were changed'}`
  }
  const segment = await restored('channel-v2-marks-stopped')
  const path = segment.at('data/millrace-1.wal')
  const bytes = readFileSync(path)
  for (const at of [0, 4096]) {
    bytes.writeUInt32LE(9, at + 8)
    bytes.writeUInt32LE(crc32(bytes.subarray(at + 8, at + 4096)), at + 4)
  }
  writeFileSync(path, bytes)
  assert.match(
    await refusal(segment),
    /millrace-1\.wal.* format 9, .* up to 3\. Nothing was changed\. [^,]*, or [^,]*$/,
  )

  const marked = await restored('channel-v2-marks-stopped')
  const mark = marked.at('data/millrace.channel')
  writeFileSync(mark, readFileSync(mark, 'utf8').replace(/"version": *1/, '"version": 2'))
  assert.match(
    await refusal(marked),
    /millrace\.channel.* format 2, .* up to 1\. Nothing was changed\. [^,]*, or [^,]*$/,
  )
})
