// Kafka's and ZooKeeper's scripts as scripts of others call them: in the background, to stop, for a status.
import assert from 'node:assert/strict'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import test from 'node:test'
import { readBrokerSettings } from '../../src/broker/broker-settings.ts'
import { root } from '../source-text.ts'
import { runLauncher, runProgram, startBrokerProcess } from './broker-process.ts'
import { inDirectory } from './running-broker.ts'

/** Lines of a `ps` that sees these processes alone, so that `--all` leaves the brokers of other tests in peace. */
async function psOf(lines: readonly string[], directory: string): Promise<{ PATH: string }> {
  const script = `#!/bin/sh\n${lines.map(line => `echo "${line}"`).join('\n')}\n`
  await writeFile(join(directory, 'ps'), script, { mode: 0o755 })
  return { PATH: `${directory}:${process.env['PATH']}` }
}

const isOpen = (port: number): Promise<boolean> =>
  new Promise(resolve => {
    const socket = connect(port, '127.0.0.1', () => resolve(true) ?? socket.destroy())
    socket.on('error', () => resolve(false))
  })

test('-daemon leaves a started broker in the background; kafka-server-stop.sh ends it cleanly', () =>
  inDirectory(async directory => {
    const environment = { LOG_DIR: join(directory, 'output') }
    const home = join(directory, 'home')
    await mkdir(home)
    const file = join(root, 'config', 'server.properties')
    const began = await runLauncher(
      'kafka-server-start.sh',
      ['-daemon', file, '--override', 'listeners=PLAINTEXT://127.0.0.1:0'].concat([
        '--override',
        `log.dirs=${join(directory, 'logs')}`,
      ]),
      environment,
      home,
    )
    assert.equal(began.code, 0, began.output)
    const pid = Number(
      /^kafka-server-start.sh: the broker runs as pid (\d+) and writes to /.exec(began.output)![1],
    )
    const output = join(directory, 'output', 'kafkaServer.out')
    const port = Number(/ started on \S+:(\d+),/.exec(await readFile(output, 'utf8'))![1])
    assert.equal(await isOpen(port), true)
    // Of its terminal it is told nothing: neither that it hangs up nor Ctrl-C.
    for (const signal of ['SIGHUP', 'SIGINT', 'SIGQUIT'] as const) process.kill(pid, signal)
    assert.equal(await isOpen(port), true)
    // It belongs to the directory in which it was started.
    const elsewhere = await runLauncher('kafka-server-stop.sh', [], {}, directory)
    assert.equal(elsewhere.code, 1)
    assert.match(
      elsewhere.output,
      new RegExp(
        `^kafka-server-stop.sh: no embedded broker is running of this installation in ${directory};.* pid ${pid} runs in ${home}[;:][^\n]* or write --all\n$`,
      ),
    )
    const ended = await runLauncher('kafka-server-stop.sh', [], {}, home)
    assert.deepEqual(ended, { code: 0, output: `kafka-server-stop.sh: stopped pid ${pid}\n` })
    assert.equal(await isOpen(port), false)
    assert.match(await readFile(output, 'utf8'), /Kafka broker stopped\n$/)
  }))

test('-daemon behind the file is refused with its place', async () => {
  const { code, output } = await runLauncher('kafka-server-start.sh', ['s.properties', '-daemon'])
  assert.equal(code, 1)
  assert.equal(
    output,
    'kafka-server-start.sh: -daemon stands before the file: kafka-server-start.sh -daemon s.properties\n',
  )
})

