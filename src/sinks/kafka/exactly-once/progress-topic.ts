// The topic with the progress of flows (src/origin/progress.ts): made where it is missing, its settings checked, and read as
// far as it goes at the moment, up to the last stable offset: what a writer before has committed is known then.
//
// A topic that was deleted has taken with it what was written. Nothing is written then, until an operator accepts that.
import {
  consumerDefaults,
  createAdmin,
  KafkaRefusal,
  PartitionReader,
  type Admin,
  type ProducerOptions,
  type ProducerSettings,
  type TopicDescription,
} from '../../../kafka-client/kafka-client.ts'
import { Fault } from '../../../errors.ts'
import type { ConditionMaker } from '../../../observe/conditions.ts'
import type { Logger } from '../../../observe/log.ts'
import { decodeProgress, progressKey, transactionalIdOf } from '../../../origin/progress.ts'
import { Written } from '../../../origin/written.ts'
import { errorCodes, kafkaError } from '../../../wire/kafka/error-codes.ts'

export interface ProgressTopicParts {
  readonly flow: string
  readonly topic: string
  readonly partitions: number
  /** -1 for the brokers' default. */
  readonly replicationFactor: number
  /** What the sink writes to, as `kafka.topic` has it; absent where nobody writes. */
  readonly to?: string
  /** Of the sink's own producer. */
  readonly settings: ProducerSettings
  readonly system: ProducerOptions['system']
  readonly log: Logger
  readonly condition: ConditionMaker
}

/** The offset behind the last record, in ListOffsets. */
const latest = -1
/** How often somebody looks how far the reader has come: it wakes up for records, and not for marks of transactions. */
const lookMs = 20
/** How often a topic that was just created is looked for, and how many times. */
const [createdMs, createdTries] = [100, 100]

export class ProgressTopic {
  readonly #parts: ProgressTopicParts
  /** Of the topic that is read; null before it was seen. */
  #id: string | null = null
  readonly #positions = new Map<number, number>()
  /** By key, and by partition of this topic: a key moves where partitions are added. */
  readonly #texts = new Map<string, Map<number, string>>()
  #underWay: Promise<void> = Promise.resolve()
  #next: Promise<void> | null = null

  constructor(parts: ProgressTopicParts) {
    this.#parts = parts
  }

  get topic(): string {
    return this.#parts.topic
  }

