// Transactions on the wire: every version, every refusal, what readers see, and what is left after a kill.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import test from 'node:test'
import { createTransactionalProducer, readProducerProperties } from '../../src/kafka-client/kafka-client.ts'
import { silentLogger as log } from '../../src/observe/log.ts'
import { realSystem as system } from '../../src/system/system.ts'
import { errorCodes, kafkaError } from '../../src/wire/kafka/error-codes.ts'
import { addOffsetsToTxn } from '../../src/wire/kafka/messages/add-offsets-to-txn.ts'
import { addPartitionsToTxn } from '../../src/wire/kafka/messages/add-partitions-to-txn.ts'
import { createTopics } from '../../src/wire/kafka/messages/create-topics.ts'
import { describeProducers } from '../../src/wire/kafka/messages/describe-producers.ts'
import { describeTransactions } from '../../src/wire/kafka/messages/describe-transactions.ts'
import { endTxn } from '../../src/wire/kafka/messages/end-txn.ts'
import { fetch } from '../../src/wire/kafka/messages/fetch.ts'
import { initProducerId } from '../../src/wire/kafka/messages/init-producer-id.ts'
import { listOffsets } from '../../src/wire/kafka/messages/list-offsets.ts'
import { listTransactions } from '../../src/wire/kafka/messages/list-transactions.ts'
import { offsetFetch } from '../../src/wire/kafka/messages/offset-fetch.ts'
import { produce } from '../../src/wire/kafka/messages/produce.ts'
import { txnOffsetCommit } from '../../src/wire/kafka/messages/txn-offset-commit.ts'
import { writeTxnMarkers } from '../../src/wire/kafka/messages/write-txn-markers.ts'
import { RecordSetReader, writeRecords } from '../../src/wire/kafka/record-set.ts'
import { startBrokerProcess } from './broker-process.ts'
import { inDirectory, startBroker, withBroker } from './running-broker.ts'
import { WireClient } from './wire-client.ts'
import { readRecords } from '../at-once.ts'

const configuration = join(import.meta.dirname, '../../config/server.properties')

interface Identity {
  readonly producerId: number
  readonly producerEpoch: number
}

/** One transactional client, with the names of errors in place of their numbers. */
class Client {
  readonly #wire: WireClient

  private constructor(wire: WireClient) {
    this.#wire = wire
  }

  static async connect(port: number): Promise<Client> {
    return new Client(await WireClient.connect(port))
  }

  close(): void {
    this.#wire.close()
  }

  get wire(): WireClient {
    return this.#wire
  }

  async topic(name: string, numPartitions = 1): Promise<void> {
    const topic = { name, numPartitions, replicationFactor: 1, assignments: [], configs: [] }
    const { topics } = await this.#wire.ask(createTopics, 4, { topics: [topic] })
    assert.equal(topics[0]!.errorCode, 0)
  }

  async init(
    transactionalId: string,
    more: { timeoutMs?: number; version?: number } & Partial<Identity> = {},
  ): Promise<Identity & { error: string }> {
    const { timeoutMs = 60_000, version = 4, ...expected } = more
    const body = { transactionalId, transactionTimeoutMs: timeoutMs, ...expected }
    const { errorCode, producerId, producerEpoch } = await this.#wire.ask(initProducerId, version, body)
    return { producerId, producerEpoch, error: nameOf(errorCode) }
  }

