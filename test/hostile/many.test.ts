// Very many topics and partitions: under a limit of open files, and with the console looking at all of them. Thousands take
// minutes: MILLRACE_DEEP=1 makes it 10,000.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { createTopics } from '../../src/wire/kafka/messages/create-topics.ts'
import { listOffsets } from '../../src/wire/kafka/messages/list-offsets.ts'
import { metadata } from '../../src/wire/kafka/messages/metadata.ts'
import { produce } from '../../src/wire/kafka/messages/produce.ts'
import { writeRecords } from '../../src/wire/kafka/record-set.ts'
import { WireClient } from '../broker/wire-client.ts'
import { HostileChild, mostTurnMs } from './child.ts'

const isDeep = process.env['MILLRACE_DEEP'] !== undefined
const [many, mostFiles] = isDeep ? [10_000, 4096] : [300, 512]

const hasPrlimit = (() => {
  try {
    return execFileSync('prlimit', ['--version']).length > 0
  } catch {
    return false
  }
})()

async function attacked(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-hostile-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const logs = join(directory, 'logs')
  const { child, ready } = await HostileChild.start<{ port: number }>(t, 'test/hostile/broker-child.ts', [
    logs,
  ])
  const client = await WireClient.connect(ready.port)
  t.after(() => client.close())
  return { child, client, port: ready.port, logs }
}

const newTopic = (name: string, numPartitions: number) => ({
  name,
  numPartitions,
  replicationFactor: 1,
  assignments: [],
  configs: [],
})

test(
  `a topic of ${many} partitions under a limit of ${mostFiles} open files`,
  { skip: !hasPrlimit && 'prlimit is not here' },
  async t => {
    const { child, client, logs } = await attacked(t)
    const { pid } = child.process
    const limit = (count: number) => execFileSync('prlimit', ['--pid', String(pid), `--nofile=${count}:`])
    const open = () => readdirSync(`/proc/${pid}/fd`).length
    limit(mostFiles)
    child.reset()
    const { topics } = await client.ask(createTopics, 5, {
      timeoutMs: 300_000,
      topics: [newTopic('t', many)],
    })
    assert.equal(topics[0]!.errorCode, 0, String(topics[0]!.errorMessage))
    t.diagnostic(`${open()} descriptors are open after ${many} partitions were created`)
    const records = writeRecords([{ timestamp: Date.now(), key: null, value: Buffer.from('x') }])
    const { responses } = await client.ask(produce, 3, {
      transactionalId: null,
      acks: 1,
      timeoutMs: 60_000,
      topicData: [
        {
          name: 't',
          partitionData: Array.from({ length: many }, (_, index) => ({
            index,
            records: Buffer.from(records),
          })),
        },
      ],
    })
    assert.deepEqual([...new Set(responses[0]!.partitionResponses.map(one => one.errorCode))], [0])
    t.diagnostic(`${open()} after each was written to`)
    assert.ok(open() < mostFiles * 0.9)
    const { peakBytes, longestMs } = await child.taken()
    assert.ok(longestMs < mostTurnMs, `a turn of ${longestMs} ms`)
    assert.ok(peakBytes < 600 * 1024 * 1024)
    // With no descriptor left to open, whatever was begun is undone.
    limit(open() + 5)
    const refused = await client.ask(createTopics, 5, { timeoutMs: 300_000, topics: [newTopic('u', many)] })
    assert.equal(refused.topics[0]!.errorCode, 56, String(refused.topics[0]!.errorMessage))
    const left = readdirSync(logs).filter(name => name.startsWith('u-'))
    t.diagnostic(`${open()} after a topic was refused, of which ${left.length} directories are left`)
    assert.deepEqual(left, [])
    limit(mostFiles)
    const again = await client.ask(createTopics, 5, { topics: [newTopic('u', 2)] })
    assert.equal(again.topics[0]!.errorCode, 0, String(again.topics[0]!.errorMessage))
  },
)

test(`${many} topics are listed, asked about and shown by the console in short turns`, async t => {
  const { child, client, port } = await attacked(t)
  for (let at = 0; at < many; at += Math.min(many, 1000))
    await client.ask(createTopics, 5, {
      timeoutMs: 300_000,
      topics: Array.from({ length: Math.min(many, 1000) }, (_, index) =>
        newTopic(`t${(at + index) % many}`, 1),
      ),
    })
  const args = [`127.0.0.1:${port}`]
  const watched = await HostileChild.start<{ url: string }>(t, 'test/hostile/console-child.ts', args)
  child.reset()
  watched.child.reset()
  const slow: string[] = []
  const look = async (what: string) => {
    for (const [who, one] of [
      ['broker', child],
      ['console', watched.child],
    ] as const) {
      const { longestMs } = await one.taken(`${what}: ${who}`)
      if (longestMs >= mostTurnMs) slow.push(`${what}, ${who}: ${longestMs} ms`)
      one.reset()
    }
  }
  const { topics } = await client.ask(metadata, 9, { topics: null })
  assert.equal(topics.length, many)
  await client.ask(listOffsets, 5, {
    replicaId: -1,
    isolationLevel: 0,
    topics: topics.map(({ name }) => ({ name: name!, partitions: [{ partitionIndex: 0, timestamp: -1 }] })),
  })
  await look('metadata and offsets')
  for (const path of ['topics', 'groups', 'brokers', 'topics/t1']) {
    const answer = await fetch(`${watched.ready.url}api/clusters/kafka/${path}`)
    assert.equal(answer.status, 200, path)
    const text = await answer.text()
    if (path === 'topics') assert.ok(text.split('"name"').length > many, text.slice(0, 200))
    await look(path)
  }
  assert.deepEqual(slow, [])
})
