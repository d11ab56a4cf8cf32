import assert from 'node:assert/strict'
import test from 'node:test'
import { contextFor, optionsFor } from '../../test/context.ts'
import { Fault } from '../errors.ts'
import type { Event } from '../event.ts'
import { sequenceSource } from './sequence.ts'

type Put = (events: readonly Event[], signal: AbortSignal) => Promise<void>

function make(given: Record<string, unknown>, put: Put) {
  const context = contextFor('SOURCE', 'r1', sequenceSource.counters)
  const processor = { process: () => assert.fail('this source can wait'), processUntilAccepted: put }
  const source = sequenceSource.create(optionsFor(sequenceSource, given), { ...context, processor })
  return { source, counters: context.counters }
}

test('counts up in batches to the total, then waits for its end', async () => {
  const batches: string[][] = []
  const { source, counters } = make({ batchSize: 3, totalEvents: 7 }, async events => {
    batches.push(events.map(event => event.body.toString()))
  })
  await source.start()
  const stop = new AbortController()
  await source.poll!(stop.signal)
  assert.deepEqual(batches, [['0', '1', '2'], ['3', '4', '5'], ['6']])
  const waiting = source.poll!(stop.signal)
  stop.abort()
  await waiting
  assert.equal(batches.length, 3)
  assert.equal(counters.get('EventAcceptedCount'), 7)
  assert.equal(counters.get('EventReceivedCount'), 0, "as Flume's")
  assert.equal(counters.get('AppendBatchAcceptedCount'), 3)
})

test('a round has several puts under way and leaves the event loop to others', async () => {
  let open = 0
  let most = 0
  const { source } = make({ totalEvents: 100_000 }, async () => {
    most = Math.max(most, ++open)
    await Promise.resolve()
    open--
  })
  await source.start()
  let turns = 0
  const turn = () => {
    turns++
    if (turns < 3) setImmediate(turn)
  }
  setImmediate(turn)
  const { signal } = new AbortController()
  for (let round = 0; round < 5; round++) await source.poll!(signal)
  assert.equal(most, 64)
  assert.equal(turns, 3)
})

test('what was refused is made again, unchanged', async () => {
  let refuse = true
  const accepted: string[] = []
  const { source } = make({ totalEvents: 3 }, async ([event]) => {
    if (refuse) throw new Fault('TRANSACTION_TOO_LARGE', 'no')
    accepted.push(event!.body.toString())
  })
  await source.start()
  const { signal } = new AbortController()
  await assert.rejects(source.poll!(signal), { code: 'TRANSACTION_TOO_LARGE' })
  refuse = false
  await source.poll!(signal)
  assert.deepEqual(accepted, ['0', '1', '2'])
})
