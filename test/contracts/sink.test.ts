// The contract of sinks: each sink keeps to it, and the checks find sinks that do not.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { catalogue } from '../../src/components.ts'
import { ModelStage, modelSession, planted, planOf } from './planted-sinks.ts'
import { checksOf } from './sink.ts'
import { sinkPlans } from './sink-stages.ts'

for (const [type, plan] of Object.entries(sinkPlans))
  describe(`sink ${type}`, () => {
    for (const [what, check] of Object.entries(checksOf(plan))) it(what, check)
  })

it('every sink of the catalogue has a stage', () => {
  const missing = catalogue
    .filter(
      ({ kind, load, names }) =>
        kind === 'sink' && load !== undefined && !names.some(name => name in sinkPlans),
    )
    .map(({ names }) => names[0])
  assert.deepEqual(missing, [])
})

describe('the checks', { concurrency: true }, () => {
  it('let a sink pass that is as it should be', async () => {
    for (const check of Object.values(checksOf(planOf(() => new ModelStage(modelSession))))) await check()
  })

  for (const [what, open] of Object.entries(planted))
    it(`find ${what}`, async () => {
      const plan = planOf(() => new ModelStage(open))
      const results = await Promise.allSettled(Object.values(checksOf(plan)).map(check => check()))
      assert.ok(
        results.some(({ status }) => status === 'rejected'),
        'no check has found it',
      )
    })

  it('find a stop that never ends', async () => {
    const plan = planOf(() => new ModelStage(modelSession, () => new Promise(() => {})))
    await assert.rejects(
      checksOf(plan)['keeps what it has delivered when it stops']!(),
      /the stop: not within/,
    )
  })
})
