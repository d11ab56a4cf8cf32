import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { DemoOptionProblem, readDemoOptions, type DemoWords } from './options.ts'

test('what is not written has its default', () => {
  assert.deepEqual(readDemoOptions({}), {
    events: null,
    exits: false,
    rate: 100,
    bootstrap: null,
    port: 9092,
    avroPort: 44_444,
    directory: null,
  })
  const given = readDemoOptions({
    events: '10000',
    exit: true,
    bootstrap: 'one:9092, [::1]:9093',
    avroPort: '0',
    dataDir: 'some where',
  })
  assert.equal(given.rate, null, 'a number of events goes as fast as it can')
  assert.deepEqual(given.bootstrap, ['one:9092', '[::1]:9093'])
  assert.equal(given.directory, resolve('some where'))
  assert.equal(readDemoOptions({ events: '5', rate: '2' }).rate, 2)
})

const wrong: readonly (readonly [words: DemoWords, said: RegExp])[] = [
  [{ exit: true }, /--exit ends after --events N have arrived: add --events/],
  ...['', '0', '-1', '1.5', '1e3', 'ten', ' 5', '10000001', '99999999999'].map(
    events => [{ events }, /^--events .*: write a whole number from 1 to 10000000, in digits$/] as const,
  ),
  ...['0', '100001', 'fast'].map(
    rate => [{ rate }, /^--rate .*: write a whole number from 1 to 100000/] as const,
  ),
  ...['65536', '-1', 'x'].map(
    port => [{ port }, /^--port .*: write a whole number from 0 to 65535/] as const,
  ),
  [{ avroPort: 'x' }, /^--avro-port x/],
  ...['', 'host', 'host:', ':9092', 'host:0', 'host:65536', 'a:1,b', ',', 'host:9092/x'].map(
    bootstrap => [{ bootstrap }, /is no broker; write HOST:PORT/] as const,
  ),
  [{ bootstrap: 'a:1', port: '9092' }, /leave one of them out/],
  [{ avroPort: '9092' }, /cannot both listen on port 9092/],
  ...['', '  '].map(dataDir => [{ dataDir }, /--data-dir: write the path of a directory/] as const),
  ...['a,b', 'a\nb', '${sys:x}'].map(dataDir => [{ dataDir }, /choose another directory/] as const),
]
for (const [words, said] of wrong)
  test(`${JSON.stringify(words)} is refused in one sentence`, () => {
    assert.throws(
      () => readDemoOptions(words),
      (error: Error) =>
        error instanceof DemoOptionProblem &&
        said.test(error.message) &&
        !/\n./.test(error.message.replaceAll('a\nb', '')),
    )
  })
