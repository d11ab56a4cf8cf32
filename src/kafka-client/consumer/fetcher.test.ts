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
  /** The topic's id; where there is one, topics are fetched by it from version 13 on. */
  readonly id?: string
  readonly fetchVersion?: number
  /** The broker does not know the topic. */
  readonly isMissing?: true
}

/** A fetcher of t-0 on a broker whose log can be exchanged. */
async function fetching(log: Log, chosenOutOfRange = -1) {
  await using stack = new AsyncDisposableStack()
  const broker = stack.use(await new ScriptedBroker().start())
  let current = log
  const topicOf = ({ id }: Log) => ({ t: { leaders: [0], ...(id === undefined ? {} : { id }) } })
  const topicsOf = (one: Log) => (one.isMissing === true ? {} : topicOf(one))
  broker.on(metadata, asked => metadataOf([broker.address], topicsOf(current))(asked), [
    0,
    log.id === undefined ? 8 : 12,
  ])
  const { fetchVersion = 12 } = log
  let refusals = 0
  const answer = (question: RequestOf<typeof fetch>) => {
    const { topicId, partitions } = question.topics[0]!
    const { fetchOffset, lastFetchedEpoch } = partitions[0]!
    const isUnknown = log.id !== undefined && fetchVersion >= 13 && topicId !== current.id
    const { entries } = current
    const end = (entries.at(-1)?.offset ?? -1) + 1
    const before = entries.filter(one => one.epoch <= lastFetchedEpoch)
    const endOffset = (before.at(-1)?.offset ?? -1) + 1
    const diverges =
      lastFetchedEpoch >= 0 && (endOffset < fetchOffset || before.at(-1)?.epoch !== lastFetchedEpoch)
    const next = entries.find(one => one.offset === fetchOffset)
    if (current.isMissing === true) refusals++
    const isBeyond = !diverges && fetchOffset > end
    return {
      sessionId: 0,
      responses: [
        {
          topic: 't',
          topicId,
          partitions: [
            {
              partitionIndex: 0,
              errorCode: current.isMissing === true ? 3 : isUnknown ? 100 : isBeyond ? 1 : 0,
              highWatermark: end,
              ...(diverges ? { divergingEpoch: { epoch: before.at(-1)?.epoch ?? -1, endOffset } } : {}),
              abortedTransactions: null,
              preferredReadReplica: -1,
              records:
                isUnknown || diverges || next === undefined
                  ? null
                  : batchAt(fetchOffset, next.epoch, [next.value]),
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
    log.isOld === true ? [0, 3] : [0, fetchVersion],
  )
  const settings = { ...consumerDefaults, bootstrapServers: [broker.bootstrap], fetchMaxWaitMs: 0 }
  const cluster = new Cluster({
    system,
    log: silentLogger,
    condition: looseConditions(system.clock, silentLogger),
    settings,
    allowAutoTopicCreation: false,
  })
  stack.defer(() => cluster.close())
  cluster.watch(['t'])
  await cluster.refresh()
  const cuts: { from: number; to: number }[] = []
  const recreated: number[] = []
  const fetcher = new Fetcher({
    system,
    log: silentLogger,
    cluster,
    settings,
    condition: looseConditions(system.clock, silentLogger),
    isHeld: () => false,
    resolveOutOfRange: async () => chosenOutOfRange,
    onCut: ({ from, to }) => void cuts.push({ from, to }),
    onRecreated: (_, { position }) => void recreated.push(position),
  })
  stack.defer(() => fetcher.close())
  fetcher.add([{ topic: 't', partition: 0, offset: 0 }])
  const kept = stack.move()
  return {
    cuts,
    recreated,
    become: (other: Log) => void (current = other),
    async read(count: number, atOnce = 500): Promise<string[]> {
      const values: string[] = []
      const signal = AbortSignal.timeout(120_000)
      while (values.length < count && !signal.aborted)
        for (const { value } of await fetcher.poll(Math.min(atOnce, count - values.length), signal))
          values.push(value!.toString())
      return values
    },
    async until(holds: () => boolean): Promise<void> {
      while (!holds()) await cluster.refresh()
    },
    refresh: () => cluster.refresh(),
    idOf: () => cluster.idOf('t'),
    refusals: () => refusals,
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

describe('a topic that was deleted and created again', () => {
  const [first, second] = ['AAAAAAAAAAAAAAAAAAAAAQ', 'AAAAAAAAAAAAAAAAAAAAAg']

  it('is read from its start, also where it has grown beyond the position since', async () => {
    await using reading = await fetching({ entries: entriesOf(0, 0, 'abc'), id: first, fetchVersion: 17 })
    assert.deepEqual(await reading.read(3), [...'abc'])
    reading.become({ entries: entriesOf(0, 0, 'ABCDE'), id: second })
    assert.deepEqual(await reading.read(5), [...'ABCDE'])
    assert.deepEqual([reading.recreated, reading.cuts], [[3], []])
  })

  it('is seen in the metadata where brokers (2.8 to 3.0) are not asked by id', async () => {
    await using reading = await fetching({ entries: entriesOf(0, 0, 'abc'), id: first, fetchVersion: 12 })
    assert.deepEqual(await reading.read(3), [...'abc'])
    reading.become({ entries: entriesOf(0, 0, 'ABCDE'), id: second })
    await reading.until(() => reading.idOf() === second)
    // What a fetch under way brought may stand before.
    let values = ''
    for (let count = 0; count < 7 && !values.endsWith('ABCDE'); count++)
      values += (await reading.read(1)).join('')
    assert.match(values, /^(D?E?)ABCDE$/)
  })

  it('is known again before it is read where brokers that are not asked by id did not know it for a moment', async () => {
    await using reading = await fetching({ entries: entriesOf(0, 0, 'abc'), id: first, fetchVersion: 12 })
    assert.deepEqual(await reading.read(3), [...'abc'])
    reading.become({ entries: [], id: first, isMissing: true })
    await reading.until(() => reading.refusals() > 0)
    reading.become({ entries: entriesOf(0, 0, 'ABCDE'), id: second })
    assert.deepEqual(await reading.read(5), [...'ABCDE'])
    assert.deepEqual(reading.recreated, [3])
  })

  it('is known by its id before a position beyond its end is given up', async () => {
    await using reading = await fetching({ entries: entriesOf(0, 0, 'abc'), id: first, fetchVersion: 12 }, 1)
    assert.deepEqual(await reading.read(3), [...'abc'])
    reading.become({ entries: entriesOf(0, 0, 'AB'), id: second })
    assert.deepEqual(await reading.read(2), [...'AB'])
    assert.deepEqual(reading.recreated, [3])
  })

  it('is not left again for the former one, of which a broker that lags behind still tells', async () => {
    await using reading = await fetching({ entries: entriesOf(0, 0, 'abc'), id: first, fetchVersion: 17 })
    assert.deepEqual(await reading.read(3), [...'abc'])
    const renewed = { entries: entriesOf(0, 0, 'ABCDE'), id: second }
    reading.become(renewed)
    assert.deepEqual(await reading.read(2), [...'AB'])
    reading.become({ entries: renewed.entries, id: first })
    await reading.refresh()
    reading.become(renewed)
    assert.deepEqual(await reading.read(3), [...'CDE'])
    assert.deepEqual(reading.recreated, [3])
  })
})
