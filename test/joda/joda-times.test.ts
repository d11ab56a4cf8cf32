// regex_extractor's times against what Joda-Time 2.9.9 was recorded to make of the same patterns and texts; it is asked
// again, and for some thousands more, in test/interop.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { it } from 'node:test'
import type { JodaCase } from './cases.ts'
import { file, recordedCount, requireSame } from './comparison.ts'

it('times are read as Joda-Time was recorded to read them', () => {
  const recorded = JSON.parse(readFileSync(file, 'utf8')) as [...JodaCase, string][]
  assert.ok(recorded.length >= recordedCount)
  requireSame(
    recorded.map(([zone, pattern, text]) => [zone, pattern, text]),
    recorded.map(one => one[3]),
  )
})
