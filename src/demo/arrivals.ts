// Reads test2 from where it ended when the demonstration began, and enters what it reads into the ledger.
import type { ConsumedRecord } from '../kafka-client/contract.ts'
import { PartitionReader } from '../kafka-client/consumer/partition-reader.ts'
import type { ConditionMaker } from '../observe/conditions.ts'
import { consumerDefaults } from '../kafka-client/settings.ts'
import type { Logger } from '../observe/log.ts'
import type { System } from '../system/system.ts'
import { topics } from './configuration-copy.ts'
import type { Ledger } from './ledger.ts'

const recordsAtOnce = 2000

export interface Arrivals {
  /** Whether everything before these offsets has been read. */
  hasRead(ends: readonly { partition: number; next: number }[]): boolean
  /** Rejects when reading cannot go on; resolves after `close`. */
  readonly done: Promise<void>
  close(): void
}

export function readArrivals(parts: {
  readonly system: System
  readonly log: Logger
  readonly condition: ConditionMaker
  readonly bootstrap: readonly string[]
  readonly from: readonly { partition: number; next: number }[]
  readonly ledger: Ledger
}): Arrivals {
  const { system, log, condition, bootstrap, from, ledger } = parts
  const next = new Map(from.map(one => [one.partition, one.next]))
  const stop = new AbortController()
  const reader = new PartitionReader({
    system,
    log,
    condition,
    settings: { ...consumerDefaults, bootstrapServers: bootstrap },
  })
  reader.add(from.map(one => ({ topic: topics.to, partition: one.partition, offset: one.next })))
  const take = (records: readonly ConsumedRecord[]) => {
    const now = system.clock.monotonic()
    for (const { partition, offset, value } of records) {
      ledger.arrive(partition, value?.toString() ?? '', now)
      next.set(partition, offset + 1)
    }
  }
  const read = async () => {
    while (!stop.signal.aborted) take(await reader.poll({ maxRecords: recordsAtOnce, signal: stop.signal }))
  }
  return {
    hasRead: ends => ends.every(end => (next.get(end.partition) ?? 0) >= end.next),
    done: read().catch((error: unknown) => {
      if (!stop.signal.aborted) throw error
    }),
    close() {
      stop.abort()
      reader.close()
    },
  }
}
