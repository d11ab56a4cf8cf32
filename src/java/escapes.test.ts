import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { compileEscapes, hasEscapes } from './escapes.ts'

const now = () => Date.UTC(2026, 0, 5, 6, 9, 1, 234)
const berlin = { now, timeZone: 'Europe/Berlin' }
const at = (...time: Parameters<typeof Date.UTC>) => new Map([['timestamp', String(Date.UTC(...time))]])
const monday = at(2026, 0, 5, 6, 9, 1, 234)

describe('escapes', () => {
  const cases: [string, string][] = [
    ['%t', '1767593341234'],
    ['%s', '1767593341'],
    ['%a %A %b %B', 'Mon Monday Jan January'],
    ['%d %e %j', '05 5 005'],
    ['%m %n %y %Y', '01 1 26 2026'],
    ['%H %k %I %l', '07 7 07 7'],
    ['%M %S %p %z', '09 01 AM +0100'],
    ['%c', 'Mon Jan 5 07:09:01 2026'],
    ['%D', '01/05/26'],
    ['100%%', '100%'],
    ['%x%Q%1%_', ''],
    ['a%Yb%mc', 'a2026b01c'],
    ['% %- %', '% %- %'],
  ]
  for (const [text, expected] of cases)
    it(text, () => assert.equal(compileEscapes(text, berlin)(monday), expected))

  it('twelve o clock and the afternoon', () => {
    const expand = compileEscapes('%I %l %p', { now, timeZone: 'UTC' })
    assert.equal(expand(at(2026, 0, 5, 0)), '12 12 AM')
    assert.equal(expand(at(2026, 0, 5, 12)), '12 12 PM')
    assert.equal(expand(at(2026, 0, 5, 15)), '03 3 PM')
  })

  it('west of Greenwich, with a summer time', () => {
    const expand = compileEscapes('%z %H', { now, timeZone: 'America/St_Johns' })
    assert.equal(expand(at(2026, 0, 5, 12)), '-0330 08')
    assert.equal(expand(at(2026, 6, 5, 12)), '-0230 09')
  })

  it('counts the days of a leap year', () => {
    assert.equal(compileEscapes('%j', { now, timeZone: 'UTC' })(at(2024, 11, 31)), '366')
  })
})

describe('headers and places', () => {
  const host = { name: 'box', address: '10.0.0.1', fullName: 'box.example.org' }

  it('gives headers, empty where they are absent', () => {
    const expand = compileEscapes('T%{x}-%{a.b-c}', { now })
    assert.equal(expand(new Map([['x', '1']])), 'T1-')
    assert.equal(expand(new Map([['a.b-c', '2']])), 'T-2')
  })

  it('knows the machine', () => {
    assert.equal(
      compileEscapes('%[localhost] %[ip] %[FQDN]', { now, host })(new Map()),
      'box 10.0.0.1 box.example.org',
    )
    assert.throws(() => compileEscapes('%[hostname]', { now, host }), /%\[hostname\], which is none of/)
  })

  it('tells whether there is anything to expand', () => {
    assert.deepEqual(['test2', 'a%b', '%{x}', '%[IP]', '100 % of'].map(hasEscapes), [
      false,
      true,
      true,
      true,
      false,
    ])
  })
})

describe('the time', () => {
  it('is needed by every letter, %% and unknown ones too', () => {
    for (const text of ['%Y', '%%', '%x'])
      assert.throws(() => compileEscapes(text, { now })(new Map()), /has no header "timestamp"/)
    assert.throws(
      () => compileEscapes('%Y', { now })(new Map([['timestamp', 'soon']])),
      /no time in milliseconds/,
    )
  })

  it('is now where that is asked for', () => {
    assert.equal(compileEscapes('%t', { now, useLocalTimeStamp: true })(new Map()), String(now()))
  })

  it('is rounded down in its zone', () => {
    const rounded = (value: number, unit: 'second' | 'minute' | 'hour', timeZone: string) =>
      compileEscapes('%H%M%S', { now, timeZone, round: { value, unit } })(at(2026, 0, 5, 11, 54, 34))
    assert.equal(rounded(10, 'minute', 'UTC'), '115000')
    assert.equal(rounded(20, 'second', 'UTC'), '115420')
    assert.equal(rounded(6, 'hour', 'UTC'), '060000')
    assert.equal(rounded(6, 'hour', 'Asia/Tokyo'), '180000')
  })

  it('is not kept from one event to the next', () => {
    const expand = compileEscapes('%S', { now, timeZone: 'UTC' })
    assert.equal(expand(at(2026, 0, 5, 0, 0, 1)), '01')
    assert.equal(expand(at(2026, 0, 5, 0, 0, 2)), '02')
    assert.throws(() => expand(new Map()))
  })
})
