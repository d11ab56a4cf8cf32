import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import fc from '../../../test/fast-check.ts'
import { compress, compressions, type Compression } from './compression.ts'
import { crc32c } from './crc32c.ts'
import { FormatError } from './format-error.ts'
import { xxHash32 } from './lz4.ts'
import { noHeaders, RecordTooLarge, type NewRecord } from './record.ts'
import { magicOfProduce, RecordSetReader, writeRecords } from './record-set.ts'
import { checkRecords, decompress, readRecords } from '../../../test/at-once.ts'

const bytes = (max = 300) => fc.uint8Array({ maxLength: max }).map(array => Buffer.from(array))
const repetitive = fc
  .tuple(bytes(20), fc.nat(400))
  .map(([part, times]) => Buffer.concat(Array(times).fill(part)))
const nullable = fc.option(fc.oneof(bytes(), repetitive), { nil: null })
const timestamp = fc.integer({ min: -1, max: 8640000000000000 })
const header = fc.record({ key: fc.string({ unit: 'grapheme' }), value: nullable }, { noNullPrototype: true })
const record: fc.Arbitrary<NewRecord> = fc.record({
  timestamp,
  key: nullable,
  value: nullable,
  headers: fc.array(header, { maxLength: 4 }),
})
const records = fc.array(record, { minLength: 1, maxLength: 20 })

const fixed: NewRecord[] = [
  { timestamp: 1000, key: Buffer.from('k'), value: Buffer.from('one') },
  { timestamp: 1005, key: null, value: null, headers: [{ key: 'h', value: Buffer.from('v') }] },
  { timestamp: 995, key: null, value: Buffer.alloc(100000, 'abc') },
]

/** A set as a broker stores it: with offsets from `base` on. */
function based(set: Buffer, base: number): Buffer {
  set.writeUInt32BE(base, 4)
  return set
}

describe('round trips', () => {
  for (const codec of compressions)
    for (const magic of [0, 1, 2] as const) {
      if (codec === 'zstd' && magic < 2) continue
      it(`format ${magic}, ${codec}`, () =>
        fc.assert(
          fc.property(records, given => {
            const read = readRecords(writeRecords(given, { magic, codec }))
            assert.equal(read.nextOffset, given.length)
            assert.deepEqual(
              read.records,
              given.map((one, offset) => ({
                offset,
                timestamp: magic === 0 ? -1 : one.timestamp,
                key: one.key,
                value: one.value,
                headers: magic === 2 ? one.headers : noHeaders,
              })),
            )
          }),
          { numRuns: 60 },
        ))
    }

  it('keeps who produced a batch', () => {
    const identity = { producerId: 77, producerEpoch: 3, baseSequence: 12, isTransactional: true }
    const batch = new RecordSetReader(writeRecords(fixed, { identity })).next()!
    assert.deepEqual(
      [batch.producerId, batch.producerEpoch, batch.baseSequence, batch.isTransactional, batch.isControl],
      [77, 3, 12, true, false],
    )
  })

  it('knows the format of each Produce version', () => {
    assert.deepEqual([0, 1, 2, 3, 13].map(magicOfProduce), [0, 0, 1, 2, 2])
  })
})

