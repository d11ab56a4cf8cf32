// docs/security.md names limits with their settings and defaults: each is as the declarations have it, and none of a
// source is left out.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keyOf } from '../src/broker/settings/broker-keys.ts'
import { catalogue } from '../src/components.ts'
import { memoryBudgetSetting, readMemoryBudget } from '../src/system/memory-budget.ts'
import { read } from './source-text.ts'

const page = read('docs/security.md')
const rows = page
  .split('\n')
  .map(line => /^\| (.+?) \| (.+?) \| `(.+?)` \| (\S+) \|$/.exec(line))
  .flatMap(row => (row === null ? [] : [{ where: row[2]!, setting: row[3]!, stated: row[4]! }]))

async function definitionOf(where: string) {
  const [name, kind] = where.split(' ')
  const entry = catalogue.find(
    one =>
      one.kind.toLowerCase() === kind &&
      one.names.some(
        other =>
          other.toLowerCase() === name ||
          (other === `org.apache.flume.source.kafka.KafkaSource` && name === 'kafka'),
      ),
  )
  return entry?.load === undefined ? undefined : await entry.load()
}

test('every limit of the page has the setting and the default that it names', async () => {
  assert.ok(rows.length > 20, String(rows.length))
  for (const { where, setting, stated } of rows) {
    const actual =
      where === 'broker'
        ? keyOf(setting)?.default
        : where === 'agent'
          ? setting === `-D${memoryBudgetSetting}` && readMemoryBudget(undefined)
          : (await definitionOf(where))?.options[setting]?.default
    assert.equal(String(actual), stated, `${where}: ${setting}`)
  }
})

test('the page names every limit of every source', async () => {
  for (const entry of catalogue) {
    if (entry.load === undefined || entry.kind.toLowerCase() !== 'source') continue
    // Nobody sends what it makes.
    if (entry.names.includes('org.apache.flume.source.StressSource')) continue
    const { options } = await entry.load()
    for (const key of Object.keys(options))
      if (/(^|[.-])max(?!Backoff)|stall/i.test(key))
        assert.ok(
          rows.some(row => row.setting === key),
          `${entry.names[0]}: ${key} is not in docs/security.md`,
        )
  }
})

test('README and the guide on operation lead to the page', () => {
  assert.match(read('README.md'), /\(docs\/security\.md\)/)
  assert.match(read('docs/guides/operations.md'), /\(\.\.\/security\.md\)/)
})
