// A Kafka source, a channel in memory and a Kafka sink in one process, each on brokers behind a proxy that
// knows Kafka's frames: what the tests use that cut connections at every byte of each kind of request.
import { kafkaSink } from '../../src/sinks/kafka.ts'
import { kafkaSource } from '../../src/sources/kafka.ts'
import { memoryChannel } from '../../src/channels/memory.ts'
import type { Event } from '../../src/event.ts'
import { realSystem } from '../../src/system/system.ts'
import { SinkRunner } from '../../src/topology/sink-runner.ts'
import { SourceRunner } from '../../src/topology/source-runner.ts'
import { contextFor, optionsFor } from '../context.ts'
import { wrapSink } from '../sink-sessions.ts'
import type { Direction, FaultProxy, ProxyFault } from '../chain/faults.ts'

/** Kafka's API keys. */
export const apis = {
  Produce: 0,
  Fetch: 1,
  ListOffsets: 2,
  Metadata: 3,
  OffsetCommit: 8,
  OffsetFetch: 9,
  FindCoordinator: 10,
  JoinGroup: 11,
  Heartbeat: 12,
  SyncGroup: 14,
  ApiVersions: 18,
} as const
export type ApiName = keyof typeof apis
const nameOf = new Map(Object.entries(apis).map(([name, key]) => [key as number, name as ApiName]))

interface PlanParts {
  readonly names: readonly ApiName[]
  readonly directions: readonly Direction[]
  readonly positions: readonly number[]
  readonly how: (turn: number) => ProxyFault['how']
}

/** Kinds that come all the time: between two faults some of them pass, so that work goes on. */
const steady = new Set<ApiName | undefined>(['Produce', 'Fetch', 'OffsetCommit', 'Heartbeat'])
const peacefulFrames = 2
/** Frames of these kinds are long and short: a position that one does not reach is looked for in others. */
const varying = new Set<ApiName | undefined>(['Produce', 'Fetch'])
const mostLooks = 30

/** Goes through positions of each kind of frame, one fault a frame. */
export class FramePlan {
  readonly #parts: PlanParts
  readonly #left = new Map<string, number[]>()
  /** Frames since the last fault of the kind. */
  readonly #seen = new Map<string, number>()
  /** Faults made so far. */
  made = 0

  constructor(parts: PlanParts) {
    this.#parts = parts
    for (const name of parts.names)
      for (const direction of parts.directions) this.#left.set(`${name} ${direction}`, [...parts.positions])
  }

  /** Kinds of which no position is left. */
  get isDone(): boolean {
    return [...this.#left.values()].every(positions => positions.length === 0)
  }

  /** What is left, for a message. */
  toString(): string {
    const left = [...this.#left].filter(([, positions]) => positions.length > 0)
    return left.map(([kind, positions]) => `${kind} from ${positions[0]}`).join(', ')
  }

  install(proxy: FaultProxy): void {
    proxy.framing = 'kafka'
    proxy.faults = ({ api, direction, bytes }) => {
      const name = nameOf.get(api)
      const kind = `${name} ${direction}`
      const positions = this.#left.get(kind)
      if (positions === undefined || positions.length === 0) return null
      const seen = (this.#seen.get(kind) ?? 0) + 1
      this.#seen.set(kind, seen)
      if (steady.has(name) && seen <= peacefulFrames) return null
      const at = positions[0]!
      if (at > bytes) {
        if (!varying.has(name) || seen > mostLooks) positions.length = 0
        return null
      }
      positions.shift()
      // Whole frames arrive: one that is asked for once will not come again.
      if (at === bytes && !varying.has(name)) positions.length = 0
      this.#seen.set(kind, 0)
      return { at, how: this.#parts.how(this.made++) }
    }
  }
}

export class KafkaHop implements AsyncDisposable {
  readonly sourceContext = contextFor('SOURCE', 's', kafkaSource.counters)
  readonly sinkContext = contextFor('SINK', 'k', kafkaSink.counters)
  /** How long the first delivery took, and the longest time without one after it, in milliseconds. */
  firstMs = 0
  longestMs = 0
  delivered = 0
  #lastAt = 0
  readonly #stops: (() => Promise<void>)[] = []

  /** Starts; `properties` are Kafka's, for source and sink. */
  async start(given: {
    readonly source: FaultProxy
    readonly sink: FaultProxy
    readonly from: string
    readonly to: string
    readonly properties?: Readonly<Record<string, string>>
  }): Promise<this> {
    const properties = {
      'reconnect.backoff.ms': '1',
      'reconnect.backoff.max.ms': '20',
      'retry.backoff.ms': '1',
      'retry.backoff.max.ms': '20',
      ...given.properties,
    }
    const { clock, random } = realSystem
    const channel = memoryChannel.create(
      optionsFor(memoryChannel, { capacity: 2000, transactionCapacity: 1000 }),
      contextFor('CHANNEL', 'c', memoryChannel.counters ?? []),
    )
    await channel.start()
    const { log } = this.sourceContext
    const source = kafkaSource.create(
      optionsFor(kafkaSource, {
        'kafka.bootstrap.servers': `127.0.0.1:${given.source.port}`,
        'kafka.topics': [given.from],
        'kafka.consumer.group.id': given.from,
        setTopicHeader: false,
        batchSize: 50,
        header: {},
        'kafka.consumer': {
          ...properties,
          'auto.offset.reset': 'earliest',
          'session.timeout.ms': '6000',
          'heartbeat.interval.ms': '100',
          'max.poll.interval.ms': '6000',
          'fetch.max.wait.ms': '100',
          'metadata.max.age.ms': '500',
        },
      }),
      {
        ...this.sourceContext,
        processor: {
          process: () => Promise.reject(new Error('not for a Kafka source')),
          processUntilAccepted: (events: readonly Event[], signal: AbortSignal) =>
            channel.put(events, { patienceMs: Infinity, signal }),
        },
      },
    )
    const sourceRunner = new SourceRunner({
      name: 's',
      source,
      interceptors: [],
      onStarted() {},
      clock,
      random,
      log,
      condition: this.sourceContext.condition,
    })
    const sink = kafkaSink.create(
      optionsFor(kafkaSink, {
        'kafka.bootstrap.servers': `127.0.0.1:${given.sink.port}`,
        'kafka.topic': given.to,
        flumeBatchSize: 50,
        header: {},
        'kafka.producer': { ...properties, acks: 'all', 'metadata.max.age.ms': '500' },
      }),
      this.sinkContext,
    )
    await sink.start()
    const sinkRunner = new SinkRunner({
      name: 'sink k',
      members: [
        {
          name: 'k',
          sink: wrapSink(sink, async (deliver, events) => {
            await deliver(events)
            this.delivered += events.length
            this.#note()
          }),
        },
      ],
      channel,
      clock,
      random,
      log: this.sinkContext.log,
      condition: this.sinkContext.condition,
    })
    this.#lastAt = performance.now()
    sinkRunner.start()
    await sourceRunner.start()
    this.#stops.push(
      () => sourceRunner.stop(),
      () => sinkRunner.stop(1000),
      () => sink.stop(),
      () => channel.stop(),
    )
    return this
  }

  #note(): void {
    const now = performance.now()
    if (this.firstMs === 0) this.firstMs = now - this.#lastAt
    else this.longestMs = Math.max(this.longestMs, now - this.#lastAt)
    this.#lastAt = now
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const stop of this.#stops.splice(0)) await stop()
  }
}
