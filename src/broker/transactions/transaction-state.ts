// What the coordinator knows of one transactional id, as it stands in the journal.

/** The names that ListTransactions tells. */
export type TransactionStatus =
  | 'Empty'
  | 'Ongoing'
  | 'PrepareCommit'
  | 'PrepareAbort'
  | 'CompleteCommit'
  | 'CompleteAbort'

export interface TransactionState {
  readonly transactionalId: string
  readonly producerId: number
  readonly producerEpoch: number
  /** The epoch before, of a producer that may ask again for the one it was given; -1 where there is none. */
  readonly lastEpoch: number
  readonly timeoutMs: number
  readonly status: TransactionStatus
  /** Partitions that it writes to, by topic. */
  readonly partitions: Readonly<Record<string, readonly number[]>>
  /** Groups whose positions it commits. */
  readonly groups: readonly string[]
  /** When the last one began, ms of the broker's clock; -1 where there was none. */
  readonly startedAt: number
  readonly updatedAt: number
}

export const statuses: readonly TransactionStatus[] = [
  'Empty',
  'Ongoing',
  'PrepareCommit',
  'PrepareAbort',
  'CompleteCommit',
  'CompleteAbort',
]

/** A producer's epoch is an int16; its last value is left for the abort that fences it. */
export const lastUsableEpoch = 32_766

export const isPrepared = ({ status }: TransactionState): boolean =>
  status === 'PrepareCommit' || status === 'PrepareAbort'

export const includes = (state: TransactionState, topic: string, partition: number): boolean =>
  state.partitions[topic]?.includes(partition) === true

/** The partitions of both. */
export function union(
  known: TransactionState['partitions'],
  more: TransactionState['partitions'],
): Record<string, readonly number[]> {
  const all: Record<string, readonly number[]> = { ...known }
  for (const [topic, partitions] of Object.entries(more))
    all[topic] = [...new Set([...(all[topic] ?? []), ...partitions])]
  return all
}
