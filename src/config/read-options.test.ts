import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defineSink } from '../component.ts'
import { flag, int, prefix, regex, text } from '../fields.ts'
import type { Setting } from './agent-config.ts'
import { readOptions } from './read-options.ts'

const definition = defineSink({
  type: 'sample',
  aliases: [],
  summary: 'For the test.',
  options: {
    host: text({ doc: 'Host.', required: true, example: 'h' }),
    port: int({ doc: 'Port.', default: 80, max: 65_535, min: 1 }),
    mild: int({ doc: 'Forgiving.', default: 7, badValueMeansDefault: true }),
    quick: flag({ doc: 'Flag.', default: false }),
    password: int({ doc: 'Secret.', secret: true }),
    pattern: regex({ doc: 'Pattern.' }),
    directory: text({ doc: 'Place.', default: '~/.flume/place' }),
    more: prefix({ doc: 'Rest.' }),
  },
  deprecated: {
    hostname: { to: 'host' },
    acks: { to: 'more.acks', value: given => (given === '-1' ? 'all' : given) },
  },
  withoutEffect: { threads: 'there are no threads' },
  check({ port }, say) {
    if (port === 81) say.error('port', 'is taken', 'use another')
  },
  create: () => {
    throw new Error('not made here')
  },
})

function read(settings: Readonly<Record<string, string>>, looked = false) {
  const made = new Map<string, Setting>()
  let line = 1
  for (const [key, value] of Object.entries({ type: 'sample', channel: 'c', ...settings }))
    made.set(key, { key: `a.sinks.k.${key}`, value, place: { file: 'f', line: line++ }, looked })
  const component = { name: 'k', place: { file: 'f', line: 9 }, type: made.get('type')!, settings: made }
  return readOptions(definition, component, { home: '/home/me' })
}

const said = (result: ReturnType<typeof read>) =>
  result.problems.map(
    ({ severity, place, problem, fix }) => `${place?.line} ${severity}: ${problem} | ${fix}`,
  )

test('values, defaults and prefixes', () => {
  const { options, problems } = read({
    host: 'x',
    port: ' 8080 ',
    quick: 'TRUE',
    'more.a.b': '1',
    pattern: 'a+',
  })
  assert.deepEqual(problems, [])
  assert.deepEqual(
    { ...options, pattern: String(options!['pattern']) },
    {
      host: 'x',
      port: 8080,
      mild: 7,
      quick: true,
      password: undefined,
      pattern: '/a+/v',
      directory: '~/.flume/place',
      more: { 'a.b': '1' },
    },
  )
})

const wrong: readonly (readonly [
  settings: Readonly<Record<string, string>>,
  said: RegExp,
  refused: boolean,
])[] = [
  [{}, /^1 error: a\.sinks\.k\.host is required and not written \| add a\.sinks\.k\.host = h$/, true],
  [{ host: 'x', port: '8o' }, /^4 error: a\.sinks\.k\.port: "8o" is not a whole number/, true],
  [
    { host: 'x', port: '0' },
    /^4 error: .*0 is outside what is allowed \| write a whole number from 1 to 65535/,
    true,
  ],
  [{ host: 'x', port: '81' }, /^4 error: a\.sinks\.k\.port is taken \| use another/, true],
  [{ host: 'x', mild: 'z' }, /^4 warning: .*"z" is not a whole number; 7 is used/, false],
  [{ host: 'x', quick: 'on' }, /^4 warning: .*"on" is neither true nor false.*false is used/, false],
  [{ host: 'x', pattern: '[a' }, /^4 error: .*pattern: a \[ is never closed/, true],
  [
    { host: 'x', prot: '1' },
    /^4 warning: a\.sinks\.k\.prot is not a key of sink sample and is ignored \| did you mean port/,
    false,
  ],
  [
    { host: 'x', direktory: '/a' },
    /^4 warning: .*ignored; directory is \/home\/me\/\.flume\/place \| did you mean directory/,
    false,
  ],
  [{ host: 'x', threads: '4' }, /^4 warning: .*threads has no effect here: there are no threads/, false],
  [
    { hostname: 'x' },
    /^3 warning: .*hostname is the deprecated name of host and is read as that \| write host$/,
    false,
  ],
  [{ hostname: 'x', host: 'y' }, /^3 warning: .*deprecated and has no effect beside host/, false],
]

for (const [settings, sentence, refused] of wrong)
  test(`${JSON.stringify(settings)}: ${refused ? 'refused' : 'a warning'}`, () => {
    const result = read(settings)
    assert.equal(said(result).length, 1)
    assert.match(said(result)[0]!, sentence)
    assert.equal(result.options === undefined, refused)
  })

test('a deprecated key hands its value over, translated', () => {
  assert.deepEqual(read({ host: 'x', acks: '-1' }).options!['more'], { acks: 'all' })
})

test('neither a secret nor what was looked up is shown', () => {
  for (const result of [
    read({ host: 'x', password: 'hunter2' }),
    read({ host: 'x', port: 'hunter2' }, true),
  ]) {
    assert.equal(result.options, undefined)
    assert.match(said(result)[0]!, /the value is not valid \(it is not shown\)/)
    assert.doesNotMatch(said(result).join(), /hunter2/)
  }
})

test('keys of the framework are no mistakes', () => {
  assert.deepEqual(read({ host: 'x', config: 'y', 'runner.type': 'z' }).problems, [])
})

test('what is shown of the options: as the component reads them, with their lines, and no secret', () => {
  const { shown } = read({
    hostname: 'http://u:pw1@h',
    mild: 'x',
    pattern: String.raw`\d+`,
    password: '12345',
    'more.ssl.key.password': 'pw2',
    'more.assertion.private.key.passphrase': 'pw3',
    'more.ssl.keystore.key': 'pw4',
    'more.url': 'https://u:pw5@b/c',
    'more.acks': '1',
    unknown: 'pw6',
  })
  const hidden = (line: number) => ({ value: '[hidden]', default: null, writtenAt: `f:${line}` })
  assert.deepEqual(shown, {
    host: { value: 'http://[hidden]@h', default: null, writtenAt: 'f:3' },
    port: { value: 80, default: 80, writtenAt: null },
    mild: { value: 7, default: 7, writtenAt: 'f:4' },
    quick: { value: false, default: false, writtenAt: null },
    password: hidden(6),
    pattern: { value: String.raw`\d+`, default: null, writtenAt: 'f:5' },
    directory: { value: '~/.flume/place', default: '~/.flume/place', writtenAt: null },
    'more.ssl.key.password': hidden(7),
    'more.assertion.private.key.passphrase': hidden(8),
    'more.ssl.keystore.key': hidden(9),
    'more.url': { value: 'https://[hidden]@b/c', default: null, writtenAt: 'f:10' },
    'more.acks': { value: '1', default: null, writtenAt: 'f:11' },
  })
  for (const { value, writtenAt } of Object.values(read({ host: 'pw' }, true).shown))
    assert.ok(writtenAt === null || value === '[hidden]')
})
