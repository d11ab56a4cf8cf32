// Addresses where nobody can listen: the check, the agent, the broker and the demonstration say the same of each, and
// what would help.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { inDirectory } from './demo/demo-process.ts'
import { startProcess } from './interop/peers/process.ts'
import { root } from './source-text.ts'

/** Root has the right to every port, unless it gives that up. */
const asRoot = process.getuid?.() === 0
const withoutRights = asRoot ? ['setpriv', '--bounding-set', '-net_bind_service'] : []
const lowPorts = '/proc/sys/net/ipv4/ip_unprivileged_port_start'
const noLowPort =
  Number(readFileSync(lowPorts, 'utf8')) <= 80 ? 'every user may listen on port 80 here' : false

const run = (words: readonly string[]) => {
  const [program, ...args] = [...withoutRights, ...words]
  const { status, stdout, stderr } = spawnSync(program!, args, { encoding: 'utf8', timeout: 120_000 })
  return { code: status, output: `${stdout}${stderr}` }
}

const configuration = (type: string, bind: string, port: number) => `a1.sources = r1
a1.channels = c1
a1.sinks = k1
a1.sources.r1.type = ${type}
a1.sources.r1.bind = ${bind}
a1.sources.r1.port = ${port}
a1.sources.r1.channels = c1
a1.channels.c1.type = memory
a1.sinks.k1.type = null
a1.sinks.k1.channel = c1
`

const faults = [
  {
    name: 'an address of another machine',
    bind: '192.0.2.1',
    port: 0,
    skip: false,
    key: 'bind',
    says: /192\.0\.2\.1 is not an address of this machine/,
    helps: /Choose an address of this machine, or 0\.0\.0\.0 for all it has/,
  },
  {
    name: 'a name that nobody knows',
    bind: 'nowhere.invalid',
    port: 0,
    skip: false,
    key: 'bind',
    says: /nowhere\.invalid is not an address of this machine|getaddrinfo EAI_AGAIN nowhere\.invalid/,
    helps: /Choose an address of this machine, or 0\.0\.0\.0 for all it has/,
  },
  {
    name: 'a port of the system',
    bind: '127.0.0.1',
    port: 80,
    skip: noLowPort,
    key: 'port',
    says: /this process has no right to listen on port 80 of 127\.0\.0\.1/,
    helps: /Choose a port from 1024 on, or give the process the right to use lower ones/,
  },
] as const

describe('where nobody can listen', { concurrency: 2 }, () => {
  for (const { name, bind, port, key, says, helps, skip } of faults)
    test(`${name}: the check and the agent say the same`, { skip }, () =>
      inDirectory(async directory => {
        // Port 0 is never looked at, because it is always free.
        const checkedPort = port === 0 ? 41_000 : port
        const file = join(directory, 'flume.conf')
        for (const type of ['avro', 'netcat', 'http']) {
          writeFileSync(file, configuration(type, bind, checkedPort))
          const monitoring = [`host=${bind}`, `port=${checkedPort}`, 'type=http'].map(
            one => `-Dflume.monitoring.${one}`,
          )
          const checked = run([join(root, 'bin/millrace'), 'check', '-n', 'a1', '-f', file, ...monitoring])
          assert.equal(checked.code, 0, checked.output)
          const line = key === 'bind' ? 5 : 6
          const [source, door] = ['a1\\.sources\\.r1\\.', 'flume\\.monitoring\\.'].map(prefix =>
            checked.output.split('\n').find(one => new RegExp(`warning: ${prefix}`).test(one)),
          )
          assert.match(source!, new RegExp(`flume\\.conf:${line}: warning: a1\\.sources\\.r1\\.${key}: `))
          assert.match(door!, new RegExp(`flume\\.monitoring\\.${key === 'bind' ? 'host' : 'port'}: `))
          for (const one of [source!, door!]) {
            assert.match(one, says)
            assert.match(one, helps)
            assert.doesNotMatch(one, /[Ff]ree it/)
          }
          await using agent = await startProcess({
            name: type,
            directory,
            command: [
              ...withoutRights,
              join(root, 'bin/flume-ng'),
              'agent',
              '-n',
              'a1',
              '-f',
              file,
              ...monitoring,
            ],
            ready: /Agent a1 started without SOURCE\.r1/,
          })
          for (const what of ['Starting source r1', 'Serving the monitoring pages']) {
            const told = agent.output.split('\n').find(one => one.includes(what))!
            assert.match(told, says)
            assert.match(told, helps)
          }
          assert.equal(await agent.stop(), 0)
        }
      }),
    )

  test('the broker and the demonstration name a port from 1024 on', { skip: noLowPort }, () =>
    inDirectory(async directory => {
      const broker = run([
        join(root, 'bin/millrace'),
        'broker',
        ...['port=80', `log.dirs=${directory}/b`].flatMap(pair => ['--override', pair]),
      ])
      assert.equal(broker.code, 1)
      assert.match(broker.output, /port 80 of 127\.0\.0\.1: set port \(or listeners\) to a port from 1024 on/)
      assert.doesNotMatch(broker.output, /host\.name/)
      for (const [options, says] of [
        [['--port', '80', '--avro-port', '0'], /port 80: choose one from 1024 on with --port/],
        [['--port', '0', '--avro-port', '80'], /agent B .*: name a port from 1024 on with --avro-port/],
      ] as const) {
        const demo = run([join(root, 'bin/millrace'), 'demo', ...options, '--data-dir', `${directory}/d`])
        assert.equal(demo.code, 1)
        assert.match(demo.output, says)
        assert.doesNotMatch(demo.output, /host\.name|end it/)
      }
    }),
  )
})
