import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PartitionLogs } from '../../../test/partition-log.ts'
import { hurriedSystem, metadataOf, ScriptedBroker } from '../../../test/scripted-broker.ts'
import { silentLogger } from '../../observe/log.ts'
import { errorCodes } from '../../wire/kafka/error-codes.ts'
import { addPartitionsToTxn } from '../../wire/kafka/messages/add-partitions-to-txn.ts'
import { endTxn } from '../../wire/kafka/messages/end-txn.ts'
import { findCoordinator } from '../../wire/kafka/messages/find-coordinator.ts'
import { initProducerId } from '../../wire/kafka/messages/init-producer-id.ts'
import { metadata } from '../../wire/kafka/messages/metadata.ts'
import { produce } from '../../wire/kafka/messages/produce.ts'
import { producerDefaults } from '../settings.ts'
import { TransactionalOrderedProducer } from './transactional-producer.ts'

const record = (value: string) => ({ topic: 't', partition: 0, key: null, value: Buffer.from(value) })
const { COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR, CONCURRENT_TRANSACTIONS, REQUEST_TIMED_OUT } =
  errorCodes

/** A broker that coordinates and leads; each of `codes` is given once, by API, before all is well. */
async function stageOf(codes: Readonly<Record<string, number[]>> = {}, newest = true) {
  const stack = new AsyncDisposableStack()
  const broker = stack.use(await new ScriptedBroker().start())
  const logs = new PartitionLogs()
  const next = (api: string) => codes[api]?.shift() ?? 0
  let epoch = -1
  const found = { errorCode: 0, nodeId: 0, ...broker.address }
  broker
    .on(metadata, metadataOf([broker.address], { t: { leaders: [0] } }), [0, 12])
    .on(findCoordinator, () => ({ ...found, errorCode: next('FindCoordinator') }), [0, newest ? 3 : 0])
    .on(initProducerId, () => {
      const errorCode = next('InitProducerId')
      return { throttleTimeMs: 0, errorCode, producerId: 9, producerEpoch: errorCode === 0 ? ++epoch : -1 }
    })
    .on(addPartitionsToTxn, ({ v3AndBelowTopics: topics }) => {
      const partitionErrorCode = next('AddPartitionsToTxn')
      return {
        throttleTimeMs: 0,
        resultsByTopicV3AndBelow: topics.map(({ name, partitions }) => ({
          name,
          resultsByPartition: partitions.map(partitionIndex => ({ partitionIndex, partitionErrorCode })),
        })),
        resultsByTransaction: [],
      }
    })
    .on(produce, body => logs.answer(body, () => next('Produce')))
    .on(endTxn, () => ({ throttleTimeMs: 0, errorCode: next('EndTxn') }))
  const producer = new TransactionalOrderedProducer({
    system: hurriedSystem(20),
    log: silentLogger,
    settings: {
      ...producerDefaults,
      bootstrapServers: [broker.bootstrap],
      transactionalId: 'id',
      transactionTimeoutMs: 60_000,
    },
  })
  stack.defer(() => producer.close())
  return {
    broker,
    logs,
    producer,
    asked: (name: string) => broker.asked.filter(one => one.name === name),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

describe('a transactional producer', () => {
  it('asks on while a coordinator loads, moves, or ends what was before', async () => {
    const passing = [
      COORDINATOR_LOAD_IN_PROGRESS,
      NOT_COORDINATOR,
      CONCURRENT_TRANSACTIONS,
      REQUEST_TIMED_OUT,
    ]
    await using stage = await stageOf({
      FindCoordinator: [errorCodes.COORDINATOR_NOT_AVAILABLE],
      InitProducerId: [...passing],
      AddPartitionsToTxn: [...passing, errorCodes.UNKNOWN_TOPIC_OR_PARTITION],
      Produce: [errorCodes.NOT_LEADER_OR_FOLLOWER],
      EndTxn: [...passing],
    })
    const { producer } = stage
    await producer.init()
    producer.begin()
    await Promise.all([producer.send([record('1')]), producer.send([record('2')])])
    await producer.commit()
    assert.deepEqual(stage.logs.of('t-0'), ['1', '2'])
    assert.equal(stage.asked('EndTxn').length, 5)
  })

  it('keeps to versions in which it adds partitions itself', async () => {
    await using stage = await stageOf()
    const { producer } = stage
    await producer.init()
    producer.begin()
    await producer.send([record('1')])
    await producer.commit()
    const versions = ['InitProducerId', 'AddPartitionsToTxn', 'Produce', 'EndTxn'].map(
      name => stage.asked(name)[0]!.version,
    )
    assert.deepEqual(versions, [5, 3, 11, 4])
    assert.deepEqual(
      stage.logs.batches.map(one => [one.isTransactional, one.producerId, one.producerEpoch]),
      [[true, 9, 0]],
    )
  })

  for (const code of [
    'OUT_OF_ORDER_SEQUENCE_NUMBER',
    'INVALID_PRODUCER_EPOCH',
    'UNKNOWN_PRODUCER_ID',
  ] as const)
    it(`aborts after ${code}, with a new epoch for what follows`, async () => {
      await using stage = await stageOf({ Produce: [0, errorCodes[code]] })
      const { producer } = stage
      await producer.init()
      producer.begin()
      await producer.send([record('1')])
      await assert.rejects(producer.send([record('2')]), new RegExp(code))
      await assert.rejects(producer.commit(), { kind: 'abortable' })
      await assert.rejects(producer.send([record('2')]), { kind: 'abortable' })
      await producer.abort()
      producer.begin()
      await producer.send([record('3')])
      await producer.commit()
      const last = stage.logs.batches.at(-1)!
      assert.deepEqual([last.producerEpoch, last.baseSequence], [1, 0])
      const { body } = stage.asked('InitProducerId')[1]!
      assert.deepEqual(
        [(body as { producerId: number }).producerId, (body as { producerEpoch: number }).producerEpoch],
        [9, 0],
      )
    })

  it('names the brokers as too old, and a time-out as too long', async () => {
    await using old = await stageOf({}, false)
    await assert.rejects(old.producer.init(), { code: 'KAFKA_FATAL', message: /0\.11/ })
    await using long = await stageOf({ InitProducerId: [errorCodes.INVALID_TRANSACTION_TIMEOUT] })
    await assert.rejects(long.producer.init(), { kind: 'fatal', message: /transaction\.max\.timeout\.ms/ })
    await long.producer.init()
  })

  it('says what comes before what', async () => {
    await using stage = await stageOf()
    const { producer } = stage
    await assert.rejects(producer.send([record('1')]), /call init first/)
    assert.throws(() => producer.begin(), /call init first/)
    await producer.init()
    await assert.rejects(producer.commit(), /call begin first/)
    producer.begin()
    assert.throws(() => producer.begin(), /a transaction is open: commit or abort it/)
    const committing = producer.commit()
    await assert.rejects(producer.abort(), /another step is under way/)
    await committing
  })

  it('gives a commit up with its signal, and goes on with it', async () => {
    const loading = Array<number>(1_000).fill(COORDINATOR_LOAD_IN_PROGRESS)
    await using stage = await stageOf({ EndTxn: loading })
    const { producer } = stage
    await producer.init()
    producer.begin()
    await producer.send([record('1')])
    const giving = new AbortController()
    const committing = producer.commit(giving.signal)
    setImmediate(() => giving.abort())
    await assert.rejects(committing, { code: 'STOPPED' })
    assert.throws(() => producer.begin(), /commit is not done/)
    loading.length = 0
    await producer.commit()
    producer.begin()
  })
})
