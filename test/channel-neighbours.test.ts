// Channel tools where several channels lie in one directory: the checkpoint beside them is one channel's.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { inDirectory } from './demo/demo-process.ts'
import { root } from './source-text.ts'

const channel = (...words: readonly string[]) =>
  spawnSync(join(root, 'bin/millrace'), ['channel', ...words], { encoding: 'utf8' })

test('a second channel beside a first needs a checkpoint directory of its own', () =>
  inDirectory(async directory => {
    const [one, two, file] = ['d1', 'd2', 'events.jsonl'].map(name => join(directory, name))
    writeFileSync(file!, '{"headers":{},"body":"aGk="}\n')
    assert.equal(channel('import', one!, '--from', file!).status, 0)
    const checkpoint = () => readFileSync(join(directory, 'checkpoint/millrace.checkpoint'), 'hex')
    const before = checkpoint()
    for (const words of [
      ['import', two!, '--from', file!],
      ['import', two!, '--from', file!, '--append'],
      ['repair', two!, '--accept-loss'],
    ]) {
      const refused = channel(...words)
      assert.equal(refused.status, 1)
      assert.match(
        refused.stderr,
        /^millrace: \S+\/checkpoint belongs to the channel in \S+\/d1; name another with --checkpoint\n$/,
      )
      assert.deepEqual(readdirSync(directory), ['checkpoint', 'd1', 'events.jsonl'])
      assert.equal(checkpoint(), before)
    }
    const own = ['import', two!, '--from', file!, '--checkpoint', join(directory, 'c2'), '--append']
    assert.match(channel(...own).stdout, /^1 of 1 events imported behind 0, synced\n$/)
  }))
