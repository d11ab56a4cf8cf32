// Record sets written by Kafka's Java client (kafka-clients 2.7.2, MemoryRecords.builder), in every
// message format with every codec. A line of golden/kafka/records.txt is: format, codec, timestamp type,
// bytes. Each set starts at offset 500 and holds the four records below.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { writeRecords } from '../../src/wire/kafka/record-set.ts'
import { readRecords } from '../at-once.ts'

const base = 1_700_000_000_000
const appendTime = base + 9000
const headers = [
  { key: 'h1', value: Buffer.from('v1') },
  { key: 'h1', value: null },
  { key: '', value: Buffer.alloc(0) },
]
const given = [
  { timestamp: base + 123, key: Buffer.from('key'), value: Buffer.from('first'), headers: [] },
  { timestamp: base + 100, key: null, value: Buffer.from('text '.repeat(50)), headers },
  { timestamp: base + 200, key: Buffer.from([255, 0]), value: null, headers: [] },
  { timestamp: base + 1000, key: Buffer.alloc(0), value: Buffer.alloc(0), headers: [] },
]

describe("record sets of Kafka's Java client", () => {
  const lines = readFileSync(new URL('kafka/records.txt', import.meta.url), 'utf8')
    .trim()
    .split('\n')
  for (const line of lines) {
    const [format, codec, timestampType, hex] = line.split(' ') as [string, string, string, string]
    const magic = Number(format) as 0 | 1 | 2
    const bytes = Buffer.from(hex, 'hex')

    it(`reads format ${format}, ${codec}, ${timestampType}`, () => {
      const { records, nextOffset } = readRecords(bytes)
      assert.equal(nextOffset, 504)
      assert.deepEqual(
        records,
        given.map((record, index) => ({
          ...record,
          offset: 500 + index,
          timestamp: magic === 0 ? -1 : timestampType === 'LogAppendTime' ? appendTime : record.timestamp,
          headers: magic === 2 ? record.headers : [],
        })),
      )
    })

    if (magic === 2 && codec === 'none' && timestampType === 'CreateTime')
      it('writes the same bytes', () => {
        const ours = writeRecords(given)
        ours.writeUInt32BE(500, 4) // the builder of the client was told the offset
        assert.deepEqual(ours, bytes)
      })
  }
  it('has them all', () => assert.equal(lines.length, 21))
})