test(
  'kafka-server-stop.sh names the broker of another user, whom it may not end',
  {
    skip: process.getuid?.() === 0 ? false : 'another user needs root',
  },
  () =>
    inDirectory(async directory => {
      const broker = await startBrokerProcess(
        'config/server.properties',
        { 'log.dirs': join(directory, 'logs') },
        { cwd: root },
      )
      const words = (await readFile(`/proc/${broker.pid}/cmdline`, 'utf8')).replaceAll('\0', ' ')
      await chmod(directory, 0o755)
      for (const args of [[], ['--all']]) {
        const stopped = await runProgram(
          'setpriv',
          ['--reuid', '65534', '--clear-groups', join(root, 'bin/kafka-server-stop.sh'), ...args],
          await psOf([`${broker.pid} ${words}`], directory),
          '/',
        )
        assert.deepEqual(stopped, {
          code: 1,
          output: `kafka-server-stop.sh: a broker runs as pid ${broker.pid}, of user root; this user may not end it\n`,
        })
      }
      assert.equal(await broker.end('SIGTERM'), 0)
    }),
)

test('kafka-server-stop.sh leaves brokers of other installations alone, but for --all', () =>
  inDirectory(async directory => {
    const broker = await startBrokerProcess(
      'config/server.properties',
      { 'log.dirs': join(directory, 'logs') },
      { cwd: root },
    )
    const words = (await readFile(`/proc/${broker.pid}/cmdline`, 'utf8')).replaceAll('\0', ' ')
    const other = words.replace(`${root}/bin`, '/other/millrace/bin')
    assert.notEqual(other, words)
    const stop = async (args: readonly string[], line: string) =>
      runLauncher('kafka-server-stop.sh', args, await psOf([`${broker.pid} ${line}`], directory))
    assert.deepEqual(await stop([], other), {
      code: 1,
      output: `kafka-server-stop.sh: no embedded broker is running of this installation in ${root}\n`,
    })
    assert.deepEqual(await stop(['--some'], words), {
      code: 1,
      output: `USAGE: ${root}/bin/kafka-server-stop.sh [--all]\n`,
    })
    assert.equal((await stop(['--all'], other)).output, `kafka-server-stop.sh: stopped pid ${broker.pid}\n`)
    assert.equal(await broker.ended, 0)
  }))

test('-daemon tells why a broker did not start; stopping where none runs says so', () =>
  inDirectory(async directory => {
    const environment = { LOG_DIR: directory }
    const refused = await runLauncher('kafka-server-start.sh', ['-daemon', 'config/none'], environment)
    assert.equal(refused.code, 1)
    assert.match(refused.output, /^kafka-server-start.sh: cannot read config\/none: ENOENT[^\n]*\n$/)
    const nowhere = await runLauncher('kafka-server-start.sh', ['-daemon', 'x'], {
      LOG_DIR: '/dev/null/logs',
    })
    assert.equal(nowhere.code, 1)
    assert.match(
      nowhere.output,
      /^kafka-server-start.sh: cannot write to \/dev\/null\/logs; set LOG_DIR[^\n]*\n$/,
    )
    // A real Kafka, an agent, an editor on our source are none of its business.
    const others = ['1 java kafka.Kafka config/server.properties', '2 node /m/bin/start.mjs millrace agent']
    for (const lines of [[], others])
      assert.deepEqual(await runLauncher('kafka-server-stop.sh', ['--all'], await psOf(lines, directory)), {
        code: 1,
        output: 'kafka-server-stop.sh: no embedded broker is running\n',
      })
  }))

test('zkServer.sh says that none is needed, whatever it is asked', async () => {
  for (const [word, what] of [
    ['start', 'nothing is started, go on with kafka-server-start.sh'],
    ['stop', 'there is nothing to stop'],
    ['status', 'none is running'],
  ] as const)
    assert.deepEqual(await runLauncher('zkServer.sh', [word, 'conf/zoo.cfg']), {
      code: 0,
      output: `zkServer.sh: the embedded broker needs no ZooKeeper; ${what}\n`,
    })
})

test('the server.properties that comes along is obeyed whole', async () => {
  const file = join(root, 'config', 'server.properties')
  const { errors, warnings, withoutEffect } = readBrokerSettings(await readFile(file, 'utf8'), file)
  assert.deepEqual({ errors, warnings, withoutEffect }, { errors: [], warnings: [], withoutEffect: [] })
})
