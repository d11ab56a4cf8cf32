// Where answers of this broker differ from those of a real Kafka 4.1 or 0.10.2.1 that was asked the same:
// the only list of them. docs/reference/kafka-apis.md prints it; the differential test fails on a
// difference that is not here, and on a line here that nothing needs any more.

export interface KnownDifference {
  readonly api: string
  /** All where absent. */
  readonly versions?: readonly [first: number, last: number]
  /** Only compared with this one; with both where absent. */
  readonly kafka?: '0.10.2.1' | '4.1.0'
  /** Steps of the test, as `session: step`. */
  readonly step: RegExp
  /** Fields of the answer, as `topics.partitions.offset`. */
  readonly field: RegExp
  /** What differs and why: a sentence for the reference. */
  readonly reason: string
}

export const knownDifferences: readonly KnownDifference[] = []
