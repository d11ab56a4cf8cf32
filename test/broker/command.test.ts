// The launchers: a server.properties with duplicates and a pasted shell line as it stands, and every
// reason for which the broker does not start, in one sentence.
import assert from 'node:assert/strict'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { readBrokerSettings } from '../../src/broker/broker-settings.ts'
import { runLauncher, startBrokerProcess } from './broker-process.ts'
import { inDirectory } from './running-broker.ts'

const file = fileURLToPath(new URL('files/server.properties', import.meta.url))

test('a server.properties with duplicates and a pasted shell line is read: what means something is obeyed, the rest is named', async () => {
  const { settings, errors, warnings, withoutEffect } = readBrokerSettings(await readFile(file, 'utf8'), file)
  assert.deepEqual(errors, [])
  assert.equal(settings.nodeId, 1)
  assert.deepEqual(settings.listeners, [
    {
      name: 'PLAINTEXT',
      protocol: 'PLAINTEXT',
      host: '192.168.79.129',
      port: 9092,
      advertised: null,
      security: { tls: null, sasl: null },
      backlog: 1024,
    },
  ])
  assert.equal(settings.autoCreateTopicsEnable, false)
  assert.equal(settings.messageMaxBytes, 1048576)
  assert.equal(settings.log.retentionMs, 72 * 3_600_000)
  assert.equal(settings.log.segmentMs, 72 * 3_600_000)
  assert.deepEqual(settings.logDirectories, ['/home/mywork/kafka/kafka-logs'])
  for (const key of ['zookeeper.connect', 'replica.lag.max.messages', 'num.io.threads'])
    assert.ok(withoutEffect.includes(key), key)
  assert.ok(!withoutEffect.includes('port'))
  // What is no key of anybody's stands with its line: the pasted command, and comments torn in two.
  const stranger = (line: number, key: string) =>
    `${file}:${line}: ${key} is not a key of a Kafka broker and is ignored. Remove it, or see docs/reference/broker-settings.md for the keys there are.`
  assert.deepEqual(warnings.toSpliced(1, 1), [
    stranger(65, 'root@Master'),
    stranger(89, '认为该副本已经失效，并将其从ISR中移除'),
    stranger(101, '存溢出，并且应小于KAFKA_HEAP_OPTS设置的大小。单位：字节'),
    stranger(105, '@'),
  ])
  // Two copies were asked for.
  assert.match(
    warnings[1]!,
    /:77: default\.replication\.factor, offsets\.topic\.replication\.factor: every record is kept once/,
  )
  assert.equal(new Set(withoutEffect).size, withoutEffect.length)
})

test('values that cannot be are refused together, each with its line', () => {
  const { errors } = readBrokerSettings(
    'port=x\nnum.partitions=0\nauto.create.topics.enable=perhaps\nlisteners=localhost',
    'f',
  )
  assert.deepEqual(errors, [
    'f:1: port: "x" is not a whole number. Write a whole number from 0 to 65535.',
    'f:2: num.partitions: 0 is outside what is allowed. Write a whole number from 1 to 2147483647.',
    'f:3: auto.create.topics.enable: "perhaps" is neither true nor false. Write true or false.',
    'f:4: listeners: "localhost" is not possible. Write addresses as PLAINTEXT://localhost:9092, separated by commas.',
  ])
  assert.deepEqual(readBrokerSettings('log.dirs=', 'f').errors, [
    'f:1: log.dirs: "" is not possible. Write at least one directory, or leave the key out.',
  ])
  assert.equal(readBrokerSettings('log.dirs=/d', 'f', { 'log.dirs': '' }).errors.length, 1)
  assert.deepEqual(readBrokerSettings('log.dirs=${env:X}/d', 'f').warnings, [
    'f:1: log.dirs: ${env:X} stays as typed: a broker looks up no variables. Write the path itself.',
  ])
  const six = readBrokerSettings('listeners=PLAINTEXT://::1:9093,SSL://[::1]:9094,', 'f').settings
  assert.deepEqual(
    six.listeners.map(({ host, port }) => [host, port]),
    [
      ['::1', 9093],
      ['::1', 9094],
    ],
  )
  const listener = readBrokerSettings('listeners=PLAINTEXT://:9093\nlog.retention.minutes=2', 'f').settings
  assert.equal(listener.log.retentionMs, 120_000)
  assert.deepEqual([listener.listeners[0]!.host, listener.listeners[0]!.port], ['0.0.0.0', 9093])
})

