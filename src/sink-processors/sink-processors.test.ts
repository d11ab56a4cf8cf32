// The sink processors, each by the order in which it lets sinks try.
import assert from 'node:assert/strict'
import test from 'node:test'
import { contextFor, optionsFor } from '../../test/context.ts'
import type { SinkProcessor, SinkProcessorDefinition } from '../component.ts'
import { realSystem } from '../system/system.ts'
import { defaultProcessor } from './default.ts'
import { failoverProcessor } from './failover.ts'
import { loadBalanceProcessor } from './load-balance.ts'

function make(
  definition: SinkProcessorDefinition,
  given: Record<string, unknown>,
  sinks = ['k1', 'k2', 'k3'],
  next = 0,
): SinkProcessor {
  const system = { ...realSystem, random: { ...realSystem.random, next: () => next } }
  return definition.create(optionsFor(definition, given), {
    ...contextFor('SINK', 'g1', [], { system }),
    sinks,
  })
}

function complaints(definition: SinkProcessorDefinition, given: Record<string, unknown>): string[] {
  const said: string[] = []
  const note = (key: string, problem: string) => void said.push(`${key}: ${problem}`)
  definition.checkNames?.(optionsFor(definition, given), ['k1', 'k2', 'k3'], { error: note, warning: note })
  return said
}

test('default: one sink only', () => {
  assert.deepEqual(make(defaultProcessor, {}, ['k1']).order(0), ['k1'])
  assert.deepEqual(complaints(defaultProcessor, {}), [
    'type: default is for one sink, and this group has 3: k1 k2 k3',
  ])
})

test('failover: by priority, those without one last, equals in the order written', () => {
  assert.deepEqual(make(failoverProcessor, { priority: { k2: '5' } }).order(0), ['k2', 'k1', 'k3'])
  assert.deepEqual(make(failoverProcessor, { priority: { k1: '5', k2: '-1', k3: '10' } }).order(0), [
    'k3',
    'k1',
    'k2',
  ])
  assert.deepEqual(make(failoverProcessor, { priority: { k1: '1', k2: '1', k3: '1' } }).order(0), [
    'k1',
    'k2',
    'k3',
  ])
})

test('failover: a priority for a sink that is not in the group is pointed out', () => {
  assert.deepEqual(complaints(failoverProcessor, { priority: { k9: '1' } }), [
    'priority.k9: k9 is not a sink of this group',
  ])
})

test('failover: a sink that fails rests 2, 4, 8 s up to the maximum, then takes its place again', () => {
  const processor = make(failoverProcessor, { priority: { k1: '9' }, maxpenalty: 5000 })
  processor.failed('k1', 0)
  assert.deepEqual(processor.order(1999), ['k2', 'k3'])
  assert.deepEqual(processor.order(2000), ['k1', 'k2', 'k3'])
  processor.failed('k1', 2000)
  assert.deepEqual(processor.order(5999), ['k2', 'k3'])
  processor.failed('k1', 6000)
  assert.deepEqual(processor.order(10_999), ['k2', 'k3'])
  assert.deepEqual(processor.order(11_000), ['k1', 'k2', 'k3'])
  processor.delivered('k1', 11_000)
  processor.failed('k1', 11_000)
  assert.deepEqual(processor.order(13_000), ['k1', 'k2', 'k3'], 'a success forgets the failures')
  for (let count = 0; count < 100; count++) processor.failed('k1', 20_000)
  assert.deepEqual(processor.order(24_999), ['k2', 'k3'], 'the rest never vanishes')
  for (const sink of ['k2', 'k3']) processor.failed(sink, 24_000)
  assert.deepEqual(processor.order(24_001), [])
})

test('load_balance: the turn goes on with each batch, however often the order is asked', () => {
  const processor = make(loadBalanceProcessor, {})
  const served: string[] = []
  for (let batch = 0; batch < 4; batch++) {
    processor.order(0)
    const [first] = processor.order(0)
    served.push(first!)
    processor.assigned?.(first!)
    processor.delivered(first!, 0)
  }
  assert.deepEqual(served, ['k1', 'k2', 'k3', 'k1'])
  processor.failed('k2', 0)
  assert.deepEqual(processor.order(0), ['k2', 'k3', 'k1'], 'without backoff a failure changes nothing')
})

test('load_balance: with backoff a sink that failed is passed over, and all may rest', () => {
  const processor = make(loadBalanceProcessor, { backoff: true, 'selector.maxTimeOut': 3000 })
  processor.failed('k1', 0)
  assert.deepEqual(processor.order(1999), ['k2', 'k3'])
  assert.deepEqual(processor.order(2000), ['k1', 'k2', 'k3'])
  processor.failed('k1', 2000)
  assert.deepEqual(processor.order(4999), ['k2', 'k3'])
  processor.failed('k2', 3000)
  processor.failed('k3', 3000)
  assert.deepEqual(processor.order(3001), [])
  assert.deepEqual(processor.order(5000), ['k1', 'k2', 'k3'])
})

test('load_balance: random gives every sink a place', () => {
  const processor = make(loadBalanceProcessor, { selector: 'random' }, ['k1', 'k2', 'k3'], 0.999)
  assert.deepEqual([...processor.order(0)].sort(), ['k1', 'k2', 'k3'])
  const shuffled = make(loadBalanceProcessor, { selector: 'random' }, ['k1', 'k2', 'k3'], 0)
  assert.deepEqual(shuffled.order(0), ['k2', 'k3', 'k1'])
})
