// What an event costs on its way through both agents, without processes, disks and networks: from the record batch that was
// fetched through the Kafka source, an interceptor and the file channel's entry, and from there through the Kafka sink to the
// batch that is produced. The measure is a fixed computation beside it, in the same turns, so that the machine and its load do
// not matter; of both, the quickest round counts. The bound is wide: it holds what was gained, not the last tenth of it (docs/performance.md).
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodePut, entryHeaderBytes, putEntryBytes } from '../src/channels/file/entry.ts'
import { LoadedEvents } from '../src/channels/file/loaded-events.ts'
import { GoneNumbers } from '../src/channels/file/number-ranges.ts'
import { staticInterceptor } from '../src/interceptors/static.ts'
import { kafkaSourceCounters } from '../src/observe/counters.ts'
import { RecordMaker } from '../src/sinks/kafka/record-of-event.ts'
import { EventMaker } from '../src/sources/kafka/event-of-record.ts'
import { RecordBatchBuilder } from '../src/wire/kafka/record-batch.ts'
import { RecordSetReader } from '../src/wire/kafka/record-set.ts'
import { contextFor, optionsFor } from './context.ts'

const events = 1000
const rounds = 200
/** Measured: 4.1 to 4.6; up to 11.4 where the threads that compile and collect garbage get no turn. */
const mostRatio = 30

/** FNV-1a: a step of some cycles for each byte, whatever the machine. */
function hashOf(bytes: Buffer): number {
  let hash = 2_166_136_261
  for (let index = 0; index < bytes.length; index++) hash = Math.imul(hash ^ bytes[index]!, 16_777_619)
  return hash
}

test('what an event costs is not many times what it did', t => {
  const context = contextFor('SOURCE', 'r1', kafkaSourceCounters)
  const mapping = { topicHeader: 'topic', headers: {}, useFlumeEventFormat: false, isExact: false }
  const maker = new EventMaker({ ...context, mapping, now: () => 0 })
  const options = optionsFor(staticInterceptor, { key: 'topic', value: 'out', preserveExisting: false })
  const interceptor = staticInterceptor.create(options as never, context)
  const records = new RecordMaker(
    {
      ...mapping,
      topic: 't',
      partitionIdHeader: undefined,
      defaultPartitionId: undefined,
      timestampHeader: undefined,
    },
    { log: context.log, now: () => 0, host: undefined },
  )
  const fetched = new RecordBatchBuilder('none')
  for (let index = 0; index < events; index++)
    fetched.append({
      timestamp: 1_796_035_857_537,
      key: null,
      value: Buffer.from(`${index} `.padEnd(200, 'x')),
    })
  const bytes = fetched.finish()
  const gone = new GoneNumbers()

  const pass = (): number => {
    const made = []
    const reader = new RecordSetReader(bytes, { checksums: true }).next()!.reader({ maxHeaders: 10_000 })
    for (let one = reader.next(); one !== null && one !== undefined; one = reader.next())
      made.push(interceptor.intercept(maker.make({ topic: 'in', partition: 0, ...one })!)!)
    const entry = encodePut(made, putEntryBytes(made))
    const loaded = new LoadedEvents()
    loaded.add(0, events, entry.subarray(entryHeaderBytes))
    const produced = new RecordBatchBuilder('none', { expectedBytes: bytes.length })
    for (const event of loaded.take({ events }, gone)!.events) {
      const { key, value } = records.make(event)
      produced.append({ timestamp: 0, key, value })
    }
    return produced.finish().length
  }
  const took = (work: () => number): number => {
    const begun = performance.now()
    assert.notEqual(work(), 0)
    return performance.now() - begun
  }
  const passes: number[] = []
  const measures: number[] = []
  for (let round = 0; round < rounds; round++) {
    passes.push(took(pass))
    for (let count = 0; count < 4; count++) measures.push(took(() => hashOf(bytes)))
  }
  const ratio = Math.min(...passes) / Math.min(...measures)
  t.diagnostic(`${events} events cost ${ratio.toFixed(2)} times the measure`)
  assert.ok(
    ratio < mostRatio,
    `${events} events cost ${ratio.toFixed(2)} times the measure, more than ${mostRatio}`,
  )
})
