// A consumer and a producer whose broker answers nonsense for a while, in simulated time: between them and a sound broker
// stands a machine that takes answers apart and changes what it is asked to. What is measured is how long the clients
// need, once the answers are sound again, until a record goes through.
import type { Duplex } from 'node:stream'
import { Broker } from '../../src/broker/broker.ts'
import { readBrokerSettings } from '../../src/broker/broker-settings.ts'
import { createAdmin, createConsumer, createProducer } from '../../src/kafka-client/kafka-client.ts'
import { consumerDefaults, producerDefaults } from '../../src/kafka-client/settings.ts'
import { looseConditions } from '../../src/observe/conditions.ts'
import { ChainLog } from '../../src/simulation/chain-log.ts'
import { Machine, type Program } from '../../src/simulation/machine.ts'
import { Schedule } from '../../src/simulation/schedule.ts'
import { SeededRandom } from '../../src/simulation/seeded-random.ts'
import { SimulatedNetwork } from '../../src/simulation/simulated-network.ts'
import { apiTable } from '../../src/broker/api-table.ts'
import { peekRequestHeader } from '../../src/wire/kafka/api.ts'

/** An answer on its way to the client. */
export interface Passing {
  readonly api: string
  readonly version: number
  readonly body: unknown
  /** As it is, its size in front. */
  readonly frame: Buffer
  /** The same with another body. Throws FormatError where the version cannot carry it. */
  encode(body: unknown): Buffer
}

/** Null: the connection ends. */
export type Spoiler = (passing: Passing) => Buffer | null

const apis = new Map(apiTable.map(({ api }) => [api.key, api]))
const topic = 't'
const bootstrapServers = ['mad:9092']

export class SpoiltWorld {
  readonly schedule = new Schedule(run => void setImmediate(run))
  readonly random: SeededRandom
  readonly log = new ChainLog(this.schedule)
  spoiler: Spoiler = ({ frame }) => frame
  readonly #streams = new Set<Duplex>()
  readonly #outside: Program
  readonly #broker: Broker
  readonly #mad: Program
  #clients = 0

  constructor(seed: number) {
    const { schedule } = this
    const random = (this.random = new SeededRandom(seed))
    const network = new SimulatedNetwork(schedule, random, {
      latencyMs: [0.5, 2],
      bytesPerMs: 100_000,
      pieces: 0.1,
      windowBytes: 65_536,
    })
    const machine = (name: string): Program => {
      const made = new Machine(name, { schedule, random, network })
      network.addName(name, made)
      return made.start()
    }
    this.#mad = machine('mad')
    this.#outside = machine('outside')
    const { settings, errors } = readBrokerSettings('', 'server.properties', {
      listeners: 'PLAINTEXT://kafka:9093',
      'advertised.listeners': `PLAINTEXT://${bootstrapServers[0]}`,
      'log.dirs': '/kafka',
      'offsets.topic.num.partitions': '1',
      'group.initial.rebalance.delay.ms': '0',
    })
    if (errors.length > 0) throw new Error(errors.join('; '))
    this.#broker = new Broker({ system: machine('kafka').system, log: this.log.of('kafka'), settings })
  }

  /** Runs until it is so, for at most so long; gives the milliseconds it took, Infinity where it was not. */
  async until(isSo: () => boolean, mostMs: number): Promise<number> {
    const { schedule } = this
    const from = schedule.now
    return (await schedule.run(isSo, from + mostMs)) ? schedule.now - from : Infinity
  }

  async pass(ms: number): Promise<void> {
    await this.until(() => false, ms)
  }

  /** Resolves as `work` does, time going on meanwhile. */
  async wait<T>(work: Promise<T>, mostMs = 60_000): Promise<T> {
    let isOver = false
    const over = () => void (isOver = true)
    work.then(over, over)
    if ((await this.until(() => isOver, mostMs)) === Infinity) throw new Error(`not within ${mostMs} ms`)
    return work
  }

