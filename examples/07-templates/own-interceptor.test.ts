// node --test own-interceptor.test.ts
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Event, makeComponent } from 'millrace'
import component from './own-interceptor.ts'

test('sets the header to the length of the body', () => {
  const interceptor = makeComponent(component, { header: 'bytes' })
  const event = interceptor.intercept(Event.of({}, 'hello'))
  assert.equal(event?.headers.get('bytes'), '5')
})

test('drops events without a body, unless they are to be kept', () => {
  assert.equal(makeComponent(component).intercept(Event.of({}, '')), null)
  assert.notEqual(makeComponent(component, { keepEmpty: 'true' }).intercept(Event.of({}, '')), null)
})
