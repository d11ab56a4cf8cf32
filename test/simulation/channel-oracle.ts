// What must be true of each event of a simulated channel: oracle of the lives in channel-life.ts.
import assert from 'node:assert/strict'
import type { Batch } from '../../src/component.ts'
import { Event } from '../../src/event.ts'

type State = 'asked' | 'put' | 'refused' | 'leaving' | 'gone'

export function eventOf(number: number, filler: number): Event {
  const body = Buffer.alloc(8 + filler, number & 0xff)
  body.writeUInt32LE(number, 0)
  body.writeUInt32LE(filler, 4)
  return Event.of(new Map(), body)
}

export function numberOf(event: Event): number {
  const { body } = event
  const number = body.readUInt32LE(0)
  assert.equal(body.length, 8 + body.readUInt32LE(4), `event ${number} has another length`)
  for (let at = 8; at < body.length; at++)
    if (body[at] !== (number & 0xff)) assert.fail(`event ${number} has another body`)
  return number
}

export const numbersOf = (batch: Batch): number[] => batch.events.map(numberOf)

/** What must be true of each event, by its number in the order of the puts. */
export class Oracle {
  readonly states: State[] = []
  /** Number of the first event of the put an event belongs to. */
  readonly transactions: number[] = []
  /** Those of open batches in this life. */
  readonly outstanding = new Set<number>()
  /** Given out although their commit has not ended: it must fail. */
  readonly givenAgain = new Set<number>()
  /** Their commit failed since the present take was asked for. */
  readonly justBack = new Set<number>()
  #low = 0

  /**
   * Right after a start: `found` is all that is inside. With `mayLoseEnd` the power went while not every group
   * was synced: the puts from some number on may be gone, and takes may be forgotten.
   */
  checkAll(found: readonly number[], mayLoseEnd: boolean): void {
    for (let index = 1; index < found.length; index++)
      assert.ok(found[index]! > found[index - 1]!, `${found[index]} after ${found[index - 1]}`)
    const there = new Set(found)
    if (mayLoseEnd) return this.#checkStart(there)
    for (let number = this.#low; number < this.states.length; number++) {
      const state = this.states[number]!
      const isThere = there.has(number)
      if (state === 'put') assert.ok(isThere, `event ${number} is lost`)
      if (state === 'gone') assert.ok(!isThere, `event ${number} came back`)
      if (state === 'refused') assert.ok(!isThere, `event ${number} was refused and is there`)
      if (state !== 'asked') continue
      const first = this.transactions[number]!
      assert.equal(isThere, there.has(first), `part of the put of ${first} is there`)
    }
    for (const number of found) assert.ok(number >= this.#low, `event ${number} came back`)
    // What was in doubt is decided now.
    for (let number = this.#low; number < this.states.length; number++) {
      const state = this.states[number]!
      if (state === 'asked' || state === 'leaving') this.states[number] = there.has(number) ? 'put' : 'gone'
    }
    this.#skipOver()
  }

  /** Everything up to some number is there; behind it nothing is. */
  #checkStart(there: ReadonlySet<number>): void {
    let end = this.states.length
    while (end > 0 && !there.has(end - 1)) end--
    this.states.forEach((state, number) => {
      if (there.has(number)) {
        assert.notEqual(state, 'refused', `event ${number} was refused and is there`)
        assert.equal(there.has(this.transactions[number]!) || state !== 'asked', true, `part of a put`)
        this.states[number] = 'put'
      } else {
        assert.ok(state !== 'put' || number >= end, `event ${number} is lost, and later ones are not`)
        this.states[number] = state === 'refused' ? 'refused' : 'gone'
      }
    })
    this.#low = 0
    this.#skipOver()
  }

  checkTaken(numbers: readonly number[]): void {
    let previous = -1
    for (const number of numbers) {
      const state = this.states[number]
      // A commit that fails gives its events back before it says so.
      if (state === 'leaving') this.givenAgain.add(number)
      else {
        assert.ok(state === 'put' || state === 'asked', `event ${number} is given out and is ${state}`)
        assert.ok(!this.outstanding.has(number), `event ${number} is in two batches`)
      }
      assert.ok(number > previous, `${number} after ${previous} in a batch`)
      previous = number
    }
    this.#skipOver()
    const taken = new Set(numbers)
    for (let number = this.#low; number < previous; number++)
      if (this.states[number] === 'put' && !this.outstanding.has(number) && !this.justBack.has(number))
        assert.ok(taken.has(number), `a batch up to ${previous} leaves out ${number}`)
    for (const number of numbers) this.outstanding.add(number)
  }

  mark(numbers: readonly number[], state: State): void {
    for (const number of numbers) this.states[number] = state
  }

  release(numbers: readonly number[]): void {
    for (const number of numbers) this.outstanding.delete(number)
  }

  #skipOver(): void {
    while (
      this.#low < this.states.length &&
      (this.states[this.#low] === 'gone' || this.states[this.#low] === 'refused')
    )
      this.#low++
  }
}
