// Sockets of one user's own: found by its processes, never in a directory that somebody else could have laid out, and
// those that were left behind are removed.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { findLeft, listenForOwnUser, ownSockets } from './own-sockets.ts'

const home = mkdtempSync(join(tmpdir(), 'millrace-own-'))
process.env['XDG_RUNTIME_DIR'] = home
process.env['TMPDIR'] = home
after(() => rmSync(home, { recursive: true }))
const directory = join(home, 'millrace')

test('a process is found by its socket, which is for its user alone, and gone when it is closed', async () => {
  const accepted: string[] = []
  const listening = await listenForOwnUser(socket => {
    socket.once('data', data => accepted.push(String(data)))
    socket.end('hello')
  })
  assert.deepEqual(await ownSockets(), [{ path: listening.path, pid: process.pid, isLeft: false }])
  assert.equal(statSync(directory).mode & 0o777, 0o700)
  const socket = connect(listening.path)
  const [data] = (await once(socket, 'data')) as [Buffer]
  assert.equal(data.toString(), 'hello')
  assert.equal(await findLeft((await ownSockets())[0]!), false)
  await listening.close()
  assert.deepEqual(await ownSockets(), [])
})

test('one whose process was killed is told apart, also by whoever looks later', async () => {
  const path = join(directory, '4000001.sock')
  const child = spawn(process.execPath, [
    '-e',
    `require('node:net').createServer().listen(${JSON.stringify(path)}, () => console.log('listens'))`,
  ])
  await once(child.stdout, 'data')
  const socket = { path, pid: 4_000_001, isLeft: false }
  assert.equal(await findLeft(socket), false)
  child.kill('SIGKILL')
  await once(child, 'exit')
  assert.deepEqual(await ownSockets(), [socket])
  assert.equal(await findLeft(socket), true)
  assert.equal(existsSync(path), false)
  const [left] = await ownSockets()
  assert.equal(left!.isLeft, true)
  assert.equal(await findLeft(left!), true)
  rmSync(left!.path)
})

test('a directory that others may write into is neither searched nor used', async () => {
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory)
  writeFileSync(join(directory, '1.sock'), '')
  chmodSync(directory, 0o777)
  assert.deepEqual(await ownSockets(), [])
  await assert.rejects(
    listenForOwnUser(() => {}),
    { code: 'DISK', message: /other users may write into it/ },
  )
  rmSync(directory, { recursive: true })
})

test('a path that no address can hold is refused by name', async () => {
  const long = join(home, 'x'.repeat(100))
  mkdirSync(long)
  process.env['XDG_RUNTIME_DIR'] = long
  await assert.rejects(
    listenForOwnUser(() => {}),
    { code: 'ADDRESS', message: /longer than 103 bytes/ },
  )
  process.env['XDG_RUNTIME_DIR'] = home
})
