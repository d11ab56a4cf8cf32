// The small interceptors, each by what it makes of events.
import assert from 'node:assert/strict'
import test from 'node:test'
import { contextFor, optionsFor } from '../../test/context.ts'
import type { InterceptorDefinition } from '../component.ts'
import { Event } from '../event.ts'
import { findCharset } from '../java/java-charset.ts'
import { realSystem } from '../system/system.ts'
import { hostInterceptor } from './host.ts'
import { regexExtractorInterceptor } from './regex-extractor.ts'
import { regexFilterInterceptor } from './regex-filter.ts'
import { removeHeaderInterceptor } from './remove-header.ts'
import { searchReplaceInterceptor } from './search-replace.ts'
import { staticInterceptor } from './static.ts'
import { timestampInterceptor } from './timestamp.ts'
import { uuidInterceptor } from './uuid.ts'

const system = {
  ...realSystem,
  clock: { ...realSystem.clock, now: () => 1234 },
  network: { ...realSystem.network, addresses: () => ['fe80::1', '10.0.0.7'], hostName: () => 'box' },
}

function apply(
  definition: InterceptorDefinition,
  given: Record<string, unknown>,
  event: Event,
): { headers: Record<string, string>; body: string } | null {
  const context = contextFor('SOURCE', 'i1', [], { system })
  const result = definition.create(optionsFor(definition, given), context).intercept(event)
  return result && { headers: Object.fromEntries(result.headers), body: result.body.toString() }
}

/** What the definition's check says about the options. */
function complaints(definition: InterceptorDefinition, given: Record<string, unknown>): string[] {
  const said: string[] = []
  const note = (key: string, problem: string) => void said.push(`${key}: ${problem}`)
  definition.check?.(optionsFor(definition, given), { error: note, warning: note })
  return said
}

test('timestamp overwrites by default', () => {
  const event = () => Event.of({ timestamp: '1' })
  assert.deepEqual(apply(timestampInterceptor, {}, event())!.headers, { timestamp: '1234' })
  assert.deepEqual(apply(timestampInterceptor, { preserveExisting: true }, event())!.headers, {
    timestamp: '1',
  })
  assert.deepEqual(apply(timestampInterceptor, { headerName: 't' }, event())!.headers, {
    timestamp: '1',
    t: '1234',
  })
})

test('host is the IPv4 address, or the name', () => {
  assert.deepEqual(apply(hostInterceptor, {}, Event.of({ host: 'x' }))!.headers, { host: '10.0.0.7' })
  assert.deepEqual(apply(hostInterceptor, { useIP: false, hostHeader: 'h' }, Event.of({}))!.headers, {
    h: 'box',
  })
})

test('static keeps what is there by default', () => {
  const given = { key: 'topic', value: 'test2' }
  assert.deepEqual(apply(staticInterceptor, given, Event.of({}))!.headers, { topic: 'test2' })
  assert.deepEqual(apply(staticInterceptor, given, Event.of({ topic: 'test3' }))!.headers, { topic: 'test3' })
  assert.deepEqual(
    apply(staticInterceptor, { ...given, preserveExisting: false }, Event.of({ topic: 'test3' }))!.headers,
    { topic: 'test2' },
  )
})

test('remove_header removes by name, list and whole-name pattern', () => {
  const event = () => Event.of({ a: '1', b: '2', ab: '3', abc: '4' })
  assert.deepEqual(
    apply(removeHeaderInterceptor, { withName: ' a ', fromList: 'b , nothing', matching: /a|ab/ }, event())!
      .headers,
    { abc: '4' },
  )
  assert.deepEqual(
    apply(removeHeaderInterceptor, { fromList: 'a;b', fromListSeparator: /;/ }, event())!.headers,
    { ab: '3', abc: '4' },
  )
  assert.deepEqual(complaints(removeHeaderInterceptor, {}), ['type: this interceptor removes nothing'])
})

