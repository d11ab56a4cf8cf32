import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Rate } from './rate.ts'

test('a rate is that of the last five seconds, and unknown before there are two samples', () => {
  const rate = new Rate()
  assert.equal(rate.perSecond, null)
  rate.sample(0, 0)
  assert.equal(rate.perSecond, null)
  for (let second = 1; second <= 20; second++)
    rate.sample(second < 10 ? 0 : (second - 10) * 50, second * 1000)
  assert.equal(rate.perSecond, 50)
})
