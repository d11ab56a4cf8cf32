// Chains of two of our agents as the outage tests watch them: their memory from /proc, their channels and
// counters from /metrics, their health, and the lines they print, by kind.
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ChainAgent } from '../chain/agent.ts'
import { confOfA, confOfB } from '../chain/chain.ts'
import { FaultProxy } from '../chain/faults.ts'
import { readArrivals } from '../chain/ledger.ts'
import { startLoad, type Load } from '../chain/load.ts'
import { startCluster41, type KafkaCluster } from './peers/clusters.ts'
import { freePort, startKafka010, startZooKeeper } from './peers/peers.ts'
import { createTopic, withAdmin } from './peers/topics.ts'
import { waitFor } from './peers/waiting.ts'

/** Small, so that an outage of a minute fills it. */
export const channelCapacity = 2000

/** An outage takes its time. */
export const lasts = (ms: number, signal?: AbortSignal): Promise<void> =>
  delay(Math.max(0, ms), undefined, signal === undefined ? {} : { signal }).catch(() => {})

export interface WatchedChain extends AsyncDisposable {
  readonly name: string
  readonly a: ChainAgent
  readonly b: ChainAgent
  readonly load: Load
  /** Between A and B; between A and its brokers; between B and its brokers. */
  readonly proxies: Readonly<Record<'hop' | 'forA' | 'forB', FaultProxy>>
  /** Events that B's sink has delivered so far. */
  delivered(): Promise<number>
  /** Ends the load. Gives what has arrived, with the repeats that are not already in the first topic. */
  finish(limitMs?: number): Promise<{ events: number; repeats: number; faults: readonly string[] }>
}

/** One broker with a listener for us and one for each of the names, behind a proxy of its own. */
export interface Site extends AsyncDisposable {
  /** Ends with SIGKILL and starts again, stands still and goes on; 4.1 alone. */
  readonly cluster: KafkaCluster | null
  /** Around all proxies. */
  readonly bootstrap: string
  proxy(name: string): FaultProxy
}

export interface ChainOfSite {
  readonly perSecond?: number
  readonly moreA?: readonly string[]
  readonly moreB?: readonly string[]
  /** Agents are not started. */
  readonly isIdle?: boolean
}

/** The listeners of the two agents of a chain. */
export const namesOf = (chain: string): string[] => [`${chain}-A`, `${chain}-B`]

export async function siteOf(
  directory: string,
  names: readonly string[],
  version: '4.1.0' | '0.10.2.1' = '4.1.0',
): Promise<Site> {
  for (let tries = 1; ; tries++)
    try {
      return await startSite(join(directory, `try-${tries}`), names, version)
    } catch (error) {
      // One of its many ports may have been taken by somebody else meanwhile.
      if (tries === 3) throw error
    }
}

async function startSite(directory: string, names: readonly string[], version: string): Promise<Site> {
  const listeners = ['DIRECT', ...names.map(asListener)]
  const proxies = await Promise.all(listeners.map(() => new FaultProxy().start()))
  const ports = await Promise.all(listeners.map(() => freePort()))
  const controllerPort = await freePort()
  for (const [index, proxy] of proxies.entries()) proxy.target = ports[index]!
  const address = (name: string, port: number) => `${name}://127.0.0.1:${port}`
  const ours = listeners.map((name, index) => address(name, ports[index]!))
  const properties = {
    'advertised.listeners': listeners
      .map((name, index) => address(name, index === 0 ? ports[0]! : proxies[index]!.port))
      .join(','),
    'listener.security.protocol.map': [...listeners, 'CONTROLLER'].map(name => `${name}:PLAINTEXT`).join(','),
    'inter.broker.listener.name': 'DIRECT',
  }
  const dispose = async () => {
    for (const proxy of proxies) await proxy[Symbol.asyncDispose]()
  }
  try {
    const cluster =
      version === '4.1.0'
        ? await startCluster41(directory, {
            brokers: 1,
            properties: {
              ...properties,
              listeners: [...ours, address('CONTROLLER', controllerPort)].join(','),
              'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
            },
          })
        : null
    const started =
      cluster ??
      (await startOld(directory, `127.0.0.1:${ports[0]}`, { ...properties, listeners: ours.join(',') }))
    return {
      cluster,
      bootstrap: `127.0.0.1:${ports[0]}`,
      proxy: name => proxies[listeners.indexOf(asListener(name))]!,
      async [Symbol.asyncDispose]() {
        await started[Symbol.asyncDispose]()
        await dispose()
      },
    }
  } catch (error) {
    await dispose()
    throw error
  }
}

