// A batch larger than the next agent's transactions hold: it goes in parts that fit, in order, each event
// once; to real Flume and to Millrace. A full channel is another matter.
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { memoryChannel } from '../../src/channels/memory.ts'
import type { DefinitionOf } from '../../src/component.ts'
import { Event } from '../../src/event.ts'
import { avroSink } from '../../src/sinks/avro.ts'
import { avroSource } from '../../src/sources/avro.ts'
import type { AvroSource } from '../../src/sources/avro.ts'
import { realClock } from '../../src/system/clock.ts'
import { realRandom } from '../../src/system/random.ts'
import { SinkRunner } from '../../src/topology/sink-runner.ts'
import { contextFor, optionsFor } from '../context.ts'
import { freePort, skipWithoutPeers, startFlume } from './peers/peers.ts'
import { waitFor } from './peers/waiting.ts'

const total = 5000
const events = Array.from({ length: total }, (_, number) => Event.of({}, String(number)))
const all = events.map(event => event.body.toString())

/** Our side of the hop: a channel with all the events, the Avro sink with batches of 1000. */
async function startSender(port: number, batchSize = 1000) {
  const channel = memoryChannel.create(
    optionsFor(memoryChannel, { capacity: total, transactionCapacity: 1000 }),
    contextFor('CHANNEL', 'c1', memoryChannel.counters),
  )
  await channel.start()
  const context = contextFor('SINK', 'k1', avroSink.counters)
  const options = optionsFor(avroSink, { hostname: '127.0.0.1', port, 'batch-size': batchSize })
  const sink = (avroSink as DefinitionOf<'sink'>).create(options, context)
  await sink.start()
  const { log, condition } = context
  const runner = new SinkRunner({
    name: 'sink k1',
    members: [{ name: 'k1', sink }],
    channel,
    clock: realClock,
    random: realRandom,
    log,
    condition,
  })
  runner.start()
  return {
    channel,
    log,
    async put(some: readonly Event[]) {
      for (let at = 0; at < some.length; at += 1000) await channel.put(some.slice(at, at + 1000))
    },
    async [Symbol.asyncDispose]() {
      await runner.stop(1000)
      await sink.stop()
    },
  }
}

it('to Millrace, with several requests in flight', async () => {
  const channel = memoryChannel.create(
    optionsFor(memoryChannel, { capacity: total, transactionCapacity: 100 }),
    contextFor('CHANNEL', 'c1', memoryChannel.counters),
  )
  await channel.start()
  const context = contextFor('SOURCE', 'r1', avroSource.counters)
  const source = (avroSource as DefinitionOf<'source'>).create(
    optionsFor(avroSource, { bind: '127.0.0.1', port: 0 }),
    {
      ...context,
      processor: {
        process: batch => channel.put(batch),
        processUntilAccepted: () => assert.fail('an Avro source does not repeat'),
      },
    },
  ) as AvroSource
  await source.start()
  {
    await using sender = await startSender(source.port)
    await sender.put(events)
    await waitFor(() => sender.channel.size === 0, sender.log.lines.join('\n'))
    const warnings = sender.log.lines.filter(line => /^(WARN|ERROR)/.test(line))
    assert.equal(warnings.length, 1, warnings.join('\n'))
    assert.match(warnings[0]!, /refuses 125 events in one request and takes 63/)
    assert.deepEqual(
      sender.log.lines.filter(line => line.startsWith('ERROR')),
      [],
    )
  }
  const arrived: string[] = []
  while (channel.size > 0) {
    const batch = (await channel.take({ events: 100 }, new AbortController().signal))!
    arrived.push(...batch.events.map(event => event.body.toString()))
    await batch.commit()
  }
  assert.deepEqual(arrived, all)
  await source.stop()
})

describe('to Flume 1.11.0', { skip: skipWithoutPeers }, () => {
  it('in parts that its transactions hold; not where its channel is full', async t => {
    const directory = await mkdtemp(join(tmpdir(), 'batch-size-'))
    t.after(() => rm(directory, { recursive: true, force: true }))
    const out = join(directory, 'out')
    mkdirSync(out)
    const [port, fullPort] = [await freePort(), await freePort()]
    const conf = `
b.sources = s f
b.channels = c d
b.sinks = k
b.sources.s.type = avro
b.sources.s.bind = 127.0.0.1
b.sources.s.port = ${port}
b.sources.s.channels = c
b.channels.c.type = memory
b.channels.c.capacity = 10000
b.channels.c.transactionCapacity = 100
b.sinks.k.type = file_roll
b.sinks.k.sink.directory = ${out}
b.sinks.k.sink.rollInterval = 0
b.sinks.k.sink.batchSize = 100
b.sinks.k.channel = c
b.sources.f.type = avro
b.sources.f.bind = 127.0.0.1
b.sources.f.port = ${fullPort}
b.sources.f.channels = d
b.channels.d.type = memory
b.channels.d.capacity = 20
b.channels.d.transactionCapacity = 20
b.channels.d.keep-alive = 1
`
    await using flume = await startFlume('1.11.0', directory, { agent: 'b', conf })
    {
      await using sender = await startSender(port)
      await sender.put(events)
      await waitFor(() => sender.channel.size === 0, sender.log.lines.join('\n'))
      await sender.log.line(/WARN .* refuses 125 events in one request and takes 63: .*transactionCapacity/)
    }
    const written = () =>
      readdirSync(out)
        .sort()
        .flatMap(name => readFileSync(join(out, name), 'utf8').split('\n'))
        .filter(Boolean)
    await waitFor(() => existsSync(out) && written().length >= total, 'what Flume has written')
    assert.deepEqual(written(), all)
    assert.match(flume.output, /Put queue for MemoryTransaction of capacity 100 full/)

    await using sender = await startSender(fullPort, 10)
    await sender.put(events.slice(0, 30))
    await sender.log.line(/ERROR Delivering events by sink k1 failed .* answered FAILED/)
    assert.equal(sender.channel.size, 10)
    assert.ok(!sender.log.lines.some(line => /in one request and takes/.test(line)))
  })
})
