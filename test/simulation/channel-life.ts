// The lives of one file channel on a simulated disk, all determined by a seed: random puts, takes, commits
// and rollbacks, some of them overlapping; kills and power cuts at any operation, also inside starts;
// failing syncs, writes and reads; a full disk; stops. After each a new channel opens what is left.
//
// What must hold, at every start and at every take:
// - every event whose put resolved and whose commit was not asked for is inside, in the order of the puts;
// - none whose commit resolved, and none of a refused put, ever comes back; none is there twice;
// - of a put whose outcome was not told, all events are there or none; bodies are as they were;
// - a take gives the first events that are inside and in no open batch;
// - nothing is ever called damaged: what a crash leaves behind is an unfinished write, not damage.
// At the end the disk heals, and everything can be taken.
//
// No timer and no other input of the machine takes part, so that a seed gives the same run again.
import assert from 'node:assert/strict'
import type { Batch } from '../../src/component.ts'
import type { EncryptionKeys } from '../../src/channels/file/encryption-keys.ts'
import type { FileChannelSettings } from '../../src/channels/file/file-channel-settings.ts'
import { FileChannel } from '../../src/channels/file/file-channel.ts'
import { fileChannel } from '../../src/channels/file.ts'
import { Fault } from '../../src/errors.ts'
import type { Clock } from '../../src/system/clock.ts'
import { realSystem } from '../../src/system/system.ts'
import { contextFor, type TestContext } from '../context.ts'
import { eventOf, numberOf, numbersOf, Oracle } from './channel-oracle.ts'
import type { SeededRandom } from '../../src/simulation/seeded-random.ts'
import type { SimulatedDisk } from '../../src/simulation/simulated-disk.ts'

export const counted = {
  puts: 0,
  refusedPuts: 0,
  takenEvents: 0,
  starts: 0,
  failedStarts: 0,
  fullStarts: 0,
  kills: 0,
  powerCuts: 0,
  stops: 0,
  reopened: 0,
  failedChannels: 0,
}

/** Microtasks, so many that everything that can happen without the clock has happened. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 150; turn++) await Promise.resolve()
}

/** Time moves only when it is told to. */
class SimulatedClock implements Clock {
  #now = 0
  #timers: { readonly at: number; readonly run: () => void }[] = []

