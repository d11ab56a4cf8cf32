// What tools change: settings of topics and of the broker, the start of a log, positions of groups; and what
// records must keep then.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import test from 'node:test'
import type { Clock } from '../../src/system/clock.ts'
import { realSystem } from '../../src/system/system.ts'
import { errorCodes, kafkaError } from '../../src/wire/kafka/error-codes.ts'
import { alterConfigs } from '../../src/wire/kafka/messages/alter-configs.ts'
import { createPartitions } from '../../src/wire/kafka/messages/create-partitions.ts'
import { deleteTopics } from '../../src/wire/kafka/messages/delete-topics.ts'
import { metadata } from '../../src/wire/kafka/messages/metadata.ts'
import { createTopics } from '../../src/wire/kafka/messages/create-topics.ts'
import { deleteRecords } from '../../src/wire/kafka/messages/delete-records.ts'
import { describeConfigs } from '../../src/wire/kafka/messages/describe-configs.ts'
import { describeLogDirs } from '../../src/wire/kafka/messages/describe-log-dirs.ts'
import { fetch } from '../../src/wire/kafka/messages/fetch.ts'
import { incrementalAlterConfigs } from '../../src/wire/kafka/messages/incremental-alter-configs.ts'
import { offsetCommit } from '../../src/wire/kafka/messages/offset-commit.ts'
import { deleteGroups } from '../../src/wire/kafka/messages/delete-groups.ts'
import { describeGroups } from '../../src/wire/kafka/messages/describe-groups.ts'
import { listGroups } from '../../src/wire/kafka/messages/list-groups.ts'
import { offsetDelete } from '../../src/wire/kafka/messages/offset-delete.ts'
import { offsetFetch } from '../../src/wire/kafka/messages/offset-fetch.ts'
import { produce } from '../../src/wire/kafka/messages/produce.ts'
import { writeRecords } from '../../src/wire/kafka/record-set.ts'
import { inDirectory, startBroker, withBroker, type RunningBroker } from './running-broker.ts'
import { WireClient } from './wire-client.ts'
import { readRecords } from '../at-once.ts'

const types = { topic: 2, broker: 4 } as const
const operations = { set: 0, delete: 1, append: 2, subtract: 3 } as const
const nameOf = (code: number): string => kafkaError(code).name

/** The requests of a tool, with the names of errors in place of their numbers. */
class Tool {
  readonly #wire: WireClient

  private constructor(wire: WireClient) {
    this.#wire = wire
  }

  static async of({ broker }: RunningBroker): Promise<Tool> {
    return new Tool(await WireClient.connect(broker.port))
  }

  get wire(): WireClient {
    return this.#wire
  }

  close(): void {
    this.#wire.close()
  }

  async create(name: string, configs: Record<string, string> = {}): Promise<string> {
    const { topics } = await this.#wire.ask(createTopics, 5, {
      topics: [
        {
          name,
          numPartitions: 1,
          replicationFactor: 1,
          assignments: [],
          configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
        },
      ],
    })
    return nameOf(topics[0]!.errorCode)
  }

  async send(
    topic: string,
    records: readonly { key?: string; value: string | null; timestamp?: number }[],
  ): Promise<string> {
    const bytes = writeRecords(
      records.map(({ key, value, timestamp = Date.now() }) => ({
        timestamp,
        key: key === undefined ? null : Buffer.from(key),
        value: value === null ? null : Buffer.from(value),
      })),
    )
    const { responses } = await this.#wire.ask(produce, 8, {
      acks: -1,
      timeoutMs: 1000,
      topicData: [{ name: topic, partitionData: [{ index: 0, records: bytes }] }],
    })
    return nameOf(responses[0]!.partitionResponses[0]!.errorCode)
  }

  async read(topic: string, fetchOffset: number) {
    const { responses } = await this.#wire.ask(fetch, 11, {
      maxWaitMs: 0,
      minBytes: 1,
      topics: [{ topic, partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: 1e6 }] }],
      forgottenTopicsData: [],
    })
    const { errorCode, logStartOffset, records } = responses[0]!.partitions[0]!
    return { error: nameOf(errorCode), logStartOffset, bytes: records! }
  }

  async change(
    resourceType: number,
    resourceName: string,
    configs: readonly (readonly [name: string, operation: number, value: string | null])[],
    validateOnly = false,
  ): Promise<string> {
    const { responses } = await this.#wire.ask(incrementalAlterConfigs, 1, {
      resources: [
        {
          resourceType,
          resourceName,
          configs: configs.map(([name, configOperation, value]) => ({ name, configOperation, value })),
        },
      ],
      validateOnly,
    })
    const { errorCode, errorMessage } = responses[0]!
    return errorCode === 0 ? 'NONE' : `${nameOf(errorCode)}: ${errorMessage}`
  }

  async describe(resourceType: number, resourceName: string, name: string) {
    const { results } = await this.#wire.ask(describeConfigs, 4, {
      resources: [{ resourceType, resourceName, configurationKeys: [name] }],
      includeSynonyms: true,
      includeDocumentation: true,
    })
    const config = results[0]!.configs[0]
    return config === undefined ? null : { value: config.value, source: config.configSource, config }
  }
}

