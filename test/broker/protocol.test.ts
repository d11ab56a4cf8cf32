// What the broker says on the wire: every version of what it offers, and requests that are wrong.
import assert from 'node:assert/strict'
import test from 'node:test'
import { apiTable } from '../../src/broker/api-table.ts'
import { crc32c } from '../../src/wire/kafka/crc32c.ts'
import { errorCodes } from '../../src/wire/kafka/error-codes.ts'
import { zeroUuid } from '../../src/wire/kafka/fields.ts'
import { apiVersions } from '../../src/wire/kafka/messages/api-versions.ts'
import { createPartitions } from '../../src/wire/kafka/messages/create-partitions.ts'
import { createTopics } from '../../src/wire/kafka/messages/create-topics.ts'
import { deleteTopics } from '../../src/wire/kafka/messages/delete-topics.ts'
import { describeCluster } from '../../src/wire/kafka/messages/describe-cluster.ts'
import { describeConfigs } from '../../src/wire/kafka/messages/describe-configs.ts'
import { fetch } from '../../src/wire/kafka/messages/fetch.ts'
import { listOffsets } from '../../src/wire/kafka/messages/list-offsets.ts'
import { metadata } from '../../src/wire/kafka/messages/metadata.ts'
import { offsetForLeaderEpoch } from '../../src/wire/kafka/messages/offset-for-leader-epoch.ts'
import { produce } from '../../src/wire/kafka/messages/produce.ts'
import { writeRecords } from '../../src/wire/kafka/record-set.ts'
import { withBroker, type RunningBroker } from './running-broker.ts'
import { WireClient } from './wire-client.ts'
import { readRecords } from '../at-once.ts'

const withClient = (
  run: (client: WireClient, running: RunningBroker) => Promise<void>,
  overrides: Readonly<Record<string, string>> = {},
) =>
  withBroker(async running => {
    const client = await WireClient.connect(running.broker.port)
    try {
      await run(client, running)
    } finally {
      client.close()
    }
  }, overrides)

const newTopic = (
  name: string,
  numPartitions = 1,
  configs: { name: string; value: string | null }[] = [],
) => ({
  name,
  numPartitions,
  replicationFactor: 1,
  assignments: [],
  configs,
})
const record = (value: string, timestamp = 1000) => ({ timestamp, key: null, value: Buffer.from(value) })

const produceTo = (topic: string, records: Buffer, acks = -1) => ({
  acks,
  timeoutMs: 1000,
  topicData: [{ name: topic, partitionData: [{ index: 0, records }] }],
})
const fetchFrom = (
  topic: string,
  fetchOffset: number,
  more: { maxWaitMs?: number; minBytes?: number; maxBytes?: number } = {},
) => ({
  maxWaitMs: 0,
  minBytes: 1,
  ...more,
  topics: [
    { topic, partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: more.maxBytes ?? 1048576 }] },
  ],
  forgottenTopicsData: [],
})

test('ApiVersions tells the table in every version, and answers a version it does not know in version 0', () =>
  withClient(async client => {
    for (let version = 0; version <= 4; version++) {
      const answer = await client.ask(apiVersions, version, {
        clientSoftwareName: 'test',
        clientSoftwareVersion: '1',
      })
      assert.equal(answer.errorCode, 0)
      assert.deepEqual(
        answer.apiKeys,
        apiTable.map(({ api, first, last }) => ({ apiKey: api.key, minVersion: first, maxVersion: last })),
      )
    }
    const bytes = apiVersions.encodeRequest({ version: 4, correlationId: 7, clientId: null, body: {} })
    bytes.writeInt16BE(99, 6)
    const { body } = apiVersions.decodeResponse(4, await client.raw(bytes))
    assert.equal(body.errorCode, errorCodes.UNSUPPORTED_VERSION)
    assert.ok(body.apiKeys.some(({ apiKey }) => apiKey === apiVersions.key))
  }))

