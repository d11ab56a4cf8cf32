// Clusters found in ZooKeeper: brokers that come and go, what kafka-manager kept, a ZooKeeper that is away.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { ClusterList } from '../../src/console/cluster-list.ts'
import { connectionDefaults } from '../../src/kafka-client/settings.ts'
import { realSystem } from '../../src/system/system.ts'
import { findStoredClusters } from '../../src/zookeeper/zookeeper.ts'
import { startBroker, type RunningBroker } from '../broker/running-broker.ts'
import { waitFor } from '../interop/peers/waiting.ts'
import { brokerAt, startScriptedZooKeeper, storedCluster } from './scripted-zookeeper.ts'

const directory = mkdtempSync(join(tmpdir(), 'millrace-zookeeper-clusters-'))
let broker: RunningBroker
before(async () => {
  broker = await startBroker(directory)
})
after(async () => {
  await broker.stop()
  rmSync(directory, { recursive: true, force: true })
})

const listOver = (connect: string) => {
  const list = new ClusterList(
    [],
    { connect, name: 'kafka', storedBelow: '/kafka-manager', settings: connectionDefaults, lookMs: 50 },
    { ...realSystem, systemProperties: new Map() },
  )
  list.start()
  return { list, [Symbol.dispose]: () => list.close() }
}
const names = (list: ClusterList) => list.list().map(({ name, servers }) => `${name} ${servers}`)

test('brokers below a chroot are found, come and go, and the ones before stay while ZooKeeper is away', async () => {
  await using zookeeper = await startScriptedZooKeeper({ '/k/brokers/ids/1': brokerAt(broker.bootstrap) })
  using over = listOver(`${zookeeper.connect}/k`)
  const { list } = over
  await waitFor(() => names(list)[0] === `kafka ${broker.bootstrap}`, 'the broker is found')
  const found = list.find('kafka')!
  assert.equal((await found.brokers()).brokers.length, 1)
  // Another one joins, and the client that knows the first learns of it by itself.
  zookeeper.nodes.set('/k/brokers/ids/2', brokerAt('127.0.0.1:1'))
  const { begun } = zookeeper.sessions
  await waitFor(() => zookeeper.sessions.begun > begun + 4, 'two more looks')
  assert.equal(list.find('kafka'), found)
  // All move.
  zookeeper.nodes.delete('/k/brokers/ids/1')
  await waitFor(() => names(list)[0] === 'kafka 127.0.0.1:1', 'the other one is taken')
  zookeeper.nodes.set('/k/brokers/ids/1', brokerAt(broker.bootstrap))
  zookeeper.nodes.delete('/k/brokers/ids/2')
  await waitFor(() => names(list)[0] === `kafka ${broker.bootstrap}`, 'and the first again')
  assert.ok(zookeeper.sessions.ended > zookeeper.sessions.begun / 2, 'sessions are ended')
  await zookeeper.stop()
  const same = list.find('kafka')!
  assert.equal((await same.topics()).topics.filter(({ isInternal }) => !isInternal).length, 0)
})

test('the clusters that kafka-manager kept: those that are enabled, beside the one that is registered there', async () => {
  await using other = await startScriptedZooKeeper({ '/brokers/ids/0': brokerAt(broker.bootstrap) })
  await using zookeeper = await startScriptedZooKeeper({
    '/brokers/ids/1': brokerAt(broker.bootstrap),
    '/kafka-manager/configs/Zeta': storedCluster('Zeta', other.connect),
    '/kafka-manager/configs/gone': storedCluster('gone', other.connect, { enabled: false }),
    '/kafka-manager/configs/safe': storedCluster('safe', other.connect, { securityProtocol: 'SASL_SSL' }),
    '/kafka-manager/configs/broken': '{"name":',
    '/kafka-manager/configs/odd': storedCluster('odd', 'h:x'),
    '/kafka-manager/configs/none': '',
  })
  using over = listOver(zookeeper.connect)
  const { list } = over
  await waitFor(() => list.list().length === 3, 'three are found')
  assert.deepEqual(names(list), [`kafka ${broker.bootstrap}`, `Zeta ${broker.bootstrap}`, 'safe '])
  assert.deepEqual(
    list.list().map(({ zookeeper: where }) => where),
    [zookeeper.connect, other.connect, other.connect],
  )
  assert.throws(
    () => list.find('safe'),
    /the brokers of safe are not known: kafka-manager kept SASL_SSL for it; give --command-config/,
  )
  assert.equal(list.find('nope'), undefined)
  zookeeper.nodes.set('/kafka-manager/configs/own', storedCluster('own', zookeeper.connect))
  await waitFor(
    () => names(list)[0] === `Zeta ${broker.bootstrap}`,
    'the registered one has its own name now',
  )
  assert.deepEqual(names(list), [`Zeta ${broker.bootstrap}`, `own ${broker.bootstrap}`, 'safe '])
})

test('where kafka-manager alone keeps something, no cluster is missing', async () => {
  await using other = await startScriptedZooKeeper({ '/brokers/ids/0': brokerAt(broker.bootstrap) })
  await using zookeeper = await startScriptedZooKeeper({
    '/kafka-manager/configs/lab': storedCluster('lab', other.connect),
  })
  using over = listOver(zookeeper.connect)
  await waitFor(() => names(over.list)[0] === `lab ${broker.bootstrap}`, 'lab is found')
  assert.equal(over.list.list().length, 1)
})

test('no broker, and no ZooKeeper, are said with the cluster', async () => {
  await using zookeeper = await startScriptedZooKeeper({ '/brokers/ids': '' })
  using over = listOver(zookeeper.connect)
  await waitFor(() => over.list.list()[0]!.problem !== 'waiting for an answer of ZooKeeper', 'asked')
  assert.match(over.list.list()[0]!.problem!, /^ZooKeeper at .* knows no broker \(\/brokers\/ids\)$/)
  await zookeeper.stop()
  using away = listOver(zookeeper.connect)
  await waitFor(() => away.list.list()[0]!.problem !== 'waiting for an answer of ZooKeeper', 'asked')
  assert.match(away.list.list()[0]!.problem!, /^no ZooKeeper of .* answers: /)
  assert.throws(() => away.list.find('kafka'), /the brokers of kafka are not known: no ZooKeeper/)
})

test('lengths that lie are refused', async () => {
  await using zookeeper = await startScriptedZooKeeper({ '/kafka-manager/configs/x': 'x' })
  await assert.rejects(
    findStoredClusters(zookeeper.connect, { ...realSystem }, '/liar'),
    /does not answer as ZooKeeper does: 1000000000 names in 8 bytes/,
  )
})
