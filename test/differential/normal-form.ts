// An answer as it is compared: everything that is rightly different between two brokers, or two runs of one,
// is replaced, by the short list below and nothing else. Lists go by what names their entries, as Kafka's
// come out of hash maps.
import type { Field, FieldSet } from '../../src/wire/kafka/fields.ts'
import { zeroUuid } from '../../src/wire/kafka/fields.ts'
import { RecordSetReader } from '../../src/wire/kafka/record-set.ts'
import type { RecordBatch } from '../../src/wire/kafka/record.ts'

/** Gives the same word for the same value, in the order in which values are first seen. */
export class Names {
  readonly #names = new Map<unknown, string>()
  readonly #counts = new Map<string, number>()

  of(kind: string, value: unknown): string {
    const known = this.#names.get(value)
    if (known !== undefined) return known
    const count = this.#counts.get(kind) ?? 0
    this.#counts.set(kind, count + 1)
    const name = `<${kind} ${count}>`
    this.#names.set(value, name)
    return name
  }
}

export interface NormalForm {
  readonly names: Names
  /** The broker's port. */
  readonly port: number
  /** In front of every name of a topic, group or transaction. */
  readonly prefix: string
}

type Rule = (value: never, form: NormalForm) => unknown

const text = (value: string | null) => (value === null ? null : '<text>')
const member = (value: string | null, { names }: NormalForm) =>
  value === '' || value === null ? value : names.of('member', value)
const identity = (value: string, { names }: NormalForm) =>
  value === zeroUuid ? value : names.of('uuid', value)
const size = (value: number) => (value > 0 ? '<size>' : value)
const time = (value: number) => (Math.abs(value - Date.now()) < 600_000 ? '<now>' : value)

/** By the name of the field. What is not here is compared as it is. */
const rules: Readonly<Record<string, Rule>> = {
  throttleTimeMs: () => 0,
  // Wording is each broker's own; that there is a message, and where, is compared.
  errorMessage: text,
  batchIndexErrorMessage: text,
  documentation: text,
  port: (value: number, { port }: NormalForm) => (value === port ? '<port>' : value),
  // Given out by the broker.
  clusterId: (value: string | null) => text(value),
  topicId: identity,
  memberId: member,
  leader: member,
  producerId: (value: number, { names }: NormalForm) => (value < 0 ? value : names.of('producer', value)),
  // Of the disk.
  logDir: text,
  partitionSize: size,
  totalBytes: size,
  usableBytes: size,
  // Of the clock, where they are the broker's.
  logAppendTimeMs: time,
  timestamp: time,
  lastTimestamp: time,
  transactionStartTimeMs: time,
  lastFetchTimestamp: time,
  lastCaughtUpTimestamp: time,
  records: (value: Buffer | null, form: NormalForm) => (value === null ? null : recordSet(value, form)),
}

/** By the name of the API: what is the broker's own there. */
const ownRules: Readonly<Record<string, Readonly<Record<string, Rule>>>> = {
  ApiVersions: {
    // What stands in it is compared by the test itself.
    apiKeys: (value: readonly unknown[]) => (value.length === 0 ? value : '<table>'),
    finalizedFeaturesEpoch: size,
  },
  DescribeQuorum: { leaderEpoch: size, highWatermark: size, logEndOffset: size, port: () => '<port>' },
}

const namedBy = [
  'name',
  'topic',
  'topicId',
  'groupId',
  'transactionalId',
  'key',
  'apiKey',
  'nodeId',
  'brokerId',
  'memberId',
  'partitionIndex',
  'partition',
  'index',
  'producerId',
  'resourceName',
]

export const normalised = (
  { name, response }: { readonly name: string; readonly response: FieldSet },
  body: unknown,
  form: NormalForm,
): Record<string, unknown> => fieldsOf(response, body, { ...form, rules: { ...rules, ...ownRules[name] } })

interface Ruled extends NormalForm {
  readonly rules: Readonly<Record<string, Rule>>
}

function fieldsOf(fields: FieldSet, body: unknown, form: Ruled): Record<string, unknown> {
  const given = body as Record<string, unknown>
  const out: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(fields)) out[name] = value(name, field, given[name], form)
  return out
}

function value(name: string, field: Field, given: unknown, form: Ruled): unknown {
  if (given === undefined) return undefined
  const rule = form.rules[name] as ((value: unknown, form: NormalForm) => unknown) | undefined
  if (rule !== undefined) return rule(given, form)
  if (given === null) return null
  if (Array.isArray(given)) {
    const element = field.element!
    if (element.fields === undefined) return given.map(one => strip(one, form)).toSorted()
    const all = given.map(one => fieldsOf(element.fields!, one, form))
    const key = (one: Record<string, unknown>) => JSON.stringify(namedBy.map(by => one[by]))
    return all.toSorted((one, other) => (key(one) < key(other) ? -1 : 1))
  }
  if (field.fields !== undefined) return fieldsOf(field.fields, given, form)
  if (Buffer.isBuffer(given)) return given.toString('latin1')
  return strip(given, form)
}

const strip = (given: unknown, { prefix }: NormalForm) =>
  typeof given === 'string' && given.startsWith(prefix) ? given.slice(prefix.length) : given

/** Batches with their headers, records with all they have; of message sets the records one by one. */
function recordSet(bytes: Buffer, form: NormalForm): unknown {
  const batches: unknown[] = []
  const reader = new RecordSetReader(bytes)
  let end = 0
  try {
    for (let batch = reader.next(); batch !== null; batch = reader.next()) {
      batches.push(batchOf(batch, bytes, form))
      end = batch.position + batch.sizeBytes
    }
  } catch (error) {
    return { broken: String(error), bytes: bytes.toString('hex') }
  }
  return { batches, isCutOff: end < bytes.length }
}

function batchOf(batch: RecordBatch, bytes: Buffer, form: NormalForm): unknown {
  const records = batch.records().map(({ offset, timestamp, key, value, headers }) => ({
    offset,
    timestamp: time(timestamp),
    key: batch.isControl ? key?.toString('hex') : key?.toString(),
    value: batch.isControl ? value?.toString('hex') : value?.toString(),
    headers: headers.map(header => [header.key, header.value?.toString() ?? null]),
  }))
  if (batch.magic < 2) return { magic: batch.magic, codec: bytes[batch.position + 17]! & 7, records }
  const { baseOffset, lastOffset, isControl, isTransactional, producerId, producerEpoch, baseSequence } =
    batch
  return {
    magic: 2,
    attributes: bytes.readInt16BE(batch.position + 21),
    leaderEpoch: batch.partitionLeaderEpoch,
    baseOffset,
    lastOffset,
    isControl,
    isTransactional,
    producerId: producerId < 0 ? producerId : form.names.of('producer', producerId),
    producerEpoch,
    baseSequence,
    firstTime: time(Number(bytes.readBigInt64BE(batch.position + 27))),
    lastTime: time(Number(bytes.readBigInt64BE(batch.position + 35))),
    records,
  }
}
