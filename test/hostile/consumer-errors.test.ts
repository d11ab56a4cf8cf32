// Every error code in every place of every answer a consumer gets: it reads all the same, or says what is wrong,
// red, until the broker answers well again. None ends in silence.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { conditionsOn, KeptLog } from '../context.ts'
import { hurriedSystem, metadataOf, type Answer, type ScriptedBroker } from '../scripted-broker.ts'
import { realSystem } from '../../src/system/system.ts'
import { ScriptedGroup } from '../scripted-group.ts'
import type { Api } from '../../src/wire/kafka/api.ts'
import { compressions } from '../../src/wire/kafka/compression.ts'
import { crc32c } from '../../src/wire/kafka/crc32c.ts'
import { errorCodes } from '../../src/wire/kafka/error-codes.ts'
import { fetch } from '../../src/wire/kafka/messages/fetch.ts'
import { metadata } from '../../src/wire/kafka/messages/metadata.ts'
import { offsetFetch } from '../../src/wire/kafka/messages/offset-fetch.ts'
import { recordsBuilder } from '../../src/wire/kafka/record-set.ts'
import { GroupConsumer } from '../../src/kafka-client/consumer/consumer.ts'
import { consumerDefaults, type ConsumerSettings } from '../../src/kafka-client/settings.ts'

const system = hurriedSystem(100)
/** The machine may be slow while the clock is fast. */
const patient = { connectTimeoutMs: 600_000, requestTimeoutMs: 600_000 }
/** How many consumers are at work at a time. */
const atOnce = 20

/** The places of errors, as the API and what leads to it; arrays are gone through. */
const places: readonly string[] = [
  'Metadata errorCode',
  'Metadata topics errorCode',
  'Metadata topics partitions errorCode',
  'FindCoordinator errorCode',
  'JoinGroup errorCode',
  'SyncGroup errorCode',
  'Heartbeat errorCode',
  'OffsetFetch errorCode',
  'OffsetFetch topics partitions errorCode',
  'OffsetCommit topics partitions errorCode',
  'ListOffsets topics partitions errorCode',
  'Fetch errorCode',
  'Fetch responses partitions errorCode',
  'ApiVersions errorCode',
]

/** The answer with the value at the place; what a broker with such an error does not tell is taken away. */
function spoil(answer: Answer<Api>, place: string, value: unknown): Answer<Api> {
  if (typeof answer === 'string') return answer
  const [, ...path] = place.split(' ')
  const change = (
    at: Record<string, unknown>,
    [name, ...rest]: readonly string[],
  ): Record<string, unknown> => {
    if (rest.length > 0)
      return { ...at, [name!]: (at[name!] as Record<string, unknown>[]).map(one => change(one, rest)) }
    const bare: Record<string, unknown> =
      place === 'Metadata topics errorCode'
        ? { partitions: [] }
        : place === 'Metadata topics partitions errorCode'
          ? { leaderId: -1 }
          : {}
    return { ...at, ...bare, [name!]: value }
  }
  return change(answer as Record<string, unknown>, path) as Answer<Api>
}

function batchAt(offset: number): Buffer {
  const builder = recordsBuilder(2, 'none', { expectedBytes: 100 })
  builder.append({ timestamp: 0, key: null, value: Buffer.from('x'), headers: [] })
  const bytes = builder.finish()
  bytes.writeBigInt64BE(BigInt(offset), 0)
  return bytes
}

