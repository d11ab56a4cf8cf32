// The same sessions with real Kafka 4.1.0, real Kafka 0.10.2.1 and the embedded broker: every answer, field by
// field. What differs stands in scripts/reference/known-differences.ts, with the reason, or fails. The answers of
// real brokers are recorded; test/interop/differential.test.ts asks them again.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { knownDifferences, notOffered } from '../../scripts/reference/known-differences.ts'
import { apiTable } from '../../src/broker/api-table.ts'
import { differences, isKnown, type Difference } from './comparison.ts'
import { kafkaVersions, playAll, readRecorded, shared, show, versionsOf, withOurs } from './playing.ts'

describe('the embedded broker answers as Kafka does', () => {
  const found: Difference[] = []
  for (const [kafka, isForeign] of kafkaVersions.flatMap(kafka => [
    [kafka, false] as const,
    [kafka, true] as const,
  ]))
    it(`as Kafka ${kafka} was recorded, but for what is listed${isForeign ? ': tagged fields and bytes that nobody knows change nothing' : ''}`, async () => {
      const recorded = readRecorded(kafka)
      const played = await withOurs(async port =>
        playAll(port, shared(await versionsOf(port), recorded.versions), isForeign),
      )
      assert.deepEqual(Object.keys(played), Object.keys(recorded.sessions))
      const all = Object.entries(recorded.sessions).flatMap(([name, steps]) =>
        differences(kafka, name, steps, played[name]!),
      )
      found.push(...all)
      const unknown = all.filter(one => !knownDifferences.some(known => isKnown(one, known)))
      assert.equal(unknown.length, 0, show(unknown))
    })
  it('what Kafka 4.1 offers is offered and played, but for what is listed', () => {
    const { versions: theirs, sessions: played } = readRecorded('4.1.0')
    const missing = theirs.flatMap(([key, , last]) => {
      const own = apiTable.find(({ api }) => api.key === key)
      if (own === undefined) return [{ key }]
      return own.last < last ? [{ key, versions: [own.last + 1, last] }] : []
    })
    const listed = notOffered.map(({ key, versions: range }) =>
      range === undefined ? { key } : { key, versions: range },
    )
    assert.deepEqual(missing, listed)
    const asked = new Set(
      Object.values(played).flatMap(steps => steps.map(({ api, version }) => `${api} v${version}`)),
    )
    const silent = apiTable.flatMap(({ api, first, last }) => {
      const [, theirFirst, theirLast] = theirs.find(([key]) => key === api.key)!
      const from = Math.max(first, theirFirst)
      const all = Array.from(
        { length: Math.min(last, theirLast) - from + 1 },
        (_, index) => `${api.name} v${from + index}`,
      )
      return all.filter(one => !asked.has(one))
    })
    assert.deepEqual(silent, [])
  })
  it('and every difference that is listed is there', () => {
    const idle = knownDifferences.filter(known => !found.some(one => isKnown(one, known)))
    assert.deepEqual(idle, [])
  })
})
