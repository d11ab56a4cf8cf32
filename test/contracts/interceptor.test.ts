// What every interceptor of the catalogue must do, whatever the event: not throw, drop it or give an event
// back, and leave the event's two sides (headers and body, and their one encoding) saying the same.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from '../fast-check.ts'
import type { InterceptorDefinition } from '../../src/component.ts'
import { catalogue } from '../../src/components.ts'
import { Event } from '../../src/event.ts'
import { contextFor, optionsFor } from '../context.ts'

/** Options that make an interceptor do its work on any event. */
const given: Readonly<Record<string, Record<string, unknown>>> = {
  static: { key: 'a', preserveExisting: false },
  remove_header: { withName: 'a', matching: /[a-m]+/ },
  search_replace: { searchPattern: /./gsu, replaceString: 'ü$0' },
  regex_extractor: {
    regex: /(.)(.)?/su,
    serializers: ['s1', 's2'],
    'serializers.': { 's1.name': 'a', 's2.name': 'b' },
  },
  json: { headers: { a: '/a', b: '' }, defaults: { a: 'x' }, timestampField: '/a' },
}

const anyEvent = fc
  .record({
    headers: fc.array(fc.tuple(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' })), {
      maxLength: 4,
    }),
    body: fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.string({ unit: 'binary' }).map(text => Buffer.from(text)),
      fc.json({ stringUnit: 'binary' }).map(text => Buffer.from(text)),
    ),
    encoded: fc.boolean(),
  })
  .map(({ headers, body, encoded }) => {
    const event = Event.of(new Map([['a', '1'], ...headers]), Buffer.from(body))
    return encoded ? Event.fromEncoded(event.encoded) : event
  })

describe('every interceptor keeps events whole', () => {
  for (const { kind, names, load } of catalogue) {
    if (kind !== 'interceptor' || load === undefined) continue
    test(names[0]!, async () => {
      const definition = (await load()) as InterceptorDefinition
      const options = optionsFor(definition, given[definition.type])
      const interceptor = definition.create(options, contextFor('SOURCE', 'i1'))
      await interceptor.start?.()
      fc.assert(
        fc.property(anyEvent, event => {
          const result = interceptor.intercept(event)
          if (result === null) return
          const again = Event.fromEncoded(result.encoded)
          assert.deepEqual([...again.headers], [...result.headers])
          assert.deepEqual(again.body, result.body)
        }),
      )
      await interceptor.stop?.()
    })
  }
})
