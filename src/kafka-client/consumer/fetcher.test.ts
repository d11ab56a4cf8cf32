import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { looseConditions } from '../../observe/conditions.ts'
import { hurriedSystem, metadataOf, ScriptedBroker } from '../../../test/scripted-broker.ts'
import { silentLogger } from '../../observe/log.ts'
import type { RequestOf } from '../../wire/kafka/api.ts'
import { fetch } from '../../wire/kafka/messages/fetch.ts'
import { metadata } from '../../wire/kafka/messages/metadata.ts'
import { recordsBuilder } from '../../wire/kafka/record-set.ts'
import { Cluster } from '../connection/cluster.ts'
import { Fetcher } from './fetcher.ts'
import { consumerDefaults } from '../settings.ts'

const system = hurriedSystem(20)

/** A batch of records with these values from an offset on, written in the reign given. */
function batchAt(offset: number, leaderEpoch: number, values: readonly string[]): Buffer {
  const builder = recordsBuilder(2, 'none', { expectedBytes: 1000 })
  for (const value of values)
    builder.append({ timestamp: 0, key: null, value: Buffer.from(value), headers: [] })
  const bytes = builder.finish()
  bytes.writeBigInt64BE(BigInt(offset), 0)
  bytes.writeInt32BE(leaderEpoch, 12)
  return bytes
}

interface Log {
  readonly entries: readonly { readonly offset: number; readonly epoch: number; readonly value: string }[]
  /** Below it nothing is said of reigns, and what lies beyond the end is refused. */
  readonly isOld?: boolean
}

/** A fetcher of t-0 on a broker whose log can be exchanged. */
async function fetching(log: Log, chosenOutOfRange = -1) {
  await using stack = new AsyncDisposableStack()
  const broker = stack.use(await new ScriptedBroker().start())
  broker.on(metadata, metadataOf([broker.address], { t: { leaders: [0] } }), [0, 8])
  let current = log
  const answer = (question: RequestOf<typeof fetch>) => {
    const { fetchOffset, lastFetchedEpoch } = question.topics[0]!.partitions[0]!
    const { entries } = current
    const end = (entries.at(-1)?.offset ?? -1) + 1
    const before = entries.filter(one => one.epoch <= lastFetchedEpoch)
    const endOffset = (before.at(-1)?.offset ?? -1) + 1
    const diverges =
      lastFetchedEpoch >= 0 && (endOffset < fetchOffset || before.at(-1)?.epoch !== lastFetchedEpoch)
    const next = entries.find(one => one.offset === fetchOffset)
    const isBeyond = !diverges && fetchOffset > end
    return {
      sessionId: 0,
      responses: [
        {
          topic: 't',
          partitions: [
            {
              partitionIndex: 0,
              errorCode: isBeyond ? 1 : 0,
              highWatermark: end,
              ...(diverges ? { divergingEpoch: { epoch: before.at(-1)?.epoch ?? -1, endOffset } } : {}),
              abortedTransactions: null,
              preferredReadReplica: -1,
              records: diverges || next === undefined ? null : batchAt(fetchOffset, next.epoch, [next.value]),
            },
          ],
        },
      ],
    }
  }
  broker.on(
    fetch,
    async question => {
      await system.clock.sleep(20)
      return answer(question)
    },
    log.isOld === true ? [0, 3] : [0, 12],
  )
  const settings = { ...consumerDefaults, bootstrapServers: [broker.bootstrap], fetchMaxWaitMs: 0 }
  const cluster = new Cluster({
    system,
    condition: looseConditions(system.clock, silentLogger),
    settings,
    allowAutoTopicCreation: false,
  })
  stack.defer(() => cluster.close())
  cluster.watch(['t'])
  await cluster.refresh()
  const cuts: { from: number; to: number }[] = []
  const fetcher = new Fetcher({
    system,
    log: silentLogger,
    cluster,
    settings,
    condition: looseConditions(system.clock, silentLogger),
    isHeld: () => false,
    resolveOutOfRange: async () => chosenOutOfRange,
    onCut: ({ from, to }) => void cuts.push({ from, to }),
  })
  stack.defer(() => fetcher.close())
  fetcher.add([{ topic: 't', partition: 0, offset: 0 }])
  const kept = stack.move()
  return {
    cuts,
    become: (other: Log) => void (current = other),
    async read(count: number, atOnce = 500): Promise<string[]> {
      const values: string[] = []
      const signal = AbortSignal.timeout(10_000)
      while (values.length < count && !signal.aborted)
        for (const { value } of await fetcher.poll(Math.min(atOnce, count - values.length), signal))
          values.push(value!.toString())
      return values
    },
    async until(holds: () => boolean): Promise<void> {
      while (!holds()) await cluster.refresh()
    },
    fetchOffset: () => fetcher.buffer({ topic: 't', partition: 0 })!.fetchOffset,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

const entriesOf = (epoch: number, from: number, values: string) =>
  [...values].map((value, index) => ({ offset: from + index, epoch, value }))

describe('a log that was cut off below what was read', () => {
  it('is read on from the cut, also where it has grown beyond the position since', async () => {
    await using reading = await fetching({ entries: entriesOf(5, 0, 'abcdef') })
    assert.deepEqual(await reading.read(6), [...'abcdef'])
    reading.become({ entries: [...entriesOf(5, 0, 'abcd'), ...entriesOf(6, 4, 'EFGH')] })
    assert.deepEqual(await reading.read(4), [...'EFGH'])
    assert.deepEqual(reading.cuts, [{ from: 4, to: 5 }])
  })

  it('is nothing to tell of where what is gone had not been handed out', async () => {
    await using reading = await fetching({ entries: entriesOf(5, 0, 'abcdef') })
    assert.deepEqual(await reading.read(2), ['a', 'b'])
    await reading.until(() => reading.fetchOffset() === 6)
    reading.become({ entries: [...entriesOf(5, 0, 'abcd'), ...entriesOf(6, 4, 'EFGH')] })
    await reading.until(() => reading.fetchOffset() === 8)
    assert.deepEqual(await reading.read(6), [...'cdEFGH'])
    assert.deepEqual(reading.cuts, [])
  })

  it('is not passed over for records read ahead, where a broker before 2.7 only says "out of range"', async () => {
    await using reading = await fetching({ entries: entriesOf(0, 0, 'abcdef'), isOld: true }, 4)
    assert.deepEqual(await reading.read(2), ['a', 'b'])
    await reading.until(() => reading.fetchOffset() === 6)
    reading.become({ entries: entriesOf(0, 0, 'abcd') })
    await reading.until(() => reading.fetchOffset() === 4)
    reading.become({ entries: [...entriesOf(0, 0, 'abcd'), ...entriesOf(0, 4, 'EFGH')] })
    assert.deepEqual(await reading.read(4), [...'EFGH'])
  })
})
