// What a partition knows of idempotent producers: of each the epoch, its last five batches, and where its
// open transaction begins. A batch that was written already is answered with its first offset; one that
// leaves a gap is refused.
// Source: KIP-98; five is the most requests an idempotent producer may have in flight.
import type { BatchHeader } from './batch-header.ts'
import { batchFlags, type TransactionMarker } from './transaction-marker.ts'

interface KnownBatch {
  readonly firstSequence: number
  readonly lastSequence: number
  readonly firstOffset: number
  readonly lastOffset: number
}

interface ProducerState {
  epoch: number
  /** Broker's clock, ms, at the last batch. */
  lastUsed: number
  batches: KnownBatch[]
  /** First offset of the transaction it has open; -1 where it has none. */
  transactionStart: number
  /** Of the coordinator that ended its last transaction; -1 where none has. */
  coordinatorEpoch: number
}

/** A producer as DescribeProducers tells it. */
export interface KnownProducer {
  readonly producerId: number
  readonly producerEpoch: number
  readonly lastSequence: number
  readonly lastTimestamp: number
  readonly coordinatorEpoch: number
  readonly currentTxnStartOffset: number
}

export type Verdict =
  | { readonly kind: 'new' }
  | { readonly kind: 'duplicate'; readonly firstOffset: number; readonly lastOffset: number }
  | { readonly kind: 'out-of-order'; readonly expected: number }
  | { readonly kind: 'fenced'; readonly epoch: number }

/** As the checkpoint keeps it; the last two are absent in checkpoints of brokers without transactions. */
export type StoredProducer = readonly [
  id: number,
  epoch: number,
  lastUsed: number,
  batches: readonly (readonly [number, number, number, number])[],
  transactionStart?: number,
  coordinatorEpoch?: number,
]

const keptBatches = 5
const two31 = 2147483648

/** Sequences go from 2^31 - 1 on to 0. */
const after = (sequence: number, count: number): number => (sequence + count) % two31

export class ProducerStates {
  readonly #states = new Map<number, ProducerState>()
  /** How many of them have a transaction open. */
  #open = 0

  get size(): number {
    return this.#states.size
  }

  judge({ producerId, producerEpoch, baseSequence, recordCount }: BatchHeader): Verdict {
    const state = this.#states.get(producerId)
    if (state === undefined) return { kind: 'new' }
    if (producerEpoch < state.epoch) return { kind: 'fenced', epoch: state.epoch }
    if (producerEpoch > state.epoch)
      return baseSequence === 0 ? { kind: 'new' } : { kind: 'out-of-order', expected: 0 }
    const lastSequence = after(baseSequence, recordCount - 1)
    const known = state.batches.find(
      batch => batch.firstSequence === baseSequence && batch.lastSequence === lastSequence,
    )
    if (known !== undefined)
      return { kind: 'duplicate', firstOffset: known.firstOffset, lastOffset: known.lastOffset }
    const last = state.batches.at(-1)
    const expected = last === undefined ? baseSequence : after(last.lastSequence, 1)
    return baseSequence === expected ? { kind: 'new' } : { kind: 'out-of-order', expected }
  }

  /** Of the last batch of the producer; -1 where there is none. */
  lastOffset(producerId: number): number {
    return this.#states.get(producerId)?.batches.at(-1)?.lastOffset ?? -1
  }

  /** Where the open transaction of the producer begins; -1 where it has none. */
  transactionStart(producerId: number): number {
    return this.#states.get(producerId)?.transactionStart ?? -1
  }

