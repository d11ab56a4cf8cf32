// docs/reference is what the declarations say: `npm run docs` mends it.
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import test from 'node:test'
import { apiReferenceName, apiReferencePage } from '../scripts/reference/kafka-apis-page.ts'
import { settingsReferenceName, settingsReferencePage } from '../scripts/reference/broker-settings-page.ts'
import { runnerBackoff } from '../src/backoff.ts'
import { clientReferenceName, clientReferencePage } from '../scripts/reference/kafka-client-page.ts'
import { counterMeanings, ownCounterMeanings } from '../src/observe/counters.ts'
import { catalogue } from '../src/components.ts'
import { pageName, referencePages } from '../scripts/reference/component-pages.ts'
import { alertNames, monitoringFiles } from '../scripts/reference/monitoring-files.ts'
import { metricsReferenceName, metricsReferencePage } from '../scripts/reference/metrics-page.ts'
import { filesBelow, read } from './source-text.ts'

const folder = new URL('../docs/reference/', import.meta.url)

test('docs/reference is fresh', async () => {
  const pages = new Map([
    ...(await referencePages(catalogue)),
    [apiReferenceName, apiReferencePage()],
    [clientReferenceName, clientReferencePage()],
    [settingsReferenceName, settingsReferencePage()],
    [metricsReferenceName, await metricsReferencePage()],
  ])
  assert.deepEqual(readdirSync(folder).sort(), [...pages.keys()].sort(), 'run npm run docs')
  for (const [name, text] of pages)
    assert.equal(readFileSync(new URL(name, folder), 'utf8'), text, `${name}: run npm run docs`)
})

test('the alerts and the dashboard are fresh, and the guide describes every alert', () => {
  for (const [name, text] of monitoringFiles())
    assert.equal(read(`examples/ops/${name}`), text, `${name}: run npm run docs`)
  const guide = read('docs/guides/operations.md')
  assert.deepEqual(
    alertNames.filter(name => !guide.includes(`\`${name}\``)),
    [],
  )
})

test('each component has a page of its own, and every option is on it', async () => {
  const pages = await referencePages(catalogue)
  const names = new Set<string>()
  for (const { load } of catalogue) {
    if (load === undefined) continue
    const definition = await load()
    const name = pageName(definition)
    assert.ok(!names.has(name), `${name} twice`)
    names.add(name)
    for (const key of Object.keys(definition.options))
      assert.ok(pages.get(name)!.includes(`\`${key.replace(/\.$/, '')}`), `${name}: ${key}`)
  }
})

test('every counter has a meaning, and one that nothing counts is described as always 0', () => {
  const counted = new Set<string>()
  const own = new Set<string>()
  for (const path of filesBelow('src').filter(one => one.endsWith('.ts') && !one.endsWith('.test.ts'))) {
    const text = read(path)
    for (const [, name] of text.matchAll(/(?:addOwn|#lost)\(\s*'(\w+)'/g)) own.add(name!)
    if (path.startsWith('src/observe')) continue
    for (const [, name] of text.matchAll(/'([A-Z]\w+)'/g)) counted.add(name!)
  }
  for (const call of ['Append', 'AppendBatch'])
    for (const what of ['Received', 'Accepted']) counted.add(`${call}${what}Count`)
  for (const meanings of Object.values(counterMeanings))
    for (const [name, meaning] of Object.entries(meanings))
      assert.equal(counted.has(name), !meaning.endsWith('always 0'), name)
  assert.ok(own.size > 8, [...own].join())
  const described = new Set(Object.values(ownCounterMeanings).flatMap(one => Object.keys(one)))
  assert.deepEqual([...own].sort(), [...described].sort())
})

test('every page gives the bounds of the back-off that the runners have', () => {
  const bounds = `${runnerBackoff.firstMs / 1000} s,? doubling to ${runnerBackoff.mostMs / 1000} s`
  let found = 0
  for (const path of filesBelow('docs').filter(one => one.endsWith('.md')))
    for (const [text] of read(path).matchAll(/[\d.]+ s,? doubling to [\d.]+ s/g)) {
      found++
      assert.match(text, new RegExp(`^${bounds}$`), path)
    }
  assert.ok(found >= 3, `${found} pages`)
})

test('each decision has a number of its own, which its title gives', () => {
  const numbers: number[] = []
  for (const path of filesBelow('docs/decisions')) {
    const number = /\/(\d{4})-[^/]+\.md$/.exec(path)?.[1]
    if (number === undefined) continue
    numbers.push(Number(number))
    assert.match(read(path), new RegExp(`^# ${Number(number)}\\. `), path)
  }
  assert.deepEqual(
    numbers.sort((a, b) => a - b),
    Array.from({ length: numbers.length }, (_, index) => index + 1),
  )
})

test('links between the pages of docs lead somewhere', () => {
  const wrong: string[] = []
  for (const path of [...filesBelow('docs'), 'README.md', 'CONTRIBUTING.md'])
    if (path.endsWith('.md'))
      for (const [, target] of read(path).matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g))
        if (
          !/^[a-z]+:/.test(target!) &&
          !existsSync(new URL(target!, new URL(`../${path}`, import.meta.url)))
        )
          wrong.push(`${path}: ${target}`)
  assert.deepEqual(wrong, [])
})