const withTool = (
  run: (tool: Tool, running: RunningBroker) => Promise<void>,
  overrides: Readonly<Record<string, string>> = {},
) =>
  withBroker(async running => {
    const tool = await Tool.of(running)
    try {
      await run(tool, running)
    } finally {
      tool.close()
    }
  }, overrides)

test('records are deleted up to an offset, for good', () =>
  inDirectory(async directory => {
    let running = await startBroker(directory, { 'log.segment.bytes': '200' })
    let tool = await Tool.of(running)
    await tool.create('t')
    for (let number = 0; number < 10; number++) await tool.send('t', [{ value: `value ${number}` }])
    const remove = async (offset: number, partitionIndex = 0, version = 2) => {
      const { topics } = await tool.wire.ask(deleteRecords, version, {
        topics: [{ name: 't', partitions: [{ partitionIndex, offset }] }],
        timeoutMs: 1000,
      })
      const { errorCode, lowWatermark } = topics[0]!.partitions[0]!
      return errorCode === 0 ? lowWatermark : nameOf(errorCode)
    }
    assert.equal(await remove(11), 'OFFSET_OUT_OF_RANGE')
    assert.equal(await remove(-2), 'OFFSET_OUT_OF_RANGE')
    assert.equal(await remove(1, 1), 'UNKNOWN_TOPIC_OR_PARTITION')
    assert.equal(await remove(5, 0, 0), 5)
    assert.equal(await remove(3, 0, 1), 5, 'the start never goes back')
    const partition = running.broker.topics.partition('t', 0)!
    assert.ok(partition.segmentStarts[0]! > 0, 'segments before it are gone')
    for (const start of [0, 1]) {
      assert.equal((await tool.read('t', 4)).error, 'OFFSET_OUT_OF_RANGE', `start ${start}`)
      const { error, logStartOffset, bytes } = await tool.read('t', 5)
      assert.deepEqual([error, logStartOffset], ['NONE', 5])
      assert.equal(String(readRecords(bytes, 5).records[0]!.value), 'value 5')
      if (start === 1) break
      tool.close()
      await running.stop()
      running = await startBroker(directory)
      tool = await Tool.of(running)
    }
    assert.equal(await remove(-1), 10, 'all of it')
    assert.equal((await tool.read('t', 10)).error, 'NONE')
    assert.equal(await tool.send('t', [{ value: 'next' }]), 'NONE')
    assert.equal(String(readRecords((await tool.read('t', 10)).bytes, 10).records[0]!.value), 'next')
    tool.close()
    await running.stop()
  }))

