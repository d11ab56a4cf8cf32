import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { contextFor } from '../../../test/context.ts'
import { Event } from '../../event.ts'
import type { ConsumedRecord } from '../../kafka-client/kafka-client.ts'
import { kafkaSourceCounters } from '../../observe/counters.ts'
import { EventMaker, type RecordMapping } from './event-of-record.ts'

function makerFor(mapping: Partial<RecordMapping> = {}) {
  const { log, counters } = contextFor('SOURCE', 'r1', kafkaSourceCounters)
  const maker = new EventMaker({
    mapping: { topicHeader: 'topic', headers: {}, useFlumeEventFormat: false, isExact: false, ...mapping },
    counters,
    log,
    now: () => 42,
  })
  return { log, counters, maker }
}

const record: ConsumedRecord = {
  topic: 'test3',
  partition: 2,
  offset: 17,
  timestamp: 1_700_000_000_000,
  key: Buffer.from('k'),
  value: Buffer.from('body'),
  headers: [],
}
const headersOf = (event: Event | null) => Object.fromEntries(event!.headers)

describe('headers', () => {
  it('says where the record came from', () => {
    const event = makerFor().maker.make(record)!
    assert.equal(event.body.toString(), 'body')
    assert.deepEqual(headersOf(event), {
      timestamp: '1700000000000',
      topic: 'test3',
      partition: '2',
      offset: '17',
      key: 'k',
    })
  })

  it('leaves out a null key and, where asked, the topic', () => {
    const { maker } = makerFor({ topicHeader: null })
    assert.deepEqual(Object.keys(headersOf(maker.make({ ...record, key: null }))), [
      'timestamp',
      'partition',
      'offset',
    ])
  })

  it('takes the time of receipt where the record has none', () => {
    assert.equal(headersOf(makerFor().maker.make({ ...record, timestamp: -1 }))['timestamp'], '42')
  })

  it('copies mapped record headers, the last of several, over what is there', () => {
    const { maker, log } = makerFor({ headers: { a: 'x', topic: 'y', none: 'z' } })
    const headers = [
      { key: 'x', value: Buffer.from('first') },
      { key: 'x', value: Buffer.from('last') },
      { key: 'y', value: Buffer.from('elsewhere') },
      { key: 'z', value: null },
    ]
    const made = headersOf(maker.make({ ...record, headers }))
    assert.deepEqual([made['a'], made['topic'], 'none' in made], ['last', 'elsewhere', false])
    assert.deepEqual(log.lines, [])
  })
})

describe('what text headers cannot carry', () => {
  const cases: [string, Partial<ConsumedRecord>, RegExp][] = [
    ['records_binary_key', { key: Buffer.from([255]) }, /test3-2 offset 17 has a key that is not UTF-8/],
    ['records_null_value', { value: null }, /has no value \(a tombstone\)/],
    ['records_unmapped_headers', { headers: [{ key: 'h', value: null }] }, /dropped \("h" for one\)/],
  ]
  for (const [counter, change, warning] of cases)
    it(`${counter}: counts each, warns once`, () => {
      const { maker, log, counters } = makerFor()
      const events = [1, 2, 3].map(() => maker.make({ ...record, ...change })!)
      assert.equal(events.length, 3)
      assert.equal(counters.own.get(counter), 3)
      assert.equal(log.lines.length, 1)
      assert.match(log.lines[0]!, warning)
    })

  it('makes an empty body of a null value', () => {
    assert.equal(makerFor().maker.make({ ...record, value: null })!.body.length, 0)
  })
})

describe('useFlumeEventFormat', () => {
  const wrapped = Event.of({ topic: 'mine', key: 'old', own: 'x' }, 'inner').encoded

  it('unwraps the event, keeps its headers, but for the key', () => {
    const event = makerFor({ useFlumeEventFormat: true }).maker.make({ ...record, value: wrapped })!
    assert.equal(event.body.toString(), 'inner')
    assert.deepEqual(headersOf(event), {
      topic: 'mine',
      key: 'k',
      own: 'x',
      timestamp: '1700000000000',
      partition: '2',
      offset: '17',
    })
  })

  it('skips what is no event, and says so once a batch', () => {
    const { maker, log, counters } = makerFor({ useFlumeEventFormat: true })
    for (const value of [Buffer.from('plain text'), wrapped.subarray(0, -1), null])
      assert.equal(maker.make({ ...record, value }), null)
    maker.endBatch()
    maker.endBatch()
    assert.equal(counters.own.get('records_not_flume_events'), 3)
    const errors = log.lines.filter(line => line.startsWith('ERROR'))
    assert.equal(errors.length, 1)
    assert.match(errors[0]!, /the first at test3-2 offset 17/)
  })
})
