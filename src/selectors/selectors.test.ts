// The selectors, each by where it sends events.
import assert from 'node:assert/strict'
import test from 'node:test'
import { contextFor, optionsFor } from '../../test/context.ts'
import type { Selector, SelectorDefinition } from '../component.ts'
import { Event } from '../event.ts'
import { realSystem } from '../system/system.ts'
import { loadBalancingSelector } from './load-balancing.ts'
import { multiplexingSelector } from './multiplexing.ts'
import { replicatingSelector } from './replicating.ts'

const channels = ['c1', 'c2', 'c3']

function make(
  definition: SelectorDefinition,
  given: Record<string, unknown>,
  next = 0,
): { selector: Selector; lines: string[] } {
  const system = { ...realSystem, random: { ...realSystem.random, next: () => next } }
  const context = { ...contextFor('SOURCE', 'r1', [], { system }), channels }
  return { selector: definition.create(optionsFor(definition, given), context), lines: context.log.lines }
}

function complaints(definition: SelectorDefinition, given: Record<string, unknown>): string[] {
  const said: string[] = []
  const note = (key: string, problem: string) => void said.push(`${key}: ${problem}`)
  definition.checkNames?.(optionsFor(definition, given), channels, { error: note, warning: note })
  return said
}

test('replicating: all channels, optional ones apart', () => {
  assert.deepEqual(make(replicatingSelector, {}).selector.select(Event.of({})), {
    required: channels,
    optional: [],
  })
  assert.deepEqual(make(replicatingSelector, { optional: ['c3'] }).selector.select(Event.of({})), {
    required: ['c1', 'c2'],
    optional: ['c3'],
  })
  assert.deepEqual(complaints(replicatingSelector, { optional: ['c9'] }), [
    'optional: c9 is not a channel of this source',
  ])
})

test('multiplexing: by the exact value; default where it is missing, blank or unknown', () => {
  const { selector } = make(multiplexingSelector, {
    header: 'state',
    mapping: { CZ: 'c1', US: 'c2  c3' },
    default: ['c1'],
    optional: { CZ: 'c1 c3', XX: 'c1 c2' },
  })
  const select = (headers: Record<string, string>) => selector.select(Event.of(headers))
  assert.deepEqual(select({ state: 'US' }), { required: ['c2', 'c3'], optional: [] })
  assert.deepEqual(select({ state: 'CZ' }), { required: ['c1'], optional: ['c3'] })
  assert.deepEqual(select({ state: 'XX' }), { required: ['c1'], optional: ['c2'] })
  for (const headers of [{}, { state: '' }, { state: ' ' }, { state: 'cz' }] as Record<string, string>[])
    assert.deepEqual(select(headers), { required: ['c1'], optional: [] })
})

test('multiplexing: without a default what has no mapping is dropped, which is said once', () => {
  const { selector, lines } = make(multiplexingSelector, { mapping: { a: 'c1' } })
  for (const value of ['b', 'c'])
    assert.deepEqual(selector.select(Event.of({ 'flume.selector.header': value })), {
      required: [],
      optional: [],
    })
  assert.equal(lines.length, 1)
  assert.match(lines[0]!, /events are dropped/)
})

test('multiplexing: unknown channels are named with their key', () => {
  const given = { mapping: { a: 'c1 c7' }, default: ['c8'], optional: { b: 'c9' } }
  assert.deepEqual(complaints(multiplexingSelector, given), [
    'mapping.a: c7 is not a channel of this source',
    'default: c8 is not a channel of this source',
    'optional.b: c9 is not a channel of this source',
    'type: no event goes to c2, c3',
  ])
  assert.deepEqual(
    complaints(multiplexingSelector, { mapping: { a: 'c1' }, default: ['c2'], optional: { b: 'c3' } }),
    [],
  )
})

test('load_balancing: one channel an event, in turn or at random', () => {
  const turns = make(loadBalancingSelector, {}).selector
  const chosen = [1, 2, 3, 4].map(() => turns.select(Event.of({})).required.join())
  assert.deepEqual(chosen, ['c1', 'c2', 'c3', 'c1'])
  const random = make(loadBalancingSelector, { policy: 'RANDOM' }, 0.99).selector
  assert.deepEqual(random.select(Event.of({})), { required: ['c3'], optional: [] })
})
