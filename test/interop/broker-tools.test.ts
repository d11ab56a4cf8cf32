// The command line tools of Kafka 4.1.0 and 0.10.2.1 against the embedded broker, as an operator types them.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { startBroker, type RunningBroker } from '../broker/running-broker.ts'
import { skipWithoutPeers } from './peers/peers.ts'
import { startTools, type Tools } from './peers/tools.ts'

const texts = (from: number, count: number) => Array.from({ length: count }, (_, index) => `${from + index}`)

const mains: Readonly<Record<string, string>> = {
  topics: 'org.apache.kafka.tools.TopicCommand',
  produce: 'org.apache.kafka.tools.ConsoleProducer',
  consume: 'org.apache.kafka.tools.consumer.ConsoleConsumer',
  groups: 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand',
  configs: 'kafka.admin.ConfigCommand',
  transactions: 'org.apache.kafka.tools.TransactionsCommand',
  'delete-records': 'org.apache.kafka.tools.DeleteRecordsCommand',
  'log-dirs': 'org.apache.kafka.tools.LogDirsCommand',
  'api-versions': 'org.apache.kafka.tools.BrokerApiVersionsCommand',
  'get-offsets': 'org.apache.kafka.tools.GetOffsetShell',
  cluster: 'org.apache.kafka.tools.ClusterTool',
  'verifiable-producer': 'org.apache.kafka.tools.VerifiableProducer',
  'verifiable-consumer': 'org.apache.kafka.tools.VerifiableConsumer',
  acls: 'org.apache.kafka.tools.AclCommand',
  'metadata-quorum': 'org.apache.kafka.tools.MetadataQuorumCommand',
  'leader-election': 'org.apache.kafka.tools.LeaderElectionCommand',
  'reassign-partitions': 'org.apache.kafka.tools.reassign.ReassignPartitionsCommand',
  features: 'org.apache.kafka.tools.FeatureCommand',
  'client-metrics': 'org.apache.kafka.tools.ClientMetricsCommand',
  'any-groups': 'org.apache.kafka.tools.GroupsCommand',
  'share-groups': 'org.apache.kafka.tools.consumer.group.ShareGroupCommand',
}

