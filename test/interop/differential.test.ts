// Real Kafka 4.1.0 and 0.10.2.1 still answer as test/differential/ has recorded it, which the embedded broker is
// compared with; MILLRACE_RECORD=1 records anew.
import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { differences } from '../differential/comparison.ts'
import {
  kafkaVersions,
  placeOf,
  playAll,
  properties,
  readRecorded,
  shared,
  show,
  versionsOf,
  withOurs,
  type Recorded,
} from '../differential/playing.ts'
import { skipWithoutPeers, startKafka010, startKafka41, startZooKeeper } from './peers/peers.ts'

/** Retention, first looked at after 30 s, would take the records of a session that have old times. */
const withoutRetention = { 'log.initial.task.delay.ms': '3600000' }

describe('real Kafka still answers as it was recorded', { skip: skipWithoutPeers }, () => {
  for (const kafka of kafkaVersions)
    it(kafka, async () => {
      const directory = await mkdtemp(join(tmpdir(), 'millrace-differential-'))
      await using stack = new AsyncDisposableStack()
      stack.defer(() => rm(directory, { recursive: true, force: true }))
      const real =
        kafka === '4.1.0'
          ? stack.use(await startKafka41(directory, { properties: { ...properties, ...withoutRetention } }))
          : stack.use(
              await startKafka010(directory, stack.use(await startZooKeeper(directory)), { properties }),
            )
      const port = Number(real.bootstrap.split(':')[1])
      const theirs = await versionsOf(port)
      const both = await withOurs(async own => shared(await versionsOf(own), theirs))
      const played = await playAll(port, both)
      const answer: Recorded = { versions: theirs, sessions: played }
      if (process.env['MILLRACE_RECORD'] === '1' || !existsSync(placeOf(kafka)))
        writeFileSync(placeOf(kafka), `${JSON.stringify(answer)}\n`)
      const recorded = readRecorded(kafka)
      for (const one of [played, await playAll(port, both, true)]) {
        const changed = Object.entries(recorded.sessions).flatMap(([name, steps]) =>
          differences(kafka, name, steps, one[name] ?? []),
        )
        assert.equal(changed.length, 0, show(changed))
      }
    })
})
