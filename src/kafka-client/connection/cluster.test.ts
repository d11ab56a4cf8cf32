import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { conditionsOn } from '../../../test/context.ts'
import { hurriedSystem, metadataOf, ScriptedBroker, type TopicScript } from '../../../test/scripted-broker.ts'
import { Fault } from '../../errors.ts'
import { silentLogger } from '../../observe/log.ts'
import type { Network } from '../../system/network.ts'
import { findCoordinator as findCoordinatorApi } from '../../wire/kafka/messages/find-coordinator.ts'
import { metadata } from '../../wire/kafka/messages/metadata.ts'
import { Cluster } from './cluster.ts'
import { findCoordinator } from './coordinator.ts'
import { connectionDefaults } from '../settings.ts'

const system = hurriedSystem(20)
const nobody = { host: '127.0.0.1', port: 1 }

function clusterOn(bootstrapServers: readonly string[], network: Network = system.network) {
  const { condition, health } = conditionsOn(system.clock, silentLogger)
  const cluster = new Cluster({
    system: { ...system, network },
    log: silentLogger,
    condition,
    settings: { ...connectionDefaults, bootstrapServers },
    allowAutoTopicCreation: false,
  })
  return Object.assign(cluster, { health, [Symbol.dispose]: () => cluster.close() })
}

const asking = (broker: ScriptedBroker, name = 'Metadata') => broker.asked.filter(one => one.name === name)

