// Agents and brokers under what runs them: systemd's notices, at a socket of the test's own, logrotate with the example's
// file, Kubernetes by its schema.
import assert from 'node:assert/strict'
import { chmodSync, existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { inDirectory } from '../demo/demo-process.ts'
import { root } from '../source-text.ts'
import { unpacked } from './peers/debian.ts'
import { cached, runProgram, skipWithout } from './peers/fetch.ts'
import { startProcess } from './peers/process.ts'
import { waitFor } from './peers/waiting.ts'

const flumeNg = join(root, 'bin/flume-ng')

function configuration(directory: string, more = ''): string {
  const path = join(directory, 'flume.conf')
  writeFileSync(
    path,
    `a1.sources = r1
a1.channels = c1
a1.sinks = k1
a1.sources.r1.type = seq
${more}
a1.sources.r1.channels = c1
a1.channels.c1.type = memory
a1.sinks.k1.type = logger
a1.sinks.k1.channel = c1
`,
  )
  return path
}

/** A datagram socket, which Node has not: each notice is a line of the output. */
const listener = `import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print('listening', flush=True)
while True: print(s.recv(4096).decode().strip().replace(chr(10), ' '), flush=True)
`
const skipNotices = await skipWithout('systemd-notify or Python', async () => {
  await runProgram('systemd-notify', ['--version'])
  await runProgram('python3', ['--version'])
})

test('systemd hears of the start, and then from the watchdog', { skip: skipNotices }, () =>
  inDirectory(async directory => {
    const socket = join(directory, 'notify')
    await using systemd = await startProcess({
      name: 'systemd',
      directory,
      command: ['python3', '-c', listener, socket],
      ready: /listening/,
    })
    const agent = [
      flumeNg,
      'agent',
      '-n',
      'a1',
      '-f',
      configuration(directory, 'a1.sources.r1.totalEvents = 1'),
    ]
    const overrides = ['listeners=PLAINTEXT://127.0.0.1:0', `log.dirs=${join(directory, 'data')}`]
    const broker = [join(root, 'bin/millrace'), 'broker', ...overrides.flatMap(one => ['--override', one])]
    for (const [name, command, ready] of [
      ['agent', agent, /Agent a1 started/],
      ['broker', broker, /Kafka broker \d+ started/],
    ] as const) {
      const notices = () => systemd.output.split('\n').filter(line => line.includes('='))
      const before = notices().length
      await using running = await startProcess({
        name,
        directory,
        command,
        ready,
        environment: { NOTIFY_SOCKET: socket, WATCHDOG_USEC: '200000' },
      })
      const later = () => notices().slice(before)
      await waitFor(() => later().filter(one => one === 'WATCHDOG=1').length >= 3, 'three signs of life')
      assert.match(later()[0]!, /^READY=1/)
      assert.doesNotMatch(running.output, /systemd-notify/)
      assert.equal(await running.stop(), 0)
    }
    await using alone = await startProcess({
      name: 'alone',
      directory,
      command: agent,
      ready: /systemd-notify --ready failed: .*Type=exec/,
      environment: { NOTIFY_SOCKET: join(directory, 'nobody') },
    })
    await alone.line(/Agent a1 started/)
    assert.equal(await alone.stop(), 0)
  }),
)

const getLogrotate = () => unpacked('logrotate', ['logrotate', 'libpopt0'])
const logrotate = async (words: readonly string[]) => {
  const place = await getLogrotate()
  const libraries = ['usr/lib', 'lib'].map(name => join(place, name, 'x86_64-linux-gnu')).join(':')
  return await runProgram(join(place, 'usr/sbin/logrotate'), words, {
    env: { ...process.env, LD_LIBRARY_PATH: libraries },
    timeout: 60_000,
  })
}
const skipRotation = await skipWithout('logrotate', () => logrotate(['--version']))

test(
  'logrotate with the file of the examples loses no line of an agent that writes on',
  { skip: skipRotation },
  () =>
    inDirectory(async directory => {
      const logs = join(directory, 'logs')
      await using agent = await startProcess({
        name: 'agent',
        directory,
        command: [
          flumeNg,
          'agent',
          '-n',
          'a1',
          '-f',
          configuration(directory),
          '-Dflume.root.logger=INFO,LOGFILE',
          `-Dflume.log.dir=${logs}`,
          '-Dflume.log.file=a1.log',
        ],
        ready: /^/,
      })
      const log = join(logs, 'a1.log')
      const hasEvents = () =>
        waitFor(() => existsSync(log) && readFileSync(log, 'utf8').includes('Event:'), 'events in the log')
      await hasEvents()
      // As in /var/log: other users may not write beside the log.
      chmodSync(logs, 0o755)
      const rules = readFileSync(join(root, 'examples/ops/logrotate/millrace'), 'utf8')
        .replace('/var/log/millrace/', `${logs}/`)
        .replace(/systemctl kill .*/, `kill -USR1 ${agent.pid}`)
      assert.match(rules, new RegExp(`USR1 ${agent.pid}`))
      const file = join(directory, 'logrotate.conf')
      writeFileSync(file, rules, { mode: 0o644 })
      for (let round = 0; round < 3; round++) {
        await logrotate(['--force', '--state', join(directory, 'state'), file])
        // It writes in the new file, so that the old one is complete and may be packed next time.
        await hasEvents()
      }
      assert.equal(await agent.stop(), 0)
      assert.deepEqual(readdirSync(logs).sort(), ['a1.log', 'a1.log.1', 'a1.log.2.gz', 'a1.log.3.gz'])
      const text = ['a1.log.3.gz', 'a1.log.2.gz', 'a1.log.1', 'a1.log']
        .map(name => readFileSync(join(logs, name)))
        .map((bytes, index) => String(index < 2 ? gunzipSync(bytes) : bytes))
        .join('')
      const numbers = [...text.matchAll(/Event: .*body:[^\n]*? (\d+) \}$/gm)].map(([, number]) =>
        Number(number),
      )
      assert.ok(numbers.length > 4)
      assert.deepEqual(
        numbers,
        numbers.map((_, index) => index),
      )
    }),
)

const kubernetesValidate = 'kubernetes-validate==1.37.0'
const getValidate = () =>
  cached('kubernetes-validate-1.37.0', making =>
    runProgram('python3', ['-m', 'pip', 'install', '-q', '--target', making, kubernetesValidate]),
  )
const skipKubernetes = await skipWithout('kubernetes-validate', getValidate)

test("Kubernetes' schema takes the example, and an agent its configuration", { skip: skipKubernetes }, () =>
  inDirectory(async directory => {
    const file = join(root, 'examples/ops/kubernetes/agent.yaml')
    const env = { ...process.env, PYTHONPATH: await getValidate() }
    await runProgram('python3', ['-m', 'kubernetes_validate', '--strict', file], { env, timeout: 120_000 })
    const spoilt = join(directory, 'spoilt.yaml')
    const yaml = readFileSync(file, 'utf8')
    writeFileSync(spoilt, yaml.replace('readinessProbe:', 'readynessProbe:'))
    await assert.rejects(
      runProgram('python3', ['-m', 'kubernetes_validate', '--strict', spoilt], { env, timeout: 120_000 }),
    )
    const [, text = ''] = /flume\.conf: \|\n((?: {4}.*\n)+)/.exec(yaml) ?? []
    const configuration = join(directory, 'flume.conf')
    writeFileSync(configuration, text.replaceAll('/var/lib/millrace', directory))
    assert.match(text, /checkpointDir/)
    await runProgram(join(root, 'bin/millrace'), ['check', '--name', 'a1', '-f', configuration])
  }),
)