describe('the tools of Kafka 4.1.0', { skip: skipWithoutPeers }, () => {
  let directory: string
  let broker: RunningBroker
  let tools: Tools
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'millrace-tools-'))
    broker = await startBroker(directory)
    tools = await startTools('kafka-4.1.0', directory)
  })
  after(async () => {
    await tools?.[Symbol.asyncDispose]()
    await broker?.stop()
    rmSync(directory, { recursive: true, force: true })
  })

  /** `words` as they are typed behind the tool's name and the broker's address. */
  const tool = (name: string, words: string, options: { input?: string; code?: number } = {}) =>
    tools.run(
      mains[name]!,
      ['--bootstrap-server', broker.bootstrap, ...words.split(' ').filter(Boolean)],
      options,
    )

  const read = async (words: string) =>
    (await tool('consume', `${words} --timeout-ms 20000`)).split('\n').filter(line => line !== '')

  test('topics are made, listed, described, widened and deleted', async () => {
    assert.match(
      await tool(
        'topics',
        '--create --topic made --partitions 3 --replication-factor 1 --config retention.ms=3600000',
      ),
      /Created topic made/,
    )
    assert.match(await tool('topics', '--create --topic made', { code: 1 }), /already exists/)
    assert.match(await tool('topics', '--list'), /^made$/m)
    await tool('topics', '--alter --topic made --partitions 5')
    const described = await tool('topics', '--describe --topic made')
    assert.match(described, /PartitionCount: 5\s+ReplicationFactor: 1\s+Configs: .*retention\.ms=3600000/)
    assert.equal(described.match(/Partition: \d\s+Leader: 0\s+Replicas: 0\s+Isr: 0/g)?.length, 5)
    assert.doesNotMatch(await tool('topics', '--describe --under-replicated-partitions'), /made/)
    await tool('topics', '--delete --topic made')
    assert.doesNotMatch(await tool('topics', '--list'), /^made$/m)
  })

  test('the console producer writes keys and headers, the consumer reads them, alone and in a group', async () => {
    await tool('topics', '--create --topic console --partitions 1')
    const lines = texts(0, 50).map(value => `h:${value};key-${value}|häuser 街 ${value}`)
    for (const [index, codec] of ['none', 'gzip', 'snappy', 'lz4', 'zstd'].entries())
      await tool(
        'produce',
        `--topic console --compression-codec ${codec} --sync --timeout 0 --property parse.key=true --property key.separator=| --property parse.headers=true --property headers.delimiter=;`,
        { input: `${lines.slice(index * 10, index * 10 + 10).join('\n')}\n` },
      )
    assert.deepEqual(
      await read(
        '--topic console --from-beginning --max-messages 50 --property print.key=true --property print.headers=true --property key.separator=|',
      ).then(found =>
        found.filter(line => !line.startsWith('Processed')).map(line => line.replace('|', ';')),
      ),
      lines,
    )
    await read('--topic console --from-beginning --group readers --max-messages 30')
    const rest = await read(
      '--topic console --group readers --max-messages 20 --isolation-level read_committed',
    )
    assert.deepEqual(
      rest.filter(line => !line.startsWith('Processed')),
      texts(30, 20).map(value => `häuser 街 ${value}`),
    )
  })

  test('groups are listed, described, reset and deleted, and positions too', async () => {
    await tool('topics', '--create --topic positions --partitions 2')
    await tool('verifiable-producer', '--topic positions --max-messages 100')
    await tool(
      'verifiable-consumer',
      '--topic positions --group-id positions --max-messages 100 --reset-policy earliest',
    )
    assert.match(await tool('groups', '--list'), /^positions$/m)
    const lagOf = async () =>
      [
        ...(await tool('groups', '--describe --group positions')).matchAll(
          /^positions +positions +\d +\S+ +\d+ +(\d+)/gm,
        ),
      ]
        .map(found => Number(found[1]))
        .reduce((sum, lag) => sum + lag, 0)
    assert.equal(await lagOf(), 0)
    assert.match(await tool('groups', '--describe --group positions --state'), /Empty/)
    assert.match(await tool('groups', '--describe --group positions --members'), /no active members/)
    await tool('groups', '--group positions --topic positions --reset-offsets --to-earliest --execute')
    assert.equal(await lagOf(), 100)
    await tool('groups', '--group positions --topic positions:0 --delete-offsets')
    assert.match(await tool('groups', '--describe --group positions'), /positions +positions +1/)
    await tool('groups', '--group positions --delete')
    assert.doesNotMatch(await tool('groups', '--list'), /^positions$/m)
  })

  test('transactions: the perf tool commits its own, an open one is listed, described and aborted by hand', async () => {
    await tool('topics', '--create --topic transactions --partitions 1')
    const properties = join(directory, 'transactional.properties')
    writeFileSync(properties, `bootstrap.servers=${broker.bootstrap}\n`)
    const perf = `--topic transactions --num-records 500 --record-size 100 --throughput -1 --transaction-duration-ms 100 --transactional-id perf --producer.config ${properties}`
    assert.match(
      await tools.run('org.apache.kafka.tools.ProducerPerformance', perf.split(' ')),
      /500 records sent/,
    )
    assert.match(await tool('transactions', 'list'), /perf-?\S*\s+\d+\s+\d+\s+CompleteCommit/)
    const producer = broker
      .kafkajs()
      .producer({ transactionalId: 'open', idempotent: true, maxInFlightRequests: 1 })
    await producer.connect()
    const transaction = await producer.transaction()
    await transaction.send({ topic: 'transactions', messages: texts(0, 5).map(value => ({ value })) })
    assert.match(await tool('transactions', 'list'), /open\s+\d+\s+\d+\s+Ongoing/)
    assert.match(await tool('transactions', 'describe --transactional-id open'), /Ongoing.*transactions-0/)
    await tool('transactions', 'find-hanging --broker-id 0')
    const log = broker.broker.topics.partition('transactions', 0)!
    assert.match(
      await tool('transactions', 'describe-producers --topic transactions --partition 0'),
      new RegExp(`\\b${log.lastStableOffset}\\b`),
    )
    assert.equal(log.highWatermark - log.lastStableOffset, 5)
    await tool(
      'transactions',
      `abort --topic transactions --partition 0 --start-offset ${log.lastStableOffset}`,
    )
    assert.equal(log.lastStableOffset, log.highWatermark)
    await producer.disconnect()
    const seen = await read(
      '--topic transactions --from-beginning --isolation-level read_committed --max-messages 500',
    )
    assert.equal(seen.filter(line => line.length === 100).length, 500)
  })

  test('settings of topics, of the broker and SCRAM users are changed and told', async () => {
    await tool('topics', '--create --topic configured')
    await tool(
      'configs',
      '--alter --entity-type topics --entity-name configured --add-config retention.ms=60000,cleanup.policy=compact',
    )
    const topic = '--entity-type topics --entity-name configured'
    assert.match(await tool('configs', `--describe ${topic}`), /retention\.ms=60000/)
    await tool('configs', `--alter ${topic} --delete-config retention.ms`)
    const left = await tool('configs', `--describe ${topic}`)
    assert.doesNotMatch(left, /retention\.ms=60000/)
    assert.match(left, /cleanup\.policy=compact/)
    await tool(
      'configs',
      '--alter --entity-type brokers --entity-name 0 --add-config log.retention.ms=7200000',
    )
    assert.match(
      await tool('configs', '--describe --entity-type brokers --entity-name 0'),
      /log\.retention\.ms=7200000/,
    )
    await tool(
      'configs',
      '--alter --entity-type users --entity-name alice --add-config SCRAM-SHA-256=[password=alice-secret]',
    )
    assert.match(
      await tool('configs', '--describe --entity-type users --entity-name alice'),
      /SCRAM-SHA-256=iterations=4096/,
    )
    await tool('configs', '--alter --entity-type users --entity-name alice --delete-config SCRAM-SHA-256')
    assert.doesNotMatch(await tool('configs', '--describe --entity-type users --entity-name alice'), /SCRAM/)
  })

  test('what only a cluster, an authorizer or newer groups would do is told or refused as by a Kafka of one node', async () => {
    await tool('topics', '--create --topic single --partitions 2')
    assert.match(await tool('acls', '--list', { code: 1 }), /SecurityDisabledException/)
    assert.match(await tool('metadata-quorum', 'describe --status'), /LeaderId: +0\n/)
    assert.match(await tool('metadata-quorum', 'describe --replication'), /^0\s.*Leader/m)
    assert.match(
      await tool('leader-election', '--election-type preferred --topic single --partition 0'),
      /Valid replica already elected for partitions single-0/,
    )
    assert.match(await tool('leader-election', '--election-type preferred --all-topic-partitions'), /^\s*$/)
    assert.match(await tool('reassign-partitions', '--list'), /No partition reassignments found/)
    const moves = (name: string, replicas: number[]) => {
      const file = join(directory, `${name}.json`)
      const partitions = [{ topic: 'single', partition: 0, replicas }]
      writeFileSync(file, JSON.stringify({ version: 1, partitions }))
      return `--execute --reassignment-json-file ${file}`
    }
    assert.match(
      await tool('reassign-partitions', moves('stays', [0])),
      /Successfully started partition reassignment/,
    )
    assert.match(await tool('reassign-partitions', moves('goes', [7]), { code: 1 }), /Unknown broker id 7/)
    await tool('features', 'describe')
    assert.match(await tool('features', 'upgrade --feature group.version=1', { code: 1 }), /has no features/)
    assert.doesNotMatch(await tool('client-metrics', '--list'), /Error/)
    assert.match(
      await tool(
        'configs',
        '--alter --entity-type users --entity-name alice --add-config producer_byte_rate=1',
        { code: 1 },
      ),
      /enforces no quotas/,
    )
    assert.match(
      await tool('configs', '--describe --entity-type groups --entity-name g'),
      /doesn't have dynamic config/,
    )
    assert.match(await tool('any-groups', '--list'), /GROUP/)
    assert.doesNotMatch(await tool('share-groups', '--list'), /Error/)
  })

  test('records are deleted, directories, versions, offsets and the cluster are told', async () => {
    await tool('topics', '--create --topic told')
    await tool('produce', '--topic told --sync --timeout 0', { input: `${texts(0, 10).join('\n')}\n` })
    const file = join(directory, 'delete.json')
    writeFileSync(file, '{"partitions":[{"topic":"told","partition":0,"offset":4}],"version":1}')
    assert.match(await tool('delete-records', `--offset-json-file ${file}`), /low_watermark: 4/)
    assert.match(await tool('get-offsets', '--topic told --time earliest'), /told:0:4/)
    assert.match(await tool('get-offsets', '--topic told --time latest'), /told:0:10/)
    assert.match(await tool('get-offsets', '--topic told --time max-timestamp'), /told:0:\d/)
    assert.match(await tool('log-dirs', '--describe --topic-list told'), /"partition":"told-0","size":\d+/)
    assert.match(await tool('api-versions', ''), /Produce\(0\): 0 to 11 \[usable: 11\]/)
    assert.match(
      await tools.run(mains['cluster']!, ['cluster-id', '--bootstrap-server', broker.bootstrap]),
      /Cluster ID: \S+/,
    )
  })
})

