// kafka-manager's command line and files: as they are written for it, the console starts in its place.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { readKafkaManager } from '../../src/cli/kafka-manager-settings.ts'
import { formatProblem } from '../../src/config/problem.ts'
import type { Clusters } from '../../src/console/api.ts'
import { runProgram } from '../broker/broker-process.ts'
import { startBroker, type RunningBroker } from '../broker/running-broker.ts'
import { waitFor } from '../interop/peers/waiting.ts'
import { root } from '../source-text.ts'
import { brokerAt, startScriptedZooKeeper, type ScriptedZooKeeper } from './scripted-zookeeper.ts'

const directory = mkdtempSync(join(tmpdir(), 'millrace-kafka-manager-'))
let broker: RunningBroker
let zookeeper: ScriptedZooKeeper
before(async () => {
  broker = await startBroker(directory)
  zookeeper = await startScriptedZooKeeper({ '/brokers/ids/1': brokerAt(broker.bootstrap) })
  mkdirSync(join(directory, 'bin'))
  mkdirSync(join(directory, 'conf'))
  symlinkSync(join(root, 'bin/kafka-manager'), join(directory, 'bin/kafka-manager'))
})
after(async () => {
  await zookeeper.stop()
  await broker.stop()
  rmSync(directory, { recursive: true, force: true })
})

/** What CMAK's archive holds, with the one line that its users change. */
const application = (zkhosts: string, more = '') => `
# Secret key
play.crypto.secret="^<csmm5Fx4d=r2HEX8pelM3"
play.crypto.secret=\${?APPLICATION_SECRET}
play.http.session.maxAge="1h"
play.i18n.langs=["en"]
play.http.requestHandler = "play.http.DefaultHttpRequestHandler"
play.http.context = "/"
play.application.loader=loader.KafkaManagerLoader

kafka-manager.zkhosts="${zkhosts}"
kafka-manager.zkhosts=\${?ZK_HOSTS}
pinned-dispatcher.type="PinnedDispatcher"
pinned-dispatcher.executor="thread-pool-executor"
application.features=["KMClusterManagerFeature","KMTopicManagerFeature","KMPreferredReplicaElectionFeature","KMReassignPartitionsFeature"]

akka {
  loggers = ["akka.event.slf4j.Slf4jLogger"]
  loglevel = "INFO"
}
akka.logger-startup-timeout = 60s

basicAuthentication.enabled=false
basicAuthentication.enabled=\${?KAFKA_MANAGER_AUTH_ENABLED}
basicAuthentication.ldap.enabled=false
basicAuthentication.username="admin"
basicAuthentication.password="password"
basicAuthentication.realm="Kafka-Manager"
basicAuthentication.excluded=["/api/health"] # ping the health of your instance without authentification
kafka-manager.consumer.properties.file=\${?CONSUMER_PROPERTIES_FILE}
${more}`

interface Started {
  readonly url: string
  readonly lines: () => string
  end(): Promise<number | null>
}

async function start(words: readonly string[], environment: Record<string, string> = {}): Promise<Started> {
  const child = spawn('bin/kafka-manager', words, {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  })
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => (text += String(chunk)))
  child.stderr.on('data', (chunk: Buffer) => (text += String(chunk)))
  const ended = new Promise<number | null>(resolve => child.on('exit', resolve))
  let isOver = false
  void ended.then(() => (isOver = true))
  await waitFor(() => isOver || /Console on http\S+/.test(text), 'it starts')
  const [, url] = /Console on (http\S+)/.exec(text) ?? []
  assert.ok(url !== undefined, text)
  return {
    url,
    lines: () => text,
    end() {
      child.kill('SIGTERM')
      return ended
    },
  }
}

const clustersOf = async (url: string): Promise<Clusters> =>
  (await (await fetch(new URL('/api/clusters', url))).json()) as Clusters

