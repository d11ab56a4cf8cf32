// Write-back that fails on a real ext4 while eight writers put: nothing is acknowledged that is not on the disk, and
// nothing that was refused comes back. Where such a disk cannot be had it says so loudly, and fails where
// MILLRACE_REQUIRE_FAULTS is set.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { whyNoFailingVolume } from './failing-volume.ts'
import { backOf, failWriteBack, lostOf, millrace } from './writeback-run.ts'

const times = process.env['MILLRACE_DEEP'] === undefined ? 10 : 50

const missing = whyNoFailingVolume()
if (missing !== null) {
  process.stderr.write(`NO FAILING WRITE-BACK: ${missing}\n`)
  if (process.env['MILLRACE_REQUIRE_FAULTS'] !== undefined)
    it('failing write-back', () => assert.fail(`it cannot be had here: ${missing}`))
}

describe('a disk that fails at write-back', { skip: missing ?? false }, () => {
  it(`loses nothing acknowledged and brings nothing refused back, ${times} times`, async t => {
    let [acknowledged, refused] = [0, 0]
    for (let time = 0; time < times; time++) {
      const outcome = await failWriteBack(millrace)
      assert.ok(outcome.opened, outcome.said)
      assert.deepEqual(lostOf(outcome), [], 'acknowledged and lost')
      assert.deepEqual(backOf(outcome), [], 'refused and back')
      assert.equal(new Set(outcome.there).size, outcome.there.length, 'none twice')
      assert.ok(outcome.refused.length > 0, 'the disk failed')
      assert.equal(outcome.health, 'well', 'the log went on in a new segment')
      acknowledged += outcome.acknowledged.length
      refused += outcome.refused.length
    }
    t.diagnostic(`${acknowledged} acknowledged, ${refused} refused`)
  })

  it('finds a channel that does not look at what a sync says', async () => {
    const outcome = await failWriteBack({ ...millrace, env: { MILLRACE_HIDE_SYNC_ERRORS: '1' } })
    assert.ok(lostOf(outcome).length > 0)
  })
})