  /** Where the earliest open transaction begins; Infinity where none is open. */
  get firstUnstable(): number {
    if (this.#open === 0) return Infinity
    let first = Infinity
    for (const { transactionStart } of this.#states.values())
      if (transactionStart >= 0 && transactionStart < first) first = transactionStart
    return first
  }

  list(): KnownProducer[] {
    return [...this.#states.keys()].map(id => this.get(id)!)
  }

  get(producerId: number): KnownProducer | undefined {
    const state = this.#states.get(producerId)
    if (state === undefined) return undefined
    return {
      producerId,
      producerEpoch: state.epoch,
      lastSequence: state.batches.at(-1)?.lastSequence ?? -1,
      lastTimestamp: state.lastUsed,
      coordinatorEpoch: state.coordinatorEpoch,
      currentTxnStartOffset: state.transactionStart,
    }
  }

  /** The marker is durable; gives where the transaction began, -1 where the partition has nothing of it. */
  endTransaction({ producerId, producerEpoch, coordinatorEpoch }: TransactionMarker, now: number): number {
    const state = this.#of(producerId, producerEpoch, now)
    const start = state.transactionStart
    this.#setStart(state, -1)
    state.coordinatorEpoch = coordinatorEpoch
    return start
  }

  #of(producerId: number, epoch: number, now: number): ProducerState {
    let state = this.#states.get(producerId)
    if (state === undefined) {
      state = { epoch, lastUsed: now, batches: [], transactionStart: -1, coordinatorEpoch: -1 }
      this.#states.set(producerId, state)
    } else if (state.epoch !== epoch) {
      // A transaction stays open over a change of the epoch: its marker may come with the next one.
      state.epoch = epoch
      state.batches = []
    }
    state.lastUsed = now
    return state
  }

  #setStart(state: ProducerState, offset: number): void {
    this.#open += Number(offset >= 0) - Number(state.transactionStart >= 0)
    state.transactionStart = offset
  }

  /** The batch of records is in the log, or about to be. */
  note(header: BatchHeader, now: number): void {
    const { producerId, producerEpoch, baseSequence, recordCount, baseOffset, lastOffset } = header
    if (producerId < 0) return
    const state = this.#of(producerId, producerEpoch, now)
    if ((header.attributes & batchFlags.transactional) !== 0 && state.transactionStart < 0)
      this.#setStart(state, baseOffset)
    // A start may see a batch again that its checkpoint knew of.
    if (baseSequence < 0 || (state.batches.at(-1)?.lastOffset ?? -1) >= lastOffset) return
    const lastSequence = after(baseSequence, recordCount - 1)
    state.batches.push({ firstSequence: baseSequence, lastSequence, firstOffset: baseOffset, lastOffset })
    if (state.batches.length > keptBatches) state.batches.shift()
  }

  /** Forgets producers that have written nothing since `before`. */
  expire(before: number): void {
    for (const [id, state] of this.#states)
      if (state.lastUsed < before && state.transactionStart < 0) this.#states.delete(id)
  }

  /** Forgets batches from offset `limit` on: they were never written. */
  takeBack(limit: number): void {
    const kept = this.store(limit)
    this.#states.clear()
    this.#open = 0
    this.restore(kept)
  }

  /** Without batches from offset `limit` on: those may not be durable, and must not be taken for written. */
  store(limit: number): StoredProducer[] {
    return [...this.#states].map(([id, { epoch, lastUsed, batches, transactionStart, coordinatorEpoch }]) => [
      id,
      epoch,
      lastUsed,
      batches
        .filter(one => one.lastOffset < limit)
        .map(one => [one.firstSequence, one.lastSequence, one.firstOffset, one.lastOffset] as const),
      transactionStart < limit ? transactionStart : -1,
      coordinatorEpoch,
    ])
  }

  restore(stored: readonly StoredProducer[]): void {
    for (const [id, epoch, lastUsed, batches, transactionStart = -1, coordinatorEpoch = -1] of stored) {
      const state: ProducerState = {
        epoch,
        lastUsed,
        batches: batches.map(([firstSequence, lastSequence, firstOffset, lastOffset]) => ({
          firstSequence,
          lastSequence,
          firstOffset,
          lastOffset,
        })),
        transactionStart: -1,
        coordinatorEpoch,
      }
      this.#states.set(id, state)
      this.#setStart(state, transactionStart)
    }
  }
}
