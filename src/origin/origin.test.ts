import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from '../../test/fast-check.ts'
import { decodeOrigin, encodeOrigin, originChannel, originPartition } from './origin.ts'

const offset = fc.nat({ max: 2 ** 52 })
const partition = fc.record({
  clusterId: fc.string({ unit: 'grapheme' }),
  topic: fc.stringMatching(/^[\w.-]+$/),
  topicId: fc.base64String(),
  partition: fc.nat({ max: 2147483647 }),
})

test('an origin comes back as it was', () => {
  fc.assert(
    fc.property(
      partition,
      fc.integer({ min: -1, max: 2147483647 }),
      offset,
      offset,
      (of, leaderEpoch, a, b) => {
        const origin = {
          partition: originPartition(of),
          leaderEpoch,
          from: Math.min(a, b),
          to: Math.max(a, b),
        }
        assert.deepEqual(decodeOrigin(encodeOrigin(origin)), origin)
        assert.doesNotMatch(encodeOrigin(origin), /[\r\n]/)
      },
    ),
  )
})

test('the text of an origin is short, and one that closes only itself is shorter', () => {
  const of = { clusterId: 'q1Sh-9_ISia_zwGINzRvyQ', topic: 'orders', topicId: '', partition: 3 }
  const origin = { partition: originPartition(of), leaderEpoch: 0, from: 17, to: 19 }
  assert.equal(encodeOrigin(origin), '1 q1Sh-9_ISia_zwGINzRvyQ/orders/-/3 0 17-19')
  assert.equal(encodeOrigin({ ...origin, from: 19 }), '1 q1Sh-9_ISia_zwGINzRvyQ/orders/-/3 0 19')
})

test('a text that no source has written is no origin', () => {
  const whole = '1 c/t/i/0 0 17-19'
  assert.notEqual(decodeOrigin(whole), null)
  for (const text of [
    '',
    whole.slice(2),
    whole.replace('1 ', '2 '),
    whole.replace('17-19', '19-17'),
    whole.replace('17-19', '9007199254740991'),
    whole.replace('17-19', '17-'),
    whole.replace('c/t/i/0', 'c/t/0'),
    whole.replace('t/', 't o/'),
    `${whole} `,
    whole.replace('t/', `${'t'.repeat(1_000)}/`),
    `${whole}\n`,
  ])
    assert.equal(decodeOrigin(text), null, text)
})

test('a channel is named behind the partition, whatever its name', () => {
  const origin = { partition: originChannel('c/t/i/0', 'a/b c'), leaderEpoch: 0, from: 1, to: 1 }
  assert.equal(encodeOrigin(origin), '1 c/t/i/0/a%2Fb%20c 0 1')
  assert.deepEqual(decodeOrigin(encodeOrigin(origin)), origin)
})
