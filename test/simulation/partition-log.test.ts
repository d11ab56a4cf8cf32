// The log of a partition on a disk that loses, tears and fails, by seed: appends, rolls, deletions, retention
// and compaction, ended anywhere by a crash, many times over. What was acknowledged is there where it was
// said to be, until it is deleted or a newer record of its key takes its place; nothing is invented.
import assert from 'node:assert/strict'
import { openPartitionLog } from '../../src/broker/log/recovery.ts'
import { readBrokerSettings } from '../../src/broker/broker-settings.ts'
import type { LogSettings } from '../../src/broker/log/log-parts.ts'
import type { PartitionLog } from '../../src/broker/log/partition-log.ts'
import { silentLogger } from '../../src/observe/log.ts'
import { realSystem, type System } from '../../src/system/system.ts'
import { writeRecords } from '../../src/wire/kafka/record-set.ts'
import { SeededRandom } from '../../src/simulation/seeded-random.ts'
import { SimulatedDisk } from '../../src/simulation/simulated-disk.ts'
import { testsIn } from './in-threads.ts'
import { readRecords } from '../at-once.ts'

const test = testsIn(import.meta.url)

const deep = process.env['MILLRACE_DEEP'] === '1'
const only = process.env['MILLRACE_SEED']
const first = only === undefined ? 1 : Number(only)
const count = only === undefined ? (deep ? 50_000 : 600) : 1

interface Written {
  readonly key: string
  readonly value: string | null
}

/** A disk that fails may fail anything but what was acknowledged. */
const failed = (error: Error): string => {
  if (!error.message.startsWith('EIO')) throw error
  return error.message
}

class Run {
  readonly trace: string[] = []
  readonly #random: SeededRandom
  readonly #disk: SimulatedDisk
  readonly #settings: LogSettings
  /** What was appended at each offset, by every life that appended there. */
  readonly #written = new Map<number, Written[]>()
  /** Acknowledged, by offset: this and nothing else is there. */
  readonly #acknowledged = new Map<number, Written>()
  #end = 0
  /** The start that was acknowledged. */
  #start = 0
  #number = 0
  /** It was opened: from then on nothing may be missing. */
  #isKnown = false

