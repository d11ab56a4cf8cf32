import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ReadBudget } from './read-budget.ts'

/** A reader that takes requests of given sizes, in steps, and lets each go when it is complete. */
class Reader {
  held = 0
  paused = false
  readonly #budget: ReadBudget
  readonly #requests: number[]

  constructor(budget: ReadBudget, requests: number[]) {
    this.#budget = budget
    this.#requests = requests
  }

  get midRequest(): boolean {
    return this.held > 0
  }

  get done(): boolean {
    return this.#requests.length === 0
  }

  wake(): void {
    this.paused = !this.#budget.mayRead(this)
  }

  step(): void {
    const [size] = this.#requests
    if (size === undefined || this.paused) return
    const bytes = Math.min(10, size - this.held)
    this.held += bytes
    this.#budget.charge(bytes)
    if (this.held === size) {
      this.#requests.shift()
      this.held = 0
      this.#budget.yield(this)
      this.#budget.charge(-size)
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
        const budget = new ReadBudget(limit)
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
  const budget = new ReadBudget(10)
  const favoured = new Reader(budget, [100])
  const waiting = new Reader(budget, [100])
  favoured.step()
  waiting.step()
  assert.deepEqual([favoured.paused, waiting.paused], [false, true])
  budget.yield(favoured)
  assert.equal(waiting.paused, false)
})
