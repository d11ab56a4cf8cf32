import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from '../../test/fast-check.ts'
import { Fault } from '../errors.ts'
import { MemoryBudget, type MemoryShare, itemBytes, readMemoryBudget } from './memory-budget.ts'

/** A reader that takes requests of given sizes, in steps, and lets each go when it is complete. */
class Reader {
  held = 0
  paused = false
  readonly share: MemoryShare
  readonly #requests: number[]

  constructor(budget: MemoryBudget, requests: number[]) {
    this.share = budget.share(() => this.wake())
    this.#requests = requests
  }

  get done(): boolean {
    return this.#requests.length === 0
  }

  wake(): void {
    this.paused = !this.share.mayRead(this.held > 0)
  }

  step(): void {
    const [size] = this.#requests
    if (size === undefined || this.paused) return
    const bytes = Math.min(10, size - this.held)
    this.held += bytes
    this.share.add(bytes)
    if (this.held === size) {
      this.#requests.shift()
      this.held = 0
      this.share.finished()
      this.share.add(-size)
    }
    this.wake()
  }
}

test('whatever the sizes and whoever comes when, everybody finishes and nothing stays charged', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 200 }),
      fc.array(fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 5 }), { minLength: 1, maxLength: 8 }),
      fc.infiniteStream(fc.nat()),
      (limit, plans, turns) => {
        const budget = new MemoryBudget(limit)
        const readers = plans.map(plan => new Reader(budget, [...plan]))
        while (!readers.every(reader => reader.done)) {
          const able = readers.filter(reader => !reader.done && !reader.paused)
          assert.ok(able.length > 0, 'all wait for each other')
          able[turns.next().value! % able.length]!.step()
          // One request above the limit, and a step of each reader that was let in below it.
          assert.ok(budget.usedBytes <= limit + 300 + 10 * readers.length)
        }
        assert.equal(budget.usedBytes, 0)
      },
    ),
  )
})

test('the turn of one that goes away passes on', () => {
  const budget = new MemoryBudget(10)
  const favoured = new Reader(budget, [100])
  const waiting = new Reader(budget, [100])
  favoured.step()
  waiting.step()
  assert.deepEqual([favoured.paused, waiting.paused], [false, true])
  favoured.share.finished()
  assert.equal(waiting.paused, false)
})

test('above the budget only one who stands in the middle of a request may go on, and all are woken below it', () => {
  const woken: string[] = []
  const budget = new MemoryBudget(100)
  const shareOf = (name: string) => budget.share(() => void woken.push(name))
  const [a, b, c] = [shareOf('a'), shareOf('b'), shareOf('c')]
  assert.ok(a.mayRead(false))
  b.add(120)
  assert.ok(!a.mayRead(false), 'it would begin a request')
  assert.ok(b.mayRead(true))
  assert.ok(!c.mayRead(true), 'one at a time')
  b.finished()
  assert.deepEqual(woken.splice(0).sort(), ['a', 'c'])
  assert.ok(c.mayRead(true))
  assert.ok(!a.mayRead(false))
  b.add(-50)
  assert.deepEqual(woken, ['a'])
  assert.ok(a.mayRead(false))
  b.close()
  assert.deepEqual([budget.usedBytes, budget.mostUsedBytes, budget.waiting], [0, 120, 0])
})

test('one share cannot take what the others need', () => {
  const budget = new MemoryBudget(1000)
  const [greedy, modest, third] = [budget.share(), budget.share(), budget.share()]
  greedy.add(500)
  modest.add(10)
  assert.ok(!greedy.mayRead(false), 'more than its part of the second half')
  assert.ok(modest.mayRead(false))
  modest.take('a request', 200)
  assert.throws(() => modest.take('a request', 41), { code: 'OVER_BUDGET' })
  third.take('another', 100)
  greedy.close()
  assert.ok(modest.mayRead(false))
})

test('what can never fit is refused with the limit and the setting; items count as well', async () => {
  const budget = new MemoryBudget(1000)
  const share = budget.share()
  await assert.rejects(share.reserve('the batch at offset 7', 100, 4), (error: unknown) => {
    assert.ok(error instanceof Fault)
    assert.equal(
      error.message,
      'the batch at offset 7 (100 bytes in 4 items) does not fit the memory budget of 1000 bytes (millrace.memoryBudget)',
    )
    return error.code === 'OVER_BUDGET'
  })
  await share.reserve('a batch', 100, 3)
  assert.equal(share.heldBytes, 100 + 3 * itemBytes)
})

test('reservations wait for room, and are given up by their signal', async () => {
  const budget = new MemoryBudget(1000)
  const [first, second, third] = [budget.share(), budget.share(), budget.share()]
  await first.reserve('a batch', 900)
  const waiting = second.reserve('a batch', 300)
  const giveUp = new AbortController()
  const givenUp = third.reserve('a batch', 300, 0, giveUp.signal)
  giveUp.abort()
  await assert.rejects(givenUp, { code: 'STOPPED' })
  assert.equal(second.heldBytes, 0)
  first.add(-900)
  await waiting
  assert.equal(second.heldBytes, 300)
})

test('two that hold half of what they need do not wait for each other for good', async () => {
  const budget = new MemoryBudget(1000)
  const [first, second] = [budget.share(), budget.share()]
  await first.reserve('half of a batch', 500)
  await second.reserve('half of a batch', 250)
  second.add(250)
  const done = Promise.all(
    [first, second].map(async share => {
      await share.reserve('the other half', 500)
      share.add(-share.heldBytes)
    }),
  )
  await done
  assert.deepEqual([budget.usedBytes, budget.waiting, budget.mostUsedBytes], [0, 0, 1500])
})

test('the setting is a number of bytes', () => {
  assert.deepEqual([undefined, '1048576', ' 268435456', '1048575', '64m', '-1', ''].map(readMemoryBudget), [
    134_217_728,
    1_048_576,
    268_435_456,
    null,
    null,
    null,
    null,
  ])
})
