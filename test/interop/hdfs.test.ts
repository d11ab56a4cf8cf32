// The HDFS sink on a real HDFS of Hadoop 3.3.6, beside Flume 1.11.0's own: the same input gives the same files, as Hadoop
// reads them; and nothing is lost when the agent, a DataNode or the NameNode dies.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { after, before } from 'node:test'
import { skipWithoutPeers } from './peers/fetch.ts'
import { startHdfs, type Hdfs } from './peers/hdfs.ts'
import { freePort, java, startMillrace, type Running } from './peers/peers.ts'
import { waitFor } from './peers/waiting.ts'

let directory: string
let hdfs: Hdfs

before(async () => {
  if (skipWithoutPeers !== false) return
  directory = mkdtempSync(join(tmpdir(), 'millrace-hdfs-'))
  hdfs = await startHdfs(directory)
})
after(async () => {
  await hdfs?.[Symbol.asyncDispose]()
  if (directory !== undefined) rmSync(directory, { recursive: true, force: true })
})

const lines = (prefix: string, settings: Readonly<Record<string, string | number>>) =>
  Object.entries(settings)
    .map(([key, value]) => `${prefix}.${key} = ${value}`)
    .join('\n')

/** By the directory of its files. */
const sinks: Readonly<Record<string, Readonly<Record<string, string | number>>>> = {
  text: { 'hdfs.fileType': 'DataStream', serializer: 'header_and_text', 'hdfs.fileSuffix': '.txt' },
  gzip: { 'hdfs.fileType': 'CompressedStream', 'hdfs.codeC': 'gzip' },
  snappy: { 'hdfs.fileType': 'CompressedStream', 'hdfs.codeC': 'SnappyCodec' },
  lz4: { 'hdfs.fileType': 'CompressedStream', 'hdfs.codeC': 'org.apache.hadoop.io.compress.Lz4Codec' },
  records: {},
  blocks: { 'hdfs.codeC': 'DefaultCodec', 'hdfs.writeFormat': 'Text' },
}
const names = Object.keys(sinks)
const count = 1000

/** One source into every sink, in directories below `root`. */
const everySink = (root: string, more: Readonly<Record<string, string | number>>) => `
a.sources = s
a.channels = ${names.join(' ')}
a.sinks = ${names.join(' ')}
${lines('a.sources.s', { type: 'seq', totalEvents: count, batchSize: 100, channels: names.join(' '), interceptors: 'i j' })}
${lines('a.sources.s.interceptors.i', { type: 'static', key: 'timestamp', value: 1_700_000_000_123 })}
${lines('a.sources.s.interceptors.j', { type: 'static', key: 'kind', value: 'apple' })}
${names
  .map(
    name =>
      lines(`a.channels.${name}`, { type: 'memory', capacity: 2000 }) +
      '\n' +
      lines(`a.sinks.${name}`, {
        type: 'hdfs',
        channel: name,
        'hdfs.path': `${root}/${name}/%Y-%m-%d/%{kind}`,
        'hdfs.filePrefix': '%{kind}-%H%M',
        'hdfs.timeZone': 'Asia/Kolkata',
        'hdfs.round': 'true',
        'hdfs.roundValue': 10,
        'hdfs.roundUnit': 'minute',
        'hdfs.rollCount': 400,
        'hdfs.rollSize': 0,
        'hdfs.idleTimeout': 3,
        ...sinks[name],
        ...more,
      }),
  )
  .join('\n')}
`

/** Every file below the directory as Hadoop reads it: names with the place in their order for the counter. */
async function filesBelow(root: string): Promise<Record<string, string[]>> {
  const places = new Map<string, number>()
  const found: Record<string, string[]> = {}
  for (const path of await hdfs.files()) {
    if (!path.startsWith(`${root}/`)) continue
    const place = (places.get(path.replace(/\/[^/]*$/, '')) ?? 0) + 1
    places.set(path.replace(/\/[^/]*$/, ''), place)
    found[path.slice(root.length + 1).replace(/\.\d{13}/, `.${place}`)] = await hdfs.command(`text ${path}`)
  }
  return found
}

/** Closed by the sinks: three of each. */
const areClosed = (root: string) => async () => {
  const files = (await hdfs.files()).filter(path => path.startsWith(`${root}/`))
  return files.length === 3 * names.length && !files.some(path => path.endsWith('.tmp'))
}

