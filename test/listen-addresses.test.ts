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
  Number(readFileSync(lowPorts, 'utf8')) <= 83 ? 'every user may listen on the ports from 80 on here' : false

const run = (words: readonly string[]) => {
  const [program, ...args] = [...withoutRights, ...words]
  const { status, stdout, stderr } = spawnSync(program!, args, { encoding: 'utf8', timeout: 120_000 })
  return { code: status, output: `${stdout}${stderr}` }
}

const types = ['avro', 'netcat', 'http']
/** Lines of one source, from the fifth line on. */
const linesEach = 4
const configuration = (bind: string, port: number) => `a1.channels = c1
a1.sinks = k1
a1.channels.c1.type = memory
a1.sources = ${types.join(' ')}
${types
  .map(
    (type, index) => `a1.sources.${type}.type = ${type}
a1.sources.${type}.bind = ${bind}
a1.sources.${type}.port = ${port + index}
a1.sources.${type}.channels = c1
`,
  )
  .join('')}a1.sinks.k1.type = null
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
    says: /this process has no right to listen on port 8[0-3] of 127\.0\.0\.1/,
    helps: /Choose a port from 1024 on, or give the process the right to use lower ones/,
  },
] as const

describe('where nobody can listen', { concurrency: 2 }, () => {
  for (const { name, bind, port, key, says, helps, skip } of faults)
    test(`${name}: the check and the agent say the same`, { skip }, () =>
      inDirectory(async directory => {
        // Port 0 is never looked at, because it is always free. Each source has the next port, and the pages the last.
        const checkedPort = port === 0 ? 41_000 : port
        const file = join(directory, 'flume.conf')
        writeFileSync(file, configuration(bind, checkedPort))
        const monitoring = [`host=${bind}`, `port=${checkedPort + types.length}`, 'type=http'].map(
          one => `-Dflume.monitoring.${one}`,
        )
        const checked = run([join(root, 'bin/millrace'), 'check', '-n', 'a1', '-f', file, ...monitoring])
        assert.equal(checked.code, 0, checked.output)
        const lines = checked.output.split('\n')
        const door = `warning: flume\\.monitoring\\.${key === 'bind' ? 'host' : 'port'}: `
        const warnings = types.map((type, index) => {
          const line = 5 + index * linesEach + (key === 'bind' ? 1 : 2)
          return `flume\\.conf:${line}: warning: a1\\.sources\\.${type}\\.${key}: `
        })
        for (const warning of [...warnings, door]) {
          const found = lines.find(one => new RegExp(warning).test(one))
          assert.ok(found !== undefined, `${warning}: ${checked.output}`)
          assert.match(found, says)
          assert.match(found, helps)
          assert.doesNotMatch(found, /[Ff]ree it/)
        }
        await using agent = await startProcess({
          name: 'agent',
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
          ready: /Agent a1 started without (SOURCE\.\w+, ){2}SOURCE\.\w+, which/,
        })
        const failed = types.map(type => `Starting source ${type} failed`)
        for (const what of [...failed, 'Serving the monitoring pages']) {
          const told = agent.output.split('\n').find(one => one.includes(what))
          assert.ok(told !== undefined, `${what}: ${agent.output}`)
          assert.match(told, says)
          assert.match(told, helps)
        }
        assert.equal(await agent.stop(), 0)
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