async function standing(
  given: { topics?: readonly string[] | RegExp; settings?: Partial<ConsumerSettings> } = {},
) {
  const group = await new ScriptedGroup(system.clock).start()
  const { broker } = group
  broker
    .on(metadata, metadataOf([broker.address], { t: { leaders: [0] } }), [0, 13])
    .on(
      offsetFetch,
      ({ topics }) => ({
        errorCode: 0,
        topics: (topics ?? []).map(({ name, partitionIndexes }) => ({
          name,
          partitions: partitionIndexes.map(partitionIndex => ({
            partitionIndex,
            committedOffset: group.positions.get(partitionIndex) ?? -1,
            metadata: '',
            errorCode: 0,
          })),
        })),
      }),
      [0, 7],
    )
    .on(
      fetch,
      async ({ topics }) => {
        await system.clock.sleep(200)
        return {
          errorCode: 0,
          responses: topics.map(({ topic, partitions }) => ({
            topic,
            partitions: partitions.map(({ partition, fetchOffset }) => ({
              partitionIndex: partition,
              errorCode: 0,
              highWatermark: fetchOffset + 1,
              records: batchAt(fetchOffset),
            })),
          })),
        }
      },
      [4, 12],
    )
  const log = new KeptLog()
  const { condition, health } = conditionsOn(system.clock, log)
  const consumer = new GroupConsumer({
    settings: {
      ...consumerDefaults,
      bootstrapServers: [broker.bootstrap],
      groupId: 'g',
      ...patient,
      ...given.settings,
    },
    topics: given.topics ?? ['t'],
    system,
    log,
    condition,
  })
  let reads = 0
  const stop = new AbortController()
  const reading = (async () => {
    let next = -1
    while (!stop.signal.aborted) {
      const records = await consumer.poll({ maxRecords: 10, signal: stop.signal }).catch(() => [])
      reads += records.length
      if (records.length > 0) next = records.at(-1)!.offset + 1
      // As the Kafka source does, behind what was read.
      if (records.length > 0)
        await consumer.commit([{ topic: 't', partition: 0, offset: next }]).catch(() => {})
    }
  })()
  consumer.start()
  return {
    broker,
    log,
    health,
    reads: () => reads,
    async [Symbol.asyncDispose]() {
      stop.abort()
      await consumer.close()
      await reading
      await broker.stop()
    },
  }
}

/** Looks until it holds; whether it did. Real time: a machine with much else to do takes long for a hurried minute. */
async function comesTrue(holds: () => boolean, limitMs = 120_000): Promise<boolean> {
  const end = realSystem.clock.monotonic() + limitMs
  while (!holds()) {
    if (realSystem.clock.monotonic() > end) return false
    await system.clock.sleep(200)
  }
  return true
}

type Tamper = (api: string, answer: Answer<Api>) => Answer<Api>

/** It must read on or say so; then the broker is well again. The problem, if any. */
async function endure(
  what: string,
  tamper: Tamper,
  {
    says,
    tamperBytes,
    ...given
  }: Parameters<typeof standing>[0] & { says?: RegExp; tamperBytes?: ScriptedBroker['tamperBytes'] } = {},
): Promise<string | null> {
  await using stand = await standing(given)
  const { broker, health, reads, log } = stand
  broker.tamper = tamper
  if (tamperBytes !== undefined) broker.tamperBytes = tamperBytes
  const saysIt = () => health().some(problem => says?.test(problem) !== false)
  if (!(await comesTrue(() => saysIt() || reads() > 30)))
    return `${what}: ${health().join(' | ') || 'silence'}`
  broker.tamper = (_, answer) => answer
  const before = reads()
  if (!(await comesTrue(() => health().length === 0 && reads() > before + 3)))
    return `${what}: not over: ${health().join(' | ')} (${reads() - before} read)`
  const lines = log.lines.filter(line => /^(WARN|ERROR)/.test(line))
  return lines.length > 6 ? `${what}: ${lines.length} lines: ${lines.slice(0, 8).join('\n')}` : null
}

