// HOCON as application.conf files use it: what is read, where it stands, and what is refused.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readHocon, type HoconOptions } from './hocon.ts'
import { formatProblem } from './problem.ts'

const read = (text: string, options: Partial<HoconOptions> = {}) => {
  const { values, problems } = readHocon(text, 'a.conf', {
    environment: { ZK_HOSTS: 'zk9:2181', EMPTY: '' },
    include: () => null,
    ...options,
  })
  return {
    values: Object.fromEntries([...values].map(([path, { value }]) => [path, value])),
    lines: Object.fromEntries([...values].map(([path, { place }]) => [path, `${place.file}:${place.line}`])),
    problems: problems.map(formatProblem),
  }
}

for (const [what, text, values] of [
  ['nothing', '', {}],
  ['comments', '# a=1\n// b=2\nc=3 # d\ne=4 // f', { c: '3', e: '4' }],
  ['quotes', 'a="x # y // z"\nb="\\u0041\\n\\"é"', { a: 'x # y // z', b: 'A\n"é' }],
  ['triple quotes', 'a="""b\n"c" \\n"""\nd=1', { a: 'b\n"c" \\n', d: '1' }],
  ['quotes at the end of triple quotes', 'a=""""x""""', { a: '"x"' }],
  [
    'objects',
    'akka {\n loggers = ["x", y]\n a.b { c: 1 }\n}',
    { 'akka.loggers': ['x', 'y'], 'akka.a.b.c': '1' },
  ],
  ['a whole file in braces', '{ "a": { "b": true }, "c.d": null }', { 'a.b': 'true', 'c.d': 'null' }],
  ['the last counts', 'a=1\na=2', { a: '2' }],
  ['objects are put together', 'a { b=1, c=2 }\na { c=3 }', { 'a.b': '1', 'a.c': '3' }],
  ['bare values with blanks', 'a = some  text here  \nb=60s', { a: 'some  text here', b: '60s' }],
  ['the environment', 'a=1\na=${?ZK_HOSTS}', { a: 'zk9:2181' }],
  ['the environment, empty', 'a=1\na=${?EMPTY}', { a: '' }],
  ['no such variable', 'a=1\na=${?NOT_THERE}', { a: '1' }],
  ['no such variable, and nothing before', 'a=${?NOT_THERE}\nb=2', { b: '2' }],
  ['another setting', 'zk="h"\na=${zk}":2181"\nzk="i"', { a: 'i:2181', zk: 'i' }],
  ['itself as it was', 'a=1\na=${a}2', { a: '12' }],
  ['lists over lines', 'a=[\n 1 # one\n 2,\n 3,\n]', { a: ['1', '2', '3'] }],
  ['adding to a list', 'a=[1]\na += 2\na += "3"', { a: ['1', '2', '3'] }],
  ['a value in the next line', 'a =\n  1', { a: '1' }],
  ['a mark of the byte order', '\ufeffa=1', { a: '1' }],
  ['lines of Windows', 'a=1\r\nb = "2"\r\n', { a: '1', b: '2' }],
  ['paths with slashes', 'a=./logs/x.log', { a: './logs/x.log' }],
] as const)
  test(`${what}: ${JSON.stringify(text)}`, () => {
    assert.deepEqual(read(text).values, values)
    assert.deepEqual(read(text).problems, [])
  })

test('places are those of the value that counts', () => {
  assert.deepEqual(read('\n\na=1\nb {\n  c="""\n\n"""\n d=2\n}\na=3').lines, {
    'b.c': 'a.conf:5',
    'b.d': 'a.conf:8',
    a: 'a.conf:10',
  })
})

test('includes: files beside it, with their own lines; what is missing, and what cannot be read here', () => {
  const include: HoconOptions['include'] = name =>
    name === 'b.conf' ? { file: 'b.conf', text: 'x=1\ny=${a}' } : null
  const { values, lines, problems } = read(
    'a=0\ninclude "b.conf"\nin { include file("b.conf") }\ninclude "none.conf"\ninclude url("http://h/c")\nx=2',
    { include },
  )
  assert.deepEqual(values, { a: '0', y: '0', 'in.x': '1', 'in.y': '0', x: '2' })
  assert.equal(lines['y'], 'b.conf:2')
  assert.deepEqual(problems, [
    'a.conf:5: warning: include of url is not read here. Write its settings into this file.',
  ])
})

for (const [text, problem] of [
  ['a="x\nb=1', 'a.conf:1: error: a quote is not closed in its line'],
  ['\na="""x', 'a.conf:2: error: a """ is not closed'],
  ['a {\n b=1', 'a.conf:2: error: a { is not closed'],
  ['a=1 }', 'a.conf:1: error: "}" follows the end'],
  ['a=[1,\n2', 'a.conf:1: error: a [ is not closed'],
  ['a=${b', 'a.conf:1: error: a value holds a $ that begins no'],
  ['a=${b}\nb=${a}', 'a.conf:1: error: a refers to itself'],
  ['a=${nothing}', 'a.conf:1: error: ${nothing} is set neither here nor in the environment'],
  ['a', 'a.conf:1: error: a has no value'],
  ['a=\n', 'a.conf:2: error: a has no value'],
  ['zk=h:2181', 'a.conf:1: error: the character : is not allowed in a value without quotes'],
  ['= 1', 'a.conf:1: error: a key is expected instead of "="'],
  ['a="\\x"', 'a.conf:1: error: a \\ in quotes'],
  ['include "a.conf"', 'a.conf:1: error: more than 50 includes'],
  ['include required("none")', 'a.conf:1: error: there is no file none'],
  ['{'.repeat(10), 'a.conf:1: error: a key is expected instead of "{"'],
  ['a{'.repeat(100), 'a.conf:1: error: braces are more than 50 deep'],
  [`a=${'['.repeat(100)}`, 'a.conf:1: error: lists are more than 50 deep'],
] as const)
  test(`refused: ${text.slice(0, 40).replaceAll('\n', '\\n')}`, () => {
    const { problems, values } = read(text, {
      include: name => (name === 'a.conf' ? { file: 'a.conf', text: 'include "a.conf"' } : null),
    })
    assert.ok(problems[0]?.startsWith(problem), problems.join('\n'))
    assert.deepEqual(values, {})
  })

test('what is hostile is over within a second', () => {
  const begun = performance.now()
  read(`a="${'x'.repeat(1_000_000)}"`)
  read(Array.from({ length: 15_000 }, (_, index) => `k${index}=\${?k${index - 1}}x`).join('\n'))
  read(`a=${' '.repeat(100_000)}x${' '.repeat(100_000)}`)
  read(`${'x'.repeat(200_000)}`)
  assert.ok(performance.now() - begun < 5000)
})
