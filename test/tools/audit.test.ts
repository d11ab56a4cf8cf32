// `millrace audit` against the embedded broker: what is planted in a copy of a topic is found, with its offset, and
// nothing else is.
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import fc from '../fast-check.ts'
import { createTransactionalProducer, readProducerProperties } from '../../src/kafka-client/kafka-client.ts'
import type { ProducerRecord } from '../../src/kafka-client/kafka-client.ts'
import { silentLogger as log } from '../../src/observe/log.ts'
import { realSystem as system } from '../../src/system/system.ts'
import type { TopicSettings } from '../../src/broker/topic-settings.ts'
import { encodeOrigin, originPartition } from '../../src/origin/origin.ts'
import { produce } from '../../src/wire/kafka/messages/produce.ts'
import { writeRecords } from '../../src/wire/kafka/record-set.ts'
import { WireClient } from '../broker/wire-client.ts'
import { oddRecords, writeAll } from '../exact-chain.ts'
import { startGround, type Ground } from './ground.ts'

let ground: Ground
before(async () => {
  ground = await startGround()
})
after(() => ground?.[Symbol.asyncDispose]())

interface Found {
  readonly count: number
  readonly first: readonly {
    readonly from?: { topic: string; partition: number; offset: number }
    readonly to?: { topic: string; partition: number; offset: number }
    readonly what?: string
  }[]
}

interface Report extends Record<'doubled' | 'changed' | 'unexpected' | 'reordered', Found> {
  readonly missing: Found & { readonly atEnd: number }
  readonly isEqual: boolean
  readonly arrived: number
  readonly superseded: number
  readonly named: number
  readonly dropped: number
  readonly foreign: number
  readonly passedOver: number
  readonly compared: readonly string[]
  readonly from: { readonly records: number }
  readonly to: { readonly records: number }
}

let topicsMade = 0

/** A topic of its own. */
async function topic(partitions = 3, settings: TopicSettings = {}): Promise<string> {
  const name = `audited-${topicsMade++}`
  await ground.broker.broker.topics.create(name, partitions, settings)
  return name
}

const place = (name: string) => `${ground.broker.bootstrap}/${name}`

async function audit(from: string, to: string | readonly string[], ...more: string[]) {
  const targets = [to].flat().flatMap(one => ['--to', place(one)])
  return ground.driver.run('millrace', ['audit', '--from', place(from), ...targets, ...more])
}

async function reported(from: string, to: string | readonly string[], ...more: string[]): Promise<Report> {
  const { code, out, err } = await audit(from, to, '--format', 'json', ...more)
  assert.ok(code === 0 || code === 1, `${code}: ${out}${err}`)
  const report = JSON.parse(out) as Report
  assert.equal(code, report.isEqual ? 0 : 1)
  return report
}

const kinds = ['missing', 'doubled', 'changed', 'unexpected', 'reordered'] as const
const countsOf = (report: Report) =>
  Object.fromEntries(kinds.filter(kind => report[kind].count > 0).map(kind => [kind, report[kind].count]))
const fromPlaces = ({ first }: Found) => first.map(one => `${one.from?.partition}:${one.from?.offset}`)
const toPlaces = ({ first }: Found) => first.map(one => `${one.to?.partition}:${one.to?.offset}`)

/** Record n of so many: each third without a key. */
const plain = (name: string, count: number): ProducerRecord[] =>
  Array.from({ length: count }, (_, n) => ({
    topic: name,
    partition: n % 3,
    key: n % 3 === 0 ? null : Buffer.from(`key-${n % 7}`),
    value: Buffer.from(`value ${n}`),
  }))
const into = (name: string, records: readonly ProducerRecord[]) =>
  writeAll(
    ground.broker.bootstrap,
    records.map(one => ({ ...one, topic: name })),
  )

