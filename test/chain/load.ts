// The load of a chain: records with a number each, written without end.
import { setTimeout as delay } from 'node:timers/promises'
import { Kafka, logLevel } from 'kafkajs'
import { clientOf } from '../interop/peers/topics.ts'

export interface Load {
  /** Acknowledged so far, by partition. */
  readonly sent: ReadonlyMap<number, number>
  /** Writes no more; gives what was acknowledged, by partition. */
  stop(): Promise<ReadonlyMap<number, number>>
}

export interface LoadOptions {
  readonly topic: string
  readonly partitions?: number
  /** The first partition written to; 0 where absent. */
  readonly firstPartition?: number
  /** Records of one request. */
  readonly batch?: number
  /** Roughly; as fast as it goes where absent. */
  readonly perSecond?: number
  /** Length of a value. */
  readonly bytes?: number
  /**
   * Each partition by itself: one whose leader is away holds back none of the others, nor waits half a minute for an
   * answer.
   */
  readonly apart?: boolean
}

export const valueOf = (partition: number, number: number, bytes = 200): string =>
  `${partition}/${number} `.padEnd(bytes, '.')

/** Gives up soon: the load retries. */
const impatientOf = (bootstrap: string): Kafka =>
  new Kafka({
    brokers: bootstrap.split(','),
    requestTimeout: 3000,
    connectionTimeout: 1000,
    logLevel: logLevel.NOTHING,
    retry: { retries: 3, initialRetryTime: 100, maxRetryTime: 500 },
  })

/**
 * Writes numbered records without end, to each partition in turn, and retries what was refused: a
 * number may be written twice, none is left out and none is behind a later one's first appearance.
 */
export function startLoad(bootstrap: string, options: LoadOptions): Load {
  const { topic, partitions = 1, firstPartition = 0, batch = 100, perSecond = Infinity } = options
  const { bytes = 200, apart = false } = options
  const all = Array.from({ length: partitions }, (_, index) => firstPartition + index)
  const sent = new Map(all.map(partition => [partition, 0]))
  const over = new AbortController()
  const client = apart ? impatientOf(bootstrap) : clientOf(bootstrap)
  const producer = client.producer({ allowAutoTopicCreation: false })
  const write = async (partition: number): Promise<void> => {
    const first = sent.get(partition)!
    const messages = Array.from({ length: batch }, (_, index) => ({
      key: `p${partition}`,
      value: valueOf(partition, first + index, bytes),
      partition,
    }))
    while (!over.signal.aborted)
      try {
        await producer.send({ topic, acks: -1, messages })
        return void sent.set(partition, first + batch)
      } catch (error) {
        if (!/retr|broker|leader|connect|time|replica|request/i.test(String(error))) throw error
      }
  }
  const lanes = apart ? all.map(partition => [partition]) : [all]
  const writing = (async () => {
    await producer.connect()
    try {
      await Promise.all(
        lanes.map(async lane => {
          for (let turn = 0; !over.signal.aborted; turn++) {
            await write(lane[turn % lane.length]!)
            if (perSecond !== Infinity) await delay((batch * lanes.length * 1000) / perSecond)
          }
        }),
      )
    } finally {
      await producer.disconnect()
    }
  })()
  // Told by stop; a rejection before that must not end the test program.
  writing.catch(() => {})
  return {
    sent,
    async stop() {
      over.abort()
      await writing
      return sent
    },
  }
}
