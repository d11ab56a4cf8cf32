// File channels of which anything is missing after anything: lives of puts, takes, kills, power cuts and stops by seed,
// with data directories that come and go in the configuration; then each file and each directory is taken away in
// turn, alone and with the checkpoint. A channel that opens all the same must have every event that was acknowledged
// and is not delivered: no loss is silent.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { FileChannel } from '../../src/channels/file/file-channel.ts'
import type { FileChannelSettings } from '../../src/channels/file/file-channel-settings.ts'
import { fileChannel } from '../../src/channels/file.ts'
import { Fault } from '../../src/errors.ts'
import { SeededRandom } from '../../src/simulation/seeded-random.ts'
import { SimulatedDisk } from '../../src/simulation/simulated-disk.ts'
import { realSystem } from '../../src/system/system.ts'
import { contextFor } from '../context.ts'
import { eventsOf, textsOf } from '../contracts/channel-events.ts'

const seeds = process.env['MILLRACE_DEEP'] === undefined ? 60 : 2000
const only = process.env['MILLRACE_SEED']
const never = new AbortController().signal
const directories = ['/c', '/d', '/e', '/f']
const newest = 'the newest segment and the checkpoint'

const settings: FileChannelSettings = {
  checkpointDirectory: '/c',
  dataDirectories: [],
  capacity: 10_000,
  transactionCapacity: 100,
  keepAliveMs: 0,
  segmentBytes: 32 * 1024,
  floorBytes: 0,
  syncEachGroup: true,
  syncIntervalMs: 1000,
  checkpointIntervalMs: 3_600_000,
  checkpointOnClose: true,
}

function channelOn(disk: SimulatedDisk, dataDirectories: readonly string[]): FileChannel {
  const context = contextFor('CHANNEL', 'c1', fileChannel.counters, {
    system: { ...realSystem, disk: disk.open() },
  })
  return new FileChannel({ ...settings, dataDirectories }, context)
}

type Files = ReadonlyMap<string, Buffer>

async function filesOn(disk: SimulatedDisk): Promise<Files> {
  const door = disk.open()
  const files = new Map<string, Buffer>()
  for (const directory of directories) {
    if (!(await door.exists(directory))) continue
    for (const name of await door.list(directory)) {
      const path = `${directory}/${name}`
      const file = await door.open(path, 'read')
      const bytes = Buffer.alloc(await file.size())
      await file.read(bytes, 0)
      files.set(path, bytes)
    }
  }
  return files
}

async function diskWith(files: Files): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk(new SeededRandom(1))
  const door = disk.open()
  for (const directory of directories) await door.makeDirectory(directory)
  for (const [path, bytes] of files) {
    const file = await door.open(path, 'create')
    await file.write(bytes, 0)
    await file.sync()
  }
  return disk
}

/** What can be taken away: the names of the harms, each with what is left, and the directories that are named then. */
function* harms(
  files: Files,
  named: readonly string[],
): Generator<{ what: string; left: Files; dataDirectories: readonly string[] }> {
  const without = (isGone: (path: string) => boolean): Files =>
    new Map([...files].filter(([path]) => !isGone(path)))
  const isCheckpoint = (path: string): boolean => path.startsWith('/c/')
  const idOf = (path: string): number => Number(/millrace-(\d+)\.wal$/.exec(path)?.[1] ?? 0)
  const last = Math.max(...[...files.keys()].map(idOf))
  yield { what: 'nothing', left: files, dataDirectories: named.toReversed() }
  yield { what: 'the checkpoint', left: without(isCheckpoint), dataDirectories: named }
  for (const one of files.keys()) {
    yield { what: one, left: without(path => path === one), dataDirectories: named }
    const what = idOf(one) === last ? newest : `${one} and the checkpoint`
    yield { what, left: without(path => path === one || isCheckpoint(path)), dataDirectories: named }
  }
  for (const one of named) {
    const isIn = (path: string): boolean => path.startsWith(`${one}/`)
    yield { what: `all in ${one}`, left: without(isIn), dataDirectories: named }
    const others = named.filter(name => name !== one)
    if (others.length === 0) continue
    yield { what: `${one} in dataDirs`, left: files, dataDirectories: others }
    const left = without(path => isIn(path) || isCheckpoint(path))
    yield { what: `all in ${one} and the checkpoint`, left, dataDirectories: named }
  }
}

