import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { lockDirectory } from './directory-lock.ts'

const module = new URL('directory-lock.ts', import.meta.url).href

function directoryFor(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-lock-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** Another process that holds the lock, and memory that takes the kernel a while to give back. */
async function holder(t: TestContext, directory: string): Promise<ChildProcess> {
  const program = `const { lockDirectory } = await import(${JSON.stringify(module)})
    await lockDirectory(${JSON.stringify(directory)}, 'the holder')
    globalThis.ballast = Buffer.alloc(256 * 1024 * 1024, 1)
    setInterval(() => {}, 1000)
    console.log('held')`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  await once(child.stdout!, 'data')
  return child
}

test('a directory is locked by one, and free again after its release', async t => {
  const directory = directoryFor(t)
  const lock = await lockDirectory(directory, 'first')
  await assert.rejects(lockDirectory(directory, 'second'), {
    code: 'DIRECTORY_IN_USE',
    message: `directory ${directory} is in use by pid ${process.pid}, first`,
  })
  await lock.release()
  await (await lockDirectory(directory, 'third')).release()
})

test('the lock of a killed process is taken over within a second, also before the kernel is done with it', async t => {
  const directory = directoryFor(t)
  for (let round = 0; round < 5; round++) {
    const child = await holder(t, directory)
    child.kill('SIGKILL')
    const begun = performance.now()
    const lock = await lockDirectory(directory, 'the next')
    const ms = performance.now() - begun
    t.diagnostic(`taken over after ${Math.round(ms)} ms`)
    assert.ok(ms < 2000, `${ms} ms`)
    await lock.release()
  }
})

test('one that lives keeps it, and one that is stopped as well', async t => {
  const directory = directoryFor(t)
  const child = await holder(t, directory)
  const refused = (pattern: RegExp) => assert.rejects(lockDirectory(directory, 'me'), pattern)
  await refused(new RegExp(`in use by pid ${child.pid}, the holder`))
  child.kill('SIGSTOP')
  await refused(/in use by another process/)
  child.kill('SIGCONT')
  await refused(new RegExp(`in use by pid ${child.pid}, the holder`))
})