  /** Sees to it that there is a topic, before the first transactional id of the flow is used. */
  async prepare(signal: AbortSignal): Promise<void> {
    if (this.#id === null) await this.catchUp(signal)
  }

  /** What the flow has written of the partition, by all that is committed when this is called. */
  async written(partition: string, signal: AbortSignal): Promise<Written> {
    await this.catchUp(signal)
    const { flow, to } = this.#parts
    const written = new Written()
    for (const text of this.#texts.get(progressKey(flow, partition))?.values() ?? []) {
      const known = decodeProgress(text)
      if (known === null)
        throw new Fault(
          'KAFKA',
          `a record of topic ${this.topic} with the key ${progressKey(flow, partition)} is no progress that this version can read; the sink writes nothing of that partition. Update Millrace, or remove the record by "millrace progress reset"`,
        )
      if (known.note.to !== '' && known.note.to !== to)
        throw new Fault(
          'KAFKA',
          `flow ${flow} has written records of ${partition} to topic ${known.note.to} (${known.note.by}, ${known.note.time}), and this sink writes to ${to}: it would let go of them as written. The sink writes nothing of that partition`,
          {
            remedy: `Give one of both sinks a flow of its own (flow = NAME). If this is the same flow, which now goes to another topic: "millrace progress reset --bootstrap-server ${this.#parts.settings.bootstrapServers[0]} --topic ${this.topic} --flow ${flow} --execute" lets it begin again.`,
          },
        )
      for (const range of known.written.ranges) written.add(range)
    }
    return written
  }

  /** All that is known, by key and partition of the topic. */
  get texts(): ReadonlyMap<string, ReadonlyMap<number, string>> {
    return this.#texts
  }

  /** Reads on to where the topic ends at some time after the call; those who wait share it. */
  catchUp(signal: AbortSignal): Promise<void> {
    if (this.#next !== null) return this.#next
    const next = this.#underWay
      .catch(() => {})
      .then(() => {
        this.#next = null
        return this.#readOn(signal)
      })
    this.#underWay = next
    this.#next = next
    return next
  }

  async #readOn(signal: AbortSignal): Promise<void> {
    const { settings, system, log } = this.#parts
    const admin = createAdmin({ system, log, bootstrapServers: settings.bootstrapServers, settings })
    const close = () => admin.close()
    signal.addEventListener('abort', close)
    try {
      const partitions = await this.#find(admin, signal)
      const wanted = Array.from({ length: partitions }, (_, partition) => ({ topic: this.topic, partition }))
      const ends = await admin.offsets.at(wanted, latest)
      const left = new Map<number, number>()
      for (const { partition } of wanted) {
        const end = ends.get(`${this.topic}-${partition}`)!
        const position = this.#positions.get(partition) ?? 0
        if (end < position) throw this.#lost('has lost records')
        if (end > position) left.set(partition, end)
      }
      if (left.size > 0) await this.#read(left, signal)
    } finally {
      signal.removeEventListener('abort', close)
      close()
    }
  }

  async #read(left: Map<number, number>, signal: AbortSignal): Promise<void> {
    const { settings, system, log, condition } = this.#parts
    const reader = new PartitionReader({
      system,
      log,
      condition,
      settings: { ...consumerDefaults, ...settings, readCommitted: true },
    })
    const topic = this.topic
    reader.add(
      [...left.keys()].map(partition => ({ topic, partition, offset: this.#positions.get(partition) ?? 0 })),
    )
    try {
      while (left.size > 0) {
        const look = new AbortController()
        const timer = system.clock.after(lookMs, () => look.abort())
        const records = await reader
          .poll({ maxRecords: 1000, signal: look.signal })
          .finally(() => timer.cancel())
        if (signal.aborted) throw new Fault('STOPPED', `reading topic ${topic} was abandoned`)
        for (const { partition, key, value } of records) this.#take(String(key), partition, value)
        for (const [partition, end] of left) {
          const position = reader.position({ topic, partition })
          this.#positions.set(partition, position)
          if (position >= end) left.delete(partition)
        }
      }
    } finally {
      reader.close()
    }
  }

  #take(key: string, partition: number, value: Buffer | null): void {
    const texts = this.#texts.get(key) ?? new Map<number, string>()
    if (value === null) texts.delete(partition)
    else texts.set(partition, value.toString())
    if (texts.size > 0) this.#texts.set(key, texts)
    else this.#texts.delete(key)
  }

  /** Gives how many partitions the topic has. */
  async #find(admin: Admin, signal: AbortSignal): Promise<number> {
    let found = await this.#describe(admin)
    if (found === null && this.#id !== null) throw this.#lost('was deleted')
    found ??= await this.#create(admin, signal)
    if (this.#id === found.id) return found.partitions.length
    if (this.#id !== null) throw this.#lost('was deleted and created again')
    await this.#checkSettings(admin, found.partitions[0]!.replicas.length)
    this.#id = found.id
    return found.partitions.length
  }

  /** Null where it does not exist. Rejects where it cannot be used. */
  async #describe(admin: Admin): Promise<TopicDescription | null> {
    const [found] = await admin.topics.describe([this.topic])
    const code = found?.errorCode ?? errorCodes.UNKNOWN_TOPIC_OR_PARTITION
    if (code === errorCodes.UNKNOWN_TOPIC_OR_PARTITION) return null
    const { name, meaning } = kafkaError(code)
    if (code !== 0)
      throw new Fault('KAFKA', `progress topic ${this.topic} cannot be used: ${name}: ${meaning}`)
    return found!
  }

  /**
   * Nobody writes under a transactional id of the flow before the topic exists: where there is such an id, the topic was
   * deleted, or another agent has created it since it was looked for.
   */
  async #create(admin: Admin, signal: AbortSignal): Promise<TopicDescription> {
    const { topic, partitions, replicationFactor, log, system, flow } = this.#parts
    const isUsed = (await admin.transactions.ids()).some(id => id.startsWith(transactionalIdOf(flow, '')))
    if (isUsed) {
      const found = await this.#describe(admin)
      if (found === null) throw this.#lost('does not exist, although the flow has written before')
      return found
    }
    await createProgressTopic(admin, { topic, partitions, replicationFactor })
    log.info(`progress topic ${topic} did not exist and was created`)
    for (let tries = 1; ; tries++) {
      const found = await this.#describe(admin)
      if (found !== null) return found
      if (tries === createdTries)
        throw new Fault('KAFKA', `progress topic ${topic} was created, and the brokers do not know it yet`)
      await system.clock.sleep(createdMs, signal)
      if (signal.aborted) throw new Fault('STOPPED', `waiting for topic ${topic} was abandoned`)
    }
  }

  async #checkSettings(admin: Admin, replicas: number): Promise<void> {
    const { topic, log } = this.#parts
    const all = await admin.topics.settings([topic]).catch((error: unknown) => {
      if (!(error instanceof KafkaRefusal)) throw error
      log.warn(`the settings of progress topic ${topic} cannot be checked: ${error.message}`)
      return null
    })
    const valueOf = (key: string) => all?.get(topic)?.find(({ name }) => name === key)?.value ?? null
    const policy = valueOf('cleanup.policy')
    if (policy !== null && policy !== 'compact')
      throw new Fault(
        'KAFKA',
        `progress topic ${topic} has cleanup.policy=${policy}: Kafka would remove what the flow knows of the records it has written. The sink writes nothing until it is cleanup.policy=compact. Set that if the topic was created by hand; if Kafka created it by itself after the former one was deleted, delete it as well, and see "millrace progress reset"`,
      )
    const insync = valueOf('min.insync.replicas')
    if (replicas > 2 && insync === '1')
      log.warn(
        `progress topic ${topic} has min.insync.replicas=1: a broker that fails can lose progress it has acknowledged; set 2`,
      )
  }

  #lost(what: string): Fault {
    const { topic, flow, settings } = this.#parts
    return new Fault(
      'KAFKA',
      `progress topic ${topic} ${what}: which records flow ${flow} has written is not known any more. The sink writes nothing, because it could write records twice`,
      {
        remedy: `Restore the topic. Or accept that records may be written twice: "millrace progress reset --bootstrap-server ${settings.bootstrapServers[0]} --topic ${topic} --flow ${flow} --execute", then restart the agent.`,
      },
    )
  }
}

/** As flows need it. Where there is a topic of that name, it stays. */
export async function createProgressTopic(
  admin: Admin,
  {
    topic,
    partitions,
    replicationFactor,
  }: { readonly topic: string; readonly partitions: number; readonly replicationFactor: number },
): Promise<void> {
  const settings = new Map([
    ['cleanup.policy', 'compact'],
    // Each transaction writes a record, and only the last of each key matters.
    ['segment.bytes', '16777216'],
    ['min.cleanable.dirty.ratio', '0.1'],
    ...(replicationFactor > 2 ? [['min.insync.replicas', '2'] as const] : []),
  ])
  await admin.topics.create({ name: topic, partitions, replicationFactor, settings })
}
