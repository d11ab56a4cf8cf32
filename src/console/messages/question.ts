// What is asked of a topic's messages, as the query of an address holds it, and as a scan takes it.
import type { ConsumedRecord } from '../../kafka-client/contract.ts'
import { unreadable } from '../refused.ts'
import { readExpression } from './expression.ts'

/** Next or first offsets by partition. */
export type Offsets = ReadonlyMap<number, number>

export interface Question {
  readonly topic: string
  /** All where empty. */
  readonly partitions: readonly number[]
  /** `newest`: backwards from the end. */
  readonly from: 'newest' | 'oldest' | { readonly offset: number } | { readonly time: number }
  /** Messages of this time and later are left out, ms since 1970. */
  readonly until: number | null
  /** In lower case; all messages where it is empty. */
  readonly find: string
  readonly where: readonly Part[]
  /** What `find` is read as instead of a text; null where it is one. */
  readonly expression: ((record: ConsumedRecord) => boolean) | null
  /** Where a page or a scan goes on: only below these offsets, or from them on. */
  readonly before: Offsets | null
  readonly after: Offsets | null
}

const parts = ['key', 'value', 'headers'] as const
export type Part = (typeof parts)[number]

export const questionQuery = {
  from: 'newest (where absent), oldest, an offset, or a time: ISO 8601, or milliseconds since 1970 behind an @',
  until: 'a time: later messages are left out',
  partition: 'partitions, separated by commas; all where absent',
  find: 'a text, upper and lower case alike; no regular expression',
  in: `where it is looked for: ${parts.join(', ')}; all of them where absent. Or expression: find is one, such as value.amount > 10 and header.type == "x"`,
  before: 'partition:offset,…: of each partition what is below its offset, the newest first',
  after: 'partition:offset,…: of each partition what is from its offset on',
} as const

export type QuestionQuery = keyof typeof questionQuery

/** Throws Refused with 400 where something is not readable. */
export function questionOf(topic: string, query: Readonly<Partial<Record<QuestionQuery, string>>>): Question {
  const { from = 'newest', until, partition = '', find = '', in: where = '' } = query
  const isExpression = where === 'expression'
  const words = isExpression ? [] : where.split(',').filter(word => word !== '')
  const odd = words.find(word => !parts.some(part => part === word))
  if (odd !== undefined) throw unreadable(`in=${odd}: write ${parts.join(', ')} or expression`)
  return {
    topic,
    partitions: partition
      .split(',')
      .filter(word => word !== '')
      .map(word => {
        if (/^\d{1,9}$/.test(word)) return Number(word)
        throw unreadable(`partition=${word}: write the number of a partition`)
      }),
    from: placeOf(from),
    until: until === undefined || until === '' ? null : timeIn('until', until),
    find: find.toLowerCase(),
    expression: isExpression && find.trim() !== '' ? readExpression(find) : null,
    where: words.length === 0 ? parts : parts.filter(part => words.includes(part)),
    before: offsetsIn('before', query.before),
    after: offsetsIn('after', query.after),
  }
}

function placeOf(from: string): Question['from'] {
  if (from === 'newest' || from === 'oldest') return from
  if (/^\d{1,16}$/.test(from) && Number.isSafeInteger(Number(from))) return { offset: Number(from) }
  const time = timeOf(from)
  if (time === null) throw unreadable(`from=${from}: write newest, oldest, an offset or a time`)
  return { time }
}

function timeIn(name: string, text: string): number {
  const time = timeOf(text)
  if (time === null) throw unreadable(`${name}=${text}: write a time such as 2026-11-29T14:00Z`)
  return time
}

/** Milliseconds since 1970; null where the text is no time. */
export function timeOf(text: string): number | null {
  if (/^@\d{1,15}$/.test(text)) return Number(text.slice(1))
  if (!/^\d{4}-\d\d-\d\d/.test(text)) return null
  const time = Date.parse(text)
  return Number.isNaN(time) ? null : time
}

function offsetsIn(name: string, text: string | undefined): Offsets | null {
  if (text === undefined || text === '') return null
  const offsets = new Map<number, number>()
  for (const word of text.split(',')) {
    const [, partition, offset] = /^(\d{1,9}):(\d{1,16})$/.exec(word) ?? []
    if (partition === undefined || !Number.isSafeInteger(Number(offset)))
      throw unreadable(`${name}=${word}: write partition:offset`)
    offsets.set(Number(partition), Number(offset))
  }
  return offsets
}

export const offsetsText = (offsets: Offsets): string =>
  [...offsets].map(([partition, offset]) => `${partition}:${offset}`).join(',')

/** Whether the message is one that is asked for. */
export function holds(record: ConsumedRecord, question: Question): boolean {
  const { key, value, headers, timestamp } = record
  const { from, until, find, where, expression } = question
  // A broker finds the first of a time; later ones may be older, because producers set the time.
  if (typeof from === 'object' && 'time' in from && timestamp < from.time) return false
  if (until !== null && timestamp >= until) return false
  if (expression !== null) return expression(record)
  if (find === '') return true
  const isIn = (bytes: Buffer | null) => bytes !== null && bytes.toString('utf8').toLowerCase().includes(find)
  return (
    (where.includes('value') && isIn(value)) ||
    (where.includes('key') && isIn(key)) ||
    (where.includes('headers') &&
      headers.some(one => one.key.toLowerCase().includes(find) || isIn(one.value)))
  )
}
