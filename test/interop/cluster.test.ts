// Clusters of several real brokers, which are killed, stopped, halted and moved under load: what the chain
// of two agents carries is complete all the same, as far as `acks` asks for it.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { ChainAgent } from '../chain/agent.ts'
import { Chain } from '../chain/chain.ts'
import { assertComplete, readArrivals } from '../chain/ledger.ts'
import { startLoad } from '../chain/load.ts'
import {
  controllerOf,
  inSync,
  startCluster010,
  startCluster41,
  type ClusterBroker,
  type KafkaCluster,
} from './peers/clusters.ts'
import { freePort, skipWithoutPeers } from './peers/peers.ts'
import { withAdmin } from './peers/topics.ts'
import { waitFor } from './peers/waiting.ts'

const isDeep = process.env['MILLRACE_DEEP'] === '1'
/** What can be under way in a chain: the sink's window of 20 batches of 100. */
const inFlight = 2000

interface Topics {
  readonly acks: 'all' | '1'
  /** Configuration of the topic that A reads. */
  readonly configIn?: { name: string; value: string }[]
  /** Where the replicas of every partition lie, the leader first: of the topic that A reads, and of the other. */
  readonly replicas?: readonly [readonly number[], readonly number[]]
  readonly moreA?: readonly string[]
  readonly moreB?: readonly string[]
}

/** A chain under load, whose first bootstrap server nobody listens on. */
async function chainOn(
  cluster: KafkaCluster,
  directory: string,
  name: string,
  given: Topics,
): Promise<Chain> {
  const partitions = 3
  const createTopics = async (from: string, to: string) => {
    const topics = [from, to].map((topic, end) => ({
      topic,
      configEntries: end === 0 ? (given.configIn ?? []) : [],
      ...(given.replicas === undefined
        ? { numPartitions: partitions, replicationFactor: 3 }
        : {
            replicaAssignment: Array.from({ length: partitions }, (_, partition) => ({
              partition,
              replicas: [...given.replicas![end]!],
            })),
          }),
    }))
    await withAdmin(cluster.bootstrap, admin => admin.createTopics({ topics }))
    await inSync(cluster, [from, to])
  }
  const chain = await Chain.create(
    {
      name,
      bootstrap: `127.0.0.1:1,${cluster.bootstrap}`,
      directory,
      partitions,
      createTopics,
      moreA: ['A.sources.s.kafka.consumer.auto.offset.reset = earliest', ...(given.moreA ?? [])],
      moreB: [`B.sinks.k.kafka.producer.acks = ${given.acks}`, ...(given.moreB ?? [])],
    },
    () => cluster.bootstrap,
  )
  await chain.start('A', 'B')
  chain.load({ perSecond: 900, apart: true })
  return chain
}

/** A broker that was away is told of once when it went and once when it came back. */
async function assertTold(chain: Chain, { address }: ClusterBroker, times: number): Promise<void> {
  for (const agent of [chain.a, chain.b]) {
    const linesOf = (pattern: RegExp) =>
      agent.lines.filter(line => line.includes(`Kafka broker ${address} `) && pattern.test(line))
    const went = () => linesOf(/ cannot be used: (?!.* for \d+ s)/)
    const came = () => linesOf(/ can be used again/)
    await waitFor(() => came().length === went().length, `${agent.name} tells that ${address} is back`)
    assert.ok(went().length <= times, went().join('\n'))
  }
}

