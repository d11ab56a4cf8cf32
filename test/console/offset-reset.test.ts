// C8: what the preview of a reset shows is what is committed then, and both are what the log says: random groups, topics
// and targets beside an oracle that knows every record.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Kafka, logLevel } from 'kafkajs'
import type { ResetPlan } from '../../src/console/api.ts'
import { SeededRandom } from '../../src/simulation/seeded-random.ts'
import { serveKafka, type KafkaServing } from './kafka-serving.ts'

const cases = process.env['MILLRACE_DEEP'] === '1' ? 1000 : 100
const seed = Number(process.env['MILLRACE_SEED'] ?? 8)

const begin = 1_700_000_000_000

/** Times of the records of each partition, those deleted from its beginning as well. */
interface Log {
  readonly topic: string
  readonly partition: number
  readonly times: readonly number[]
  readonly first: number
}

const directory = mkdtempSync(join(tmpdir(), 'millrace-reset-'))
let kafka: KafkaServing
const logs: Log[] = []
const random = new SeededRandom(seed)
const below = (limit: number) => random.below(limit)

before(async () => {
  kafka = await serveKafka(directory)
  const producer = new Kafka({ brokers: [kafka.bootstrap], logLevel: logLevel.NOTHING }).producer()
  await producer.connect()
  for (const [topic, partitions] of [
    ['a', 3],
    ['b.c', 1],
    ['d-e_f', 2],
  ] as const) {
    await kafka.admin.topics.create({ name: topic, partitions })
    for (let partition = 0; partition < partitions; partition++) {
      let time = begin
      const times = Array.from({ length: below(4) * 20 }, () => (time += below(3) * 1000))
      if (times.length > 0)
        await producer.send({
          topic,
          messages: times.map(one => ({ value: 'v', partition, timestamp: String(one) })),
        })
      const first = below(2) * below(times.length)
      if (first > 0) await kafka.admin.records.deleteBefore([{ topic, partition, offset: first }])
      logs.push({ topic, partition, times, first })
    }
  }
  await producer.disconnect()
})
after(async () => {
  await kafka[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true, force: true })
})

type To = 'earliest' | 'latest' | 'offset' | 'time' | 'shift'

function expectedOf({ times, first }: Log, to: To, value: number, from: number | null): number | null {
  const end = times.length
  const kept = (offset: number) => Math.min(end, Math.max(first, offset))
  if (to === 'earliest') return first
  if (to === 'latest') return end
  if (to === 'offset') return kept(value)
  if (to === 'shift') return from === null ? null : kept(from + value)
  const at = times.findIndex((time, offset) => offset >= first && time >= value)
  return at < 0 ? end : at
}

async function reset(index: number): Promise<void> {
  const group = `group ${index}`
  const held = new Map<Log, number>()
  for (const log of logs) if (random.next() < 0.6) held.set(log, below(log.times.length + 1))
  const to = (['earliest', 'latest', 'offset', 'time', 'shift'] as const)[below(5)]!
  const value = to === 'time' ? begin + below(80) * 500 - 5000 : below(140) - (to === 'shift' ? 70 : 0)
  const words =
    to === 'time' ? (index % 2 === 0 ? `@${value}` : new Date(value).toISOString()) : String(value)
  const isScoped = random.next() < 0.5
  const chosen = isScoped ? logs.filter(() => random.next() < 0.5) : [...held.keys()]
  const scope = [...Map.groupBy(chosen, one => one.topic)]
    .map(([topic, list]) => `${topic}:${list.map(one => one.partition).join(',')}`)
    .join(';')
  if (held.size > 0)
    await kafka.admin.groups.commit(
      group,
      [...held].map(([{ topic, partition }, offset]) => ({ topic, partition, offset })),
    )
  if (isScoped && scope === '') return
  const query = new URLSearchParams({ to, value: words, ...(isScoped ? { scope } : {}) })
  const address = `/groups/${encodeURIComponent(group)}`
  const { positions, active } = await kafka.look<ResetPlan>(`${address}/reset?${query}`)
  const name = `seed ${seed}, case ${index}: ${query}`
  assert.equal(active, null, name)
  assert.deepEqual(
    positions.map(({ topic, partition, from, to: next }) => [topic, partition, from, next]),
    logs
      .filter(log => chosen.includes(log))
      .map(log => {
        const from = held.get(log) ?? null
        return [log.topic, log.partition, from, expectedOf(log, to, value, from)]
      }),
    name,
  )
  const moved = positions.filter(one => one.to !== null)
  if (moved.length === 0) return
  await kafka.change('POST', `${address}/positions`, {
    positions: moved.map(({ topic, partition, from, to: next }) => ({ topic, partition, from, to: next })),
  })
  const wanted = new Map([...held].map(([log, offset]) => [`${log.topic} ${log.partition}`, offset]))
  for (const one of moved) wanted.set(`${one.topic} ${one.partition}`, one.to!)
  const committed = await kafka.admin.groups.committed(group)
  assert.deepEqual(
    new Map(committed.map(one => [`${one.topic} ${one.partition}`, one.offset])),
    new Map([...wanted].sort(([one], [other]) => (one < other ? -1 : 1))),
    name,
  )
}

test(`${cases} random resets: preview, oracle and what is committed agree`, async t => {
  const started = performance.now()
  let next = 0
  // The random numbers of a case are drawn before it waits for the first time.
  const lane = async () => {
    while (next < cases) await reset(next++)
  }
  await Promise.all(Array.from({ length: 8 }, lane))
  t.diagnostic(`${Math.round(performance.now() - started)} ms`)
})