async function endureAll<T>(list: readonly T[], one: (what: T) => Promise<string | null>): Promise<void> {
  const left = [...list]
  const problems: string[] = []
  const work = async () => {
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      const problem = await one(next)
      if (problem !== null) problems.push(problem)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  assert.deepEqual(problems, [])
}

const codes = Object.entries(errorCodes).filter(([, code]) => code !== 0)

for (const place of places)
  it(`${place}: every code is read through or said, and over when the broker is well`, () =>
    endureAll(codes, ([name, code]) => {
      const [api] = place.split(' ')
      const tamper: Tamper = (asked, answer) => (asked === api ? spoil(answer, place, code) : answer)
      return endure(`${place} = ${name}`, tamper, { says: new RegExp(name) })
    }))

const apis = [...new Set(places.map(place => place.split(' ')[0]!))]

it('an API whose answers never come, or end the connection, or leave out what was asked for', () =>
  endureAll(
    apis.flatMap(api =>
      (['silent', 'close', 'topics', 'responses'] as const).map(how => [api, how] as const),
    ),
    ([api, how]) => {
      const tamper: Tamper = (asked, answer) => {
        if (asked !== api) return answer
        if (how === 'silent' || how === 'close') return how
        return typeof answer === 'object' && how in answer ? { ...answer, [how]: [] } : answer
      }
      return endure(`${api} ${how}`, tamper, {
        settings: { requestTimeoutMs: 20_000, maxPollIntervalMs: 60_000 },
      })
    },
  ))

it('offsets beyond what can be represented', () =>
  endureAll(
    [
      'ListOffsets topics partitions offset',
      'OffsetFetch topics partitions committedOffset',
      'Fetch responses partitions highWatermark',
      'Fetch responses partitions lastStableOffset',
    ],
    place => {
      const [api] = place.split(' ')
      const mark = Buffer.from('0011223344556677', 'hex')
      const tamper: Tamper = (asked, answer) =>
        asked === api ? spoil(answer, place, Number(mark.readBigInt64BE())) : answer
      const tamperBytes = (_: string, bytes: Buffer) => {
        const at = bytes.indexOf(mark)
        if (at !== -1) bytes.writeBigInt64BE(2n ** 60n, at)
        return bytes
      }
      return endure(place, tamper, { says: /beyond 2\^53/, tamperBytes })
    },
  ))

/** A batch that differs from a good one in some bytes; the checksum is as it was. */
const changed = (at: number, value: number) => {
  const bytes = Buffer.from(batchAt(0))
  bytes[at]! ^= value
  return bytes
}

/** A batch with a right checksum and these bytes for its records. */
function packed(codec: number, bytes: Buffer): Buffer {
  const batch = Buffer.concat([batchAt(0).subarray(0, 61), bytes])
  batch.writeInt32BE(batch.length - 12, 8)
  batch.writeInt16BE(codec, 21)
  batch.writeUInt32BE(crc32c(batch, 21), 17)
  return batch
}

const records = (bytes: Buffer): Tamper => {
  const place = 'Fetch responses partitions records'
  return (asked, answer) => (asked === 'Fetch' ? spoil(answer, place, bytes) : answer)
}

it('batches that cannot be read: damaged, of an unknown codec or format, cut off', () =>
  endureAll(
    [
      ...compressions.map(
        (codec, number) =>
          [
            `${codec} that is none`,
            packed(number, Buffer.alloc(40, 'no records')),
            new RegExp(`^t-0 cannot be read: offsets 0 to 0, .*${number === 0 ? 'not packed' : codec}: `),
          ] as const,
      ),
      ['damaged', changed(62, 1), /checksum|crc/i],
      ['of codec 7', changed(22, 7), /./],
      ['of format 9', changed(16, 2 ^ 9), /./],
      ['cut off', batchAt(0).subarray(0, 40), /no whole batch/],
      ['before what was asked for', batchAt(-5), /no whole batch/],
    ] as const,
    ([what, bytes, says]) =>
      endure(what, records(bytes), { says, settings: { autoOffsetReset: 'earliest' } }),
  ))

it('a batch that cannot be unpacked is said until it can be, and what can be done', async () => {
  await using stand = await standing({ settings: { autoOffsetReset: 'earliest' } })
  stand.broker.tamper = records(packed(4, Buffer.from('no frame')))
  const isSaid = () => stand.health().some(problem => /packed with zstd: zstd data/.test(problem))
  assert.ok(await comesTrue(isSaid))
  const asked = () => stand.broker.asked.filter(({ name }) => name === 'Fetch').length
  const before = asked()
  assert.ok(await comesTrue(() => asked() > before + 10))
  assert.ok(isSaid())
  assert.deepEqual(
    stand.log.lines.filter(line => /any more/.test(line)),
    [],
  )
  assert.match(stand.log.lines.join('\n'), /another client .* --reset-offsets --to-offset/)
  stand.broker.tamper = (_, answer) => answer
  assert.ok(await comesTrue(() => stand.health().length === 0 && stand.reads() > 0))
})

it('topics that are not there, one of several among them; a pattern that nothing matches', async () => {
  const unknown = /topic "missing" cannot be read: UNKNOWN_TOPIC_OR_PARTITION/
  for (const [topics, says, isPartly] of [
    [['missing'], unknown, false],
    [['t', 'missing'], unknown, true],
    [/nothing-.*/, /no topic that this user may see matches the pattern nothing-\.\*/, false],
  ] as const) {
    await using stand = await standing({ topics })
    assert.ok(await comesTrue(() => stand.health().some(one => says.test(one))), String(topics))
    if (isPartly) assert.ok(await comesTrue(() => stand.reads() > 0))
    else assert.equal(stand.reads(), 0)
    stand.broker.on(
      metadata,
      metadataOf([stand.broker.address], {
        t: { leaders: [0] },
        missing: { leaders: [0] },
        'nothing-1': { leaders: [0] },
      }),
      [0, 13],
    )
    assert.ok(
      await comesTrue(() => stand.health().length === 0),
      `${String(topics)}: ${stand.health().join()}`,
    )
    assert.equal(stand.log.lines.filter(line => says.test(line) && !/ for \d+ s/.test(line)).length, 1)
  }
})
