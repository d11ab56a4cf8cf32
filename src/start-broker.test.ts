import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Kafka, logLevel } from 'kafkajs'
import { Fault } from './errors.ts'
import { startBroker } from './start-broker.ts'
import { StartFailure } from './topology/agent.ts'

const kafkaAt = (address: string) => new Kafka({ brokers: [address], logLevel: logLevel.NOTHING })

const scratch = mkdtempSync(join(tmpdir(), 'millrace-start-broker-'))
process.env['TMPDIR'] = join(scratch, 'temporary')
mkdirSync(process.env['TMPDIR'])
after(() => rmSync(scratch, { recursive: true }))

const temporary = () => readdirSync(tmpdir())

test('a broker on a free port has its topics, takes records, and is gone after its block', async () => {
  let address = ''
  {
    await using broker = await startBroker({ topics: { orders: 3, returns: 1 } })
    address = broker.bootstrapServers
    assert.equal(address, `127.0.0.1:${broker.port}`)
    const admin = kafkaAt(address).admin()
    await admin.connect()
    const { topics } = await admin.fetchTopicMetadata({ topics: ['orders', 'returns'] })
    assert.deepEqual(topics.map(({ name, partitions }) => [name, partitions.length]).toSorted(), [
      ['orders', 3],
      ['returns', 1],
    ])
    const producer = kafkaAt(address).producer()
    await producer.connect()
    await producer.send({ topic: 'orders', messages: [{ value: 'one', partition: 2 }] })
    assert.equal((await admin.fetchTopicOffsets('orders')).find(one => one.partition === 2)!.offset, '1')
    await Promise.all([producer.disconnect(), admin.disconnect()])
  }
  // Its port is free again.
  await using again = await startBroker({ port: Number(address.split(':')[1]) })
  assert.equal(again.bootstrapServers, address)
})

test('a directory of the program is kept, with topics and records; a temporary one is not', async () => {
  const directory = join(scratch, 'kept')
  for (const expected of [1, 2]) {
    const broker = await startBroker({ directory, topics: { orders: 1 } })
    const producer = kafkaAt(broker.bootstrapServers).producer()
    await producer.connect()
    const [sent] = await producer.send({ topic: 'orders', messages: [{ value: 'one' }] })
    assert.equal(Number(sent!.baseOffset) + 1, expected)
    await producer.disconnect()
    await broker.stop()
    await broker.stop()
    assert.ok(existsSync(join(directory, 'orders-0')))
  }
  const broker = await startBroker()
  assert.equal(temporary().length, 1)
  await broker.stop()
  assert.deepEqual(temporary(), [])
})

test('what cannot start rejects with everything that is wrong, or with a fault, and leaves nothing', async () => {
  await assert.rejects(
    startBroker({ settings: { 'num.partitions': 'many' }, topics: { 'a b': 1, orders: 0 } }),
    (error: unknown) => {
      assert.ok(error instanceof StartFailure)
      assert.match(error.message, /^topics: "orders": 0 partitions are not possible\. Give a whole number/m)
      assert.deepEqual(
        error.problems.map(({ problem }) => /^[\w.]+/.exec(problem)![0]),
        ['num.partitions', 'topics', 'topics'],
      )
      return true
    },
  )
  const broker = await startBroker()
  await assert.rejects(
    startBroker({ port: broker.port }),
    (error: unknown) => error instanceof Fault && error.code === 'ADDRESS_IN_USE',
  )
  await broker.stop()
  assert.deepEqual(temporary(), [])
})
