// Moving the replicas of topics to other brokers: a plan, the moves with a limit for their rate, how far they are, and
// giving them up. The limit is Kafka's own: rates of brokers, which count for the replicas that topics name. Whoever sets
// it has to take it away afterwards; the console does so when the moves that it began are over. After a restart of the
// console a limit that is left shows beside the moves, and can be taken away by hand.
import { messageOf } from '../errors.ts'
import { replicaBytes } from '../kafka-client/admin/brokers.ts'
import type { Outcomes } from '../kafka-client/admin/partitions.ts'
import type { TopicDescription } from '../kafka-client/admin/topics.ts'
import { byTopic, nameOf } from '../kafka-client/contract.ts'
import type { Admin } from '../kafka-client/kafka-client.ts'
import type { Clock, Timer } from '../system/clock.ts'
import type { MovesUnderWay, Placements, TopicMove } from './api.ts'
import { placementOf } from './placement.ts'
import { Refused } from './refused.ts'

const rates = ['leader.replication.throttled.rate', 'follower.replication.throttled.rate'] as const
const limited = ['leader.replication.throttled.replicas', 'follower.replication.throttled.replicas'] as const
/** How often it is looked whether moves with a limit are over. */
const lookMs = 5000
const brokerMs = 10_000
/** Of so many topics the settings, with what each means, are in one answer. */
const settingsAtOnce = 200

export interface Choice {
  /** Brokers to spread over; all where undefined. */
  readonly brokers?: readonly number[] | undefined
  /** Of each partition; as many as there are where undefined. */
  readonly replicas?: number | undefined
}

export class Reassignments {
  readonly #admin: Admin
  readonly #clock: Clock
  #timer: Timer | null = null
  #isClosed = false
  /** Topics and brokers that this console has limited. */
  readonly #limitedTopics = new Set<string>()
  readonly #limitedBrokers = new Set<number>()

  constructor(admin: Admin, clock: Clock) {
    this.#admin = admin
    this.#clock = clock
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
  }

  /** Throws Refused where the choice fits no topic; a topic that is not there or has too many replicas has a problem. */
  async plan(names: readonly string[], { brokers, replicas }: Choice): Promise<Placements['topics']> {
    const [described, description, directories] = await Promise.all([
      this.#admin.topics.describe(names),
      this.#admin.brokers.describe(),
      this.#admin.brokers.logDirectories(brokerMs),
    ])
    const known = description.brokers.map(({ id }) => id)
    const chosen = [...new Set(brokers ?? known)]
    const unknown = chosen.find(id => !known.includes(id))
    if (unknown !== undefined) throw new Refused(400, `there is no broker ${unknown}`, '', 'brokers')
    const topics = new Map(described.map(one => [one.name, one]))
    return names.map(topic => {
      const { partitions = [] } = topics.get(topic) ?? {}
      const count = replicas ?? Math.max(0, ...partitions.map(one => one.replicas.length))
      const problem =
        partitions.length === 0
          ? 'there is no such topic'
          : count < 1 || count > chosen.length
            ? `${count} replicas do not fit ${chosen.length} brokers`
            : null
      if (problem !== null) return { topic, partitions: [], problem }
      const after = placementOf(topic, partitions.length, count, chosen)
      return {
        topic,
        problem,
        partitions: partitions.map(({ index, replicas: before, leader }, at) => ({
          index,
          before: [...before],
          after: after[at]!,
          bytes: replicaBytes(directories.get(leader), nameOf({ topic, partition: index })) ?? null,
        })),
      }
    })
  }

