// Messages of a topic, looked at without a group: from a place on, or the newest, with a text in them or not. A look is
// bounded by time and by what it reads; how far it came is part of the answer.
import type { ConsumedRecord, TopicPartition } from '../kafka-client/contract.ts'
import { nameOf } from '../kafka-client/contract.ts'
import type { Admin } from '../kafka-client/kafka-client.ts'
import type { ClientSystem } from '../kafka-client/connection/connection.ts'
import { PartitionReader } from '../kafka-client/consumer/partition-reader.ts'
import { consumerDefaults, type ConnectionSettings } from '../kafka-client/settings.ts'
import { looseConditions } from '../observe/conditions.ts'
import { silentLogger } from '../observe/log.ts'
import type { Session } from './access/session.ts'
import type { Message, Messages, Shown } from './api.ts'

export interface Question {
  readonly topic: string
  /** All where absent. */
  readonly partition?: number | undefined
  /** `newest`, `oldest`, an offset, or a time: ISO 8601, or milliseconds since 1970 behind an @. */
  readonly from: string
  readonly limit: number
  /** In key, value or a header, upper and lower case alike; all messages where it is empty. */
  readonly find: string
}

/** A look ends after so long, wherever it is. */
const budgetMs = 5000
/** Where nothing comes for so long, what is left are markers of transactions. */
const idleMs = 1500
/** So many messages of each partition are looked through for a text, from the newest on. */
const newestScan = 20_000
/** More of a key or value is not sent to a browser. */
const shownBytes = 20 * 1024
/** More is not read as JSON or text. */
const previewBytes = 1024 * 1024

/** Undefined where there is no such topic or partition. Rejects with what Admin and PartitionReader reject with. */
export async function lookForMessages(
  question: Question,
  { admin, settings, system }: { admin: Admin; settings: ConnectionSettings; system: ClientSystem },
  session: Session,
): Promise<Messages | undefined> {
  const { topic, partition, from, limit } = question
  const known = (await admin.offsets.of(topic)).filter(
    one => partition === undefined || one.partition === partition,
  )
  if (known.length === 0) return undefined
  const newest = from === 'newest'
  const each = question.find === '' ? limit : newestScan
  const time = timeOf(from)
  const partitions = known.map((one): TopicPartition => ({ topic, partition: one.partition }))
  const times = time === null ? null : await admin.offsets.at(partitions, time)
  const begins = known.map(one => {
    const wanted = newest
      ? one.next - each
      : from === 'oldest'
        ? one.first
        : times === null
          ? Number(from)
          : (times.get(nameOf({ topic, partition: one.partition })) ?? -1)
    // -1: no message is so young.
    const at = times !== null && wanted < 0 ? one.next : Math.min(one.next, Math.max(one.first, wanted))
    return { ...one, at }
  })
  const ahead = begins.filter(({ at, next }) => at < next)
  const begun = system.clock.monotonic()
  const found: ConsumedRecord[] = []
  const places = new Map(ahead.map(({ partition: id, at }) => [id, at]))
  const all = ahead.reduce((sum, { at, next }) => sum + next - at, 0)
  let bytes = 0
  let isComplete = true
  if (ahead.length > 0) {
    const reader = new PartitionReader({
      system,
      log: silentLogger,
      condition: looseConditions(system.clock, silentLogger),
      settings: { ...consumerDefaults, ...settings },
    })
    const over = new AbortController()
    const timer = system.clock.after(budgetMs, () => over.abort())
    try {
      reader.add(ahead.map(({ partition: id, at }) => ({ topic, partition: id, offset: at })))
      const ends = new Map(ahead.map(({ partition: id, next }) => [id, next]))
      const isDone = () => [...places].every(([id, at]) => at >= ends.get(id)!)
      const isEnough = () => !newest && found.length >= limit
      while (!isDone() && !isEnough()) {
        const idle = new AbortController()
        const idleTimer = system.clock.after(idleMs, () => idle.abort())
        const signal = AbortSignal.any([over.signal, idle.signal])
        const records = await reader.poll({ maxRecords: 500, signal })
        idleTimer.cancel()
        if (over.signal.aborted) {
          isComplete = false
          break
        }
        if (records.length === 0) break
        for (const one of records) {
          // What is masked is not found either.
          const record = session.mask(topic, one)
          // What was written since the look began is not part of it.
          if (record.offset >= ends.get(record.partition)!) continue
          places.set(record.partition, record.offset + 1)
          bytes += (record.key?.length ?? 0) + (record.value?.length ?? 0)
          if (holds(record, question.find)) found.push(record)
        }
        // Of the newest so many stay that the rest cannot come before them.
        if (newest && found.length > limit * 4) keepNewest(found, limit)
      }
    } finally {
      timer.cancel()
      reader.close()
    }
  }
  if (newest) keepNewest(found, limit)
  else found.sort((one, other) => one.timestamp - other.timestamp || one.offset - other.offset)
  return {
    takenAt: system.clock.now(),
    partitions: known.map(one => one.partition),
    scanned: ahead.reduce((sum, { partition: id, at }) => sum + places.get(id)! - at, 0),
    all,
    bytes,
    isComplete,
    elapsedMs: Math.round(system.clock.monotonic() - begun),
    messages: found.slice(0, limit).map(messageOf),
  }
}

