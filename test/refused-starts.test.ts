// What lies outside of a configuration and refuses a start: the check finds each, in the same words, with its line, and
// changes nothing on the disk. What only others at this moment keep from it is a warning.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import { startAgent, StartFailure } from '../src/index.ts'
import { checked, refusedStart } from './checked.ts'
import { createAuthority, type TestCertificate } from './certificates.ts'
import { inDirectory } from './demo/demo-process.ts'
import { startProcess } from './interop/peers/process.ts'
import { waitFor } from './interop/peers/waiting.ts'
import { root } from './source-text.ts'

interface Case {
  /** Lines instead of those of the component that a key names, and others. */
  readonly lines: (directory: string) => Readonly<Record<string, string | null>>
  /** Makes what lies outside. */
  readonly prepare?: (directory: string) => void
  readonly args?: (directory: string) => readonly string[]
  /** The line of the configuration that is named and what is said; DIR is the directory. */
  readonly says: RegExp
}

let stores: TestCertificate

const sound = {
  'a1.sources': 'r1',
  'a1.channels': 'c1',
  'a1.sinks': 'k1',
  'a1.sources.r1.type': 'seq',
  'a1.sources.r1.totalEvents': '1',
  'a1.sources.r1.channels': 'c1',
  'a1.channels.c1.type': 'memory',
  'a1.channels.c1.capacity': '1000',
  'a1.channels.c1.transactionCapacity': '1000',
  'a1.sinks.k1.type': 'null',
  'a1.sinks.k1.channel': 'c1',
}

const below = (prefix: string, values: Record<string, string | null>) =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [`${prefix}.${key}`, value]))
const source = (values: Record<string, string | null>) =>
  below('a1.sources.r1', { totalEvents: null, ...values })
const sink = (values: Record<string, string>) => below('a1.sinks.k1', values)
const channel = (values: Record<string, string>) =>
  below('a1.channels.c1', { type: 'file', capacity: null, transactionCapacity: null, ...values })
const avroSource = (values: Record<string, string>) =>
  source({ type: 'avro', bind: '127.0.0.1', port: '0', ...values })
const avroSink = (values: Record<string, string>) =>
  sink({ type: 'avro', hostname: '127.0.0.1', port: '9', ...values })
const kafkaSource = (values: Record<string, string>) =>
  source({
    type: 'org.apache.flume.source.kafka.KafkaSource',
    'kafka.topics': 't',
    'kafka.bootstrap.servers': '127.0.0.1:9',
    ...values,
  })
const kafkaSink = (values: Record<string, string>) =>
  sink({
    type: 'org.apache.flume.sink.kafka.KafkaSink',
    'kafka.bootstrap.servers': '127.0.0.1:9',
    ...values,
  })
const aes = join(root, 'test/golden/jceks/quick.jceks')
const encrypted = (directory: string, values: Record<string, string>) =>
  channel({
    checkpointDir: join(directory, 'cp'),
    dataDirs: join(directory, 'data'),
    'encryption.activeKey': 'key-128',
    'encryption.cipherProvider': 'AESCTRNOPADDING',
    'encryption.keyProvider': 'JCEKSFILE',
    'encryption.keyProvider.keyStoreFile': aes,
    'encryption.keyProvider.keyStorePasswordFile': join(directory, 'password'),
    'encryption.keyProvider.keys': 'key-128',
    ...values,
  })

const file =
  (name: string, text = '') =>
  (directory: string) =>
    writeFileSync(join(directory, name), text)
const asRoot = process.getuid?.() === 0

