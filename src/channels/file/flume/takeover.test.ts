// Taking over from Flume at the start of a file channel, on the real disk with recordings of real Flume: what the
// operator is told, and when the channel refuses to open. Every crash of it: test/simulation/flume-takeover.test.ts.
import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, it } from 'node:test'
import { contextFor, optionsFor } from '../../../../test/context.ts'
import { eventsOf, rejectsWith } from '../../../../test/contracts/channel-events.ts'
import {
  deliveredOf,
  filesOf,
  flumeLine,
  putOnDisk,
  recordings,
} from '../../../../test/golden/flume-recording.ts'
import type { Channel } from '../../../component.ts'
import { realDisk, type Disk } from '../../../system/disk.ts'
import { realSystem } from '../../../system/system.ts'
import { fileChannel } from '../../file.ts'

const made: string[] = []
after(() => made.forEach(one => rmSync(one, { recursive: true })))
const never = new AbortController().signal
const recording = recordings.find(one => one.name === 'one-killed')!
const wanted = deliveredOf(recording)

async function home(): Promise<string> {
  const path = mkdtempSync(join(tmpdir(), 'millrace-takeover-'))
  made.push(path)
  await putOnDisk(recording, realDisk, path)
  return path
}

function make(path: string, options: Record<string, unknown> = {}, disk: Disk = realDisk) {
  const context = contextFor('CHANNEL', 'c1', fileChannel.counters, { system: { ...realSystem, disk } })
  const directories = { checkpointDir: join(path, 'checkpoint'), dataDirs: [join(path, 'data0')] }
  const given = { ...directories, minimumRequiredSpace: 0, capacity: 100, ...options }
  return { context, channel: fileChannel.create(optionsFor(fileChannel, given), context) }
}

async function drain(channel: Channel): Promise<string[]> {
  const lines: string[] = []
  while (channel.size > 0) {
    const batch = (await channel.take({ events: 100 }, never))!
    lines.push(...batch.events.map(flumeLine))
    await batch.commit()
  }
  return lines
}

const flumesIn = (path: string) =>
  filesOf(recording, path).map(({ path: file }) => [file, readFileSync(file).toString('latin1')])
const marker = (path: string) => join(path, 'checkpoint', 'millrace-from-flume')
const segments = (path: string) =>
  readdirSync(join(path, 'data0')).filter(name => name.startsWith('millrace'))

it("moves Flume's events into the channel, tells what was done, and counts no puts", async () => {
  const path = await home()
  const before = flumesIn(path)
  const { channel, context } = make(path)
  await channel.start()
  const told = context.log.lines.find(line => /took over/.test(line))
  assert.match(
    told ?? '',
    new RegExp(
      `took over ${wanted.length} events of Flume's file channel from .*log-1, .* in \\d+ ms.*may be deleted`,
    ),
  )
  assert.equal(channel.size, wanted.length)
  assert.equal(context.counters.get('ChannelSize'), wanted.length)
  for (const name of ['EventPutAttemptCount', 'EventPutSuccessCount'])
    assert.equal(context.counters.get(name), 0)
  await channel.put(eventsOf(0, 2))
  assert.deepEqual((await drain(channel)).slice(0, -2), wanted)
  await channel.stop()
  assert.deepEqual(flumesIn(path), before)
})

it('takes nothing over a second time, also when some of the originals are deleted', async () => {
  const path = await home()
  for (
    let logs = readdirSync(join(path, 'data0')).filter(name => /^log-\d+$/.test(name));
    ;
    logs = logs.slice(1)
  ) {
    const { channel } = make(path)
    await channel.start()
    assert.equal(channel.size, wanted.length)
    await channel.stop()
    if (logs.length === 0) break
    assert.equal(JSON.parse(readFileSync(marker(path), 'utf8')).state, 'done')
    rmSync(join(path, 'data0', logs[0]!))
  }
  // What is gone is not listed any more: a log that Flume makes later is another one.
  assert.ok(!readdirSync(join(path, 'checkpoint')).includes('millrace-from-flume'))
})

it('refuses more events than it has capacity for, and changes nothing', async () => {
  const path = await home()
  const options = { capacity: wanted.length - 1, transactionCapacity: 10 }
  await rejectsWith(
    'FOREIGN_FILES',
    make(path, options).channel.start(),
    new RegExp(
      `holds ${wanted.length} events.*capacity of channel c1.*set capacity to at least ${wanted.length}`,
    ),
  )
  assert.deepEqual(segments(path), [])
  assert.ok(!readdirSync(join(path, 'checkpoint')).includes('millrace-from-flume'))
  const { channel } = make(path, { ...options, capacity: wanted.length })
  await channel.start()
  assert.deepEqual(await drain(channel), wanted)
  await channel.stop()
})

it('refuses what Flume wrote after the takeover, or into our directories', async () => {
  const after = await home()
  const first = make(after).channel
  await first.start()
  await first.stop()
  cpSync(join(after, 'data0/log-1'), join(after, 'data0/log-99'))
  await rejectsWith(
    'FOREIGN_FILES',
    make(after).channel.start(),
    /was taken over before, and Flume has run here since: .*log-99 may have events/,
  )
  rmSync(join(after, 'data0/log-99'))
  // The same name and size is not enough.
  const log = readFileSync(join(after, 'data0/log-2'))
  log[50]! ^= 1
  writeFileSync(join(after, 'data0/log-2'), log)
  await rejectsWith('FOREIGN_FILES', make(after).channel.start(), /data0\/log-2 may have events/)

  const ours = await home()
  for (const name of readdirSync(join(ours, 'data0'))) renameSync(join(ours, 'data0', name), join(ours, name))
  rmSync(join(ours, 'checkpoint'), { recursive: true })
  const channel = make(ours).channel
  await channel.start()
  await channel.stop()
  renameSync(join(ours, 'log-4'), join(ours, 'data0/log-4'))
  await rejectsWith(
    'FOREIGN_FILES',
    make(ours).channel.start(),
    /millrace-from-flume is not there, .*: it was lost, or Flume has run here since: .*log-4/,
  )
})

