// Events of the tests of channels, and what a batch or a fault must be.
import assert from 'node:assert/strict'
import type { Batch } from '../../src/component.ts'
import { Fault, type FaultCode } from '../../src/errors.ts'
import { Event } from '../../src/event.ts'

export function eventOf(text: string): Event {
  return Event.of({ n: text }, text)
}

export function eventsOf(from: number, count: number): Event[] {
  return Array.from({ length: count }, (_, index) => eventOf(String(from + index)))
}

export function textsOf(batch: Batch | null): string[] {
  assert.ok(batch !== null)
  return batch.events.map(event => {
    assert.equal(event.headers.get('n'), event.body.toString())
    return event.body.toString()
  })
}

export function rejectsWith(code: FaultCode, promise: Promise<unknown>, pattern?: RegExp): Promise<void> {
  return assert.rejects(promise, error => {
    assert.ok(error instanceof Fault, String(error))
    assert.equal(error.code, code)
    if (pattern !== undefined) assert.match(error.message, pattern)
    return true
  })
}
