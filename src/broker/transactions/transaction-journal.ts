// The transactional ids of the broker in a journal of their own, `transactions.journal`: what a crash must
// not forget is which transactions are open, where they write to, and which end was decided. Entries in
// JSON: a whole TransactionState, or {"expired": transactional id}.
import { join } from 'node:path'
import type { Logger } from '../../observe/log.ts'
import { Journal } from '../../storage/journal.ts'
import { either, listOf, mapOf, object, readJson, text, whole } from '../../json-shape.ts'
import type { Disk } from '../../system/disk.ts'
import type { JournalPlace } from '../log-directories.ts'
import { statuses, type TransactionState } from './transaction-state.ts'

type Entry = TransactionState | { readonly expired: string }

const entryShape = either(
  object({ expired: text }),
  object({
    transactionalId: text,
    producerId: whole,
    producerEpoch: whole,
    lastEpoch: whole,
    timeoutMs: whole,
    status: value => statuses.some(one => one === value),
    partitions: mapOf(listOf(whole)),
    groups: listOf(text),
    startedAt: whole,
    updatedAt: whole,
  }),
)

const encode = (entry: Entry): Buffer => Buffer.from(JSON.stringify(entry))

export class TransactionJournal {
  readonly #states = new Map<string, TransactionState>()
  #journal: Journal | null = null

  /** Rejects with DISK, CORRUPT or STATE_MISSING. */
  async open(disk: Disk, log: Logger, place: JournalPlace): Promise<void> {
    this.#journal = await Journal.open({
      disk,
      log,
      path: join(place.home, 'transactions.journal'),
      mustHold: place.mustHold('which transactions are open'),
      apply: payload => {
        const entry = readJson<Entry>(payload, entryShape)
        if (entry === null) return false
        if ('expired' in entry) this.#states.delete(entry.expired)
        else this.#states.set(entry.transactionalId, entry)
        return true
      },
      snapshot: () => [...this.#states.values()].map(encode),
      onFailed: fault => log.error(`transactions can no longer be begun or ended: ${fault.message}`),
    })
  }

  get(transactionalId: string): TransactionState | undefined {
    return this.#states.get(transactionalId)
  }

  all(): TransactionState[] {
    return [...this.#states.values()]
  }

  /** Resolves when it is durable; only then it is what `get` gives. Rejects with DISK. */
  async put(state: TransactionState): Promise<void> {
    await this.#journal!.append(encode(state))
  }

  async expire(transactionalId: string): Promise<void> {
    await this.#journal!.append(encode({ expired: transactionalId }))
  }

  async close(): Promise<void> {
    await this.#journal?.close()
  }
}
