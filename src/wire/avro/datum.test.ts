// Data of Avro as JSON text: against avsc, at the edges of numbers and bytes, and where schema or bytes are hostile.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deflateRawSync } from 'node:zlib'
import avsc from 'avsc'
import fc from '../../../test/fast-check.ts'
import { AvroFormatError, AvroReader } from './binary.ts'
import { isAvroContainer, printContainer } from './container.ts'
import { printDatum } from './datum.ts'
import { readAvroSchema } from './schema.ts'

const { Type, types } = avsc

const print = (bytes: Buffer, schema: unknown, most = 100_000) => {
  const reader = new AvroReader(bytes)
  const printed = printDatum(reader, readAvroSchema(JSON.stringify(schema)), most)
  return { ...printed, left: bytes.length - reader.at }
}

const record = {
  type: 'record',
  name: 'a.R',
  fields: [
    { name: 'i', type: 'int' },
    { name: 'd', type: 'double' },
    { name: 'b', type: 'boolean' },
    { name: 's', type: ['null', 'string'] },
    { name: 'e', type: { type: 'enum', name: 'E', symbols: ['X', 'Y'] } },
    { name: 'm', type: { type: 'map', values: 'long' } },
    {
      name: 'l',
      type: { type: 'array', items: { type: 'record', name: 'P', fields: [{ name: 'e', type: 'E' }] } },
    },
    { name: 'next', type: ['null', 'R'], default: null },
  ],
} as const

test('200 random records: as avsc wrote them', () => {
  const type = Type.forSchema(record as never)
  const value: fc.Arbitrary<unknown> = fc.letrec(tie => ({
    R: fc.record({
      i: fc.integer(),
      // JSON has no -0 in JavaScript.
      d: fc.double({ noNaN: true, noDefaultInfinity: true }).map(one => one + 0),
      b: fc.boolean(),
      s: fc
        .option(
          fc.string({ unit: 'binary' }).filter(text => text.isWellFormed()),
          { nil: null },
        )
        .map(text => text),
      e: fc.constantFrom('X', 'Y'),
      m: fc.dictionary(
        fc.string({ maxLength: 5 }).filter(key => key !== '__proto__'),
        // avsc refuses those next to 2^53.
        fc.integer({ min: -(2 ** 52), max: 2 ** 52 }),
      ),
      l: fc.array(fc.record({ e: fc.constantFrom('X', 'Y') }), { maxLength: 3 }),
      next: fc.option(tie('R'), { nil: null, depthSize: 'small', maxDepth: 3 }),
    }),
  })).R
  fc.assert(
    fc.property(value, one => {
      const bytes = type.toBuffer(one)
      const { text, left, isCut } = print(bytes, record)
      assert.deepEqual([left, isCut], [0, false])
      assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(type.fromBuffer(bytes))))
    }),
    { numRuns: 200 },
  )
})

const long = types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64LE(value)
    return bytes
  },
  fromJSON: BigInt,
  toJSON: String,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (one: bigint, other: bigint) => (one < other ? -1 : one > other ? 1 : 0),
})

test('longs keep every digit', () => {
  const check = (value: bigint) =>
    assert.equal(print(long.toBuffer(value) as Buffer, 'long').text, String(value))
  for (const value of [0n, -1n, 9007199254740993n, -(2n ** 63n), 2n ** 63n - 1n]) check(value)
  fc.assert(fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), check))
})

test('numbers that JSON has no word for, floats, bytes, strings that are no UTF-8', () => {
  const of = (schema: unknown, bytes: readonly number[]) => print(Buffer.from(bytes), schema).text
  const double = (value: number) => Type.forSchema('double').toBuffer(value)
  assert.deepEqual(
    [NaN, Infinity, -Infinity, -0, 1e300, 0.1].map(value => print(double(value), 'double').text),
    ['NaN', 'Infinity', '-Infinity', '-0', '1e+300', '0.1'],
  )
  assert.equal(print(Type.forSchema('float').toBuffer(0.1), 'float').text, '0.1')
  assert.equal(print(Type.forSchema('float').toBuffer(16_777_216), 'float').text, '16777216')
  assert.equal(of('bytes', [4, 0x61, 0xff]), '{"hex": "61ff"}')
  assert.equal(of('bytes', [4, 0x61, 0x22]), '"a\\""')
  assert.equal(of('string', [2, 0xff]), '{"hex": "ff"}')
  assert.equal(of({ type: 'fixed', name: 'F', size: 2 }, [0, 1]), '{"hex": "0001"}')
  // A block with its size in bytes, and one of no item.
  assert.equal(of({ type: 'array', items: 'int' }, [3, 4, 2, 4, 0]), '[\n  1,\n  2\n]')
  assert.equal(of({ type: 'map', values: 'int' }, [0]), '{}')
})

