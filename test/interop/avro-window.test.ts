// Two Millrace agents' halves of the Avro hop, with real channels and the real sink runner: the receiving
// channel is small and fills again and again in the middle of a window. Everything arrives, in order.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memoryChannel } from '../../src/channels/memory.ts'
import type { Channel } from '../../src/component.ts'
import { sourceCounters } from '../../src/observe/counters.ts'
import { Event } from '../../src/event.ts'
import { type AvroSink, avroSink } from '../../src/sinks/avro.ts'
import { type AvroSource, avroSource } from '../../src/sources/avro.ts'
import { realSystem } from '../../src/system/system.ts'
import { SinkRunner } from '../../src/topology/sink-runner.ts'
import { contextFor, optionsFor } from '../context.ts'

const channelOf = (options: Record<string, unknown>): Channel =>
  memoryChannel.create(
    optionsFor(memoryChannel, options),
    contextFor('CHANNEL', 'c1', memoryChannel.counters ?? []),
  )

for (const deflate of [false, true])
  test(`a channel that fills in the middle of a window loses and reorders nothing${deflate ? ', with deflate' : ''}`, async t => {
    const count = 3000
    const sending = channelOf({ capacity: 10_000, transactionCapacity: 1000 })
    const receiving = channelOf({ capacity: 250, transactionCapacity: 100, 'keep-alive': 0 })
    await sending.start()
    await receiving.start()
    const compression = deflate ? { 'compression-type': 'deflate' } : {}
    const sourceContext = contextFor('SOURCE', 'r1', sourceCounters)
    const source = avroSource.create(optionsFor(avroSource, { bind: '127.0.0.1', port: 0, ...compression }), {
      ...sourceContext,
      processor: {
        process: events => receiving.put(events),
        processUntilAccepted: () => Promise.reject(new Error('not for an Avro source')),
      },
    }) as AvroSource
    await source.start()
    const sinkContext = contextFor('SINK', 'k1', avroSink.counters)
    const sink = avroSink.create(
      optionsFor(avroSink, {
        hostname: '127.0.0.1',
        port: source.port,
        'batch-size': 20,
        window: 8,
        ...compression,
      }),
      sinkContext,
    ) as AvroSink
    await sink.start()
    for (let at = 0; at < count; at += 100)
      await sending.put(Array.from({ length: 100 }, (_, index) => Event.of({}, String(at + index))))
    // Back-off after a refusal is the runner's; here it need not take real time.
    const clock = { ...realSystem.clock, sleep: () => new Promise<void>(resolve => setImmediate(resolve)) }
    const runner = new SinkRunner({
      name: 'sink k1',
      members: [{ name: 'k1', sink }],
      channel: sending,
      clock,
      random: realSystem.random,
      log: sinkContext.log,
      condition: sinkContext.condition,
    })
    runner.start()
    t.after(async () => {
      await runner.stop(1000)
      await sink.stop()
      await source.stop()
      await sending.stop()
      await receiving.stop()
    })
    const taken: string[] = []
    const never = new AbortController().signal
    while (taken.length < count) {
      // Let it fill before it is emptied a little: refusals come in the middle of windows.
      const refusals = Number(sourceContext.counters.get('ChannelWriteFail'))
      const full = () =>
        Number(sourceContext.counters.get('ChannelWriteFail')) > refusals || sending.size === 0
      for (let turns = 0; turns < 2000 && !full(); turns++)
        await new Promise(resolve => setImmediate(resolve))
      const batch = await receiving.take({ events: 70 }, never)
      taken.push(...batch!.events.map(event => event.body.toString()))
      await batch!.commit()
    }
    assert.deepEqual(
      taken,
      Array.from({ length: count }, (_, index) => String(index)),
    )
    const refused = Number(sourceContext.counters.get('ChannelWriteFail'))
    assert.ok(refused > 10, `the channel refused ${refused} times`)
    assert.ok(Number(sinkContext.counters.get('ConnectionCreatedCount')) > 10)
    t.diagnostic(`${refused} refusals`)
  })