  now = (): number => 1_700_000_000_000 + this.#now
  monotonic = (): number => this.#now
  after = (delayMs: number, run: () => void) => {
    const timer = { at: this.#now + delayMs, run }
    this.#timers.push(timer)
    return { cancel: () => void (this.#timers = this.#timers.filter(one => one !== timer)) }
  }
  sleep = (delayMs: number): Promise<void> => new Promise(resolve => this.after(delayMs, resolve))
  soon = (run: () => void): void => void settle().then(run)

  advance(ms: number): void {
    this.#now += ms
    const due = this.#timers.filter(({ at }) => at <= this.#now).sort((one, other) => one.at - other.at)
    if (due.length === 0) return
    this.#timers = this.#timers.filter(({ at }) => at > this.#now)
    for (const { run } of due) run()
  }
}

/** One channel's world: disk, clock, what is known of its events. */
export class ChannelWorld {
  readonly #random: SeededRandom
  readonly #disk: SimulatedDisk
  readonly #clock = new SimulatedClock()
  readonly #oracle = new Oracle()
  readonly #settings: FileChannelSettings
  readonly #isEncrypted: boolean
  readonly #faults: { syncs: number; writes: number; reads: number; full: boolean }
  /** A number that stands for all that happened so far. */
  trace = 0
  #failure: unknown = null
  /** The power went while not all that was acknowledged was synced. */
  #mayLoseEnd = false
  #life: { isOver: boolean } = { isOver: false }

  constructor(random: SeededRandom, disk: SimulatedDisk) {
    this.#random = random
    this.#disk = disk
    const one = (...of: number[]): number => of[random.below(of.length)]!
    this.#settings = {
      checkpointDirectory: '/c',
      dataDirectories: ['/d', '/e', '/f'].slice(0, one(1, 2, 2, 3)),
      capacity: one(60, 400, 400),
      transactionCapacity: 40,
      keepAliveMs: 0,
      segmentBytes: one(16, 32, 32, 64) * 1024,
      floorBytes: 0,
      syncEachGroup: random.chance(0.85),
      syncIntervalMs: 1000,
      checkpointIntervalMs: one(100, 1000, 30_000),
      checkpointOnClose: random.chance(0.7),
    }
    this.#isEncrypted = random.chance(0.25)
    // Without a sync each group, what a failing one should have saved had been acknowledged, and is told as lost.
    const { syncEachGroup } = this.#settings
    this.#faults = {
      syncs: syncEachGroup ? one(0, 0, 0, 0.03, 0.1) : 0,
      writes: syncEachGroup ? one(0, 0, 0, 0.03) : 0,
      reads: one(0, 0, 0, 0, 0.03),
      full: random.chance(0.2),
    }
  }

  /** From a start to a crash or a stop. */
  async live(): Promise<void> {
    const { channel, context } = this.#make()
    const disk = this.#disk
    const life = (this.#life = { isOver: false as boolean })
    const still = new Promise<'still'>(resolve => {
      disk.onStill = () => {
        life.isOver = true
        resolve('still')
      }
    })
    // The end may come inside the start as well, and so may a fault.
    disk.operationsLeft = this.#random.chance(0.2) ? 1 + this.#random.below(40) : Infinity
    if (this.#random.chance(0.3)) this.#inject()
    const fullBefore = this.#disk.happened.full
    const started = await Promise.race([still, channel.start().then(nothing, asFault)])
    const isFull = this.#disk.happened.full > fullBefore
    if (isFull && started !== 'still') counted.fullStarts++
    if (isFull && this.#random.chance(0.5)) this.#heal({ staysFull: true })
    else this.#heal()
    if (started === 'still') return this.#crash()
    disk.operationsLeft = Infinity
    if (started !== null) {
      counted.failedStarts++
      this.#note(1)
      await channel.stop()
      return this.#crash()
    }
    counted.starts++
    await this.#lookAtAll(channel, context)
    this.#inject()
    disk.operationsLeft = this.#random.chance(0.8) ? 1 + this.#random.below(80) : Infinity
    const done = await Promise.race([still, this.#work(channel, context)])
    this.#heal()
    if (context.counters.get('Unhealthy') === 1) counted.failedChannels++
    counted.reopened += context.log.lines.filter(line => line.includes('the log goes on in')).length
    this.#checkLog(context)
    if (done === 'still') return this.#crash()
    if ((await Promise.race([still, channel.stop()])) === 'still') return this.#crash()
    counted.stops++
    // What was refused by the stop itself, or before a failed one, is in doubt.
    await settle()
    this.#note(2)
    if (this.#random.chance(0.5)) this.#crash({ isStopped: !hasFailed(context) })
    else disk.kill()
    this.#oracle.outstanding.clear()
    this.#oracle.givenAgain.clear()
  }

  /** The disk is well: everything inside comes out, once, and a new put goes through. */
  async end(): Promise<void> {
    for (const isSecond of [false, true]) {
      const { channel, context } = this.#make()
      this.#heal()
      this.#disk.operationsLeft = Infinity
      await channel.start()
      if (isSecond) {
        assert.equal(channel.size, 0, 'everything was taken and something is there')
        await channel.stop()
        return
      }
      await this.#lookAtAll(channel, context)
      const oracle = this.#oracle
      const number = oracle.states.length
      if (channel.size < channel.capacity) {
        oracle.states.push('put')
        oracle.transactions.push(number)
        await channel.put([eventOf(number, 5)])
      }
      const signal = new AbortController().signal
      while (channel.size > 0) {
        const batch = (await channel.take({ events: 40 }, signal))!
        const numbers = numbersOf(batch)
        oracle.checkTaken(numbers)
        await batch.commit()
        oracle.mark(numbers, 'gone')
        oracle.release(numbers)
      }
      assert.ok(!oracle.states.includes('put'), 'an event is inside and is not given out')
      this.#checkLog(context)
      await channel.stop()
    }
  }

  #make(): { channel: FileChannel; context: TestContext } {
    const random = { ...realSystem.random, bytes: (size: number) => this.#random.bytes(size) }
    const system = { ...realSystem, disk: this.#disk.open(), clock: this.#clock, random }
    const context = contextFor('CHANNEL', 'c1', fileChannel.counters, { system })
    const encryption = this.#isEncrypted ? keysFor(this.#random) : null
    return { channel: new FileChannel({ ...this.#settings, encryption }, context), context }
  }

  #inject(): void {
    const { syncs, writes, reads, full } = this.#faults
    this.#disk.syncFailures = syncs
    this.#disk.writeFailures = writes
    this.#disk.readFailures = reads
    if (full && this.#random.chance(0.7)) this.#fill()
  }

  #fill(): void {
    this.#disk.capacityBytes = this.#disk.usedBytes + this.#random.below(3 * this.#settings.segmentBytes)
  }

  #heal({ staysFull = false } = {}): void {
    this.#disk.syncFailures = this.#disk.writeFailures = this.#disk.readFailures = 0
    if (!staysFull) this.#disk.capacityBytes = Infinity
  }

  #crash({ isStopped = false } = {}): void {
    this.#oracle.outstanding.clear()
    this.#oracle.givenAgain.clear()
    if (this.#random.chance(0.3)) {
      counted.kills++
      this.#disk.kill()
    } else {
      counted.powerCuts++
      this.#mayLoseEnd ||= !isStopped && !this.#settings.syncEachGroup
      this.#disk.crash()
    }
    this.#note(3)
  }

  /** Everything inside is looked at and given back. */
  async #lookAtAll(channel: FileChannel, context: TestContext): Promise<void> {
    const open: Batch[] = []
    const found: number[] = []
    const signal = new AbortController()
    void context.log.line(/damaged|lost|reading the log back failed/).then(() => signal.abort())
    for (let left = channel.size; left > 0;) {
      const batch = await channel.take({ events: 1 + this.#random.below(40) }, signal.signal)
      if (batch === null) assert.fail(context.log.lines.join('\n'))
      left -= batch.events.length
      found.push(...numbersOf(batch))
      open.push(batch)
    }
    this.#oracle.checkAll(found, this.#mayLoseEnd)
    this.#mayLoseEnd = false
    while (open.length > 0) await open.splice(this.#random.below(open.length), 1)[0]!.rollback()
    for (const number of found) this.#note(number)
  }

  async #work(channel: FileChannel, context: TestContext): Promise<'done'> {
    const open: Batch[] = []
    const life = this.#life
    const steps = 10 + this.#random.below(60)
    for (let step = 0; step < steps && !life.isOver; step++) {
      this.#clock.advance(this.#random.chance(0.01) ? 70_000 : this.#random.below(300))
      if (hasFailed(context) && this.#random.chance(0.3)) break
      const kind = channel.size > channel.capacity / 2 ? 5 + this.#random.below(5) : this.#random.below(10)
      if (kind < 5) await this.#put(channel, context)
      else if (kind < 8) {
        if (channel.size > 0) await this.#take(channel, open)
      } else if (open.length > 0) await this.#finish(open, context)
      else if (this.#faults.full && this.#random.chance(0.5)) {
        if (this.#disk.capacityBytes === Infinity) this.#fill()
        else this.#disk.capacityBytes = Infinity
      }
    }
    await settle()
    return 'done'
  }

  async #put(channel: FileChannel, context: TestContext): Promise<void> {
    const { states, transactions } = this.#oracle
    const first = states.length
    const count = 1 + this.#random.below(12)
    const numbers = Array.from({ length: count }, (_, index) => first + index)
    const events = numbers.map(number =>
      eventOf(number, this.#random.below(this.#random.chance(0.1) ? 1500 : 100)),
    )
    for (const _ of numbers) {
      states.push('asked')
      transactions.push(first)
    }
    const put = channel.put(events).then(
      () => {
        counted.puts++
        this.#oracle.mark(numbers, 'put')
        this.#note(first)
      },
      () => {
        counted.refusedPuts++
        // A channel that stays failed could not cut its log: what it refused is in doubt.
        if (!hasFailed(context)) this.#oracle.mark(numbers, 'refused')
        this.#note(-first)
      },
    )
    if (this.#random.chance(0.5)) await put
  }

  async #take(channel: FileChannel, open: Batch[]): Promise<void> {
    const life = this.#life
    const stop = new AbortController()
    this.#oracle.justBack.clear()
    const taken = channel.take({ events: 1 + this.#random.below(20) }, stop.signal)
    this.#clock.soon(() => stop.abort(stopped))
    const batch = await taken.catch(asFault)
    if (batch === null || batch instanceof Fault || life.isOver) return this.#note(4)
    const numbers = numbersOf(batch)
    this.#oracle.checkTaken(numbers)
    for (const number of numbers) this.#note(number)
    open.push(batch)
  }

  /** Ends a batch: commits it, rolls it back, or some of each. */
  async #finish(open: Batch[], context: TestContext): Promise<void> {
    const oracle = this.#oracle
    const [batch] = open.splice(this.#random.below(open.length), 1) as [Batch]
    const numbers = numbersOf(batch)
    const left = this.#random.chance(0.3)
      ? batch.events
      : this.#random.chance(0.3)
        ? batch.events.filter(() => this.#random.chance(0.5))
        : []
    const stay = new Set(left.map(numberOf))
    const leaving = numbers.filter(number => !stay.has(number))
    oracle.mark(leaving, 'leaving')
    oracle.release([...stay])
    if (leaving.length === 0) return void (await batch.rollback())
    for (const number of leaving) oracle.givenAgain.delete(number)
    const ended = left.length === 0 ? batch.commit() : batch.commitExcept(left)
    const gone = ended.then(
      () => {
        counted.takenEvents += leaving.length
        for (const number of leaving)
          assert.ok(!oracle.givenAgain.has(number), `event ${number} was given out again and is gone`)
        oracle.mark(leaving, 'gone')
        oracle.release(leaving)
        this.#note(leaving[0]!)
      },
      () => {
        // Of several runs some may be gone all the same; a single one is back as a whole.
        const isRun = leaving.at(-1) === leaving[0]! + leaving.length - 1
        if (!hasFailed(context) && isRun) oracle.mark(leaving, 'put')
        for (const number of leaving) oracle.justBack.add(number)
        oracle.release(leaving.filter(number => !oracle.givenAgain.delete(number)))
        this.#note(-leaving[0]!)
      },
    )
    gone.catch((error: unknown) => (this.#failure ??= error))
    if (this.#random.chance(0.5)) await gone
  }

  #checkLog(context: TestContext): void {
    if (this.#failure !== null) throw this.#failure
    const line = context.log.lines.find(one => /damaged|are lost/.test(one))
    assert.equal(line, undefined)
  }

  #note(what: number): void {
    this.trace = (Math.imul(this.trace, 31) + what) | 0
  }
}

/** Each start with a key and a cipher of its own: what the earlier ones wrote must still be read. */
function keysFor(random: SeededRandom): EncryptionKeys {
  return {
    activeAlias: `key-${random.below(3)}`,
    cipher: random.chance(0.5) ? 'ctr' : 'gcm',
    key: alias => Promise.resolve(Buffer.alloc(16 + 8 * Number(alias.at(-1)), alias)),
  }
}

const stopped = new Error('stopped')
const nothing = (): null => null

function asFault(error: unknown): Fault {
  assert.ok(error instanceof Fault, String(error))
  return error
}

function hasFailed(context: TestContext): boolean {
  return context.counters.get('Unhealthy') === 1
}
