import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { contextFor } from '../../../test/context.ts'
import { Fault } from '../../errors.ts'
import { Event } from '../../event.ts'
import { RecordMaker, type EventMapping } from './record-of-event.ts'

function makerFor(mapping: Partial<EventMapping> = {}) {
  const { log } = contextFor('SINK', 'k1')
  const maker = new RecordMaker(
    {
      topic: 'test2',
      topicHeader: 'topic',
      partitionIdHeader: undefined,
      defaultPartitionId: undefined,
      timestampHeader: undefined,
      headers: {},
      useFlumeEventFormat: false,
      isExact: false,
      ...mapping,
    },
    { log, now: () => 0, host: { name: 'box', address: '10.0.0.1', fullName: 'box' } },
  )
  return { maker, log }
}
const undeliverable = (message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof Fault)
  assert.equal(error.code, 'UNDELIVERABLE')
  assert.match(error.message, message)
  return true
}

describe('the topic', () => {
  const topicOf = (mapping: Partial<EventMapping>, headers: Record<string, string>) =>
    makerFor(mapping).maker.make(Event.of(headers)).topic

  it('is that of the header, as it is, else that of the configuration', () => {
    assert.throws(() => topicOf({}, { topic: 'other%{x}' }), undeliverable(/"other%\{x\}" is not a name/))
    assert.equal(topicOf({}, { topic: 'other' }), 'other')
    assert.equal(topicOf({}, {}), 'test2')
    assert.equal(topicOf({ topicHeader: 'dest' }, { topic: 'other', dest: 'there' }), 'there')
  })

  it('is expanded only where a header may override it', () => {
    assert.equal(topicOf({ topic: 'T%{x}' }, { x: '1' }), 'T1')
    assert.equal(topicOf({ topic: 'T%{x}' }, {}), 'T')
    assert.equal(topicOf({ topic: 'on-%[localhost]' }, {}), 'on-box')
    assert.throws(
      () => topicOf({ topic: 'T%{x}', topicHeader: null }, { x: '1', topic: 'other' }),
      undeliverable(/"T%\{x\}" is not a name .*\(kafka.topic\)/),
    )
  })

  it('blocks where no topic can have it', () => {
    for (const topic of ['a b', 'ä', '.', '..', 'a/b', 'x'.repeat(250), 'a\nb'])
      assert.throws(
        () => topicOf({}, { topic }),
        undeliverable(/is not a name that a topic can have: .*header "topic", or kafka.topic/),
      )
    assert.equal(topicOf({}, { topic: 'x'.repeat(249) }).length, 249)
    assert.equal(topicOf({}, { topic: 'a.b_C-9' }), 'a.b_C-9')
  })

  it('blocks where it cannot be told', () => {
    assert.throws(() => topicOf({ topic: 'T%Y' }, {}), undeliverable(/cannot be expanded: .*"timestamp"/))
    assert.throws(() => topicOf({}, { topic: '' }), undeliverable(/names an empty topic/))
  })
})

describe('the partition', () => {
  const partitionOf = (mapping: Partial<EventMapping>, headers: Record<string, string>) =>
    makerFor(mapping).maker.make(Event.of(headers)).partition

  it('is that of the header, else the default, else up to the producer', () => {
    const both = { partitionIdHeader: 'p', defaultPartitionId: 3 }
    assert.equal(partitionOf(both, { p: '1' }), 1)
    assert.equal(partitionOf(both, {}), 3)
    assert.equal(partitionOf({ partitionIdHeader: 'p' }, {}), undefined)
  })

  it('blocks where the header is no partition', () => {
    for (const p of ['x', '', '-1', '1.5', '2147483648'])
      assert.throws(
        () => partitionOf({ partitionIdHeader: 'p' }, { p }),
        undeliverable(/"p" of an event for topic test2 is no partition number/),
      )
  })
})

describe('the rest', () => {
  it('key and value', () => {
    const made = makerFor().maker.make(Event.of({ key: 'ключ' }, 'body'))
    assert.equal(made.key!.toString(), 'ключ')
    assert.equal(String(made.value), 'body')
    assert.equal(makerFor().maker.make(Event.of({})).key, null)
  })

  it('writes the whole event where that is asked for', () => {
    const event = Event.of({ a: 'b' }, 'body')
    const { value } = makerFor({ useFlumeEventFormat: true }).maker.make(event)
    assert.deepEqual(Object.fromEntries(Event.fromEncoded(value!).headers), { a: 'b' })
  })

  it('copies mapped headers', () => {
    const { headers } = makerFor({ headers: { a: 'x', none: 'y' } }).maker.make(Event.of({ a: 'ä' }))
    assert.deepEqual(headers, [{ key: 'x', value: Buffer.from('ä') }])
  })

  it('takes the time of a header, and warns once where it is none', () => {
    const { maker, log } = makerFor({ timestampHeader: 'ts' })
    assert.equal(maker.make(Event.of({ ts: '1700000000000' })).timestamp, 1_700_000_000_000)
    for (const ts of ['bad', '-1', '9007199254740993'])
      assert.equal(maker.make(Event.of({ ts })).timestamp, undefined)
    assert.equal(log.lines.length, 1)
    assert.match(log.lines[0]!, /^WARN the header "ts" of an event is no time/)
  })
})
