// The chain of two agents on a cluster of several brokers, under load: what the tests that end brokers
// need to watch it and to judge it.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { ChainAgent } from '../chain/agent.ts'
import { confOfA, confOfB } from '../chain/chain.ts'
import { assertComplete, readArrivals, type Arrival } from '../chain/ledger.ts'
import { startLoad, type Load } from '../chain/load.ts'
import type { KafkaCluster } from './peers/clusters.ts'
import { freePort } from './peers/peers.ts'
import { withAdmin } from './peers/topics.ts'
import { waitFor } from './peers/waiting.ts'

export interface ClusterChain extends AsyncDisposable {
  readonly name: string
  readonly a: ChainAgent
  readonly b: ChainAgent
  readonly load: Load
  /** Events that B's sink has delivered so far. */
  delivered(): Promise<number>
  /** Events in A's channel and in B's. */
  held(): Promise<number>
  /** Resolves when so many more events than now have been delivered. */
  flows(events?: number, limitMs?: number): Promise<void>
  /** Ends the load and gives what has arrived of it, without the repeats that the load itself has written. */
  arrivals(t: TestContext, limitMs?: number): Promise<Arrival>
  /** The same, asserting that it is complete, the agents alive and green. */
  assertComplete(t: TestContext, mostRepeats: number): Promise<void>
  /** Both agents are alive and their health is green. */
  assertWell(): Promise<void>
}

export interface ChainOnCluster {
  readonly name: string
  readonly directory: string
  readonly replicationFactor: number
  readonly partitions?: number
  readonly perSecond?: number
  readonly acks: 'all' | '1'
  /** Configurations of the topic that A reads, and of the one that B writes. */
  readonly configIn?: Readonly<Record<string, string>>
  readonly configOut?: Readonly<Record<string, string>>
  /** Where the replicas of every partition lie, the leader first: of the topic that A reads, and of the other. */
  readonly replicasIn?: readonly number[]
  readonly replicasOut?: readonly number[]
  /** More lines of the agents' files. */
  readonly moreA?: readonly string[]
  readonly moreB?: readonly string[]
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

export async function startClusterChain(cluster: KafkaCluster, given: ChainOnCluster): Promise<ClusterChain> {
  const { name, partitions = 3, perSecond = 900, replicationFactor, acks } = given
  const [from, to] = [`${name}-in`, `${name}-out`]
  const { bootstrap } = cluster
  const entries = (config: Readonly<Record<string, string>> = {}) =>
    Object.entries(config).map(([key, value]) => ({ name: key, value }))
  const placed = (replicas: readonly number[] | undefined) =>
    replicas === undefined
      ? { numPartitions: partitions, replicationFactor }
      : {
          replicaAssignment: Array.from({ length: partitions }, (_, partition) => ({
            partition,
            replicas: [...replicas],
          })),
        }
  await withAdmin(bootstrap, admin =>
    admin.createTopics({
      topics: [
        { topic: from, configEntries: entries(given.configIn), ...placed(given.replicasIn) },
        { topic: to, configEntries: entries(given.configOut), ...placed(given.replicasOut) },
      ],
    }),
  )
  await inSync(cluster, [from, to])
  const directory = join(given.directory, name)
  const port = await freePort()
  const conf = {
    // Nobody listens on the first.
    bootstrap: `127.0.0.1:1,${bootstrap}`,
    directory,
    from,
    to,
    group: name,
    port,
    moreA: ['A.sources.s.kafka.consumer.auto.offset.reset = earliest', ...(given.moreA ?? [])],
    moreB: [`B.sinks.k.kafka.producer.acks = ${acks}`, ...(given.moreB ?? [])],
  }
  const b = await ChainAgent.of('B', directory, confOfB(conf))
  const a = await ChainAgent.of('A', directory, confOfA(conf))
  await b.start()
  await a.start()
  const load = startLoad(bootstrap, { topic: from, partitions, perSecond, batch: 50, apart: true })

  const delivered = () => b.count('SINK.k', 'EventDrainSuccessCount')
  const logs = () => [a, b].map(one => one.lastLines)
  const arrivals = async (t: TestContext, limitMs = 90_000) => {
    const sent = await load.stop()
    const arrived = await readArrivals(cluster.bootstrap, to, sent, { limitMs })
    // The writing client repeats what it had no answer for: those are not the chain's.
    const written = await readArrivals(cluster.bootstrap, from, sent, { limitMs: 30_000, extraMs: 0 })
    const own = { ...arrived, repeats: arrived.repeats - written.repeats }
    const total = [...sent.values()].reduce((sum, count) => sum + count, 0)
    t.diagnostic(
      `${name}: ${total} produced, ${own.events} arrived, ${own.repeats} repeats (and ${written.repeats} of the load's own)`,
    )
    return own
  }
  const assertWell = async () => {
    for (const agent of [a, b])
      await waitFor(
        async () => (await agent.problem()) === null,
        `health is green\n${logs().join('\n')}`,
        30_000,
      )
  }
  return {
    name,
    a,
    b,
    load,
    delivered,
    held: async () =>
      (await a.count('CHANNEL.c', 'ChannelSize')) + (await b.count('CHANNEL.c', 'ChannelSize')),
    async flows(events = 300, limitMs = 60_000) {
      const before = await delivered()
      await waitFor(
        async () => (await delivered()) >= before + events,
        `${name}: ${events} more events are delivered\n${logs().join('\n')}`,
        limitMs,
      )
    },
    arrivals,
    async assertComplete(t, mostRepeats) {
      assertComplete(await arrivals(t), { mostRepeats, logs: logs() })
      await assertWell()
    },
    assertWell,
    async [Symbol.asyncDispose]() {
      await load.stop().catch(() => {})
      await Promise.all([a.stop(), b.stop()])
    },
  }
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