  async add(id: string, { producerId, producerEpoch }: Identity, topic = 't', version = 3): Promise<string> {
    const { resultsByTopicV3AndBelow } = await this.#wire.ask(addPartitionsToTxn, version, {
      v3AndBelowTransactionalId: id,
      v3AndBelowProducerId: producerId,
      v3AndBelowProducerEpoch: producerEpoch,
      v3AndBelowTopics: [{ name: topic, partitions: [0] }],
    })
    return nameOf(resultsByTopicV3AndBelow[0]!.resultsByPartition[0]!.partitionErrorCode)
  }

  async send(
    id: string | null,
    identity: Identity,
    baseSequence: number,
    values: readonly string[],
    isTransactional = true,
  ): Promise<string> {
    const { producerId, producerEpoch } = identity
    const records = writeRecords(
      values.map(value => ({ timestamp: 1000, key: null, value: Buffer.from(value) })),
      { identity: { producerId, producerEpoch, baseSequence, isTransactional } },
    )
    const { responses } = await this.#wire.ask(produce, 9, {
      transactionalId: id,
      acks: -1,
      timeoutMs: 1000,
      topicData: [{ name: 't', partitionData: [{ index: 0, records }] }],
    })
    return nameOf(responses[0]!.partitionResponses[0]!.errorCode)
  }

  async end(id: string, identity: Identity, committed: boolean, version = 3): Promise<string> {
    const { producerId, producerEpoch } = identity
    const body = { transactionalId: id, producerId, producerEpoch, committed }
    return nameOf((await this.#wire.ask(endTxn, version, body)).errorCode)
  }

  /** What a reader of committed records sees: values as it would give them out, and the ends. */
  async read(isolationLevel: 0 | 1, version = 11) {
    const { responses } = await this.#wire.ask(fetch, version, {
      maxWaitMs: 0,
      minBytes: 1,
      isolationLevel,
      topics: [{ topic: 't', partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1e6 }] }],
      forgottenTopicsData: [],
    })
    const { records, abortedTransactions, highWatermark, lastStableOffset } = responses[0]!.partitions[0]!
    return {
      values: readRecords(records!).records.map(({ value }) => String(value)),
      aborted: abortedTransactions,
      highWatermark,
      lastStableOffset,
    }
  }

  async endOf(isolationLevel: 0 | 1): Promise<number> {
    const { topics } = await this.#wire.ask(listOffsets, 5, {
      isolationLevel,
      topics: [{ name: 't', partitions: [{ partitionIndex: 0, timestamp: -1 }] }],
    })
    return topics[0]!.partitions[0]!.offset
  }
}

const nameOf = (code: number): string => kafkaError(code).name

const withClient = (run: (client: Client) => Promise<void>, overrides: Record<string, string> = {}) =>
  withBroker(async running => {
    const client = await Client.connect(running.broker.port)
    try {
      await client.topic('t')
      await run(client)
    } finally {
      client.close()
    }
  }, overrides)

test('readers of committed records stop at the first open transaction, and are told what was aborted', () =>
  withClient(async client => {
    const [one, two] = [await client.init('one'), await client.init('two')]
    await client.add('one', one)
    await client.add('two', two)
    assert.equal(await client.send('one', one, 0, ['a', 'b']), 'NONE')
    assert.equal(await client.send('two', two, 0, ['c']), 'NONE')
    assert.equal(await client.end('two', two, true), 'NONE')
    // 0 and 1 are open, 2 is committed by the marker at 3, and not stable before the others are.
    const open = await client.read(1)
    assert.deepEqual(open, { values: [], aborted: [], highWatermark: 4, lastStableOffset: 0 })
    assert.deepEqual((await client.read(0)).values, ['a', 'b', 'c'])
    assert.deepEqual((await client.read(0)).aborted, null)
    assert.deepEqual([await client.endOf(0), await client.endOf(1)], [4, 0])
    assert.equal(await client.end('one', one, false), 'NONE')
    const ended = await client.read(1)
    assert.deepEqual(ended.aborted, [{ producerId: one.producerId, firstOffset: 0 }])
    assert.deepEqual([ended.highWatermark, ended.lastStableOffset], [5, 5])
    assert.deepEqual([await client.endOf(0), await client.endOf(1)], [5, 5])
    // Markers are no records, whatever format they are asked for in.
    for (const version of [0, 2, 4]) assert.deepEqual((await client.read(0, version)).values, ['a', 'b', 'c'])
  }))

