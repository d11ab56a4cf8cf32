import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext as Test } from 'node:test'
import { conditionsOn, contextFor, KeptLog, optionsFor } from '../../../test/context.ts'
import { VirtualClock } from '../../../test/virtual-clock.ts'
import { connectAvro } from '../../index.ts'
import { memoryChannel } from '../../channels/memory.ts'
import type { DefinitionOf } from '../../component.ts'
import { Fault } from '../../errors.ts'
import { Event } from '../../event.ts'
import { avroSource } from '../avro.ts'
import type { AvroSource } from '../avro.ts'
import { OversizedBatches } from './oversized-batches.ts'

const events = (count: number) =>
  Array.from({ length: count }, (_, number) => Event.of({ n: String(number) }, String(number)))

/** A source before a channel whose transactions hold 10 events. */
async function run(t: Test, options: Record<string, unknown> = {}) {
  const channel = memoryChannel.create(
    optionsFor(memoryChannel, { capacity: 100, transactionCapacity: 10 }),
    contextFor('CHANNEL', 'c1', memoryChannel.counters),
  )
  await channel.start()
  const context = contextFor('SOURCE', 'r1', avroSource.counters)
  const source = (avroSource as DefinitionOf<'source'>).create(
    optionsFor(avroSource, { bind: '127.0.0.1', port: 0, ...options }),
    {
      ...context,
      processor: {
        process: batch => channel.put(batch),
        processUntilAccepted: () => assert.fail('an Avro source does not repeat'),
      },
    },
  ) as AvroSource
  await source.start()
  t.after(() => source.stop())
  const send = async (batch: Event[]) => {
    const client = await connectAvro({ host: '127.0.0.1', port: source.port })
    await client.appendBatch(batch).finally(() => client.close())
  }
  return { channel, context, send }
}

test('a batch above transactionCapacity: FAILED, red, one line with sender and remedy, until one passes', async t => {
  const { channel, context, send } = await run(t)
  for (let times = 0; times < 5; times++)
    await assert.rejects(send(events(11)), { code: 'PEER_REFUSED', message: /FAILED/ })
  const lines = () => context.log.lines.filter(line => line.startsWith('ERROR'))
  assert.equal(lines().length, 1, lines().join('\n'))
  assert.match(
    lines()[0]!,
    /Avro source r1 answered FAILED: 127\.0\.0\.1:\d+ sends a batch of 11 events, which can never be accepted: 11 events in one put, but a transaction of channel c1 holds 10\. Raise the channel's transactionCapacity or lower the batch size/,
  )
  assert.match(context.health().at(-1)!, /127\.0\.0\.1:\d+ sends a batch of 11 events/)
  await send(events(3))
  assert.match(context.health().at(-1)!, /11 events/, 'smaller ones say nothing about it')
  channel.reconfigure!(optionsFor(memoryChannel, { capacity: 100, transactionCapacity: 20 }))
  await send(events(11))
  assert.deepEqual(context.health(), [])
  await context.log.line(/INFO Avro source r1: 127\.0\.0\.1 no longer sends a batch .*, after/)
})

test('with deadLetter.file the batch is kept there as it came and answered OK', async t => {
  const directory = await mkdtemp(join(tmpdir(), 'oversized-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  const path = join(directory, 'dead.jsonl')
  const { channel, context, send } = await run(t, { 'deadLetter.file': path })
  await send(events(11))
  await send(events(2))
  await send(events(12))
  assert.equal(channel.size, 2)
  const letters = readFileSync(path, 'utf8').trimEnd().split('\n')
  assert.equal(letters.length, 23)
  const first = JSON.parse(letters[0]!) as Record<string, unknown>
  assert.deepEqual(first['headers'], { n: '0' })
  assert.equal(first['code'], 'TRANSACTION_TOO_LARGE')
  assert.equal(context.counters.own.get('events_diverted'), 23)
  const lines = context.log.lines.filter(line => line.includes('aside'))
  assert.equal(lines.length, 1)
  assert.match(lines[0]!, /WARN Avro source r1 set a batch of 11 events of 127\.0\.0\.1:\d+ aside/)
  assert.deepEqual(
    context.log.lines.filter(line => line.startsWith('ERROR')),
    [],
  )
})

test('where the file cannot be written the batch is refused', async t => {
  const { context, send } = await run(t, { 'deadLetter.file': '/proc/none/dead.jsonl' })
  await assert.rejects(send(events(11)), { code: 'PEER_REFUSED' })
  await context.log.line(/WARN Avro source r1 answered FAILED: .*\/proc\/none\/dead\.jsonl/)
})

test('a sender that has stopped repeating its batch is forgotten when others pass', async () => {
  const clock = new VirtualClock()
  const log = new KeptLog()
  const { condition, health } = conditionsOn(clock, log)
  const batches = new OversizedBatches({ source: 'Avro source r1', clock, condition })
  const fault = new Fault('TRANSACTION_TOO_LARGE', 'too many')
  batches.refused('a:1', 11, fault)
  batches.refused('b:1', 12, fault)
  await clock.advance(20_000)
  batches.refused('a:2', 11, fault)
  batches.accepted('c:1', 500)
  assert.equal(health().length, 2, health().join('\n'))
  assert.match(health()[1]!, /12 events/)
  await clock.advance(15_000)
  batches.accepted('b:7', 1)
  assert.equal(health().length, 1, health().join('\n'))
  assert.match(health()[0]!, /a:2 sends a batch of 11/)
  await clock.advance(16_000)
  batches.accepted('c:1', 1)
  assert.deepEqual(health(), [])
  await clock.advance(60_000)
  batches.refused('a:1', 11, fault)
  await clock.advance(119_000)
  assert.equal(log.lines.filter(line => /This has lasted for 60 s/.test(line)).length, 1)
})
