// The json interceptor: what is valid, what becomes a header, and which time is read.
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from '../../test/fast-check.ts'
import { contextFor, optionsFor } from '../../test/context.ts'
import { Event } from '../event.ts'
import { realSystem } from '../system/system.ts'
import { jsonInterceptor } from './json.ts'
import { parsePointer, textAt } from './json-pointer.ts'

const made = (given: Record<string, unknown>, context = contextFor('SOURCE', 'i1')) =>
  jsonInterceptor.create(optionsFor(jsonInterceptor, given), context)

/** The headers that an event with this body has afterwards; null where it was dropped. */
function headersOf(given: Record<string, unknown>, body: string | Buffer, headers = {}) {
  const result = made(given).intercept(Event.of(headers, Buffer.from(body)))
  return result && Object.fromEntries(result.headers)
}

function complaints(given: Record<string, unknown>): string[] {
  const said: string[] = []
  const note = (key: string, problem: string) => void said.push(`${key}: ${problem}`)
  jsonInterceptor.check?.(optionsFor(jsonInterceptor, given), { error: note, warning: note })
  return said
}

test('bodies are valid or not, for a reason', () => {
  const reason = (body: string | Buffer, given = {}) => headersOf(given, body)!['json.invalid']
  for (const body of [
    '{}',
    '[]',
    '"a"',
    '1',
    'true',
    'null',
    ' \r\n\t{"a":1} \n',
    '\uFEFF{"a":1}',
    '{"a":1,"a":2}',
  ])
    assert.equal(reason(body), undefined, body)
  for (const body of [
    '{',
    '{}{}',
    "{'a':1}",
    '{"a":1,}',
    '{a:1}',
    'NaN',
    '01',
    '"\t"',
    '\u00A0{}',
    '\uFEFF\uFEFF{}',
  ])
    assert.equal(reason(body), 'not JSON', body)
  for (const body of ['', ' \n', '\uFEFF']) assert.equal(reason(body), 'empty', JSON.stringify(body))
  assert.equal(reason(Buffer.from([0x22, 0xff, 0x22])), 'not UTF-8')
  assert.equal(reason(Buffer.from('{}', 'utf16le')), 'not JSON')
  for (const body of ['[]', '"a"', '1', 'null'])
    assert.equal(reason(body, { objectsOnly: true }), 'not an object')
  assert.equal(reason('{"a":1}', { maxBodyBytes: 6 }), 'too large')
  assert.equal(reason('{"a":1}', { maxBodyBytes: 7 }), undefined)
  assert.equal(reason('['.repeat(100_000) + ']'.repeat(100_000)), undefined)
})

test('an invalid event is marked, dropped, kept or diverted, and its body stays', () => {
  const given = { headers: { a: '/a' }, defaults: { a: 'none' } }
  assert.deepEqual(headersOf(given, 'x', { a: '1' }), { a: '1', 'json.invalid': 'not JSON' })
  assert.equal(headersOf({ ...given, invalid: 'drop' }, 'x'), null)
  assert.deepEqual(headersOf({ ...given, invalid: 'keep' }, 'x', { a: '1' }), { a: '1' })
  assert.deepEqual(
    headersOf({ ...given, invalid: 'divert', divertTo: 'rejects', invalidHeader: 'why' }, 'x', {
      topic: 't',
    }),
    {
      topic: 'rejects',
      why: 'not JSON',
    },
  )
  const body = Buffer.from([0xff, 0x7b])
  assert.deepEqual(made({}).intercept(Event.of({}, body))!.body, body)
})

test('a body of 100 MB beyond the limit costs no time', () => {
  const body = Buffer.alloc(100_000_000, '[1,2],')
  const interceptor = made({ headers: { a: '/a' } })
  const cpu = process.cpuUsage()
  assert.equal(interceptor.intercept(Event.of({}, body))!.headers.get('json.invalid'), 'too large')
  const { user, system } = process.cpuUsage(cpu)
  assert.ok(user + system < 50_000, `${user + system} µs of CPU`)
})