test('every version of every transactional API', () =>
  withClient(async client => {
    let committed = 0
    for (let version = 0; version <= 4; version++) {
      const id = `id-${version}`
      const identity = await client.init(id, { version })
      assert.equal(identity.error, 'NONE')
      assert.equal(await client.add(id, identity, 't', Math.min(version, 3)), 'NONE')
      assert.equal(await client.send(id, identity, 0, [id]), 'NONE')
      const { producerId, producerEpoch } = identity
      const owner = { transactionalId: id, groupId: 'g', producerId, producerEpoch }
      assert.equal((await client.wire.ask(addOffsetsToTxn, version, owner)).errorCode, 0)
      const { topics } = await client.wire.ask(txnOffsetCommit, version, {
        ...owner,
        topics: [
          {
            name: 't',
            partitions: [{ partitionIndex: 0, committedOffset: version, committedMetadata: 'm' }],
          },
        ],
      })
      assert.equal(topics[0]!.partitions[0]!.errorCode, 0)
      const position = async (requireStable: boolean) => {
        const answer = await client.wire.ask(offsetFetch, 7, {
          groupId: 'g',
          topics: [{ name: 't', partitionIndexes: [0] }],
          requireStable,
        })
        const { committedOffset, errorCode } = answer.topics[0]!.partitions[0]!
        return errorCode === 0 ? committedOffset : nameOf(errorCode)
      }
      assert.equal(await position(true), 'UNSTABLE_OFFSET_COMMIT')
      assert.equal(await position(false), committed - 1)
      assert.equal(await client.end(id, identity, true, version), 'NONE')
      committed++
      assert.equal(await position(true), version)
    }
    assert.deepEqual((await client.read(1)).values, ['id-0', 'id-1', 'id-2', 'id-3', 'id-4'])
  }))

test('what is refused, in every state', () =>
  withClient(async client => {
    assert.equal((await client.init('', {})).error, 'INVALID_REQUEST')
    assert.equal((await client.init('x', { timeoutMs: 0 })).error, 'INVALID_TRANSACTION_TIMEOUT')
    assert.equal((await client.init('x', { timeoutMs: 900_001 })).error, 'INVALID_TRANSACTION_TIMEOUT')
    const stranger = { producerId: 4711, producerEpoch: 0 }
    assert.equal(await client.add('x', stranger), 'INVALID_PRODUCER_ID_MAPPING')
    assert.equal(await client.end('x', stranger, true), 'INVALID_PRODUCER_ID_MAPPING')
    assert.equal(await client.send('x', stranger, 0, ['v']), 'INVALID_PRODUCER_ID_MAPPING')

    const own = await client.init('x')
    const wrong = { ...own, producerEpoch: own.producerEpoch + 1 }
    assert.equal(await client.add('x', { ...own, producerId: 4711 }), 'INVALID_PRODUCER_ID_MAPPING')
    assert.equal(await client.add('x', wrong, 't', 3), 'PRODUCER_FENCED')
    assert.equal(await client.add('x', wrong, 't', 1), 'INVALID_PRODUCER_EPOCH')
    assert.equal(await client.end('x', wrong, true, 2), 'PRODUCER_FENCED')
    assert.equal(await client.end('x', wrong, true, 1), 'INVALID_PRODUCER_EPOCH')
    assert.equal(await client.end('x', own, true), 'INVALID_TXN_STATE', 'nothing was begun')
    assert.equal(await client.send('x', own, 0, ['v']), 'INVALID_TXN_STATE', 'the partition was not added')
    assert.equal(await client.add('x', own, 'none'), 'UNKNOWN_TOPIC_OR_PARTITION')

    assert.equal(await client.add('x', own), 'NONE')
    assert.equal(await client.add('x', own), 'NONE', 'twice is as good')
    assert.equal(await client.send('x', own, 0, ['v']), 'NONE')
    assert.equal(await client.send('x', own, 0, ['v']), 'NONE', 'the same batch again')
    assert.equal(await client.send('x', own, 5, ['v']), 'OUT_OF_ORDER_SEQUENCE_NUMBER')
    assert.equal(await client.send(null, own, 1, ['v'], false), 'INVALID_TXN_STATE')
    assert.equal(await client.end('x', own, true), 'NONE')
    assert.equal(await client.end('x', own, true), 'NONE', 'a client that did not hear it')
    assert.equal(await client.end('x', own, false), 'INVALID_TXN_STATE')
    assert.equal(await client.send('x', own, 1, ['v']), 'INVALID_TXN_STATE', 'it is over')

    // Sequences go on from one transaction to the next.
    assert.equal(await client.add('x', own), 'NONE')
    assert.equal(await client.send('x', own, 1, ['w']), 'NONE')
    const heir = await client.init('x')
    assert.equal(heir.producerId, own.producerId)
    assert.equal(heir.producerEpoch, own.producerEpoch + 2, 'one to abort, one to go on')
    assert.equal(await client.send('x', own, 2, ['lost']), 'INVALID_PRODUCER_EPOCH')
    assert.equal(await client.end('x', own, true), 'PRODUCER_FENCED')
    assert.deepEqual((await client.read(1)).aborted, [{ producerId: own.producerId, firstOffset: 2 }])
    const { producerId, producerEpoch } = heir
    const again = await client.init('x', { producerId, producerEpoch })
    assert.equal(again.producerEpoch, producerEpoch + 1)
    assert.deepEqual(await client.init('x', { producerId, producerEpoch }), again, 'asked twice')
    assert.equal((await client.init('x', { producerId, producerEpoch: 0 })).error, 'PRODUCER_FENCED')
    assert.equal(
      (await client.init('x', { producerId, producerEpoch: 0, version: 3 })).error,
      'INVALID_PRODUCER_EPOCH',
    )
  }))