  constructor(seed: number) {
    this.#random = new SeededRandom(seed)
    this.#disk = new SimulatedDisk(this.#random)
    const compacts = this.#random.chance(0.6)
    this.#settings = {
      ...readBrokerSettings('', '').settings.log,
      segmentBytes: 200 + this.#random.below(800),
      segmentMs: 3_600_000,
      retentionMs: -1,
      retentionBytes: compacts || this.#random.chance(0.5) ? -1 : 1500,
      cleanupPolicy: compacts ? ['delete', 'compact'] : ['delete'],
      deleteRetentionMs: this.#random.chance(0.5) ? -1 : 3_600_000,
      minCleanableDirtyRatio: 0.1,
      producerIdExpirationMs: 3_600_000,
    }
  }

  async run(): Promise<void> {
    await this.#disk.open().makeDirectory('/')
    await this.#disk.open().makeDirectory('/t-0')
    await this.#disk.open().syncDirectory('/')
    for (let life = 0, lives = 2 + this.#random.below(4); life <= lives; life++) {
      const isLast = life === lives
      const still = new Promise<void>(resolve => (this.#disk.onStill = resolve))
      this.#disk.operationsLeft = isLast ? Infinity : 5 + this.#random.below(150)
      this.#disk.syncFailures = !isLast && this.#random.chance(0.2) ? 0.05 : 0
      this.trace.push(`life ${life}: ${this.#disk.operationsLeft} operations`)
      const living = this.#live(isLast)
      await (isLast ? living : Promise.race([living, still]))
      this.#disk.crash()
    }
  }

  async #live(isLast: boolean): Promise<void> {
    const system: System = { ...realSystem, disk: this.#disk.open() }
    const log = await openPartitionLog(
      { system, log: silentLogger, name: 't-0', directory: '/t-0', settings: this.#settings },
      { isKnown: this.#isKnown },
    ).catch(failed)
    if (typeof log === 'string') return assert.ok(!isLast, log)
    this.#isKnown = true
    await this.#check(log)
    for (let step = 0, steps = isLast ? 3 : 40; step < steps && !log.offline; step++) await this.#step(log)
    if (isLast) await this.#check(log)
    if (isLast || this.#random.chance(0.3)) await log.close().catch(failed)
  }

  async #step(log: PartitionLog): Promise<void> {
    const chosen = this.#random.below(10)
    if (chosen < 7) return await this.#append(log)
    if (chosen === 7) {
      const keyBytes = this.#random.chance(0.3) ? 600 : 100_000
      this.trace.push(`compact: ${await log.compact(keyBytes).catch(failed)}`)
      return
    }
    if (chosen === 8) {
      this.trace.push(`retain: ${await log.retain().catch(failed)}`)
      this.#start = Math.max(this.#start, log.startOffset)
      return
    }
    if (!this.#random.chance(0.2)) return
    const before = log.startOffset + this.#random.below(Math.max(1, log.highWatermark - log.startOffset + 1))
    const start = await log.deleteRecordsBefore(before).catch(failed)
    if (typeof start === 'string') return
    this.trace.push(`deleted before ${before}`)
    this.#start = Math.max(this.#start, start)
  }

  async #append(log: PartitionLog): Promise<void> {
    const waiting: Promise<unknown>[] = []
    for (let batches = 1 + this.#random.below(3); batches > 0; batches--) {
      const records = Array.from({ length: 1 + this.#random.below(4) }, (): Written => {
        const value = `${this.#number++} ${'x'.repeat(this.#random.below(60))}`
        return { key: `k${this.#random.below(8)}`, value: this.#random.chance(0.1) ? null : value }
      })
      const { baseOffset, durable } = log.append(
        writeRecords(
          records.map(({ key, value }) => ({
            timestamp: 1000,
            key: Buffer.from(key),
            value: value === null ? null : Buffer.from(value),
          })),
          { codec: this.#random.chance(0.3) ? 'gzip' : 'none' },
        ),
      )
      for (const [index, record] of records.entries()) {
        const offset = baseOffset + index
        this.#written.set(offset, [...(this.#written.get(offset) ?? []), record])
      }
      const acknowledged = durable.then(
        () => {
          for (const [index, record] of records.entries()) this.#acknowledged.set(baseOffset + index, record)
          this.#end = Math.max(this.#end, baseOffset + records.length)
          this.trace.push(`acknowledged ${baseOffset} to ${baseOffset + records.length - 1}`)
        },
        () => {},
      )
      waiting.push(acknowledged)
    }
    await Promise.all(waiting)
  }

  async #check(log: PartitionLog): Promise<void> {
    this.trace.push(`start ${log.startOffset}, end ${log.highWatermark}`)
    assert.ok(log.highWatermark >= this.#end, `the end went back from ${this.#end} to ${log.highWatermark}`)
    assert.ok(log.startOffset >= this.#start, `the start went back from ${this.#start} to ${log.startOffset}`)
    const found = new Map<number, Written>()
    for (let next = log.startOffset; next < log.highWatermark;) {
      const bytes = await log.read(next, 300, true)
      const { records, nextOffset } = readRecords(bytes, next)
      for (const { offset, key, value } of records) {
        assert.ok(!found.has(offset), `offset ${offset} comes twice`)
        found.set(offset, { key: String(key), value: value === null ? null : String(value) })
      }
      // Compaction may leave nothing up to the end.
      if (nextOffset <= next) break
      next = nextOffset
    }
    const newest = new Map<string, number>()
    for (const [offset, { key }] of found) newest.set(key, Math.max(newest.get(key) ?? -1, offset))
    for (const [offset, record] of found) {
      const own = this.#acknowledged.get(offset)
      const may = own === undefined ? (this.#written.get(offset) ?? []) : [own]
      assert.ok(
        may.some(one => one.key === record.key && one.value === record.value),
        `offset ${offset} holds what nobody wrote there`,
      )
      // What was read once stays.
      this.#acknowledged.set(offset, record)
    }
    for (const [offset, { key, value }] of this.#acknowledged) {
      if (offset < log.startOffset || found.has(offset)) continue
      assert.ok(this.#settings.cleanupPolicy.includes('compact'), `offset ${offset} is gone`)
      const isReplaced = (newest.get(key) ?? -1) > offset
      const isDeletion = value === null || this.#wasDeletedAfter(key, offset)
      assert.ok(isReplaced || isDeletion, `offset ${offset} is gone, and nothing newer of ${key} is there`)
    }
    this.#end = Math.max(this.#end, log.highWatermark)
  }

  /** A deletion of the key came later: it may be gone itself by now. */
  #wasDeletedAfter(key: string, offset: number): boolean {
    for (const [at, record] of this.#acknowledged)
      if (at > offset && record.key === key && record.value === null) return true
    return false
  }
}

test(`${count} seeds from ${first} on: nothing acknowledged is lost, nothing invented, nothing goes back`, async () => {
  for (let seed = first; seed < first + count; seed++) {
    const run = new Run(seed)
    await run.run().catch((error: Error) => {
      error.message = `seed ${seed} (MILLRACE_SEED=${seed}): ${error.message}\n${run.trace.slice(-30).join('\n')}`
      throw error
    })
  }
})

test('a seed gives the same trace again', async () => {
  const traces: string[] = []
  for (let time = 0; time < 2; time++) {
    const run = new Run(4711)
    await run.run()
    traces.push(run.trace.join('\n'))
  }
  assert.equal(traces[0], traces[1])
})
