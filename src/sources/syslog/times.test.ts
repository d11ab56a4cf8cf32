import assert from 'node:assert/strict'
import test from 'node:test'
import { zoneOffset } from '../../java/zone-offset.ts'
import { readRfc3164, readRfc5424, utc, withYear } from './times.ts'

const newYork = zoneOffset('America/New_York')
const textOf = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString().slice(0, 19))

test('the year of RFC 3164 is the one that is near', () => {
  const read = (text: string, now: string) => textOf(readRfc3164(text, Date.parse(now), utc))
  for (const [text, now, time] of [
    ['Oct  1 12:00:00', '2026-11-30T10:00:00Z', '2026-10-01T12:00:00'],
    ['Dec 31 23:59:59', '2026-01-01T00:00:01Z', '2025-12-31T23:59:59'],
    ['Jan  1 00:00:01', '2026-12-31T23:59:59Z', '2027-01-01T00:00:01'],
    ['Jan 30 10:00:00', '2026-12-30T10:00:00Z', '2026-01-30T10:00:00'],
    ['Jan 30 09:59:59', '2026-12-30T10:00:00Z', '2027-01-30T09:59:59'],
    ['Mar 31 10:00:00', '2026-02-28T10:00:00Z', '2026-03-31T10:00:00'],
    ['Apr  1 10:00:00', '2026-02-28T10:00:00Z', '2025-04-01T10:00:00'],
    ['Feb 29 10:00:00', '2028-03-01T10:00:00Z', '2028-02-29T10:00:00'],
    ['Feb 29 10:00:00', '2026-03-01T10:00:00Z', '2026-03-01T10:00:00'],
  ] as const)
    assert.equal(read(text, now), time, `${text} at ${now}`)
})

test('what is no time of RFC 3164 is none', () => {
  for (const text of [
    '',
    'Oct 1',
    'Oct\t1 12:00:00',
    'Foo  1 12:00:00',
    'Oct  1 12:00:00.1',
    'Oct   1 12:00:00',
  ])
    assert.equal(readRfc3164(text, 0, utc), null, text)
})

test('times that clocks show twice, or never, are those of Java', () => {
  const read = (text: string) => textOf(readRfc3164(text, Date.parse('2026-11-30T00:00:00Z'), newYork))
  assert.equal(read('Mar  8 01:59:59'), '2026-03-08T06:59:59')
  assert.equal(read('Mar  8 02:30:00'), '2026-03-08T07:30:00')
  assert.equal(read('Mar  8 03:30:00'), '2026-03-08T07:30:00')
  assert.equal(read('Nov  1 00:59:59'), '2026-11-01T04:59:59')
  assert.equal(read('Nov  1 01:30:00'), '2026-11-01T06:30:00')
})

test('times of RFC 5424 have their zone, or the local one, and a fraction to the millisecond', () => {
  const at = Date.parse('2026-10-11T22:14:15Z')
  for (const [text, ms] of [
    ['2026-10-11T22:14:15Z', at],
    ['2026-10-11T22:14:15.003Z', at + 3],
    ['2026-10-11T22:14:15.5Z', at + 500],
    ['2026-10-11T22:14:15.123999Z', at + 123],
    ['2026-10-11T22:14:15.52-07:30', at + 520 + 7.5 * 3_600_000],
    ['2026-10-11T22:14:15', at + 4 * 3_600_000],
    ['2026-10-11 22:14:15', null],
    ['2026-10-11T22:14:15+0200', null],
    ['2026-10-11T22:14:15.Z', null],
  ] as const)
    assert.equal(readRfc5424(text, newYork), ms, text)
})

test('a day without a year is put into that of now, or a year beside it', () => {
  const of = (text: string, now: string) => textOf(withYear(Date.parse(text), Date.parse(now)))
  assert.equal(of('2000-02-29T10:00:00.5Z', '2026-03-01T10:00:00Z'), '2026-02-28T10:00:00')
  assert.equal(of('2000-12-31T23:59:59Z', '2026-01-01T00:00:00Z'), '2025-12-31T23:59:59')
  assert.equal(of('2000-01-01T00:00:00Z', '2026-12-31T00:00:00Z'), '2027-01-01T00:00:00')
  assert.equal(of('2000-06-15T00:00:00Z', '2026-11-30T00:00:00Z'), '2026-06-15T00:00:00')
})
