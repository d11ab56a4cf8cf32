// Taking over from Flume on a simulated disk: the takeover is ended at every single operation, by a kill or a
// power cut, and done again; every event is then there, once, in order, and Flume's files are as they were.
import assert from 'node:assert/strict'
import type { FileChannelSettings } from '../../src/channels/file/file-channel-settings.ts'
import { FileChannel } from '../../src/channels/file/file-channel.ts'
import { fileChannel } from '../../src/channels/file.ts'
import type { Disk } from '../../src/system/disk.ts'
import { realSystem } from '../../src/system/system.ts'
import { contextFor } from '../context.ts'
import {
  deliveredOf,
  filesOf,
  flumeLine,
  putOnDisk,
  recordings,
  type Recording,
} from '../golden/flume-recording.ts'
import { SeededRandom } from '../../src/simulation/seeded-random.ts'
import { SimulatedDisk } from '../../src/simulation/simulated-disk.ts'
import { testsIn } from './in-threads.ts'

const it = testsIn(import.meta.url)

function settingsFor({ data }: Recording): FileChannelSettings {
  return {
    checkpointDirectory: '/checkpoint',
    dataDirectories: data,
    capacity: 100,
    transactionCapacity: 7,
    keepAliveMs: 0,
    segmentBytes: 4 * 1024,
    floorBytes: 0,
    syncEachGroup: false,
    syncIntervalMs: 1000,
    checkpointIntervalMs: 1000,
    checkpointOnClose: true,
  }
}

function channelOn(recording: Recording, disk: Disk) {
  const context = contextFor('CHANNEL', 'c1', fileChannel.counters, { system: { ...realSystem, disk } })
  return { channel: new FileChannel(settingsFor(recording), context), context }
}

const never = new AbortController().signal

// Only what stands in the logs matters here, not in which order Flume delivered it.
const killed = recordings.filter(one => one.name.endsWith('-killed'))

/** Everything inside, taken and committed. */
async function drain(channel: FileChannel): Promise<string[]> {
  const lines: string[] = []
  while (channel.size > 0) {
    const batch = (await channel.take({ events: 100 }, never))!
    lines.push(...batch.events.map(flumeLine))
    await batch.commit()
  }
  return lines
}

/** Odd, so that every second cut is of the other kind. */
const step = process.env['MILLRACE_DEEP'] === undefined ? 5 : 1

for (const [index, recording] of killed.entries())
  for (const end of ['kill', 'power cut'] as const)
    it(`${recording.name}: comes over once, whatever ends the takeover by a ${end}`, async () => {
      const expected = deliveredOf(recording)
      const flumes = filesOf(recording)
      let ended = 0
      for (
        let operations = 1 + (end === 'kill' ? 0 : 2) + index, isWhole = false;
        !isWhole;
        operations += step
      ) {
        const disk = new SimulatedDisk(new SeededRandom(operations))
        await putOnDisk(recording, disk.open())
        disk.operationsLeft = operations
        const still = new Promise<boolean>(resolve => (disk.onStill = () => resolve(false)))
        const first = channelOn(recording, disk.open())
        isWhole = await Promise.race([still, first.channel.start().then(() => true)])
        if (!isWhole) ended++
        if (end === 'kill') disk.kill()
        // Every second time with nothing but what must have survived.
        else disk.crash({ nothing: operations % 2 === 0 })

        const second = channelOn(recording, disk.open())
        await second.channel.start()
        assert.deepEqual(await drain(second.channel), expected, `ended at operation ${operations}`)
        await second.channel.stop()
        const { lines } = second.context.log
        assert.ok(!lines.some(line => /damage|lost/.test(line)), lines.join('\n'))

        const third = channelOn(recording, disk.open())
        await third.channel.start()
        assert.equal(third.channel.size, 0, `taken over again after operation ${operations}`)
        await third.channel.stop()
        const door = disk.open()
        for (const { path, bytes } of flumes) {
          const file = await door.open(path, 'read')
          const found = Buffer.alloc((await file.size()) + 1)
          assert.ok(found.subarray(0, await file.read(found, 0)).equals(bytes), `${path} changed`)
        }
      }
      assert.ok(ended > 100 / step, `${ended}`)
    })

/** The door, with one operation that fails: the one that comes after so many others. */
function failing(door: Disk, after: number): { disk: Disk; failed: () => boolean } {
  let left = after
  const may = (what: string): void => {
    if (left-- === 0) throw Object.assign(new Error(`EIO: simulated, ${what}`), { code: 'EIO' })
  }
  const disk: Disk = {
    ...door,
    async open(path, mode) {
      const file = await door.open(path, mode)
      return {
        ...file,
        write: async (bytes, position) => {
          may(`write ${path}`)
          await file.write(bytes, position)
        },
        writeAll: async (buffers, position) => {
          may(`write ${path}`)
          await file.writeAll(buffers, position)
        },
        writeDurably: async (buffers, position) => {
          may(`write ${path}`)
          await file.writeAll(buffers, position)
          may(`sync ${path}`)
          await file.sync()
        },
        sync: async () => {
          may(`sync ${path}`)
          await file.sync()
        },
      }
    },
    rename: async (from, to) => {
      may(`rename ${from}`)
      await door.rename(from, to)
    },
  }
  return { disk, failed: () => left < 0 }
}

for (const recording of killed)
  it(`${recording.name}: comes over once, whichever write, sync or rename of the takeover fails`, async () => {
    let failures = 0
    let refusals = 0
    for (let after = 0; ; after++) {
      const disk = new SimulatedDisk(new SeededRandom(after))
      await putOnDisk(recording, disk.open())
      const { disk: door, failed } = failing(disk.open(), after)
      const { channel } = channelOn(recording, door)
      const refused = await channel.start().then(
        () => false,
        () => true,
      )
      if (!failed()) break
      failures++
      if (refused) refusals++
      await channel.stop()
      disk.crash({ nothing: true })
      const next = channelOn(recording, disk.open()).channel
      await next.start()
      assert.deepEqual(await drain(next), deliveredOf(recording), `failed after ${after}`)
      await next.stop()
    }
    assert.ok(failures > 30 && refusals > 10, `${failures}, ${refusals}`)
  })
