// Record: one entry of a log of Flume's file channel, format 3, as Flume 1.3 to 1.11 write it.
//
//   0x7F      a record; 0x00: one that Flume's integrity tool took out; 0x80: nothing written from here on
//   int32     bytes that follow, big-endian
//             length and message TransactionEventHeader, length and message Put, Take, Rollback or Commit,
//             length and message TransactionEventFooter, which is empty; all of it encrypted where the log is
//
// The checksum of a Put covers the event's body alone.
import { crc32 } from 'node:zlib'
import { Event, type Headers } from '../../../event.ts'
import { MessageReader, Malformed } from './protobuf.ts'

export const operations = { record: 0x7f, none: 0x00, end: 0x80 } as const
/** Operation and length. */
export const recordHeaderBytes = 5

export const recordKinds = { put: 1, take: 2, rollback: 3, commit: 4 } as const
export type RecordKind = (typeof recordKinds)[keyof typeof recordKinds]

export interface FlumeRecord {
  readonly kind: RecordKind
  readonly transaction: number
  /** Counts up with every record of the agent, over all logs. */
  readonly order: number
  /** Take: where the event was put. */
  readonly takenFile: number
  readonly takenAt: number
  /** Commit: what was committed, puts or takes. */
  readonly committed: RecordKind | null
  /** Put: the message FlumeEvent, and the checksum of its body where there is one. */
  readonly event: MessageReader | null
  readonly checksum: number | null
}

/** The record in the bytes between its length and its end. Throws Malformed. */
export function readRecord(bytes: Buffer): FlumeRecord {
  const whole = new MessageReader(bytes)
  const header = whole.delimited()
  let kind = 0
  let transaction = 0
  let order = 0
  while (header.next())
    if (header.field === 1) kind = header.fixed32()
    else if (header.field === 2) transaction = header.fixed64()
    else if (header.field === 3) order = header.fixed64()
    else header.skip()
  if (kind < recordKinds.put || kind > recordKinds.commit) throw new Malformed(`record type ${kind}`)
  if (transaction <= 0 || order <= 0) throw new Malformed('no transaction or write order id')
  const content = whole.delimited()
  let first = 0
  let second = 0
  let event: MessageReader | null = null
  let checksum: number | null = null
  while (content.next())
    if (kind === recordKinds.rollback) throw new Malformed('a rollback that holds something')
    else if (kind === recordKinds.put && content.field === 1) event = content.message()
    else if (kind === recordKinds.put && content.field === 2) checksum = content.fixed64()
    else if (kind === recordKinds.take && content.field === 1) first = content.fixed32()
    else if (kind === recordKinds.take && content.field === 2) second = content.fixed32()
    else if (kind === recordKinds.commit && content.field === 1) first = content.fixed32()
    else content.skip()
  const footer = whole.delimited()
  while (footer.next()) footer.skip()
  if (whole.at !== bytes.length) throw new Malformed(`${bytes.length - whole.at} bytes after the record`)
  if (kind === recordKinds.put && event === null) throw new Malformed('a put without an event')
  const isCommit = kind === recordKinds.commit
  if (isCommit && first !== recordKinds.put && first !== recordKinds.take)
    throw new Malformed(`commit of type ${first}`)
  return {
    kind: kind as RecordKind,
    transaction,
    order,
    takenFile: first,
    takenAt: second,
    committed: isCommit ? (first as RecordKind) : null,
    event,
    checksum,
  }
}

/** The event of a put, its body a view on the record's bytes. Throws Malformed, also for a wrong checksum. */
export function readEvent({ event, checksum }: FlumeRecord): Event {
  if (event === null) throw new Malformed('no put')
  const headers: Headers = new Map()
  let body: Buffer = Buffer.alloc(0)
  while (event.next())
    if (event.field === 1) {
      const header = event.message()
      let key = ''
      let value = ''
      while (header.next())
        if (header.field === 1) key = header.text()
        else if (header.field === 2) value = header.text()
        else header.skip()
      headers.set(key, value)
    } else if (event.field === 2) body = event.slice()
    else event.skip()
  const found = crc32(body)
  if (checksum !== null && checksum !== found)
    throw new Malformed(`the checksum of the body (${body.length} bytes) is ${found}, not ${checksum}`)
  return Event.of(headers, body)
}
