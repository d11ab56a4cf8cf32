// The file channel on a simulated disk: random puts, takes, commits and rollbacks, power cuts at any
// operation, failing syncs; after each cut a new channel opens what is left, several times over.
// What must hold: every event whose put resolved and whose commit was not asked for is there, in the
// order of the puts; none whose commit resolved, and none of a refused put, ever comes back; none twice.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { Batch } from '../../src/component.ts'
import { FileChannel } from '../../src/channels/file/file-channel.ts'
import { fileChannel } from '../../src/channels/file.ts'
import { realSystem } from '../../src/system/system.ts'
import { contextFor } from '../context.ts'
import { eventsOf } from '../contracts/channel.ts'
import { SeededRandom } from './seeded-random.ts'
import { SimulatedDisk } from './simulated-disk.ts'

type State = 'asked' | 'put' | 'refused' | 'leaving' | 'gone'

/** What must be true of each event, by its number in the order of the puts. */
class Oracle {
  readonly states: State[] = []
  /** Number of the first event of the put an event belongs to. */
  readonly transactions: number[] = []

  checkAll(found: readonly number[], seed: number): void {
    const where = `seed ${seed}`
    for (let index = 1; index < found.length; index++)
      assert.ok(found[index]! > found[index - 1]!, `${where}: ${found[index]} after ${found[index - 1]}`)
    const there = new Set(found)
    this.states.forEach((state, number) => {
      if (state === 'put') assert.ok(there.has(number), `${where}: event ${number} is lost`)
      if (state === 'gone') assert.ok(!there.has(number), `${where}: event ${number} came back`)
      if (state === 'refused')
        assert.ok(!there.has(number), `${where}: event ${number} was refused and is there`)
      if (state !== 'asked') return
      const first = this.transactions[number]!
      assert.equal(there.has(number), there.has(first), `${where}: part of the put of ${first}`)
    })
    // What is in doubt is decided now.
    this.states.forEach((state, number) => {
      if (state === 'asked') this.states[number] = there.has(number) ? 'put' : 'gone'
      if (state === 'leaving') this.states[number] = there.has(number) ? 'put' : 'gone'
    })
  }
}

const settings = {
  checkpointDirectory: '/c',
  dataDirectories: ['/d', '/e'],
  capacity: 400,
  transactionCapacity: 40,
  keepAliveMs: 0,
  segmentBytes: 16 * 1024,
  floorBytes: 0,
  syncEachGroup: true,
  syncIntervalMs: 1000,
}

const numbersOf = (batch: Batch): number[] =>
  batch.events.map(event => Number(event.body.toString().split(' ')[0]))

async function live(disk: SimulatedDisk, random: SeededRandom, oracle: Oracle, seed: number): Promise<void> {
  const system = {
    ...realSystem,
    disk: disk.open(),
    random: { ...realSystem.random, bytes: (size: number) => random.bytes(size) },
  }
  const context = contextFor('CHANNEL', 'c1', fileChannel.counters, { system })
  const channel = new FileChannel(settings, context)
  const still = new Promise<'still'>(resolve => (disk.onStill = () => resolve('still')))
  // The cut may come inside the start as well.
  disk.operationsLeft = random.chance(0.2) ? 1 + random.below(40) : Infinity
  if ((await Promise.race([still, channel.start().then(() => 'started')])) === 'still') return
  disk.operationsLeft = Infinity

  const damage = new AbortController()
  void context.log.line(/damaged|lost/).then(() => damage.abort())
  // Everything that is inside is looked at and given back.
  const open: Batch[] = []
  const found: number[] = []
  for (let left = channel.size; left > 0;) {
    const batch = await channel.take({ events: 40 }, damage.signal)
    if (batch === null) assert.fail(`seed ${seed}: ${context.log.lines.join('\n')}`)
    left -= batch.events.length
    found.push(...numbersOf(batch))
    open.push(batch)
  }
  oracle.checkAll(found, seed)
  for (const batch of open.splice(0).toReversed()) await batch.rollback()

  disk.syncFailures = random.chance(0.3) ? 0.05 : 0
  disk.operationsLeft = 1 + random.below(120)
  const work = async (): Promise<void> => {
    for (let step = 0; step < 200; step++) {
      const kind = random.below(10)
      if (kind < 5) {
        const first = oracle.states.length
        const events = eventsOf(first, 1 + random.below(12))
        for (const event of events)
          event.body = Buffer.concat([event.body, Buffer.alloc(random.below(300), ' ')])
        events.forEach(() => {
          oracle.states.push('asked')
          oracle.transactions.push(first)
        })
        const mark = (state: State) => () =>
          events.forEach((_, index) => (oracle.states[first + index] = state))
        // A channel that stays failed could not cut its log: what it refused is in doubt.
        const refuse = () => mark(context.health.length === 0 ? 'refused' : 'asked')()
        const put = channel.put(events).then(mark('put'), refuse)
        if (random.chance(0.5)) await put
      } else if (kind < 8 && channel.size > 0) {
        const stop = new AbortController()
        const taken = channel.take({ events: 1 + random.below(20) }, stop.signal)
        system.clock.soon(() => stop.abort())
        const batch = await taken.catch(() => null)
        if (batch !== null) open.push(batch)
      } else if (open.length > 0) {
        const [batch] = open.splice(random.below(open.length), 1)
        const numbers = numbersOf(batch!)
        const [isReturned, isParted] = [random.chance(0.3), random.chance(0.3)]
        if (isReturned) await batch!.rollback()
        else if (isParted) {
          const left = batch!.events.filter(() => random.chance(0.5))
          const stay = new Set(left.map(event => Number(event.body.toString().split(' ')[0])))
          const leaving = numbers.filter(number => !stay.has(number))
          for (const number of leaving) oracle.states[number] = 'leaving'
          // Refused: some of it may be gone all the same.
          const gone = batch!.commitExcept(left).then(
            () => leaving.forEach(number => (oracle.states[number] = 'gone')),
            () => {},
          )
          if (random.chance(0.5)) await gone
        } else {
          for (const number of numbers) oracle.states[number] = 'leaving'
          const mark = (state: State) => () => {
            for (const number of numbers) oracle.states[number] = state
          }
          const refuse = () => mark(context.health.length === 0 ? 'put' : 'leaving')()
          const commit = batch!.commit().then(mark('gone'), refuse)
          if (random.chance(0.5)) await commit
        }
      }
    }
  }
  await Promise.race([still, work()])
  disk.syncFailures = 0
}

const seeds = process.env['MILLRACE_DEEP'] === undefined ? 300 : 100_000
const onlySeed = process.env['MILLRACE_SEED']

it('loses nothing and doubles nothing through power cuts and failing syncs', async () => {
  const list = onlySeed === undefined ? Array.from({ length: seeds }, (_, seed) => seed) : [Number(onlySeed)]
  for (const seed of list) {
    const random = new SeededRandom(seed)
    const disk = new SimulatedDisk(random)
    const oracle = new Oracle()
    for (let life = 0; life < 5; life++) {
      await live(disk, random, oracle, seed)
      disk.crash()
    }
  }
})
