// Kafka's own applications on the embedded broker: MirrorMaker 2 between two of them, Kafka Streams with
// exactly_once_v2 and a kill, and what the Java clients of Kafka 4.1 ask that others do not.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { startBroker, type RunningBroker } from '../broker/running-broker.ts'
import { java, properties, skipWithoutPeers, type Running } from './peers/peers.ts'
import { consumeAll, countOf, createTopic, produceAll, withAdmin } from './peers/topics.ts'
import { waitFor } from './peers/waiting.ts'

const applications = new URL('peers/applications.java', import.meta.url).pathname
const topicResource = 2

/** Runs with brokers of the names given, and a directory; everything is gone afterwards. */
async function withBrokers(
  names: readonly string[],
  run: (brokers: readonly RunningBroker[], directory: string, stack: AsyncDisposableStack) => Promise<void>,
): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const directory = mkdtempSync(join(tmpdir(), 'millrace-applications-'))
  stack.defer(() => rmSync(directory, { recursive: true, force: true }))
  const brokers: RunningBroker[] = []
  for (const name of names) {
    const broker = await startBroker(join(directory, name))
    stack.defer(() => broker.stop())
    brokers.push(broker)
  }
  await run(brokers, directory, stack)
}

const settingOf = (bootstrap: string, topic: string, setting: string) =>
  withAdmin(bootstrap, async admin => {
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: topicResource, name: topic, configNames: [setting] }],
    })
    return resources[0]?.configEntries[0]?.configValue
  })

describe("Kafka's applications", { skip: skipWithoutPeers }, () => {
  test('MirrorMaker 2 copies records, changes of settings and positions of groups, and complains of nothing', () =>
    withBrokers(['source', 'target'], async ([source, target], directory, stack) => {
      const values = Array.from({ length: 200 }, (_, index) => `record ${index}`)
      await createTopic(source!.bootstrap, 'mirrored')
      await produceAll(
        source!.bootstrap,
        'mirrored',
        values.map(value => ({ key: null, value })),
      )
      await withAdmin(source!.bootstrap, admin =>
        admin.setOffsets({
          groupId: 'readers',
          topic: 'mirrored',
          partitions: [{ partition: 0, offset: '150' }],
        }),
      )
      const configuration = join(directory, 'mirror-maker.properties')
      const every = (...intervals: string[]) => intervals.map(name => [`${name}.interval.seconds`, 1])
      const single = (...topics: string[]) => topics.map(name => [`${name}.replication.factor`, 1])
      writeFileSync(
        configuration,
        properties({
          clusters: 'source,target',
          'source.bootstrap.servers': source!.bootstrap,
          'target.bootstrap.servers': target!.bootstrap,
          'source->target.enabled': 'true',
          'source->target.topics': 'mirrored',
          'target.exactly.once.source.support': 'enabled',
          'sync.group.offsets.enabled': 'true',
          'emit.heartbeats.enabled': 'false',
          'replication.factor': 1,
          ...Object.fromEntries(single('checkpoints.topic', 'heartbeats.topic', 'offset-syncs.topic')),
          ...Object.fromEntries(single('config.storage', 'offset.storage', 'status.storage')),
          ...Object.fromEntries(
            every(
              'refresh.topics',
              'refresh.groups',
              'sync.topic.configs',
              'sync.topic.acls',
              'sync.group.offsets',
              'emit.checkpoints',
            ),
          ),
        }),
      )
      const mirror = stack.use(
        await java('kafka-applications-4.1.0', join(directory, 'mirror-maker'), 'mirror-maker', {
          main: ['org.apache.kafka.connect.mirror.MirrorMaker', configuration],
          ready: /Kafka MirrorMaker started/,
        }),
      )
      const copied = await consumeAll(target!.bootstrap, 'source.mirrored', values.length)
      assert.deepEqual(
        copied.map(({ value }) => value),
        values,
      )
      await withAdmin(source!.bootstrap, admin =>
        admin.alterConfigs({
          validateOnly: false,
          resources: [
            {
              type: topicResource,
              name: 'mirrored',
              configEntries: [{ name: 'retention.ms', value: '86400000' }],
            },
          ],
        }),
      )
      await waitFor(
        async () => (await settingOf(target!.bootstrap, 'source.mirrored', 'retention.ms')) === '86400000',
        'the change of the setting arrives',
      )
      await waitFor(() => {
        const [position] = target!.broker.offsets('readers')
        return position?.topic === 'source.mirrored' && position.offset > 0 && position.offset <= 150
      }, 'the position of the group arrives')
      // Lists of who may do what are looked for, and there are none.
      await mirror.line(/INFO .*No ACL authorizer is configured/)
      const complaints = mirror.output.split('\n').filter(line => / ERROR \S+\.mirror\./.test(line))
      assert.deepEqual(complaints, [])
    }))

  test('Kafka Streams with exactly_once_v2 counts every record once, over a kill', () =>
    withBrokers(['broker'], async ([broker], directory, stack) => {
      const { bootstrap } = broker!
      const [keys, rounds] = [5, 40]
      await createTopic(bootstrap, 'streams-in', 2)
      await createTopic(bootstrap, 'streams-out', 2)
      const send = () =>
        produceAll(
          bootstrap,
          'streams-in',
          Array.from({ length: keys * rounds }, (_, index) => ({ key: `key ${index % keys}`, value: 'x' })),
          keys,
        )
      const start = async (): Promise<Running> =>
        stack.use(
          await java('kafka-applications-4.1.0', join(directory, 'streams'), 'streams', {
            main: [applications, 'streams', bootstrap, join(directory, 'state')],
            ready: /streams are RUNNING/,
          }),
        )
      const first = await start()
      const sending = send()
      await waitFor(
        async () => (await countOf(bootstrap, 'streams-out')) > keys,
        'the first counts are there',
      )
      first.kill('SIGKILL')
      await first.ended
      await sending
      await send()
      await start()
      const all = 2 * keys * rounds
      const counts = await consumeAll(bootstrap, 'streams-out', all, { extraMs: 1000 })
      assert.equal(counts.length, all)
      const byKey = Map.groupBy(counts, ({ key }) => key)
      for (const [key, list] of byKey)
        assert.deepEqual(
          list.map(({ value }) => value),
          Array.from({ length: 2 * rounds }, (_, index) => String(index + 1)),
          key!,
        )
    }))

  test('what newer Java clients ask is answered as by a Kafka of one node with classic groups', () =>
    withBrokers(['broker'], async ([broker], directory, stack) => {
      await createTopic(broker!.bootstrap, 'questions', 3)
      const asking = stack.use(
        await java('kafka-applications-4.1.0', directory, 'questions', {
          main: [applications, 'questions', broker!.bootstrap],
          ready: /^a consumer of the newer kind: /,
        }),
      )
      const answers = asking.output.split('\n').filter(line => /^[a-z ]+: \S+$/.test(line))
      assert.deepEqual(answers, [
        'acls: SecurityDisabledException',
        'quorum: 0',
        'features: 0',
        'topics: 3',
        'reassignments: 0',
        'elections: 0',
        'resources: 3',
        'quotas: 0',
        'transactions: 0',
        'groups: GroupIdNotFoundException',
        'tokens: UnsupportedByAuthenticationException',
        'what may be done: 7',
        'a share consumer: UnsupportedVersionException',
        'a consumer of the newer kind: UnsupportedVersionException',
      ])
    }))
})
