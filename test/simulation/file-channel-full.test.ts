// A file channel on a disk that is nearly full: it refuses puts without flooding the log, says so of itself,
// and takes puts again when a whole segment has room.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { FileChannel } from '../../src/channels/file/file-channel.ts'
import { fileChannel } from '../../src/channels/file.ts'
import { Fault } from '../../src/errors.ts'
import { realSystem } from '../../src/system/system.ts'
import { contextFor } from '../context.ts'
import { eventsOf } from '../contracts/channel.ts'
import { VirtualClock } from '../virtual-clock.ts'
import { SeededRandom } from '../../src/simulation/seeded-random.ts'
import { SimulatedDisk } from '../../src/simulation/simulated-disk.ts'

const never = new AbortController().signal
const segmentBytes = 64 * 1024
const floorBytes = 100_000

it('free space within one segment above the minimum: one condition, one line a minute', async () => {
  const disk = new SimulatedDisk(new SeededRandom(1))
  disk.capacityBytes = floorBytes + 4.5 * segmentBytes
  const clock = new VirtualClock()
  const system = { ...realSystem, disk: disk.open(), clock }
  const context = contextFor('CHANNEL', 'c1', fileChannel.counters, { system })
  const channel = new FileChannel(
    {
      checkpointDirectory: '/c',
      dataDirectories: ['/d'],
      capacity: 1_000_000,
      transactionCapacity: 1000,
      keepAliveMs: 0,
      segmentBytes,
      floorBytes,
      syncEachGroup: true,
      syncIntervalMs: 1000,
      checkpointIntervalMs: 3_600_000,
      checkpointOnClose: true,
    },
    context,
  )
  await channel.start()
  let put = 0
  let refused = 0
  /** Whether the channel took the events. */
  const tryPut = () =>
    channel.put(eventsOf(put, 10)).then(
      () => (put += 10) > 0,
      (error: unknown) => {
        assert.ok(error instanceof Fault && error.code === 'DISK_FULL', String(error))
        refused++
        return false
      },
    )
  while (await tryPut()) continue
  assert.ok(put > 100)
  const before = context.log.lines.length
  assert.equal(context.health().length, 1)
  assert.match(context.health()[0]!, /^channel c1: .* new segment .* minimumRequiredSpace/)
  for (let tenth = 0; tenth < 6000; tenth++) {
    await tryPut()
    await clock.advance(100)
  }
  assert.equal(refused, 6001)
  const lines = context.log.lines.slice(before)
  assert.ok(lines.length <= 10, `${lines.length} lines:\n${lines.slice(0, 20).join('\n')}`)
  // Emptied segments make room.
  for (let taken = 0; taken < put;) {
    const batch = (await channel.take({ events: 100 }, never))!
    taken += batch.events.length
    await batch.commit()
  }
  await clock.advance(1000)
  assert.deepEqual(context.health(), [])
  await tryPut()
  assert.equal(refused, 6001)
  assert.match(context.log.lines.at(-1)!, /^INFO channel c1 takes puts again: \d+ bytes are free, after \d+/)
  const closed = channel.stop()
  await clock.advance(10_000)
  await closed
})
