// node --test own-sink.test.ts
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Event, makeComponent } from 'millrace'
import component from './own-sink.ts'

const directory = mkdtempSync(join(tmpdir(), 'own-sink-'))
after(() => rmSync(directory, { recursive: true }))

/** The sink as the runner uses it: started, one batch after the other, stopped. */
async function deliver(path: string, ...batches: readonly string[][]): Promise<void> {
  const sink = makeComponent(component, { path })
  assert.ok('deliver' in sink)
  await sink.start()
  for (const bodies of batches)
    await sink.deliver(
      bodies.map(body => Event.of({}, body)),
      new AbortController().signal,
    )
  await sink.stop()
}

test('appends the bodies in order', async () => {
  const path = join(directory, 'events.txt')
  await deliver(path, ['one', 'two'], ['three'])
  assert.equal(readFileSync(path, 'utf8'), 'one\ntwo\nthree\n')
})

test('rejects what cannot be written, so that it comes again', async () => {
  await assert.rejects(deliver(join(directory, 'none', 'events.txt'), ['one']), { code: 'ENOENT' })
})

test('needs a path', () => {
  assert.throws(() => makeComponent(component), /path is required/)
})
