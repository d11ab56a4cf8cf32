// What one wrong answer says of topics and brokers does not count for longer than it takes to be told otherwise.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { conditionsOn } from '../../../test/context.ts'
import { hurriedSystem, metadataOf, ScriptedBroker, type TopicScript } from '../../../test/scripted-broker.ts'
import { Fault } from '../../errors.ts'
import { silentLogger } from '../../observe/log.ts'
import type { Network } from '../../system/network.ts'
import type { ResponseInputOf } from '../../wire/kafka/api.ts'
import { findCoordinator as findCoordinatorApi } from '../../wire/kafka/messages/find-coordinator.ts'
import { metadata } from '../../wire/kafka/messages/metadata.ts'
import { connectionDefaults } from '../settings.ts'
import { Cluster } from './cluster.ts'
import { findCoordinator } from './coordinator.ts'

const system = hurriedSystem(50)
const id = (letter: string): string => `${letter.repeat(21)}A`
type Told = ResponseInputOf<typeof metadata>

async function one(topic: TopicScript, given?: { broker: ScriptedBroker; network: Network }) {
  const broker = given?.broker ?? (await new ScriptedBroker().start())
  const telling = { topic, change: (told: Told): Told => told }
  if (given === undefined)
    broker.on(metadata, asked => telling.change(metadataOf([broker.address], { t: telling.topic })(asked)))
  const { condition } = conditionsOn(system.clock, silentLogger)
  const cluster = new Cluster({
    system: given === undefined ? system : { ...system, network: given.network },
    log: silentLogger,
    condition,
    settings: { ...connectionDefaults, bootstrapServers: [broker.bootstrap] },
    allowAutoTopicCreation: false,
  })
  cluster.watch(['t'])
  await cluster.refresh()
  return {
    broker,
    cluster,
    telling,
    async [Symbol.asyncDispose]() {
      cluster.close()
      await broker.stop()
    },
  }
}

/** Asks until it is so, for the clock's minute and a half at most. */
async function until(cluster: Cluster, isSo: () => boolean): Promise<void> {
  const end = system.clock.monotonic() + 90_000
  while (!isSo()) {
    assert.ok(system.clock.monotonic() < end)
    await cluster.pause(5)
    await cluster.refresh()
  }
}

it('a leader of an epoch far ahead, who is none', async () => {
  await using made = await one({ id: id('B'), leaders: [[0, 5]] })
  made.telling.topic = { id: id('B'), leaders: [[7, 2_000_000_000]] }
  await made.cluster.refresh()
  assert.equal(made.cluster.leaderOf('t', 0), 7)
  made.telling.topic = { id: id('B'), leaders: [[0, 5]] }
  await until(made.cluster, () => made.cluster.leaderOf('t', 0) === 0)
})

it("another id, told once, is not the topic's", async () => {
  await using made = await one({ id: id('B'), leaders: [0] })
  let times = 0
  made.telling.change = told => {
    if (++times === 1) for (const topic of told.topics) Object.assign(topic, { topicId: id('C') })
    return told
  }
  await made.cluster.refresh()
  assert.equal(times, 2)
  assert.equal(made.cluster.idOf('t'), id('B'))
})

it('other ids, of which no two are the same', async () => {
  await using made = await one({ id: id('B'), leaders: [0] })
  let times = 0
  made.telling.change = told => {
    const other = { topicId: id(['C', 'D', 'E', 'F'][times++ % 4]!), partitions: [] }
    for (const topic of told.topics) Object.assign(topic, other)
    return told
  }
  for (let asked = 0; asked < 4; asked++) await made.cluster.refresh()
  assert.equal(made.cluster.idOf('t'), id('B'))
  assert.equal(made.cluster.leaderOf('t', 0), 0)
})

it('another id, told again and again, and then the former one', async () => {
  await using made = await one({ id: id('B'), leaders: [0] })
  made.telling.topic = { id: id('C'), leaders: [0] }
  await made.cluster.refresh()
  assert.equal(made.cluster.idOf('t'), id('C'))
  made.telling.topic = { id: id('B'), leaders: [0] }
  await made.cluster.refresh()
  assert.equal(made.cluster.idOf('t'), id('C'))
  await until(made.cluster, () => made.cluster.idOf('t') === id('B'))
})

it('addresses that cannot be any', async () => {
  const hosts = [
    ['', 9092],
    ['a b', 9092],
    ['a\0b', 9092],
    ['a', 0],
    ['a', -1],
    ['a', 70_000],
  ] as const
  for (const [host, port] of hosts) {
    await using made = await one({ leaders: [0] })
    made.telling.change = told => ({ ...told, brokers: [{ nodeId: 0, host, port }] })
    await made.cluster.refresh()
    assert.deepEqual(made.cluster.nodeIds, [])
    let times = 0
    made.broker.on(
      findCoordinatorApi,
      () => ({ errorCode: 0, nodeId: 0, ...(++times === 1 ? { host, port } : made.broker.address) }),
      [0, 0],
    )
    made.telling.change = told => told
    await made.cluster.refresh()
    const why: string[] = []
    const { signal } = new AbortController()
    const found = await findCoordinator(made.cluster, 'g', signal, 'group', text => void why.push(text))
    assert.equal(found.port, made.broker.port)
    assert.match(why.join(), /cannot exist/)
  }
})

it('so many brokers that are silent: a bootstrap server is asked soon', async () => {
  const broker = await new ScriptedBroker().start()
  let others: Told['brokers'] = Array.from({ length: 250 }, (_, index) => ({
    nodeId: index + 1,
    host: `10.0.0.${index}`,
    port: 9092,
  }))
  broker.on(metadata, asked => {
    const told = metadataOf([broker.address], { t: { leaders: [0] } })(asked)
    return { ...told, brokers: [...told.brokers, ...others] }
  })
  const silentElsewhere: Network = {
    ...system.network,
    async connect(target) {
      if (target.port === broker.port) return system.network.connect(target)
      await system.clock.sleep(target.timeoutMs, target.signal)
      throw new Fault('PEER_TIMEOUT', 'nobody')
    },
  }
  await using made = await one({ leaders: [0] }, { broker, network: silentElsewhere })
  others = []
  await broker.stop()
  await broker.start(broker.port)
  const begun = system.clock.monotonic()
  await made.cluster.refresh()
  assert.deepEqual(made.cluster.nodeIds, [0])
  assert.ok(system.clock.monotonic() - begun < 15_000)
})
