// What a partition knows of idempotent producers: of each the epoch and its last five batches. A batch
// that was written already is answered with its first offset; one that leaves a gap is refused.
// Source: KIP-98; five is the most requests an idempotent producer may have in flight.
import type { BatchHeader } from './batch-header.ts'

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
}

export type Verdict =
  | { readonly kind: 'new' }
  | { readonly kind: 'duplicate'; readonly firstOffset: number; readonly lastOffset: number }
  | { readonly kind: 'out-of-order'; readonly expected: number }
  | { readonly kind: 'fenced'; readonly epoch: number }

/** As the checkpoint keeps it: id, epoch, last used, batches. */
export type StoredProducer = readonly [
  id: number,
  epoch: number,
  lastUsed: number,
  batches: readonly (readonly [number, number, number, number])[],
]

const keptBatches = 5
const two31 = 2147483648

/** Sequences go from 2^31 - 1 on to 0. */
const after = (sequence: number, count: number): number => (sequence + count) % two31

export class ProducerStates {
  readonly #states = new Map<number, ProducerState>()

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

  /** The batch is in the log, or about to be. */
  note(header: BatchHeader, now: number): void {
    const { producerId, producerEpoch, baseSequence, recordCount, baseOffset, lastOffset } = header
    if (producerId < 0) return
    let state = this.#states.get(producerId)
    if (state === undefined || state.epoch !== producerEpoch) {
      state = { epoch: producerEpoch, lastUsed: now, batches: [] }
      this.#states.set(producerId, state)
    }
    state.lastUsed = now
    // A start may see a batch again that its checkpoint knew of.
    if (baseSequence < 0 || (state.batches.at(-1)?.lastOffset ?? -1) >= lastOffset) return
    const lastSequence = after(baseSequence, recordCount - 1)
    state.batches.push({ firstSequence: baseSequence, lastSequence, firstOffset: baseOffset, lastOffset })
    if (state.batches.length > keptBatches) state.batches.shift()
  }

  /** Forgets producers that have written nothing since `before`. */
  expire(before: number): void {
    for (const [id, state] of this.#states) if (state.lastUsed < before) this.#states.delete(id)
  }

  /** Forgets batches from offset `limit` on: they were never written. */
  takeBack(limit: number): void {
    const kept = this.store(limit)
    this.#states.clear()
    this.restore(kept)
  }

  /** Without batches from offset `limit` on: those may not be durable, and must not be taken for written. */
  store(limit: number): StoredProducer[] {
    return [...this.#states].map(([id, { epoch, lastUsed, batches }]) => [
      id,
      epoch,
      lastUsed,
      batches
        .filter(one => one.lastOffset < limit)
        .map(one => [one.firstSequence, one.lastSequence, one.firstOffset, one.lastOffset] as const),
    ])
  }

  restore(stored: readonly StoredProducer[]): void {
    for (const [id, epoch, lastUsed, batches] of stored)
      this.#states.set(id, {
        epoch,
        lastUsed,
        batches: batches.map(([firstSequence, lastSequence, firstOffset, lastOffset]) => ({
          firstSequence,
          lastSequence,
          firstOffset,
          lastOffset,
        })),
      })
  }
}