test('the start command as it is written, over the archive’s file; its pid file; its port and address', async () => {
  writeFileSync(join(directory, 'conf/application.conf'), application(zookeeper.connect))
  const started = await start([
    '-Dconfig.file=conf/application.conf',
    '-Dapplication.home=./',
    '-Dhttp.port=0',
    '-Dhttp.address=127.0.0.1',
  ])
  try {
    let clusters!: Clusters
    await waitFor(async () => {
      clusters = await clustersOf(started.url)
      return clusters[0]?.servers !== ''
    }, 'the broker is found')
    assert.deepEqual(clusters, [
      { name: 'kafka', servers: broker.bootstrap, zookeeper: zookeeper.connect, problem: null },
    ])
    const pid = join(directory, 'RUNNING_PID')
    assert.match(readFileSync(pid, 'utf8'), /^\d+$/)
    const second = await runProgram(
      'bin/kafka-manager',
      ['-Dconfig.file=conf/application.conf', '-Dapplication.home=./', '-Dhttp.port=0'],
      {},
      directory,
    )
    assert.equal(second.code, 1)
    assert.match(second.output, /^kafka-manager: .*RUNNING_PID names process \d+, which still runs/)
    assert.equal(await started.end(), 0)
    assert.ok(!existsSync(pid))
    assert.doesNotMatch(started.lines(), /warning|error/i)
  } finally {
    await started.end()
  }
})

test('the user of basicAuthentication logs in, and nobody else does', async () => {
  const file = join(directory, 'conf/login.conf')
  const login =
    'basicAuthentication.enabled=true\nbasicAuthentication.username="ops"\nbasicAuthentication.password="a long s3cret"\n'
  writeFileSync(file, application(zookeeper.connect, login), { mode: 0o644 })
  const words = [`-Dconfig.file=${file}`, '-Dhttp.port=0', '-Dpidfile.path=/dev/null']
  const started = await start(words)
  try {
    const statusAs = async (password: string | null, user = 'ops') => {
      const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
      const headers = password === null ? {} : { authorization }
      return (await fetch(new URL('/api/clusters', started.url), { headers })).status
    }
    assert.deepEqual(
      [
        await statusAs(null),
        await statusAs('password', 'admin'),
        await statusAs('password'),
        await statusAs('a long s3cret'),
      ],
      [401, 401, 401, 200],
    )
    assert.match(
      started.lines(),
      /login\.conf:\d+: warning: basicAuthentication\.password is written in a file/,
    )
    assert.doesNotMatch(started.lines(), /s3cret/)
  } finally {
    await started.end()
  }
})

/** What stands in the file, and on the command line; each place relative to the directory. */
function readAs(
  text: string,
  properties: Readonly<Record<string, string>> = {},
  rest: readonly string[] = [],
) {
  const file = join(directory, 'conf/checked.conf')
  writeFileSync(file, text)
  const { words, problems } = readKafkaManager({
    properties: new Map(Object.entries({ 'config.file': file, ...properties })),
    rest,
  })!
  return { words, problems: problems.map(one => formatProblem(one).replaceAll(`${directory}/`, '')) }
}