const cases: Readonly<Record<string, Case>> = {
  'sink.directory is not there': {
    lines: directory => sink({ type: 'file_roll', 'sink.directory': join(directory, 'out') }),
    says: /:12: error: a1\.sinks\.k1\.sink\.directory: DIR\/out does not exist\. Make the directory/,
  },
  'sink.directory is a file': {
    lines: directory => sink({ type: 'file_roll', 'sink.directory': join(directory, 'out') }),
    prepare: file('out'),
    says: /:12: error: a1\.sinks\.k1\.sink\.directory: DIR\/out is not a directory/,
  },
  'a data directory below a file': {
    lines: directory =>
      channel({ checkpointDir: join(directory, 'cp'), dataDirs: `${directory}/one,${directory}/file/two` }),
    prepare: file('file'),
    says: /:9: error: a1\.channels\.c1\.dataDirs: directory DIR\/file\/two cannot be used: a part of DIR\/file\/two is not a directory/,
  },
  'a checkpoint directory that is a link to nothing': {
    lines: directory => channel({ checkpointDir: join(directory, 'cp'), dataDirs: join(directory, 'data') }),
    prepare: directory => symlinkSync(join(directory, 'nothing'), join(directory, 'cp')),
    says: /:8: error: a1\.channels\.c1\.checkpointDir: directory DIR\/cp cannot be used: DIR\/cp is a link to nothing/,
  },
  'an Avro source without a key store': {
    lines: () => avroSource({ ssl: 'true' }),
    says: /error: a1\.sources\.r1\.keystore: ssl = true needs keystore, as an option or as -Djavax\.net\.ssl\.keyStore/,
  },
  'an Avro source whose key store is not there': {
    lines: directory =>
      avroSource({ ssl: 'true', keystore: `${directory}/none.p12`, 'keystore-password': 'secret-1' }),
    says: /error: a1\.sources\.r1\.keystore: cannot read the key store DIR\/none\.p12: ENOENT/,
  },
  'an Avro source with a wrong password': {
    lines: directory =>
      avroSource({ ssl: 'true', keystore: `${directory}/k.p12`, 'keystore-password': 'secret-1' }),
    prepare: directory => writeFileSync(join(directory, 'k.p12'), stores.pkcs12('right')),
    says: /error: a1\.sources\.r1\.keystore: cannot read the key store DIR\/k\.p12: the password is wrong/,
  },
  'an Avro source whose dead letters cannot be kept': {
    lines: directory => avroSource({ 'deadLetter.file': join(directory, 'letters') }),
    prepare: directory => mkdirSync(join(directory, 'letters')),
    says: /error: a1\.sources\.r1\.deadLetter\.file: DIR\/letters is a directory/,
  },
  'an HTTP source whose store has no key': {
    lines: directory =>
      source({
        type: 'http',
        port: '0',
        ssl: 'true',
        keystore: `${directory}/k.pem`,
        'keystore-password': 'secret-1',
      }),
    prepare: directory => writeFileSync(join(directory, 'k.pem'), stores.certificate),
    says: /error: a1\.sources\.r1\.keystore: the key store DIR\/k\.pem holds no private key/,
  },
  'an Avro sink whose trust store is not there': {
    lines: directory => avroSink({ ssl: 'true', truststore: `${directory}/trust.jks` }),
    says: /error: a1\.sinks\.k1\.truststore: cannot read the key store DIR\/trust\.jks: ENOENT/,
  },
  'an Avro sink whose trust store is none': {
    lines: directory => avroSink({ ssl: 'true', truststore: `${directory}/trust.jks` }),
    prepare: file('trust.jks', 'no store'),
    says: /error: a1\.sinks\.k1\.truststore: cannot read the key store DIR\/trust\.jks: it is neither JKS nor PKCS12 nor PEM/,
  },
  'a Kafka source whose trust store is not there': {
    lines: directory =>
      kafkaSource({
        'kafka.consumer.security.protocol': 'SSL',
        'kafka.consumer.ssl.truststore.location': `${directory}/trust.jks`,
        'kafka.consumer.ssl.truststore.password': 'secret-1',
      }),
    says: /error: a1\.sources\.r1\.kafka\.consumer\.ssl\.truststore\.location: cannot read the key store DIR\/trust\.jks/,
  },
  'a Kafka source whose login file is not there': {
    lines: () =>
      kafkaSource({
        'kafka.consumer.security.protocol': 'SASL_PLAINTEXT',
        'kafka.consumer.sasl.mechanism': 'PLAIN',
      }),
    args: directory => [`-Djava.security.auth.login.config=${directory}/jaas.conf`],
    says: /error: a1\.sources\.r1\.kafka\.consumer\.security\.protocol: the login file DIR\/jaas\.conf .* cannot be read/,
  },
  'a Kafka sink whose key store has another password': {
    lines: directory =>
      kafkaSink({
        'kafka.producer.security.protocol': 'SSL',
        'kafka.producer.ssl.keystore.type': 'PKCS12',
        'kafka.producer.ssl.keystore.location': `${directory}/k.p12`,
        'kafka.producer.ssl.keystore.password': 'secret-1',
      }),
    prepare: directory => writeFileSync(join(directory, 'k.p12'), stores.pkcs12('right')),
    says: /error: a1\.sinks\.k1\.kafka\.producer\.ssl\.keystore\.location: cannot read the key store DIR\/k\.p12: the password is wrong/,
  },
  'a trust store of -D that is not there': {
    lines: () => kafkaSink({ 'kafka.producer.security.protocol': 'SSL' }),
    args: directory => [`-Djavax.net.ssl.trustStore=${directory}/trust.jks`],
    says: /error: a1\.sinks\.k1\.kafka\.producer\.security\.protocol: cannot read the key store DIR\/trust\.jks/,
  },
  'a Kafka sink whose dead letters cannot be kept': {
    lines: directory => kafkaSink({ 'deadLetter.file': join(directory, 'file/letters') }),
    prepare: file('file'),
    says: /error: a1\.sinks\.k1\.deadLetter\.file: a part of DIR\/file\/letters is not a directory/,
  },
  'an encrypted channel whose password file is not there': {
    lines: directory => encrypted(directory, {}),
    says: /error: a1\.channels\.c1\.encryption\.keyProvider\.keyStoreFile: cannot read the password file DIR\/password: it does not exist/,
  },
  'an encrypted channel whose key store has another password': {
    lines: directory => encrypted(directory, {}),
    prepare: file('password', 'secret-1'),
    says: /error: a1\.channels\.c1\.encryption\.keyProvider\.keyStoreFile: .*quick\.jceks/,
  },
  "a Flume's channel that holds more events than fit": {
    lines: directory => ({
      ...channel({
        checkpointDir: join(directory, 'checkpoint'),
        dataDirs: join(directory, 'data0'),
        capacity: '5',
        transactionCapacity: '5',
      }),
      'a1.sinks.k1.batchSize': '5',
    }),
    prepare: directory => cpSync(join(root, 'test/golden/flume/one-killed'), directory, { recursive: true }),
    says: /error: channel c1 cannot start: the Flume file channel in DIR\/data0 holds \d+ events, more than the capacity of channel c1, which is 5/,
  },
  'a channel whose log is damaged where no copy helps': {
    lines: directory =>
      channel({ checkpointDir: join(directory, 'checkpoint'), dataDirs: join(directory, 'data') }),
    prepare: directory => {
      importEvents(directory)
      const log = join(directory, 'data', 'millrace-1.wal')
      writeFileSync(log, Buffer.alloc(statSync(log).size, 'x'))
    },
    says: /error: channel c1 cannot start: .*DIR\/data\/millrace-1\.wal/,
  },
  'a channel whose data directory is gone': {
    lines: directory =>
      channel({ checkpointDir: join(directory, 'checkpoint'), dataDirs: join(directory, 'data') }),
    prepare: directory => {
      importEvents(directory)
      rmSync(join(directory, 'data'), { recursive: true })
    },
    says: /error: channel c1 cannot start: 3 undelivered events are missing: DIR\/data, which held 3 of them/,
  },
  'a channel with the checkpoint of another': {
    lines: directory =>
      channel({ checkpointDir: join(directory, 'other/checkpoint'), dataDirs: join(directory, 'data') }),
    prepare: directory => {
      importEvents(directory)
      mkdirSync(join(directory, 'other'))
      importEvents(join(directory, 'other'))
    },
    says: /error: channel c1 cannot start: DIR\/other\/checkpoint\/millrace\.checkpoint is of another channel/,
  },
  'an encrypted channel whose lines are gone': {
    lines: directory => channel({ checkpointDir: join(directory, 'cp'), dataDirs: join(directory, 'data') }),
    prepare: directory => {
      writeFileSync(join(directory, 'password'), 'store-password')
      importEvents(directory, encrypted(directory, {}))
    },
    says: /error: channel c1 cannot start: .*encrypted/,
  },
  'a Kafka sink with a bad key store and a bad trust store, which are both named': {
    lines: directory =>
      kafkaSink({
        'kafka.producer.security.protocol': 'SSL',
        'kafka.producer.ssl.truststore.location': `${directory}/none.p12`,
        'kafka.producer.ssl.truststore.password': 'secret-1',
        'kafka.producer.ssl.keystore.location': `${directory}/k.p12`,
        'kafka.producer.ssl.keystore.password': 'secret-1',
      }),
    prepare: directory => writeFileSync(join(directory, 'k.p12'), stores.pkcs12('right')),
    says: /error: .*cannot read the key store DIR\/none\.p12: ENOENT.*; and cannot read the key store DIR\/k\.p12: the password is wrong/,
  },
  'a backup directory below a file': {
    lines: () => ({}),
    prepare: file('file'),
    args: directory => ['--backup-directory', join(directory, 'file/backup')],
    says: /error: --backup-directory DIR\/file\/backup: no backup of the configuration can be kept: a part of DIR\/file\/backup/,
  },
  'a backup directory where the backup is a directory': {
    lines: () => ({}),
    prepare: directory => mkdirSync(join(directory, 'backup/.a1.properties'), { recursive: true }),
    args: directory => ['-b', join(directory, 'backup')],
    says: /error: --backup-directory DIR\/backup: no backup .*: DIR\/backup\/\.a1\.properties is a directory/,
  },
  'a flume-env.sh that fails': {
    lines: () => ({}),
    prepare: file('flume-env.sh', 'exit 3\n'),
    args: directory => ['-c', directory],
    says: /^error: DIR\/flume-env\.sh failed: it ended the shell with code 3/m,
  },
  'a log in /proc': {
    lines: () => ({}),
    args: () => ['-Dflume.root.logger=INFO,LOGFILE', '-Dflume.log.dir=/proc/x'],
    says: /^error: cannot write the log \/proc\/x\/flume\.log: no file can be made in \/proc/m,
  },
  'a configuration that has no end': {
    lines: () => ({}),
    args: () => ['-f', '/dev/zero'],
    says: /^error: cannot read the configuration \/dev\/zero: it is not a regular file/m,
  },
  'a log that cannot be written': {
    lines: () => ({}),
    prepare: file('file'),
    args: directory => ['-Dflume.root.logger=INFO,LOGFILE', `-Dflume.log.dir=${directory}/file/logs`],
    says: /^error: cannot write the log DIR\/file\/logs\/flume\.log: a part of DIR\/file\/logs\/flume\.log is not a directory/m,
  },
}

