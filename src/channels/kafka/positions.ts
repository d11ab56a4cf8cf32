// Positions of the events that a Kafka channel has handed out: a partition's position advances over those that are gone,
// in their order, and is committed to the group behind the deliveries. What is given away or lost counts no more.
import { messageOf } from '../../errors.ts'
import { nameOf, type Consumer, type Position, type TopicPartition } from '../../kafka-client/kafka-client.ts'
import type { Logger } from '../../observe/log.ts'
import type { Clock } from '../../system/clock.ts'

const commitBackoffMs = 1000

interface Held {
  readonly number: number
  /** Of the record that follows it. */
  readonly next: number
}

interface Partition extends TopicPartition {
  /** In the order of the topic; skipped records are gone at once. */
  readonly held: Held[]
  readonly gone: Set<number>
}

export class Positions {
  readonly #clock: Clock
  readonly #log: Logger
  readonly #onCommit: (ms: number) => void
  readonly #partitions = new Map<string, Partition>()
  readonly #partitionOf = new Map<number, Partition>()
  #uncommitted = new Map<string, Position>()
  #committing: Promise<void> | null = null
  #consumer: Consumer | null = null
  #isClosing = false
  #settled: () => void = () => {}

  constructor(parts: { clock: Clock; log: Logger; onCommit: (ms: number) => void }) {
    this.#clock = parts.clock
    this.#log = parts.log
    this.#onCommit = parts.onCommit
  }

  commitWith(consumer: Consumer): void {
    this.#consumer = consumer
  }

  /** An event was read: its number in the channel, and where it stood. */
  add(number: number, { topic, partition, offset }: Position): void {
    const name = nameOf({ topic, partition })
    let found = this.#partitions.get(name)
    if (found === undefined)
      this.#partitions.set(name, (found = { topic, partition, held: [], gone: new Set() }))
    found.held.push({ number, next: offset + 1 })
    this.#partitionOf.set(number, found)
  }

  /** Whether the event is another member's by now. */
  isForgotten(number: number): boolean {
    return !this.#partitionOf.has(number)
  }

  /** These events are delivered. */
  remove(numbers: Iterable<number>): void {
    const changed = new Set<Partition>()
    for (const number of numbers) {
      const partition = this.#partitionOf.get(number)
      if (partition === undefined) continue
      this.#partitionOf.delete(number)
      partition.gone.add(number)
      changed.add(partition)
    }
    for (const partition of changed) this.#advance(partition)
    if (this.#uncommitted.size > 0) this.#committing ??= this.#commit()
    this.#settled()
  }

  #advance(partition: Partition): void {
    const { topic, held, gone } = partition
    let count = 0
    while (count < held.length && gone.delete(held[count]!.number)) count++
    if (count === 0) return
    const { next } = held[count - 1]!
    held.splice(0, count)
    this.#uncommitted.set(nameOf(partition), { topic, partition: partition.partition, offset: next })
  }

  /** Waits, as long as the signal lets it, for what takers have of these partitions; then for the commit. */
  async giveUp(
    partitions: readonly TopicPartition[],
    isTaken: (number: number) => boolean,
    signal: AbortSignal,
  ): Promise<void> {
    const names = partitions.map(nameOf)
    const hasTaken = () =>
      names.some(name => this.#partitions.get(name)?.held.some(({ number }) => isTaken(number)))
    signal.addEventListener('abort', () => this.#settled(), { once: true })
    while (!signal.aborted && hasTaken()) await new Promise<void>(resolve => (this.#settled = resolve))
    await this.flush(signal)
    this.forget(partitions)
  }

  /** They are somebody else's: nothing of them is committed any more. */
  forget(partitions: readonly TopicPartition[]): void {
    for (const name of partitions.map(nameOf)) {
      for (const { number } of this.#partitions.get(name)?.held ?? []) this.#partitionOf.delete(number)
      this.#partitions.delete(name)
      this.#uncommitted.delete(name)
    }
  }

  /** Until all is committed, or the signal is aborted. */
  async flush(signal: AbortSignal): Promise<void> {
    const over = new Promise<void>(resolve => {
      if (signal.aborted) resolve()
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
    while (this.#committing !== null && !signal.aborted) await Promise.race([this.#committing, over])
  }

  close(): void {
    this.#isClosing = true
  }

  /** One commit at a time; what is delivered meanwhile goes with the next. Never rejects. */
  async #commit(): Promise<void> {
    await new Promise<void>(resolve => this.#clock.soon(resolve))
    while (this.#uncommitted.size > 0) {
      const positions = this.#uncommitted
      this.#uncommitted = new Map()
      const begin = this.#clock.monotonic()
      try {
        await this.#consumer!.commit([...positions.values()])
        this.#onCommit(this.#clock.monotonic() - begin)
      } catch (error) {
        // The consumer reports it where it lasts.
        this.#log.debug(
          `positions were not committed (${messageOf(error)}); they are committed with the next`,
        )
        if (this.#isClosing) break
        for (const [name, position] of positions)
          if (!this.#uncommitted.has(name) && this.#partitions.has(name))
            this.#uncommitted.set(name, position)
        await this.#clock.sleep(commitBackoffMs)
      }
    }
    this.#committing = null
  }
}
