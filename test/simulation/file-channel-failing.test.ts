// A file channel whose disk fails twice: it goes on once, then stays failed, says so, and loses nothing.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { FileChannel } from '../../src/channels/file/file-channel.ts'
import { fileChannel } from '../../src/channels/file.ts'
import { realSystem } from '../../src/system/system.ts'
import { contextFor } from '../context.ts'
import { eventsOf, rejectsWith, textsOf } from '../contracts/channel-events.ts'
import { VirtualClock } from '../virtual-clock.ts'
import { SeededRandom } from '../../src/simulation/seeded-random.ts'
import { SimulatedDisk } from '../../src/simulation/simulated-disk.ts'

const never = new AbortController().signal

function channelOn(disk: SimulatedDisk, clock: VirtualClock) {
  const system = { ...realSystem, disk: disk.open(), clock }
  const context = contextFor('CHANNEL', 'c1', fileChannel.counters, { system })
  const channel = new FileChannel(
    {
      checkpointDirectory: '/c',
      dataDirectories: ['/d'],
      capacity: 1000,
      transactionCapacity: 100,
      keepAliveMs: 0,
      segmentBytes: 64 * 1024,
      floorBytes: 0,
      syncEachGroup: true,
      syncIntervalMs: 1000,
      checkpointIntervalMs: 30_000,
      checkpointOnClose: true,
    },
    context,
  )
  return { channel, context }
}

/** Puts while the next sync fails. */
async function failOnce(disk: SimulatedDisk, channel: FileChannel, from: number): Promise<void> {
  const before = disk.happened.syncFailures
  disk.syncFailures = 1
  const put = channel.put(eventsOf(from, 5))
  put.catch(() => {})
  while (disk.happened.syncFailures === before) await Promise.resolve()
  disk.syncFailures = 0
  await rejectsWith('CHANNEL_FAILED', put, /could not write its log \(\/d\/millrace-\d+\.wal at \d+\): EIO/)
}

it('goes on in a new segment after a failed sync, and stays failed after a second one within a minute', async () => {
  const disk = new SimulatedDisk(new SeededRandom(1))
  const clock = new VirtualClock()
  const { channel, context } = channelOn(disk, clock)
  await channel.start()
  await channel.put(eventsOf(0, 10))
  await failOnce(disk, channel, 100)
  assert.equal(context.health().length, 0)
  await channel.put(eventsOf(10, 10))
  await clock.advance(59_000)
  await failOnce(disk, channel, 200)
  assert.match(String(context.health().at(-1)), /could not write its log/)
  assert.equal(context.counters.get('Unhealthy'), 1)
  // The disk is well again, but nobody knows what it did in between: only a start looks.
  await rejectsWith('CHANNEL_FAILED', channel.put(eventsOf(20, 1)))
  await rejectsWith('CHANNEL_FAILED', channel.take({ events: 1 }, never))
  await channel.stop()
  disk.crash({ nothing: true })
  const again = channelOn(disk, clock)
  await again.channel.start()
  assert.equal(again.channel.size, 20)
  const batch = await again.channel.take({ events: 100 }, never)
  assert.deepEqual(
    textsOf(batch),
    Array.from({ length: 20 }, (_, index) => String(index)),
  )
  await again.channel.stop()
})

it('goes on after each failed sync where more than a minute lies between them', async () => {
  const disk = new SimulatedDisk(new SeededRandom(2))
  const clock = new VirtualClock()
  const { channel, context } = channelOn(disk, clock)
  await channel.start()
  for (let round = 0; round < 5; round++) {
    await failOnce(disk, channel, 1000 + round)
    await channel.put(eventsOf(round * 10, 10))
    await clock.advance(61_000)
  }
  assert.equal(context.health().length, 0)
  assert.equal(channel.size, 50)
  await channel.stop()
})