/** A channel with three events, in `data` and `checkpoint` or where `lines` say. */
function importEvents(directory: string, lines?: Readonly<Record<string, string | null>>): void {
  const letters = join(directory, 'letters.jsonl')
  writeFileSync(letters, '{"headers":{},"body":"aGVsbG8="}\n'.repeat(3))
  const keys =
    lines === undefined
      ? []
      : ['-f', write(directory, lines), '-n', 'a1', '--channel', 'c1', '--checkpoint', join(directory, 'cp')]
  const { status, stderr } = spawnSync(
    join(root, 'bin/millrace'),
    ['channel', 'import', join(directory, 'data'), '--from', letters, ...keys],
    { encoding: 'utf8' },
  )
  assert.equal(status, 0, stderr)
}

function write(directory: string, lines: Readonly<Record<string, string | null>>): string {
  const path = join(directory, 'flume.conf')
  const all = Object.entries({ ...sound, ...lines }).filter(([, value]) => value !== null)
  // Those of one component stand together.
  const order = ['a1.sources', 'a1.channels', 'a1.sinks']
  const rank = (key: string) =>
    order.includes(key) ? -1 : order.findIndex(kind => key.startsWith(`${kind}.`))
  const sorted = all.toSorted(([a], [b]) => rank(a) - rank(b))
  writeFileSync(path, sorted.map(([key, value]) => `${key} = ${value}\n`).join(''))
  return path
}

