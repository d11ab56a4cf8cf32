import assert from 'node:assert/strict'
import test from 'node:test'
import { silentLogger } from '../../observe/log.ts'
import { realSystem } from '../../system/system.ts'
import { SeededRandom } from '../../simulation/seeded-random.ts'
import { SimulatedDisk } from '../../simulation/simulated-disk.ts'
import type { Disk } from '../../system/disk.ts'
import type { TopicCatalog } from '../topic-catalog.ts'
import { TransactionJournal } from './transaction-journal.ts'
import { TransactionCoordinator } from './transaction-coordinator.ts'

const settings = {
  transactionMaxTimeoutMs: 60_000,
  transactionAbortTimedOutTransactionCleanupIntervalMs: 5,
  transactionalIdExpirationMs: 3_600_000,
  transactionRemoveExpiredTransactionCleanupIntervalMs: 3_600_000,
}

const journals = { home: '/logs', mustHold: () => null }

/** Topics whose one partition takes markers or not. */
class Topics {
  isWritable = true
  readonly markers: boolean[] = []
  readonly topics = new Map()
  /** Called with every marker that is written. */
  onMarker: () => void = () => {}

  partition() {
    return {
      endTransaction: ({ committed }: { committed: boolean }) => {
        if (!this.isWritable) return Promise.reject(new Error('the partition is offline'))
        this.markers.push(committed)
        this.onMarker()
        return Promise.resolve()
      },
    }
  }
}

async function withCoordinator(
  run: (
    coordinator: TransactionCoordinator,
    topics: Topics,
    reopen: () => Promise<TransactionCoordinator>,
    disk: Disk,
  ) => Promise<void>,
): Promise<void> {
  const disk = new SimulatedDisk(new SeededRandom(1)).open()
  await disk.makeDirectory('/logs')
  const topics = new Topics()
  let producerId = 100
  let coordinator: TransactionCoordinator | null = null
  const reopen = async () => {
    coordinator?.stop()
    await coordinator?.close()
    coordinator = new TransactionCoordinator({
      system: { ...realSystem, disk },
      log: silentLogger,
      settings,
      topics: topics as unknown as TopicCatalog,
      producerIds: { next: () => Promise.resolve(producerId++) },
      journals,
      endGroups: () => {},
    })
    await coordinator.open()
    return coordinator
  }
  try {
    await run(await reopen(), topics, reopen, disk)
  } finally {
    coordinator!.stop()
    await coordinator!.close()
  }
}

test('an abort that could not be carried out is not forgotten by the next producer of the id', () =>
  withCoordinator(async (coordinator, topics) => {
    const own = await coordinator.initialize('id', 1000, null)
    assert.ok(typeof own !== 'string')
    const owner = { transactionalId: 'id', ...own }
    assert.equal(await coordinator.add(owner, { t: [0] }), null)
    topics.isWritable = false
    assert.equal(await coordinator.initialize('id', 1000, null), 'CONCURRENT_TRANSACTIONS')
    assert.equal(coordinator.get('id')!.status, 'PrepareAbort')
    const written = new Promise<void>(resolve => (topics.onMarker = resolve))
    topics.isWritable = true
    await written
    assert.deepEqual(topics.markers, [false])
    let heir = await coordinator.initialize('id', 1000, null)
    while (heir === 'CONCURRENT_TRANSACTIONS') heir = await coordinator.initialize('id', 1000, null)
    assert.deepEqual(heir, { producerId: own.producerId, producerEpoch: own.producerEpoch + 2 })
  }))

test('a commit that was decided is carried out by the next start', () =>
  withCoordinator(async (coordinator, topics, reopen) => {
    const own = await coordinator.initialize('id', 1000, null)
    assert.ok(typeof own !== 'string')
    const owner = { transactionalId: 'id', ...own }
    await coordinator.add(owner, { t: [0] })
    topics.isWritable = false
    assert.equal(await coordinator.end(owner, true), null)
    assert.equal(coordinator.get('id')!.status, 'PrepareCommit')
    topics.isWritable = true
    const again = await reopen()
    assert.deepEqual(topics.markers, [true])
    assert.equal(again.get('id')!.status, 'CompleteCommit')
    assert.equal(await again.end(owner, true), null)
    assert.equal(await again.end(owner, false), 'INVALID_TXN_STATE')
  }))

test('the last epoch of an id is followed by another id', () =>
  withCoordinator(async (_, topics, reopen, disk) => {
    const journal = new TransactionJournal()
    await journal.open(disk, silentLogger, journals)
    await journal.put({
      transactionalId: 'id',
      producerId: 7,
      producerEpoch: 32_765,
      lastEpoch: -1,
      timeoutMs: 1000,
      status: 'Empty',
      partitions: {},
      groups: [],
      startedAt: -1,
      updatedAt: 0,
    })
    await journal.close()
    const coordinator = await reopen()
    assert.deepEqual(await coordinator.initialize('id', 1000, null), { producerId: 7, producerEpoch: 32_766 })
    assert.deepEqual(await coordinator.initialize('id', 1000, null), { producerId: 100, producerEpoch: 0 })
    assert.deepEqual(topics.markers, [])
  }))
