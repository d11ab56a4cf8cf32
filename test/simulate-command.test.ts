// `millrace simulate` as a user meets it: the files of conf/ as they are, what a memory channel loses, agents by
// themselves, events that cannot be followed, and options that are wrong.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { startDriver } from './tools/tool-driver.ts'

const root = join(import.meta.dirname, '..')
const directory = mkdtempSync(join(tmpdir(), 'simulate-'))
after(() => rmSync(directory, { recursive: true, force: true }))

const a = join(root, 'conf/kafka-memory-avro.conf')
const b = join(root, 'conf/avro-memory-kafka.conf')

const driver = startDriver()
after(() => driver[Symbol.asyncDispose]())

const simulate = (...args: string[]) => driver.run('millrace', ['simulate', ...args])

let changes = 0
function changed(file: string, change: (text: string) => string): string {
  const path = join(directory, `changed-${++changes}.conf`)
  writeFileSync(path, change(readFileSync(file, 'utf8')))
  return path
}

test('the two agents of conf/ lose nothing, and a seed prints the same again', async () => {
  const first = await simulate('-f', a, '-f', b, '--runs', '3')
  assert.equal(first.code, 0, first.out + first.err)
  assert.match(first.out, /in by {7}topic test3/)
  assert.match(first.out, /no fault {4}200 of 200 events arrive/)
  assert.match(first.out, /3 runs, seeds 1 to 3: 600 events, \d+ faults/)
  assert.match(first.out, /lost {6}0 events in 0 runs/)
  assert.match(first.out, /stuck {5}0 runs/)
  const command = join(root, 'bin/millrace')
  const again = await promisify(execFile)(command, ['simulate', '-f', a, '-f', b, '--runs', '3'])
  assert.equal(again.stdout, first.out)
})

test('a memory channel loses events to kills, and the report names it and a seed that shows it', async () => {
  const inMemory = changed(a, text => text.replace(/(channels\.c1\.type) = file/, '$1 = memory'))
  const args = ['-f', inMemory, '-f', b, '--faults', 'kill,network']
  const run = await simulate(...args, '--runs', '24')
  assert.equal(run.code, 1, run.out + run.err)
  assert.match(run.out, /lost {6}[1-9]\d* events in [1-9]/)
  assert.match(run.out, /channel c1 of kafka-memory-avro keeps events in memory/)
  const [, seed] = /--runs 1 --seed (\d+) --timeline/.exec(run.out)!
  const one = await simulate(...args, '--runs', '1', '--seed', seed!, '--timeline')
  assert.equal(one.code, 1)
  assert.match(one.out, /kafka-memory-avro is killed/)
  assert.match(one.out, /lost {6}[1-9]/)
})

test('an agent alone gets models where its neighbours would be, and the report says which', async () => {
  const run = await simulate('-f', b, '--runs', '3')
  assert.equal(run.code, 0, run.out + run.err)
  assert.match(run.out, /source avro-source \(avro\) is a model/)
  assert.match(run.out, /out by {6}.*default-flume-topic/)
})

test('events whose bodies change cannot be followed', async () => {
  const replacing = changed(
    a,
    text => `${text}
kafka-memory-avro.sources.s1.interceptors = i1 i2
kafka-memory-avro.sources.s1.interceptors.i2.type = search_replace
kafka-memory-avro.sources.s1.interceptors.i2.searchPattern = [0-9]
kafka-memory-avro.sources.s1.interceptors.i2.replaceString = x
`,
  )
  const run = await simulate('-f', replacing, '-f', b, '--runs', '2')
  assert.equal(run.code, 1)
  assert.match(run.out, /200 events arrive with another body/)
})

test('wrong options and files are refused with a sentence', async () => {
  const utf16 = join(directory, 'utf16.conf')
  writeFileSync(utf16, Buffer.from('\ufeffa1.sources = r1\n', 'utf16le'))
  const cases: readonly (readonly [args: string[], code: number, errors: RegExp])[] = [
    [[], 1, /required option '-f/],
    [['-f', a, '--faults', 'kil'], 1, /there is no kind kil; write some of kill, power/],
    [['-f', a, '--runs', 'many'], 1, /--runs many: write a whole number from 1/],
    [['-f', a, '-n', 'nobody'], 1, /no agent nobody in .*; what is described there: kafka-memory-avro\n/],
    [['-f', a, '-n', 'kafka-memory-avr'], 1, /there: kafka-memory-avro\. Did you mean kafka-memory-avro\?\n/],
    [['-f', utf16], 2, /utf16\.conf:1: error: .*UTF-16/],
    [['-f', 'none.conf'], 2, /error: cannot read the configuration none\.conf: there is no such file/],
    [['-f', a, '-f', a], 1, /agent kafka-memory-avro is in more than one file/],
    [['-f', a, '--timeline'], 1, /--timeline needs --runs 1/],
    [['-f', changed(a, text => text.replace(/type *= *static/, 'type = stati'))], 2, /stati/],
  ]
  for (const [args, code, errors] of cases) {
    const run = await simulate(...args)
    assert.match(run.err, errors, args.join(' '))
    assert.equal(run.code, code, `${args.join(' ')}: ${run.err}`)
  }
})
