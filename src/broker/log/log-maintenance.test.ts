import assert from 'node:assert/strict'
import test from 'node:test'
import { SeededRandom } from '../../../test/simulation/seeded-random.ts'
import { SimulatedDisk } from '../../../test/simulation/simulated-disk.ts'
import { silentLogger } from '../../observe/log.ts'
import { realSystem } from '../../system/system.ts'
import { readRecords, writeRecords } from '../../wire/kafka/record-set.ts'
import type { PartitionLog } from './partition-log.ts'
import { openPartitionLog } from './recovery.ts'

const disk = new SimulatedDisk(new SeededRandom(1)).open()
const openIn = (directory: string): Promise<PartitionLog> =>
  openPartitionLog({
    system: { ...realSystem, disk },
    log: silentLogger,
    name: 't-0',
    directory,
    settings: {
      segmentBytes: 1_000_000,
      rollMs: 3_600_000,
      retentionMs: 60_000,
      retentionBytes: -1,
      deletes: true,
      compacts: false,
      deleteRetentionMs: 86_400_000,
      minDirtyRatio: 0.5,
      minCompactionLagMs: 0,
      maxCompactionLagMs: Number.MAX_SAFE_INTEGER,
      syncEachGroup: true,
      producerExpiryMs: 3_600_000,
    },
  })
const batch = (values: readonly string[], timestamp: number): Buffer =>
  writeRecords(values.map(value => ({ timestamp, key: null, value: Buffer.from(value) })))
const valuesOf = async (log: PartitionLog): Promise<string[]> =>
  readRecords(await log.read(log.startOffset, 100_000, true)).records.map(({ value }) => String(value))

test('the newest segment goes once all of its records are too old, and not while a young one stands beside them', async () => {
  const mixed = await openIn('/mixed')
  await mixed.append(batch(['old', 'older'], 1000)).durable
  await mixed.append(batch(['young'], Date.now())).durable
  assert.equal(await mixed.retain(), 0)
  assert.equal(mixed.startOffset, 0)
  await mixed.close()

  let log = await openIn('/old')
  await log.append(batch(['old', 'older'], 1000)).durable
  assert.equal(await log.retain(), 1)
  assert.deepEqual([log.startOffset, log.nextOffset, log.highWatermark], [2, 2, 2])
  assert.equal(await log.retain(), 0)
  await log.append(batch(['young'], Date.now())).durable
  assert.deepEqual(await valuesOf(log), ['young'])
  await log.close()
  log = await openIn('/old')
  assert.deepEqual([log.startOffset, log.nextOffset], [2, 3])
  assert.deepEqual(await valuesOf(log), ['young'])
  await log.close()
})
