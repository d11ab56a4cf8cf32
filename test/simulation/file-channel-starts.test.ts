// A file channel killed at every single operation of a start, and at every one of a working life; then it
// works again, and then the power goes, with nothing kept that was not synced.
import assert from 'node:assert/strict'
import type { Channel } from '../../src/component.ts'
import type { FileChannelSettings } from '../../src/channels/file/file-channel-settings.ts'
import { FileChannel } from '../../src/channels/file/file-channel.ts'
import { fileChannel } from '../../src/channels/file.ts'
import { realSystem } from '../../src/system/system.ts'
import { contextFor } from '../context.ts'
import { eventsOf, textsOf } from '../contracts/channel-events.ts'
import { SeededRandom } from '../../src/simulation/seeded-random.ts'
import { SimulatedDisk } from '../../src/simulation/simulated-disk.ts'
import { testsIn } from './in-threads.ts'

const it = testsIn(import.meta.url)

const settings: FileChannelSettings = {
  checkpointDirectory: '/c',
  dataDirectories: ['/d', '/e', '/f'],
  capacity: 1000,
  transactionCapacity: 100,
  keepAliveMs: 0,
  segmentBytes: 8 * 1024,
  floorBytes: 0,
  syncEachGroup: true,
  syncIntervalMs: 1000,
  checkpointIntervalMs: 1000,
  checkpointOnClose: true,
}

const never = new AbortController().signal

function channelOn(disk: SimulatedDisk, given: Partial<FileChannelSettings> = {}): FileChannel {
  const system = { ...realSystem, disk: disk.open() }
  return new FileChannel(
    { ...settings, ...given },
    contextFor('CHANNEL', 'c1', fileChannel.counters, { system }),
  )
}

/** Resolves with false when the disk stood still before. */
async function unlessStill(disk: SimulatedDisk, work: Promise<unknown>): Promise<boolean> {
  const still = new Promise<boolean>(resolve => (disk.onStill = () => resolve(false)))
  return await Promise.race([still, work.then(() => true)])
}

async function insideOf(channel: Channel): Promise<string[]> {
  const found: string[] = []
  while (channel.size > 0) {
    // What is lost the channel gives up while somebody waits for it.
    const stop = new AbortController()
    const look = (): void => void (channel.size === 0 ? stop.abort() : setImmediate(look))
    look()
    const batch = await channel.take({ events: 100 }, stop.signal)
    if (batch === null) break
    found.push(...textsOf(batch))
    await batch!.commit()
  }
  return found
}

async function removeCheckpoint(disk: SimulatedDisk): Promise<void> {
  const { checkpointDirectory } = settings
  const files = disk.open()
  for (const name of await files.list(checkpointDirectory))
    await files.remove(`${checkpointDirectory}/${name}`)
}

const numbers = (from: number, end: number): string[] =>
  Array.from({ length: end - from }, (_, index) => String(from + index))

it('comes up with everything after a kill inside a start, a life and a power cut', async () => {
  let kills = 0
  for (let operations = 1, isWhole = false; !isWhole; operations++) {
    const disk = new SimulatedDisk(new SeededRandom(operations))
    const first = channelOn(disk)
    await first.start()
    for (let from = 0; from < 200; from += 10) await first.put(eventsOf(from, 10))
    disk.kill()

    disk.operationsLeft = operations
    isWhole = await unlessStill(disk, channelOn(disk).start())
    if (!isWhole) kills++
    disk.kill()

    const third = channelOn(disk)
    await third.start()
    assert.equal(third.size, 200)
    await third.put(eventsOf(200, 10))
    disk.crash({ nothing: true })

    const fourth = channelOn(disk)
    await fourth.start()
    assert.deepEqual(await insideOf(fourth), numbers(0, 210), `killed at operation ${operations}`)
    await fourth.stop()
  }
  assert.ok(kills > 20, `${kills}`)
})

