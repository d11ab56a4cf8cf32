// What `millrace channel` reads where nothing can be written: a file system mounted to be read, or without rights.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileChannel } from '../../src/channels/file.ts'
import type { Channel } from '../../src/component.ts'
import { contextFor, optionsFor } from '../context.ts'
import { eventsOf } from '../contracts/channel-events.ts'
import { root } from '../source-text.ts'

function channelAt(path: string): Channel {
  const options = optionsFor(fileChannel, {
    checkpointDir: join(path, 'checkpoint'),
    dataDirs: [join(path, 'data')],
    minimumRequiredSpace: 0,
    maxFileSize: 1,
  })
  return fileChannel.create(options, contextFor('CHANNEL', 'c1', fileChannel.counters))
}

/** On a file system that only can be read; without root, in directories without the right to write. */
function runReadOnly(path: string, ...words: string[]): { code: number | null; out: string; err: string } {
  const isRoot = process.getuid?.() === 0
  for (const below of ['data', 'checkpoint']) chmodSync(join(path, below), 0o500)
  const mounting = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
  const program = [process.execPath, join(root, 'src/cli/main.ts'), 'millrace', 'channel', ...words]
  const all = isRoot ? ['unshare', '-m', 'sh', '-c', mounting, path, ...program] : program
  const done = spawnSync(all[0]!, all.slice(1), { encoding: 'utf8' })
  for (const below of ['data', 'checkpoint']) chmodSync(join(path, below), 0o700)
  return { code: done.status, out: done.stdout, err: done.stderr }
}

test('what only reads works where nothing can be written, and tells that no lock was taken', async t => {
  const path = mkdtempSync(join(tmpdir(), 'millrace-read-only-'))
  const repaired = `${path}-new`
  t.after(() => [path, repaired].forEach(one => rmSync(one, { recursive: true, force: true })))
  const channel = channelAt(path)
  await channel.start()
  await channel.put(eventsOf(0, 50))
  await channel.stop()
  const data = join(path, 'data')
  for (const words of [['inspect'], ['verify'], ['export'], ['repair', '--to', repaired]]) {
    const done = runReadOnly(path, words[0]!, data, ...words.slice(1))
    assert.equal(done.code, 0, done.err)
    assert.match(done.err, /(EROFS|EACCES): .*: it is read without a lock/)
  }
  await channel.start()
  const refused = runReadOnly(path, 'inspect', data)
  await channel.stop()
  assert.notEqual(refused.code, 0)
  assert.match(refused.err, /directory \S+ is in use by pid \d+, agent a1, channel c1/)
})