  async start(): Promise<void> {
    await this.wait(this.#broker.start())
    await this.wait(
      this.#mad.system.network.listen({ host: 'mad', port: 9092 }, ({ stream }) => void this.#relay(stream)),
    )
    const { system } = this.#outside
    const admin = createAdmin({ system, bootstrapServers, log: this.log.of('admin') })
    await this.wait(admin.topics.create({ name: topic, partitions: 1 }))
    admin.close()
  }

  async stop(): Promise<void> {
    await this.wait(this.#broker.stop())
  }

  /** Ends all connections. */
  cut(): void {
    for (const stream of this.#streams) stream.destroy()
  }

  async #relay(client: Duplex): Promise<void> {
    const { stream: broker } = await this.#mad.system.network.connect({
      host: 'kafka',
      port: 9093,
      timeoutMs: 1000,
    })
    const asked: { key: number; version: number }[] = []
    for (const [one, other] of [
      [client, broker],
      [broker, client],
    ] as const) {
      this.#streams.add(one)
      one.on('error', () => {})
      one.on('close', () => {
        this.#streams.delete(one)
        other.destroy()
      })
    }
    forEachFrame(client, frame => {
      const { apiKey, version } = peekRequestHeader(frame.subarray(4))
      asked.push({ key: apiKey, version })
      broker.write(frame)
    })
    forEachFrame(broker, frame => {
      const { key, version } = asked.shift()!
      const api = apis.get(key)!
      const { correlationId, body } = api.decodeResponse(version, frame.subarray(4))
      const encode = (changed: unknown) =>
        api.encodeResponse({ version, correlationId, body: changed as never })
      const bytes = this.spoiler({ api: api.name, version, body, frame, encode })
      if (bytes === null) client.destroy()
      else client.write(bytes)
    })
  }

  /** A producer that writes a number every so often, and a consumer of a group of its own that reads them. */
  clients(): SpoiltClients {
    return new SpoiltClients(this.#outside.system, this.log, `g${this.#clients++}`)
  }
}

function forEachFrame(stream: Duplex, take: (frame: Buffer) => void): void {
  let held = Buffer.alloc(0)
  stream.on('data', (chunk: Buffer) => {
    held = Buffer.concat([held, chunk])
    while (held.length >= 4 && held.length >= 4 + held.readInt32BE(0)) {
      const frame = held.subarray(0, 4 + held.readInt32BE(0))
      held = held.subarray(frame.length)
      take(frame)
    }
  })
}

const everyMs = 500

class SpoiltClients {
  /** The highest number sent, acknowledged, read, and committed. */
  sent = 0
  acknowledged = 0
  read = 0
  committed = 0
  readonly #stop = new AbortController()
  readonly #producer: ReturnType<typeof createProducer>
  readonly #consumer: ReturnType<typeof createConsumer>
  readonly #system: Program['system']
  #committing = Promise.resolve()

  constructor(system: Program['system'], log: ChainLog, groupId: string) {
    this.#system = system
    const own = { system, log: log.of(groupId), condition: looseConditions(system.clock, log.of(groupId)) }
    this.#producer = createProducer({ ...own, settings: { ...producerDefaults, acks: -1, bootstrapServers } })
    this.#consumer = createConsumer({
      ...own,
      settings: { ...consumerDefaults, bootstrapServers, groupId },
      topics: [topic],
      onRevoked: () => Promise.race([this.#committing, system.clock.sleep(30_000)]),
    })
    this.#consumer.start()
    void this.#write()
    void this.#read()
  }

  async #write(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const number = ++this.sent
      const value = Buffer.from(String(number))
      this.#producer
        .send([{ topic, key: null, value }])
        .then(() => void (this.acknowledged = Math.max(this.acknowledged, number)))
        .catch(() => {})
      await this.#system.clock.sleep(everyMs, this.#stop.signal)
    }
  }

  async #read(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      const records = await this.#consumer.poll({ maxRecords: 100, signal }).catch(() => [])
      const last = records.at(-1)
      if (last === undefined) continue
      const number = Number(last.value)
      this.read = Math.max(this.read, number)
      this.#committing = this.#consumer
        .commit([{ topic, partition: last.partition, offset: last.offset + 1 }])
        .then(
          () => void (this.committed = Math.max(this.committed, number)),
          () => {},
        )
    }
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await Promise.all([this.#producer.close(), this.#consumer.close()])
  }
}
