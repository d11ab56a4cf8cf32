// Who stands outside a simulated chain: the one who creates topics and writes numbered records into them, and the
// one who reads every topic from its first record on.
import { messageOf } from '../errors.ts'
import { createAdmin, createProducer } from '../kafka-client/kafka-client.ts'
import { PartitionReader } from '../kafka-client/consumer/partition-reader.ts'
import { consumerDefaults, producerDefaults } from '../kafka-client/settings.ts'
import { looseConditions } from '../observe/conditions.ts'
import type { System } from '../system/system.ts'
import type { ChainLog } from './chain-log.ts'
import type { ChainTopic } from './chain-plan.ts'
import { bodyOf, type ChainLedger } from './ledger.ts'
import type { SeededRandom } from './seeded-random.ts'

/** Most records of one call of the producer. */
const mostAtOnce = 11

/** An idle reader asks no more often than this. */
const readerMaxWaitMs = 5_000

export interface OutsideParts {
  readonly system: System
  readonly log: ChainLog
  /** Of what is written alone: the same seed writes the same, whatever else happens. */
  readonly random: SeededRandom
  readonly readCommitted: boolean
  onFailed(sentence: string): void
}

export class ChainOutside {
  readonly #parts: OutsideParts

  constructor(parts: OutsideParts) {
    this.#parts = parts
  }

  async createTopics(topics: readonly ChainTopic[]): Promise<void> {
    const { system, log } = this.#parts
    for (const { broker, name, partitions } of topics) {
      const admin = createAdmin({ system, bootstrapServers: [broker], log: log.of('admin') })
      for (;;)
        try {
          await admin.topics.create({ name, partitions })
          break
        } catch (error) {
          log.note(`creating ${name}: ${messageOf(error)}`)
          await system.clock.sleep(200)
        }
      admin.close()
    }
  }

  /**
   * Writes numbered records, a partition a door; one that is refused is not written again. Resolves when each
   * is acknowledged or refused.
   */
  async write(what: {
    readonly inputs: readonly ChainTopic[]
    readonly records: number
    readonly duringMs: number
    readonly ledger: ChainLedger
  }): Promise<void> {
    const { system, log, random } = this.#parts
    const { inputs, records, duringMs, ledger } = what
    const doors = inputs.flatMap(({ broker, name, partitions }) => {
      const producer = createProducer({
        settings: { ...producerDefaults, acks: -1, bootstrapServers: [broker] },
        system,
        log: log.of('producer'),
      })
      return Array.from({ length: partitions }, (_, partition) => ({
        producer,
        topic: name,
        partition,
        next: 0,
      }))
    })
    if (doors.length === 0) return
    const underWay: Promise<void>[] = []
    const meanMs = (duringMs * (mostAtOnce + 1)) / 2 / records
    for (let left = records; left > 0;) {
      const index = random.below(doors.length)
      const door = doors[index]!
      const { producer, topic, partition } = door
      const count = Math.min(left, 1 + random.below(mostAtOnce))
      left -= count
      const ids = Array.from({ length: count }, (_, at) => ledger.send(index, door.next + at))
      const batch = ids.map((_, at) => ({
        topic,
        partition,
        key: Buffer.from(`p${index}`),
        value: bodyOf(index, door.next + at),
      }))
      door.next += count
      underWay.push(
        producer.send(batch).then(
          () => ids.forEach(id => ledger.acknowledge(id, true)),
          (error: unknown) => log.note(`the producer gave up: ${messageOf(error)}`),
        ),
      )
      await system.clock.sleep(random.next() * 2 * meanMs)
    }
    await Promise.all(underWay)
    for (const producer of new Set(doors.map(door => door.producer))) await producer.close()
  }

  /** Hands every record of the topic to `take`, for ever. */
  read({ broker, name: topic, partitions }: ChainTopic, take: (body: Buffer | null) => void): void {
    const { system, log, readCommitted, onFailed } = this.#parts
    const own = log.of(`reader of ${topic}`)
    const reader = new PartitionReader({
      system,
      log: own,
      condition: looseConditions(system.clock, own),
      settings: {
        ...consumerDefaults,
        bootstrapServers: [broker],
        fetchMaxWaitMs: readerMaxWaitMs,
        readCommitted,
      },
    })
    reader.add(Array.from({ length: partitions }, (_, partition) => ({ topic, partition, offset: 0 })))
    const { signal } = new AbortController()
    const read = async (): Promise<void> => {
      for (;;) for (const { value } of await reader.poll({ maxRecords: 500, signal })) take(value)
    }
    read().catch((error: unknown) => onFailed(`reading ${topic}: ${messageOf(error)}`))
  }
}
