// The codec against real brokers: every version of every API that both sides know, and record sets in
// every message format with every codec.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { ClientApi } from '../../src/wire/kafka/api.ts'
import { apiTable } from '../../src/broker/api-table.ts'
import { compressions } from '../../src/wire/kafka/compression.ts'
import { errorCodes, kafkaError } from '../../src/wire/kafka/error-codes.ts'
import { apiVersions } from '../../src/wire/kafka/messages/api-versions.ts'
import { consumerAssignment, consumerSubscription } from '../../src/wire/kafka/messages/consumer-protocol.ts'
import { createTopics } from '../../src/wire/kafka/messages/create-topics.ts'
import { fetch } from '../../src/wire/kafka/messages/fetch.ts'
import { findCoordinator } from '../../src/wire/kafka/messages/find-coordinator.ts'
import { heartbeat } from '../../src/wire/kafka/messages/heartbeat.ts'
import { initProducerId } from '../../src/wire/kafka/messages/init-producer-id.ts'
import { joinGroup } from '../../src/wire/kafka/messages/join-group.ts'
import { leaveGroup } from '../../src/wire/kafka/messages/leave-group.ts'
import { listOffsets } from '../../src/wire/kafka/messages/list-offsets.ts'
import { metadata } from '../../src/wire/kafka/messages/metadata.ts'
import { offsetCommit } from '../../src/wire/kafka/messages/offset-commit.ts'
import { offsetFetch } from '../../src/wire/kafka/messages/offset-fetch.ts'
import { produce } from '../../src/wire/kafka/messages/produce.ts'
import { saslHandshake } from '../../src/wire/kafka/messages/sasl-handshake.ts'
import { syncGroup } from '../../src/wire/kafka/messages/sync-group.ts'
import { magicOfProduce, writeRecords } from '../../src/wire/kafka/record-set.ts'
import { skipWithoutPeers, startKafka010, startKafka41, startZooKeeper } from './peers/peers.ts'
import { readRecords } from '../at-once.ts'