test('tools see open transactions, and abort what nobody ends', () =>
  withClient(async client => {
    const own = await client.init('tool-1')
    await client.init('tool-2')
    await client.add('tool-1', own)
    await client.send('tool-1', own, 0, ['v'])
    const list = async (more: object) => {
      const answer = await client.wire.ask(listTransactions, 2, {
        stateFilters: [],
        producerIdFilters: [],
        ...more,
      })
      return [
        answer.transactionStates.map(one => one.transactionalId),
        answer.unknownStateFilters,
        answer.errorCode,
      ]
    }
    assert.deepEqual(await list({}), [['tool-1', 'tool-2'], [], 0])
    assert.deepEqual(await list({ stateFilters: ['Ongoing', 'Odd'] }), [['tool-1'], ['Odd'], 0])
    assert.deepEqual(await list({ producerIdFilters: [own.producerId] }), [['tool-1'], [], 0])
    assert.deepEqual(await list({ durationFilter: 0 }), [['tool-1', 'tool-2'], [], 0])
    assert.deepEqual(await list({ durationFilter: 3_600_000 }), [['tool-2'], [], 0], 'never begun')
    assert.deepEqual(await list({ transactionalIdPattern: '.*-2' }), [['tool-2'], [], 0])
    assert.deepEqual(await list({ transactionalIdPattern: '(' }), [
      [],
      [],
      errorCodes.INVALID_REGULAR_EXPRESSION,
    ])
    const { transactionStates } = await client.wire.ask(describeTransactions, 0, {
      transactionalIds: ['tool-1', 'none'],
    })
    const [known, none] = transactionStates
    assert.equal(known!.transactionState, 'Ongoing')
    assert.deepEqual(known!.topics, [{ topic: 't', partitions: [0] }])
    assert.equal(none!.errorCode, errorCodes.TRANSACTIONAL_ID_NOT_FOUND)
    const producers = async () => {
      const asked = { topics: [{ name: 't', partitionIndexes: [0, 1] }] }
      const { topics } = await client.wire.ask(describeProducers, 0, asked)
      return topics[0]!.partitions
    }
    const [found, missing] = await producers()
    assert.equal(missing!.errorCode, errorCodes.UNKNOWN_TOPIC_OR_PARTITION)
    const [producer] = found!.activeProducers
    assert.deepEqual(
      [producer!.producerId, producer!.lastSequence, producer!.currentTxnStartOffset],
      [own.producerId, 0, 0],
    )
    const { markers } = await client.wire.ask(writeTxnMarkers, 1, {
      markers: [
        {
          producerId: own.producerId,
          producerEpoch: own.producerEpoch,
          transactionResult: false,
          topics: [{ name: 't', partitionIndexes: [0] }],
          coordinatorEpoch: 0,
        },
      ],
    })
    assert.equal(markers[0]!.topics[0]!.partitions[0]!.errorCode, 0)
    assert.equal((await producers())[0]!.activeProducers[0]!.currentTxnStartOffset, -1)
    assert.equal((await client.read(1)).lastStableOffset, 2)
  }))

