// Nothing that holds records, events or secrets may be read by other users, whatever the umask says and whatever an
// earlier version left behind.
import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { after, before, test, type TestContext } from 'node:test'
import { Event } from '../../src/event.ts'
import { Broker } from '../../src/broker/broker.ts'
import { readScramUser } from '../../src/broker/security/scram-user.ts'
import { readBrokerSettings } from '../../src/broker/broker-settings.ts'
import { realSystem } from '../../src/system/system.ts'
import { Home } from '../channel-home.ts'
import { recordingLog } from '../broker/running-broker.ts'

let umask = 0
before(() => (umask = process.umask(0)))
after(() => void process.umask(umask))

function home(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-private-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** What others may do something with, below the directory. */
function open(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map(name => join(directory, name))
    .filter(path => (statSync(path).mode & 0o077) !== 0)
    .map(path => `${relative(directory, path)} ${(statSync(path).mode & 0o777).toString(8)}`)
}

/** As a version before this one left it. */
function openUp(directory: string): void {
  for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    const path = join(directory, name)
    chmodSync(path, statSync(path).isDirectory() ? 0o755 : 0o644)
  }
}

async function runBroker(directory: string): Promise<void> {
  const { settings } = readBrokerSettings('', 'test', { port: '0', 'log.dirs': directory })
  const broker = new Broker({
    system: realSystem,
    log: recordingLog([]),
    settings,
    users: [readScramUser('SCRAM-SHA-256=[name=alice,password=secret]')!],
  })
  await broker.start()
  await broker.topics.create('t', 2)
  assert.ok(existsSync(join(directory, 'scram.journal')))
  await broker.stop()
}

test("a broker's directories and files are its user's alone", async t => {
  const directory = join(home(t), 'logs')
  await runBroker(directory)
  assert.equal(statSync(directory).mode & 0o777, 0o700)
  assert.deepEqual(open(directory), [])
})

test("a broker's files become its user's alone where they were not", async t => {
  const directory = join(home(t), 'logs')
  await runBroker(directory)
  openUp(directory)
  await runBroker(directory)
  const left = open(directory).filter(name => !name.includes('/'))
  assert.deepEqual(left, [])
})

async function runChannel(kept: Home): Promise<void> {
  const channel = await kept.open(['d'])
  await channel.put([Event.of({}, 'secret')])
  assert.deepEqual(open(kept.path), [])
  await channel.stop()
}

test("a file channel's directories and files are its user's alone, also where they were not", async t => {
  const kept = new Home(home(t))
  await runChannel(kept)
  for (const name of ['c', 'd']) openUp(kept.at(name))
  await runChannel(kept)
})

test('a directory that is shared stays as its owner made it', async t => {
  const directory = join(home(t), 'shared')
  mkdirSync(directory, { mode: 0o755 })
  await runBroker(directory)
  assert.equal(statSync(directory).mode & 0o777, 0o755)
  assert.deepEqual(open(directory), [])
})