test('fields become headers by JSON Pointer, numbers as they are written', () => {
  const body = `{"s":"ü\\n\\"x\\"","n":12345678901234567890,"f":1.10,"e":1E400,"m":-0,"t":true,"z":null,
    "o":{ "a": [1, {"b":"]}\\\\"}], "":"empty" },"a/b":"slash","m~n":"tilde","":"root","0":"zero","__proto__":"own",
    "d":1,"d":{"d":2.50},"u":"\\ud800"}`
  const at = (pointer: string) => headersOf({ headers: { h: pointer } }, body)!['h']
  const expected: Record<string, string | undefined> = {
    '/s': 'ü\n"x"',
    '/n': '12345678901234567890',
    '/f': '1.10',
    '/e': '1E400',
    '/m': '-0',
    '/t': 'true',
    '/z': undefined,
    '/o': '{ "a": [1, {"b":"]}\\\\"}], "":"empty" }',
    '/o/a': '[1, {"b":"]}\\\\"}]',
    '/o/a/0': '1',
    '/o/a/1/b': ']}\\',
    '/o/a/01': undefined,
    '/o/a/2': undefined,
    '/o/a/-': undefined,
    '/o/a/length': undefined,
    '/o/': 'empty',
    '/a~1b': 'slash',
    '/m~0n': 'tilde',
    '/': 'root',
    '/0': 'zero',
    '/__proto__': 'own',
    '/constructor': undefined,
    '/s/0': undefined,
    '/d': '{"d":2.50}',
    '/d/d': '2.50',
    '/u': '\uFFFD',
    '/missing/a': undefined,
  }
  for (const [pointer, value] of Object.entries(expected)) assert.equal(at(pointer), value, pointer)
  assert.equal(headersOf({ headers: { h: '' } }, ' [1, 2] ')!['h'], '[1, 2]')
  assert.equal(headersOf({ headers: { h: '' } }, '17')!['h'], '17')
})

test('every value of any JSON text is found as it is written', () => {
  const blank = fc.constantFrom('', ' ', '\n\t')
  const written = (value: unknown, gap: string): string =>
    Array.isArray(value)
      ? `[${gap}${value.map(one => written(one, gap)).join(`${gap},`)}${gap}]`
      : typeof value === 'object' && value !== null
        ? `{${gap}${Object.entries(value)
            .map(([key, one]) => `${JSON.stringify(key)}${gap}:${gap}${written(one, gap)}`)
            .join(`${gap},${gap}`)}${gap}}`
        : JSON.stringify(value)
  fc.assert(
    fc.property(fc.jsonValue(), blank, (value, gap) => {
      const text = `${gap}${written(value, gap)}${gap}`
      const look = (found: unknown, steps: readonly string[]): void => {
        const here = textAt(text, JSON.parse(text), steps)
        if (found === null) assert.equal(here, undefined)
        else if (typeof found === 'string') assert.equal(here, found)
        else assert.equal(here, written(found, gap))
        if (typeof found === 'object' && found !== null)
          for (const [key, one] of Object.entries(found)) look(one, [...steps, key])
      }
      look(value, [])
    }),
    { numRuns: 300 },
  )
})

