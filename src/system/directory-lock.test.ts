import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
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
  let quickestMs = Infinity
  for (let round = 0; round < 5; round++) {
    const child = await holder(t, directory)
    child.kill('SIGKILL')
    const begun = performance.now()
    const lock = await lockDirectory(directory, 'the next')
    const ms = performance.now() - begun
    t.diagnostic(`taken over after ${Math.round(ms)} ms`)
    quickestMs = Math.min(quickestMs, ms)
    await lock.release()
  }
  // One of them had the machine for itself.
  assert.ok(quickestMs < 2000, `${quickestMs} ms`)
})

test('one that lives keeps it, and one that is stopped as well', async t => {
  const directory = directoryFor(t)
  const child = await holder(t, directory)
  const refused = (pattern: RegExp) => assert.rejects(lockDirectory(directory, 'me'), pattern)
  await refused(new RegExp(`in use by pid ${child.pid}, the holder`))
  child.kill('SIGSTOP')
  await refused(new RegExp(`in use by pid ${child.pid}, the holder`))
  child.kill('SIGCONT')
  await refused(new RegExp(`in use by pid ${child.pid}, the holder`))
})

/** Binds every name and opens every file by which it might hold the lock of the directory. */
const intruder = `
  const { statSync, openSync } = await import('node:fs')
  const { createServer } = await import('node:net')
  const { DatabaseSync } = await import('node:sqlite')
  const [directory] = process.argv.slice(-1)
  const { dev, ino } = statSync(directory)
  const tried = []
  await new Promise(done => createServer().once('error', done).listen(\`\\0millrace-\${dev}-\${ino}\`, done))
  for (const name of ['millrace.lock', 'millrace.holder.lock'])
    for (const flags of ['r', 'w', 'wx'])
      try { openSync(directory + '/' + name, flags); tried.push(name + ' ' + flags) } catch {}
  try { new DatabaseSync(directory + '/millrace.lock').exec('BEGIN'); tried.push('lock') } catch {}
  console.log(JSON.stringify(tried))
  setInterval(() => {}, 1000)`

test(
  'another user can neither hold the lock nor keep its owner from it',
  { skip: process.getuid?.() !== 0 && 'only root can be another user' },
  async t => {
    const directory = directoryFor(t)
    chmodSync(directory, 0o755)
    const nobody = 65534
    const before = await lockDirectory(directory, 'before')
    const child = spawn(
      process.execPath,
      ['--no-warnings', '--input-type=module', '-e', intruder, '--', directory],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
        uid: nobody,
        gid: nobody,
        cwd: '/',
      },
    )
    t.after(() => child.kill('SIGKILL'))
    const [opened] = await once(child.stdout!, 'data')
    assert.deepEqual(JSON.parse(String(opened)), [])
    await before.release()
    await (await lockDirectory(directory, 'after')).release()
  },
)

test('what stands in the place of the lock is not followed, and a line of the holder cannot forge another', async t => {
  const directory = directoryFor(t)
  symlinkSync('/dev/null', join(directory, 'millrace.lock'))
  await assert.rejects(lockDirectory(directory, 'me'), { code: 'DISK', message: /it is not a file/ })
  rmSync(join(directory, 'millrace.lock'))
  const lock = await lockDirectory(directory, 'me')
  writeFileSync(
    join(directory, 'millrace.holder.lock'),
    `pid ${process.pid}, \u001b[2Jyou\nforged ${'x'.repeat(1000)}`,
  )
  const refusal = await lockDirectory(directory, 'other').then(() => '', String)
  assert.match(refusal, /in use by pid \d+, \\u001B\[2Jyou\\nforged x+$/)
  assert.ok(refusal.length < 600)
  await lock.release()
})