it('refuses when something is missing, and says what', async () => {
  const checkpointOnly = await home()
  rmSync(join(checkpointOnly, 'data0'), { recursive: true })
  await rejectsWith(
    'FOREIGN_FILES',
    make(checkpointOnly).channel.start(),
    /names \d+ undelivered events, but no log-\* lies in .*data0/,
  )

  const swapped = await home()
  await rejectsWith(
    'FOREIGN_FILES',
    make(swapped, {
      checkpointDir: join(swapped, 'data0'),
      dataDirs: [join(swapped, 'other')],
    }).channel.start(),
    /checkpointDir of channel c1, .* holds logs of a Flume file channel \(log-1\)/,
  )

  const begun = await home()
  const { channel } = make(begun)
  await channel.start()
  await channel.stop()
  const text = readFileSync(marker(begun), 'utf8')
  writeFileSync(marker(begun), text.replace('"done"', '"begun"'))
  renameSync(join(begun, 'data0/log-5'), join(begun, 'log-5'))
  await rejectsWith(
    'FOREIGN_FILES',
    make(begun).channel.start(),
    /did not finish .*data0\/log-5 is missing since/,
  )
  renameSync(join(begun, 'log-5'), join(begun, 'data0/log-5'))
  const again = make(begun)
  await again.channel.start()
  assert.ok(again.context.log.lines.some(line => /did not finish: \d+ segments of it are removed/.test(line)))
  assert.deepEqual(await drain(again.channel), wanted)
  await again.channel.stop()

  for (const name of segments(begun)) rmSync(join(begun, 'data0', name))
  await rejectsWith('FOREIGN_FILES', make(begun).channel.start(), /no millrace-\*\.wal lies in/)
  writeFileSync(marker(begun), 'x')
  await rejectsWith('CORRUPT', make(begun).channel.start(), /millrace-from-flume cannot be read/)
})

it('refuses while a Flume runs there, naming it', async () => {
  const path = await home()
  const lock = join(path, 'data0', 'in_use.lock')
  const held: Disk = { ...realDisk, lockHolder: async file => (file === lock ? 4711 : null) }
  await rejectsWith(
    'DIRECTORY_IN_USE',
    make(path, {}, held).channel.start(),
    /a Flume \(pid 4711\) is using directory .*data0: it has .*in_use\.lock open\. Stop it/,
  )
  assert.deepEqual(segments(path), [])
})

it("refuses when Flume's logs change while they are read", async () => {
  const path = await home()
  let reads = 0
  const changing: Disk = {
    ...realDisk,
    async open(file, mode) {
      // The second pass: the events themselves.
      if (file.endsWith('log-9') && ++reads === 5) writeFileSync(join(path, 'data0/log-10'), '')
      return await realDisk.open(file, mode)
    },
  }
  await rejectsWith(
    'FOREIGN_FILES',
    make(path, {}, changing).channel.start(),
    /changed while channel c1 read them/,
  )
  rmSync(join(path, 'data0/log-10'))
  const { channel } = make(path)
  await channel.start()
  assert.deepEqual(await drain(channel), wanted)
  await channel.stop()
})

it('takes over the rest when an event is damaged, and names it', async () => {
  const path = await home()
  const line = wanted.at(-1)!
  const body = line.split(' ')[1]!
  const names = readdirSync(join(path, 'data0')).filter(name => /^log-\d+$/.test(name))
  const source = line.slice('{from='.length, '{from='.length + 2)
  const text = Buffer.from(`${source}\x12${String.fromCharCode(body.length)}${body}\x11`, 'latin1')
  const name = names.find(one => readFileSync(join(path, 'data0', one)).includes(text))!
  const bytes = readFileSync(join(path, 'data0', name))
  bytes[bytes.indexOf(text) + 4]! ^= 1
  writeFileSync(join(path, 'data0', name), bytes)
  const { channel, context } = make(path)
  await channel.start()
  assert.deepEqual(await drain(channel), wanted.slice(0, -1))
  assert.ok(
    context.log.lines.some(one => new RegExp(`${name}: the event at \\d+ is damaged and is lost`).test(one)),
    context.log.lines.join('\n'),
  )
  await channel.stop()
})

it('refuses a data directory of several in which no Flume has a log: it is lost, or not mounted', async () => {
  const three = recordings.find(one => one.name === 'three-killed')!
  const path = mkdtempSync(join(tmpdir(), 'millrace-takeover-'))
  made.push(path)
  await putOnDisk(three, realDisk, path)
  const dataDirs = three.data.map(one => join(path, one))
  renameSync(dataDirs[1]!, join(path, 'away'))
  const refused =
    /data1 holds no log of Flume's file channel, whose logs lie in \S+data0, \S+data2\. Nothing was changed/
  await rejectsWith('STATE_MISSING', make(path, { dataDirs }).channel.start(), refused)
  assert.ok(!readdirSync(path).includes('data1'))
  renameSync(join(path, 'away'), dataDirs[1]!)
  const { channel } = make(path, { dataDirs })
  await channel.start()
  assert.deepEqual(await drain(channel), deliveredOf(three))
  await channel.stop()
  // What is added afterwards is ours alone.
  const more = make(path, { dataDirs: [...dataDirs, join(path, 'new')] }).channel
  await more.start()
  await more.stop()
})
