// Offsets: where partitions begin and end, and which record is the first of a time.
import { Fault } from '../../errors.ts'
import { nameOf, type TopicPartition } from '../contract.ts'
import { askOffsets, earliest, latest } from '../consumer/offsets.ts'
import type { AdminParts } from './question.ts'

export class OffsetAdmin {
  readonly #parts: AdminParts

  constructor(parts: AdminParts) {
    this.#parts = parts
  }

  /**
   * The first offset at or after `time` (ms since 1970), or that of an end (-2 earliest, -1 latest), or what
   * newer brokers know beside (-3 of the latest time, -4 earliest on local disks, -5 latest in remote
   * storage); by partition name, -1 where there is none. With isolation level 1 a partition ends where the
   * first open transaction begins.
   */
  async at(
    partitions: readonly TopicPartition[],
    time: number,
    isolationLevel: 0 | 1 = 0,
  ): Promise<Map<string, number>> {
    const { cluster, system, patienceMs } = this.#parts
    if (partitions.length === 0) return new Map()
    cluster.watch(new Set(partitions.map(one => one.topic)))
    await cluster.refresh()
    const deadline = system.clock.monotonic() + patienceMs
    const found = new Map<string, number>()
    for (let failures = 1; ; failures++) {
      const missing = partitions.filter(one => !found.has(nameOf(one)))
      const answer = await askOffsets(cluster, missing, time, isolationLevel)
      for (const [name, offset] of answer.found) found.set(name, offset)
      const [first] = answer.refused
      if (first === undefined) return found
      const [name, { problem, isFinal }] = first
      if (isFinal || system.clock.monotonic() > deadline)
        throw new Fault(isFinal ? 'KAFKA' : 'PEER_TIMEOUT', `the offsets of ${name}: ${problem}`)
      await cluster.pause(failures)
      await cluster.refresh()
    }
  }

  /** First and next offset of every partition of the topic; empty where there is no such topic. */
  async of(topic: string): Promise<{ partition: number; first: number; next: number }[]> {
    const { cluster } = this.#parts
    cluster.watch([topic])
    await cluster.refresh()
    const partitions = (cluster.topic(topic)?.partitions ?? []).map(({ index }) => ({
      topic,
      partition: index,
    }))
    const [firsts, nexts] = await Promise.all([this.at(partitions, earliest), this.at(partitions, latest)])
    return partitions.map(one => ({
      partition: one.partition,
      first: firsts.get(nameOf(one))!,
      next: nexts.get(nameOf(one))!,
    }))
  }
}
