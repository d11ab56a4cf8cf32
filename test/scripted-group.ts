// A group of one member on a scripted broker: topic t, which the member reads alone. Keeps what is
// committed; each answer can be another one for a while.
import { metadataOf, ScriptedBroker } from './scripted-broker.ts'
import type { Clock } from '../src/system/clock.ts'
import { fetch } from '../src/wire/kafka/messages/fetch.ts'
import { findCoordinator } from '../src/wire/kafka/messages/find-coordinator.ts'
import { heartbeat } from '../src/wire/kafka/messages/heartbeat.ts'
import { joinGroup } from '../src/wire/kafka/messages/join-group.ts'
import { listOffsets } from '../src/wire/kafka/messages/list-offsets.ts'
import { metadata } from '../src/wire/kafka/messages/metadata.ts'
import { offsetCommit } from '../src/wire/kafka/messages/offset-commit.ts'
import { offsetFetch } from '../src/wire/kafka/messages/offset-fetch.ts'
import { syncGroup } from '../src/wire/kafka/messages/sync-group.ts'

export class ScriptedGroup implements AsyncDisposable {
  readonly broker = new ScriptedBroker()
  /** Positions by partition, as the group keeps them. */
  readonly positions = new Map<number, number>()
  /** What was committed with them. */
  readonly metadata = new Map<number, string>()
  /** Every commit that came, also those refused. */
  readonly commits: string[] = []
  /** Error codes of the next commits; 0 once they are used up. */
  readonly commitErrors: number[] = []
  /** Called at every commit. */
  onCommit = () => {}
  /** The topic's; '' as brokers before 2.8. To be set before the start, and changed afterwards. */
  topicId = ''
  joinError = 0
  heartbeatError = 0
  /** Of each partition. */
  end = 100
  /** What the next fetches answer, and how long the broker asks to be left alone. */
  readonly fetchAnswers: { errorCode?: number; throttleTimeMs?: number }[] = []
  fetchWaitMs = 500
  /** When each fetch came, monotonic ms. */
  readonly fetchTimes: number[] = []
  #clock: Clock
  #partitions: number

  constructor(clock: Clock, partitions = 1) {
    this.#clock = clock
    this.#partitions = partitions
  }

  async start(): Promise<this> {
    const { broker } = this
    await broker.start()
    const leaders = Array.from({ length: this.#partitions }, () => 0)
    const ofT = <T>(partitions: T[]) => ({ topics: [{ name: 't', partitions }] })
    broker
      .on(
        metadata,
        asked => {
          const id = this.topicId === '' ? {} : { id: this.topicId }
          return metadataOf([broker.address], { t: { leaders, ...id } })(asked)
        },
        [0, this.topicId === '' ? 1 : 12],
      )
      .on(findCoordinator, () => ({ errorCode: 0, nodeId: 0, ...broker.address }), [0, 0])
      .on(
        joinGroup,
        ({ protocols }) => ({
          errorCode: this.joinError,
          generationId: 1,
          protocolName: protocols[0]!.name,
          leader: 'm',
          memberId: 'm',
          members: [{ memberId: 'm', metadata: protocols[0]!.metadata }],
        }),
        [0, 5],
      )
      .on(syncGroup, ({ assignments }) => ({ errorCode: 0, assignment: assignments[0]!.assignment }), [0, 3])
      .on(heartbeat, () => ({ errorCode: this.heartbeatError }), [0, 3])
      .on(
        offsetFetch,
        ({ topics }) =>
          ofT(
            topics![0]!.partitionIndexes.map(partitionIndex => ({
              partitionIndex,
              committedOffset: this.positions.get(partitionIndex) ?? -1,
              metadata: this.metadata.get(partitionIndex) ?? null,
              errorCode: 0,
            })),
          ),
        [0, 2],
      )
      .on(offsetCommit, ({ topics }) => ofT(this.#commit(topics[0]!.partitions)), [0, 7])
      .on(
        listOffsets,
        ({ topics }) =>
          ofT(
            topics[0]!.partitions.map(({ partitionIndex, timestamp }) => ({
              partitionIndex,
              errorCode: 0,
              timestamp: -1,
              offset: timestamp === -2 ? 0 : this.end,
            })),
          ),
        [1, 1],
      )
      .on(
        fetch,
        async ({ topics }) => {
          this.fetchTimes.push(this.#clock.monotonic())
          const { errorCode = 0, throttleTimeMs = 0 } = this.fetchAnswers.shift() ?? {}
          await this.#clock.sleep(this.fetchWaitMs)
          const partitions = topics[0]!.partitions.map(({ partition: partitionIndex }) => ({
            partitionIndex,
            errorCode,
            highWatermark: this.end,
            records: null,
          }))
          return { throttleTimeMs, responses: [{ topic: 't', partitions }] }
        },
        [1, 3],
      )
    return this
  }

  #commit(
    list: readonly { partitionIndex: number; committedOffset: number; committedMetadata: string | null }[],
  ) {
    const errorCode = this.commitErrors.shift() ?? 0
    this.onCommit()
    this.commits.push(list.map(one => `${one.partitionIndex}@${one.committedOffset}`).join(' '))
    for (const { partitionIndex, committedOffset, committedMetadata } of list)
      if (errorCode === 0) {
        this.positions.set(partitionIndex, committedOffset)
        this.metadata.set(partitionIndex, committedMetadata ?? '')
      }
    return list.map(({ partitionIndex }) => ({ partitionIndex, errorCode }))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.broker.stop()
  }
}
