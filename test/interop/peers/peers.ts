// Real peers for the tests: ZooKeeper 3.4.10, Kafka 0.10.2.1 and 4.1.0, Flume 1.8.0 and 1.11.0, and our
// own agents started by their command line. Each runs as a process of its own on loopback, with its files
// and its log in a directory of the test's; ready is read off its log, never slept for.
//
//   await using zookeeper = await startZooKeeper(directory)
//   await using kafka = await startKafka010(directory, zookeeper)      // kafka.bootstrap = host:port
//   await using kafka = await startKafka41(directory)
//   await using flume = await startFlume('1.8.0', directory, { agent: 'A', conf: text })
//   await using agent = await startMillrace(directory, { agent: 'A', conf: text })
import { execFileSync } from 'node:child_process'
import { randomInt, randomUUID } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer, type ListenOptions, type Server } from 'node:net'
import { join } from 'node:path'
import { fetchPeer, type PeerSet } from './fetch.ts'
import { startProcess, type Running } from './process.ts'
import { untilListed } from './topics.ts'

export { skipWithoutPeers } from './fetch.ts'
export type { Running } from './process.ts'

const root = new URL('../../..', import.meta.url).pathname

/**
 * A port that is free, and that no other test is given while this process lives: its number is claimed, for
 * every process of this machine, by an abstract socket of that name.
 */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  // Below those that the system gives to whoever asks for any: such a one could be taken, by a connection of
  // another test too, before the peer has it.
  for (;;) {
    const port = 15_000 + randomInt(17_000)
    const claim = await listening({ path: `\0millrace-test-port-${port}` })
    if (claim === null) continue
    const probe = await listening({ host, port })
    if (probe !== null) {
      claim.unref()
      await new Promise(resolve => probe.close(resolve))
      return port
    }
    claim.close()
  }
}

/** A server that listens there; null where somebody else does. */
function listening(where: ListenOptions): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(null) : reject(error),
    )
    server.listen(where, () => resolve(server))
  })
}

// Java 9 and later close what these old programs reach into.
const openPackages = ['sun.nio.ch', 'java.nio', 'java.lang', 'jdk.internal.ref', 'java.util'].flatMap(
  name => ['--add-opens', `java.base/${name}=ALL-UNNAMED`],
)

/** Small and quick to start rather than fast. */
const jvm = ['-Xms64m', '-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', ...openPackages]

/** Starts a main class of a peer; resolves when it prints `ready`. */
export async function java(
  peer: PeerSet,
  directory: string,
  name: string,
  given: { options?: string[]; main: string[]; ready: RegExp; prefix?: string[] },
): Promise<Running> {
  const jars = await fetchPeer(peer)
  mkdirSync(directory, { recursive: true })
  const log4j = join(directory, 'log4j.properties')
  writeFileSync(
    log4j,
    'log4j.rootLogger=INFO,c\nlog4j.appender.c=org.apache.log4j.ConsoleAppender\nlog4j.appender.c.layout=org.apache.log4j.PatternLayout\nlog4j.appender.c.layout.ConversionPattern=%d %p %c: %m%n\n',
  )
  const log4j2 = join(directory, 'log4j2.properties')
  writeFileSync(
    log4j2,
    'rootLogger.level=info\nrootLogger.appenderRef.c.ref=c\nappender.c.type=Console\nappender.c.name=c\nappender.c.layout.type=PatternLayout\nappender.c.layout.pattern=%d %p %c: %m%n\n',
  )
  return startProcess({
    name,
    directory,
    command: [
      ...(given.prefix ?? []),
      'java',
      ...jvm,
      `-Dlog4j.configuration=file:${log4j}`,
      `-Dlog4j2.configurationFile=${log4j2}`,
      ...(given.options ?? []),
      '-cp',
      `${jars}/*`,
      ...given.main,
    ],
    ready: given.ready,
  })
}

export interface ZooKeeper extends Running {
  readonly connect: string
}

export interface PeerOptions {
  /** Address to bind; 127.0.0.1 where absent. */
  readonly host?: string
  readonly port?: number
  /** Put before the command, e.g. to enter a network namespace. */
  readonly prefix?: string[]
  /** More properties of the server. */
  readonly properties?: Readonly<Record<string, string | number>>
  /** More options of the JVM. */
  readonly javaOptions?: readonly string[]
}

export async function startZooKeeper(directory: string, options: PeerOptions = {}): Promise<ZooKeeper> {
  const home = join(directory, 'zookeeper')
  const host = options.host ?? '127.0.0.1'
  const port = options.port ?? (await freePort())
  mkdirSync(home, { recursive: true })
  const file = join(home, 'zoo.cfg')
  writeFileSync(
    file,
    `tickTime=2000\ndataDir=${home}/data\nclientPort=${port}\nclientPortAddress=${host}\nmaxClientCnxns=0\n`,
  )
  const running = await java('zookeeper-3.4.10', home, 'zookeeper', {
    main: ['org.apache.zookeeper.server.quorum.QuorumPeerMain', file],
    ready: /binding to port/,
    ...(options.prefix === undefined ? {} : { prefix: options.prefix }),
  })
  return Object.assign(running, { connect: `${host}:${port}` })
}

export interface Kafka extends Running {
  /** host:port */
  readonly bootstrap: string
  readonly version: '0.10.2.1' | '4.1.0'
}

export const properties = (values: Record<string, string | number>): string =>
  Object.entries(values)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('')