test('bytes that are none: an error with its place, never a crash', () => {
  for (const [schema, bytes] of [
    ['int', []],
    ['boolean', [2]],
    ['string', [20, 0x61]],
    [['null', 'int'], [4]],
    [{ type: 'enum', name: 'E', symbols: ['A'] }, [2]],
    ['long', Array.from({ length: 11 }, () => 0x80)],
    [{ type: 'record', name: 'R', fields: [{ name: 'r', type: 'R' }] }, []],
    [{ type: 'fixed', name: 'F', size: 2 ** 40 }, [1]],
  ] as const)
    assert.throws(() => print(Buffer.from(bytes), schema), AvroFormatError, JSON.stringify(schema))
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
      try {
        print(Buffer.from(bytes), record)
      } catch (error) {
        assert.ok(error instanceof AvroFormatError)
      }
    }),
  )
})

test('a few bytes that stand for billions of items are cut, soon', () => {
  const begun = performance.now()
  const billions = Buffer.from([0xfe, 0xff, 0xff, 0xff, 0xff, 0x7f, 0])
  for (const items of ['null', { type: 'record', name: 'N', fields: [] }]) {
    const { isCut, text } = print(billions, { type: 'array', items }, 10_000)
    assert.deepEqual([isCut, text.length], [true, 10_000])
  }
  assert.ok(performance.now() - begun < 2000)
})

test('schemas that are none, are too deep or too large', () => {
  let deep: unknown = 'int'
  for (let depth = 0; depth < 100; depth++) deep = { type: 'array', items: deep }
  for (const [text, problem] of [
    ['{', /it is not JSON/],
    ['"nothing"', /the type nothing is declared nowhere/],
    ['[]', /a union has no branch/],
    ['{"type":"record","name":"R"}', /record without fields/],
    ['{"type":"record","fields":[]}', /record without a name/],
    ['{"type":"record","name":"R","fields":[{"name":"a"}]}', /a field lacks/],
    ['{"type":"fixed","name":"F","size":-1}', /fixed without a size/],
    ['{"type":"enum","name":"F"}', /enum without symbols/],
    ['{"type":"array"}', /array without items/],
    ['{}', /a type is missing/],
    ['5', /5 is no type/],
    ['['.repeat(100_000), /not a valid Avro schema/],
    [JSON.stringify(deep), /more than 64 types deep/],
    [`[${'"int",'.repeat(6000)}"int"]`, /more than 5000 types/],
    [' '.repeat(600_000), /more than 524288 characters/],
  ] as const)
    assert.throws(() => readAvroSchema(text), problem)
  assert.deepEqual(readAvroSchema('long'), { kind: 'long' })
})

const container = (
  codec: string,
  schema: unknown,
  blocks: readonly (readonly [number, Buffer])[],
): Buffer => {
  const string = (text: string) => Type.forSchema('string').toBuffer(text)
  const int = (value: number) => Type.forSchema('long').toBuffer(value)
  const marker = Buffer.alloc(16, 7)
  return Buffer.concat([
    Buffer.from('Obj\x01', 'latin1'),
    int(2),
    string('avro.schema'),
    string(JSON.stringify(schema)),
    string('avro.codec'),
    string(codec),
    int(0),
    marker,
    ...blocks.flatMap(([count, data]) => [int(count), int(data.length), data, marker]),
  ])
}

const times = (blocks: number, objects: number, data: Buffer) =>
  Array.from({ length: blocks }, () => [objects, data] as const)

test('container files: their objects, by every codec that we write; what lies about its size', () => {
  const two = Buffer.from([2, 4])
  const plain = container('null', 'int', [[2, two]])
  assert.ok(isAvroContainer(plain))
  assert.deepEqual(printContainer(plain, 100), { text: '1\n2', isCut: false, objects: 2 })
  assert.equal(printContainer(container('deflate', 'int', [[2, deflateRawSync(two)]]), 100).text, '1\n2')
  const bomb = container('deflate', 'bytes', [[1, deflateRawSync(Buffer.alloc(64 * 1024 * 1024))]])
  assert.throws(() => printContainer(bomb, 100), /cannot be unpacked \(deflate\)/)
  const packed = deflateRawSync(Buffer.concat([two, Buffer.alloc(4_000_000)]))
  const many = container('deflate', 'int', times(300, 2, packed))
  const own = process.threadCpuUsage()
  assert.deepEqual(printContainer(many, 100), { text: '1\n2', isCut: true, objects: 2 })
  assert.ok(process.threadCpuUsage(own).user < 200_000, 'blocks that nobody sees were unpacked')
  const empty = container('deflate', 'int', times(300, 0, packed))
  const nothing = container('deflate', 'int', times(50_000, 0, deflateRawSync(Buffer.alloc(0))))
  for (const blocks of [empty, nothing])
    assert.throws(() => printContainer(blocks, 100), /cannot be unpacked \(deflate\): they have more than/)
  assert.throws(() => printContainer(container('snappy', 'int', [[1, two]]), 100), /the codec snappy/)
  assert.throws(() => printContainer(container('null', 'int', [[3, two]]), 100), AvroFormatError)
  const nothings = container('null', 'null', [[2 ** 40, Buffer.alloc(0)]])
  assert.equal(printContainer(nothings, 1000).isCut, true)
})
