import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resolveLookups } from './lookups.ts'
import { parseProperties } from './properties.ts'

const now = new Date(2026, 10, 3, 4, 5, 6).getTime()

function look(text: string, environmentByName = false) {
  const { settings, problems } = resolveLookups(parseProperties(text, 'f').settings, {
    environment: { HOST: 'h1', EMPTY: '' },
    systemProperties: new Map([['my.port', '4444']]),
    now,
    environmentByName,
  })
  return { values: Object.fromEntries(settings.map(({ key, value }) => [key, value])), settings, problems }
}

const answers: Readonly<Record<string, string>> = {
  '${env:HOST}': 'h1',
  '${ENV:HOST}': 'h1',
  'x${env:HOST}y${sys:my.port}': 'xh1y4444',
  '${env:NONE:-d}': 'd',
  '${env:HOST:-d}': 'h1',
  '${env:EMPTY:-d}': '',
  '${env:NONE:-${env:HOST}}': 'h1',
  '${NONE:-a:-b}': 'a:-b',
  '${other}': 'value',
  '${outer}': '<value>',
  '${ot${part}}': 'value',
  '$${env:HOST}': '${env:HOST}',
  '${date:yyyy-MM-dd}': '2026-11-03',
  '${date:yyMMddHHmmss}': '261103040506',
  "${f1['key']}": "${f1['key']}",
  '%{header} $1 $B {x}': '%{header} $1 $B {x}',
  'a${open': 'a${open',
  '': '',
}

for (const [written, value] of Object.entries(answers))
  test(`${written} is ${value}`, () => {
    const { values, problems } = look(`other = value\nouter = <\${other}>\npart = her\nx = ${written}\n`)
    assert.equal(values['x'], value)
    assert.deepEqual(problems, [])
  })

test('what is found does not depend on the order of the keys', () => {
  const lines = ['a = 1', 'b = ${a}2', 'c = ${b}3', 'd = ${c}4']
  assert.equal(look(lines.join('\n')).values['d'], '1234')
  assert.equal(look(lines.toReversed().join('\n')).values['d'], '1234')
})

for (const written of [
  '${env:NONE}',
  '${sys:none}',
  '${nothing}',
  '${script:js:1}',
  '${file:UTF-8:/etc/passwd}',
])
  test(`${written} stays as typed, with a warning`, () => {
    const { values, problems } = look(`\nx = ${written}\n`)
    assert.equal(values['x'], written)
    assert.equal(problems.length, 1)
    assert.deepEqual(problems[0]!.place, { file: 'f', line: 2 })
    assert.ok(problems[0]!.problem.includes(`${written} is not known`), problems[0]!.problem)
  })

test('a circle is reported and ends', () => {
  const { problems } = look('a = ${b}\nb = ${a}\n')
  assert.ok(problems.some(({ problem }) => problem.includes('refers back to itself')))
})

test('the EnvVarResolverProperties switch makes ${NAME} an environment variable', () => {
  assert.equal(look('x = ${HOST}', true).values['x'], 'h1')
  assert.equal(look('x = ${HOST}').values['x'], '${HOST}')
})

test('a value that came from outside is marked, also through another key', () => {
  const { settings } = look('secret = ${env:HOST}\nindirect = ${secret}\nplain = ${date:yyyy}\n')
  assert.deepEqual(
    settings.map(({ key, looked }) => [key, looked === true]),
    [
      ['secret', true],
      ['indirect', true],
      ['plain', false],
    ],
  )
})

test('what came from outside, or from a key that may hold a secret, is marked', () => {
  const { settings } = look(
    'a = ${env:HOST}\nb = ${sys:my.port}\nc = ${my.password}\nd = x${c}\nmy.password = p\ne = ${java:version}\nf = ${e}\ng = ${env:NONE:-d}',
  )
  assert.deepEqual(
    settings.filter(({ looked }) => looked === true).map(({ key }) => key),
    ['a', 'b', 'c', 'd'],
  )
})