/** Kafka 0.10.2.1 on the ZooKeeper given. Topics are created by asking for them unless told otherwise. */
export async function startKafka010(
  directory: string,
  zookeeper: ZooKeeper,
  options: PeerOptions = {},
): Promise<Kafka> {
  const home = join(directory, `kafka-0.10.2.1-${randomUUID().slice(0, 8)}`)
  const host = options.host ?? '127.0.0.1'
  const port = options.port ?? (await freePort())
  mkdirSync(home, { recursive: true })
  const file = join(home, 'server.properties')
  writeFileSync(
    file,
    properties({
      'broker.id': 1,
      'host.name': host,
      port,
      'log.dirs': join(home, 'logs'),
      'zookeeper.connect': zookeeper.connect,
      'offsets.topic.replication.factor': 1,
      'offsets.topic.num.partitions': 5,
      'default.replication.factor': 1,
      'group.initial.rebalance.delay.ms': 0,
      'delete.topic.enable': 'true',
      ...options.properties,
    }),
  )
  const running = await java('kafka-0.10.2.1', home, 'kafka-0.10.2.1', {
    main: ['kafka.Kafka', file],
    ...(options.javaOptions === undefined ? {} : { options: [...options.javaOptions] }),
    ready:
      /\[?Kafka Server 1\]?, started|started \(kafka\.server\.KafkaServer\)|kafka\.server\.KafkaServer: .*started/,
    ...(options.prefix === undefined ? {} : { prefix: options.prefix }),
  })
  const bootstrap = `${host}:${port}`
  // A listener of the caller's may ask for a login.
  if (options.properties?.['listeners'] === undefined) await untilListed(bootstrap)
  return Object.assign(running, { bootstrap, version: '0.10.2.1' as const })
}

/** Kafka 4.1.0, broker and controller in one (KRaft); `format` are more words for preparing its storage. */
export async function startKafka41(
  directory: string,
  options: PeerOptions & { readonly format?: readonly string[] } = {},
): Promise<Kafka> {
  const home = join(directory, `kafka-4.1.0-${randomUUID().slice(0, 8)}`)
  const host = options.host ?? '127.0.0.1'
  const port = options.port ?? (await freePort(host === '127.0.0.1' ? host : '127.0.0.1'))
  const controllerPort = await freePort()
  mkdirSync(home, { recursive: true })
  const file = join(home, 'server.properties')
  writeFileSync(
    file,
    properties({
      'process.roles': 'broker,controller',
      'node.id': 1,
      'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
      'controller.listener.names': 'CONTROLLER',
      listeners: `PLAINTEXT://${host}:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
      'advertised.listeners': `PLAINTEXT://${host}:${port}`,
      'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
      'log.dirs': join(home, 'logs'),
      'offsets.topic.replication.factor': 1,
      'offsets.topic.num.partitions': 5,
      'transaction.state.log.replication.factor': 1,
      'transaction.state.log.min.isr': 1,
      'group.initial.rebalance.delay.ms': 0,
      ...options.properties,
    }),
  )
  const jars = await fetchPeer('kafka-4.1.0')
  execFileSync(
    'java',
    [
      '-cp',
      `${jars}/*`,
      'kafka.tools.StorageTool',
      'format',
      '-t',
      'MkU3OEVBNTcwNTJENDM2Qg',
      '-c',
      file,
      ...(options.format ?? []),
    ],
    { stdio: 'pipe' },
  )
  const running = await java('kafka-4.1.0', home, 'kafka-4.1.0', {
    main: ['kafka.Kafka', file],
    ready: /Kafka Server started/,
    options: [...(options.javaOptions ?? [])],
    ...(options.prefix === undefined ? {} : { prefix: options.prefix }),
  })
  return Object.assign(running, { bootstrap: `${host}:${port}`, version: '4.1.0' as const })
}

export interface AgentOptions {
  readonly agent: string
  /** The text of the configuration; or `file`, its path. */
  readonly conf?: string
  readonly file?: string
  readonly prefix?: string[]
  /** More -D properties. */
  readonly properties?: Readonly<Record<string, string | number>>
}

function confFile(directory: string, { agent, conf, file }: AgentOptions): string {
  if (file !== undefined) return file
  mkdirSync(directory, { recursive: true })
  const path = join(directory, `${agent}.conf`)
  writeFileSync(path, conf ?? '')
  return path
}

const defines = (values: AgentOptions['properties'] = {}) =>
  Object.entries(values).map(([key, value]) => `-D${key}=${value}`)

/** A real Flume agent; ready when its last component has started. */
export async function startFlume(
  version: '1.8.0' | '1.11.0',
  directory: string,
  options: AgentOptions,
): Promise<Running> {
  const home = join(directory, `flume-${version}-${options.agent}`)
  mkdirSync(home, { recursive: true })
  return java(`flume-${version}`, home, `flume-${version}-${options.agent}`, {
    options: [`-Duser.home=${home}`, ...defines(options.properties)],
    main: [
      'org.apache.flume.node.Application',
      '--name',
      options.agent,
      '-f',
      confFile(home, options),
      '--no-reload-conf',
    ],
    ready: /Component type: SOURCE, name: \S+ started/,
    ...(options.prefix === undefined ? {} : { prefix: options.prefix }),
  })
}

/** One of our agents, by its launcher; ready when it says that it has started. */
export function startMillrace(
  directory: string,
  options: AgentOptions & { level?: string; ready?: RegExp },
): Promise<Running> {
  const home = join(directory, `millrace-${options.agent}`)
  return startProcess({
    name: `millrace-${options.agent}`,
    directory: home,
    command: [
      ...(options.prefix ?? []),
      join(root, 'bin/flume-ng'),
      'agent',
      '--name',
      options.agent,
      '-c',
      join(root, 'conf'),
      '-f',
      confFile(home, options),
      `-Dflume.root.logger=${options.level ?? 'INFO'},console`,
      ...defines(options.properties),
    ],
    ready: options.ready ?? /Agent \S+ started/,
  })
}