describe('what a Fetch answer holds', () => {
  it('reads sets of several formats after one another', () => {
    const set = Buffer.concat([
      based(writeRecords(fixed.slice(0, 1), { magic: 0 }), 10),
      based(writeRecords(fixed, { magic: 1, codec: 'gzip' }), 13),
      based(writeRecords(fixed, { codec: 'lz4' }), 14),
    ])
    // A wrapper's offset is that of its last message: 13 after the base is written over it.
    assert.deepEqual(
      readRecords(set).records.map(one => one.offset),
      [10, 11, 12, 13, 14, 15, 16],
    )
  })

  it('leaves out what lies before the offset asked for', () => {
    const set = based(writeRecords(fixed), 100)
    assert.deepEqual(
      readRecords(set, 101).records.map(one => one.offset),
      [101, 102],
    )
  })

  it('ends without an error where the last batch is cut off, wherever that is', () => {
    const first = writeRecords(fixed.slice(0, 2))
    const set = Buffer.concat([first, based(writeRecords(fixed.slice(0, 2)), 2)])
    for (let end = 0; end < set.length; end++) {
      const { records, nextOffset } = readRecords(set.subarray(0, end))
      assert.equal(records.length, end < first.length ? 0 : 2)
      assert.equal(nextOffset, end < first.length ? 0 : 2)
    }
  })

  it('says how much must be fetched for a batch that was cut off', () => {
    const set = writeRecords(fixed)
    const reader = new RecordSetReader(set.subarray(0, 50))
    assert.equal(reader.next(), null)
    assert.equal(reader.cutOffBytes, set.length)
  })

  it('skips control batches but reads on behind them', () => {
    const control = writeRecords(fixed.slice(0, 1))
    control.writeInt16BE(32 | 16, 21)
    control.writeUInt32BE(crc32c(control, 21), 17)
    assert.deepEqual(readRecords(control), { records: [], nextOffset: 1 })
  })

  it("takes the broker's time where the attributes say so", () => {
    const batch = writeRecords(fixed)
    batch.writeInt16BE(8, 21)
    batch.writeUInt32BE(crc32c(batch, 21), 17)
    assert.deepEqual(
      readRecords(batch).records.map(one => one.timestamp),
      [1005, 1005, 1005],
    )
  })

  it('reads on behind a batch that compaction has emptied', () => {
    const batch = writeRecords(fixed).subarray(0, 61)
    batch.writeInt32BE(49, 8)
    batch.writeInt32BE(0, 57)
    batch.writeUInt32BE(crc32c(batch, 21), 17)
    assert.deepEqual(readRecords(based(batch, 40)), { records: [], nextOffset: 43 })
  })
})

it('reads times that no JavaScript number holds exactly', () => {
  const nanoseconds = 1_700_000_000_123_456_768
  for (const magic of [1, 2] as const) {
    const [first, second] = readRecords(
      writeRecords(
        [
          { timestamp: 5, key: null, value: null },
          { timestamp: nanoseconds, key: null, value: null },
        ],
        {
          magic,
        },
      ),
    ).records
    assert.equal(first!.timestamp, 5)
    assert.ok(Math.abs(second!.timestamp - nanoseconds) <= 512)
  }
})

describe('damage', () => {
  it('finds any changed byte of a record batch by its checksum', () => {
    const good = writeRecords(fixed.slice(0, 2))
    for (let at = 21; at < good.length; at++) {
      const bad = Buffer.from(good)
      bad[at]! ^= 64
      assert.throws(() => readRecords(bad), /the record batch at offset 0 \(byte 0\) fails its checksum/)
    }
  })

  it('finds a changed byte of a message by its checksum', () => {
    const bad = writeRecords(fixed.slice(0, 1), { magic: 1 })
    bad[bad.length - 1]! ^= 1
    assert.throws(() => readRecords(bad), /the message at offset 0 \(byte 0\) fails its checksum/)
  })

  it('throws nothing but FormatError, whatever the bytes', () =>
    fc.assert(
      fc.property(
        records,
        fc.constantFrom(...compressions),
        fc.constantFrom(0, 1, 2),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        (given, codec, magic, changes) => {
          const set = writeRecords(given, {
            codec: magic < 2 && codec === 'zstd' ? 'none' : codec,
            magic: magic as 0 | 1 | 2,
          })
          for (const [at, value] of changes) set[at % set.length] = value
          try {
            readRecords(set, 0, { checksums: false, maxUnpackedBytes: 1_000_000 })
          } catch (error) {
            assert.ok(error instanceof FormatError, String((error as Error).stack))
          }
        },
      ),
      { numRuns: 1000 },
    ))

  for (const codec of compressions.filter(one => one !== 'none'))
    it(`stops unpacking ${codec} at the limit`, () => {
      const packed = compress(Buffer.alloc(50_000_000), codec, 2)
      assert.throws(
        () => decompress(packed, compressions.indexOf(codec), 2, 100_000),
        (error: Error) => error instanceof FormatError && error.message.includes('100000'),
      )
    })

  it('stops unpacking frames after one another at the limit, and at their number', () => {
    for (const codec of ['gzip', 'zstd'] as const) {
      const number = compressions.indexOf(codec)
      const frame = compress(Buffer.alloc(60_000), codec, 2)
      const two = Buffer.concat([frame, frame])
      assert.equal(decompress(two, number, 2, 120_000).length, 120_000)
      assert.throws(() => decompress(two, number, 2, 119_999), /more than the 119999 bytes allowed/)
      assert.throws(() => decompress(two, number, 2, 60_000), /more than the 60000 bytes allowed/)
      const many = Buffer.concat(Array<Buffer>(10_001).fill(compress(Buffer.alloc(0), codec, 2)))
      assert.throws(() => decompress(many, number, 2, 1000), /more than 10000 frames/)
    }
  })

  it('names a codec nobody has defined', () => {
    assert.throws(() => decompress(Buffer.alloc(1), 5, 2, 10), /codec 5/)
  })
})