test('open and ended transactions, aborted ones and positions are as they were after a start', () =>
  inDirectory(async directory => {
    let running = await startBroker(directory)
    let client = await Client.connect(running.broker.port)
    await client.topic('t')
    const [open, ended] = [await client.init('open'), await client.init('ended')]
    await client.add('ended', ended)
    await client.send('ended', ended, 0, ['aborted'])
    await client.end('ended', ended, false)
    await client.add('open', open)
    await client.send('open', open, 0, ['later'])
    client.close()
    await running.stop()
    running = await startBroker(directory)
    client = await Client.connect(running.broker.port)
    const seen = await client.read(1)
    assert.deepEqual(seen.aborted, [{ producerId: ended.producerId, firstOffset: 0 }])
    assert.deepEqual([seen.lastStableOffset, seen.highWatermark], [2, 3])
    assert.equal(await client.send('open', open, 1, ['more']), 'NONE')
    assert.equal(await client.end('open', open, true), 'NONE')
    assert.equal((await client.read(1)).lastStableOffset, 5)
    client.close()
    await running.stop()
  }))

test('nothing of a fenced producer lands behind the marker that ends its transaction', () =>
  withBroker(async ({ broker }) => {
    const [old, heir] = [await Client.connect(broker.port), await Client.connect(broker.port)]
    await old.topic('t')
    for (let round = 0; round < 50; round++) {
      const [id, own] = [`x-${round}`, await old.init(`x-${round}`)]
      await old.add(id, own)
      assert.equal(await old.send(id, own, 0, ['lost']), 'NONE')
      const successor = heir.init(id)
      for (let sequence = 1; (await old.send(id, own, sequence, ['lost'])) === 'NONE'; sequence++);
      assert.equal((await successor).error, 'NONE')
    }
    assert.deepEqual(await readCommitted(heir.wire, 't'), [])
    for (const client of [old, heir]) client.close()
  }))

const rounds = process.env['MILLRACE_DEEP'] === '1' ? 100 : 4

