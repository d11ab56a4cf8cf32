// Modules of the operator's: shared while their files stay as they are, and loaded again where one of them changes.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { changedModules, loadModule } from './modules.ts'

const directory = mkdtempSync(join(tmpdir(), 'modules-'))
after(() => rmSync(directory, { recursive: true, force: true }))

function write(name: string, text: string): string {
  const path = join(directory, name)
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, text)
  return path
}
const valueOf = async (path: string) => (await loadModule(path)).exports['value']

test('a module is loaded once, and again where its file has changed', async () => {
  const path = write('one.ts', 'export const value: number = 1\nexport const made = {}\n')
  const first = await loadModule(path)
  assert.equal(await loadModule(path), first)
  assert.deepEqual(changedModules(), [])
  write('one.ts', 'export const value: number = 2\n')
  assert.deepEqual(changedModules(), [path])
  assert.deepEqual(changedModules(), [])
  const second = await loadModule(path)
  assert.equal(second.exports['value'], 2)
  assert.notEqual(second.version, first.version)
  write('one.ts', 'export const value: number = 1\nexport const made = {}\n')
  assert.equal((await loadModule(path)).version, first.version)
  assert.notEqual((await loadModule(path)).exports['made'], first.exports['made'])
})

test('what a module imports counts, at any depth, and is shared by modules that import it', async () => {
  write('deep/c.mjs', 'export const value = { text: "c" }')
  write('deep/b.mjs', 'export { value } from "./c.mjs"')
  const a = write('a.mjs', 'export { value } from "./deep/b.mjs"')
  const other = write('other.mjs', 'import { value } from "./deep/b.mjs"\nexport { value }')
  assert.equal(await valueOf(a), await valueOf(other))
  const c = write('deep/c.mjs', 'export const value = "changed"')
  assert.deepEqual(changedModules(), [c])
  assert.equal(await valueOf(a), 'changed')
  assert.equal(await valueOf(other), 'changed')
})

test('a module that is loaded for the first time has what its files hold at that time', async () => {
  write('lib.mjs', 'export const value = 1')
  assert.equal(await valueOf(write('first.mjs', 'export { value } from "./lib.mjs"')), 1)
  write('lib.mjs', 'export const value = 2')
  assert.equal(await valueOf(write('second.mjs', 'export { value } from "./lib.mjs"')), 2)
})

test('modules of CommonJS are loaded again as well', async () => {
  write('inner.cjs', 'module.exports = 1')
  const path = write('outer.cjs', 'exports.value = require("./inner.cjs")')
  assert.equal(await valueOf(path), 1)
  changedModules()
  const inner = write('inner.cjs', 'module.exports = 2')
  assert.deepEqual(changedModules(), [inner])
  assert.equal(await valueOf(path), 2)
})

test('a module that cannot be loaded tells where, and is tried again', async () => {
  const path = write('bad.ts', 'export const value = 1\nlet x: = 1\n')
  await assert.rejects(loadModule(path), /bad\.ts:2: /)
  await assert.rejects(loadModule(path), /bad\.ts:2: /)
  write('bad.ts', 'throw new Error("no server")')
  assert.deepEqual(changedModules(), [path])
  await assert.rejects(loadModule(path), /bad\.ts:1: no server/)
  write('bad.ts', 'import { value } from "./missing.ts"\nexport { value }')
  await assert.rejects(loadModule(path), /Cannot find module '.*missing\.ts'/)
  assert.deepEqual(changedModules(), [])
  const missing = write('missing.ts', 'export const value = 3')
  assert.deepEqual(changedModules(), [missing])
  assert.equal(await valueOf(path), 3)
  await assert.rejects(loadModule(join(directory, 'none.ts')), { code: 'ERR_MODULE_NOT_FOUND' })
})

test('a module that waits for ever at its top level is given up, and its next version counts', async () => {
  const path = write('waits.mjs', 'await new Promise(() => {})')
  await assert.rejects(loadModule(path, 10), /it did not finish loading within 0\.01 s/)
  write('waits.mjs', 'export const value = 1')
  assert.equal(await valueOf(path), 1)
})

test('packages stay as they are, and millrace is the program itself', async () => {
  write('node_modules/pack/package.json', '{"name":"pack","main":"index.js"}')
  write('node_modules/pack/index.js', 'module.exports = 1')
  const path = write('user.mjs', 'export { default as value } from "pack"\nexport { Event } from "millrace"')
  assert.equal(await valueOf(path), 1)
  assert.equal((await loadModule(path)).exports['Event'], (await import('../index.ts')).Event)
  write('node_modules/pack/index.js', 'module.exports = 2')
  assert.deepEqual(changedModules(), [])
})
