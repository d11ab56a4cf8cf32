// The numbers of an idempotent producer in one partition: the broker takes the batch whose first record has
// the number after the last one's, knows a batch again that it has, and refuses what would leave a hole
// (KIP-98). Each partition has an epoch of its own: brokers keep id, epoch and numbers by partition, and
// one that has to begin again does not touch the others.
import type { ProducerIdentity } from '../../wire/kafka/record.ts'

const firstBeyond = 2 ** 31

export class PartitionSequence {
  producerId = -1
  epoch = -1
  /** Number of the next record. */
  next = 0
  /** Records given up that may be written, or not: no number can follow them. */
  #left = 0
  #isBroken = false

  /** A new epoch is needed before anything is sent. */
  get isBroken(): boolean {
    return this.#isBroken
  }

  /** Records may be in the partition of which the producer was never told, since the last start. */
  get left(): number {
    return this.#left
  }

  start(producerId: number, epoch: number): void {
    this.producerId = producerId
    this.epoch = epoch
    this.next = 0
    this.#left = 0
    this.#isBroken = false
  }

  /** After 2^31 - 1 comes 0. */
  advance(records: number): void {
    this.next = (this.next + records) % firstBeyond
  }

  /** So many records are not sent again under their numbers, although they may be written. */
  leave(records: number): void {
    this.#left += records
    this.#isBroken = true
  }

  /** The broker does not take the next number. */
  breakOff(): void {
    this.#isBroken = true
  }

  get identity(): ProducerIdentity {
    return { producerId: this.producerId, producerEpoch: this.epoch, baseSequence: this.next }
  }
}
