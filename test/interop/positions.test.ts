// Positions of a group on real Kafka: what is gone is told with its numbers, a member that stood still
// for longer than its session commits nothing for others, static members, and transactions.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { CompressionTypes } from 'kafkajs'
import { freePort, skipWithoutPeers, startMillrace, type Running } from './peers/peers.ts'
import { someKafka } from './peers/shared.ts'
import { clientOf, createTopic, positionsOf, produceAll, withAdmin } from './peers/topics.ts'
import { waitFor } from './peers/waiting.ts'

const numbered = (first: number, count: number) =>
  Array.from({ length: count }, (_, index) => ({ key: null, value: `${first + index}`, partition: 0 }))

describe('positions on Kafka 4.1', { skip: skipWithoutPeers }, () => {
  let directory: string
  let bootstrap: string
  const stack = new AsyncDisposableStack()
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'millrace-positions-'))
    ;({ bootstrap } = stack.use(await someKafka('4.1.0', directory)))
  })
  after(async () => {
    await stack.disposeAsync()
    rmSync(directory, { recursive: true, force: true })
  })

  /** An agent that reads the topic of the group's name into a file channel and to another topic. */
  async function start(
    group: string,
    home: string,
    more: readonly string[] = [],
    port?: number,
  ): Promise<Running> {
    const conf = `
A.sources = s
A.channels = c
A.sinks = k
A.sources.s.type = org.apache.flume.source.kafka.KafkaSource
A.sources.s.kafka.bootstrap.servers = ${bootstrap}
A.sources.s.kafka.topics = ${group}
A.sources.s.setTopicHeader = false
A.sources.s.batchSize = 100
A.sources.s.kafka.consumer.group.id = ${group}
A.sources.s.kafka.consumer.auto.offset.reset = earliest
A.sources.s.kafka.consumer.session.timeout.ms = 6000
A.sources.s.kafka.consumer.heartbeat.interval.ms = 1000
A.sources.s.channels = c
${more.map(line => `A.sources.s.kafka.consumer.${line}`).join('\n')}
A.channels.c.type = memory
A.sinks.k.type = null
A.sinks.k.channel = c
`
    const properties =
      port === undefined
        ? {}
        : {
            properties: {
              'flume.monitoring.type': 'http',
              'flume.monitoring.port': port,
              'flume.monitoring.host': '127.0.0.1',
            },
          }
    return stack.use(await startMillrace(join(directory, home), { agent: 'A', conf, ...properties }))
  }
  const isAt = (group: string, position: number) => async () =>
    (await positionsOf(bootstrap, group, group)).get(0) === position

  it('tells which records were removed while the agent was stopped, and counts them', async () => {
    await createTopic(bootstrap, 'gone')
    await produceAll(bootstrap, 'gone', numbered(0, 100))
    const first = await start('gone', 'gone')
    await waitFor(isAt('gone', 100), 'the first hundred are read')
    await first.stop()
    await produceAll(bootstrap, 'gone', numbered(100, 100))
    await withAdmin(bootstrap, async admin => {
      // Else kafkajs does not know the topic.
      await admin.fetchTopicOffsets('gone')
      await admin.deleteTopicRecords({ topic: 'gone', partitions: [{ partition: 0, offset: '150' }] })
    })
    const port = await freePort()
    const second = await start('gone', 'gone', [], port)
    await second.line(/records 100\.\.149 of gone-0 are gone/)
    await waitFor(isAt('gone', 200), 'the rest is read')
    const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics/prometheus`)).text()
    assert.match(metrics, /records_gone\S* 50$/m)
    assert.equal(second.output.match(/are gone/g)?.length, 1)
    await second.stop()
  })

  it('of a member that stood still for longer than its session stay as the next member has set them', async () => {
    await createTopic(bootstrap, 'still')
    await produceAll(bootstrap, 'still', numbered(0, 100))
    const first = await start('still', 'still-1')
    await waitFor(isAt('still', 100), 'the first hundred are read')
    first.kill('SIGSTOP')
    const second = await start('still', 'still-2')
    await second.line(/still-0 is read here/, 40_000)
    await produceAll(bootstrap, 'still', numbered(100, 100))
    await waitFor(isAt('still', 200), 'the second reads on')
    first.kill('SIGCONT')
    await first.line(/membership is lost/)
    await first.line(/generation \d+: (no partitions are|still-0 is) read here/)
    await produceAll(bootstrap, 'still', numbered(200, 100))
    await waitFor(isAt('still', 300), 'the end')
    await first.stop()
    await second.stop()
    assert.ok(await isAt('still', 300)())
  })

  it('static member: a restart is no rebalance; an older one of the same id is fenced', async () => {
    await createTopic(bootstrap, 'static')
    await produceAll(bootstrap, 'static', numbered(0, 10))
    const id = ['group.instance.id = one']
    const generationOf = (agent: Running) => /generation (\d+): static-0/.exec(agent.output)?.[1]
    const first = await start('static', 'static-1', id)
    await waitFor(isAt('static', 10), 'the first ten are read')
    await first.stop()
    await produceAll(bootstrap, 'static', numbered(10, 10))
    const second = await start('static', 'static-1', id)
    await waitFor(isAt('static', 20), 'the next ten are read')
    assert.equal(generationOf(second), generationOf(first))
    await second.stop()
    const port = await freePort()
    const older = await start('static', 'static-1', id, port)
    const third = await start('static', 'static-2', id)
    await older.line(/another member with group\.instance\.id = one has taken over/)
    await produceAll(bootstrap, 'static', numbered(20, 10))
    await waitFor(isAt('static', 30), 'the last ten are read')
    assert.equal(older.output.match(/ERROR.*has taken over/g)?.length, 1, older.output)
    const isRed = async () => (await fetch(`http://127.0.0.1:${port}/health`)).status === 503
    await waitFor(isRed, 'health is red')
    assert.doesNotMatch(third.output, /has taken over/)
    await older.stop()
    await third.stop()
  })

  it('pass aborted transactions and markers under read_committed', async () => {
    await createTopic(bootstrap, 'committed')
    const producer = clientOf(bootstrap).producer({
      transactionalId: 'x',
      maxInFlightRequests: 1,
      idempotent: true,
    })
    await producer.connect()
    for (const [first, isKept] of [
      [0, true],
      [10, false],
      [20, true],
    ] as const) {
      const transaction = await producer.transaction()
      await transaction.send({
        topic: 'committed',
        compression: CompressionTypes.None,
        messages: numbered(first, 10).map(one => ({ ...one })),
      })
      await (isKept ? transaction.commit() : transaction.abort())
    }
    await producer.disconnect()
    const port = await freePort()
    const agent = await start('committed', 'committed', ['isolation.level = read_committed'], port)
    // Ten and a marker each; the last record is at 31, its marker at 32.
    await waitFor(isAt('committed', 32), 'all is read')
    const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
    assert.match(metrics, /"EventAcceptedCount": ?"20"/)
    await agent.stop()
  })
})
