import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Audit, type AuditedSide } from './audit.ts'

test('counts more equal records than it joins at once, in temporary files', async t => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-audit-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  const count = 35_000
  const one = { topic: 't', partition: 0, timestamp: 0, key: Buffer.from('k'), value: Buffer.from('ping') }
  const side = (missing: number): AuditedSide => ({
    partitions: [{ topic: 't', partition: 0, first: 0, next: count }],
    isCompacted: false,
    partitionOf: () => null,
    async *read() {
      for (let offset = 0; offset < count - missing; offset++)
        yield [{ partition: 0, record: { ...one, offset, headers: [] } }]
    },
  })
  const options = {
    directory,
    compared: new Set(['key', 'value'] as const),
    headers: false,
    checksOrder: true,
    isPartial: false,
    mostNamed: 2,
    turn: async () => {},
  }
  const tally = await new Audit(side(0), side(3), options).run()
  assert.deepEqual([tally.arrived, tally.missing.count, tally.doubled.count], [count - 3, 3, 0])
  assert.deepEqual(
    tally.missing.first.map(({ from }) => from!.offset),
    [count - 3, count - 2],
  )
})