describe('a reader of one record after the other', () => {
  const one = (value: Buffer) => ({ timestamp: 1, key: null, value, headers: noHeaders })
  const packed = (codec: Compression) =>
    writeRecords(
      Array.from({ length: 30 }, () => one(Buffer.alloc(1_000_000, 'x'))),
      { codec, magic: codec === 'zstd' ? 2 : 1 },
    )

  for (const codec of ['gzip', 'snappy', 'lz4', 'zstd'] as const)
    it(`takes a batch of ${codec} that unpacks to more than may be unpacked at once`, () => {
      const batch = new RecordSetReader(packed(codec), { maxUnpackedBytes: 10_000_000 }).next()!
      assert.throws(() => batch.records(), FormatError)
      const reader = batch.reader({ maxRecordBytes: 2_000_000 })
      const sizes: number[] = []
      let turns = 0
      for (let next = reader.next(); next !== null; next = reader.next())
        if (next === undefined) turns++
        else sizes.push(next.value!.length)
      assert.deepEqual(sizes, Array(30).fill(1_000_000))
      assert.equal(turns > 0, codec !== 'zstd', 'offsets of the old formats take a look at all of it')
    })

  it('passes over a record that is too large, and says which', () => {
    for (const magic of [1, 2] as const) {
      const values = [10, 3_000_000, 20].map(size => one(Buffer.alloc(size, 'x')))
      const batch = new RecordSetReader(writeRecords(values, { codec: 'gzip', magic })).next()!
      const reader = batch.reader({ maxRecordBytes: 1_000_000 })
      const read = (): number => {
        for (;;) {
          const next = reader.next()
          if (next !== undefined) return next?.value?.length ?? -1
        }
      }
      assert.equal(read(), 10)
      assert.throws(read, (error: unknown) => error instanceof RecordTooLarge && error.offset === 1)
      assert.deepEqual([read(), read()], [20, -1])
    }
  })

  it('reads as many headers as it is asked to', () => {
    const headers = Array.from({ length: 50 }, (_, index) => ({ key: `h${index}`, value: null }))
    const set = writeRecords([{ ...one(Buffer.from('a')), headers }, one(Buffer.from('b'))])
    const reader = new RecordSetReader(set).next()!.reader({ maxHeaders: 10 })
    const [first, second] = [reader.next()!, reader.next()!]
    assert.deepEqual([first.headers.length, first.headersLeftOut, String(second.value)], [10, 40, 'b'])
  })
})