test('the same files as Flume 1.11.0 writes, of every type', { skip: skipWithoutPeers }, async () => {
  {
    const conf = everySink(`${hdfs.uri}/open/ours`, { 'hdfs.webHdfs': hdfs.http })
    await using _agent = await startMillrace(join(directory, 'ours'), { agent: 'a', conf })
    await waitFor(areClosed('/open/ours'), 'our files are closed')
  }
  {
    // With one DataNode every block has too few replicas, for which it would roll.
    const home = join(directory, 'flume')
    mkdirSync(home)
    writeFileSync(join(home, 'a.conf'), everySink(`${hdfs.uri}/open/flume`, { 'hdfs.minBlockReplicas': 1 }))
    await using _agent = await java('hadoop-3.3.6', home, 'flume', {
      main: [
        'org.apache.flume.node.Application',
        '--name',
        'a',
        '-f',
        join(home, 'a.conf'),
        '--no-reload-conf',
      ],
      ready: /Component type: SOURCE, name: \S+ started/,
    })
    await waitFor(areClosed('/open/flume'), "Flume's files are closed")
  }
  const ours = await filesBelow('/open/ours')
  const flume = await filesBelow('/open/flume')
  assert.deepEqual(Object.keys(ours), Object.keys(flume))
  assert.ok(Object.keys(ours).includes('text/2023-11-15/apple/apple-0340.1.txt'), Object.keys(ours).join(' '))
  // In Java a map of headers has no order.
  const sorted = (line: string) =>
    line.replace(/^\{(.*)\}/, (_, pairs: string) => `{${pairs.split(', ').sort().join(', ')}}`)
  for (const [name, content] of Object.entries(flume))
    assert.deepEqual(ours[name]!.map(sorted), content.map(sorted), name)
  assert.equal(Object.values(ours).flat().length, count * names.length)
})

const channel = (agent: string, at: string) =>
  lines(`${agent}.channels.c`, { type: 'file', checkpointDir: `${at}/checkpoint`, dataDirs: `${at}/data` })

test(
  'nothing is lost when the agent, the DataNode and the NameNode die',
  { skip: skipWithoutPeers },
  async () => {
    const events = 40_000
    const home = join(directory, 'faults')
    const filler = `
f.sources = s
f.channels = c
f.sinks = k
${channel('f', home)}
${lines('f.sources.s', { type: 'seq', totalEvents: events, batchSize: 1000, channels: 'c' })}
${lines('f.sinks.k', { type: 'avro', channel: 'c', hostname: '127.0.0.1', port: 1 })}
`
    const port = await freePort()
    const sizeIn = async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/metrics`).catch(() => null)
      const metrics = (await answer?.json().catch(() => null)) as Record<
        string,
        Record<string, string>
      > | null
      return Number(metrics?.['CHANNEL.c']?.['ChannelSize'] ?? Number.NaN)
    }
    const properties = { 'flume.monitoring.type': 'http', 'flume.monitoring.port': port }
    const start = (agent: string, conf: string): Promise<Running> =>
      startMillrace(home, { agent, conf, properties })
    {
      await using _filling = await start('f', filler)
      await waitFor(async () => (await sizeIn()) === events, 'the channel is filled')
    }
    const draining = `
a.channels = c
a.sinks = k
${channel('a', home)}
${lines('a.sinks.k', {
  type: 'hdfs',
  channel: 'c',
  'hdfs.path': `${hdfs.uri}/open/faults`,
  'hdfs.webHdfs': hdfs.http,
  'hdfs.fileType': 'DataStream',
  // Slow enough for a fault to come in the middle.
  'hdfs.batchSize': 20,
  'hdfs.rollCount': 2000,
  'hdfs.rollSize': 0,
  'hdfs.rollInterval': 0,
  'hdfs.retryInterval': 1,
  'hdfs.callTimeout': 5000,
})}
`
    const drainedTo = (size: number) =>
      waitFor(async () => (await sizeIn()) <= size, `${size} events are left in the channel`)
    for (const left of [33_000, 26_000]) {
      await using agent = await start('a', draining)
      await drainedTo(left)
      agent.kill('SIGKILL')
      await agent.ended
    }
    await using agent = await start('a', draining)
    await drainedTo(18_000)
    await hdfs.command('stop-datanode 0')
    await agent.line(/sink k failed and is retried .*(DataNode|CREATE|APPEND)/)
    await hdfs.command('start-datanode')
    await drainedTo(9_000)
    await hdfs.command('stop-namenode')
    await agent.line(/sink k failed and is retried .*NameNode .*cannot be asked|NameNode .* cannot be asked/)
    await hdfs.command('start-namenode')
    await drainedTo(0)
    // Files that the DataNode was writing when it died are recovered, and then closed by their names.
    const isReadable = (path: string) =>
      hdfs.command(`text ${path}`).then(
        () => true,
        () => false,
      )
    for (const path of await hdfs.files())
      if (path.startsWith('/open/faults/')) await waitFor(() => isReadable(path), `${path} can be read`)
    await agent.stop()
    const files = (await hdfs.files()).filter(path => path.startsWith('/open/faults/'))
    const found: number[] = []
    for (const path of files) found.push(...(await hdfs.command(`text ${path}`)).map(Number))
    assert.equal(new Set(found).size, events, 'every event is there')
    const repeats = found.length - events
    const faults = 4
    // Sixteen batches of 20 are under way at a fault, and as many may wait for the sync of their takes.
    assert.ok(repeats <= faults * 2 * 16 * 20, `${repeats} repeats`)
    assert.ok(
      files.filter(path => path.endsWith('.tmp')).length <= faults,
      'a kill or a creation that failed leaves a file with its first name',
    )
  },
)