test('a version or an API that is not served, a size beyond the limit, and bytes that are no request end the connection', async () => {
  // One broker each: complaints are told once a second.
  const refused = (bytes: Buffer, said: RegExp) =>
    withBroker(async running => {
      const client = await WireClient.connect(running.broker.port)
      await assert.rejects(client.raw(bytes), /closed the connection/)
      await client.closed
      assert.match(running.lines.splice(0).join('\n'), said)
    })
  const version = metadata.encodeRequest({
    version: 0,
    correlationId: 1,
    clientId: null,
    body: { topics: [] },
  })
  version.writeInt16BE(50, 6)
  await refused(version, /Metadata is served in the versions 0 to 13, and version 50/)
  const key = Buffer.from(version)
  key.writeInt16BE(999, 4)
  await refused(key, /the broker has no API 999/)
  const large = Buffer.alloc(8)
  large.writeInt32BE(2_000_000_000, 0)
  await refused(large, /claims 2000000000 bytes, and 8 to 104857600 are allowed/)
  await refused(Buffer.from('GET / HTTP/1.1\r\n\r\n'), /its first bytes look like HTTP, .*: correct the port/)
  await refused(Buffer.from('SSH-2.0-OpenSSH_9.9\r\n'), /its first bytes look like SSH/)
  await refused(
    Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1]),
    /its first bytes look like TLS, .*security\.protocol/,
  )
  await refused(Buffer.from('What is this?'), /is this a Kafka client\?/)
  const broken = Buffer.from(version)
  broken.writeInt16BE(1, 6)
  broken.writeInt32BE(1000, broken.length - 4)
  await refused(broken, /cannot be understood: not a valid Metadata v1 request, field topics/)
})

test('Metadata in every version: names that are there, missing, not allowed, and made by asking', () =>
  withClient(
    async client => {
      await client.ask(createTopics, 0, { topics: [newTopic('known', 2)] })
      for (let version = 0; version <= 13; version++) {
        const answer = await client.ask(metadata, version, {
          topics: [{ name: 'known' }, { name: 'no/name' }, { name: `made-${version}` }],
        })
        const [known, wrong, made] = answer.topics
        assert.deepEqual(
          known!.partitions.map(({ partitionIndex, leaderId, isrNodes }) => [
            partitionIndex,
            leaderId,
            isrNodes,
          ]),
          [
            [0, 5, [5]],
            [1, 5, [5]],
          ],
        )
        assert.equal(wrong!.errorCode, errorCodes.INVALID_TOPIC_EXCEPTION)
        assert.equal(made!.errorCode, 0)
        assert.equal(made!.partitions.length, 3, 'num.partitions')
        if (version >= 1) assert.equal(answer.controllerId, 5)
      }
      const all = await client.ask(metadata, 0, { topics: [] })
      assert.equal(all.topics.length, 15)
      assert.equal((await client.ask(metadata, 1, { topics: [] })).topics.length, 0)
      assert.equal((await client.ask(metadata, 4, { topics: null })).topics.length, 15)
      const silent = await client.ask(metadata, 4, {
        topics: [{ name: 'not' }],
        allowAutoTopicCreation: false,
      })
      assert.equal(silent.topics[0]!.errorCode, errorCodes.UNKNOWN_TOPIC_OR_PARTITION)
      const { topicId } = (await client.ask(metadata, 12, { topics: [{ name: 'known' }] })).topics[0]!
      const byId = await client.ask(metadata, 12, { topics: [{ name: null, topicId }] })
      assert.equal(byId.topics[0]!.name, 'known')
      for (const version of [0, 1]) {
        const cluster = await client.ask(describeCluster, version, {
          includeClusterAuthorizedOperations: false,
        })
        assert.equal(cluster.clusterId, all.clusterId ?? cluster.clusterId)
        assert.equal(cluster.brokers[0]!.host, '127.0.0.1')
      }
    },
    { 'num.partitions': '3', 'broker.id': '5' },
  ))

test('topics are not made by asking where auto.create.topics.enable is false', () =>
  withClient(
    async client => {
      const { topics } = await client.ask(metadata, 0, { topics: [{ name: 'x' }] })
      assert.equal(topics[0]!.errorCode, errorCodes.UNKNOWN_TOPIC_OR_PARTITION)
    },
    { 'auto.create.topics.enable': 'false' },
  ))

