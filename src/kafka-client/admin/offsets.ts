// Offsets: where partitions begin and end, and which record is the first of a time.
import { Fault } from '../../errors.ts'
import { nameOf, type TopicPartition } from '../contract.ts'
import { askLeader, askOffsets, earliest, latest } from '../consumer/offsets.ts'
import { askEach, type AdminParts } from './question.ts'
import type { TopicDescription } from './topics.ts'

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
    using _watched = cluster.watchFor(partitions.map(one => one.topic))
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

  /**
   * As `at`, of partitions that were described, and as far as their leaders answer at once, within `withinMs`: what is
   * not known is missing.
   */
  async known(
    topics: readonly TopicDescription[],
    wanted: readonly TopicPartition[],
    time: number,
    withinMs: number,
  ): Promise<Map<string, number>> {
    const { cluster } = this.#parts
    const leaders = new Map(
      topics.flatMap(({ name, partitions }) =>
        partitions.map(({ index, leader }) => [nameOf({ topic: name, partition: index }), leader]),
      ),
    )
    const byLeader = Map.groupBy(wanted, one => leaders.get(nameOf(one)) ?? -1)
    byLeader.delete(-1)
    const found = new Map<string, number>()
    if (byLeader.size === 0) return found
    await cluster.refresh()
    await askEach(this.#parts, [...byLeader.keys()], withinMs, async leader => {
      const connection = await cluster.connect(leader, 'data')
      const answers = await askLeader(connection, byLeader.get(leader)!, time, 0)
      for (const [name, offset] of answers.found) found.set(name, offset)
    })
    return found
  }

  /** First and next offset of every partition of the topic; empty where there is no such topic. */
  async of(topic: string): Promise<{ partition: number; first: number; next: number }[]> {
    const { cluster } = this.#parts
    using _watched = cluster.watchFor([topic])
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