class Line {
  readonly #socket: Socket
  #waiting: { resolve: (answer: Buffer) => void; reject: (error: Error) => void }[] = []
  #received: Buffer = Buffer.alloc(0)

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('close', () => this.#waiting.forEach(({ reject }) => reject(new Error('the broker hung up'))))
    socket.on('data', part => {
      this.#received = Buffer.concat([this.#received, part])
      while (this.#received.length >= 4) {
        const end = 4 + this.#received.readInt32BE(0)
        if (this.#received.length < end) return
        this.#waiting.shift()!.resolve(this.#received.subarray(4, end))
        this.#received = this.#received.subarray(end)
      }
    })
  }

  static async to(address: string): Promise<Line> {
    const [host, port] = address.split(':') as [string, string]
    const socket = connect(Number(port), host)
    await once(socket, 'connect')
    return new Line(socket)
  }

  async ask<Q, S>(api: ClientApi<Q, S>, version: number, body: Q): Promise<S> {
    if (this.#socket.destroyed) throw new Error('the broker hung up before')
    const answer = new Promise<Buffer>((resolve, reject) => this.#waiting.push({ resolve, reject }))
    this.#socket.write(api.encodeRequest({ version, correlationId: 7, clientId: 'codec-test', body }))
    const { correlationId, body: decoded } = api.decodeResponse(version, await answer)
    assert.equal(correlationId, 7)
    return decoded
  }

  close(): void {
    this.#socket.destroy()
  }
}

const ok = (code: number, what: string) => assert.equal(kafkaError(code).name, 'NONE', what)

for (const kind of ['0.10.2.1', '4.1.0'] as const)
  describe(`Kafka ${kind}`, { skip: skipWithoutPeers }, () => {
    const peers = new AsyncDisposableStack()
    let broker: string
    const topic = `codec-${process.pid}`
    const group = `codec-${process.pid}`
    let line: Line
    let topicId: string
    const ranges = new Map<number, { first: number; last: number }>()
    before(async () => {
      const directory = await mkdtemp(join(tmpdir(), 'kafka-codec-'))
      peers.defer(() => rm(directory, { recursive: true, force: true }))
      const kafka =
        kind === '4.1.0'
          ? await startKafka41(directory)
          : await startKafka010(directory, peers.use(await startZooKeeper(directory)))
      broker = peers.use(kafka).bootstrap
      line = await Line.to(broker)
      const { apiKeys } = await line.ask(apiVersions, 0, {})
      for (const { apiKey, minVersion, maxVersion } of apiKeys) {
        const ours = apiTable.find(({ api }) => api.key === apiKey)?.api
        if (ours === undefined) continue
        ranges.set(apiKey, {
          first: Math.max(minVersion, ours.minVersion),
          last: Math.min(maxVersion, ours.maxVersion),
        })
      }
      // Kafka 4 says 0 for the sake of old librdkafka, and hangs up on what is below 3.
      const produceRange = ranges.get(produce.key)!
      if (ranges.get(fetch.key)!.first >= 4) ranges.set(produce.key, { ...produceRange, first: 3 })
    })
    after(async () => {
      line?.close()
      await peers.disposeAsync()
    })

    /** Every version that both know, lowest first. */
    function versionsOf(api: { key: number }): number[] {
      const range = ranges.get(api.key)
      if (range === undefined) return []
      return Array.from({ length: range.last - range.first + 1 }, (_, index) => range.first + index)
    }
    /** Asks until the broker has made up its mind about a new topic or group. */
    async function settled<T>(ask: () => Promise<{ code: number; answer: T }>): Promise<T> {
      for (let tries = 0; ; tries++) {
        const { code, answer } = await ask()
        if (!kafkaError(code).isRetriable || tries === 100) {
          ok(code, 'settled')
          return answer
        }
        await new Promise(resolve => setTimeout(resolve, 100))
      }
    }

    it('ApiVersions', async () => {
      for (const version of versionsOf(apiVersions)) {
        const body = { clientSoftwareName: 'codec-test', clientSoftwareVersion: '1' }
        ok((await line.ask(apiVersions, version, body)).errorCode, `v${version}`)
      }
    })

    it('CreateTopics', async () => {
      for (const version of versionsOf(createTopics)) {
        const name =
          version === createTopics.maxVersion || version === ranges.get(19)!.last
            ? topic
            : `${topic}-${version}`
        const wanted = { name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }
        const made = await line.ask(createTopics, version, { topics: [wanted], timeoutMs: 10_000 })
        ok(made.topics[0]!.errorCode, `v${version}`)
      }
    })

    it('Metadata', async () => {
      for (const version of versionsOf(metadata)) {
        const answer = await settled(async () => {
          const asked = await line.ask(metadata, version, { topics: [{ name: topic }] })
          return {
            code: asked.topics[0]!.errorCode || asked.topics[0]!.partitions[0]!.errorCode,
            answer: asked,
          }
        })
        assert.equal(answer.brokers.length, 1)
        assert.equal(answer.topics[0]!.name, topic)
        assert.equal(answer.topics[0]!.partitions[0]!.leaderId, answer.brokers[0]!.nodeId)
        topicId = answer.topics[0]!.topicId
      }
      const last = versionsOf(metadata).at(-1)!
      assert.ok((await line.ask(metadata, last, { topics: null })).topics.length > 0)
    })

    let written = 0
    it('Produce and Fetch, in every version and codec', async () => {
      for (const version of versionsOf(produce))
        for (const codec of compressions) {
          const magic = magicOfProduce(version)
          if (codec === 'zstd' && version < 7) continue
          const given = [1, 2, 3].map(number => ({
            timestamp: 1_700_000_000_000 + number,
            key: number === 2 ? null : Buffer.from(`k${number}`),
            value: number === 3 ? null : Buffer.from(`v${version} ${codec} `.repeat(number * 20)),
            headers: magic < 2 ? [] : [{ key: 'h', value: Buffer.from(String(number)) }],
          }))
          const records = writeRecords(given, { magic, codec })
          const answer = await line.ask(produce, version, {
            acks: -1,
            timeoutMs: 5000,
            topicData: [
              { ...(version >= 13 ? { topicId } : { name: topic }), partitionData: [{ index: 0, records }] },
            ],
          })
          const { errorCode, baseOffset } = answer.responses[0]!.partitionResponses[0]!
          ok(errorCode, `produce v${version} ${codec}`)
          assert.equal(baseOffset, written)
          written += 3

          for (const fetchVersion of versionsOf(fetch)) {
            // Fetch before version 10 refuses zstd.
            if (fetchVersion < 10 && codec === 'zstd') continue
            const fetched = await line.ask(fetch, fetchVersion, {
              ...(fetchVersion >= 15 ? {} : { replicaId: -1 }),
              maxWaitMs: 1000,
              minBytes: 1,
              topics: [
                {
                  ...(fetchVersion >= 13 ? { topicId } : { topic }),
                  partitions: [{ partition: 0, fetchOffset: baseOffset, partitionMaxBytes: 1_000_000 }],
                },
              ],
            })
            const partition = fetched.responses[0]!.partitions[0]!
            ok(partition.errorCode, `fetch v${fetchVersion}`)
            assert.equal(partition.highWatermark, written)
            const { records: read, nextOffset } = readRecords(partition.records!, baseOffset)
            assert.equal(nextOffset, written)
            // Old Fetch versions convert to old formats: these lose headers, and format 0 times.
            assert.deepEqual(
              read,
              given.map((record, index) => ({
                ...record,
                offset: baseOffset + index,
                timestamp: fetchVersion < 2 || magic === 0 ? -1 : record.timestamp,
                headers: fetchVersion < 4 ? [] : record.headers,
              })),
              `fetch v${fetchVersion} of produce v${version} ${codec}`,
            )
          }
        }
    })

    it('ListOffsets', async () => {
      for (const version of versionsOf(listOffsets)) {
        const answer = await line.ask(listOffsets, version, {
          replicaId: -1,
          topics: [{ name: topic, partitions: [{ partitionIndex: 0, timestamp: -1 }] }],
        })
        const { errorCode, offset, oldStyleOffsets } = answer.topics[0]!.partitions[0]!
        ok(errorCode, `v${version}`)
        assert.equal(version === 0 ? oldStyleOffsets[0] : offset, written)
      }
    })

    it('FindCoordinator', async () => {
      for (const version of versionsOf(findCoordinator)) {
        const asked = version < 4 ? { key: group } : { coordinatorKeys: [group] }
        const answer = await settled(async () => {
          const found = await line.ask(findCoordinator, version, asked)
          return { code: version < 4 ? found.errorCode : found.coordinators[0]!.errorCode, answer: found }
        })
        assert.ok(version < 4 ? answer.port : answer.coordinators[0]!.port)
      }
    })

    it('the life of a member of a group', async () => {
      // One round a version of JoinGroup, with the nearest version of the others.
      for (const version of versionsOf(joinGroup)) {
        const near = (api: { key: number }) =>
          Math.max(versionsOf(api)[0]!, Math.min(version, versionsOf(api).at(-1)!))
        const metadataOf = consumerSubscription.encode(0, { topics: [topic] })
        const join = (memberId: string) =>
          line.ask(joinGroup, version, {
            groupId: group,
            sessionTimeoutMs: 10_000,
            ...(version >= 1 ? { rebalanceTimeoutMs: 10_000 } : {}),
            memberId,
            protocolType: 'consumer',
            protocols: [{ name: 'range', metadata: metadataOf }],
          })
        let joined = await settled(async () => {
          const answer = await join('')
          return answer.errorCode === errorCodes.MEMBER_ID_REQUIRED
            ? { code: 0, answer }
            : { code: answer.errorCode, answer }
        })
        const { memberId } = joined
        if (joined.errorCode !== 0) joined = await join(memberId)
        ok(joined.errorCode, `join v${version}`)
        assert.equal(joined.leader, memberId)
        assert.deepEqual(consumerSubscription.decode(joined.members[0]!.metadata).body.topics, [topic])
        const { generationId } = joined
        const member = { groupId: group, generationId, memberId }
        const assignment = consumerAssignment.encode(0, { assignedPartitions: [{ topic, partitions: [0] }] })
        const synced = await line.ask(syncGroup, near(syncGroup), {
          ...member,
          ...(near(syncGroup) >= 5 ? { protocolType: 'consumer', protocolName: 'range' } : {}),
          assignments: [{ memberId, assignment }],
        })
        ok(synced.errorCode, `sync v${near(syncGroup)}`)
        assert.deepEqual(synced.assignment, assignment)
        ok((await line.ask(heartbeat, near(heartbeat), member)).errorCode, 'heartbeat')

        for (const commitVersion of versionsOf(offsetCommit)) {
          if (commitVersion === 0) continue // keeps positions in ZooKeeper
          const committed = await line.ask(offsetCommit, commitVersion, {
            groupId: group,
            generationIdOrMemberEpoch: generationId,
            memberId,
            topics: [
              {
                ...(commitVersion >= 10 ? { topicId } : { name: topic }),
                partitions: [{ partitionIndex: 0, committedOffset: commitVersion, committedMetadata: 'm' }],
              },
            ],
          })
          ok(committed.topics[0]!.partitions[0]!.errorCode, `commit v${commitVersion}`)
          for (const fetchVersion of versionsOf(offsetFetch)) {
            if (fetchVersion === 0) continue
            const wanted = { partitionIndexes: [0] }
            const answer = await line.ask(
              offsetFetch,
              fetchVersion,
              fetchVersion < 8
                ? { groupId: group, topics: [{ name: topic, ...wanted }] }
                : {
                    groups: [
                      {
                        groupId: group,
                        topics: [{ ...(fetchVersion >= 10 ? { topicId } : { name: topic }), ...wanted }],
                      },
                    ],
                  },
            )
            const found = fetchVersion < 8 ? answer.topics[0]! : answer.groups[0]!.topics[0]!
            assert.equal(found.partitions[0]!.committedOffset, commitVersion)
            assert.equal(found.partitions[0]!.metadata, 'm')
          }
        }
        const left = await line.ask(leaveGroup, near(leaveGroup), {
          groupId: group,
          ...(near(leaveGroup) < 3 ? { memberId } : { members: [{ memberId }] }),
        })
        ok(left.errorCode, `leave v${near(leaveGroup)}`)
      }
    })

    it('InitProducerId', async () => {
      for (const version of versionsOf(initProducerId)) {
        const answer = await settled(async () => {
          const made = await line.ask(initProducerId, version, {
            transactionalId: null,
            transactionTimeoutMs: 60_000,
          })
          return { code: made.errorCode, answer: made }
        })
        assert.ok(answer.producerId >= 0)
      }
    })

    it('SaslHandshake is refused where there is no SASL', async () => {
      for (const version of versionsOf(saslHandshake)) {
        const apart = await Line.to(broker)
        const { errorCode } = await apart.ask(saslHandshake, version, { mechanism: 'PLAIN' })
        assert.equal(kafkaError(errorCode).name, 'ILLEGAL_SASL_STATE')
        apart.close()
      }
    })

    it('an ApiVersions version from the future', async () => {
      // As a client of tomorrow would ask: version 4's bytes under a higher number.
      const socket = await Line.to(broker)
      const future = {
        ...apiVersions,
        encodeRequest: (message: Parameters<typeof apiVersions.encodeRequest>[0]) => {
          const bytes = apiVersions.encodeRequest(message)
          bytes.writeInt16BE(99, 6)
          return bytes
        },
      }
      const answer = await socket.ask(future, 4, {}).catch((error: Error) => error)
      // 0.10 answers too; what must not happen is an answer that cannot be read.
      assert.ok(!(answer instanceof Error), String(answer))
      assert.equal(kafkaError(answer.errorCode).name, 'UNSUPPORTED_VERSION')
      socket.close()
    })
  })
