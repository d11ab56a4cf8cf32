// Kafka sinks that deliver exactly once to a broker in this process, and its readers.
import assert from 'node:assert/strict'
import type { SessionSink } from '../../src/component.ts'
import { Event } from '../../src/event.ts'
import {
  consumerDefaults,
  createAdmin,
  PartitionReader,
  type Admin,
} from '../../src/kafka-client/kafka-client.ts'
import { looseConditions } from '../../src/observe/conditions.ts'
import { silentLogger } from '../../src/observe/log.ts'
import { encodeOrigin, originHeader } from '../../src/origin/origin.ts'
import { kafkaSink } from '../../src/sinks/kafka.ts'
import { realSystem } from '../../src/system/system.ts'
import { withBroker, type RunningBroker } from '../broker/running-broker.ts'
import { contextFor, optionsFor, type TestContext } from '../context.ts'
import { deliveriesOf } from '../sink-sessions.ts'

export interface OnceSink {
  readonly context: TestContext
  readonly sink: SessionSink
  readonly deliver: (events: readonly Event[]) => Promise<void>
  counted(name: string): number
}

export interface OnceStage {
  readonly running: RunningBroker
  readonly admin: Admin
  /** One that is started, with topic `out` and flow `f`. */
  sink(options?: Record<string, unknown>): Promise<OnceSink>
  /** Bodies that a reader of committed records reads up to the end that the topic has now. */
  read(topic?: string, partition?: number): Promise<string[]>
}

export const originOf = (offset: number, { from = offset, leaderEpoch = 0, partition = 0 } = {}): string =>
  encodeOrigin({ partition: `cluster/in/id/${partition}`, leaderEpoch, from, to: offset })

export const eventOf = (offset: number, given: Parameters<typeof originOf>[1] = {}): Event =>
  Event.of({ [originHeader]: originOf(offset, given) }, `${given.partition ?? 0}:${offset}`)

export const eventsOf = (from: number, count: number, given: Parameters<typeof originOf>[1] = {}): Event[] =>
  Array.from({ length: count }, (_, at) => eventOf(from + at, given))

export function onStage(
  run: (stage: OnceStage) => Promise<void>,
  settings: Readonly<Record<string, string>> = {},
): Promise<void> {
  return withBroker(async running => {
    const { bootstrap } = running
    await using stack = new AsyncDisposableStack()
    const admin = createAdmin({ system: realSystem, log: silentLogger, bootstrapServers: [bootstrap] })
    stack.defer(() => admin.close())
    await admin.topics.create({ name: 'out', partitions: 1 })
    const sink = async (options: Record<string, unknown> = {}): Promise<OnceSink> => {
      const context = contextFor('SINK', 'k1', kafkaSink.counters)
      const given = optionsFor(kafkaSink, {
        'kafka.bootstrap.servers': bootstrap,
        'kafka.topic': 'out',
        deliveryGuarantee: 'exactly-once',
        flow: 'f',
        ...options,
      })
      const made = (kafkaSink as { create(given: never, context: TestContext): SessionSink }).create(
        given,
        context,
      )
      await made.start()
      stack.defer(() => made.stop())
      return {
        context,
        sink: made,
        deliver: deliveriesOf(made),
        counted: name => context.counters.own.get(name) ?? 0,
      }
    }
    const read = async (topic = 'out', partition = 0): Promise<string[]> => {
      const reader = new PartitionReader({
        system: realSystem,
        log: silentLogger,
        condition: looseConditions(realSystem.clock, silentLogger),
        settings: { ...consumerDefaults, bootstrapServers: [bootstrap], readCommitted: true },
      })
      try {
        const one = { topic, partition }
        const end = (await admin.offsets.at([one], -1)).get(`${topic}-${partition}`)!
        reader.add([{ ...one, offset: 0 }])
        const bodies: string[] = []
        while (reader.position(one) < end) {
          const records = await reader.poll({ maxRecords: 1000, signal: AbortSignal.timeout(50) })
          bodies.push(...records.map(({ value }) => String(value)))
        }
        return bodies
      } finally {
        reader.close()
      }
    }
    await run({ running, admin, sink, read })
  }, settings)
}

/** The progress that the broker has of a key, as text. */
export async function progressOf(stage: OnceStage, topic = 'millrace-progress'): Promise<string[]> {
  const bodies = await stage.read(topic)
  return bodies.map(body => {
    const { version, written } = JSON.parse(body) as { version: number; written: string[] }
    assert.equal(version, 1)
    return written.join(' ')
  })
}
