import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Latencies, RecentLatencies } from './latencies.ts'
import { Ledger } from './ledger.ts'
import { lineOf, numberOf } from './message.ts'
import { reportOf } from './report.ts'

const run = 'abc12345'
const arriving = (ledger: Ledger, numbers: readonly number[], partition = 0) => {
  for (const number of numbers) ledger.arrive(partition, lineOf(run, number, 0), 100 + number)
}
const sending = (count: number) => {
  const ledger = new Ledger(run)
  for (let number = 1; number <= count; number++) assert.equal(ledger.send(number), number)
  return ledger
}

describe('the ledger', () => {
  test('every event once and in order: no fault', () => {
    const ledger = sending(20_000)
    arriving(
      ledger,
      Array.from({ length: 20_000 }, (_, index) => index + 1),
    )
    assert.deepEqual(ledger.faults(), [])
    assert.equal(ledger.inFlight, 0)
    const { lines, faults } = reportOf(ledger, 1, true)
    assert.deepEqual(faults, [])
    assert.deepEqual(lines, [
      '20000 events sent, 20000 arrived, all in order, none twice',
      '995 events/s; latency p50 101 ms, p99 101 ms',
      'first event 100 ms after the start',
    ])
  })

  test('says which are missing, doubled, out of order', () => {
    const ledger = sending(20)
    arriving(ledger, [1, 2, 2, 5, 4, 6, 2, 7, 8, 9, 12, 14, 15, 16, 20])
    assert.deepEqual(ledger.faults(), [
      '7 missing (events 3, 10 to 11, 13 and others)',
      '2 arrived more than once (the first is event 2)',
      '1 out of order (the first is event 4)',
    ])
    assert.deepEqual(ledger.faultsSoFar().length, 2)
    assert.match(reportOf(ledger, 0, true).faults[0]!, /^events are wrong: 7 missing/)
    assert.equal(reportOf(ledger, 0, false).lines[0], '20 events sent, 13 arrived, 7 were still in flight')
    arriving(ledger, [3, 10, 11, 13, 17, 18])
    assert.deepEqual(ledger.faults()[0], '1 missing (event 19)')
  })

  test('order is that of each partition; records of others do not count', () => {
    const ledger = sending(6)
    arriving(ledger, [2, 4], 0)
    arriving(ledger, [1, 3], 1)
    arriving(ledger, [7], 0)
    for (const line of [
      '',
      'hello',
      lineOf('other000', 5, 0),
      `millrace run ${run} event 05 x`,
      `millrace run ${run} event`,
    ])
      ledger.arrive(0, line, 9)
    assert.equal(ledger.foreign, 6)
    assert.deepEqual(ledger.faults(), ['2 missing (events 5 to 6)'])
  })

  test('after a restart what comes twice is told and is no fault; what is missing is', () => {
    const ledger = sending(8)
    assert.deepEqual(ledger.survived(), { text: 'none has arrived yet', isWhole: false })
    arriving(ledger, [1, 2, 3, 2, 3, 4])
    assert.deepEqual(ledger.survived(), { text: '1 to 4 arrived in order, 2 twice', isWhole: true })
    assert.deepEqual(ledger.faultsSoFar(true), [])
    arriving(ledger, [7])
    assert.deepEqual(ledger.survived(), { text: '2 before event 7 are missing', isWhole: false })
    arriving(ledger, [8])
    assert.deepEqual(reportOf(ledger, 0, true, 2), {
      lines: [
        '8 events sent, 6 arrived',
        'agents were started again 2 times',
        '56 events/s; latency p50 101 ms, p99 101 ms',
        'first event 101 ms after the start',
      ],
      faults: ['events are wrong: 2 missing (events 5 to 6)'],
    })
    arriving(ledger, [5, 6], 1)
    assert.deepEqual(reportOf(ledger, 0, true, 1).lines.slice(0, 2), [
      '8 events sent, 8 arrived, all in order, 2 twice',
      'agents were started again once, and nothing was lost',
    ])
  })

  test('every event twice: somebody else is at work', () => {
    const ledger = sending(4)
    arriving(ledger, [1, 1, 2, 2, 3, 3, 4])
    assert.deepEqual(reportOf(ledger, 0, true).faults, [
      'events are wrong: 3 arrived more than once (the first is event 1); another agent, or another demonstration, seems to carry test3 to test2 as well',
    ])
  })

  test('nothing sent, nothing said', () => {
    const ledger = new Ledger(run)
    assert.deepEqual(reportOf(ledger, 0, true), { lines: ['0 events sent, 0 arrived'], faults: [] })
    assert.equal(ledger.eventsPerSecond(), null)
  })
})

test('a message is a readable line, and gives its number back', () => {
  assert.equal(
    lineOf(run, 17, Date.UTC(2026, 0, 2)),
    `millrace run ${run} event 17 sent 2026-01-02T00:00:00.000Z`,
  )
  assert.equal(numberOf(run, lineOf(run, 17, 0)), 17)
})

describe('latencies', () => {
  test('percentiles are within 1 %', () => {
    const latencies = new Latencies()
    assert.equal(latencies.percentiles(), null)
    for (let ms = 1; ms <= 1000; ms++) latencies.add(ms)
    const { p50, p99 } = latencies.percentiles()!
    assert.ok(Math.abs(p50 - 500) <= 5, String(p50))
    assert.ok(Math.abs(p99 - 990) <= 10, String(p99))
    latencies.add(0)
    latencies.add(1e12)
    assert.equal(latencies.total, 1002)
  })

  test('recent ones are forgotten', () => {
    const recent = new RecentLatencies(10)
    recent.add(1000, 0)
    recent.add(1, 9000)
    assert.ok(recent.percentiles(9500)!.p99 > 900)
    assert.ok(recent.percentiles(10_000)!.p99 < 1.1)
    assert.equal(recent.percentiles(30_000), null)
  })
})