it('comes up with everything after a kill at any operation, another start and a power cut', async () => {
  let kills = 0
  for (let operations = 1, isWhole = false; !isWhole; operations++) {
    const disk = new SimulatedDisk(new SeededRandom(operations))
    const first = channelOn(disk)
    await first.start()
    disk.operationsLeft = operations
    let acknowledged = 0
    let committed = 0
    isWhole = await unlessStill(
      disk,
      (async () => {
        // Over several segments: a kill may come between the name of one and its sync.
        for (let from = 0; from < 1000; from += 50) {
          await first.put(eventsOf(from, 50))
          acknowledged = from + 50
          if (from % 100 === 0) {
            await (await first.take({ events: 50 }, never))!.commit()
            committed += 50
          }
        }
      })(),
    )
    if (!isWhole) kills++
    disk.kill()
    // What it finds it goes on from: that must be there after the cut as well.
    const second = channelOn(disk)
    await second.start()
    await second.put(eventsOf(2000, 10))
    disk.crash({ nothing: true })

    const last = channelOn(disk)
    await last.start()
    const inside = (await insideOf(last)).map(Number)
    const found = inside.slice(0, -10)
    assert.deepEqual(inside.slice(-10), numbers(2000, 2010).map(Number), `killed at operation ${operations}`)
    const at = `killed at operation ${operations}: ${acknowledged} acknowledged, ${committed} committed, found ${found[0]} to ${found.at(-1)}`
    found.forEach((number, index) => assert.equal(number, found[0]! + index, at))
    // What was under way when it was killed may have happened.
    if (found.length === 0) assert.ok(acknowledged - committed <= 50, at)
    else {
      assert.ok(found[0] === committed || found[0] === committed + 50, at)
      assert.ok(found.at(-1) === acknowledged - 1 || found.at(-1) === acknowledged + 49, at)
    }
    await last.stop()
  }
  assert.ok(kills > 60, `${kills}`)
})

it('comes up after a power cut at any operation of a life in which emptied segments are used again', async () => {
  // Smaller ones are not used again: what they must hold at least takes more.
  const oneDirectory = { dataDirectories: ['/d'], segmentBytes: 32 * 1024 }
  let cuts = 0
  for (let operations = 1, isWhole = false; !isWhole; operations++) {
    const disk = new SimulatedDisk(new SeededRandom(operations))
    const first = channelOn(disk, oneDirectory)
    await first.start()
    disk.operationsLeft = operations
    let [acknowledged, committed] = [0, 0]
    isWhole = await unlessStill(
      disk,
      (async () => {
        for (let from = 0; from < 1500; from += 10) {
          await first.put(eventsOf(from, 10))
          acknowledged += 10
          await (await first.take({ events: 10 }, never))!.commit()
          committed += 10
        }
      })(),
    )
    if (!isWhole) cuts++
    disk.crash({ nothing: true })
    // The checkpoint spares a start the look at older segments: half of the starts have lost it.
    if (operations % 2 === 0) await removeCheckpoint(disk)
    const last = channelOn(disk, oneDirectory)
    await last.start()
    const found = (await insideOf(last)).map(Number)
    const at = `cut at operation ${operations}: ${acknowledged} acknowledged, ${committed} committed`
    // A put or a commit that was under way may have happened.
    if (found.length === 0) assert.ok(acknowledged - committed <= 10, at)
    else assert.ok(found.length === 10 && found[0]! >= committed && found[0]! >= acknowledged - 10, at)
    await last.stop()
  }
  assert.ok(cuts > 300, `${cuts}`)
})

it('comes up after a power cut in the middle of emptied segments, where groups are not synced one by one', async () => {
  const dataDirectories = ['/d', '/e']
  const given = { syncEachGroup: false, syncIntervalMs: 60_000, dataDirectories, capacity: 2000 }
  for (let seed = 1; seed <= 100; seed++) {
    const disk = new SimulatedDisk(new SeededRandom(seed))
    const channel = channelOn(disk, given)
    await channel.start()
    for (let from = 0; from < 2000; from += 50) await channel.put(eventsOf(from, 50))
    // The takes are not synced, and some of them go with the power.
    assert.deepEqual(await insideOf(channel), numbers(0, 2000))
    await new Promise(resolve => setImmediate(resolve))
    disk.crash()

    const second = channelOn(disk, given)
    await second.start()
    const found = await insideOf(second)
    const first = Number(found[0] ?? 0)
    assert.deepEqual(found, numbers(first, first + found.length), `seed ${seed}`)
    await second.stop()
  }
})