test('uuid sets a new one for each event, with its prefix', () => {
  const ids = [0, 1].map(() => apply(uuidInterceptor, { prefix: 'p-' }, Event.of({}))!.headers['id']!)
  for (const id of ids)
    assert.match(id, /^p-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  assert.notEqual(ids[0], ids[1])
  assert.equal(apply(uuidInterceptor, {}, Event.of({ id: 'mine' }))!.headers['id'], 'mine')
})

test('search_replace replaces every match, with groups of Java', () => {
  const body = (given: Record<string, unknown>, text: string | Buffer) =>
    apply(searchReplaceInterceptor, given, Event.of({}, text))!.body
  assert.equal(body({ searchPattern: /^[A-Za-z0-9_]+/g }, 'abc def'), ' def')
  assert.equal(body({ searchPattern: /(\w)(\w)/g, replaceString: '$2$1$0\\$' }, 'abcd'), 'baab$dccd$')
  assert.equal(body({ searchPattern: /(?<x>\d)/g, replaceString: '<${x}>' }, 'a1b2'), 'a<1>b<2>')
  assert.equal(body({ searchPattern: /(a)/g, replaceString: '$11' }, 'a'), 'a1')
  assert.equal(
    body({ searchPattern: /é/g, replaceString: 'e', charset: findCharset('latin1') }, Buffer.from([0xe9])),
    'e',
  )
})

test('search_replace leaves bodies without a match as they are, byte for byte', () => {
  const bytes = Buffer.from([0xff, 0xfe, 0x61])
  const context = contextFor('SOURCE', 'i1')
  const options = optionsFor(searchReplaceInterceptor, { searchPattern: /b/g })
  const result = searchReplaceInterceptor.create(options, context).intercept(Event.of({}, bytes))
  assert.deepEqual(result!.body, bytes)
})

test('a replacement with a group that is not there is a problem of the configuration', () => {
  const said = (replaceString: string) =>
    complaints(searchReplaceInterceptor, { searchPattern: /(a)/g, replaceString })
  assert.equal(said('$1').length, 0)
  for (const text of ['$2', '${x}', '$', 'a\\', '$x']) assert.equal(said(text).length, 1, text)
})

test('regex_filter keeps what contains a match, or drops it', () => {
  const kept = (given: Record<string, unknown>, text: string) =>
    apply(regexFilterInterceptor, given, Event.of({}, text)) !== null
  assert.ok(kept({}, ''))
  assert.ok(kept({ regex: /b/ }, 'abc'))
  assert.ok(!kept({ regex: /x/ }, 'abc'))
  assert.ok(!kept({ regex: /b/, excludeEvents: true }, 'abc'))
})

test('regex_extractor gives groups to serializers in order', () => {
  const given = {
    regex: /(\d):(\d)(x)?:(\d)/,
    serializers: ['s1', 's2', 's3', 's4'],
    'serializers.': { 's1.name': 'one', 's2.name': 'two', 's3.name': 'none', 's4.name': 'four' },
  }
  assert.deepEqual(apply(regexExtractorInterceptor, given, Event.of({ one: '0' }, '1:2:3.4'))!.headers, {
    one: '1',
    two: '2',
    four: '3',
  })
  assert.deepEqual(apply(regexExtractorInterceptor, given, Event.of({}, 'nothing'))!.headers, {})
})

test('regex_extractor turns times into milliseconds, and leaves out what does not fit', () => {
  const given = {
    regex: /^(.{19})/,
    serializers: ['s1'],
    'serializers.': {
      's1.name': 'timestamp',
      's1.type': 'org.apache.flume.interceptor.RegexExtractorInterceptorMillisSerializer',
      's1.pattern': 'yyyy-MM-dd HH:mm:ss',
    },
  }
  const time = new Date(2012, 9, 17, 14, 34, 44).getTime()
  assert.deepEqual(apply(regexExtractorInterceptor, given, Event.of({}, '2012-10-17 14:34:44 x'))!.headers, {
    timestamp: String(time),
  })
  assert.deepEqual(
    apply(regexExtractorInterceptor, given, Event.of({}, '2012-13-17 14:34:44 x'))!.headers,
    {},
  )
})

test('regex_extractor tells of times that do not fit, and that they fit again, without what they are', () => {
  const context = contextFor('SOURCE', 'i1')
  const options = optionsFor(regexExtractorInterceptor, {
    regex: /^(\S+)/,
    serializers: ['s1'],
    'serializers.': { 's1.name': 'day', 's1.type': 'millis', 's1.pattern': 'yyyy-DDD' },
  })
  const interceptor = regexExtractorInterceptor.create(options as never, context)
  const dayOf = (body: string) => (interceptor.intercept(Event.of({}, body)) as Event).headers.get('day')
  assert.equal(dayOf('secret'), undefined)
  assert.equal(dayOf('2023-366'), undefined)
  assert.notEqual(dayOf('2023-365'), undefined)
  assert.deepEqual(context.health(), [])
  assert.equal(context.log.lines.length, 2)
  assert.match(
    context.log.lines[0]!,
    /^WARN interceptor i1: .* does not fit serializers\.s1\.pattern, .* without the header day\. Correct/,
  )
  assert.match(context.log.lines[1]!, /^INFO interceptor i1: .* fits serializers\.s1\.pattern again/)
  assert.ok(!context.log.lines.join().includes('secret'))
})

test('regex_extractor says what its serializers lack', () => {
  const said = (settings: Record<string, string>) =>
    complaints(regexExtractorInterceptor, { regex: /(a)/, serializers: ['s1'], 'serializers.': settings })
  assert.deepEqual(said({}), ['serializers.s1.name: is missing'])
  assert.match(said({ 's1.name': 'h', 's1.type': 'com.example.X' })[0]!, /there is no serializer/)
  assert.match(
    said({ 's1.name': 'h', 's1.type': 'millis', 's1.pattern': 'yyyy Q' })[0]!,
    /Joda-Time does not take "yyyy Q": Illegal pattern component: Q/,
  )
})