test('settings of a topic are set, deleted, appended to and replaced, checked as a whole, and kept', () =>
  inDirectory(async directory => {
    let running = await startBroker(directory)
    let tool = await Tool.of(running)
    assert.equal(await tool.create('t', { 'retention.ms': '5000' }), 'NONE')
    assert.equal(await tool.create('u', { 'retention.msec': '5000' }), 'INVALID_CONFIG')
    const { set, append, subtract } = operations
    assert.equal(await tool.change(types.topic, 't', [['max.message.bytes', set, '100']]), 'NONE')
    assert.equal(await tool.send('t', [{ value: 'x'.repeat(200) }]), 'MESSAGE_TOO_LARGE')
    assert.equal(
      await tool.change(types.topic, 't', [['max.message.bytes', operations.delete, null]]),
      'NONE',
    )
    assert.equal(await tool.send('t', [{ value: 'x'.repeat(200) }]), 'NONE')
    assert.equal(await tool.change(types.topic, 't', [['cleanup.policy', append, 'compact']]), 'NONE')
    assert.equal((await tool.describe(types.topic, 't', 'cleanup.policy'))!.value, 'delete,compact')
    assert.equal(await tool.change(types.topic, 't', [['cleanup.policy', subtract, 'delete']]), 'NONE')
    assert.equal((await tool.describe(types.topic, 't', 'cleanup.policy'))!.value, 'compact')
    const refused: [string, Parameters<Tool['change']>[2]][] = [
      ['INVALID_CONFIG: Unknown config name: x', [['x', set, '1']]],
      [
        'INVALID_CONFIG: retention.ms: "soon" is not a whole number; write a whole number, at least -1',
        [['retention.ms', set, 'soon']],
      ],
      [
        'INVALID_REQUEST: retention.ms stands twice in the request',
        [
          ['retention.ms', set, '1'],
          ['retention.ms', set, '2'],
        ],
      ],
      ['INVALID_REQUEST: retention.ms comes without a value', [['retention.ms', set, null]]],
      [
        'INVALID_CONFIG: retention.ms is no list that something could be added to or taken from',
        [['retention.ms', append, '1']],
      ],
      ['INVALID_REQUEST: 9 is no operation on retention.ms', [['retention.ms', 9, '1']]],
    ]
    for (const [said, changes] of refused)
      assert.equal(await tool.change(types.topic, 't', [['segment.ms', set, '77'], ...changes]), said)
    assert.equal(
      (await tool.describe(types.topic, 't', 'segment.ms'))!.source,
      5,
      'nothing of a refused change',
    )
    assert.match(await tool.change(types.topic, 'none', []), /^UNKNOWN_TOPIC_OR_PARTITION/)
    assert.equal(await tool.change(types.topic, 't', [['segment.ms', set, '77']], true), 'NONE')
    assert.equal((await tool.describe(types.topic, 't', 'segment.ms'))!.source, 5, 'only validated')
    tool.close()
    await running.stop()

    running = await startBroker(directory)
    tool = await Tool.of(running)
    assert.equal((await tool.describe(types.topic, 't', 'cleanup.policy'))!.value, 'compact')
    const replaced = await tool.wire.ask(alterConfigs, 2, {
      resources: [{ resourceType: 2, resourceName: 't', configs: [{ name: 'retention.bytes', value: '9' }] }],
      validateOnly: false,
    })
    assert.equal(replaced.responses[0]!.errorCode, 0)
    assert.equal((await tool.describe(types.topic, 't', 'cleanup.policy'))!.value, 'delete')
    const own = (await tool.describe(types.topic, 't', 'retention.bytes'))!
    assert.deepEqual(
      own.config.synonyms.map(({ name, value, source }) => [name, value, source]),
      [
        ['retention.bytes', '9', 1],
        ['log.retention.bytes', '-1', 5],
      ],
    )
    assert.match(own.config.documentation!, /oldest segments/)
    tool.close()
    await running.stop()
  }))