test('pointers that are none are problems of the configuration', () => {
  assert.deepEqual(parsePointer('/a~1b/~01'), { steps: ['a/b', '~1'] })
  assert.deepEqual(complaints({ headers: { a: 'user.id' } }), ['headers.a: "user.id" is no JSON Pointer'])
  assert.deepEqual(complaints({ headers: { a: '/a~' } }), [
    'headers.a: "/a~" has a ~ that is neither ~0 nor ~1',
  ])
  assert.deepEqual(complaints({ timestampField: '$.ts' }), ['timestampField: "$.ts" is no JSON Pointer'])
  assert.match(
    complaints({ timestampField: '/t', timestampFormat: 'yyyy QQ' })[0]!,
    /^timestampFormat: .*component: QQ/,
  )
  assert.match(complaints({ timestampField: '/t', timestampZone: 'Mars/X' })[0]!, /^timestampZone: .*Mars\/X/)
  assert.match(complaints({ invalid: 'divert' })[0]!, /^divertTo: is required/)
  assert.match(complaints({ headers: { a: '/a' }, divertTo: 'x' })[0]!, /^divertTo: has no effect/)
  assert.match(
    complaints({ headers: { a: '/a' }, mappings: { 'b.x': 'y' } })[0]!,
    /^mappings.b.x: is for a header/,
  )
  assert.match(complaints({ defaults: { topic: 'y' } })[0]!, /^defaults.topic: is for a header/)
  assert.match(complaints({ invalid: 'keep' })[0]!, /changes nothing/)
  assert.deepEqual(complaints({}), [])
})

test('a header is chosen by the value of a field', () => {
  const given = {
    headers: { topic: '/type', 'a.b': '/n' },
    mappings: { 'topic.start': 'topic_start', 'topic.a.b': 'dotted', 'a.b.1.0': 'one' },
  }
  const topic = (body: string, more = {}) =>
    headersOf({ ...given, ...more }, body, { topic: 'before' })!['topic']
  assert.equal(topic('{"type":"start"}'), 'topic_start')
  assert.equal(topic('{"type":"a.b"}'), 'dotted')
  assert.equal(topic('{"type":"Start"}'), 'before')
  assert.equal(topic('{"type":"other"}', { defaults: { topic: 'rest' } }), 'rest')
  assert.equal(topic('{"type":null}', { defaults: { topic: 'rest' } }), 'rest')
  assert.equal(topic('{}'), 'before')
  assert.equal(headersOf(given, '{"n":1.0}')!['a.b'], 'one')
  const byPresence = {
    headers: { topic: '/start' },
    mappings: { 'topic.*': 'topic_start' },
    defaults: { topic: 'topic_event' },
  }
  assert.deepEqual(headersOf(byPresence, '{"start":{"entry":"icon"}}'), { topic: 'topic_start' })
  assert.deepEqual(headersOf(byPresence, '{"common":{}}'), { topic: 'topic_event' })
})