test('CreateTopics, CreatePartitions, DescribeConfigs and DeleteTopics in every version, each topic with an answer of its own', () =>
  withClient(async client => {
    for (let version = 0; version <= 7; version++) {
      const { topics } = await client.ask(createTopics, version, {
        topics: [
          newTopic(`t${version}`, 2, [{ name: 'retention.ms', value: '5000' }]),
          newTopic('bad name'),
          newTopic(`none${version}`, 0),
          { ...newTopic(`many${version}`), replicationFactor: 2 },
          newTopic(`odd${version}`, 1, [{ name: 'no.such', value: '1' }]),
          { ...newTopic(`default${version}`), numPartitions: -1, replicationFactor: -1 },
        ],
      })
      assert.deepEqual(
        topics.map(one => one.errorCode),
        [
          0,
          errorCodes.INVALID_TOPIC_EXCEPTION,
          errorCodes.INVALID_PARTITIONS,
          errorCodes.INVALID_REPLICATION_FACTOR,
          errorCodes.INVALID_CONFIG,
          0,
        ],
      )
      const again = await client.ask(createTopics, version, { topics: [newTopic(`t${version}`)] })
      assert.equal(again.topics[0]!.errorCode, errorCodes.TOPIC_ALREADY_EXISTS)
    }
    const dry = await client.ask(createTopics, 7, { topics: [newTopic('dry')], validateOnly: true })
    assert.equal(dry.topics[0]!.errorCode, 0)
    for (let version = 0; version <= 3; version++) {
      const grow = (count: number) =>
        client.ask(createPartitions, version, {
          topics: [{ name: 't1', count, assignments: null }],
          timeoutMs: 1000,
          validateOnly: false,
        })
      assert.equal((await grow(3 + version)).results[0]!.errorCode, 0)
      assert.equal((await grow(1)).results[0]!.errorCode, errorCodes.INVALID_PARTITIONS)
    }
    const { topics } = await client.ask(metadata, 1, { topics: [{ name: 't1' }, { name: 'dry' }] })
    assert.equal(topics[0]!.partitions.length, 6)
    for (let version = 0; version <= 4; version++) {
      const { results } = await client.ask(describeConfigs, version, {
        resources: [
          { resourceType: 2, resourceName: 't1', configurationKeys: ['retention.ms', 'segment.bytes'] },
          { resourceType: 2, resourceName: 'none', configurationKeys: null },
          { resourceType: 4, resourceName: '0', configurationKeys: null },
        ],
      })
      assert.deepEqual(
        results[0]!.configs.map(({ name, value }) => [name, value]),
        [
          ['retention.ms', '5000'],
          ['segment.bytes', '1073741824'],
        ],
      )
      assert.equal(results[1]!.errorCode, errorCodes.UNKNOWN_TOPIC_OR_PARTITION)
      assert.ok(results[2]!.configs.some(({ name }) => name === 'num.partitions'))
    }
    for (let version = 0; version <= 6; version++) {
      const { responses } = await client.ask(deleteTopics, version, {
        topicNames: [`t${version}`, 'never'],
        topics: version < 6 ? [] : [`t${version}`, 'never'].map(name => ({ name, topicId: zeroUuid })),
        timeoutMs: 1000,
      })
      assert.deepEqual(
        responses.map(one => one.errorCode),
        [0, errorCodes.UNKNOWN_TOPIC_OR_PARTITION],
      )
    }
    const left = await client.ask(metadata, 4, { topics: [{ name: 't1' }], allowAutoTopicCreation: false })
    assert.equal(left.topics[0]!.errorCode, errorCodes.UNKNOWN_TOPIC_OR_PARTITION)
  }))

test('what every Produce version writes, every Fetch version reads', () =>
  withClient(async client => {
    await client.ask(createTopics, 0, { topics: [newTopic('p')] })
    const expected: string[] = []
    for (let version = 0; version <= 11; version++)
      for (const codec of ['none', 'gzip'] as const) {
        const values = [`v${version}-${codec}-a`, `v${version}-${codec}-b`]
        const magic = version >= 3 ? 2 : version === 2 ? 1 : 0
        const records = writeRecords(
          values.map(value => record(value)),
          { magic, codec },
        )
        const { responses } = await client.ask(
          produce,
          version,
          produceTo('p', records, version % 2 === 0 ? -1 : 1),
        )
        const answer = responses[0]!.partitionResponses[0]!
        assert.equal(answer.errorCode, 0, `${version} ${codec} ${answer.errorMessage}`)
        assert.equal(answer.baseOffset, expected.length)
        expected.push(...values)
      }
    for (let version = 0; version <= 12; version++) {
      const answer = await client.ask(fetch, version, fetchFrom('p', 1))
      const partition = answer.responses[0]!.partitions[0]!
      assert.equal(partition.errorCode, 0)
      assert.equal(partition.highWatermark, expected.length)
      const { records } = readRecords(partition.records!, 1)
      assert.deepEqual(
        records.map(one => String(one.value)),
        expected.slice(1),
        `version ${version}`,
      )
      assert.deepEqual(
        records.map(one => one.offset),
        expected.slice(1).map((_, index) => index + 1),
      )
      if (version < 4)
        assert.equal(partition.records![16], version >= 2 ? 1 : 0, 'an old client gets its own format')
    }
    const beyond = await client.ask(fetch, 4, fetchFrom('p', 1000))
    assert.equal(beyond.responses[0]!.partitions[0]!.errorCode, errorCodes.OFFSET_OUT_OF_RANGE)
    const session = await client.ask(fetch, 7, { ...fetchFrom('p', 0), sessionId: 12, sessionEpoch: 1 })
    assert.equal(session.errorCode, errorCodes.FETCH_SESSION_ID_NOT_FOUND)
  }))

