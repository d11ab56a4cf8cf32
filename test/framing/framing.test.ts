// Packed records in every framing that a producer may come up with (cases.ts): what our broker answers to them, and
// what our consumer reads of them, against what real Kafka was recorded to. It is asked again in test/interop.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { crc32 } from 'node:zlib'
import { readBrokerSettings } from '../../src/broker/broker-settings.ts'
import { RefusedRecords, takeIncoming, type IncomingRules } from '../../src/broker/incoming-records.ts'
import { kafkaError } from '../../src/wire/kafka/error-codes.ts'
import { FormatError } from '../../src/wire/kafka/format-error.ts'
import { framingCases, type FramingCase } from './cases.ts'
import { readRecorded, words, type Side } from './recorded.ts'
import { readRecords } from '../at-once.ts'

const cases = framingCases()

const cutOff =
  /^format [01], .*: (a trailer that is cut off|without a trailer|the begin of a member behind|a (second )?member that is cut off|with a content checksum that is (cut off|missing))$/
const onlyNew = /^format [01], (gzip: a member a byte|lz4: an end mark with the high bit)$/
const oneMore = /^format 1, .*(more with a record more|a header of another magic behind)$/

/** Where ours differ, and why. */
const known: readonly { side: Side; name: RegExp; reason: string }[] = [
  {
    side: '4.1.0',
    name: /lz4: a block that unpacks to nothing first$/,
    reason: "Kafka's broker and its old client take it; that the new client trips over it helps nobody",
  },
  { side: 'produce', name: onlyNew, reason: 'new clients read it' },
  { side: 'produce', name: cutOff, reason: 'new clients cannot read it' },
  { side: 'produce', name: oneMore, reason: 'new clients cannot read it' },
  {
    side: 'produce',
    name: /^format [01], .*: (a second member (of another method|with a wrong FHCRC)|a (member|block) less|xerial, a chunk less|two frames|a skippable frame between)$/,
    reason: 'no client reads all messages of it: 0.10.2.1 acknowledges what it loses',
  },
  { side: '0.10.2.1', name: onlyNew, reason: 'we read as 4.1.0 does, which reads it' },
  { side: '0.10.2.1', name: cutOff, reason: 'we read as 4.1.0 does, which fails' },
  { side: '0.10.2.1', name: oneMore, reason: 'we read as 4.1.0 does, which fails' },
  {
    side: '0.10.2.1',
    name: /^format 0, snappy: xerial, a header of another magic behind$/,
    reason: 'we read as 4.1.0 does, which takes it for a header',
  },
]

const rules: Omit<IncomingRules, 'version'> = {
  now: 1_600_000_001_000,
  ...readBrokerSettings('', '').settings.log,
  maxMessageBytes: 10_000_000,
}

function ourAnswer({ magic, records }: FramingCase): string {
  try {
    const steps = takeIncoming(Buffer.from(records), { ...rules, version: [1, 2, 8][magic]! })
    while (steps.next().done !== true);
    return 'NONE'
  } catch (error) {
    assert.ok(error instanceof RefusedRecords, String((error as Error).stack))
    return kafkaError(error.errorCode).name
  }
}

function ourReading({ records }: FramingCase): string {
  try {
    const read = readRecords(records).records
    const sum = crc32(Buffer.concat(read.map(one => one.value!)))
    return words(read.length, sum, read.length < 3 ? 'nothing more' : '')
  } catch (error) {
    assert.ok(error instanceof FormatError, String((error as Error).stack))
    return 'fails'
  }
}

describe('packed records in every framing', () => {
  const found: { side: Side; name: string }[] = []
  const titles = {
    produce: 'are answered by the broker as Kafka does',
    '4.1.0': "are read as Kafka 4.1's client does",
    '0.10.2.1': "are read as Kafka 0.10.2.1's client does",
  } as const
  for (const [side, title] of Object.entries(titles) as [Side, string][])
    it(`${title}, but for what is listed`, () => {
      const recorded = readRecorded()
      assert.deepEqual(
        Object.keys(recorded),
        cases.map(one => one.name),
      )
      const wrong: string[] = []
      for (const one of cases) {
        const theirs = recorded[one.name]![side]
        const ours = side === 'produce' ? ourAnswer(one) : ourReading(one)
        if (theirs === undefined || ours === theirs) continue
        found.push({ side, name: one.name })
        if (!known.some(row => row.side === side && row.name.test(one.name)))
          wrong.push(`${one.name}: Kafka ${theirs}, ours ${ours}`)
      }
      assert.deepEqual(wrong, [])
    })
  it('and every difference that is listed is there', () => {
    const idle = known.filter(row => !found.some(one => one.side === row.side && row.name.test(one.name)))
    assert.deepEqual(idle, [])
  })
})