/** Milliseconds since 1970; null where the text is no time. */
export function timeOf(from: string): number | null {
  if (/^@\d{1,15}$/.test(from)) return Number(from.slice(1))
  if (!/^\d{4}-\d\d-\d\d/.test(from)) return null
  const time = Date.parse(from)
  return Number.isNaN(time) ? null : time
}

/** Whether the text names a place that can be begun at. */
export const isPlace = (from: string): boolean =>
  from === 'newest' || from === 'oldest' || /^\d{1,15}$/.test(from) || timeOf(from) !== null

function keepNewest(records: ConsumedRecord[], limit: number): void {
  records.sort((one, other) => other.timestamp - one.timestamp || other.offset - one.offset)
  records.splice(limit)
}

function holds({ key, value, headers }: ConsumedRecord, find: string): boolean {
  if (find === '') return true
  const wanted = find.toLowerCase()
  const isIn = (bytes: Buffer | null) =>
    bytes !== null && bytes.toString('utf8').toLowerCase().includes(wanted)
  return (
    isIn(value) || isIn(key) || headers.some(one => one.key.toLowerCase().includes(wanted) || isIn(one.value))
  )
}

function messageOf({ partition, offset, timestamp, key, value, headers }: ConsumedRecord): Message {
  return {
    partition,
    offset,
    timestamp: timestamp < 0 ? null : timestamp,
    key: shownOf(key),
    value: shownOf(value),
    headers: headers.map(one => ({ key: one.key, value: shownOf(one.value) })),
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Bytes as somebody reads them. JSON stays as it was written, so that no number loses a digit. Control characters other
 * than white space make it binary.
 */
export function shownOf(bytes: Buffer | null): Shown {
  if (bytes === null) return { kind: 'null', text: '', bytes: 0, isCut: false }
  const isCut = bytes.length > shownBytes
  const base = { bytes: bytes.length, isCut }
  try {
    if (bytes.length > previewBytes) throw new RangeError('too large to be judged')
    const text = utf8.decode(bytes)
    // oxlint-disable-next-line no-control-regex
    if (/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/.test(text)) throw new TypeError('binary')
    const kind = isJson(text) ? 'json' : 'text'
    return { kind, text: isCut ? text.slice(0, shownBytes) : text, ...base }
  } catch {
    return { kind: 'hex', text: bytes.subarray(0, shownBytes / 4).toString('hex'), ...base }
  }
}

function isJson(text: string): boolean {
  if (!/^\s*[[{]/.test(text)) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
