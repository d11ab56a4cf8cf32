// What the real disk must do that a simulated one cannot show.
import assert from 'node:assert/strict'
import {
  linkSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { realDisk } from './disk.ts'

const directory = mkdtempSync(join(tmpdir(), 'millrace-disk-'))
after(() => rmSync(directory, { recursive: true, force: true }))

const openFiles = (name: string): number => {
  let count = 0
  for (const fd of readdirSync('/proc/self/fd'))
    try {
      if (readlinkSync(`/proc/self/fd/${fd}`).endsWith(name)) count++
    } catch {
      // the one that the listing itself had open
    }
  return count
}

test('what is written durably goes where plain writes go, whatever the name by then', async () => {
  const path = join(directory, 'one')
  const file = await realDisk.open(path, 'create')
  await file.write(Buffer.from('head '), 0)
  renameSync(path, join(directory, 'other'))
  // More buffers than one call takes.
  const parts = Array.from({ length: 2500 }, (_, index) => Buffer.from(`${index},`))
  await file.writeDurably!(parts, 5)
  const text = `head ${Buffer.concat(parts).toString()}`
  await file.writeDurably!([Buffer.from('end')], text.length)
  assert.equal(await file.size(), text.length + 3)
  const read = Buffer.alloc(text.length + 3)
  assert.equal(await file.read(read, 0), read.length)
  assert.equal(read.toString(), `${text}end`)
  assert.equal(readFileSync(join(directory, 'other'), 'utf8'), `${text}end`)
  await file.close()
})

test('both of its numbers are given back', { skip: process.platform !== 'linux' }, async () => {
  const file = await realDisk.open(join(directory, 'given-back'), 'create')
  await file.writeDurably!([Buffer.from('x')], 0)
  assert.equal(openFiles('/given-back'), 2)
  await file.close()
  assert.equal(openFiles('/given-back'), 0)
})

test('a full disk is told, and what was there stays', { skip: process.platform !== 'linux' }, async () => {
  const file = await realDisk.open('/dev/full', 'write')
  await assert.rejects(file.writeDurably!([Buffer.from('x')], 0), { code: 'ENOSPC' })
  await assert.rejects(file.writeDurably!([Buffer.from('x'), Buffer.from('y')], 0), { code: 'ENOSPC' })
  await file.close()
})

test('a file has one identity under all of its names, and what replaces it has another', async () => {
  const path = join(directory, 'identity')
  writeFileSync(path, 'four')
  linkSync(path, `${path}-link`)
  const file = await realDisk.open(path, 'read')
  const state = await file.stat!()
  assert.deepEqual(await realDisk.stat!(`${path}-link`), state)
  assert.equal(state.inode, String(statSync(path, { bigint: true }).ino))
  assert.equal(state.bytes, 4)
  assert.equal(state.kind, 'file')
  assert.ok(Math.abs(state.modifiedMs - statSync(path).mtimeMs) < 1)
  assert.ok(state.bornMs <= state.modifiedMs)
  rmSync(path)
  writeFileSync(path, 'five!')
  assert.notEqual((await realDisk.stat!(path)).identity, state.identity)
  assert.equal((await realDisk.stat!(directory)).kind, 'directory')
  assert.equal((await realDisk.stat!('/dev/null')).kind, 'other')
  await assert.rejects(realDisk.stat!(`${path}-none`), { code: 'ENOENT' })
  await file.close()
})
