// Our times against those of Joda-Time.
import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { compileJodaPattern } from '../../src/java/joda-time.ts'
import type { JodaCase } from './cases.ts'

/** 2026-11-29T12:00Z, for years of two digits. */
export const now = Date.UTC(2026, 10, 29, 12)
/** Joda's answers to the first of the cases: [zone, pattern, text, answer], a line each. */
export const file = fileURLToPath(new URL('recorded-times.json', import.meta.url))
export const recordedCount = 600

/**
 * Where the tz database of Joda-Time 2.9.9 (2017b) has other rules than that of today, by years: Calcutta's own times
 * before 1946, summer times of China, and a zone that is a name for New York by now.
 */
const changedRules: Readonly<Record<string, readonly [from: number, to: number]>> = {
  'Asia/Kolkata': [1854, 1946],
  'Asia/Shanghai': [1900, 1992],
  EST5EDT: [-Infinity, 1967],
}

function isOfChangedRules([zone, , text]: JodaCase, theirs: string): boolean {
  const year = new Date(Number(theirs)).getUTCFullYear()
  return Object.entries(changedRules).some(
    ([name, [from, to]]) => (zone === name || text.includes(name)) && year >= from && year < to,
  )
}

function ours([zone, pattern, text]: JodaCase): string {
  process.env['TZ'] = zone
  const compiled = compileJodaPattern(pattern, now)
  return 'problem' in compiled ? `illegal: ${compiled.problem}` : (compiled.read(text) ?? 'none')
}

export function requireSame(cases: readonly JodaCase[], answers: readonly string[]): void {
  const before = process.env['TZ']
  try {
    const wrong = cases.flatMap((one, index) => {
      const [theirs, mine] = [answers[index]!, ours(one)]
      return theirs === mine || isOfChangedRules(one, theirs)
        ? []
        : [[...one, `Joda ${theirs}, ours ${mine}`]]
    })
    assert.deepEqual(wrong.slice(0, 20), [])
  } finally {
    if (before === undefined) delete process.env['TZ']
    else process.env['TZ'] = before
  }
}
