// The same sessions with real Kafka 4.1.0, real Kafka 0.10.2.1 and the embedded broker: every answer, field by
// field. What differs stands in scripts/reference/known-differences.ts, with the reason, or fails. Real answers are
// recorded beside the sessions (MILLRACE_RECORD=1 does it anew), so that the comparison runs everywhere; where
// the real brokers can be started they are asked again, and must still say what is recorded.
import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { apiTable } from '../../src/broker/api-table.ts'
import { knownDifferences, notOffered } from '../../scripts/reference/known-differences.ts'
import { apiVersions } from '../../src/wire/kafka/messages/api-versions.ts'
import { startBrokerProcess } from '../broker/broker-process.ts'
import { WireClient } from '../broker/wire-client.ts'
import { administration } from './differential/administration.ts'
import { differences, isKnown, type Difference, type KafkaVersion } from './differential/comparison.ts'
import { Play, type Stage, type Step } from './differential/play.ts'
import { oddBytes } from './differential/odd-bytes.ts'
import { sessions } from './differential/sessions.ts'
import { skipWithoutPeers, startKafka010, startKafka41, startZooKeeper } from './peers/peers.ts'

type Versions = readonly (readonly [key: number, first: number, last: number])[]
interface Recorded {
  readonly versions: Versions
  readonly sessions: Readonly<Record<string, readonly Step[]>>
}

const placeOf = (kafka: KafkaVersion) =>
  fileURLToPath(new URL(`differential/recorded-${kafka}.json`, import.meta.url))
const properties = {
  'auto.create.topics.enable': 'false',
  'delete.topic.enable': 'true',
  'group.initial.rebalance.delay.ms': '0',
  'offsets.topic.num.partitions': '1',
  'group.coordinator.rebalance.protocols': 'classic',
}

async function versionsOf(port: number): Promise<Versions> {
  const client = await WireClient.connect(port)
  const { apiKeys } = await client.ask(apiVersions, 0, {})
  client.close()
  return apiKeys.map(({ apiKey, minVersion, maxVersion }) => [apiKey, minVersion, maxVersion])
}

function shared(one: Versions, other: Versions): Stage['shared'] {
  const result = new Map<number, readonly [number, number]>()
  for (const [key, first, last] of one) {
    const theirs = other.find(([known]) => known === key)
    if (theirs !== undefined && Math.max(first, theirs[1]) <= Math.min(last, theirs[2]))
      result.set(key, [Math.max(first, theirs[1]), Math.min(last, theirs[2])])
  }
  return result
}

/** Everything that is played with a broker of these versions. */
async function playAll(
  port: number,
  versions: Stage['shared'],
  isForeign = false,
): Promise<Record<string, Step[]>> {
  const played: Record<string, Step[]> = {}
  for (const session of [...sessions, ...administration, oddBytes]) {
    if (!session.needs.every(({ key }) => versions.has(key))) continue
    const play = new Play(session.name, {
      port,
      shared: versions,
      prefix: isForeign ? 'f-' : 'd-',
      isForeign,
    })
    try {
      await session.run(play)
      // As they come back from a file.
      played[session.name] = JSON.parse(JSON.stringify(play.steps)) as Step[]
    } finally {
      play.close()
    }
  }
  return played
}

/** Runs with an embedded broker of its own. */
async function withOurs<T>(run: (port: number) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-differential-'))
  const configuration = join(directory, 'server.properties')
  writeFileSync(configuration, '')
  const broker = await startBrokerProcess(configuration, {
    ...properties,
    listeners: 'PLAINTEXT://127.0.0.1:0',
    'log.dirs': join(directory, 'logs'),
    'broker.id': '1',
  })
  try {
    return await run(broker.port)
  } finally {
    await broker.end('SIGTERM')
    await rm(directory, { recursive: true, force: true })
  }
}

const show = (found: readonly Difference[]): string =>
  found
    .map(
      ({ session, step, api, version, field, theirs, ours }) =>
        `${session}: ${step}: ${api} v${version}: ${field}: Kafka ${JSON.stringify(theirs)}, ours ${JSON.stringify(ours)}`,
    )
    .join('\n')

const versions = ['4.1.0', '0.10.2.1'] as const

describe('the embedded broker answers as Kafka does', { timeout: 120_000 }, () => {
  const found: Difference[] = []
  for (const [kafka, isForeign] of versions.flatMap(kafka => [
    [kafka, false] as const,
    [kafka, true] as const,
  ]))
    it(`as Kafka ${kafka} was recorded, but for what is listed${isForeign ? ': tagged fields and bytes that nobody knows change nothing' : ''}`, async () => {
      const recorded = JSON.parse(readFileSync(placeOf(kafka), 'utf8')) as Recorded
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
    const { versions: theirs, sessions: played } = JSON.parse(
      readFileSync(placeOf('4.1.0'), 'utf8'),
    ) as Recorded
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

describe('real Kafka still answers as it was recorded', { skip: skipWithoutPeers, timeout: 240_000 }, () => {
  for (const kafka of versions)
    it(kafka, async () => {
      const directory = await mkdtemp(join(tmpdir(), 'millrace-differential-'))
      await using stack = new AsyncDisposableStack()
      stack.defer(() => rm(directory, { recursive: true, force: true }))
      const real =
        kafka === '4.1.0'
          ? stack.use(await startKafka41(directory, { properties }))
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
      const recorded = JSON.parse(readFileSync(placeOf(kafka), 'utf8')) as Recorded
      for (const one of [played, await playAll(port, both, true)]) {
        const changed = Object.entries(recorded.sessions).flatMap(([name, steps]) =>
          differences(kafka, name, steps, one[name] ?? []),
        )
        assert.equal(changed.length, 0, show(changed))
      }
    })
})