test('times are read by the name of a format or by a pattern', () => {
  const time = (value: string, timestampFormat: string, timestampZone?: string) =>
    headersOf({ timestampField: '/t', timestampFormat, timestampZone }, `{"t":${value}}`)!['timestamp']
  assert.equal(time('1700000000123', 'epoch_ms'), '1700000000123')
  assert.equal(time('"1700000000123"', 'epoch_ms'), '1700000000123')
  assert.equal(time('1700000000123.9', 'epoch_ms'), '1700000000123')
  assert.equal(time('1.7e12', 'epoch_ms'), '1700000000000')
  assert.equal(time('1700000000', 'epoch_s'), '1700000000000')
  assert.equal(time('1700000000.123', 'epoch_s'), '1700000000123')
  assert.equal(time('1700000000.129', 'EPOCH_S'), '1700000000129')
  assert.equal(time('-1.5', 'epoch_s'), '-1500')
  assert.equal(time('1700000000123456', 'epoch_us'), '1700000000123')
  assert.equal(time('1700000000123456789', 'epoch_ns'), '1700000000123')
  for (const value of ['1e400', 'true', 'null', '"soon"', '""', '[]', '"0x10"', '12345678901234567890'])
    assert.equal(time(value, 'epoch_ms'), undefined, value)
  const noon = String(Date.UTC(2026, 10, 30, 12))
  for (const text of [
    '2026-11-30T12:00:00Z',
    '2026-11-30 12:00:00.000Z',
    '2026-11-30T13:00+01:00',
    '2026-11-30T07:00:00.000000000-0500',
    '2026-11-30T14:00:00+02',
  ])
    assert.equal(time(`"${text}"`, 'iso8601'), noon, text)
  assert.equal(time('"2026-11-30T12:00:00.25Z"', 'iso8601'), String(Number(noon) + 250))
  assert.equal(time('"2026-11-30T13:00:00"', 'iso8601', 'Europe/Berlin'), noon)
  assert.equal(time('"2026-11-30"', 'iso8601', 'UTC'), String(Date.UTC(2026, 10, 30)))
  for (const text of [
    '2026-02-29',
    '2026-13-01',
    '2026-11-30T24:00Z',
    '2026-11-30T12:00+24:00',
    '26-11-30',
    '2026-11-30Tx',
    '2026-11-30T12:60Z',
  ])
    assert.equal(time(`"${text}"`, 'iso8601', 'UTC'), undefined, text)
  // Left out by the clocks of Berlin, and there twice.
  assert.equal(time('"2026-03-29T02:30:00"', 'iso8601', 'Europe/Berlin'), undefined)
  assert.equal(
    time('"2026-10-25T02:30:00"', 'iso8601', 'Europe/Berlin'),
    String(Date.UTC(2026, 9, 25, 0, 30)),
  )
  assert.equal(time('"2026-11-30 13:00:00"', 'yyyy-MM-dd HH:mm:ss', 'Europe/Berlin'), noon)
  assert.equal(time('"30/Nov/2026:12:00:00 +0000"', 'dd/MMM/yyyy:HH:mm:ss Z'), noon)
  assert.equal(time('"2026-11-30T13:00:00,000+01:00"', "yyyy-MM-dd'T'HH:mm:ss,SSSXXX"), noon)
  assert.equal(time('"2026-11-30T12:00:00X"', "yyyy-MM-dd'T'HH:mm:ss'X'", 'UTC'), noon)
  assert.equal(time('20261130', 'yyyyMMdd', 'UTC'), String(Date.UTC(2026, 10, 30)))
  assert.equal(time('"2026-11-30 13:00:00 and more"', 'yyyy-MM-dd HH:mm:ss'), undefined)
  assert.equal(time(`"${'1'.repeat(100_000)}"`, 'epoch_ms'), undefined)
})

test('a time that cannot be read leaves the header as it was', () => {
  const given = { timestampField: '/t', timestampHeader: 'at' }
  assert.deepEqual(headersOf(given, '{"t":"x"}', { at: '1' }), { at: '1' })
  assert.deepEqual(headersOf(given, '{"t":2}', { at: '1' }), { at: '2' })
})

test('the log tells of invalid bodies and unreadable times once, and that they are over, without what they are', () => {
  let now = 0
  const clock = { ...realSystem.clock, monotonic: () => now }
  const context = contextFor('SOURCE', 'i1', [], { system: { ...realSystem, clock } })
  const interceptor = made({ invalid: 'drop', timestampField: '/t' }, context)
  const put = (body: string) => interceptor.intercept(Event.of({}, Buffer.from(body)))
  for (const body of ['secret', 'secret', '{"t":"secret"}', '{"t":1}', 'secret', '{"t":1}']) put(body)
  assert.deepEqual(context.health(), [])
  assert.equal(context.log.lines.length, 2)
  assert.match(
    context.log.lines[0]!,
    /^WARN interceptor i1: a body is not JSON; the interceptor discards such events\. Correct/,
  )
  assert.match(
    context.log.lines[1]!,
    /^WARN interceptor i1: the time at \/t does not fit timestampFormat, .* header timestamp\./,
  )
  now = 60_001
  put('{"t":1}')
  assert.match(context.log.lines[2]!, /^INFO interceptor i1: bodies are valid again/)
  assert.match(context.log.lines[3]!, /^INFO interceptor i1: times can be read again/)
  assert.ok(!context.log.lines.join().includes('secret'))
})