async function startOld(
  directory: string,
  bootstrap: string,
  properties: Record<string, string>,
): Promise<AsyncDisposable> {
  const zookeeper = await startZooKeeper(directory)
  const kafka = await startKafka010(directory, zookeeper, { properties })
  // It is its own controller only a moment after it says that it has started.
  const controller = async () => (await withAdmin(bootstrap, admin => admin.describeCluster())).controller
  await waitFor(async () => ((await controller()) ?? -1) >= 0, 'the broker is the controller')
  return {
    async [Symbol.asyncDispose]() {
      await kafka.stop()
      await zookeeper.stop()
    },
  }
}

const asListener = (name: string) => name.toUpperCase().replaceAll(/[^A-Z]/g, '_')

/** Two agents with topics of their own; the site has the listeners `namesOf(name)`. */
export async function chainOn(
  site: Site,
  name: string,
  given: ChainOfSite & { readonly directory: string },
): Promise<WatchedChain> {
  const { bootstrap } = site
  const directory = join(given.directory, name)
  const [forA, forB] = namesOf(name).map(listener => site.proxy(listener)) as [FaultProxy, FaultProxy]
  const [from, to] = [`${name}-in`, `${name}-out`]
  await createTopic(bootstrap, from, 2)
  await createTopic(bootstrap, to, 2)
  const port = await freePort()
  const hop = await new FaultProxy({ target: port }).start()
  const small = (agent: string) => [
    `${agent}.channels.c.capacity = ${channelCapacity}`,
    `${agent}.channels.c.transactionCapacity = 100`,
  ]
  const chain = { bootstrap, directory, from, to, group: name, port, sendTo: hop.port }
  const confA = confOfA({
    ...chain,
    moreA: [
      ...small('A'),
      `A.sources.s.kafka.bootstrap.servers = 127.0.0.1:${forA.port}`,
      'A.sources.s.kafka.consumer.auto.offset.reset = earliest',
      'A.sources.s.kafka.consumer.request.timeout.ms = 5000',
      'A.sinks.k.connect-timeout = 5000',
      'A.sinks.k.request-timeout = 5000',
      ...(given.moreA ?? []),
    ],
  })
  const confB = confOfB({
    ...chain,
    moreB: [
      ...small('B'),
      `B.sinks.k.kafka.bootstrap.servers = 127.0.0.1:${forB.port}`,
      'B.sinks.k.kafka.producer.request.timeout.ms = 5000',
      'B.sinks.k.kafka.producer.acks = all',
      ...(given.moreB ?? []),
    ],
  })
  const a = await ChainAgent.of('A', directory, confA)
  const b = await ChainAgent.of('B', directory, confB)
  if (given.isIdle !== true) {
    await b.start()
    await a.start()
  }
  const load = startLoad(bootstrap, {
    topic: from,
    partitions: 2,
    batch: 50,
    perSecond: given.perSecond ?? 250,
  })
  return {
    name,
    a,
    b,
    load,
    proxies: { hop, forA, forB },
    delivered: () => b.count('SINK.k', 'EventDrainSuccessCount'),
    async finish(limitMs = 60_000) {
      const sent = await load.stop()
      const arrived = await readArrivals(bootstrap, to, sent, { limitMs })
      const written = await readArrivals(bootstrap, from, sent)
      return { ...arrived, repeats: arrived.repeats - written.repeats }
    },
    async [Symbol.asyncDispose]() {
      await load.stop().catch(() => {})
      await a[Symbol.asyncDispose]()
      await b[Symbol.asyncDispose]()
      await hop[Symbol.asyncDispose]()
    },
  }
}