test('Produce refuses what is damaged, too large, or not one batch; acks=0 is not answered', () =>
  withClient(
    async (client, running) => {
      await client.ask(createTopics, 0, { topics: [newTopic('p')] })
      const codeOf = async (records: Buffer, version = 7, acks = -1, topic = 'p') =>
        (await client.ask(produce, version, produceTo(topic, records, acks))).responses[0]!
          .partitionResponses[0]!.errorCode
      const good = writeRecords([record('x')])
      const damaged = Buffer.from(good)
      damaged[damaged.length - 1]! ^= 1
      assert.equal(await codeOf(damaged), errorCodes.CORRUPT_MESSAGE)
      assert.equal(await codeOf(good.subarray(0, 65)), errorCodes.INVALID_RECORD)
      assert.equal(await codeOf(Buffer.concat([good, good])), errorCodes.INVALID_RECORD)
      // A right checksum over what are no records.
      const withRecords = (attributes: number, count: number, records: Buffer): Buffer => {
        const batch = Buffer.concat([good.subarray(0, 61), records])
        batch.writeInt32BE(batch.length - 12, 8)
        batch.writeInt16BE(attributes, 21)
        batch.writeInt32BE(count - 1, 23)
        batch.writeInt32BE(count, 57)
        batch.writeUInt32BE(crc32c(batch, 21), 17)
        return batch
      }
      const noRecords = Buffer.from('deadbeefdeadbeef', 'hex')
      for (const wrong of [
        withRecords(0, 3, noRecords),
        withRecords(0, 2 ** 31 - 1, Buffer.alloc(0)),
        withRecords(0, 2, good.subarray(61)),
        withRecords(0, 1, Buffer.concat([good.subarray(61), noRecords])),
        withRecords(0, 2, Buffer.concat([good.subarray(61), good.subarray(61)])),
      ])
        assert.equal(await codeOf(wrong), errorCodes.INVALID_RECORD)
      assert.equal(await codeOf(withRecords(1, 3, noRecords)), errorCodes.UNKNOWN_SERVER_ERROR)
      assert.equal(await codeOf(withRecords(5, 3, noRecords)), errorCodes.UNKNOWN_SERVER_ERROR)
      assert.equal(await codeOf(writeRecords([record('y'.repeat(3000))])), errorCodes.MESSAGE_TOO_LARGE)
      assert.equal(await codeOf(good, 7, 5), errorCodes.INVALID_REQUIRED_ACKS)
      assert.equal(await codeOf(good, 7, 1, 'none'), errorCodes.UNKNOWN_TOPIC_OR_PARTITION)
      const zstd = writeRecords([record('z')], { codec: 'zstd' })
      assert.equal(await codeOf(zstd, 6), errorCodes.UNSUPPORTED_COMPRESSION_TYPE)
      assert.equal(running.broker.topics.partition('p', 0)!.nextOffset, 0, 'nothing of it was written')
      client.tell(produce, 7, produceTo('p', good, 0))
      assert.equal(await codeOf(Buffer.from(writeRecords([record('x')]))), 0)
      assert.equal(running.broker.topics.partition('p', 0)!.highWatermark, 2)
    },
    { 'message.max.bytes': '2000' },
  ))