/** Opens it, and gives what is inside; null where it refuses to. */
async function insideOf(files: Files, dataDirectories: readonly string[]): Promise<number[] | null> {
  const channel = channelOn(await diskWith(files), dataDirectories)
  const fault = await channel.start().then(
    () => null,
    (error: unknown) => error,
  )
  if (fault !== null) {
    assert.ok(fault instanceof Fault && fault.code === 'STATE_MISSING', String(fault))
    return null
  }
  const found: number[] = []
  while (channel.size > 0) {
    const batch = (await channel.take({ events: 100 }, never))!
    found.push(...textsOf(batch).map(Number))
    await batch.commit()
  }
  await channel.stop()
  return found
}

async function run(seed: number): Promise<{ refused: number; opened: number }> {
  const random = new SeededRandom(seed)
  const disk = new SimulatedDisk(random)
  const all = ['/d', '/e', '/f'].slice(0, 1 + random.below(3))
  let named: readonly string[] = all.slice(0, 1 + random.below(all.length))
  let next = 0
  /** Acknowledged, in order; of them `taken` were delivered. */
  const inside: number[] = []
  for (let life = 0, lives = 1 + random.below(4); life < lives; life++) {
    const channel = channelOn(disk, named)
    await channel.start()
    for (let step = 0, steps = random.below(80); step < steps; step++) {
      if (random.chance(0.65) || inside.length === 0) {
        const count = 1 + random.below(60)
        await channel.put(eventsOf(next, count))
        for (let put = 0; put < count; put++) inside.push(next++)
      } else {
        const batch = (await channel.take({ events: 1 + random.below(100) }, never))!
        inside.splice(0, batch.events.length)
        await batch.commit()
      }
    }
    if (random.chance(0.2))
      while (inside.length > 0) {
        const batch = (await channel.take({ events: 100 }, never))!
        inside.splice(0, batch.events.length)
        await batch.commit()
      }
    if (random.chance(0.5)) await channel.stop()
    // Emptied segments go in the background.
    await new Promise(resolve => setImmediate(resolve))
    if (random.chance(0.5)) disk.crash()
    else disk.kill()
    if (life + 1 < lives) named = all.slice(0, Math.max(named.length, 1 + random.below(all.length)))
  }
  const files = await filesOn(disk)
  const counts = { refused: 0, opened: 0 }
  for (const { what, left, dataDirectories } of harms(files, named)) {
    const found = await insideOf(left, dataDirectories).catch((error: Error) => {
      throw new Error(`seed ${seed}, without ${what}: ${error.message}`, { cause: error })
    })
    if (found === null) assert.notEqual(what, 'nothing', `seed ${seed}: refused although all is there`)
    if (what === 'the checkpoint')
      assert.notEqual(found, null, `seed ${seed}: refused without its checkpoint`)
    counts[found === null ? 'refused' : 'opened']++
    // Nothing that is left speaks of it.
    if (found === null || what === newest) continue
    const there = new Set(found)
    const lost = inside.filter(number => !there.has(number))
    assert.deepEqual(lost, [], `seed ${seed}: opened without ${what}, and ${lost.length} events are lost`)
  }
  return counts
}

if (only !== undefined)
  it(`seed ${only}`, async () => {
    await run(Number(only))
  })
else
  it(`${seeds} channels, whatever is taken away from them, lose nothing without a word`, async t => {
    const total = { refused: 0, opened: 0 }
    for (let seed = 0; seed < seeds; seed++) {
      const { refused, opened } = await run(seed)
      total.refused += refused
      total.opened += opened
    }
    t.diagnostic(JSON.stringify(total))
    assert.ok(total.refused > seeds && total.opened > seeds)
  })
