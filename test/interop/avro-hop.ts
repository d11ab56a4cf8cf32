// The Avro hop between two agents in one process: the real sink under the real sink runner, real channels,
// real sockets through a fault proxy, the real source. Events are numbered; it notes what arrives, what was
// answered, and how long nothing moved.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { fileChannel } from '../../src/channels/file.ts'
import { memoryChannel } from '../../src/channels/memory.ts'
import type { Channel, Sink } from '../../src/component.ts'
import { Fault } from '../../src/errors.ts'
import { Event } from '../../src/event.ts'
import { sourceCounters } from '../../src/observe/counters.ts'
import { avroSink } from '../../src/sinks/avro.ts'
import { type AvroSource, avroSource } from '../../src/sources/avro.ts'
import { realSystem } from '../../src/system/system.ts'
import { SinkRunner } from '../../src/topology/sink-runner.ts'
import { contextFor, optionsFor } from '../context.ts'
import { wrapSink } from '../sink-sessions.ts'
import { FaultProxy } from '../chain/faults.ts'
import { waitFor } from './peers/waiting.ts'

export interface HopOptions {
  readonly source?: Record<string, unknown>
  readonly sink?: Record<string, unknown>
  /** Where file channels live; channels in memory where absent. */
  readonly directory?: string
  /** Puts an agent between the proxy and the source, whose port is given; resolves to that agent's port. */
  readonly between?: (sourcePort: number) => Promise<number>
}

/** Events of one batch. */
const batchSize = 2

export class Hop {
  readonly proxy = new FaultProxy()
  /** Codes of the faults deliveries ended with, and how often. */
  readonly faults = new Map<string, number>()
  /**
   * Events handed to the sink again although their delivery had been answered. Counted where they are sent:
   * what a cut connection had passed on may still arrive after the next connection's answer.
   */
  readonly doubled: number[] = []
  readonly sinkContext = contextFor('SINK', 'k1', avroSink.counters)
  /** The longest time between two deliveries that ended, in milliseconds. */
  longestMs = 0
  /** Keeps the sending channel from running dry. */
  isFeeding = true
  arrivals = 0
  /** Below this every number has arrived. */
  arrivedBelow = 0
  #put = 0
  #answered = 0
  #lastAt = 0
  readonly #sending: Channel
  readonly #receiving: Channel
  readonly #options: HopOptions
  readonly #stops: (() => Promise<void>)[] = []

  constructor(options: HopOptions = {}) {
    this.#options = options
    this.#sending = channelOf('c1', options.directory)
    this.#receiving = channelOf('c2', options.directory)
  }

  async start(): Promise<this> {
    await this.#sending.start()
    await this.#receiving.start()
    const sourcePort = await this.#startSource()
    this.proxy.target = (await this.#options.between?.(sourcePort)) ?? sourcePort
    await this.proxy.start()
    const sink = avroSink.create(
      optionsFor(avroSink, {
        hostname: '127.0.0.1',
        port: this.proxy.port,
        'batch-size': batchSize,
        'connect-timeout': 1000,
        'request-timeout': 1000,
        ...this.#options.sink,
      }),
      this.sinkContext,
    )
    await sink.start()
    // The runner's back-off need not take real time here.
    const clock = { ...realSystem.clock, sleep: () => new Promise<void>(resolve => setImmediate(resolve)) }
    const runner = new SinkRunner({
      name: 'sink k1',
      members: [{ name: 'k1', sink: this.#watched(sink) }],
      channel: this.#sending,
      clock,
      random: realSystem.random,
      log: this.sinkContext.log,
      condition: this.sinkContext.condition,
    })
    this.feed()
    this.#lastAt = performance.now()
    runner.start()
    this.#stops.push(async () => {
      await runner.stop(1000)
      await sink.stop()
    })
    return this
  }

  feed(): void {
    while (this.isFeeding && this.#put - this.#answered < 60) {
      const events = Array.from({ length: 20 }, () => Event.of({}, String(this.#put++)))
      void this.#sending.put(events)
    }
  }

  /** Feeds no more and waits until everything is answered. */
  async drain(): Promise<void> {
    this.isFeeding = false
    await waitFor(
      () => this.#sending.size === 0 && this.arrivedBelow === this.#put,
      'all is sent and has arrived',
    )
  }

  /** What the receiving channel holds, in its order; then everything is stopped. */
  async finish(): Promise<{ put: number; numbers: number[] }> {
    for (const stop of this.#stops.toReversed()) await stop()
    const numbers: number[] = []
    const never = new AbortController().signal
    while (this.#receiving.size > 0) {
      const batch = await this.#receiving.take({ events: 500 }, never)
      numbers.push(...batch!.events.map(numberOf))
      await batch!.commit()
    }
    await this.proxy[Symbol.asyncDispose]()
    await this.#sending.stop()
    await this.#receiving.stop()
    return { put: this.#put, numbers }
  }

  async #startSource(): Promise<number> {
    const source = avroSource.create(
      optionsFor(avroSource, { bind: '127.0.0.1', port: 0, ...this.#options.source }),
      {
        ...contextFor('SOURCE', 'r1', sourceCounters),
        processor: {
          process: async events => {
            for (const event of events) {
              if (numberOf(event) === this.arrivedBelow) this.arrivedBelow++
            }
            this.arrivals += events.length
            await this.#receiving.put(events)
          },
          processUntilAccepted: () => Promise.reject(new Error('not for an Avro source')),
        },
      },
    ) as AvroSource
    await source.start()
    this.#stops.push(() => source.stop())
    return source.port
  }

  #watched(sink: Sink): Sink {
    return wrapSink(sink, async (deliver, events) => {
      this.feed()
      for (const number of events.map(numberOf)) if (number < this.#answered) this.doubled.push(number)
      try {
        await deliver(events)
        this.#answered = Math.max(this.#answered, numberOf(events.at(-1)!) + 1)
      } catch (error) {
        const code = error instanceof Fault ? error.code : String(error)
        this.faults.set(code, (this.faults.get(code) ?? 0) + 1)
        throw error
      } finally {
        const now = performance.now()
        this.longestMs = Math.max(this.longestMs, now - this.#lastAt)
        this.#lastAt = now
      }
    })
  }
}

function numberOf(event: Event): number {
  return Number(event.body.toString())
}

function channelOf(name: string, directory: string | undefined): Channel {
  const sizes = { capacity: 1_000_000, transactionCapacity: 1000 }
  const definition = directory === undefined ? memoryChannel : fileChannel
  const places =
    directory === undefined
      ? {}
      : { checkpointDir: join(directory, name, 'checkpoint'), dataDirs: [join(directory, name, 'data')] }
  return definition.create(
    optionsFor(definition, { ...sizes, ...places }),
    contextFor('CHANNEL', name, definition.counters ?? []),
  )
}

/** Every number there, first appearances in order. Gives the number of repeats. */
export function assertAllInOrder(put: number, numbers: readonly number[]): number {
  let next = 0
  for (const [index, number] of numbers.entries()) {
    assert.ok(number <= next, `${number} at ${index}, where ${next} was next`)
    if (number === next) next++
  }
  assert.equal(next, put)
  return numbers.length - put
}