test('Fetch waits for records, no longer than asked, gives at least one batch and not more than its limits', () =>
  withClient(async (client, running) => {
    await client.ask(createTopics, 0, { topics: [newTopic('f')] })
    const empty = await client.ask(fetch, 11, fetchFrom('f', 0, { maxWaitMs: 20 }))
    assert.equal(empty.responses[0]!.partitions[0]!.records!.length, 0)
    const waiting = client.ask(fetch, 11, fetchFrom('f', 0, { maxWaitMs: 60_000 }))
    const writer = await WireClient.connect(running.broker.port)
    await writer.ask(produce, 7, produceTo('f', writeRecords([record('first')])))
    const { records } = readRecords((await waiting).responses[0]!.partitions[0]!.records!)
    assert.deepEqual(
      records.map(one => String(one.value)),
      ['first'],
    )
    for (let index = 0; index < 5; index++)
      await writer.ask(produce, 7, produceTo('f', writeRecords([record('z'.repeat(1000))])))
    writer.close()
    const sizes = async (maxBytes: number) =>
      readRecords(
        (await client.ask(fetch, 11, fetchFrom('f', 1, { maxBytes }))).responses[0]!.partitions[0]!.records!,
      ).records.length
    assert.equal(await sizes(1), 1)
    assert.equal(await sizes(2500), 2)
    assert.equal(await sizes(1_000_000), 5)
  }))

test('ListOffsets finds the ends, a time, and what version 0 asks for; epochs are checked', () =>
  withClient(async client => {
    await client.ask(createTopics, 0, { topics: [newTopic('l')] })
    for (const time of [100, 200, 300])
      await client.ask(produce, 7, produceTo('l', writeRecords([record('a', time), record('b', time + 50)])))
    const at = async (timestamp: number, version: number) => {
      const { topics } = await client.ask(listOffsets, version, {
        topics: [{ name: 'l', partitions: [{ partitionIndex: 0, timestamp }] }],
      })
      const { offset, errorCode } = topics[0]!.partitions[0]!
      assert.equal(errorCode, 0)
      return offset
    }
    for (let version = 1; version <= 8; version++) {
      assert.equal(await at(-1, version), 6)
      assert.equal(await at(-2, version), 0)
      assert.equal(await at(201, version), 3)
      assert.equal(await at(300, version), 4)
      assert.equal(await at(9999, version), -1)
    }
    assert.equal(await at(-3, 7), 5)
    // From which version on each special time is known; nothing is in a remote store (-5).
    const since = { '-3': 7, '-4': 8, '-5': 9, '-6': Infinity, '-7': Infinity }
    const offsets = { '-3': 5, '-4': 0, '-5': -1 }
    for (const [time, first] of Object.entries(since))
      for (let version = 1; version <= 10; version++) {
        const { topics } = await client.ask(listOffsets, version, {
          topics: [{ name: 'l', partitions: [{ partitionIndex: 0, timestamp: Number(time) }] }],
        })
        const { offset, errorCode } = topics[0]!.partitions[0]!
        const expected =
          version < first
            ? [-1, errorCodes.UNSUPPORTED_VERSION]
            : [offsets[time as keyof typeof offsets], errorCodes.NONE]
        assert.deepEqual([offset, errorCode], expected, `time ${time} in version ${version}`)
      }
    const old = await client.ask(listOffsets, 0, {
      topics: [{ name: 'l', partitions: [{ partitionIndex: 0, timestamp: -1, maxNumOffsets: 5 }] }],
    })
    assert.deepEqual(old.topics[0]!.partitions[0]!.oldStyleOffsets, [6, 0])
    for (let version = 0; version <= 4; version++) {
      const epochs = await client.ask(offsetForLeaderEpoch, version, {
        topics: [{ topic: 'l', partitions: [{ partition: 0, leaderEpoch: 0 }] }],
      })
      assert.equal(epochs.topics[0]!.partitions[0]!.endOffset, 6)
    }
    const wrong = await client.ask(fetch, 12, {
      ...fetchFrom('l', 0),
      topics: [
        {
          topic: 'l',
          partitions: [{ partition: 0, fetchOffset: 0, currentLeaderEpoch: 3, partitionMaxBytes: 1 }],
        },
      ],
    })
    assert.equal(wrong.responses[0]!.partitions[0]!.errorCode, errorCodes.UNKNOWN_LEADER_EPOCH)
  }))