test('a topic that asks for more copies, or for a sync that the relaxed mode does not do, is warned of', () =>
  withTool(
    async (tool, { lines }) => {
      const { set } = operations
      await tool.create('copies', { 'min.insync.replicas': '2' })
      await tool.create('synced', { 'flush.messages': '1' })
      await tool.create('plain')
      assert.equal(await tool.change(types.topic, 'plain', [['min.insync.replicas', set, '1']]), 'NONE')
      assert.equal(await tool.change(types.topic, 'plain', [['min.insync.replicas', set, '3']]), 'NONE')
      assert.deepEqual(
        lines
          .filter(line => line.startsWith('WARN topic'))
          .map(line => line.split(': ').slice(0, 2).join(': ')),
        [
          'WARN topic copies: min.insync.replicas=2',
          'WARN topic synced: flush.messages',
          'WARN topic plain: min.insync.replicas=3',
        ],
      )
      assert.match(
        lines.find(line => line.startsWith('WARN topic copies'))!,
        /would refuse records of acks=all with NOT_ENOUGH_REPLICAS; this broker acknowledges them/,
      )
    },
    { 'millrace.durability': 'relaxed' },
  ))

test('settings of the broker change while it runs, for itself and for all, and stay changed', () =>
  inDirectory(async directory => {
    let running = await startBroker(directory, { 'message.max.bytes': '500' })
    let tool = await Tool.of(running)
    await tool.create('t')
    const large = [{ value: 'x'.repeat(800) }]
    assert.equal(await tool.send('t', large), 'MESSAGE_TOO_LARGE')
    const { set } = operations
    assert.equal(await tool.change(types.broker, '', [['message.max.bytes', set, '2000']]), 'NONE')
    assert.equal(await tool.send('t', large), 'NONE')
    assert.equal(await tool.change(types.broker, '0', [['message.max.bytes', set, '600']]), 'NONE')
    assert.equal(await tool.send('t', large), 'MESSAGE_TOO_LARGE')
    const described = (await tool.describe(types.broker, '0', 'message.max.bytes'))!
    assert.deepEqual(
      described.config.synonyms.map(({ value, source }) => [value, source]),
      [
        ['600', 2],
        ['2000', 3],
        ['500', 4],
        ['1048588', 5],
      ],
    )
    assert.match(
      await tool.change(types.broker, '0', [['num.partitions', set, '3']]),
      /^INVALID_REQUEST: Cannot update these configs dynamically: num.partitions; /,
    )
    assert.match(await tool.change(types.broker, '7', []), /^INVALID_REQUEST: this is broker 0, not "7"/)
    assert.match(await tool.change(8, '0', [['root', set, 'INFO']]), /^INVALID_CONFIG/)
    assert.match(await tool.change(99, '0', []), /^INVALID_REQUEST/)
    tool.close()
    await running.stop()
    running = await startBroker(directory, { 'message.max.bytes': '500' })
    tool = await Tool.of(running)
    assert.equal(await tool.send('t', large), 'MESSAGE_TOO_LARGE')
    assert.equal(
      await tool.change(types.broker, '0', [['message.max.bytes', operations.delete, null]]),
      'NONE',
    )
    assert.equal(await tool.send('t', large), 'NONE')
    tool.close()
    await running.stop()
  }))

test('a changed interval of the cleaner, and more connections, count without a restart', () =>
  inDirectory(async directory => {
    const { promise: isObeyed, resolve } = Promise.withResolvers<void>()
    const clock: Clock = {
      ...realSystem.clock,
      after(delayMs, run, options) {
        if (delayMs === 54_321) resolve()
        return realSystem.clock.after(delayMs, run, options)
      },
    }
    const running = await startBroker(
      directory,
      { 'log.cleaner.backoff.ms': '5', 'max.connections': '1' },
      { ...realSystem, clock },
    )
    const tool = await Tool.of(running)
    const { set } = operations
    assert.equal(await tool.change(types.broker, '0', [['log.cleaner.backoff.ms', set, '54321']]), 'NONE')
    await isObeyed
    const second = await Tool.of(running)
    const answered = second.create('t')
    assert.equal(await tool.change(types.broker, '0', [['max.connections', set, '2']]), 'NONE')
    assert.equal(await answered, 'NONE')
    tool.close()
    second.close()
    await running.stop()
  }))

