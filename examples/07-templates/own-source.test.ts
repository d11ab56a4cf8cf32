// node --test own-source.test.ts
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { makeComponent } from 'millrace'
import component from './own-source.ts'

const directory = mkdtempSync(join(tmpdir(), 'own-source-'))
after(() => rmSync(directory, { recursive: true }))

test('gives each line as an event', async () => {
  const path = join(directory, 'events.txt')
  writeFileSync(path, 'one\ntwo\nthree\n')
  const batches: string[][] = []
  const source = makeComponent(component, { path, batchSize: '2' }, async events => {
    batches.push(events.map(event => event.body.toString()))
  })
  await source.start()
  await source.stop()
  assert.deepEqual(batches, [['one', 'two'], ['three']])
})

test('rejects where there is no such file, so that the start is tried again', async () => {
  const source = makeComponent(component, { path: join(directory, 'none') })
  await assert.rejects(source.start(), { code: 'ENOENT' })
  await source.stop()
})
