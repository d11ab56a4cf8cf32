// The seed's system from the inside of a network namespace that has its address, 192.168.79.129: run by
// seed.test.ts as `unshare`d process of its own. Its two files run byte for byte, with its own commands.
// With `embedded` its server.properties runs, too, in place of a real Kafka.
// Prints one line of JSON with what was seen.
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { startKafka010, startKafka41, startZooKeeper } from './peers/peers.ts'
import { startProcess } from './peers/process.ts'
import { consumeAll, countOf, createTopic, produceAll } from './peers/topics.ts'

const root = new URL('../..', import.meta.url).pathname
const host = '192.168.79.129'
const count = 10_000
const [version] = process.argv.slice(2)

const directory = mkdtempSync(join(tmpdir(), 'millrace-seed-'))
try {
  await using stack = new AsyncDisposableStack()
  // An installation as the seed has it: bin/, conf/ and config/, and commands given from there.
  const home = join(directory, 'flume')
  mkdirSync(join(home, 'config'), { recursive: true })
  symlinkSync(join(root, 'bin'), join(home, 'bin'))
  cpSync(join(root, 'conf'), join(home, 'conf'), { recursive: true })
  cpSync(join(root, 'test/broker/files/server.properties'), join(home, 'config/server.properties'))
  const run = (name: string, command: string, ready = /Agent \S+ started/) =>
    startProcess({ name, directory, cwd: home, command: command.split(/\s+/), ready })

  const startEmbedded = async () => {
    execFileSync('bin/zkServer.sh', ['start', 'conf/zoo.cfg'], { cwd: home })
    return run('kafka', 'bin/kafka-server-start.sh config/server.properties', /Kafka broker 1 started on/)
  }
  const zookeeper =
    version === '0.10.2.1' ? stack.use(await startZooKeeper(directory, { host, port: 2181 })) : null
  if (version === 'embedded') stack.use(await startEmbedded())
  else if (zookeeper === null) stack.use(await startKafka41(directory, { host, port: 9092 }))
  else stack.use(await startKafka010(directory, zookeeper, { host, port: 9092 }))
  const bootstrap = `${host}:9092`
  await createTopic(bootstrap, 'test3')
  await createTopic(bootstrap, 'test2')

  const b = stack.use(
    await run(
      'b',
      'bin/flume-ng agent --name avro-memory-kafka -c conf  -f conf/avro-memory-kafka.conf -Dflume.root.logger=INFO,console',
    ),
  )
  const a = stack.use(
    await run(
      'a',
      'bin/flume-ng agent --name kafka-memory-avro -c conf/ -f conf/kafka-memory-avro.conf -Dflume.root.logger=DEBUG,console',
    ),
  )
  // The seed leaves auto.offset.reset at latest: what is produced before the position is known is not read.
  await a.line(/begins: test3-0 from/)

  const messages = Array.from({ length: count }, (_, index) => ({ key: null, value: `message ${index}` }))
  const begun = performance.now()
  await produceAll(bootstrap, 'test3', messages)
  const received = await consumeAll(bootstrap, 'test2', count, { limitMs: 90_000, extraMs: 1000 })
  const seconds = (performance.now() - begun) / 1000
  const ended = [await a.stop(), await b.stop()]
  const defaultDirectory = join(homedir(), '.flume/file-channel/checkpoint')
  console.log(
    JSON.stringify({
      inOrder:
        received.length === count && received.every(({ value }, index) => value === `message ${index}`),
      received: received.length,
      inTest3: await countOf(bootstrap, 'test3'),
      ended,
      seconds,
      warning: a.output.split('\n').find(line => line.includes('checkpontDir')) ?? null,
      defaultDirectory: existsSync(defaultDirectory),
      errors: [...a.output.split('\n'), ...b.output.split('\n')].filter(line => line.includes('[ERROR')),
    }),
  )
  if (received.length !== count)
    console.error(readFileSync(a.logFile, 'utf8').slice(-4000), readFileSync(b.logFile, 'utf8').slice(-4000))
} finally {
  rmSync(directory, { recursive: true, force: true })
}
