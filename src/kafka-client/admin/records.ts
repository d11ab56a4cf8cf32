// Single records: one is written by hand, and those before an offset are deleted.
import { Fault } from '../../errors.ts'
import { errorCodes } from '../../wire/kafka/error-codes.ts'
import { deleteRecords } from '../../wire/kafka/messages/delete-records.ts'
import { produce } from '../../wire/kafka/messages/produce.ts'
import { magicOfProduce, writeRecords } from '../../wire/kafka/record-set.ts'
import type { BrokerConnection } from '../connection/connection.ts'
import { byTopic, nameOf, type Position, type ProducerRecord, type TopicPartition } from '../contract.ts'
import { partitionOfKey } from '../producer/murmur2.ts'
import { changeMs, question, refuse, type AdminParts } from './question.ts'

export class RecordAdmin {
  readonly #parts: AdminParts

  constructor(parts: AdminParts) {
    this.#parts = parts
  }

  /**
   * Writes one record and resolves when all replicas in sync have it. Without a partition its key chooses one as Java's
   * producer does, and without a key any. A refusal is not retried, unless the leader has moved; after a
   * PEER_TIMEOUT or PEER_CLOSED the record may have been written or not. Headers need Kafka 0.11: KAFKA_FATAL.
   */
  async append(record: ProducerRecord): Promise<{ partition: number; offset: number }> {
    const { cluster, system, patienceMs } = this.#parts
    const { topic, key, value, headers = [], timestamp = system.clock.now() } = record
    const deadline = system.clock.monotonic() + patienceMs
    for (let failures = 1; ; failures++) {
      using _watched = cluster.watchFor([topic])
      await cluster.refresh()
      const count = cluster.topic(topic)?.partitions.length ?? 0
      const partition =
        record.partition ??
        (key === null || count === 0 ? Math.floor(system.random.next() * count) : partitionOfKey(key, count))
      const one = nameOf({ topic, partition })
      const connection = await this.#leader({ topic, partition }, `the record was not written to ${one}`)
      const version = connection.versionOf(produce)
      if (headers.length > 0 && magicOfProduce(version) < 2)
        throw new Fault(
          'KAFKA_FATAL',
          `the broker at ${connection.where} does not know headers, which came with Kafka 0.11`,
        )
      const records = writeRecords([{ key, value, headers, timestamp }], { magic: magicOfProduce(version) })
      const answer = await connection.request(produce, {
        acks: -1,
        timeoutMs: changeMs,
        topicData: [{ name: topic, partitionData: [{ index: partition, records }] }],
      })
      const given = answer.responses[0]!.partitionResponses[0]!
      const hasMoved = given.errorCode === errorCodes.NOT_LEADER_OR_FOLLOWER
      if (hasMoved && system.clock.monotonic() < deadline) {
        await cluster.pause(failures)
        continue
      }
      const [why] = given.recordErrors
      refuse(
        given.errorCode,
        `the record was not written to ${one}`,
        why?.batchIndexErrorMessage ?? given.errorMessage,
      )
      return { partition, offset: given.baseOffset }
    }
  }

  /**
   * Deletes the records before the offsets (Kafka 0.11 and later), -1: all that there are. Gives the first offset
   * that is left, by partition name.
   */
  async deleteBefore(offsets: readonly Position[]): Promise<Map<string, number>> {
    const { cluster } = this.#parts
    using _watched = cluster.watchFor(offsets.map(one => one.topic))
    await cluster.refresh()
    const found = new Map<string, number>()
    for (const list of Map.groupBy(offsets, one => cluster.leaderOf(one.topic, one.partition)).values()) {
      const connection = await this.#leader(list[0]!, `the records of ${nameOf(list[0]!)} were not deleted`)
      const topics = byTopic(list).map(([name, ones]) => ({
        name,
        partitions: ones.map(({ partition, offset }) => ({ partitionIndex: partition, offset })),
      }))
      const body = () => ({ topics, timeoutMs: changeMs })
      const answer = await question(connection, deleteRecords, body, '0.11')
      for (const { name, partitions } of answer.topics)
        for (const { partitionIndex, lowWatermark, errorCode } of partitions) {
          const one = nameOf({ topic: name, partition: partitionIndex })
          refuse(errorCode, `the records of ${one} were not deleted`)
          found.set(one, lowWatermark)
        }
    }
    return found
  }

  #leader({ topic, partition }: TopicPartition, what: string): Promise<BrokerConnection> {
    const { cluster } = this.#parts
    const leader = cluster.leaderOf(topic, partition)
    if (leader !== -1) return cluster.connect(leader, 'data')
    return Promise.reject(new Fault('KAFKA', `${what}: ${cluster.whyNoLeader(topic, partition).why}`))
  }
}