test('times, keys and codecs: what a topic asks of its records', () =>
  withTool(async tool => {
    const now = Date.now()
    await tool.create('times', {
      'message.timestamp.before.max.ms': '60000',
      'message.timestamp.after.max.ms': '60000',
    })
    const at = (timestamp: number) =>
      tool.send('times', [
        { value: 'v', timestamp: now },
        { value: 'v', timestamp },
      ])
    assert.equal(await at(now), 'NONE')
    assert.equal(await at(now - 120_000), 'INVALID_TIMESTAMP')
    assert.equal(await at(now + 120_000), 'INVALID_TIMESTAMP')
    await tool.create('plain')
    assert.equal(await tool.send('plain', [{ value: 'v', timestamp: now + 7_200_000 }]), 'INVALID_TIMESTAMP')
    await tool.create('keyed', { 'cleanup.policy': 'compact' })
    assert.equal(await tool.send('keyed', [{ key: 'k', value: 'v' }, { value: 'v' }]), 'INVALID_RECORD')
    assert.equal(await tool.send('keyed', [{ key: 'k', value: null }]), 'NONE')
    for (const [type, codec] of Object.entries({ uncompressed: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 })) {
      await tool.create(type, { 'compression.type': type })
      assert.equal(await tool.send(type, [{ key: 'k', value: 'v'.repeat(500) }]), 'NONE')
      const { bytes } = await tool.read(type, 0)
      assert.equal(bytes.readInt16BE(21) & 7, codec, type)
      assert.equal(String(readRecords(bytes).records[0]!.value), 'v'.repeat(500))
    }
    assert.equal(await tool.create('odd', { 'compression.type': 'brotli' }), 'INVALID_CONFIG')
  }))

test('topics that would be taken for one another, and requests that name one twice, are refused', () =>
  withTool(async tool => {
    assert.equal(await tool.create('a_b'), 'NONE')
    assert.equal(await tool.create('a.b'), 'INVALID_TOPIC_EXCEPTION')
    const { topics } = await tool.wire.ask(metadata, 8, {
      topics: [{ name: 'a.b' }],
      allowAutoTopicCreation: true,
    })
    assert.equal(nameOf(topics[0]!.errorCode), 'INVALID_TOPIC_EXCEPTION')
    const twice = [0, 0].map(partitionIndex => ({ partitionIndex, brokerIds: [0] }))
    const assigned = await tool.wire.ask(createTopics, 5, {
      topics: [{ name: 'c', numPartitions: -1, replicationFactor: -1, assignments: twice, configs: [] }],
    })
    assert.equal(nameOf(assigned.topics[0]!.errorCode), 'INVALID_REPLICA_ASSIGNMENT')
    const grown = await tool.wire.ask(createPartitions, 2, {
      topics: [2, 3].map(count => ({ name: 'a_b', count, assignments: null })),
      timeoutMs: 1000,
      validateOnly: false,
    })
    assert.deepEqual(
      grown.results.map(({ errorCode }) => nameOf(errorCode)),
      ['INVALID_REQUEST'],
    )
    const deleted = await tool.wire.ask(deleteTopics, 5, { topicNames: ['a_b', 'a_b'], timeoutMs: 1000 })
    assert.deepEqual(
      deleted.responses.map(({ errorCode }) => nameOf(errorCode)),
      ['INVALID_REQUEST'],
    )
    assert.equal(await tool.create('a_b'), 'TOPIC_ALREADY_EXISTS', 'nothing was deleted')
    const { set } = operations
    assert.match(
      await tool.change(types.broker, '0', [['max.connections.per.ip.overrides', set, 'garbage']]),
      /^INVALID_CONFIG: max.connections.per.ip.overrides: "garbage" is not possible; write addresses and numbers/,
    )
    assert.match(
      await tool.change(types.topic, 'a_b', [['compression.gzip.level', set, '0']]),
      /^INVALID_CONFIG/,
    )
    const partitions = [{ partitionIndex: 0, committedOffset: 1, committedMetadata: null }]
    await tool.wire.ask(offsetCommit, 7, { groupId: 'g', topics: [{ name: 'a_b', partitions }] })
    assert.match(
      await tool.change(types.topic, '__consumer_offsets', [['cleanup.policy', set, 'delete']]),
      /^INVALID_CONFIG: cleanup.policy must stay compact/,
    )
  }))

