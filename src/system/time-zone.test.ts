import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { useTimeZone } from './time-zone.ts'

const before = process.env['TZ']
afterEach(() => {
  if (before === undefined) delete process.env['TZ']
  else process.env['TZ'] = before
})

/** Minutes ahead of Greenwich in January and July 2024. */
const offsets = () => [1, 7].map(month => 0 - new Date(Date.UTC(2024, month - 1, 15)).getTimezoneOffset())

// What Java 17's TimeZone.getTimeZone gives.
const zones: readonly (readonly [id: string, january: number, july: number])[] = [
  ['Asia/Shanghai', 480, 480],
  ['America/New_York', -300, -240],
  ['Asia/Calcutta', 330, 330],
  ['CTT', 480, 480],
  ['PRC', 480, 480],
  ['JST', 540, 540],
  ['PST', -480, -420],
  ['EST', -300, -300],
  ['ECT', 60, 120],
  ['UTC', 0, 0],
  ['GMT0', 0, 0],
  ['GMT+8', 480, 480],
  ['GMT+08:00', 480, 480],
  ['GMT-3', -180, -180],
  ['GMT+0530', 330, 330],
  ['GMT-09:30', -570, -570],
  ['Etc/GMT-8', 480, 480],
  ['GMT+14', 840, 840],
]
for (const [id, january, july] of zones)
  test(`-Duser.timezone=${id}`, () => {
    process.env['TZ'] = 'Pacific/Chatham'
    assert.equal(useTimeZone(id), null)
    assert.deepEqual(offsets(), [january, july])
  })

for (const id of ['Nowhere/There', '+08:00', 'UTC+8', 'GMT+25', 'GMT+8:75', 'Z', 'GMT+07:13'])
  test(`-Duser.timezone=${id}, which is none: GMT, with a word`, () => {
    process.env['TZ'] = 'Pacific/Chatham'
    assert.match(useTimeZone(id)!, /is not a time zone; GMT is used/)
    assert.deepEqual(offsets(), [0, 0])
  })

test('-Duser.timezone without a value changes nothing', () => {
  process.env['TZ'] = 'Asia/Tokyo'
  assert.equal(useTimeZone(' '), null)
  assert.deepEqual(offsets(), [540, 540])
})
