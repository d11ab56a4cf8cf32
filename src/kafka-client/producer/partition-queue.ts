// What waits to be written to one partition, in order. At most one batch of it is under way; a batch that
// failed comes first again. When a part is lost its session has ended, and what the session has behind it is
// taken back.
import { Fault } from '../../errors.ts'
import { recordBytes } from '../../wire/kafka/record-batch.ts'
import type { ProducerIdentity } from '../../wire/kafka/record.ts'
import type { ProducerRecord } from '../contract.ts'
import { PartitionSequence } from './partition-sequence.ts'
import { lose, withoutGivenUp, type Chunk } from './send.ts'

/** Chunks that are sent together, and the bytes they became. */
export interface Batch {
  readonly chunks: Chunk[]
  readonly recordCount: number
  readonly bytes: number
  /** Kept for the next try; made anew where the message format or the identity has changed. */
  encoded: {
    readonly magic: number
    readonly bytes: Buffer
    /** Under which the broker knows it again; null where it does not. */
    readonly identity: ProducerIdentity | null
  } | null
  /** A try of it may have been written, and no answer said so. */
  isDoubtful: boolean
}

export class PartitionQueue {
  readonly topic: string
  readonly partition: number
  /** Batches are gathered up to this size; less after a broker found one too large. */
  limitBytes = 950_000
  /** A batch is under way or rests after a failure. */
  isBusy = false
  failures = 0
  readonly sequence = new PartitionSequence()
  readonly #onWork: (queue: PartitionQueue) => void
  /** Batches to send before anything new: one that failed, or the halves of one that was too large. */
  #again: Batch[] = []
  #chunks: Chunk[] = []
  #from = 0

  constructor(topic: string, partition: number, onWork: (queue: PartitionQueue) => void) {
    this.topic = topic
    this.partition = partition
    this.#onWork = onWork
  }

  get name(): string {
    return `${this.topic}-${this.partition}`
  }

  get hasWork(): boolean {
    return this.#again.length > 0 || this.#from < this.#chunks.length
  }

  /** The record that is sent next. */
  get first(): ProducerRecord | null {
    return (this.#again[0]?.chunks[0] ?? this.#chunks[this.#from])?.records[0] ?? null
  }

  push(chunk: Chunk): void {
    this.#chunks.push(chunk)
    this.#onWork(this)
  }

  /** The next batch, which is under way from now on; null where nothing is left. */
  take(): Batch | null {
    return this.#again.shift() ?? this.#gather()
  }

  /** The batch under way is written. */
  complete(batch: Batch): void {
    this.failures = 0
    if (isStamped(batch)) this.sequence.advance(batch.recordCount)
    for (const chunk of batch.chunks) chunk.send.complete()
  }

  /** The batch under way comes first again, but for sends that were given up meanwhile. */
  putBack(batch: Batch): void {
    this.#again.unshift(batch)
    this.takeBack()
  }

  /** The batch under way comes again in two halves. It must have more than one record. */
  split(batch: Batch): void {
    const half = Math.ceil(batch.recordCount / 2)
    const first: Chunk[] = []
    const second: Chunk[] = []
    let count = 0
    for (const chunk of batch.chunks) {
      const room = half - count
      if (room >= chunk.records.length) first.push(chunk)
      else if (room <= 0) second.push(chunk)
      else {
        const [head, tail] = divide(chunk, room)
        first.push(head)
        second.push(tail)
      }
      count += chunk.records.length
    }
    this.#noteChange(batch)
    this.#again.unshift(batchOf(first), batchOf(second))
    this.takeBack()
  }

  /** The batch under way is lost. */
  fail(batch: Batch, fault: Fault): void {
    this.failures = 0
    this.#noteChange(batch)
    for (const chunk of batch.chunks) lose(chunk, fault)
  }

  /** Everything is lost but what is under way. */
  failAll(fault: Fault): void {
    for (const batch of this.#again.splice(0)) {
      this.#noteChange(batch)
      for (const chunk of batch.chunks) lose(chunk, fault)
    }
    for (const chunk of this.#chunks.splice(this.#from)) lose(chunk, fault)
  }

  /**
   * Takes back what is not under way of sends that were given up. A batch that may be written, and that the
   * broker would know again, counts as under way: sent by the caller once more it might be there twice. But
   * nobody who stops waits for it.
   */
  takeBack(): void {
    this.#again = this.#again.flatMap(batch => {
      const reasons = batch.chunks.map(({ send }) => send.givenUp).filter(fault => fault !== null)
      const isAwaited =
        batch.isDoubtful && isStamped(batch) && !reasons.some(({ code }) => code === 'STOPPED')
      if (reasons.length === 0 || isAwaited) return batch
      this.#noteChange(batch)
      const kept = withoutGivenUp(batch.chunks)
      return kept.length === 0 ? [] : batchOf(kept)
    })
    this.#chunks = withoutGivenUp(this.#chunks.slice(this.#from))
    this.#from = 0
  }

  /** Gives up what has waited too long. `now` is monotonic ms. */
  expire(now: number, why: string): void {
    const first = this.#again[0]?.chunks[0] ?? this.#chunks[this.#from]
    if (first === undefined || first.send.deadline > now) return
    this.failAll(
      new Fault(
        'PEER_TIMEOUT',
        `records for ${this.name} were not acknowledged within delivery.timeout.ms: ${why}`,
      ),
    )
  }

  #gather(): Batch | null {
    const chunks: Chunk[] = []
    let bytes = 0
    while (this.#from < this.#chunks.length) {
      const chunk = this.#chunks[this.#from]!
      if (bytes + chunk.bytes > this.limitBytes) {
        if (chunks.length > 0) break
        const fitting = countFitting(chunk.records, this.limitBytes)
        if (fitting < chunk.records.length) {
          const [head, tail] = divide(chunk, fitting)
          chunks.push(head)
          this.#chunks[this.#from] = tail
          break
        }
      }
      chunks.push(chunk)
      bytes += chunk.bytes
      this.#from++
    }
    if (this.#from > 256 || this.#from === this.#chunks.length) {
      this.#chunks = this.#chunks.slice(this.#from)
      this.#from = 0
    }
    return chunks.length === 0 ? null : batchOf(chunks)
  }

  /** The batch will not be sent again as it is: where it may be written, its numbers cannot be used again. */
  #noteChange(batch: Batch): void {
    if (batch.isDoubtful && isStamped(batch)) this.sequence.leave(batch.recordCount)
  }
}

/** Whether the broker knows the batch again that it has. */
export const isStamped = ({ encoded }: Batch): boolean => encoded !== null && encoded.identity !== null

function batchOf(chunks: Chunk[]): Batch {
  let recordCount = 0
  let bytes = 0
  for (const chunk of chunks) {
    recordCount += chunk.records.length
    bytes += chunk.bytes
  }
  return { chunks, recordCount, bytes, encoded: null, isDoubtful: false }
}

function divide(chunk: Chunk, count: number): [Chunk, Chunk] {
  chunk.send.begin()
  const head = chunk.records.slice(0, count)
  let bytes = 0
  for (const record of head) bytes += recordBytes(record as never)
  return [
    { send: chunk.send, records: head, bytes },
    { send: chunk.send, records: chunk.records.slice(count), bytes: chunk.bytes - bytes },
  ]
}

/** At least one. */
function countFitting(records: readonly ProducerRecord[], limitBytes: number): number {
  let bytes = 0
  for (let count = 0; count < records.length; count++) {
    bytes += recordBytes(records[count]! as never)
    if (bytes > limitBytes) return Math.max(1, count)
  }
  return records.length
}
