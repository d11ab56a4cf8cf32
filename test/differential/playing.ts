// Every session played with one broker, and what was recorded of real ones.
import { readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { apiVersions } from '../../src/wire/kafka/messages/api-versions.ts'
import { startBrokerProcess } from '../broker/broker-process.ts'
import { WireClient } from '../broker/wire-client.ts'
import { administration } from './administration.ts'
import type { Difference, KafkaVersion } from './comparison.ts'
import { oddBytes } from './odd-bytes.ts'
import { Play, type Stage, type Step } from './play.ts'
import { sessions } from './sessions.ts'

export type Versions = readonly (readonly [key: number, first: number, last: number])[]
export interface Recorded {
  readonly versions: Versions
  readonly sessions: Readonly<Record<string, readonly Step[]>>
}

export const placeOf = (kafka: KafkaVersion): string =>
  fileURLToPath(new URL(`recorded-${kafka}.json`, import.meta.url))

export const readRecorded = (kafka: KafkaVersion): Recorded =>
  JSON.parse(readFileSync(placeOf(kafka), 'utf8')) as Recorded

export const kafkaVersions = ['4.1.0', '0.10.2.1'] as const

/** What all brokers have been given. */
export const properties = {
  'auto.create.topics.enable': 'false',
  'delete.topic.enable': 'true',
  'group.initial.rebalance.delay.ms': '0',
  'offsets.topic.num.partitions': '1',
  'group.coordinator.rebalance.protocols': 'classic',
}

export async function versionsOf(port: number): Promise<Versions> {
  const client = await WireClient.connect(port)
  const { apiKeys } = await client.ask(apiVersions, 0, {})
  client.close()
  return apiKeys.map(({ apiKey, minVersion, maxVersion }) => [apiKey, minVersion, maxVersion])
}

export function shared(one: Versions, other: Versions): Stage['shared'] {
  const result = new Map<number, readonly [number, number]>()
  for (const [key, first, last] of one) {
    const theirs = other.find(([known]) => known === key)
    if (theirs !== undefined && Math.max(first, theirs[1]) <= Math.min(last, theirs[2]))
      result.set(key, [Math.max(first, theirs[1]), Math.min(last, theirs[2])])
  }
  return result
}

/** Everything that is played with a broker of these versions. */
export async function playAll(
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
export async function withOurs<T>(run: (port: number) => Promise<T>): Promise<T> {
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

export const show = (found: readonly Difference[]): string =>
  found
    .map(
      ({ session, step, api, version, field, theirs, ours }) =>
        `${session}: ${step}: ${api} v${version}: ${field}: Kafka ${JSON.stringify(theirs)}, ours ${JSON.stringify(ours)}`,
    )
    .join('\n')
