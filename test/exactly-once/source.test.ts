// The Kafka source says of each event which record it was made of, and of each call which offsets it hands over.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTransactionalProducer } from '../../src/kafka-client/kafka-client.ts'
import { producerDefaults } from '../../src/kafka-client/settings.ts'
import { silentLogger } from '../../src/observe/log.ts'
import { decodeOrigin, originHeader } from '../../src/origin/origin.ts'
import { kafkaSource } from '../../src/sources/kafka.ts'
import { realSystem } from '../../src/system/system.ts'
import { withBroker } from '../broker/running-broker.ts'
import { runSource } from '../running-source.ts'

test('an event names its record, and a call hands over what is no record as well', () =>
  withBroker(async ({ bootstrap, broker }) => {
    const producer = createTransactionalProducer({
      settings: {
        ...producerDefaults,
        bootstrapServers: [bootstrap],
        transactionalId: 'writer',
        transactionTimeoutMs: 60_000,
      },
      system: realSystem,
      log: silentLogger,
    })
    await producer.init()
    // Offsets: a 0, marker 1; b 2 and c 3, aborted by 4; d 5, marker 6; e 7, marker 8.
    for (const [values, isCommitted] of [
      ['a', true],
      ['bc', false],
      ['d', true],
      ['e', true],
    ] as const) {
      producer.begin()
      await producer.send(
        [...values].map(one => ({ topic: 't', partition: 0, key: null, value: Buffer.from(one) })),
      )
      await (isCommitted ? producer.commit() : producer.abort())
    }
    await producer.close()
    const source = await runSource(kafkaSource, {
      'kafka.bootstrap.servers': bootstrap,
      'kafka.topics': ['t'],
      'kafka.consumer': { 'auto.offset.reset': 'earliest', 'isolation.level': 'read_committed' },
      originHeader: true,
    })
    await source.until(() => source.events.length === 3)
    await source.stop()
    const origins = source.events.map(({ headers }) => decodeOrigin(headers.get(originHeader)!)!)
    const id = broker.topics.topics.get('t')!.id
    assert.deepEqual(source.bodies, ['a', 'd', 'e'])
    assert.deepEqual(
      origins.map(({ partition, leaderEpoch, from, to }) => [
        partition.split('/').slice(1),
        leaderEpoch,
        from,
        to,
      ]),
      [0, 5, 7].map(offset => [['t', encodeURIComponent(id), '0'], 0, offset, offset]),
    )
    const [first] = source.handovers
    assert.equal(first!.from, 0)
    assert.equal(source.handovers.at(-1)!.to, 7)
    for (const [index, one] of source.handovers.entries())
      if (index > 0) assert.equal(one.from, source.handovers[index - 1]!.to + 1)
  }))
