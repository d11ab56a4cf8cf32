// What of a message is shown, and in which format it is read.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import avsc from 'avsc'
import { readAvroSchema } from '../../wire/avro/schema.ts'
import { questionOf } from './question.ts'
import { shownOf, type Format } from './shown.ts'

const show = (bytes: Buffer | string | null, as: Format = 'auto', schema?: string, mostChars = 20_480) =>
  shownOf(typeof bytes === 'string' ? Buffer.from(bytes) : bytes, {
    as,
    schema: schema === undefined ? null : readAvroSchema(schema),
    mostChars,
  })

for (const [bytes, kind, text] of [
  [null, 'null', ''],
  ['', 'text', ''],
  ['plain', 'text', 'plain'],
  ['{"id":9007199254740993,"x":1.10}', 'json', '{"id":9007199254740993,"x":1.10}'],
  [' [1, 2]\n', 'json', ' [1, 2]\n'],
  ['{"open"', 'text', '{"open"'],
  ['12', 'text', '12'],
  ['Grüße, 日本 🙂', 'text', 'Grüße, 日本 🙂'],
  ['tab\tand\r\nline', 'text', 'tab\tand\r\nline'],
  [Buffer.from([0xff, 0xfe, 0x41]), 'hex', 'fffe41'],
  [Buffer.from([0x41, 0x00]), 'hex', '4100'],
  [Buffer.from('\u001b[31mred'), 'hex', '1b5b33316d726564'],
  [Buffer.from('\ufeffx'), 'text', '\ufeffx'],
  [Buffer.from('{"a":NaN}'), 'text', '{"a":NaN}'],
] as const)
  test(`${JSON.stringify(bytes)} is ${kind}`, () => {
    const shown = show(bytes)
    const size = bytes === null ? 0 : Buffer.from(bytes as string).length
    assert.deepEqual(
      [shown.kind, shown.text, shown.bytes, shown.isCut, shown.problem],
      [kind, text, size, false, null],
    )
  })

const event = avsc.Type.forSchema({
  type: 'record',
  name: 'AvroFlumeEvent',
  fields: [
    { name: 'headers', type: { type: 'map', values: 'string' } },
    { name: 'body', type: 'bytes' },
  ],
} as never)

test('C11: a Flume event, with its headers and its body', () => {
  const { kind, format, text } = show(
    event.toBuffer({ headers: { topic: 'test2' }, body: Buffer.from('{"n":9007199254740993}') }),
  )
  assert.deepEqual([kind, format], ['avro', 'Avro, Flume event'])
  assert.deepEqual(JSON.parse(text), { headers: { topic: 'test2' }, body: '{"n":9007199254740993}' })
  const binary = event.toBuffer({ headers: {}, body: Buffer.from([0, 255]) })
  assert.match(show(binary).text, /"body": \{"hex": "00ff"\}/)
  // One byte more, and it is none.
  assert.equal(show(Buffer.concat([binary, Buffer.from([0])])).kind, 'hex')
})

test('C11: Avro behind the registry’s frame: by the schema that is given, else with its number', () => {
  const schema = '{"type":"record","name":"R","fields":[{"name":"id","type":"long"}]}'
  const datum = Buffer.from([0x82, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20])
  const framed = Buffer.concat([Buffer.from([0, 0, 0, 0, 12]), datum])
  const without = show(framed)
  assert.deepEqual(
    [without.kind, without.problem],
    ['hex', 'this may be Avro with schema 12 of a registry: give the schema to read it'],
  )
  const read = show(framed, 'avro', schema)
  assert.deepEqual(
    [read.kind, read.format, read.text],
    ['avro', 'Avro, schema 12 of a registry', '{\n  "id": 9007199254740993\n}'.replace('993', '993')],
  )
  assert.equal(show(datum, 'avro', schema).format, 'Avro')
  const wrong = show(framed, 'avro', '"string"')
  assert.deepEqual([wrong.kind, wrong.text], ['hex', framed.toString('hex')])
  assert.match(wrong.problem!, /not valid Avro at byte|bytes are left over/)
})

test('read as somebody says: text, JSON, bytes; and why not', () => {
  assert.equal(show('{"a":1}', 'text').kind, 'text')
  assert.equal(show('{"a":1}', 'hex').text, '7b2261223a317d')
  assert.equal(show('a', 'json').problem, 'this is no JSON')
  assert.equal(show(Buffer.from([255]), 'text').problem, 'these bytes are no UTF-8')
})

test('of what is large only the beginning goes to a browser, never half a character, and its size is told', () => {
  const text = show(Buffer.alloc(100_000, 'x'))
  assert.deepEqual([text.kind, text.text.length, text.bytes, text.isCut], ['text', 20_480, 100_000, true])
  const huge = show(Buffer.alloc(2_000_000, 'x'))
  assert.deepEqual([huge.kind, huge.text.length, huge.bytes, huge.isCut], ['hex', 20_480, 2_000_000, true])
  assert.ok(show('x🙂🙂🙂', 'text', undefined, 4).text.isWellFormed())
})

test('questions: places, times, partitions, parts, pages; what is none of them is refused', () => {
  const of = (query: Parameters<typeof questionOf>[1]) => questionOf('t', query)
  assert.deepEqual(of({}).from, 'newest')
  assert.deepEqual(of({ from: '184467' }).from, { offset: 184467 })
  assert.deepEqual(of({ from: '@5' }).from, { time: 5 })
  assert.deepEqual(of({ from: '1970-01-01T00:00:01Z' }).from, { time: 1000 })
  assert.deepEqual(of({ partition: '0,2' }).partitions, [0, 2])
  assert.deepEqual(of({ in: 'headers,key' }).where, ['key', 'headers'])
  assert.deepEqual(
    [...of({ before: '0:5,3:0' }).before!],
    [
      [0, 5],
      [3, 0],
    ],
  )
  for (const query of [
    ...['', 'Newest', '-1', '1.5', '1e3', '@', '@x', '2026-13-45', 'yesterday', '99999999999999999'].map(
      from => ({ from }),
    ),
    { until: '5' },
    { partition: 'x' },
    { partition: '-1' },
    { in: 'body' },
    { before: '0' },
    { after: '0:x' },
    { after: '1:99999999999999999' },
  ])
    assert.throws(() => of(query), /write/, JSON.stringify(query))
})
