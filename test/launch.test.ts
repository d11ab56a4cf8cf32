// What Flume's launcher would hand to the JVM, through the real launchers: -D properties in flume-env.sh and in the
// environment, the time zone, files of log4j; the agent and the check say the same.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { startAgent } from '../src/index.ts'
import { inDirectory } from './demo/demo-process.ts'
import { freePort } from './interop/peers/peers.ts'
import { startProcess } from './interop/peers/process.ts'
import { root } from './source-text.ts'

const timeOfLine = /^(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d)/

function configuration(directory: string): string {
  const path = join(directory, 'flume.conf')
  writeFileSync(
    path,
    `a1.sources = r1
a1.channels = c1
a1.sinks = k1
a1.sources.r1.type = netcat
a1.sources.r1.bind = 127.0.0.1
a1.sources.r1.port = 0
a1.sources.r1.channels = c1
a1.sources.r1.interceptors = i1
a1.sources.r1.interceptors.i1.type = regex_extractor
a1.sources.r1.interceptors.i1.regex = ^(\\\\S+ \\\\S+)
a1.sources.r1.interceptors.i1.serializers = s1
a1.sources.r1.interceptors.i1.serializers.s1.type = org.apache.flume.interceptor.RegexExtractorInterceptorMillisSerializer
a1.sources.r1.interceptors.i1.serializers.s1.name = timestamp
a1.sources.r1.interceptors.i1.serializers.s1.pattern = yyyy-MM-dd HH:mm
a1.channels.c1.type = memory
a1.sinks.k1.type = \${sys:my.sink}
a1.sinks.k1.channel = c1
`,
  )
  return path
}

function conf(directory: string, files: Readonly<Record<string, string>>): string {
  const path = join(directory, 'conf')
  mkdirSync(path)
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text)
  return path
}