test('log directories: what lies in each, and the room', () =>
  withTool(async (tool, { directory, broker }) => {
    await tool.create('t')
    await tool.send('t', [{ value: 'v' }])
    for (let version = 0; version <= 4; version++) {
      const { results } = await tool.wire.ask(describeLogDirs, version, { topics: null })
      const [{ logDir, topics, usableBytes, totalBytes, errorCode }] = results as [(typeof results)[0]]
      assert.deepEqual([errorCode, logDir], [0, join(directory, 'logs')])
      assert.deepEqual(topics, [
        {
          name: 't',
          partitions: [
            {
              partitionIndex: 0,
              partitionSize: broker.topics.partition('t', 0)!.sizeBytes,
              offsetLag: 0,
              isFutureKey: false,
            },
          ],
        },
      ])
      if (version === 4) assert.ok(usableBytes > 0 && totalBytes >= usableBytes)
    }
    const { results } = await tool.wire.ask(describeLogDirs, 4, { topics: [{ topic: 'u', partitions: [0] }] })
    assert.deepEqual(results[0]!.topics, [])
  }))

test('positions that nobody uses are deleted', () =>
  withTool(async (tool, running) => {
    await tool.create('t')
    const remove = async (groupId: string, name = 't') => {
      const answer = await tool.wire.ask(offsetDelete, 0, {
        groupId,
        topics: [{ name, partitions: [{ partitionIndex: 0 }] }],
      })
      return nameOf(answer.errorCode === 0 ? answer.topics[0]!.partitions[0]!.errorCode : answer.errorCode)
    }
    assert.equal(await remove('none'), 'GROUP_ID_NOT_FOUND')
    assert.equal(await remove(''), 'INVALID_GROUP_ID')
    const kafka = running.kafkajs()
    const consumer = kafka.consumer({ groupId: 'g' })
    await consumer.connect()
    await consumer.subscribe({ topic: 't', fromBeginning: true })
    const joined = new Promise(resolve => consumer.on(consumer.events.GROUP_JOIN, resolve))
    await consumer.run({ eachMessage: () => Promise.resolve() })
    await joined
    await consumer.commitOffsets([{ topic: 't', partition: 0, offset: '3' }])
    assert.equal(await remove('g'), 'GROUP_SUBSCRIBED_TO_TOPIC')
    await consumer.disconnect()
    assert.equal(await remove('g', 'none'), 'UNKNOWN_TOPIC_OR_PARTITION')
    assert.equal(await remove('g'), 'NONE')
    // Kafka keeps a group without positions until it next looks for those that have expired.
    const described = async () => {
      const { groups } = await tool.wire.ask(listGroups, 4, {})
      const [group] = (await tool.wire.ask(describeGroups, 6, { groups: ['g'] })).groups
      return [groups.some(one => one.groupId === 'g'), group!.errorCode, group!.groupState]
    }
    assert.deepEqual(await described(), [true, 0, 'Empty'])
    const { topics } = await tool.wire.ask(offsetFetch, 5, {
      groupId: 'g',
      topics: [{ name: 't', partitionIndexes: [0] }],
    })
    assert.equal(topics[0]!.partitions[0]!.committedOffset, -1)
    const position = { partitionIndex: 0, committedOffset: 1, committedMetadata: null }
    await tool.wire.ask(offsetCommit, 7, { groupId: 'g', topics: [{ name: 't', partitions: [position] }] })
    assert.equal(await remove('g'), 'NONE')
    const { results } = await tool.wire.ask(deleteGroups, 2, { groupsNames: ['g'] })
    assert.equal(results[0]!.errorCode, 0)
    assert.deepEqual(await described(), [false, errorCodes.GROUP_ID_NOT_FOUND, 'Dead'])
  }))
