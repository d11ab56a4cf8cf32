// What waits to be written to one partition, in order. At most one batch of it is under way; a batch that
// failed comes first again. Whenever a part is lost, everything behind it is lost as well: what comes
// later must not be written before what the caller will send again.
import { Fault } from '../errors.ts'
import { recordBytes } from '../wire/kafka/record-batch.ts'
import type { ProducerIdentity } from '../wire/kafka/record.ts'
import type { ProducerRecord } from './contract.ts'
import { PartitionSequence } from './partition-sequence.ts'
import type { Chunk, Send } from './send.ts'

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
  /** The batch under way, which is not in #again meanwhile. */
  #current: Batch | null = null

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
    this.#current = this.#again.shift() ?? this.#gather()
    return this.#current
  }

  /** The batch under way is written. */
  complete(batch: Batch): void {
    this.#current = null
    this.failures = 0
    if (isStamped(batch)) this.sequence.advance(batch.recordCount)
    for (const chunk of batch.chunks) chunk.send.complete()
  }

  /** The batch under way comes first again, but for sends that were given up meanwhile. */
  putBack(batch: Batch): void {
    this.#current = null
    this.#again.unshift(batch)
    this.#dropGivenUp(batch)
  }

  /** The batch under way comes again in two halves. It must have more than one record. */
  split(batch: Batch): void {
    this.#current = null
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
    this.#dropGivenUp(batch)
  }

  /** The batch under way is lost, and so is everything behind it. */
  fail(batch: Batch, fault: Fault): void {
    this.#current = null
    this.failures = 0
    this.#noteChange(batch)
    for (const chunk of batch.chunks) lose(chunk, fault)
    this.#loseWaiting(heldBack(fault))
  }

  /** Everything is lost but what is under way. */
  failAll(fault: Fault): void {
    this.#loseWaiting(fault)
  }

  /**
   * Takes back what of the send is not under way, and everything behind it. A batch that may be written,
   * and that the broker would know again, counts as under way: sent by the caller once more it might be
   * there twice. But nobody who stops waits for it.
   */
  abandon(send: Send, fault: Fault): void {
    const inAgain = this.#again.findIndex(batch => batch.chunks.some(chunk => chunk.send === send))
    if (inAgain !== -1) {
      const batch = this.#again[inAgain]!
      const isKept = batch.isDoubtful && isStamped(batch) && fault.code !== 'STOPPED'
      if (isKept) {
        const behind = this.#again.splice(inAgain + 1).flatMap(one => one.chunks)
        for (const chunk of behind) lose(chunk, heldBack(fault))
        return this.#loseChunks(this.#from, fault, send)
      }
      this.#noteChange(batch)
      const at = batch.chunks.findIndex(chunk => chunk.send === send)
      const lost = [...batch.chunks.slice(at), ...this.#again.slice(inAgain + 1).flatMap(one => one.chunks)]
      this.#again.length = inAgain
      if (at > 0) this.#again.push(batchOf(batch.chunks.slice(0, at)))
      for (const chunk of lost) lose(chunk, chunk.send === send ? fault : heldBack(fault))
      this.#loseChunks(this.#from, fault, send)
      return
    }
    const at = this.#chunks.findIndex((chunk, index) => index >= this.#from && chunk.send === send)
    if (at !== -1) this.#loseChunks(at, fault, send)
    // Under way: what is behind it must not be written if it is not.
    else if (this.#current?.chunks.some(chunk => chunk.send === send) === true)
      this.#loseWaiting(heldBack(fault))
  }

  /** Gives up what has waited too long. `now` is monotonic ms. */
  expire(now: number, why: string): void {
    const first = this.#again[0]?.chunks[0] ?? this.#chunks[this.#from]
    if (first === undefined || first.send.deadline > now) return
    this.#loseWaiting(
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

  #loseWaiting(fault: Fault): void {
    for (const batch of this.#again.splice(0)) {
      this.#noteChange(batch)
      for (const chunk of batch.chunks) lose(chunk, fault)
    }
    this.#loseChunks(this.#from, fault)
  }

  #dropGivenUp(batch: Batch): void {
    for (const { send } of batch.chunks) if (send.givenUp !== null) return this.abandon(send, send.givenUp)
  }

  /** The batch will not be sent again as it is: where it may be written, its numbers cannot be used again. */
  #noteChange(batch: Batch): void {
    if (batch.isDoubtful && isStamped(batch)) this.sequence.leave(batch.recordCount)
  }

  /** With `of` the fault is that send's own, and others are held back behind it. */
  #loseChunks(at: number, fault: Fault, of: Send | null = null): void {
    for (const chunk of this.#chunks.splice(at))
      lose(chunk, of === null || chunk.send === of ? fault : heldBack(fault))
  }
}

/** Whether the broker knows the batch again that it has. */
export const isStamped = ({ encoded }: Batch): boolean => encoded !== null && encoded.identity !== null

/** What later sends are told when an earlier one has failed. */
export const heldBack = (fault: Fault): Fault =>
  new Fault(
    fault.code === 'STOPPED' ? 'STOPPED' : 'KAFKA',
    `held back, because an earlier send failed: ${fault.message}`,
    { cause: fault },
  )

/** The chunk's records are not written. */
export function lose(chunk: Chunk, fault: Fault): void {
  chunk.send.lose(chunk.records, fault)
  chunk.send.complete()
}

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