describe('checksums and frames', () => {
  it('computes CRC-32C', () => {
    // RFC 3720, B.4.
    assert.equal(crc32c(Buffer.alloc(32)), 0x8a9136aa)
    assert.equal(crc32c(Buffer.alloc(32, 255)), 0x62a8ab43)
    assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283)
  })

  it('computes the same of all lengths, wherever the bytes lie', () => {
    const bytes = Buffer.from(Array.from({ length: 400 }, (_, index) => (index * 7919) % 251))
    for (let start = 0; start < 5; start++) {
      let sum = -1
      for (let end = start; end <= bytes.length; end++) {
        assert.equal(crc32c(bytes, start, end), ~sum >>> 0, `${start} to ${end}`)
        const half = (start + end) >>> 1
        assert.equal(crc32c(bytes, half, end, crc32c(bytes, start, half)), ~sum >>> 0)
        sum ^= bytes[end] ?? 0
        for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0x82f63b78 : sum >>> 1
      }
    }
  })

  it('computes xxHash32', () => {
    assert.equal(xxHash32(Buffer.alloc(0)), 0x02cc5d05)
    assert.equal(xxHash32(Buffer.from('abc')), 0x32d153ff)
    assert.equal((xxHash32(Buffer.from('6040', 'hex')) >>> 8) & 255, 0x82)
    assert.equal(xxHash32(Buffer.from('Nobody inspects the spammish repetition')), 0xe2293b2f)
  })

  it('writes the broken LZ4 checksum in format 0 only, and reads both', () => {
    const plain = Buffer.from('some text some text some text some text')
    const [old, current] = [compress(plain, 'lz4', 0), compress(plain, 'lz4', 1)]
    assert.notEqual(old[6], current[6])
    assert.deepEqual(decompress(old, 3, 0, 1000), plain)
    assert.deepEqual(decompress(current, 3, 1, 1000), plain)
  })

  it('takes empty data in every codec, also after large ones', () => {
    for (const codec of compressions) {
      const number = compressions.indexOf(codec)
      const large = Buffer.alloc(3_000_000, 'x')
      assert.deepEqual(decompress(compress(large, codec, 2), number, 2, 4_000_000), large)
      assert.equal(decompress(compress(Buffer.alloc(0), codec, 2), number, 2, 100).length, 0)
    }
  })

  it('reads several gzip members as one', () => {
    const members = Buffer.concat([gzipSync('a'), gzipSync('b')])
    assert.equal(decompress(members, 1, 2, 10).toString(), 'ab')
  })

  it('reads Snappy without framing', () => {
    const framed = compress(Buffer.from('abcabcabc'), 'snappy' satisfies Compression, 2)
    assert.equal(decompress(framed.subarray(20), 2, 2, 100).toString(), 'abcabcabc')
  })
})

describe('checking records without making them', () => {
  it('passes every batch that is written, with every codec', () => {
    fc.assert(
      fc.property(records, fc.constantFrom(...compressions), (some, codec) =>
        checkRecords(writeRecords(some, { codec }), 1_000_000),
      ),
    )
  })

  it('refuses what cannot be read, and passes what can: every flipped bit of a batch', () => {
    const good = writeRecords(fixed.slice(0, 2))
    let refused = 0
    for (let bit = 61 * 8; bit < good.length * 8; bit++) {
      const batch = Buffer.from(good)
      batch[bit >> 3]! ^= 1 << (bit & 7)
      batch.writeUInt32BE(crc32c(batch, 21), 17)
      const offsets = orProblem(() => readRecords(batch).records.map(one => one.offset))
      const isReadable = Array.isArray(offsets) && offsets.join() === '0,1'
      const problem = orProblem(() => checkRecords(batch, 1_000_000))
      assert.equal(problem === undefined, isReadable, `bit ${bit}: ${String(problem)}`)
      if (!isReadable) refused++
    }
    assert.ok(refused > 50)
  })

  it('refuses what unpacks to more than is allowed', () => {
    const zeros = writeRecords([{ timestamp: 0, key: null, value: Buffer.alloc(100_000) }], { codec: 'gzip' })
    assert.throws(() => checkRecords(zeros, 50_000), FormatError)
    checkRecords(zeros, 150_000)
  })
})

function orProblem<T>(run: () => T): T | FormatError {
  try {
    return run()
  } catch (error) {
    assert.ok(error instanceof FormatError)
    return error
  }
}
