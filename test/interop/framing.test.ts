// Real Kafka and packed records in every framing (test/framing/cases.ts): what its brokers answer to them, and what its
// clients read of them. The answers are recorded there (MILLRACE_RECORD=1 does it anew), and must still be the same.
import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { framingCases, type FramingCase } from '../framing/cases.ts'
import { file, readRecorded, words, type Side } from '../framing/recorded.ts'
import { answersOf, readingsOf } from './framing-measurement.ts'
import { skipWithoutPeers, startKafka010, startKafka41, startZooKeeper } from './peers/peers.ts'

const cases = framingCases()

it('real Kafka still does with packed records what is recorded', { skip: skipWithoutPeers }, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-framing-'))
  await using stack = new AsyncDisposableStack()
  stack.defer(() => rm(directory, { recursive: true, force: true }))
  const old = cases.filter(one => one.magic < 2)
  const now = cases.filter(one => one.magic === 2)
  const measured = new Map<string, Partial<Record<Side, string>>>(cases.map(one => [one.name, {}]))
  const note = (side: Side, some: readonly FramingCase[], values: readonly string[]) => {
    assert.equal(values.length, some.length)
    for (const [index, one] of some.entries()) measured.get(one.name)![side] = values[index]!
  }
  const readings = async (version: '4.1.0' | '0.10.2.1', some: readonly FramingCase[]) => {
    const read = await readingsOf(version, directory, some)
    const ends = { '': '', 'nothing more': 'nothing more' } as Record<string, string>
    return read.map(({ count, sum, error }) => words(count, sum, ends[error] ?? 'fails'))
  }
  {
    await using kafka = await startKafka41(directory)
    note('produce', now, await answersOf(kafka, now))
  }
  note('4.1.0', cases, await readings('4.1.0', cases))
  note('0.10.2.1', old, await readings('0.10.2.1', old))
  {
    await using zookeeper = await startZooKeeper(directory)
    await using kafka = await startKafka010(directory, zookeeper)
    note('produce', old, await answersOf(kafka, old))
  }
  if (process.env['MILLRACE_RECORD'] === '1' || !existsSync(file)) {
    const lines = [...measured].map(
      ([name, answers]) => `  ${JSON.stringify(name)}: ${JSON.stringify(answers)}`,
    )
    writeFileSync(file, `{\n${lines.join(',\n')}\n}\n`)
  }
  assert.deepEqual(Object.fromEntries(measured), readRecorded())
})