test('errors and warnings of a file are told apart, in the order of its lines, and counted', () =>
  inDirectory(async directory => {
    const bad = join(directory, 'bad.properties')
    await writeFile(bad, 'broker.id=x\nlog.dirs=d\ndefault.replication.factor=2\nport=y\nfoo=1\n')
    const refused = async () => {
      const { code, output } = await runLauncher('kafka-server-start.sh', [bad])
      assert.equal(code, 1)
      return output.split('\n').map(line => /^.*? (error|warning): |.*$/.exec(line)![0])
    }
    assert.deepEqual(await refused(), [
      `${bad}:1: error: `,
      `${bad}:3: warning: `,
      `${bad}:4: error: `,
      `${bad}:5: warning: `,
      'kafka-server-start.sh: the broker does not start: 2 errors, see above',
      '',
    ])
    await writeFile(bad, Buffer.from('\uFEFFport=0', 'utf16le'))
    assert.deepEqual(await refused(), [
      `${bad}:1: error: `,
      'kafka-server-start.sh: the broker does not start: 1 error, see above',
      '',
    ])
  }))

test('the file starts a broker, which ends cleanly at SIGTERM and starts again', () =>
  inDirectory(async directory => {
    const overrides = { 'log.dirs': directory }
    const first = await startBrokerProcess(file, overrides)
    const clash = await runLauncher('millrace', [
      'broker',
      '--override',
      `port=${first.port}`,
      '--override',
      `log.dirs=${directory}2`,
    ])
    assert.deepEqual(clash, {
      code: 1,
      output: `millrace: port ${first.port} on 127.0.0.1 is in use by another program\n`,
    })
    const twice = await runLauncher('kafka-server-start.sh', [
      file,
      '--override',
      `log.dirs=${directory}`,
      '--override',
      'host.name=127.0.0.1',
      '--override',
      'port=0',
    ])
    assert.equal(twice.code, 1)
    assert.match(twice.output, /directory \S+ is in use by pid \d+, a Millrace broker\n$/)
    assert.equal(await first.end('SIGTERM'), 0)
    assert.equal(first.lines.filter(line => line.includes('no effect on a single broker')).length, 1)
    assert.match(first.lines.at(-1)!, /Kafka broker stopped/)
    const second = await startBrokerProcess(file, overrides)
    assert.equal(await second.end('SIGINT'), 0)
    // A crowded machine takes longer to start any process at all.
    if (process.env['MILLRACE_DEEP'] === '1')
      assert.ok(Math.min(first.readyMs, second.readyMs) < 500, `${first.readyMs} ms and ${second.readyMs} ms`)
  }))

test('an address of another machine, a file that is not there, a directory that is none: one sentence each, exit 1', () =>
  inDirectory(async directory => {
    const logs = join(directory, 'logs')
    const last = async (args: string[]) => {
      const { code, output } = await runLauncher('kafka-server-start.sh', args)
      assert.equal(code, 1)
      return output.trim().split('\n').at(-1)!
    }
    assert.equal(
      await last([file, '--override', `log.dirs=${logs}`]),
      'kafka-server-start.sh: 192.168.79.129 is not an address of this machine: set host.name (or listeners) to one of its own, 127.0.0.1 for this machine alone',
    )
    await assert.rejects(chmod(logs, 0o755), /ENOENT/, 'nothing was made for it')
    assert.match(await last([join(directory, 'none')]), /^kafka-server-start.sh: cannot read .*none: ENOENT/)
    assert.match(
      await last([
        file,
        '--override',
        'host.name=127.0.0.1',
        '--override',
        'port=0',
        '--override',
        `log.dirs=${file}/x`,
      ]),
      /^kafka-server-start.sh: cannot use directory .*server.properties\/x: ENOTDIR/,
    )
    await mkdir(logs)
    await chmod(logs, 0o500)
    assert.match(await last([]), /^USAGE: .*server.properties/)
  }))
