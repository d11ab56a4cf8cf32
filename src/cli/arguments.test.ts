import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { readArguments, refuseOddDashes } from './arguments.ts'
import { readFlumeEnv } from './flume-env.ts'
import { wordsOfOptionsFile } from './options-file.ts'

const directory = mkdtempSync(join(tmpdir(), 'arguments-'))
after(() => rmSync(directory, { recursive: true, force: true }))

test('takes properties and JVM options out, wherever they stand', () => {
  const { command, rest, properties, jvm } = readArguments(
    'agent -Da=1 -n x -Xmx20m -Da=2 -D b=c=d -De -agentlib:jdwp -f y'.split(' '),
  )
  assert.equal(command, 'agent')
  assert.deepEqual(rest, ['-n', 'x', '-f', 'y'])
  assert.deepEqual(
    [...properties],
    [
      ['a', '2'],
      ['b', 'c=d'],
      ['e', ''],
    ],
  )
  assert.deepEqual(jvm, ['-Xmx20m', '-agentlib:jdwp'])
})

test('long names behind one dash, with a value after = or a blank', () => {
  const { rest } = readArguments('agent -name a1 -conf-file=x -no-reload-conf -user u -pwd p -n b'.split(' '))
  assert.deepEqual(
    rest,
    '--name a1 --conf-file=x --no-reload-conf --conf-user u --conf-password p -n b'.split(' '),
  )
})

const option = (takesValue: boolean, given = false) => ({ takesValue, given })
const known = new Map([
  ['name', option(true)],
  ['conf-file', option(true, true)],
  ['no-reload-conf', option(false)],
])

test('flume.opts gives what the command line does not', () => {
  const path = join(directory, 'flume.opts')
  writeFileSync(path, 'name = a1\nconf-file = x\nno-reload-conf = true\n')
  assert.deepEqual(wordsOfOptionsFile(directory, known, '/none'), ['--name', 'a1', '--no-reload-conf'])
  writeFileSync(path, 'nam = a1\n')
  assert.throws(
    () => wordsOfOptionsFile(directory, known, '/none'),
    /flume\.opts:1: flume-ng agent has no option nam/,
  )
  rmSync(path)
  assert.deepEqual(wordsOfOptionsFile(directory, known, '/none'), [])
})

const fragment = (text: string) => {
  writeFileSync(join(directory, 'flume-env.sh'), text)
  return readFlumeEnv(directory)
}

test('flume-env.sh: what it exports counts, JAVA_* and what it prints do not', async () => {
  const env = await fragment('export KAFKA_A="x y"\nexport JAVA_HOME=/j\nplain=1\necho noise\n')
  assert.deepEqual(env, { exported: { KAFKA_A: 'x y' }, javaOptions: [], classpath: '' })
})

test("flume-env.sh: options for the JVM, exported or not, in the launcher's order, cut by the shell", async () => {
  process.env['JAVA_OPTS'] = '-Dgone=1'
  process.env['FLUME_JAVA_OPTS'] = '-Dc=3'
  try {
    const { javaOptions, classpath } = await fragment(
      'set -u\nJAVA_OPTS="-Xmx1g -Da=1\t-Da=\'2"\nJAVA_OPTS="$JAVA_OPTS -Db=x=y"\nexport FLUME_JAVA_OPTS="$FLUME_JAVA_OPTS -Dd="\nFLUME_CLASSPATH=/a.jar\n',
    )
    assert.deepEqual(javaOptions, ['-Xmx1g', '-Da=1', "-Da='2", '-Db=x=y', '-Dc=3', '-Dd='])
    assert.equal(classpath, '/a.jar')
    assert.deepEqual((await fragment('')).javaOptions, ['-Dc=3'])
    rmSync(join(directory, 'flume-env.sh'))
    assert.deepEqual((await readFlumeEnv(directory)).javaOptions, ['-Dc=3'])
  } finally {
    delete process.env['JAVA_OPTS']
    delete process.env['FLUME_JAVA_OPTS']
  }
})

test('flume-env.sh: a last command that fails is no failure', async () => {
  const { exported } = await fragment('export KAFKA_B=1\n[ -n "$NOT_SET_AT_ALL" ] && export KAFKA_C=1\n')
  assert.deepEqual(exported, { KAFKA_B: '1' })
})

test('flume-env.sh: what it complains of is told', async () => {
  const { exported, complaint } = await fragment('cd /not/there\nexport KAFKA_D=1\n')
  assert.deepEqual(exported, { KAFKA_D: '1' })
  assert.match(complaint!, /flume-env\.sh says: .*\/not\/there/)
})

test('flume-env.sh: a broken one refuses with a sentence', async () => {
  await assert.rejects(fragment('if then\n'), /flume-env\.sh failed: .*syntax error/i)
  await assert.rejects(fragment('exit 3\n'), /flume-env\.sh failed: it ended the shell with code 3/)
  await assert.rejects(fragment('exit 0\n'), /flume-env\.sh failed: it ended the shell; remove its exit/)
})

test('no flume-env.sh, no directory', async () => {
  rmSync(join(directory, 'flume-env.sh'))
  assert.deepEqual((await readFlumeEnv(directory)).exported, {})
  assert.match((await readFlumeEnv(join(directory, 'none'))).complaint!, /there is no such directory/)
  assert.match((await readFlumeEnv(import.meta.filename)).complaint!, /: it is not a directory$/)
})

test('a dash of a web page is named, and what to write; a value may begin with one', () => {
  for (const [words, says] of [
    ['agent –name a1', /^–name begins with the character U\+2013, .*: write --name$/],
    ['agent -n a1 —conf-file f', /^—conf-file begins with the character U\+2014, .*: write --conf-file$/],
    ['agent −f x', /^−f begins with the character U\+2212, .*: write -f$/],
    ['agent --no-reload-conf –name a1', /: write --name$/],
    ['topics –list', /: write --list$/],
  ] as const)
    assert.throws(() => refuseOddDashes(words.split(' ')), { message: says })
  refuseOddDashes(['avro-client', '--filename', '–events'])
})
