// What an audit found, as text and as JSON.
import { nameOf } from '../../kafka-client/contract.ts'
import { countOf, printable } from '../../printable.ts'
import { isEqual, type Tally } from './audit.ts'
import type { Difference, Differences } from './differences.ts'
import type { Place } from './joining.ts'
import type { Part } from './record-row.ts'
import type { TopicSide } from './topic-side.ts'

export interface AuditReport {
  readonly from: TopicSide
  readonly to: TopicSide
  readonly compared: ReadonlySet<Part>
  readonly tally: Tally
}

const kinds = {
  missing: 'missing',
  doubled: 'doubled',
  changed: 'changed',
  unexpected: 'unexpected',
  reordered: 'out of order',
} as const
type Kind = keyof typeof kinds

const placeIn = ({ partitions }: TopicSide, { partition, offset }: Place) => {
  const { topic, partition: number } = partitions[partition]!
  return { topic, partition: number, offset }
}
const nameIn = (side: TopicSide, place: Place): string => {
  const { topic, partition, offset } = placeIn(side, place)
  return `${nameOf({ topic, partition })} offset ${offset}`
}

const comparedParts = ({ compared, tally }: AuditReport): Part[] => [
  ...[...compared].filter(part => part !== 'headers'),
  ...(tally.comparesHeaders ? (['headers'] as const) : []),
]

function text(report: AuditReport): string {
  const { from, to, tally } = report
  const sideLine = (title: string, side: TopicSide, { records }: { records: number }) =>
    `${title}  ${side.where}/${side.topics.join(',')}: ${countOf(side.partitions.length, 'partition')}, ${countOf(records, 'record')}${side.isCompacted ? ', compacted' : ''}`
  const notes = [
    `compared: ${comparedParts(report).join(', ')}`,
    ...(!tally.comparesHeaders && tally.from.withHeaders + tally.to.withHeaders > 0
      ? ['headers are not compared, because only one side has any; --compare key,value,headers compares them']
      : []),
    ...(tally.named > 0 ? [`paired by their origins: ${countOf(tally.named, 'record')}`] : []),
    ...(tally.dropped > 0
      ? [
          `dropped by interceptors, or sent elsewhere, as the origins say: ${countOf(tally.dropped, 'record')}`,
        ]
      : []),
    ...(tally.foreign > 0
      ? [`of other sources, as the origins say: ${countOf(tally.foreign, 'record')}`]
      : []),
    ...(tally.superseded > 0
      ? [`not needed any more in the compacted topic: ${countOf(tally.superseded, 'record')}`]
      : []),
    ...(tally.passedOver > 0
      ? [
          `passed over in ${to.topics.join(',')}, as of no part of what was read of the source: ${countOf(tally.passedOver, 'record')}`,
        ]
      : []),
  ]
  const found = (Object.keys(kinds) as Kind[]).flatMap(kind => {
    const differences = tally[kind]
    if (differences.count === 0) return []
    const head = `${kinds[kind]}: ${countOf(differences.count, 'record')}${kind === 'missing' ? atEnd(tally) : ''}`
    const lines = runsOf(differences.first).map(run => `  ${lineOf(run, report)}`)
    const more = differences.count - differences.first.length
    return [head, ...lines, ...(more > 0 ? [`  and ${more} more`] : [])]
  })
  const counts = (Object.keys(kinds) as Kind[])
    .filter(kind => tally[kind].count > 0)
    .map(kind => `${tally[kind].count} ${kinds[kind]}`)
  const verdict = isEqual(tally)
    ? `equal: ${countOf(tally.arrived, 'record')} arrived, each once and unchanged`
    : `different: ${tally.arrived} arrived, ${counts.join(', ')}`
  return [sideLine('from', from, tally.from), sideLine('to  ', to, tally.to), ...notes, ...found, verdict, '']
    .map(line => printable(line))
    .join('\n')
}

const atEnd = ({ missing, missingAtEnd }: Tally): string =>
  missingAtEnd === 0
    ? ''
    : ` (${missingAtEnd === missing.count ? 'all' : missingAtEnd} behind the last that arrived of their partition: they may be on their way)`

/** Neighbours that are only missing, or only too many, are one run. */
function runsOf(differences: readonly Difference[]): { first: Difference; last: Difference }[] {
  const runs: { first: Difference; last: Difference }[] = []
  const follows = (one: Place | undefined, other: Place | undefined) =>
    one === undefined
      ? other === undefined
      : one.partition === other?.partition && one.offset + 1 === other.offset
  for (const one of differences) {
    const run = runs.at(-1)
    if (
      run !== undefined &&
      one.what === run.last.what &&
      follows(run.last.from, one.from) &&
      follows(run.last.to, one.to)
    )
      run.last = one
    else runs.push({ first: one, last: one })
  }
  return runs
}

function lineOf({ first, last }: { first: Difference; last: Difference }, { from, to }: AuditReport): string {
  const placed = (side: TopicSide, one: Place | undefined, other: Place | undefined) =>
    one === undefined
      ? []
      : [`${nameIn(side, one)}${other!.offset === one.offset ? '' : ` to ${other!.offset}`}`]
  const what = first.what === undefined ? '' : `: ${first.what}`
  return `${[...placed(from, first.from, last.from), ...placed(to, first.to, last.to)].join(' -> ')}${what}`
}

function json(report: AuditReport): string {
  const { from, to, tally } = report
  const side = (one: TopicSide, { records }: { records: number }) => ({
    bootstrapServers: one.where,
    topics: one.topics,
    isCompacted: one.isCompacted,
    records,
    partitions: one.partitions,
  })
  const list = (differences: Differences) => ({
    count: differences.count,
    first: differences.first.map(one => ({
      ...(one.from === undefined ? {} : { from: placeIn(from, one.from) }),
      ...(one.to === undefined ? {} : { to: placeIn(to, one.to) }),
      ...(one.what === undefined ? {} : { what: one.what }),
    })),
  })
  const all = {
    isEqual: isEqual(tally),
    from: side(from, tally.from),
    to: side(to, tally.to),
    compared: comparedParts(report),
    arrived: tally.arrived,
    named: tally.named,
    dropped: tally.dropped,
    foreign: tally.foreign,
    superseded: tally.superseded,
    passedOver: tally.passedOver,
    missing: { ...list(tally.missing), atEnd: tally.missingAtEnd },
    doubled: list(tally.doubled),
    changed: list(tally.changed),
    unexpected: list(tally.unexpected),
    reordered: list(tally.reordered),
  }
  return `${JSON.stringify(all, null, 2)}\n`
}

export const formats = { text, json }
