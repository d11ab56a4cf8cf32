// Clusters of several real brokers, each of which a test can end and start again on its port and with its
// data: Kafka 4.1 with three nodes, each broker and controller, and Kafka 0.10.2.1 with two brokers on one
// ZooKeeper. The heaps are small, so that all of it fits beside two agents.
//
//   await using cluster = await startCluster41(directory)
//   await cluster.broker(2).kill('SIGKILL'); await cluster.broker(2).start()
//
// A site is such a cluster of one broker, which each of the names given reaches through a proxy of its own.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { FaultProxy } from '../../chain/faults.ts'
import { fetchPeer } from './fetch.ts'
import { freePort, java, properties, startZooKeeper, type Running } from './peers.ts'
import { untilListed, withAdmin } from './topics.ts'
import { waitFor } from './waiting.ts'

export interface ClusterBroker {
  readonly id: number
  /** host:port; another after a start on another port. */
  readonly address: string
  readonly isUp: boolean
  /** Everything printed, by all of its lives. */
  readonly output: string
  /** The process at present. */
  readonly running: Running
  /** Sends the signal and resolves when the process is gone; SIGKILL where absent. */
  kill(signal?: 'SIGKILL' | 'SIGTERM'): Promise<void>
  /** On the same port, or on the one given; resolves when the broker takes requests. */
  start(port?: number): Promise<void>
  /** The process stands still, and its connections with it. */
  pause(): void
  resume(): void
}

export interface KafkaCluster extends AsyncDisposable {
  readonly brokers: readonly ClusterBroker[]
  /** All brokers, separated by commas. */
  readonly bootstrap: string
  broker(id: number): ClusterBroker
}

const jvm = ['-Xms48m', '-Xmx256m', '-XX:MaxMetaspaceSize=128m', '-XX:ReservedCodeCacheSize=48m']

function brokerOf(
  id: number,
  given: {
    port: number
    run: (port: number, life: number) => Promise<Running>
    /** Resolves when a broker that was killed may come back. */
    free?: (killed: Running) => Promise<unknown>
  },
): ClusterBroker {
  let { port } = given
  let running: Running | null = null
  let isUp = false
  let life = 0
  let earlier = ''
  return {
    id,
    get address() {
      return `127.0.0.1:${port}`
    },
    get isUp() {
      return isUp
    },
    get output() {
      return earlier + (running?.output ?? '')
    },
    get running() {
      return running!
    },
    async kill(signal = 'SIGKILL') {
      isUp = false
      running!.kill(signal)
      await running!.ended
    },
    async start(other = port) {
      port = other
      if (running !== null) await given.free?.(running)
      earlier += running?.output ?? ''
      running = null
      running = await given.run(port, life++)
      isUp = true
    },
    pause: () => running!.kill('SIGSTOP'),
    resume: () => running!.kill('SIGCONT'),
  }
}

function clusterOf(brokers: readonly ClusterBroker[], below: AsyncDisposable | null): KafkaCluster {
  return {
    brokers,
    get bootstrap() {
      return brokers.map(broker => broker.address).join(',')
    },
    broker: id => brokers.find(broker => broker.id === id)!,
    async [Symbol.asyncDispose]() {
      await Promise.all(
        brokers.map(async broker => {
          if (broker.isUp) await broker.kill()
        }),
      )
      await below?.[Symbol.asyncDispose]()
    },
  }
}

/** Starts all; where one cannot, the others are ended. */
async function startAll(cluster: KafkaCluster): Promise<KafkaCluster> {
  const started = await Promise.allSettled(cluster.brokers.map(broker => broker.start()))
  const failed = started.find(one => one.status === 'rejected')
  if (failed === undefined) return cluster
  await cluster[Symbol.asyncDispose]()
  throw failed.reason
}

const freePorts = (count: number) => Promise.all(Array.from({ length: count }, () => freePort()))

/** A listener beside PLAINTEXT: where it listens, and the port that clients are told. */
interface Listener {
  readonly name: string
  readonly port: number
  readonly told: number
}

interface ClusterOptions {
  readonly brokers?: number
  /** For a cluster of one. */
  readonly listeners?: readonly Listener[]
}