/** As many brokers that know each other and, as long as nothing else is said, the same topics. */
async function brokersWith(count: number, topics: Readonly<Record<string, TopicScript>>) {
  const stack = new AsyncDisposableStack()
  const brokers: ScriptedBroker[] = []
  for (let index = 0; index < count; index++) brokers.push(stack.use(await new ScriptedBroker().start()))
  for (const broker of brokers)
    broker.on(
      metadata,
      metadataOf(
        brokers.map(one => one.address),
        topics,
      ),
    )
  return {
    brokers,
    addresses: brokers.map(one => one.address),
    bootstrap: brokers.map(one => one.bootstrap),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

/** The clock's time that passes until the promise settles. */
async function msOf(work: Promise<unknown>): Promise<number> {
  const begun = system.clock.monotonic()
  await work
  return system.clock.monotonic() - begun
}

describe('finding a broker that answers', () => {
  it('goes past dead entries of the list, and on without the list once brokers are learned', async () => {
    await using three = await brokersWith(3, { t: { leaders: [0, 1, 2] } })
    const [first, second, third] = three.brokers as [ScriptedBroker, ScriptedBroker, ScriptedBroker]
    using cluster = clusterOn(['127.0.0.1:1', '127.0.0.1:2', first.bootstrap])
    cluster.watch(['t'])
    await cluster.refresh()
    assert.equal(cluster.leaderOf('t', 2), 2)
    await first.stop()
    await cluster.refresh()
    assert.equal(asking(second).length + asking(third).length, 1)
  })

  it('names every broker tried where none can be used', async () => {
    using cluster = clusterOn(['127.0.0.1:1', '127.0.0.1:2'])
    await assert.rejects(cluster.refresh(), {
      code: 'PEER_UNREACHABLE',
      message: /no Kafka broker can be used: .*127\.0\.0\.1:[12].*; .*127\.0\.0\.1:[12]/,
    })
  })

  it('does not wait long for one that is silent, whatever its connection', async () => {
    await using two = await brokersWith(2, { t: { leaders: [0, 1] } })
    using cluster = clusterOn([two.bootstrap[0]!])
    cluster.watch(['t'])
    await cluster.refresh()
    // A process that stands still: the system takes connections and bytes for it.
    two.brokers[0]!.isSilent = true
    for (let turn = 0; turn < 3; turn++) {
      const ms = await msOf(cluster.refresh())
      assert.ok(ms < 30_000, `${ms} ms, with request.timeout.ms at 30 s`)
    }
    assert.equal(asking(two.brokers[1]!).length, 3)
  })

  it('does not wait long for an address that nothing comes back from', async () => {
    await using one = await brokersWith(1, {})
    const { network, clock } = system
    const hole: Network = {
      ...network,
      async connect(target) {
        if (target.host !== 'hole') return network.connect(target)
        await clock.sleep(target.timeoutMs, target.signal)
        throw new Fault('PEER_TIMEOUT', `no connection to hole within ${target.timeoutMs} ms`)
      },
    }
    for (let turn = 0; turn < 5; turn++) {
      using cluster = clusterOn(['hole:9092', one.bootstrap[0]!], hole)
      const ms = await msOf(cluster.refresh())
      assert.ok(ms < 7_000, `${ms} ms, with socket.connection.setup.timeout.ms at 10 s`)
    }
  })

  it('asks another where the answer of the last was of no use', async () => {
    await using two = await brokersWith(2, { t: { leaders: [0] } })
    using cluster = clusterOn(two.bootstrap)
    for (let turn = 0; turn < 6; turn++) await cluster.refresh()
    assert.deepEqual(
      two.brokers.map(broker => asking(broker).length),
      [3, 3],
    )
  })

  it('does not take a broker for the cluster that does not know it yet', async () => {
    await using two = await brokersWith(2, { t: { leaders: [1] } })
    two.brokers[0]!.on(metadata, metadataOf([], {}))
    using cluster = clusterOn([two.bootstrap[0]!, two.bootstrap[1]!])
    cluster.watch(['t'])
    for (let turn = 0; turn < 4; turn++) {
      await cluster.refresh()
      assert.equal(cluster.leaderOf('t', 0), 1)
    }
  })

  it('looks for a coordinator until there is one, also past a silent broker', async () => {
    await using two = await brokersWith(2, {})
    const away = { errorCode: 15, nodeId: -1, host: '', port: -1 }
    let answers = 0
    for (const broker of two.brokers)
      broker.on(
        findCoordinatorApi,
        () => (++answers < 3 ? away : { errorCode: 0, nodeId: 1, ...two.addresses[1]! }),
        [0, 3],
      )
    using cluster = clusterOn(two.bootstrap)
    await cluster.refresh()
    two.brokers[0]!.isSilent = true
    const finding = findCoordinator(cluster, 'g', new AbortController().signal, 'group', () => {})
    assert.ok((await msOf(finding)) < 30_000)
    assert.deepEqual(await finding, { nodeId: 1, ...two.addresses[1] })
    assert.equal(answers, 3)
  })
})

describe('what is known of a topic', () => {
  const id = 'aaaaaaaaaaaaaaaaaaaaaA'
  const other = 'bbbbbbbbbbbbbbbbbbbbbQ'

  /** Learns the first, then the second, from one broker. */
  async function learn(first: TopicScript, second: TopicScript | null, versions: readonly [number, number]) {
    await using stack = new AsyncDisposableStack()
    const broker = stack.use(await new ScriptedBroker().start())
    const cluster = stack.use(clusterOn([broker.bootstrap]))
    const tell = (topic: TopicScript | null) =>
      void broker.on(
        metadata,
        metadataOf([broker.address, nobody, nobody], topic === null ? {} : { t: topic }),
        versions,
      )
    cluster.watch(['t'])
    tell(first)
    await cluster.refresh()
    tell(second)
    await cluster.refresh()
    const kept = stack.move()
    return {
      cluster,
      tell,
      leaders: () => cluster.topic('t')?.partitions.map(one => one.leader),
      [Symbol.asyncDispose]: () => kept.disposeAsync(),
    }
  }

  for (const [what, second] of [
    ['is unknown', null],
    ['has fewer partitions', { leaders: [0] }],
    ['has no leaders told yet', { errorCode: 5, leaders: [] }],
  ] as const)
    it(`is kept when a broker that starts says it ${what}`, async () => {
      await using learned = await learn({ leaders: [0, 1, 2] }, second, [0, 1])
      assert.deepEqual(learned.leaders(), [0, 1, 2])
    })

  it('is believed to be gone when it is still unknown after a while', async () => {
    await using learned = await learn({ leaders: [0] }, null, [0, 1])
    const asking = async () => {
      while (learned.cluster.topic('t')?.errorCode === 0) await learned.cluster.refresh()
    }
    const ms = await msOf(asking())
    assert.ok(ms > 4_500, `${ms} ms`)
    assert.equal(learned.cluster.topic('t')?.errorCode, 3)
  })

  it('is that of the later epoch, where a broker that lags behind tells of earlier leaders', async () => {
    await using learned = await learn(
      {
        id,
        leaders: [
          [1, 7],
          [2, 4],
        ],
      },
      {
        id,
        leaders: [
          [0, 6],
          [0, 5],
        ],
      },
      [0, 12],
    )
    assert.deepEqual(learned.leaders(), [1, 0])
  })

  it('is what is told of a topic made anew, though its epochs begin again and it is smaller', async () => {
    await using learned = await learn(
      {
        id,
        leaders: [
          [1, 7],
          [2, 4],
        ],
      },
      { id: other, leaders: [[0, 0]] },
      [0, 12],
    )
    assert.deepEqual(learned.leaders(), [0])
  })

  it('has no leader while none is told', async () => {
    await using learned = await learn({ id, leaders: [[1, 7]] }, { id, leaders: [[-1, 8]] }, [0, 12])
    assert.deepEqual(learned.leaders(), [-1])
    learned.tell({ id, leaders: [[2, 9]] })
    await learned.cluster.refresh()
    assert.deepEqual(learned.leaders(), [2])
  })
})

describe('brokers by their numbers', () => {
  it('are found on the port they have moved to', async () => {
    await using two = await brokersWith(2, {})
    using cluster = clusterOn([two.bootstrap[0]!])
    await cluster.refresh()
    const old = await cluster.connect(1, 'data')
    assert.equal(old.where, two.bootstrap[1])
    await two.brokers[1]!.stop()
    await using moved = await new ScriptedBroker().start()
    two.brokers[0]!.on(metadata, metadataOf([two.addresses[0]!, moved.address], {}))
    await cluster.refresh()
    assert.equal((await cluster.connect(1, 'data')).where, moved.bootstrap)
  })

  it('are refused where the cluster does not list them, until it does', async () => {
    await using one = await brokersWith(1, { t: { leaders: [1] } })
    using cluster = clusterOn(one.bootstrap)
    cluster.watch(['t'])
    await cluster.refresh()
    await assert.rejects(cluster.connect(1, 'data'), {
      code: 'PEER_UNREACHABLE',
      message: /broker 1 is not part/,
    })
  })

  it('make trouble while they lead and cannot be used, and none once others lead', async () => {
    await using one = await brokersWith(1, {})
    const [broker] = one.brokers as [ScriptedBroker]
    const tell = (leader: number) =>
      broker.on(metadata, metadataOf([broker.address, nobody], { t: { leaders: [leader] } }))
    using cluster = clusterOn(one.bootstrap)
    cluster.watch(['t'])
    tell(1)
    await cluster.refresh()
    assert.deepEqual(cluster.health(), [])
    await assert.rejects(cluster.connect(1, 'fetch'), { code: 'PEER_UNREACHABLE' })
    assert.match(
      cluster.health().join(),
      /Kafka broker 127\.0\.0\.1:1 cannot be used: cannot connect to 127\.0\.0\.1:1/,
    )
    tell(0)
    await cluster.refresh()
    assert.deepEqual(cluster.health(), [])
  })
})

it('an address that brokers told and that cannot be resolved is named as theirs', async () => {
  await using broker = await new ScriptedBroker().start()
  const nowhere = { host: 'broker-1.invalid', port: 9092 }
  broker.on(metadata, metadataOf([nowhere], { t: { leaders: [0] } }), [0, 8])
  using cluster = clusterOn([broker.bootstrap])
  cluster.watch(['t'])
  await cluster.refresh()
  await assert.rejects(cluster.connect(0, 'data'), (error: Fault) => {
    assert.match(error.message, /broker-1\.invalid:9092/)
    assert.ok(
      error.message.includes(`Kafka at ${broker.bootstrap} told clients this address (advertised.listeners`),
    )
    assert.match(error.remedy, /make broker-1\.invalid resolvable .* or correct advertised\.listeners/)
    return true
  })
})