describe('three brokers of Kafka 4.1, acks = all', { skip: skipWithoutPeers, timeout: 600_000 }, () => {
  let directory: string
  let cluster: KafkaCluster

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'millrace-cluster-'))
    cluster = await startCluster41(directory, isDeep ? {} : { voters: [3] })
  })
  after(async () => {
    await cluster?.[Symbol.asyncDispose]()
    rmSync(directory, { recursive: true, force: true })
  })

  const chainOf = (name: string, more: Partial<Topics> = {}) =>
    chainOn(cluster, directory, name, { acks: 'all', ...more })

  test('each is killed in turn under load', async t => {
    await using chain = await chainOf('killed')
    await chain.flows()
    const rounds = isDeep ? 5 : 1
    for (let round = 0; round < rounds; round++)
      for (const broker of cluster.brokers) {
        const isController = controllerOf(cluster) === broker.id
        const begun = performance.now()
        await broker.kill()
        // Without any controller nobody else can lead.
        if (!isController || isDeep) await chain.flows()
        const ms = Math.round(performance.now() - begun)
        t.diagnostic(
          `broker ${broker.id}${isController ? ', the controller,' : ''} killed; on after ${ms} ms`,
        )
        await broker.start()
        await chain.flows()
        await inSync(cluster, ['killed-in', 'killed-out', '__consumer_offsets'])
      }
    await chain.assertComplete(t, 3 * rounds * inFlight)
    for (const broker of cluster.brokers) await assertTold(chain, broker, rounds)
  })

  test('two are gone: what cannot be written safely waits in the channels', async t => {
    await using chain = await chainOf('waiting', {
      configIn: [{ name: 'min.insync.replicas', value: '1' }],
    })
    await chain.flows()
    // The one that is left must be able to lead, and to be the group's coordinator.
    await inSync(cluster, ['waiting-in', 'waiting-out', '__consumer_offsets'])
    const gone = [cluster.broker(1), cluster.broker(2)]
    await Promise.all(gone.map(broker => broker.kill()))
    await chain.holds(500)
    const delivered = await chain.delivered()
    await chain.holds(1500)
    assert.equal(await chain.delivered(), delivered)
    await Promise.all(gone.map(broker => broker.start()))
    await chain.assertComplete(t, 2 * inFlight)
    await waitFor(async () => (await chain.held()) === 0, 'the channels are empty')
    for (const broker of gone) await assertTold(chain, broker, 1)
  })

  test('one stands still: its connections, and what they were asked', async t => {
    const patience = '.request.timeout.ms = 4000'
    await using chain = await chainOf('still', {
      moreA: [`A.sources.s.kafka.consumer${patience}`],
      moreB: [`B.sinks.k.kafka.producer${patience}`],
    })
    await chain.flows()
    const broker = cluster.broker(1)
    broker.pause()
    try {
      const begun = performance.now()
      await chain.flows(1000)
      t.diagnostic(`1000 more after ${Math.round(performance.now() - begun)} ms`)
    } finally {
      broker.resume()
    }
    await chain.flows()
    await chain.assertComplete(t, 2 * inFlight)
  })

  test('a rolling restart, each back on another port', async t => {
    await using chain = await chainOf('rolling')
    await chain.flows()
    for (const broker of cluster.brokers) {
      const begun = performance.now()
      const steps: number[] = []
      const step = () => steps.push(Math.round(performance.now() - begun))
      await broker.kill('SIGTERM')
      step()
      await broker.start(await freePort())
      step()
      await chain.flows()
      step()
      await inSync(cluster, ['rolling-in', 'rolling-out', '__consumer_offsets'])
      step()
      t.diagnostic(`broker ${broker.id}: ended, back, flowing, in sync after ${steps.join(', ')} ms`)
    }
    await chain.assertComplete(t, 3 * inFlight)
  })

  test('six agents of one group: each is restarted in turn, and then each broker', async t => {
    const [from, to] = ['six-in', 'six-out']
    const topics = [from, to].map(topic => ({ topic, numPartitions: 12, replicationFactor: 3 }))
    await withAdmin(cluster.bootstrap, admin => admin.createTopics({ topics }))
    await inSync(cluster, [from, to])
    const agents = await Promise.all(
      Array.from({ length: 6 }, (_, index) => {
        const home = join(directory, `six-${index}`)
        return ChainAgent.of(
          'A',
          home,
          confOfOneAgent({ bootstrap: cluster.bootstrap, home, from, to, index }),
        )
      }),
    )
    await using stack = new AsyncDisposableStack()
    for (const agent of agents) stack.use(agent)
    await Promise.all(agents.map(agent => agent.start()))
    const load = startLoad(cluster.bootstrap, {
      topic: from,
      partitions: 12,
      batch: 10,
      perSecond: 1000,
      apart: true,
    })
    stack.defer(async () => void (await load.stop().catch(() => {})))
    const deliversMore = async (agent: ChainAgent, what: string) => {
      const delivered = await agent.count('SINK.k', 'EventDrainSuccessCount')
      await waitFor(async () => (await agent.count('SINK.k', 'EventDrainSuccessCount')) > delivered, what)
    }
    const all = async (what: string) => {
      for (const [index, agent] of agents.entries())
        await deliversMore(agent, `agent ${index} delivers ${what}`)
    }
    await all('after the start')
    for (const [index, agent] of agents.entries()) {
      await agent.stop()
      await agent.start()
      await deliversMore(agent, `agent ${index} delivers again`)
    }
    for (const broker of cluster.brokers) {
      const isController = controllerOf(cluster) === broker.id
      await broker.kill('SIGTERM')
      // Without any controller nobody else can lead.
      if (!isController || isDeep) await all(`without broker ${broker.id}`)
      await broker.start()
      await inSync(cluster, [from, to, '__consumer_offsets'])
      await all(`with broker ${broker.id} back`)
    }
    const arrival = await readArrivals(cluster.bootstrap, to, await load.stop())
    const logs = agents.flatMap(agent => agent.lines.slice(-20))
    assertComplete(arrival, { mostRepeats: 3 * agents.length * inFlight, logs })
    const pauses = [...arrival.pausesMs.values()].sort((one, other) => one - other)
    t.diagnostic(
      `${arrival.events} events, ${arrival.repeats} repeats; longest pause of a partition: ${pauses.join(', ')} ms`,
    )
  })
})