describe('the tools of Kafka 0.10.2.1', { skip: skipWithoutPeers }, () => {
  test('console clients, and the groups of the new consumer', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-old-tools-'))
    await using stack = new AsyncDisposableStack()
    stack.defer(() => rmSync(directory, { recursive: true, force: true }))
    const broker = await startBroker(directory)
    stack.defer(() => broker.stop())
    const tools = stack.use(await startTools('kafka-0.10.2.1', directory))
    const old = (main: string, words: string, options = {}) => tools.run(main, words.split(' '), options)
    await old(
      'kafka.tools.ConsoleProducer',
      `--broker-list ${broker.bootstrap} --topic old --sync --timeout 0`,
      {
        input: `${texts(0, 20).join('\n')}\n`,
      },
    )
    const consumer = join(directory, 'consumer.properties')
    writeFileSync(consumer, 'group.id=old\n')
    const printed = await old(
      'kafka.tools.ConsoleConsumer',
      `--bootstrap-server ${broker.bootstrap} --topic old --from-beginning --max-messages 20 --consumer.config ${consumer}`,
    )
    assert.deepEqual(printed.match(/^\d+$/gm), texts(0, 20))
    const groups = `--new-consumer --bootstrap-server ${broker.bootstrap}`
    assert.match(await old('kafka.admin.ConsumerGroupCommand', `${groups} --list`), /^old$/m)
    assert.match(await old('kafka.admin.ConsumerGroupCommand', `${groups} --describe --group old`), /old/)
    const offsets = `--broker-list ${broker.bootstrap} --topic old --time`
    assert.match(await old('kafka.tools.GetOffsetShell', `${offsets} -1`), /^old:0:20$/m)
    assert.match(await old('kafka.tools.GetOffsetShell', `${offsets} -2`), /^old:0:0$/m)
    const versions = await old(
      'kafka.admin.BrokerApiVersionsCommand',
      `--bootstrap-server ${broker.bootstrap}`,
    )
    assert.match(versions, /Produce\(0\): 0 to 11 \[usable: 2\]/)
  })
})
