// What makes an event undeliverable, how each case is told, and what puts it right at the broker.
import { Event } from '../../src/event.ts'
import type { Kafka } from './peers/peers.ts'
import { withAdmin } from './peers/topics.ts'
import { waitFor } from './peers/waiting.ts'

export const partitions = 3
/** Kafka's number for a topic in AlterConfigs. */
const topicResource = 2
export const setConfig = (bootstrap: string, topic: string, configuration: Record<string, string>) =>
  withAdmin(bootstrap, admin =>
    admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          type: topicResource,
          name: topic,
          configEntries: Object.entries(configuration).map(([name, value]) => ({ name, value })),
        },
      ],
    }),
  )

/** Resolves when every partition has a leader; Kafka 4.1 denies a new topic for a moment. */
export async function createWith(
  bootstrap: string,
  topic: string,
  configuration: Record<string, string> = {},
  numPartitions = partitions,
): Promise<void> {
  const configEntries = Object.entries(configuration).map(([name, value]) => ({ name, value }))
  await withAdmin(bootstrap, async admin => {
    await admin.createTopics({
      waitForLeaders: false,
      topics: [{ topic, numPartitions, replicationFactor: 1, configEntries }],
    })
    const hasLeaders = async () => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
      const found = topics[0]?.partitions ?? []
      return found.length === numPartitions && found.every(({ leader }) => leader >= 0)
    }
    await waitFor(() => hasLeaders().catch(() => false), `leaders of ${topic}`)
  })
}

export interface Case {
  readonly name: string
  /** Headers and body that make an event poison. */
  readonly headers?: (topic: string) => Record<string, string | undefined>
  readonly body?: Buffer
  /** What the line must say. */
  readonly reason: RegExp
  /** What puts it right at the broker; absent where nothing there can. */
  readonly remedy?: ((bootstrap: string, topic: string) => Promise<unknown>) | undefined
  /** Where it does not go to the main topic. */
  readonly elsewhere?: boolean
}

export const onEvery: readonly Case[] = [
  {
    name: 'above max.request.size',
    body: Buffer.alloc(150_000, 'x'),
    reason: /150002 bytes.*max\.request\.size allows 100000\. Raise max\.request\.size here/,
  },
  {
    name: 'a name that no topic can have',
    headers: () => ({ topic: 'no topic' }),
    reason: /"no topic" is not a name that a topic can have.*Correct what sets it/,
  },
  {
    name: 'a partition that is no number',
    headers: () => ({ to: 'first' }),
    reason: /header "to" of an event for topic \S+ is no partition number: "first"/,
  },
  {
    name: 'above max.message.bytes',
    body: Buffer.alloc(50_000, 'x'),
    reason: /a record of 50002 bytes.*MESSAGE_TOO_LARGE.*Raise max\.message\.bytes of the topic/,
    remedy: (bootstrap, topic) => setConfig(bootstrap, topic, { 'max.message.bytes': '200000' }),
  },
  {
    name: 'a partition that does not exist',
    headers: () => ({ to: '4' }),
    reason: /partition 4 of topic \S+, which has the partitions 0 to 2\. Correct the partition, or add/,
    remedy: (bootstrap, topic) =>
      withAdmin(bootstrap, admin =>
        admin.createPartitions({ topicPartitions: [{ topic, count: 5 }], timeout: 5000 }),
      ),
  },
  {
    name: 'a topic that does not exist',
    headers: topic => ({ topic: `${topic}-missing` }),
    reason:
      /topic \S+-missing does not exist: the brokers have reported this for \d+ s \(max\.block\.ms\)\. Create it/,
    remedy: (bootstrap, topic) => createWith(bootstrap, `${topic}-missing`),
    elsewhere: true,
  },
]
export const on41: readonly Case[] = [
  {
    name: 'no key for a compacted topic',
    headers: topic => ({ topic: `${topic}-compacted`, key: undefined }),
    reason:
      /a record of 8 bytes for \S+-compacted-\d: INVALID_RECORD.*A compacted topic takes no record without/,
    remedy: (bootstrap, topic) => setConfig(bootstrap, `${topic}-compacted`, { 'cleanup.policy': 'delete' }),
    elsewhere: true,
  },
  {
    name: 'a time that the topic refuses',
    headers: topic => ({ topic: `${topic}-timed`, when: '4102444800000' }),
    reason: /a record of 10 bytes for \S+-timed-\d: INVALID_TIMESTAMP.*Correct what sets the time/,
    remedy: (bootstrap, topic) =>
      setConfig(bootstrap, `${topic}-timed`, { 'message.timestamp.after.max.ms': '9223372036854775807' }),
    elsewhere: true,
  },
]
/** No remedy can be had there by a request. */
export const on010: readonly Case[] = [
  {
    name: 'no key for a compacted topic',
    headers: topic => ({ topic: `${topic}-compacted`, key: undefined }),
    reason:
      /a record of 8 bytes for \S+-compacted-\d: CORRUPT_MESSAGE.*A compacted topic takes no record without/,
    elsewhere: true,
  },
]

export function poisonOf(one: Case, topic: string, number: number): Event {
  const headers = {
    mark: one.name,
    key: 'p0',
    partition: '0',
    offset: String(number),
    ...one.headers?.(topic),
  }
  const given = Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return Event.of(Object.fromEntries(given), one.body ?? Buffer.from('poisoned'))
}

export async function createTopicsOf(
  bootstrap: string,
  topic: string,
  version: Kafka['version'],
): Promise<void> {
  await createWith(bootstrap, topic, { 'max.message.bytes': '20000' })
  await createWith(bootstrap, `${topic}-compacted`, { 'cleanup.policy': 'compact' })
  if (version === '4.1.0')
    await createWith(bootstrap, `${topic}-timed`, { 'message.timestamp.after.max.ms': '3600000' })
}