test(
  `${rounds} kills under transactional load: what was committed is whole, what was aborted is not seen, nothing hangs`,
  { timeout: 900_000 },
  context =>
    inDirectory(async directory => {
      const overrides = {
        listeners: 'PLAINTEXT://127.0.0.1:0',
        'log.dirs': join(directory, 'logs'),
        'log.segment.bytes': '40000',
      }
      let broker = await startBrokerProcess(configuration, overrides)
      context.after(() => broker.end('SIGKILL'))
      let client = await Client.connect(broker.port)
      for (const topic of ['t', 'u']) await client.topic(topic)
      const fates = new Map<number, 'committed' | 'aborted' | 'unknown'>()
      let number = 0
      for (let round = 0; round < rounds; round++) {
        const properties = { 'bootstrap.servers': `127.0.0.1:${broker.port}`, acks: 'all' }
        const producer = createTransactionalProducer({
          settings: {
            ...readProducerProperties(properties).settings!,
            transactionalId: 'load',
            transactionTimeoutMs: 60_000,
          },
          system,
          log,
        })
        await producer.init()
        const wanted = 15 + ((round * 13) % 40)
        const killed = new AbortController()
        const isLoaded = Promise.withResolvers<void>()
        const running = (async () => {
          for (let ended = 1; !killed.signal.aborted; ended++) {
            const own = number++
            fates.set(own, 'unknown')
            producer.begin()
            const send = (topic: string, part: number) =>
              producer.send([{ topic, partition: 0, key: null, value: Buffer.from(`${own} ${part}`) }])
            await Promise.all([send('t', 0), send('u', 1), send('t', 2)])
            await producer.sendOffsets([{ topic: 't', partition: 0, offset: own }], {
              groupId: 'g',
              generation: -1,
              memberId: '',
              groupInstanceId: null,
            })
            const isAborted = own % 4 === 3
            if (isAborted) await producer.abort()
            else await producer.commit()
            fates.set(own, isAborted ? 'aborted' : 'committed')
            if (ended === wanted) isLoaded.resolve()
          }
        })().catch(isLoaded.reject)
        await isLoaded.promise
        killed.abort()
        await broker.end('SIGKILL')
        client.close()
        await Promise.all([producer.close(), running])
        broker = await startBrokerProcess(configuration, overrides)
        client = await Client.connect(broker.port)
      }
      assert.equal((await client.init('load')).error, 'NONE', 'what the last kill left open is ended')

      const seen = new Map<number, Set<number>>()
      for (const topic of ['t', 'u']) {
        for (const { value } of await readCommitted(client.wire, topic)) {
          const [own, part] = value.split(' ').map(Number)
          const parts = seen.get(own!) ?? new Set()
          assert.ok(!parts.has(part!), `${value} is there twice`)
          seen.set(own!, parts.add(part!))
        }
      }
      for (const [own, parts] of seen) assert.equal(parts.size, 3, `transaction ${own} is not whole`)
      for (const [own, fate] of fates) {
        if (fate === 'committed') assert.ok(seen.has(own), `committed transaction ${own} is gone`)
        if (fate === 'aborted') assert.ok(!seen.has(own), `aborted transaction ${own} is seen`)
      }
      const { topics } = await client.wire.ask(offsetFetch, 7, {
        groupId: 'g',
        topics: [{ name: 't', partitionIndexes: [0] }],
        requireStable: true,
      })
      const { committedOffset, errorCode } = topics[0]!.partitions[0]!
      assert.deepEqual([errorCode, committedOffset], [0, Math.max(...seen.keys())])
      context.diagnostic(`${fates.size} transactions, ${seen.size} committed, ${rounds} kills`)
      client.close()
      assert.equal(await broker.end('SIGTERM'), 0)
    }),
)

/** Reads a topic to its end as a consumer of committed records does; fails where the end is not stable. */
async function readCommitted(wire: WireClient, topic: string): Promise<{ value: string }[]> {
  const found: { value: string }[] = []
  for (let next = 0; ;) {
    const { responses } = await wire.ask(fetch, 11, {
      maxWaitMs: 0,
      minBytes: 1,
      isolationLevel: 1,
      topics: [{ topic, partitions: [{ partition: 0, fetchOffset: next, partitionMaxBytes: 30_000 }] }],
      forgottenTopicsData: [],
    })
    const { records, abortedTransactions, highWatermark, lastStableOffset } = responses[0]!.partitions[0]!
    assert.equal(lastStableOffset, highWatermark, 'no transaction hangs')
    const { values, nextOffset } = committedOnly(records!, next, abortedTransactions ?? [])
    if (nextOffset === next) return found
    found.push(...values.map(value => ({ value })))
    next = nextOffset
  }
}

/** Leaves out what clients leave out: markers, and what lies between the begin of an aborted one and its marker. */
function committedOnly(
  bytes: Buffer,
  from: number,
  aborted: readonly { producerId: number; firstOffset: number }[],
): { values: string[]; nextOffset: number } {
  const waiting = aborted.toSorted((one, other) => one.firstOffset - other.firstOffset)
  const open = new Set<number>()
  const values: string[] = []
  let nextOffset = from
  const reader = new RecordSetReader(bytes)
  for (let batch = reader.next(); batch !== null; batch = reader.next()) {
    nextOffset = batch.lastOffset + 1
    while (waiting.length > 0 && waiting[0]!.firstOffset <= batch.lastOffset)
      open.add(waiting.shift()!.producerId)
    if (batch.isControl) open.delete(batch.producerId)
    else if (!open.has(batch.producerId))
      for (const { offset, value } of batch.records()) if (offset >= from) values.push(String(value))
  }
  return { values, nextOffset }
}
