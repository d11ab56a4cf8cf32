// kill -9 of a process that puts into a file channel and takes from it: under load, and inside its start.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { SeededRandom } from '../../src/simulation/seeded-random.ts'
import { checkInside, liveUntil, type Told } from './writer-life.ts'

const kills = process.env['MILLRACE_DEEP'] === undefined ? 15 : 1000

it(`has everything acknowledged, in order, none twice, after ${kills} kills`, async t => {
  const path = mkdtempSync(join(tmpdir(), 'millrace-kill-'))
  t.after(() => rmSync(path, { recursive: true }))
  const random = new SeededRandom(kills)
  let inStarts = 0
  let told: Told = { acknowledged: 0, committed: 0 }
  for (let round = 0; round < kills; round++) {
    // Every fifth is killed while it starts; some several times in a row before anybody looks.
    const isInStart = random.chance(0.2)
    if (isInStart) inStarts++
    const lines = isInStart ? 0 : 1 + random.below(round % 10 === 0 ? 1500 : 150)
    told = await liveUntil(path, told, lines, kill => (isInStart ? setImmediate(kill) : kill()))
    if (!isInStart || random.chance(0.5)) told = await checkInside(path, told)
  }
  told = await checkInside(path, told)
  assert.ok(told.acknowledged > kills * 20 && told.committed > 0)
  t.diagnostic(
    `${kills} kills, ${inStarts} of them in a start: ${told.acknowledged} events, ${told.committed} taken`,
  )
})