describe('what Flume hands to the JVM', { concurrency: 2 }, () => {
  test('JAVA_OPTS of flume-env.sh, FLUME_JAVA_OPTS and the command line, in this order, in the time zone they name', () =>
    inDirectory(async directory => {
      const given = conf(directory, {
        'flume-env.sh':
          'JAVA_OPTS="-Xmx20m -Dflume.monitoring.type=http -Dflume.monitoring.port=1 -Dmy.sink=null -Duser.timezone=UTC"\nFLUME_JAVA_OPTS="$FLUME_JAVA_OPTS -Dmy.sink=logger"\n',
      })
      await using agent = await startProcess({
        name: 'agent',
        directory,
        command: [
          join(root, 'bin/flume-ng'),
          'agent',
          '-n',
          'a1',
          '-c',
          given,
          '-f',
          configuration(directory),
          '-Dflume.monitoring.port=0',
        ],
        environment: { FLUME_JAVA_OPTS: '-Duser.timezone=Pacific/Kiritimati', JAVA_OPTS: '-Dmy.sink=no' },
        ready: /Agent a1 started/,
      })
      assert.match(await agent.line(/Monitoring on/), /:[1-9]\d+\/metrics/)
      const [, port] = /listens on 127\.0\.0\.1:(\d+)/.exec(agent.output)!
      connect(Number(port), '127.0.0.1').end('2024-01-15 12:00 x\n')
      // 14 hours ahead of Greenwich.
      const at = Date.UTC(2024, 0, 15, 12) - 14 * 3_600_000
      const line = await agent.line(new RegExp(`headers:\\{timestamp=${at}\\}`))
      const [, year, month, day, hour, minute] = timeOfLine.exec(line)!.map(Number) as [...number[]]
      const there = Date.UTC(year!, month! - 1, day, hour, minute) - 14 * 3_600_000
      assert.ok(Math.abs(there - Date.now()) < 120_000, line)
      assert.doesNotMatch(agent.output, /without effect|not known/)
    }))

  test('what has no effect is said once, by the agent and by its check', () =>
    inDirectory(async directory => {
      const given = conf(directory, {
        'flume-env.sh':
          'FLUME_CLASSPATH=/opt/x.jar\nJAVA_OPTS="-Dflume.monitring.type=http -Dcom.sun.jmx=1"\n',
        'log4j.properties': 'log4j.rootLogger=DEBUG, A\nlog4j.appender.A.File=/var/log/flume.log\n',
      })
      const args = [
        '-n',
        'a1',
        '-c',
        given,
        '-f',
        configuration(directory),
        '-Dmy.sink=null',
        '-Duser.timezone=Mars',
      ]
      const said = [
        /log4j\.properties has no effect: there is no log4j\. For the same write -Dflume\.root\.logger=DEBUG,LOGFILE -Dflume\.log\.dir=\/var\/log -Dflume\.log\.file=flume\.log;/g,
        /FLUME_CLASSPATH: no effect, because Java classes cannot be loaded here/g,
        /-Dflume\.monitring\.type is not known and has no effect\. Did you mean -Dflume\.monitoring\.type\?/g,
        /-Dcom\.sun\.jmx: without effect/g,
        /-Duser\.timezone: Mars is not a time zone; GMT is used\. Write a name such as Asia\/Shanghai\./g,
      ]
      const checked = spawnSync(join(root, 'bin/millrace'), ['check', ...args], { encoding: 'utf8' })
      assert.equal(checked.status, 0, checked.stdout)
      await using agent = await startProcess({
        name: 'agent',
        directory,
        command: [join(root, 'bin/flume-ng'), 'agent', ...args],
        ready: /Agent a1 started/,
      })
      for (const output of [checked.stdout, agent.output])
        for (const pattern of said) assert.equal(output.match(pattern)?.length, 1, `${pattern} in\n${output}`)
    }))

  test("the broker takes what Kafka's launchers take", () =>
    inDirectory(async directory => {
      const overrides = ['port=0', 'host.name=127.0.0.1', `log.dirs=${join(directory, 'data')}`]
      await using broker = await startProcess({
        name: 'broker',
        directory,
        command: [
          join(root, 'bin/kafka-server-start.sh'),
          '/dev/null',
          ...overrides.flatMap(pair => ['--override', pair]),
        ],
        environment: {
          KAFKA_HEAP_OPTS: '-Xmx1G -Xms1G',
          KAFKA_OPTS: '-Duser.timezone=GMT-11 -Dkafka.nothing=1',
        },
        ready: /Kafka broker \d+ started/,
      })
      assert.match(broker.output, /-Dkafka\.nothing: without effect/)
      const line = await broker.line(/ started on /)
      const [, year, month, day, hour, minute] = timeOfLine.exec(line)!.map(Number) as [...number[]]
      const there = Date.UTC(year!, month! - 1, day, hour, minute) + 11 * 3_600_000
      assert.ok(Math.abs(there - Date.now()) < 120_000, line)
    }))

  test('an agent in a program serves what flume.monitoring.* ask for, until it stops', () =>
    inDirectory(async directory => {
      const port = await freePort()
      const properties = { 'flume.monitoring.type': 'http', 'flume.monitoring.port': String(port) }
      const agent = await startAgent({
        name: 'a1',
        configuration: `a1.sources = r1
a1.channels = c1
a1.sinks = k1
a1.sources.r1.type = seq
a1.sources.r1.totalEvents = 3
a1.sources.r1.channels = c1
a1.channels.c1.type = file
a1.sinks.k1.type = null
a1.sinks.k1.channel = c1`,
        properties: { ...properties, 'user.home': directory },
      })
      try {
        const metrics = (await (await fetch(`http://127.0.0.1:${port}/metrics`)).json()) as object
        assert.deepEqual(Object.keys(metrics).sort(), ['CHANNEL.c1', 'SOURCE.r1'])
      } finally {
        await agent.stop()
      }
      await assert.rejects(fetch(`http://127.0.0.1:${port}/metrics`))
    }))
})
