import assert from 'node:assert/strict'
import { it } from 'node:test'
import { hurriedSystem, metadataOf, ScriptedBroker } from '../../../test/scripted-broker.ts'
import { silentLogger } from '../../observe/log.ts'
import { fetch } from '../../wire/kafka/messages/fetch.ts'
import { findCoordinator } from '../../wire/kafka/messages/find-coordinator.ts'
import { heartbeat } from '../../wire/kafka/messages/heartbeat.ts'
import { joinGroup } from '../../wire/kafka/messages/join-group.ts'
import { listOffsets } from '../../wire/kafka/messages/list-offsets.ts'
import { metadata } from '../../wire/kafka/messages/metadata.ts'
import { offsetCommit } from '../../wire/kafka/messages/offset-commit.ts'
import { offsetFetch } from '../../wire/kafka/messages/offset-fetch.ts'
import { syncGroup } from '../../wire/kafka/messages/sync-group.ts'
import { GroupConsumer } from './consumer.ts'
import { consumerDefaults } from '../settings.ts'

it('a log shorter than the position is told of, also where it has grown beyond it by the time it is looked at', async () => {
  const system = hurriedSystem(20)
  await using broker = await new ScriptedBroker().start()
  let fetches = 0
  const told = Promise.withResolvers<string>()
  broker
    .on(metadata, metadataOf([broker.address], { t: { leaders: [0] } }), [0, 1])
    .on(findCoordinator, () => ({ errorCode: 0, nodeId: 0, ...broker.address }), [0, 0])
    .on(
      joinGroup,
      ({ protocols }) => ({
        errorCode: 0,
        generationId: 1,
        protocolName: protocols[0]!.name,
        leader: 'm',
        memberId: 'm',
        members: [{ memberId: 'm', metadata: protocols[0]!.metadata }],
      }),
      [0, 1],
    )
    .on(syncGroup, ({ assignments }) => ({ errorCode: 0, assignment: assignments[0]!.assignment }), [0, 0])
    .on(heartbeat, () => ({ errorCode: 0 }), [0, 0])
    .on(
      offsetFetch,
      () => ({
        topics: [
          {
            name: 't',
            partitions: [{ partitionIndex: 0, committedOffset: 150, metadata: null, errorCode: 0 }],
          },
        ],
      }),
      [0, 2],
    )
    .on(
      offsetCommit,
      () => ({ topics: [{ name: 't', partitions: [{ partitionIndex: 0, errorCode: 0 }] }] }),
      [0, 2],
    )
    .on(
      listOffsets,
      ({ topics }) => {
        const isFirst = topics[0]!.partitions[0]!.timestamp === -2
        const one = { partitionIndex: 0, errorCode: 0, timestamp: -1, offset: isFirst ? 0 : 180 }
        return { topics: [{ name: 't', partitions: [one] }] }
      },
      [1, 1],
    )
    .on(fetch, async () => {
      await system.clock.sleep(100)
      const one = { partitionIndex: 0, errorCode: fetches++ === 0 ? 1 : 0, highWatermark: 180, records: null }
      return { responses: [{ topic: 't', partitions: [one] }] }
    }, [0, 3])
  const cuts: number[] = []
  const consumer = new GroupConsumer({
    settings: { ...consumerDefaults, bootstrapServers: [broker.bootstrap], groupId: 'g' },
    topics: ['t'],
    system,
    log: { ...silentLogger, warn: text => told.resolve(text) },
    onCut: ({ to }) => void cuts.push(to),
  })
  consumer.start()
  try {
    assert.match(await told.promise, /^t-0 ended before the position 150 a moment ago and ends at 180 by now/)
    assert.deepEqual(cuts, [149])
    assert.equal(consumer.position({ topic: 't', partition: 0 }), 150)
  } finally {
    await consumer.close()
  }
})
