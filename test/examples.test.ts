// The examples run as their READMEs say.
import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { freePort } from './interop/peers/peers.ts'
import { startProcess } from './interop/peers/process.ts'

const root = new URL('..', import.meta.url).pathname
const run = promisify(execFile)

async function inDirectory(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-examples-'))
  try {
    await work(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

test('01: one agent counts to ten and stops on SIGTERM', () =>
  inDirectory(async directory => {
    const command =
      'bin/flume-ng agent --name a1 -c conf -f examples/01-one-agent/one-agent.conf -Dflume.root.logger=INFO,console'
    await using agent = await startProcess({
      name: 'a1',
      directory,
      cwd: root,
      command: command.split(' '),
      ready: /Event: .* 9 \}/,
    })
    assert.equal(await agent.stop(), 0)
    assert.equal(agent.output.match(/Event: /g)?.length, 10)
  }))

test('02: both files of the two-agent system are accepted as they stand', async () => {
  for (const name of ['avro-memory-kafka', 'kafka-memory-avro']) {
    const { stdout } = await run(
      join(root, 'bin/millrace'),
      ['check', '--name', name, '-f', `conf/${name}.conf`],
      { cwd: root },
    )
    assert.match(stdout, new RegExp(`agent ${name}: 0 errors`))
  }
})

test('05: of the settings of a secured Kafka the stores alone are missing, and no password is shown', async () => {
  const { status, stdout, stderr } = spawnSync(
    join(root, 'bin/millrace'),
    ['check', '--name', 'copy', '-f', 'examples/05-secured-kafka/secured.conf'],
    {
      cwd: root,
      encoding: 'utf8',
      env: {
        ...process.env,
        KAFKA_PASSWORD: 'canary-1',
        TRUSTSTORE_PASSWORD: 'canary-2',
        KEYSTORE_PASSWORD: 'canary-3',
      },
    },
  )
  assert.equal(status, 2)
  const lines = stdout.trimEnd().split('\n')
  assert.match(lines.pop()!, /^agent copy: \d errors, 0 warnings$/)
  for (const line of lines)
    assert.match(line, /cannot read the key store \/etc\/flume|\/var\/lib\/flume\/copy/)
  assert.doesNotMatch(stdout + stderr, /canary/)
})

test('03: an agent in a program', async () => {
  const { stdout } = await run(process.execPath, ['examples/03-in-a-program/run.mjs'], { cwd: root })
  assert.equal(stdout, '0 1 2\n')
})

test('06: Kafka in a test', async () => {
  const args = ['--test', 'examples/06-kafka-in-a-test/pipeline.mjs']
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const { stdout } = await run(process.execPath, args, { cwd: root, env })
  assert.match(stdout, /pass 1\b/)
})

test('04: a component named by its path, wherever it lies', () =>
  inDirectory(async directory => {
    const port = await freePort()
    cpSync(join(root, 'examples/04-own-component'), join(directory, 'own'), { recursive: true })
    await using agent = await startProcess({
      name: 'a1',
      directory,
      cwd: root,
      command: `bin/flume-ng agent --name a1 -c conf -f ${directory}/own/shout.conf`.split(' '),
      environment: { NETCAT_PORT: String(port) },
      ready: /Agent a1 started/,
    })
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    socket.end('hello\n')
    await agent.line(/^HELLO!!$/)
  }))
