// Two runs of a session set side by side: every field in which they differ, and which of these are known.
import type { KnownDifference } from '../../scripts/reference/known-differences.ts'
import type { Step } from './play.ts'

export type KafkaVersion = '0.10.2.1' | '4.1.0'

export interface Difference {
  readonly kafka: KafkaVersion
  readonly session: string
  readonly step: string
  readonly api: string
  readonly version: number
  /** `responses[0].partitions[1].errorCode` without the numbers. */
  readonly field: string
  readonly theirs: unknown
  readonly ours: unknown
}

export function differences(
  kafka: KafkaVersion,
  session: string,
  theirs: readonly Step[],
  ours: readonly Step[],
): Difference[] {
  const found: Difference[] = []
  const key = ({ name, api, version }: Step) => `${name}|${api}|${version}`
  const mine = new Map(ours.map(step => [key(step), step]))
  for (const step of theirs) {
    const other = mine.get(key(step))
    mine.delete(key(step))
    const about = { kafka, session, step: step.name, api: step.api, version: step.version }
    compare('', step.answer, other?.answer, (field, one, two) =>
      found.push({ ...about, field, theirs: one, ours: two }),
    )
  }
  for (const { name, api, version, answer } of mine.values())
    found.push({ kafka, session, step: name, api, version, field: '', theirs: undefined, ours: answer })
  return found
}

function compare(
  field: string,
  theirs: unknown,
  ours: unknown,
  found: (field: string, theirs: unknown, ours: unknown) => void,
): void {
  if (Array.isArray(theirs) && Array.isArray(ours) && theirs.length === ours.length)
    theirs.forEach((one, index) => compare(field, one, ours[index], found))
  else if (isRecord(theirs) && isRecord(ours))
    for (const name of new Set([...Object.keys(theirs), ...Object.keys(ours)]))
      compare(field === '' ? name : `${field}.${name}`, theirs[name], ours[name], found)
  else if (JSON.stringify(theirs) !== JSON.stringify(ours)) found(field, theirs, ours)
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Whether the list has it. */
export function isKnown(difference: Difference, known: KnownDifference): boolean {
  const [first, last] = known.versions ?? [0, Infinity]
  return (
    known.api === difference.api &&
    (known.kafka === undefined || known.kafka === difference.kafka) &&
    difference.version >= first &&
    difference.version <= last &&
    known.step.test(`${difference.session}: ${difference.step}`) &&
    known.field.test(difference.field)
  )
}