/** Everything below, with sizes and times of change. */
const snapshot = (directory: string) =>
  readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .sort()
    .filter(name => existsSync(join(directory, name)))
    .map(name => {
      const { size, mtimeMs, mode } = statSync(join(directory, name))
      return `${name} ${size} ${mtimeMs} ${mode}`
    })

function run(args: readonly string[]): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(join(root, 'bin/flume-ng'), args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    const keep = (text: unknown) => {
      output += String(text)
      if (/Agent \S+ started/.test(output)) child.kill('SIGKILL')
    }
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    child.on('error', reject)
    child.on('close', code => resolve({ code, output }))
  })
}

const errorsOf = (output: string) => output.split('\n').filter(line => /(^|: )error: /.test(line))

describe('what refuses a start', { concurrency: 2 }, () => {
  before(() => (stores = createAuthority().sign({ host: 'localhost' })))

  for (const [name, { lines, prepare, args, says }] of Object.entries(cases))
    test(name, () =>
      inDirectory(async directory => {
        prepare?.(directory)
        const words = ['-n', 'a1', '-f', write(directory, lines(directory)), ...(args?.(directory) ?? [])]
        const before_ = snapshot(directory)
        const { code, output } = await checked(words)
        assert.deepEqual(snapshot(directory), before_, 'a check changes nothing')
        assert.equal(code, 2, output)
        const pattern = new RegExp(says.source.replaceAll('DIR', directory), says.flags)
        assert.match(output, pattern)
        assert.doesNotMatch(output, /secret-1/)
        // Only what components meet at their start needs a process, and the first of the others.
        const isFirst = name === Object.keys(cases)[0]
        const started = (isFirst ? null : await refusedStart(words)) ?? (await run(['agent', ...words]))
        assert.equal(started.code, 2, started.output)
        assert.deepEqual(errorsOf(started.output), errorsOf(output))
        if (!/channel c1 cannot start/.test(output))
          assert.deepEqual(snapshot(directory), before_, 'a start that is refused changes nothing either')
      }),
    )

  test('directories without rights', { skip: asRoot ? 'root may use everything' : false }, () =>
    inDirectory(async directory => {
      mkdirSync(join(directory, 'closed'))
      chmodSync(join(directory, 'closed'), 0o500)
      const lines = {
        ...channel({ checkpointDir: join(directory, 'cp'), dataDirs: join(directory, 'closed/data') }),
        ...sink({ type: 'file_roll', 'sink.directory': join(directory, 'closed') }),
      }
      const words = ['-n', 'a1', '-f', write(directory, lines)]
      const { output } = await checked(words)
      assert.equal(errorsOf(output).filter(line => line.includes('has no rights to use')).length, 2)
      assert.deepEqual(errorsOf((await run(['agent', ...words])).output), errorsOf(output))
    }),
  )

  test('a channel that will refuse puts, for want of space, is a warning of the check', () =>
    inDirectory(async directory => {
      const lines = channel({
        checkpointDir: join(directory, 'not/there/yet/cp'),
        dataDirs: join(directory, 'not/there/yet/data'),
        minimumRequiredSpace: '9000000000000000',
      })
      const { code, output } = await checked(['-n', 'a1', '-f', write(directory, lines)])
      assert.equal(code, 0, output)
      assert.match(output, /warning: channel c1 will refuse puts: \d+ bytes are free .* \(9000000000000000\)/)
    }))

  test('what others use at this moment: a port is a warning, and so is this agent itself; a directory refuses', () =>
    inDirectory(async directory => {
      const lines = channel({ checkpointDir: join(directory, 'cp'), dataDirs: join(directory, 'data') })
      await using agent = await startProcess({
        name: 'agent',
        directory,
        command: [join(root, 'bin/flume-ng'), 'agent', '-n', 'a1', '-f', write(directory, lines)],
        ready: /Agent a1 started/,
      })
      const server = createServer()
      await new Promise<void>(resolve => void server.listen(0, '127.0.0.1', resolve))
      const port = String((server.address() as AddressInfo).port)
      try {
        const busy = write(directory, { ...lines, ...avroSource({ port }) })
        const monitoring = ['type=http', 'host=127.0.0.1', `port=${port}`].map(
          one => `-Dflume.monitoring.${one}`,
        )
        const found = await run(['check', '-n', 'a1', '-f', busy, ...monitoring])
        assert.equal(found.code, 0, found.output)
        for (const pattern of [
          new RegExp(
            `a1\\.sources\\.r1\\.port: port ${port} on 127\\.0\\.0\\.1 is in use by another program`,
          ),
          new RegExp(`flume\\.monitoring\\.port: port ${port} on 127\\.0\\.0\\.1 is in use`),
          new RegExp(
            `directory ${directory}/cp is in use by pid ${agent.pid}, agent a1, channel c1: agent a1 runs already`,
          ),
        ])
          assert.match(found.output, pattern)
        const other = readFileSync(busy, 'utf8').replaceAll('a1.', 'b1.')
        writeFileSync(busy, other)
        const refused = await run(['check', '-n', 'b1', '-f', busy])
        assert.equal(refused.code, 2, refused.output)
        assert.match(
          refused.output,
          /error: channel c1 cannot start: directory \S+\/cp is in use by pid \d+, agent a1/,
        )
        assert.deepEqual(
          errorsOf((await run(['agent', '-n', 'b1', '-f', busy])).output),
          errorsOf(refused.output),
        )
      } finally {
        server.close()
      }
    }))

  test('a change of a running agent is refused for the same reasons, but for parts that stay as they are', () =>
    inDirectory(async directory => {
      const out = join(directory, 'out')
      mkdirSync(out)
      const rolling = sink({ type: 'file_roll', 'sink.directory': out })
      const path = write(directory, rolling)
      await using agent = await startProcess({
        name: 'agent',
        directory,
        command: [join(root, 'bin/flume-ng'), 'agent', '-n', 'a1', '-f', path],
        ready: /Agent a1 started/,
      })
      await waitFor(() => readdirSync(out).length > 0, 'the sink has its file')
      renameSync(out, `${out}.away`)
      write(directory, { ...rolling, 'a1.channels.c1.capacity': '2000' })
      agent.kill('SIGHUP')
      await agent.line(/the agent runs with the changed configuration/)
      write(directory, { ...rolling, 'a1.sinks.k1.sink.batchSize': '7' })
      agent.kill('SIGHUP')
      await agent.line(/a1\.sinks\.k1\.sink\.directory: \S+\/out does not exist/)
      await agent.line(/the change is refused and the agent runs on as before/)
    }))

  test('a program that starts an agent gets the same problems', () =>
    inDirectory(async directory => {
      const lines = Object.entries({
        ...sound,
        ...sink({ type: 'file_roll', 'sink.directory': join(directory, 'out') }),
      })
      await assert.rejects(
        startAgent({
          name: 'a1',
          configuration: lines.map(([key, value]) => `${key} = ${value}`).join('\n'),
        }),
        (error: unknown) =>
          error instanceof StartFailure && /sink\.directory: \S+ does not exist/.test(error.message),
      )
    }))
})
