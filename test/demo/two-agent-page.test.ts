// The page that goes through the article's steps does what it says: with the address of this machine and free ports,
// and as it stands, with the article's address, in a network namespace that has it.
import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { promisify } from 'node:util'
import { freePort } from '../interop/peers/peers.ts'
import { blocksOf, runPage, type PageRun } from './two-agent-page.ts'
import { read } from '../source-text.ts'

function emptyDirectory(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-page-'))
  context.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

function check({ printed, messageMs, ended }: PageRun, address: string): void {
  const of = (command: RegExp) => {
    const found = printed.filter(one => command.test(one.commands))
    assert.equal(found.length, 1, String(command))
    return found[0]!.text
  }
  assert.equal(
    of(/zkServer/),
    'zkServer.sh: the embedded broker needs no ZooKeeper; nothing is started, go on with kafka-server-start.sh\n',
  )
  assert.match(
    of(/kafka-server-start/),
    /the broker runs as pid \d+ and writes to .*\/two-agents\/logs\/kafkaServer\.out/,
  )
  assert.match(
    of(/kafka-topics/),
    /^Created topic test3\.\nCreated topic test2\.\nTopic: test2\t(.*\n)*Topic: test3\t/,
  )
  const checks = of(/millrace check/)
  assert.match(checks, /checkpontDir/)
  assert.equal(checks.match(/agent \S+: 0 errors/g)?.length, 2)
  assert.equal(of(/echo .*console-producer/), '')
  // The block that the page prints below the command.
  const promised = /```\n(hello[^`]*)```/.exec(read('docs/guides/the-two-agent-system.md'))![1]!
  assert.equal(of(/console-consumer.*--max-messages/), promised)
  assert.match(
    of(/consumer-groups\.sh --describe/),
    /^test-consumer-group +test3 +0 +1 +1 +0 .*[^]*^test2:0:1\ntest3:0:1\n/m,
  )
  assert.match(of(/^kafka-server-stop/), /stopped pid \d+/)
  assert.deepEqual(ended, [0, 0])
  assert.ok(messageMs < 60_000, `${messageMs} ms`)
  for (const { text } of printed)
    assert.ok(!text.includes('192.168.79.129') || address === '192.168.79.129', text)
}

test('the page has the steps of the article', () => {
  const blocks = blocksOf(read('docs/guides/the-two-agent-system.md'))
  assert.equal(blocks.filter(one => one.isTerminal).length, 2)
  for (const one of [
    'zkServer.sh',
    'kafka-server-start.sh',
    'kafka-topics.sh --create',
    'flume-ng agent',
    'kafka-console-producer.sh',
    'kafka-console-consumer.sh',
    'kafka-consumer-groups.sh',
    'kafka-server-stop.sh',
  ])
    assert.ok(
      blocks.some(({ commands }) => commands.includes(one)),
      one,
    )
})

test('from an empty directory, on 127.0.0.1, the message comes through', async context => {
  const directory = emptyDirectory(context)
  const [kafka, avro] = [await freePort(), await freePort()]
  const home = join(directory, 'home')
  mkdirSync(home)
  const run = await runPage(
    directory,
    // Flume's place for what agent A misspells is the user's home.
    { ADDRESS: '127.0.0.1', FLUME_JAVA_OPTS: `-Duser.home=${home}` },
    commands =>
      commands
        .replaceAll(/\b9092\b/g, String(kafka))
        .replace('sed "', `sed "s/9092/${kafka}/; s/44444/${avro}/; `),
  )
  check(run, '127.0.0.1')
})

const canUnshare = spawnSync('unshare', ['-n', '-m', 'true']).status === 0
const skip = canUnshare ? false : 'a network namespace of its own needs root'
const enter = `set -e
ip link set lo up
ip addr add 192.168.79.129/32 dev lo
mkdir -p "$1"; mount -t tmpfs tmpfs "$1"
shift
exec "$@"`

test('as it stands, on the article’s address', { skip }, async context => {
  const directory = emptyDirectory(context)
  const { stdout } = await promisify(execFile)(
    'unshare',
    [
      '-n',
      '-m',
      'sh',
      '-c',
      enter,
      'sh',
      join(directory, 'home'),
      process.execPath,
      join(import.meta.dirname, 'two-agent-page.ts'),
      directory,
    ],
    {
      timeout: 300_000,
      maxBuffer: 64 * 1024 * 1024,
      env: { ...process.env, ADDRESS: '', FLUME_JAVA_OPTS: `-Duser.home=${join(directory, 'home')}` },
    },
  )
  check(JSON.parse(stdout.trim().split('\n').at(-1)!) as PageRun, '192.168.79.129')
})