/** Listeners of the broker at `port`; a controller's has a port of its own. */
function listenersAt(port: number, { listeners = [] }: ClusterOptions, controllerPort?: number) {
  const all = [{ name: 'PLAINTEXT', port, told: port }, ...listeners]
  const written = (of: 'port' | 'told') => all.map(one => `${one.name}://127.0.0.1:${one[of]}`)
  const controller = controllerPort === undefined ? [] : [`CONTROLLER://127.0.0.1:${controllerPort}`]
  return {
    listeners: [...written('port'), ...controller].join(','),
    'advertised.listeners': written('told').join(','),
    'listener.security.protocol.map': ['CONTROLLER', ...all.map(({ name }) => name)]
      .map(name => `${name}:PLAINTEXT`)
      .join(','),
  }
}

/**
 * Three brokers of Kafka 4.1.0, of which the voters are controllers as well, all where absent; internal
 * topics have three replicas. Times are short: a broker that is gone is missed after 3 s, a lost controller
 * is replaced after about 1 s.
 */
export async function startCluster41(
  directory: string,
  options: ClusterOptions & { readonly voters?: readonly number[] } = {},
): Promise<KafkaCluster> {
  const count = options.brokers ?? 3
  const ports = await freePorts(count)
  const controllerPorts = await freePorts(count)
  const ids = ports.map((_, index) => index + 1)
  const voters = options.voters ?? ids
  const homes = ids.map(id => join(directory, `kafka-4.1.0-${id}`))
  const writeFile = (id: number, port: number) => {
    const file = join(homes[id - 1]!, 'server.properties')
    const isVoter = voters.includes(id)
    const text = properties({
      'process.roles': isVoter ? 'broker,controller' : 'broker',
      'node.id': id,
      'controller.quorum.voters': voters.map(one => `${one}@127.0.0.1:${controllerPorts[one - 1]}`).join(','),
      'controller.listener.names': 'CONTROLLER',
      ...listenersAt(port, options, isVoter ? controllerPorts[id - 1] : undefined),
      'log.dirs': join(homes[id - 1]!, 'logs'),
      'default.replication.factor': Math.min(3, count),
      'min.insync.replicas': Math.min(2, count),
      'offsets.topic.replication.factor': Math.min(3, count),
      'offsets.topic.num.partitions': 3,
      'transaction.state.log.replication.factor': Math.min(3, count),
      'transaction.state.log.min.isr': Math.min(2, count),
      'transaction.state.log.num.partitions': 3,
      'group.initial.rebalance.delay.ms': 0,
      'broker.session.timeout.ms': 3000,
      'broker.heartbeat.interval.ms': 500,
      'controller.quorum.election.timeout.ms': 500,
      'controller.quorum.fetch.timeout.ms': 1000,
      'num.network.threads': 2,
      'num.io.threads': 3,
      'log.cleaner.enable': 'false',
      'auto.create.topics.enable': 'false',
      'share.coordinator.state.topic.replication.factor': 1,
    })
    writeFileSync(file, text)
    return file
  }
  for (const home of homes) mkdirSync(join(home, 'logs'), { recursive: true })
  const jars = await fetchPeer('kafka-4.1.0')
  const format = ['format', '-t', 'MkU3OEVBNTcwNTJENDM2Qg', '-c', writeFile(1, ports[0]!)]
  await promisify(execFile)('java', ['-cp', `${jars}/*`, 'kafka.tools.StorageTool', ...format])
  // Formatting takes seconds a node; what it writes differs in these two lines alone.
  for (const id of ids.slice(1))
    for (const name of ['meta.properties', 'bootstrap.checkpoint'])
      writeFileSync(
        join(homes[id - 1]!, 'logs', name),
        name === 'meta.properties'
          ? readFileSync(join(homes[0]!, 'logs', name), 'utf8')
              .replace(/^node\.id=.*$/m, `node.id=${id}`)
              .replace(/^directory\.id=.*$/m, `directory.id=${randomBytes(16).toString('base64url')}`)
          : readFileSync(join(homes[0]!, 'logs', name)),
      )
  const brokers = ids.map(id =>
    brokerOf(id, {
      port: ports[id - 1]!,
      run: (port, life) =>
        java('kafka-4.1.0', homes[id - 1]!, `kafka-4.1.0-${id}-${life}`, {
          options: jvm,
          main: ['kafka.Kafka', writeFile(id, port)],
          ready: /Kafka Server started/,
        }),
    }),
  )
  return startAll(clusterOf(brokers, null))
}

/**
 * Two brokers of Kafka 0.10.2.1 with what the seed's server.properties say about replicas: two of topics
 * and of positions, one in sync is enough, topics are not made by asking. A leader that is gone is missed
 * after 4 s.
 */
