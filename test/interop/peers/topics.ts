// Topics as an outsider writes and reads them: through kafkajs, which speaks to every broker used here.
import { Kafka, logLevel, type Admin, type IHeaders } from 'kafkajs'
import { waitFor } from './waiting.ts'

export interface Sent {
  readonly key: string | null
  readonly value: string | Buffer | null
  readonly partition?: number
  readonly headers?: IHeaders
}

export interface Received {
  readonly partition: number
  readonly offset: number
  readonly key: string | null
  readonly value: string | null
  readonly headers: Record<string, string>
}

export const clientOf = (bootstrap: string) =>
  new Kafka({
    brokers: bootstrap.split(','),
    clientId: 'test',
    logLevel: logLevel.NOTHING,
    retry: { retries: 10, initialRetryTime: 100 },
  })

/** Runs `work` with an admin client that knows the controller; a cluster that just started may not tell of it yet. */
export async function withAdmin<T>(bootstrap: string, work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = clientOf(bootstrap).admin()
  await admin.connect()
  try {
    const isKnown = async () => {
      const { brokers, controller } = await admin.describeCluster()
      return brokers.some(({ nodeId }) => nodeId === controller)
    }
    await waitFor(() => isKnown().catch(() => false), `${bootstrap} has a controller`)
    return await work(admin)
  } finally {
    await admin.disconnect()
  }
}

/**
 * Resolves when so many brokers are listed. Kafka 0.10.2.1 takes requests before it lists itself, and until then refuses to
 * create a topic, or creates one of its own when it is asked about one.
 */
export async function untilListed(bootstrap: string, count = 1): Promise<void> {
  await withAdmin(bootstrap, admin =>
    waitFor(
      async () => (await admin.describeCluster()).brokers.length >= count,
      `${bootstrap} lists ${count === 1 ? 'a broker' : `${count} brokers`}`,
    ),
  )
}

/** Resolves when every partition has a leader that the broker tells of; a new topic may take it a moment. */
export async function createTopic(bootstrap: string, topic: string, partitions = 1): Promise<void> {
  await withAdmin(bootstrap, async admin => {
    await admin.createTopics({
      waitForLeaders: false,
      topics: [{ topic, numPartitions: partitions, replicationFactor: 1 }],
    })
    const isLed = async () => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
      if (topics[0]!.partitions.length !== partitions) return false
      // The leaders know it themselves: kafkajs sends again what some of them took when others did not.
      return (await admin.fetchTopicOffsets(topic)).length === partitions
    }
    await waitFor(() => isLed().catch(() => false), `${topic} has its leaders`)
  })
}

/** Sends all, in order; resolves when all are acknowledged. */
export async function produceAll(
  bootstrap: string,
  topic: string,
  messages: readonly Sent[],
  batch = 500,
): Promise<void> {
  const producer = clientOf(bootstrap).producer({ allowAutoTopicCreation: false })
  await producer.connect()
  try {
    for (let at = 0; at < messages.length; at += batch) {
      const part = messages.slice(at, at + batch).map(message => ({ ...message }))
      await producer.send({ topic, acks: -1, messages: part })
    }
  } finally {
    await producer.disconnect()
  }
}

/** How many records the topic holds, over all partitions. */
export async function countOf(bootstrap: string, topic: string): Promise<number> {
  return withAdmin(bootstrap, async admin =>
    (await admin.fetchTopicOffsets(topic)).reduce(
      (sum, { high, low }) => sum + Number(high) - Number(low),
      0,
    ),
  )
}

/**
 * Reads the topic from its beginning until `count` records are there, or until `limitMs` have passed; gives
 * what there was. `extra` also waits that long for records beyond `count`, which there should not be.
 */
export async function consumeAll(
  bootstrap: string,
  topic: string,
  count: number,
  { limitMs = 60_000, extraMs = 0 } = {},
): Promise<Received[]> {
  const consumer = clientOf(bootstrap).consumer({
    groupId: `test-${Math.random().toString(36).slice(2)}`,
    maxWaitTimeInMs: 200,
  })
  const found: Received[] = []
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await new Promise<void>((resolve, reject) => {
    let timer = setTimeout(resolve, limitMs)
    let complete = false
    consumer
      .run({
        autoCommit: false,
        eachMessage: async ({ partition, message }) => {
          const headers = Object.entries(message.headers ?? {}).map(([key, value]) => [key, String(value)])
          found.push({
            partition,
            offset: Number(message.offset),
            key: message.key?.toString() ?? null,
            value: message.value?.toString() ?? null,
            headers: Object.fromEntries(headers) as Record<string, string>,
          })
          if (found.length < count || complete) return
          complete = true
          clearTimeout(timer)
          timer = setTimeout(resolve, extraMs)
        },
      })
      .catch(reject)
  })
  await consumer.disconnect()
  return found
}

/** Positions that the group has committed, by partition. The broker may still be loading the group. */
export async function positionsOf(
  bootstrap: string,
  groupId: string,
  topic: string,
): Promise<Map<number, number>> {
  const positions = new Map<number, number>()
  const ask = async () => {
    const found = await withAdmin(bootstrap, admin => admin.fetchOffsets({ groupId, topics: [topic] }))
    for (const { partition, offset } of found.flatMap(({ partitions }) => partitions))
      if (Number(offset) >= 0) positions.set(partition, Number(offset))
    return true
  }
  await waitFor(() => ask().catch(() => false), `the positions of group ${groupId}`)
  return positions
}
