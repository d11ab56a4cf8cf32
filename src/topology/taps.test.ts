// Taps: what a reader sees of the events that pass an edge; that it is bounded and masked, and that nothing is kept or
// made while nobody reads.
import assert from 'node:assert/strict'
import test from 'node:test'
import { VirtualClock } from '../../test/virtual-clock.ts'
import { Event } from '../event.ts'
import type { TapSample } from '../observe/event-view.ts'
import { shownEvent, withoutSecrets } from './shown-event.ts'
import { Edges } from './taps.ts'

test('a sample has what passed, evenly chosen, and no more than 50 events a second', async () => {
  const clock = new VirtualClock()
  const edge = new Edges(clock).between('SOURCE.r1', 'CHANNEL.c1')
  const samples: TapSample[] = []
  const stop = edge.tap(sample => samples.push(sample))
  const events = Array.from({ length: 100 }, (_, index) => Event.of({}, String(index)))
  edge.passed(events)
  edge.passed(events)
  await clock.advance(200)
  assert.equal(samples.length, 1)
  assert.equal(samples[0]!.passed, 200)
  assert.deepEqual(
    samples[0]!.events.map(({ body }) => Number(body)),
    [0, 10, 20, 30, 40, 50, 60, 70, 80, 90],
  )
  for (let turn = 0; turn < 25; turn++) {
    for (let batch = 0; batch < 10; batch++) edge.passed(events)
    await clock.advance(40)
  }
  const shown = samples.slice(1).flatMap(sample => sample.events)
  assert.ok(shown.length <= 50 && shown.length >= 40, String(shown.length))
  assert.equal(samples.slice(1).reduce((sum, { passed }) => sum + passed, 0) % 1000, 0)
  edge.passed(events.slice(0, 2))
  await clock.advance(200)
  assert.ok(
    samples.at(-1)!.events.some(({ body }) => body === '1'),
    'what is slow is shown whole',
  )
  stop()
  const count = samples.length
  edge.passed(events)
  await clock.advance(1000)
  assert.equal(samples.length, count)
})

test('large events do not make a sample larger than its bound', async () => {
  const clock = new VirtualClock()
  const edge = new Edges(clock).between('SOURCE.r1', 'CHANNEL.c1')
  const samples: TapSample[] = []
  edge.tap(sample => samples.push(sample))
  const headers = new Map(Array.from({ length: 200 }, (_, index) => [`h${index}`, 'v'.repeat(10_000)]))
  const large = Event.of(headers, Buffer.alloc(1_000_000, 'x'))
  edge.passed(Array.from({ length: 100 }, () => large))
  await clock.advance(200)
  const bytes = Buffer.byteLength(JSON.stringify(samples[0]))
  assert.ok(bytes < 80_000, String(bytes))
  const [first] = samples[0]!.events
  assert.equal(first!.isCut, true)
  assert.equal(first!.bytes, 1_000_000)
  assert.equal(first!.body.length, 4096)
})

test('while nobody taps, no event is looked at; while somebody does, an event on its way stays as it is', async () => {
  const clock = new VirtualClock()
  const edge = new Edges(clock).between('SOURCE.r1', 'CHANNEL.c1')
  const event = Event.of({ a: 'b' }, 'body')
  let clones = 0
  const watched = new Proxy(event, {
    get(target, name) {
      if (name === 'clone') clones++
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  edge.passed([watched])
  assert.equal(clones, 0)
  const stop = edge.tap(() => {})
  edge.passed([watched])
  assert.equal(clones, 1)
  stop()
  edge.passed([watched])
  assert.equal(clones, 1)
  const encoded = Event.fromEncoded(Buffer.from(Event.of({ a: 'b' }, 'body').encoded))
  assert.deepEqual(shownEvent(encoded), {
    headers: { a: 'b' },
    body: 'body',
    isText: true,
    bytes: 4,
    isCut: false,
  })
})

test('bytes that are no text are hexadecimal; a letter that the cut divides is left out', () => {
  assert.deepEqual(shownEvent(Event.of({}, Buffer.from([0xff, 0x00, 0x10]))), {
    headers: {},
    body: 'ff0010',
    isText: false,
    bytes: 3,
    isCut: false,
  })
  for (const letter of ['ä', '€', '😀'])
    for (let before = 4090; before < 4097; before++) {
      const shown = shownEvent(Event.of({}, 'x'.repeat(before) + letter.repeat(9)))
      assert.ok(shown.isText, `${letter} behind ${before}`)
      assert.match(shown.body, new RegExp(`^x+${letter}*$`, 'u'))
    }
})

test('an event that cannot be decoded is shown by its size', () => {
  const shown = shownEvent(Event.fromEncoded(Buffer.from([0x80, 0x80, 0x80, 0x80, 0x7e])))
  assert.deepEqual(shown, { headers: {}, body: '', isText: true, bytes: 5, isCut: true })
})

test('values whose names say that they are secret are hidden, in headers and in bodies', () => {
  const { headers, body } = shownEvent(
    Event.of(
      {
        password: 'canary',
        'x-api-key': 'canary',
        Authorization: 'Bearer canary',
        trace: 'id=7;token=canary',
      },
      '{"user":"u","password":"canary","n":12}',
    ),
  )
  assert.ok(!JSON.stringify([headers, body]).includes('canary'))
  assert.equal(body, '{"user":"u","password":[hidden],"n":12}')
  assert.equal(headers['trace'], 'id=7;token=[hidden]')
  for (const text of [
    '{"a":{"secret":{"b":"canary"}}}',
    '{"tokens":["canary","canary"]}',
    '{"password": "a\\"canary"}',
    '{"password": "canary',
    "{'password': 'canary'}",
    '"{\\"password\\":\\"canary\\"}"',
    'user=u&password=canary&x=1',
    'password: canary',
    'GET /x HTTP/1.1 Authorization: Basic Y2FuYXJ5canary==',
    'curl -H "Authorization: Bearer canary.canary"',
    'http://user:canary@host/path',
    '<password>canary</password>',
    'my.secret.key=canary',
    'accessToken=canary',
  ])
    assert.ok(!withoutSecrets(text).includes('canary'), withoutSecrets(text))
  for (const text of ['', 'plain words', '{"a":1,"b":"c:d=e"}', 'x=1&y=2', '12:30:00', '<a>b</a>'])
    assert.equal(withoutSecrets(text), text)
  const begun = process.cpuUsage()
  for (const piece of ['password:', '{"a":', 'a.', 'key', '<a>', '"\\', 'key  ', '<key'])
    withoutSecrets(piece.repeat(4096 / piece.length))
  const { user } = process.cpuUsage(begun)
  assert.ok(user < 1_000_000, `${user} µs of the processor`)
})