export async function startCluster010(
  directory: string,
  options: ClusterOptions = {},
): Promise<KafkaCluster> {
  const zookeeper = await startZooKeeper(directory)
  const count = options.brokers ?? 2
  const ports = await freePorts(count)
  const brokers = ports.map((firstPort, index) =>
    brokerOf(index + 1, {
      port: firstPort,
      async free({ output }) {
        // Until ZooKeeper has missed a broker that was killed, it takes no other with its number.
        const session = /Session establishment complete.* sessionid = (0x[0-9a-f]+)/.exec(output)?.[1]
        if (!/Session: 0x[0-9a-f]+ closed/.test(output))
          await zookeeper.line(new RegExp(`Expiring session ${session}\\b`))
      },
      run: (port, life) => {
        const home = join(directory, `kafka-0.10.2.1-${index + 1}`)
        mkdirSync(home, { recursive: true })
        const file = join(home, 'server.properties')
        const text = properties({
          'broker.id': index + 1,
          ...listenersAt(port, options),
          'log.dirs': join(home, 'logs'),
          'zookeeper.connect': zookeeper.connect,
          'zookeeper.session.timeout.ms': 4000,
          'delete.topic.enable': 'true',
          'auto.create.topics.enable': 'false',
          'default.replication.factor': count,
          'offsets.topic.num.partitions': 50,
          'offsets.topic.replication.factor': count,
          'min.insync.replicas': 1,
          'num.network.threads': 4,
          'num.io.threads': 8,
          'num.replica.fetchers': 4,
          'controlled.shutdown.retry.backoff.ms': 500,
          'group.initial.rebalance.delay.ms': 0,
          // 128 MiB a broker where it is not written.
          'log.cleaner.dedupe.buffer.size': 2_097_152,
        })
        writeFileSync(file, text)
        return java('kafka-0.10.2.1', home, `kafka-0.10.2.1-${index + 1}-${life}`, {
          options: jvm,
          main: ['kafka.Kafka', file],
          ready: /kafka\.server\.KafkaServer: .*started/,
        })
      },
    }),
  )
  try {
    const cluster = await startAll(clusterOf(brokers, zookeeper))
    await untilListed(cluster.bootstrap, count)
    return cluster
  } catch (error) {
    await zookeeper.stop()
    throw error
  }
}

/** Until every replica of the topics is in sync, and every partition has a leader. */
export async function inSync(cluster: KafkaCluster, topics: readonly string[], limitMs = 60_000) {
  const isWhole = () =>
    withAdmin(cluster.bootstrap, async admin =>
      (await admin.fetchTopicMetadata({ topics: [...topics] })).topics.every(({ partitions }) =>
        partitions.every(({ isr, replicas, leader }) => leader >= 0 && isr.length === replicas.length),
      ),
    ).catch(() => false)
  await waitFor(isWhole, `all replicas of ${topics.join(', ')} are in sync`, limitMs)
}

/** The node that leads the controllers of a 4.1 cluster, by what the brokers print. */
export function controllerOf(cluster: KafkaCluster): number {
  let best = { epoch: -1, id: -1 }
  for (const { id, output } of cluster.brokers)
    for (const found of output.matchAll(/Completed transition to Leader\(.*?epoch=(\d+)/g)) {
      const epoch = Number(found[1])
      if (epoch > best.epoch) best = { epoch, id }
    }
  assert.notEqual(best.id, -1)
  return best.id
}

export interface Site extends AsyncDisposable {
  readonly broker: ClusterBroker
  /** Around all proxies. */
  readonly bootstrap: string
  proxy(name: string): FaultProxy
}

export async function startSite(
  directory: string,
  names: readonly string[],
  version: '4.1.0' | '0.10.2.1' = '4.1.0',
): Promise<Site> {
  await using starting = new AsyncDisposableStack()
  const ports = await freePorts(names.length)
  const proxies = await Promise.all(ports.map(target => starting.use(new FaultProxy({ target })).start()))
  const listeners = proxies.map(({ port, target }, index) => ({
    name: names[index]!.toUpperCase().replaceAll(/[^A-Z]/g, '_'),
    port: target,
    told: port,
  }))
  const start = version === '4.1.0' ? startCluster41 : startCluster010
  const cluster = starting.use(await start(directory, { brokers: 1, listeners }))
  const stack = starting.move()
  return {
    broker: cluster.broker(1),
    bootstrap: cluster.bootstrap,
    proxy: name => proxies[names.indexOf(name)]!,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}
