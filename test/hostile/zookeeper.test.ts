// An agent that looks its brokers up in a ZooKeeper gone mad: answers changed, cut short, of sizes nobody has, without end,
// with other numbers, byte by byte, or none at all; sessions that expire; nodes that hold anything. It stays within its
// memory, stops in time, and reads when ZooKeeper is sound again.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { Fault } from '../../src/errors.ts'
import { SeededRandom } from '../../src/simulation/seeded-random.ts'
import { realSystem } from '../../src/system/system.ts'
import { createTopics } from '../../src/wire/kafka/messages/create-topics.ts'
import { produce } from '../../src/wire/kafka/messages/produce.ts'
import { findBrokers, findPositions } from '../../src/zookeeper/zookeeper.ts'
import { brokerAt, startScriptedZooKeeper, type ScriptedZooKeeper } from '../console/scripted-zookeeper.ts'
import { startBroker } from '../broker/running-broker.ts'
import { WireClient } from '../broker/wire-client.ts'
import { root } from '../source-text.ts'
import { batchOf } from './kafka-bodies.ts'
import { accepted, AttackedAgent } from './attacked-agent.ts'

/** What is done to an answer, which begins with its size. */
type Spoil = (answer: Buffer, to: Socket, random: SeededRandom) => void

const sized =
  (size: number): Spoil =>
  (answer, to) => {
    answer.writeInt32BE(size, 0)
    to.write(answer)
  }
const spoils: Readonly<Record<string, Spoil>> = {
  changed(answer, to, random) {
    for (let count = 4; count > 0; count--) answer[8 + random.below(answer.length - 8)] = random.below(256)
    to.write(answer)
  },
  'all ones': (answer, to, random) => void to.write(answer.fill(255, 8 + random.below(answer.length - 8))),
  'cut short': (answer, to, random) => void to.end(answer.subarray(0, random.below(answer.length))),
  'of 2 GB': sized(2 ** 31 - 1),
  'of -1 bytes': sized(-1),
  'of 3 bytes': sized(3),
  'with another number': (answer, to) => {
    answer.writeInt32BE(answer.readInt32BE(4) + 7, 4)
    to.write(answer)
  },
  'twice, behind events and pings': (answer, to) => {
    const event = Buffer.from(answer)
    event.writeInt32BE(-1, 4)
    const ping = Buffer.from(answer)
    ping.writeInt32BE(-2, 4)
    to.write(Buffer.concat([event, ping, answer, answer]))
  },
  'a session that has expired': (_answer, to) =>
    void to.end(Buffer.from(`00000025${'00'.repeat(37)}`, 'hex')),
  'closed without a word': (_answer, to) => void to.destroy(),
  'without end': (_answer, to) => {
    const more = Buffer.alloc(1_000_000, 1)
    more.writeInt32BE(4_000_000, 0)
    const pour = (left: number): void => {
      if (left > 0 && !to.destroyed) to.write(more, () => pour(left - 1))
    }
    pour(50)
  },
}