describe('an audit', () => {
  test('finds nothing where the copy is whole, whatever the records are', async () => {
    const [from, to] = [await topic(), await topic()]
    await into(from, oddRecords(from, 600, 7))
    await into(to, oddRecords(to, 600, 7))
    const report = await reported(from, to)
    assert.deepEqual(countsOf(report), {})
    assert.deepEqual(
      [report.arrived, report.from.records, report.to.records, report.compared],
      [600, 600, 600, ['key', 'value', 'headers']],
    )
    const { code, out } = await audit(from, to)
    assert.equal(code, 0)
    assert.match(out, /equal: 600 records arrived, each once and unchanged\n$/)
  })

  test('names the offsets of what is missing, doubled, changed, of elsewhere and out of order', async () => {
    const [from, to] = [await topic(), await topic()]
    const sent = plain(from, 300)
    await into(from, sent)
    const copy = sent.map(one => ({ ...one }))
    // In the source partition n % 3 has record n at n / 3.
    copy[31] = { ...copy[31]!, value: Buffer.from('another value') }
    copy.splice(70, 3)
    copy.splice(100, 0, copy[50]!)
    const last = copy.length
    ;[copy[last - 20], copy[last - 41]] = [copy[last - 41]!, copy[last - 20]!]
    copy.push({ topic: to, partition: 0, key: Buffer.from('stranger'), value: Buffer.from('x') })
    await into(to, copy)
    const report = await reported(from, to)
    assert.deepEqual(countsOf(report), { missing: 3, doubled: 1, changed: 1, unexpected: 1, reordered: 1 })
    assert.deepEqual(fromPlaces(report.missing), ['0:24', '1:23', '2:23'])
    assert.equal(report.missing.atEnd, 0)
    assert.deepEqual(fromPlaces(report.changed), ['1:10'])
    assert.deepEqual(toPlaces(report.changed), ['1:10'])
    assert.equal(report.changed.first[0]!.what, 'value')
    assert.deepEqual(fromPlaces(report.doubled), ['2:16'])
    assert.equal(report.unexpected.first[0]!.to?.topic, to)
    const { code, out } = await audit(from, to, '--max-differences', '2')
    assert.equal(code, 1)
    assert.match(
      out,
      new RegExp(`missing: 3 records\\n  ${from}-0 offset 24\\n  ${from}-1 offset 23\\n  and 1 more\\n`),
    )
    assert.match(
      out,
      /different: 297 arrived, 3 missing, 1 doubled, 1 changed, 1 unexpected, 1 out of order\n$/,
    )
    assert.deepEqual(countsOf(await reported(from, to, '--ignore-order')), {
      missing: 3,
      doubled: 1,
      changed: 1,
      unexpected: 1,
    })
  })

  test('agrees with a naive comparison of any two topics', async () => {
    const record = fc.record({
      key: fc.constantFrom(null, 'a', 'b'),
      value: fc.constantFrom('x', 'y', 'z', null),
    })
    const sides = fc.sample(
      fc.tuple(fc.array(record, { maxLength: 30 }), fc.array(record, { maxLength: 30 })),
      {
        numRuns: 5,
        seed: 3,
      },
    )
    for (const [left, right] of sides) {
      const [from, to] = [await topic(1), await topic(1)]
      const made = (list: typeof left): ProducerRecord[] =>
        list.map(({ key, value }) => ({
          topic: '',
          partition: 0,
          key: key === null ? null : Buffer.from(key),
          value: value === null ? null : Buffer.from(value),
        }))
      await into(from, made(left))
      await into(to, made(right))
      const counts = new Map<string, { from: number; to: number; key: string | null }>()
      for (const [side, list] of [
        ['from', left],
        ['to', right],
      ] as const)
        for (const one of list) {
          const kind = counts.get(JSON.stringify(one)) ?? { from: 0, to: 0, key: one.key }
          kind[side]++
          counts.set(JSON.stringify(one), kind)
        }
      let [arrived, doubled] = [0, 0]
      const rest = new Map<string | null, { from: number; to: number }>()
      for (const { from: here, to: there, key } of counts.values()) {
        arrived += Math.min(here, there)
        if (here > 0) doubled += Math.max(0, there - here)
        const of = rest.get(key) ?? { from: 0, to: 0 }
        rest.set(key, of)
        of.from += Math.max(0, here - there)
        if (here === 0) of.to += there
      }
      let [changed, missing, unexpected] = [0, 0, 0]
      for (const [key, { from: here, to: there }] of rest) {
        const paired = key === null ? 0 : Math.min(here, there)
        changed += paired
        missing += here - paired
        // Of a key that had its changed ones, more of it are doubled.
        if (key !== null && here > 0) doubled += there - paired
        else unexpected += there
      }
      const report = await reported(from, to, '--ignore-order')
      assert.deepEqual(
        [
          report.arrived,
          report.doubled.count,
          report.changed.count,
          report.missing.count,
          report.unexpected.count,
        ],
        [arrived + changed, doubled, changed, missing, unexpected],
        JSON.stringify([left, right]),
      )
    }
  })

  test('pairs records by their origins, wherever they lie, and knows what was dropped on purpose', async () => {
    const [from, to] = [await topic(2), await topic(3)]
    const count = 60
    const bare = (n: number, text = `same ${n % 3}`) => ({
      topic: '',
      partition: n % 3,
      key: null,
      value: Buffer.from(text),
    })
    await into(
      from,
      Array.from({ length: count * 2 }, (_, n) => ({ ...bare(n), partition: n % 2 })),
    )
    const origin = (partition: number, low: number, offset: number, name = from) => ({
      key: 'millrace.origin',
      value: Buffer.from(
        encodeOrigin({
          partition: originPartition({ clusterId: '', topic: name, topicId: '', partition }),
          leaderEpoch: 0,
          from: low,
          to: offset,
        }),
      ),
    })
    const copy: ProducerRecord[] = []
    const place = new Map<number, number>()
    for (let offset = 0; offset < count; offset++) {
      // Of partition 0 every other record was dropped; the copy lies elsewhere.
      if (offset % 2 === 1) copy.push({ ...bare(offset * 2), headers: [origin(0, offset - 1, offset)] })
      place.set(offset, copy.length)
      copy.push({ ...bare(offset * 2 + 1), headers: [origin(1, offset, offset)] })
    }
    copy[place.get(11)!] = { ...copy[place.get(11)!]!, value: Buffer.from('changed') }
    copy.push(copy[place.get(20)!]!)
    copy.push({ ...bare(0), headers: [origin(0, 5, 5, 'another')] })
    copy.push({ ...bare(0), headers: [origin(1, count + 5, count + 5)] })
    copy.splice(place.get(30)!, 1)
    // One lost its origin on the way: its content tells.
    copy[place.get(3)!] = bare(7)
    await into(to, copy)
    const report = await reported(from, to)
    assert.deepEqual(countsOf(report), { missing: 1, doubled: 1, changed: 1 })
    assert.deepEqual(fromPlaces(report.missing), ['1:30'])
    assert.deepEqual(fromPlaces(report.doubled), ['1:20'])
    assert.deepEqual(fromPlaces(report.changed), ['1:11'])
    assert.deepEqual(
      [report.named, report.dropped, report.foreign, report.passedOver, report.arrived],
      [88, 30, 1, 1, 89],
    )
    assert.match((await audit(from, to)).out, /dropped by interceptors, or sent elsewhere.*: 30 records/)
    // By contents alone this would be chaos: three values, in other partitions.
    const [first, second] = [copy[place.get(14)!]!, copy[place.get(17)!]!]
    const other = await topic(1)
    await into(
      other,
      [second, first].map(one => ({ ...one, partition: 0 })),
    )
    const { reordered } = await reported(from, other, '--offsets', '1:14-18')
    assert.deepEqual(fromPlaces(reordered), ['1:14'])
  })

  test('compares headers where both sides have some, or where that is asked for', async () => {
    const [from, bare, other] = [await topic(1), await topic(1), await topic(1)]
    const headers = (text: string) => [{ key: 'h', value: Buffer.from(text) }]
    const one = (n: number) => ({ topic: '', partition: 0, key: null, value: Buffer.from(`${n}`) })
    await into(
      from,
      [0, 1, 2].map(n => ({ ...one(n), headers: headers('a') })),
    )
    await into(bare, [0, 1, 2].map(one))
    await into(
      other,
      [0, 1, 2].map(n => ({ ...one(n), headers: headers(n === 1 ? 'b' : 'a') })),
    )
    assert.deepEqual(countsOf(await reported(from, bare)), {})
    assert.match((await audit(from, bare)).out, /headers are not compared, because only one side has any/)
    assert.deepEqual(countsOf(await reported(from, bare, '--compare', 'key,value,headers')), { changed: 3 })
    const report = await reported(from, other)
    assert.deepEqual([countsOf(report), report.changed.first[0]!.what], [{ changed: 1 }, 'headers'])
    assert.deepEqual(countsOf(await reported(from, other, '--compare', 'value')), {})
  })

  test('tells a tombstone from an empty value', async () => {
    const [from, to] = [await topic(1), await topic(1)]
    const one = { topic: '', partition: 0, key: Buffer.from('k') }
    await into(from, [{ ...one, value: null }])
    await into(to, [{ ...one, value: Buffer.alloc(0) }])
    assert.deepEqual(countsOf(await reported(from, to)), { changed: 1 })
  })

  test('says that missing records at the end may be on their way', async () => {
    const [from, to] = [await topic(1), await topic(1)]
    const sent = plain(from, 9).map(one => ({ ...one, partition: 0 }))
    await into(from, sent)
    await into(to, sent.slice(0, 6))
    const report = await reported(from, to)
    assert.deepEqual([report.missing.count, report.missing.atEnd], [3, 3])
    assert.match(
      (await audit(from, to)).out,
      /missing: 3 records \(all behind the last .*\n.*-0 offset 6 to 8\n/,
    )
  })

  test('sees no record of an aborted transaction, unless it is to read them, and ends before an open one', async () => {
    const [from, to] = [await topic(1), await topic(1)]
    const { settings } = readProducerProperties({ 'bootstrap.servers': ground.broker.bootstrap })
    const producer = createTransactionalProducer({
      system,
      log,
      settings: { ...settings!, transactionalId: 'audited', transactionTimeoutMs: 60_000 },
    })
    const one = (name: string, text: string) => ({
      topic: name,
      partition: 0,
      key: null,
      value: Buffer.from(text),
    })
    try {
      await producer.init()
      producer.begin()
      await producer.send([one(from, 'a'), one(to, 'a')])
      await producer.commit()
      producer.begin()
      await producer.send([one(to, 'aborted')])
      await producer.abort()
      assert.deepEqual(countsOf(await reported(from, to)), {})
      assert.deepEqual(countsOf(await reported(from, to, '--isolation-level', 'read_uncommitted')), {
        unexpected: 1,
      })
      producer.begin()
      await producer.send([one(to, 'open'), one(from, 'open')])
      const report = await reported(from, to)
      assert.deepEqual([countsOf(report), report.arrived], [{}, 1])
    } finally {
      await producer.close()
    }
  })

  test('misses nothing that compaction has removed, and what it must not remove', async () => {
    const [from, to] = [
      await topic(1),
      await topic(1, {
        'cleanup.policy': 'compact',
        'segment.bytes': '400',
        'min.cleanable.dirty.ratio': '0',
      }),
    ]
    const one = (key: string, value: string | null) => ({
      topic: '',
      partition: 0,
      key: Buffer.from(key),
      value: value === null ? null : Buffer.from(value),
    })
    const sent = [
      ...Array.from({ length: 60 }, (_, n) => one(`k${n % 4}`, `${n}`)),
      one('gone', 'x'),
      one('gone', null),
      ...Array.from({ length: 20 }, (_, n) => one(`k${n % 4}`, `later ${n}`)),
    ]
    await into(from, sent)
    for (const record of sent) await into(to, [record])
    const log_ = ground.broker.broker.topics.topics.get(to)!.partitions[0]!
    // The broker may have done some of it by itself.
    await log_.compact(1e6)
    const report = await reported(from, to)
    assert.deepEqual(countsOf(report), {})
    assert.ok(report.superseded > 0)
    assert.equal(report.arrived + report.superseded, sent.length)
    // The other way round: the source has forgotten what is still in its copy.
    const back = await reported(to, from)
    assert.deepEqual(countsOf(back), {})
    assert.equal(back.passedOver, report.superseded)
    // The last record of a key is never removed.
    await into(from, [one('k1', 'the very last')])
    assert.deepEqual(countsOf(await reported(from, to)), { missing: 1 })
  })

  test('reads message sets of formats 0 and 1', async () => {
    const [from, to] = [await topic(1), await topic(1)]
    const records = Array.from({ length: 20 }, (_, n) => ({
      timestamp: 1_700_000_000_000 + n,
      key: n % 2 === 0 ? null : Buffer.from(`${n}`),
      value: n === 7 ? null : Buffer.from(`value ${n}`),
    }))
    const client = await WireClient.connect(ground.broker.broker.port)
    try {
      for (const [name, magic, version] of [
        [from, 0, 1],
        [to, 1, 2],
      ] as const) {
        const index = { partitionIndex: 0, records: writeRecords(records, { magic, codec: 'gzip' }) }
        const { responses } = await client.ask(produce, version, {
          acks: -1,
          timeoutMs: 5000,
          topicData: [{ name, partitionData: [{ ...index, index: 0 }] }],
        })
        assert.equal(responses[0]!.partitionResponses[0]!.errorCode, 0)
      }
    } finally {
      client.close()
    }
    const report = await reported(from, to)
    assert.deepEqual([countsOf(report), report.arrived], [{}, 20])
  })

  test('looks at a part: by time, by offsets; and over several topics together', async () => {
    const [from, one, other] = [await topic(), await topic(), await topic()]
    const sent = plain(from, 90).map((record, n) => ({ ...record, timestamp: 1_700_000_000_000 + n * 1000 }))
    await into(from, sent)
    await into(
      one,
      sent.filter((_, n) => n % 2 === 0),
    )
    await into(
      other,
      sent.filter((_, n) => n % 2 === 1 && n !== 33),
    )
    assert.deepEqual(countsOf(await reported(from, [one, other])), { missing: 1 })
    assert.deepEqual(countsOf(await reported(from, [one, other], '--offsets', '0:12-,1:0-')), {})
    assert.deepEqual(fromPlaces((await reported(from, [one, other], '--offsets', '0:11-12')).missing), [
      '0:11',
    ])
    const since = new Date(1_700_000_000_000 + 34_000).toISOString()
    const later = await reported(from, [one, other], '--since', since)
    assert.deepEqual([countsOf(later), later.arrived], [{}, 56])
    const before_ = await reported(from, [one, other], '--until', '1700000034000')
    assert.deepEqual([countsOf(before_), before_.arrived], [{ missing: 1 }, 33])
  })

  test('refuses what cannot be audited with a sentence and the code 2, and leaves no file behind', async () => {
    const name = await topic(1)
    const refused = async (words: readonly string[], said: RegExp) => {
      const { code, out, err } = await ground.driver.run('millrace', ['audit', ...words])
      assert.equal(code, 2, out + err)
      assert.match(err, said)
    }
    await refused([], /--to is missing/)
    await refused(['--to', place(name)], /--from is missing/)
    await refused(['--from', 'nonsense', '--to', place(name)], /--from nonsense: write HOST:PORT\/TOPIC/)
    await refused(['--from', place('nowhere'), '--to', place(name)], /topic nowhere does not exist at 127/)
    await refused(['--from', place(name), '--to', place(name), '--to', 'other:1/t'], /same brokers/)
    for (const [option, value, said] of [
      ['format', 'yaml', /--format yaml: write text or json/],
      ['compare', 'key,colour', /--compare colour: write key, value, headers, timestamp/],
      ['since', 'yesterday', /--since yesterday: write milliseconds/],
      ['offsets', '0', /--offsets 0: write PARTITION:FROM-TO/],
      ['offsets', '7:0-', /--offsets 7: topic \S+ has the partitions 0 to 0/],
      ['max-differences', '-1', /--max-differences -1: write a whole number from 0 on/],
      ['isolation-level', 'dirty', /isolation\.level.*dirty/],
    ] as const)
      await refused(['--from', place(name), '--to', place(name), `--${option}`, value], said)
    const { code } = await audit(name, name, '--temporary-directory', ground.directory)
    assert.equal(code, 0)
    assert.deepEqual(
      readdirSync(ground.directory).filter(one => one.startsWith('millrace-audit')),
      [],
    )
  })
})
