// A coordinator that is silent for longer than a session may have given the partitions to others: nothing
// is read on until it has answered, for it could not be committed.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { hurriedSystem, metadataOf, ScriptedBroker } from '../../../test/scripted-broker.ts'
import { silentLogger } from '../../observe/log.ts'
import { fetch } from '../../wire/kafka/messages/fetch.ts'
import { findCoordinator } from '../../wire/kafka/messages/find-coordinator.ts'
import { heartbeat } from '../../wire/kafka/messages/heartbeat.ts'
import { joinGroup } from '../../wire/kafka/messages/join-group.ts'
import { metadata } from '../../wire/kafka/messages/metadata.ts'
import { offsetCommit } from '../../wire/kafka/messages/offset-commit.ts'
import { offsetFetch } from '../../wire/kafka/messages/offset-fetch.ts'
import { syncGroup } from '../../wire/kafka/messages/sync-group.ts'
import { recordsBuilder } from '../../wire/kafka/record-set.ts'
import { GroupConsumer } from './consumer.ts'
import { consumerDefaults } from '../settings.ts'

/** The record at an offset, as a message set of format 1. */
function recordAt(offset: number): Buffer {
  const builder = recordsBuilder(1, 'none', { expectedBytes: 100 })
  builder.append({ timestamp: 0, key: null, value: Buffer.from(String(offset)) })
  const bytes = builder.finish()
  bytes.writeBigInt64BE(BigInt(offset), 0)
  return bytes
}

it('reads nothing on while the coordinator is silent for longer than a session', async () => {
  const system = hurriedSystem(10)
  await using broker = await new ScriptedBroker().start()
  let isSilent = false
  let last = 0
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
    .on(heartbeat, () => (isSilent ? 'silent' : { errorCode: 0 }), [0, 0])
    .on(
      offsetFetch,
      () => ({
        topics: [
          {
            name: 't',
            partitions: [{ partitionIndex: 0, committedOffset: 0, metadata: null, errorCode: 0 }],
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
      fetch,
      async ({ topics }) => {
        await system.clock.sleep(100)
        const { fetchOffset } = topics[0]!.partitions[0]!
        const records = fetchOffset <= last ? recordAt(fetchOffset) : null
        return {
          responses: [
            {
              topic: 't',
              partitions: [{ partitionIndex: 0, errorCode: 0, highWatermark: last + 1, records }],
            },
          ],
        }
      },
      [0, 3],
    )
  const settings = {
    ...consumerDefaults,
    bootstrapServers: [broker.bootstrap],
    groupId: 'g',
    requestTimeoutMs: 2000,
    heartbeatIntervalMs: 200,
  }
  const consumer = new GroupConsumer({ settings, topics: ['t'], system, log: silentLogger })
  /** Offsets that come within so much time, or the first that comes. */
  const poll = async (withinMs: number) => {
    const over = new AbortController()
    const timer = system.clock.after(withinMs, () => over.abort())
    const records = await consumer.poll({ maxRecords: 10, signal: over.signal })
    timer.cancel()
    return records.map(({ offset }) => offset)
  }
  consumer.start()
  try {
    assert.deepEqual(await poll(20_000), [0])
    isSilent = true
    await system.clock.sleep(settings.sessionTimeoutMs + 2500)
    last = 1
    assert.deepEqual(await poll(3000), [])
    isSilent = false
    assert.deepEqual(await poll(20_000), [1])
  } finally {
    await consumer.close()
  }
})