  /**
   * Begins the moves; `bytesPerSecond` limits what each broker sends and receives for them, null: nothing does. Throws
   * Refused where a replica has been moved since the plan was made, and begins nothing then.
   */
  async begin(moves: readonly TopicMove[], bytesPerSecond: number | null): Promise<Outcomes> {
    const names = [...new Set(moves.map(({ topic }) => topic))]
    const topics = new Map((await this.#admin.topics.describe(names)).map(one => [one.name, one]))
    for (const { topic, index, before } of moves) {
      const known = topics.get(topic)?.partitions.find(one => one.index === index)
      if (known?.replicas.join() !== before.join())
        throw new Refused(
          409,
          `the replicas of ${topic}-${index} lie on ${known?.replicas.join(', ') ?? 'no broker'} by now`,
          'Look at the plan again.',
        )
    }
    if (bytesPerSecond !== null) await this.#limit(moves, topics, bytesPerSecond)
    try {
      return await this.#admin.partitions.reassign(
        moves.map(({ topic, index, after }) => ({ topic, partition: index, replicas: after })),
      )
    } finally {
      if (bytesPerSecond !== null) this.#lookLater(0)
    }
  }

  /** Gives up the moves of the topics that are under way. */
  async stop(topics: readonly string[]): Promise<Outcomes> {
    const moves = ((await this.#admin.partitions.moves()) ?? []).filter(one => topics.includes(one.topic))
    if (moves.length === 0) return new Map()
    return this.#admin.partitions.reassign(
      moves.map(({ topic, partition }) => ({ topic, partition, replicas: null })),
    )
  }

  async underWay(): Promise<Omit<MovesUnderWay, 'takenAt'>> {
    const moves = await this.#admin.partitions.moves()
    if (moves === null) return { moves, bytesPerSecond: null }
    const bytesPerSecond = await this.#rateInForce()
    if (moves.length === 0) return { moves: [], bytesPerSecond }
    const directories = await this.#admin.brokers.logDirectories(brokerMs)
    const sizeOn = (broker: number, name: string) => replicaBytes(directories.get(broker), name)
    return {
      bytesPerSecond,
      moves: moves.map(move => {
        const name = nameOf(move)
        const sizes = move.replicas.filter(id => !move.adding.includes(id)).map(id => sizeOn(id, name))
        const whole = sizes.some(size => size === undefined) ? null : Math.max(0, ...(sizes as number[]))
        const copied = move.adding.reduce((sum, id) => sum + (sizeOn(id, name) ?? 0), 0)
        return {
          topic: move.topic,
          partition: move.partition,
          replicas: [...move.replicas],
          adding: [...move.adding],
          removing: [...move.removing],
          copied: whole === null ? null : copied,
          bytes: whole === null ? null : whole * move.adding.length,
        }
      }),
    }
  }

  /** Takes the limit away from all brokers, and from the topics that have one; by name why that failed, null where it did not. */
  async liftAll(): Promise<Outcomes> {
    const { brokers } = await this.#admin.brokers.describe()
    const names = (await this.#admin.topics.describe()).map(({ name }) => name)
    for (let from = 0; from < names.length; from += settingsAtOnce) {
      // A topic that is deleted meanwhile, or may not be looked at, does not keep the limit on brokers.
      const settings = await this.#admin.topics
        .settings(names.slice(from, from + settingsAtOnce))
        .catch(() => null)
      for (const [topic, list] of settings ?? [])
        if (list.some(({ name, source }) => source === 'topic' && limited.some(one => one === name)))
          this.#limitedTopics.add(topic)
    }
    for (const { id } of brokers) this.#limitedBrokers.add(id)
    return this.#lift()
  }

  async #limit(
    moves: readonly TopicMove[],
    topics: ReadonlyMap<string, TopicDescription>,
    bytesPerSecond: number,
  ): Promise<void> {
    const copying = moves.filter(({ before, after }) => after.some(id => !before.includes(id)))
    const rate = new Map(rates.map(name => [name, String(bytesPerSecond)]))
    for (const id of new Set(copying.flatMap(({ before, after }) => [...before, ...after]))) {
      this.#limitedBrokers.add(id)
      await this.#admin.brokers.alterSettings(id, rate)
    }
    const given = copying.map(one => ({ ...one, partition: one.index }))
    for (const [topic, list] of byTopic(given)) {
      if (!topics.has(topic)) continue
      const pairs = (of: (move: TopicMove) => readonly number[]) =>
        list.flatMap(move => of(move).map(id => `${move.index}:${id}`)).join(',')
      this.#limitedTopics.add(topic)
      await this.#admin.topics.alterSettings(
        topic,
        new Map([
          [limited[0], pairs(({ before }) => before)],
          [limited[1], pairs(({ before, after }) => after.filter(id => !before.includes(id)))],
        ]),
      )
    }
  }

  /** Of any broker that has one. */
  async #rateInForce(): Promise<number | null> {
    const { brokers } = await this.#admin.brokers.describe()
    const found = await Promise.all(
      brokers.map(({ id }) => this.#admin.brokers.settings(id).catch(() => null)),
    )
    const values = found.flatMap(
      list =>
        list?.filter(({ name, source }) => source === 'broker' && rates.some(one => one === name)) ?? [],
    )
    const numbers = values.map(({ value }) => Number(value)).filter(value => value > 0)
    return numbers.length === 0 ? null : Math.min(...numbers)
  }

  async #lift(): Promise<Outcomes> {
    const outcomes: Outcomes = new Map()
    const take = async (what: string, work: Promise<void>) =>
      outcomes.set(
        what,
        await work.then(
          () => null,
          (error: unknown) => messageOf(error),
        ),
      )
    const without = (names: readonly string[]) => new Map(names.map(name => [name, null]))
    for (const topic of this.#limitedTopics) {
      const problem = await take(topic, this.#admin.topics.alterSettings(topic, without(limited)))
      if (problem.get(topic) === null || /UNKNOWN_TOPIC/.test(problem.get(topic) ?? ''))
        this.#limitedTopics.delete(topic)
    }
    for (const id of this.#limitedBrokers) {
      const name = `broker ${id}`
      const problem = await take(name, this.#admin.brokers.alterSettings(id, without(rates)))
      if (problem.get(name) === null) this.#limitedBrokers.delete(id)
    }
    return outcomes
  }

  /** A broker that is away keeps its limit until it is back. */
  #lookLater(afterMs = lookMs): void {
    this.#timer?.cancel()
    if (this.#isClosed) return
    const look = async () => {
      const moves = await this.#admin.partitions.moves()
      const isOver = !moves?.some(({ topic }) => this.#limitedTopics.has(topic))
      if (isOver) await this.#lift()
    }
    this.#timer = this.#clock.after(
      afterMs,
      () =>
        void look()
          .catch(() => {})
          .then(() =>
            this.#limitedTopics.size + this.#limitedBrokers.size > 0 ? this.#lookLater() : undefined,
          ),
      { background: true },
    )
  }
}