test('what cannot be taken is refused, with file and line', () => {
  for (const [text, problem, properties = {}] of [
    [
      'kafka-manager.zkhosts=localhost:2181',
      'conf/checked.conf:1: error: the character : is not allowed in a value without quotes. Write the value in quotes.',
    ],
    [
      '\nkafka-manager.zkhosts="h:2181"\nbasicAuthentication {\n enabled=true\n ldap.enabled=true\n}',
      'conf/checked.conf:5: error: basicAuthentication.ldap.enabled is true, and the console has no login by LDAP. Set it to false, and run millrace console --hash-password',
    ],
    [
      'kafka-manager.zkhosts="h:2181"\nbasicAuthentication.enabled=true',
      'conf/checked.conf:2: error: basicAuthentication.enabled stands for a login with the password that kafka-manager comes with, which everybody knows, or with none. Set basicAuthentication.password to another one',
    ],
    [
      'kafka-manager.zkhosts="h:2181"\nbasicAuthentication {\n enabled=true\n username="admin"\n password="password"\n}',
      'conf/checked.conf:5: error: basicAuthentication.password stands for a login with the password that kafka-manager comes with',
    ],
    [
      'kafka-manager.zkhosts="h:2181"\nbasicAuthentication.enabled=true\nbasicAuthentication.password=""',
      'conf/checked.conf:3: error: basicAuthentication.password stands for',
    ],
    [
      'kafka-manager.zkhosts="h:2181"\nbasicAuthentication {\n enabled=true\n username="a:b"\n password="s3cret"\n}',
      'conf/checked.conf:4: error: basicAuthentication.username holds a colon',
    ],
    ['', 'error: no ZooKeeper is named. Write kafka-manager.zkhosts="host:2181" in conf/application.conf'],
    ['kafka-manager.zkhosts="h:2181"', 'error: -Dhttp.port is many', { 'http.port': 'many' }],
    ['kafka-manager.zkhosts="h:2181"\nhttps.port=9443', 'conf/checked.conf:2: error: https.port is set'],
  ] as const) {
    const { problems } = readAs(text, properties)
    assert.ok(
      problems.some(one => one.startsWith(problem)),
      problems.join('\n'),
    )
  }
  assert.throws(
    () => readAs('', { 'config.file': 'conf/none.conf' }),
    /^UsageError.*cannot read the configuration .*none\.conf: ENOENT|cannot read the configuration .*none\.conf: ENOENT/,
  )
  assert.throws(() => readAs('', { 'config.url': 'http://h/c' }), /only file: can be read/)
})

test('what is not known is named, with what may have been meant', () => {
  const { words, problems } = readAs(
    'kafka-manager.zkhost="h:2181"\ncmak.zkhosts="h:2181"\nkafka-manager.zkhosts="i:2181"\nplay.http.context="/km"\nakka.loglevel=x\nhttp.port=9001',
    { 'http.address': '::1', 'kafka-manager.base-zk-path': 'km' },
  )
  assert.deepEqual(problems, [
    'conf/checked.conf:1: warning: kafka-manager.zkhost is not known and has no effect. Did you mean kafka-manager.zkhosts?',
    'conf/checked.conf:3: warning: kafka-manager.zkhosts is i:2181, and cmak.zkhosts, which counts, is h:2181. Remove kafka-manager.zkhosts.',
    'conf/checked.conf:4: warning: play.http.context is /km, and the pages are at /. Let a proxy in front of it change the path.',
  ])
  assert.deepEqual(words, [
    '--zookeeper',
    'h:2181',
    '--stored-clusters',
    '/km',
    '--port',
    '9001',
    '--host',
    '::1',
  ])
})

test('-D counts more than the environment, that more than the file; words of the launcher and of the console', () => {
  const file = application('nowhere.invalid:2181')
  process.env['ZK_HOSTS'] = 'env:2181'
  try {
    for (const [properties, rest, words] of [
      [{ 'kafka-manager.zkhosts': 'd:2181' }, [], ['--zookeeper', 'd:2181']],
      [{}, ['-mem', '512', '-J-Xmx64m', '-v'], ['--zookeeper', 'env:2181']],
      [{}, ['--zookeeper', 'w:2181'], ['--zookeeper', 'w:2181']],
      [{ 'http.port': '1' }, ['--port=2'], ['--zookeeper', 'env:2181', '--port=2']],
    ] as const) {
      const read = readAs(file, properties, rest)
      assert.deepEqual([read.words, read.problems], [words, []])
    }
  } finally {
    delete process.env['ZK_HOSTS']
  }
  assert.deepEqual(readAs(file).words, ['--zookeeper', 'nowhere.invalid:2181'])
})

test('the file that stands in the checkout is one', () => {
  const { words, problems } = readAs('', { 'config.file': join(root, 'conf/application.conf') })
  assert.deepEqual([words, problems], [['--zookeeper', 'localhost:2181'], []])
})