/** Spoils every answer of the ZooKeeper behind it in the way that is set; null: none. */
async function madZooKeeper(t: TestContext, behind: ScriptedZooKeeper) {
  const random = new SeededRandom(1)
  const mad = { connect: '', spoil: null as Spoil | null, isSilent: false, connections: 0 }
  const sockets = new Set<Socket>()
  const [host, port] = behind.connect.split(':') as [string, string]
  const server = createServer(client => {
    mad.connections++
    const sound = connect(Number(port), host)
    sockets.add(client).add(sound)
    client.on('error', () => {}).on('close', () => sound.destroy())
    sound.on('error', () => {}).on('close', () => client.destroy())
    client.pipe(sound)
    let held = Buffer.alloc(0)
    sound.on('data', (chunk: Buffer) => {
      held = Buffer.concat([held, chunk])
      while (held.length >= 4 && held.length >= 4 + held.readInt32BE(0)) {
        const answer = Buffer.from(held.subarray(0, 4 + held.readInt32BE(0)))
        held = held.subarray(answer.length)
        if (mad.isSilent) continue
        if (mad.spoil === null) client.write(answer)
        else mad.spoil(answer, client, random)
      }
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  mad.connect = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return mad
}

const agentLines = (zookeeper: string) => [
  'a1.sources = r1',
  'a1.channels = c1',
  'a1.sinks = k1',
  'a1.sources.r1.type = org.apache.flume.source.kafka.KafkaSource',
  `a1.sources.r1.zookeeperConnect = ${zookeeper}`,
  'a1.sources.r1.kafka.topics = t',
  'a1.sources.r1.kafka.consumer.group.id = g',
  'a1.sources.r1.kafka.consumer.auto.offset.reset = earliest',
  'a1.sources.r1.batchSize = 100',
  'a1.sources.r1.channels = c1',
  'a1.channels.c1.type = memory',
  'a1.sinks.k1.type = null',
  'a1.sinks.k1.channel = c1',
]

for (const [name, spoil] of Object.entries(spoils))
  test(`answers ${name} are a fault, and no broker`, async t => {
    await using zookeeper = await startScriptedZooKeeper({ '/brokers/ids/0': brokerAt('127.0.0.1:1') })
    const mad = await madZooKeeper(t, zookeeper)
    mad.spoil = spoil
    // Some of what is changed is as good as what it was.
    for (let asked = 0; asked < (name === 'changed' ? 50 : 3); asked++)
      await findBrokers(mad.connect, realSystem).catch((error: unknown) => {
        assert.ok(error instanceof Fault, String(error))
        assert.doesNotMatch(error.message, /range|undefined|JSON|Cannot/)
      })
    mad.spoil = null
    assert.equal(await findBrokers(mad.connect, realSystem), '127.0.0.1:1')
  })

test('nodes hold anything, and there are thousands of them', async () => {
  await using zookeeper = await startScriptedZooKeeper({
    ...Object.fromEntries(Array.from({ length: 2000 }, (_, index) => [`/brokers/ids/9${index}`, 'null'])),
    '/brokers/ids/10': 'x'.repeat(1_000_000),
    '/brokers/ids/11': '{"endpoints":[null,7,"PLAINTEXT://"],"host":{},"port":-1}',
    '/brokers/ids/12': '['.repeat(50_000),
    '/brokers/ids/13':
      '{"listener_security_protocol_map":7,"endpoints":["__proto__://h:1"],"host":"","port":1e9}',
    '/brokers/ids/0': brokerAt('127.0.0.1:1'),
    '/consumers/g/offsets/t/0': '-5',
    '/consumers/g/offsets/t/1': '1e3',
    '/consumers/g/offsets/t/2': ' 17',
  })
  assert.equal(await findBrokers(zookeeper.connect, realSystem), '127.0.0.1:1')
  assert.deepEqual([...(await findPositions(zookeeper.connect, 'g', 't', realSystem))], [['t-2', 17]])
})

test('an agent stays within its memory, and reads when ZooKeeper is sound again', async t => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-hostile-'))
  const { broker, stop } = await startBroker(directory)
  t.after(async () => {
    await stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const client = await WireClient.connect(broker.port)
  const records = batchOf(['one', 'two', 'three'])
  const topicData = [{ name: 't', partitionData: [{ index: 0, records }] }]
  const topic = { name: 't', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }
  await client.ask(createTopics, 0, { topics: [topic] })
  await client.ask(produce, 3, { acks: -1, timeoutMs: 1000, topicData })
  client.close()
  await using zookeeper = await startScriptedZooKeeper({
    '/brokers/ids/0': brokerAt(`127.0.0.1:${broker.port}`),
  })
  const mad = await madZooKeeper(t, zookeeper)
  mad.spoil = spoils['without end']!
  const agent = await AttackedAgent.start(t, agentLines(mad.connect))
  const before = mad.connections
  await agent.until(() => mad.connections > before)
  mad.spoil = null
  await agent.until(snapshot => accepted(snapshot) === 3)
  await agent.assertBounded()
})

test('an agent that is told to stop while it starts does so at once, and in order', async t => {
  await using zookeeper = await startScriptedZooKeeper({})
  const mad = await madZooKeeper(t, zookeeper)
  mad.isSilent = true
  const directory = mkdtempSync(join(tmpdir(), 'millrace-hostile-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const file = join(directory, 'a1.conf')
  writeFileSync(file, agentLines(`${mad.connect},${mad.connect}`).join('\n'))
  const agent = spawn(join(root, 'bin/flume-ng'), ['agent', '-n', 'a1', '-f', file], { stdio: 'ignore' })
  t.after(() => agent.kill('SIGKILL'))
  while (mad.connections === 0) await new Promise(resolve => setImmediate(resolve))
  const ended = once(agent, 'exit')
  agent.kill('SIGTERM')
  assert.deepEqual(await ended, [0, null])
})

test('an agent stops in time while a ZooKeeper is silent', async t => {
  await using zookeeper = await startScriptedZooKeeper({})
  const mad = await madZooKeeper(t, zookeeper)
  mad.spoil = spoils['closed without a word']!
  const agent = await AttackedAgent.start(t, agentLines(`${mad.connect},${mad.connect},${mad.connect}`))
  mad.isSilent = true
  const before = mad.connections
  await agent.until(() => mad.connections > before)
  await agent.assertBounded()
})
