import assert from 'node:assert/strict'
import { join } from 'node:path'
import test from 'node:test'
import { SeededRandom } from '../../simulation/seeded-random.ts'
import { SimulatedDisk } from '../../simulation/simulated-disk.ts'
import { silentLogger } from '../../observe/log.ts'
import { readWhole } from '../../storage/atomic-file.ts'
import { realSystem } from '../../system/system.ts'
import { writeRecords } from '../../wire/kafka/record-set.ts'
import { readBrokerSettings } from '../broker-settings.ts'
import type { LogSettings } from './log-parts.ts'
import type { PartitionLog } from './partition-log.ts'
import { openPartitionLog } from './recovery.ts'
import { segmentName } from './segment.ts'
import { readRecords } from '../../../test/at-once.ts'

const simulated = new SimulatedDisk(new SeededRandom(1))
const disk = simulated.open()
const openIn = (
  directory: string,
  settings: Partial<LogSettings> = {},
  { modifiedAt = 0, warnings = [] as string[] } = {},
): Promise<PartitionLog> =>
  openPartitionLog({
    system: {
      ...realSystem,
      disk: { ...disk, stat: async path => ({ ...(await disk.stat!(path)), modifiedMs: modifiedAt }) },
    },
    log: { ...silentLogger, warn: line => void warnings.push(line) },
    name: 't-0',
    directory,
    settings: {
      ...readBrokerSettings('', '').settings.log,
      segmentBytes: 1_000_000,
      segmentMs: 3_600_000,
      retentionMs: 60_000,
      producerIdExpirationMs: 3_600_000,
      ...settings,
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

test('records without a time are as old as their file', async () => {
  let log = await openIn('/timeless', {}, { modifiedAt: Date.now() })
  await log.append(batch(['one'], -1)).durable
  await log.append(batch(['two'], -1)).durable
  assert.equal(await log.retain(), 0)
  await log.close()
  log = await openIn('/timeless', {}, { modifiedAt: Date.now() - 61_000 })
  assert.equal(await log.retain(), 1)
  assert.deepEqual([log.startOffset, log.nextOffset], [2, 2])
  await log.close()
})

test('retention and deletion make room on a disk that is full to the last byte', async () => {
  const settings = { segmentBytes: 1000, retentionMs: -1, retentionBytes: 2500 }
  const log = await openIn('/full', settings)
  for (let index = 0; index < 30; index++) await log.append(batch(['r'.repeat(200)], Date.now())).durable
  simulated.capacityBytes = simulated.usedBytes
  assert.ok((await log.retain()) > 0)
  assert.ok(log.sizeBytes < 3700, `${log.sizeBytes}`)
  const { startOffset } = log
  await log.append(batch(['there is room'], Date.now())).durable
  simulated.capacityBytes = simulated.usedBytes
  assert.equal(await log.deleteRecordsBefore(startOffset + 5), startOffset + 5)
  simulated.capacityBytes = Infinity
  await log.close()
  const again = await openIn('/full', settings)
  assert.deepEqual([again.startOffset, again.nextOffset], [startOffset + 5, 31])
  await again.close()
})

test('whole batches behind one that is not are cut off with it, and kept beside', async () => {
  const log = await openIn('/cut')
  await log.append(batch(['one'], 1000)).durable
  const damaged = log.sizeBytes
  for (const value of ['two', 'three', 'four']) await log.append(batch([value], 1000)).durable
  await log.close()
  // As a kill leaves it: without a checkpoint.
  await disk.remove('/cut/checkpoint')
  const path = join('/cut', segmentName(0))
  const file = await disk.open(path, 'write')
  await file.write(Buffer.from([0xff]), damaged + 70)
  const bytes = Buffer.alloc((await file.size()) - damaged)
  await file.read(bytes, damaged)
  await file.close()
  const warnings: string[] = []
  const again = await openIn('/cut', {}, { warnings })
  assert.deepEqual(await valuesOf(again), ['one'])
  const aside = `${path}.cut-${damaged}`
  assert.ok(
    warnings
      .join()
      .endsWith(
        `of a write that was never finished, or damaged. 2 whole batches behind it are kept in ${aside}`,
      ),
    warnings.join(),
  )
  assert.deepEqual(await readWhole(disk, aside), bytes)
  await again.append(batch(['five'], 1000)).durable
  await again.close()
  const last = await openIn('/cut')
  assert.deepEqual(await valuesOf(last), ['one', 'five'])
  await last.close()
})