/** Kafka source, file channel, Kafka sink, under a name by which the group knows the agent again. */
const confOfOneAgent = (given: {
  bootstrap: string
  home: string
  from: string
  to: string
  index: number
}): string => `
A.sources = s
A.channels = c
A.sinks = k
A.sources.s.type = org.apache.flume.source.kafka.KafkaSource
A.sources.s.kafka.bootstrap.servers = ${given.bootstrap}
A.sources.s.kafka.topics = ${given.from}
A.sources.s.kafka.consumer.group.id = six
A.sources.s.kafka.consumer.group.instance.id = agent-${given.index}
A.sources.s.kafka.consumer.auto.offset.reset = earliest
A.sources.s.interceptors = i
A.sources.s.interceptors.i.type = static
A.sources.s.interceptors.i.key = topic
A.sources.s.interceptors.i.preserveExisting = false
A.sources.s.interceptors.i.value = ${given.to}
A.sources.s.channels = c
A.channels.c.type = file
A.channels.c.checkpointDir = ${given.home}/checkpoint
A.channels.c.dataDirs = ${given.home}/data
A.sinks.k.type = org.apache.flume.sink.kafka.KafkaSink
A.sinks.k.kafka.bootstrap.servers = ${given.bootstrap}
A.sinks.k.kafka.producer.acks = all
A.sinks.k.flumeBatchSize = 100
A.sinks.k.channel = c
`

describe('two brokers of Kafka 0.10.2.1', { skip: skipWithoutPeers }, () => {
  let directory: string
  let cluster: KafkaCluster

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'millrace-cluster-old-'))
    cluster = await startCluster010(directory)
  })
  after(async () => {
    await cluster?.[Symbol.asyncDispose]()
    rmSync(directory, { recursive: true, force: true })
  })

  /**
   * The leader acknowledges for a second what its follower cannot fetch, and dies; the follower, in sync
   * by its broker's account, goes on without. Gives how many events were acknowledged meanwhile.
   */
  async function killLeader(chain: Chain): Promise<number> {
    const [leader, follower] = cluster.brokers as [ClusterBroker, ClusterBroker]
    await chain.flows()
    follower.pause()
    const before = await chain.delivered()
    const isAhead = async () => (await chain.delivered()) > before + 1000
    // With acks = all nothing is acknowledged meanwhile.
    await waitFor(isAhead, 'a thousand are acknowledged', 2500).catch(() => {})
    const acknowledged = (await chain.delivered()) - before
    await leader.kill()
    follower.resume()
    await leader.start()
    await chain.flows()
    return acknowledged
  }

  test('the leader is killed, acks = 1 as in the seed: what its follower had not fetched is lost', async t => {
    await using chain = await chainOn(cluster, directory, 'one', { acks: '1', replicas: [[1], [1, 2]] })
    const acknowledged = await killLeader(chain)
    await chain.stopLoad()
    await waitFor(async () => (await chain.held()) === 0, 'the channels are empty')
    const { faults, repeats } = await chain.arrivals(t, { limitMs: 5_000 })
    t.diagnostic(`lost with acks = 1: ${faults.join('; ')}`)
    let lost = 0
    for (const fault of faults) {
      const found = /^partition \d+: (\d+) of \d+ are missing, (\d+) to (\d+)$/.exec(fault)
      const [count, first, last] = (found?.slice(1) ?? []).map(Number) as [number, number, number]
      // Nothing else than one piece of each partition: no other gap, no other order.
      assert.equal(count, last - first + 1, fault)
      lost += count
    }
    assert.ok(lost > 0 && lost <= acknowledged + inFlight, `${lost} lost`)
    assert.ok(repeats <= 2 * inFlight, `${repeats} repeats`)
    await chain.assertWell()
  })

  test('the same with acks = all: nothing is lost', async t => {
    await using chain = await chainOn(cluster, directory, 'all', { acks: 'all', replicas: [[1], [1, 2]] })
    await killLeader(chain)
    await chain.assertComplete(t, 2 * inFlight)
  })
})
