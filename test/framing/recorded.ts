// What real Kafka makes of packed records, as it was recorded.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/**
 * The error's name that a Produce request is answered with (by 4.1.0 for format 2, by 0.10.2.1 for those before), and
 * what each consumer reads: how many records, the CRC-32 of their values, and what ends it before the third.
 */
export interface Recorded {
  readonly produce: string
  readonly '4.1.0': string
  readonly '0.10.2.1'?: string
}
export type Side = keyof Recorded

export const file = fileURLToPath(new URL('recorded-answers.json', import.meta.url))

/** By the names of the cases. */
export const readRecorded = () => JSON.parse(readFileSync(file, 'utf8')) as Record<string, Recorded>

export const words = (count: number, sum: number, end: string) =>
  end === 'fails' ? end : `${count} records, ${sum.toString(16)}${end === '' ? '' : `, ${end}`}`
