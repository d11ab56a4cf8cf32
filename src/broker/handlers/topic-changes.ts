// CreateTopics, DeleteTopics and CreatePartitions. Each topic of a request succeeds or fails by itself.
import { messageOf } from '../../errors.ts'
import { errorCodes } from '../../wire/kafka/error-codes.ts'
import type { RequestOf, ResponseInputOf } from '../../wire/kafka/api.ts'
import type { createPartitions } from '../../wire/kafka/messages/create-partitions.ts'
import type { createTopics } from '../../wire/kafka/messages/create-topics.ts'
import { offsetsTopicName } from '../../wire/kafka/messages/offsets-topic.ts'
import type { deleteTopics } from '../../wire/kafka/messages/delete-topics.ts'
import type { Call, Handler } from '../api-row.ts'
import { describeTopicSettings } from './describe-configs.ts'
import { newUuid } from '../broker-state.ts'
import { isTopicName, topicNameRule } from '../../wire/kafka/topic-name.ts'
import { problemOfSettings } from '../topic-settings.ts'
import type { ErrorName } from '../error-name.ts'

interface Refusal {
  readonly errorCode: number
  readonly errorMessage: string
}

const refusal = (name: ErrorName, errorMessage: string): Refusal => ({
  errorCode: errorCodes[name],
  errorMessage,
})

/** Most partitions of a topic: each has a directory, and files that are open while they are used. */
const maxPartitions = 10_000

/** How often each stands there. */
function timesOf(keys: readonly string[]): Map<string, number> {
  const times = new Map<string, number>()
  for (const key of keys) times.set(key, (times.get(key) ?? 0) + 1)
  return times
}

type NewTopic = RequestOf<typeof createTopics>['topics'][number]

function refuseNew(topic: NewTopic, isTwice: boolean, { broker }: Call): Refusal | null {
  const { name, numPartitions, replicationFactor, assignments, configs } = topic
  if (isTwice) return refusal('INVALID_REQUEST', `topic ${name} stands twice in the request`)
  if (!isTopicName(name)) return refusal('INVALID_TOPIC_EXCEPTION', `"${name}": ${topicNameRule}`)
  if (broker.topics.topics.has(name))
    return refusal('TOPIC_ALREADY_EXISTS', `Topic '${name}' already exists.`)
  const other = broker.topics.topics.collidingWith(name)
  if (other !== undefined)
    return refusal(
      'INVALID_TOPIC_EXCEPTION',
      `topic ${name} collides with ${other}: . and _ are the same in the names of metrics`,
    )
  if (assignments.length > 0) {
    if (numPartitions !== -1 || replicationFactor !== -1)
      return refusal('INVALID_REQUEST', 'give assignments, or a number of partitions and replicas, not both')
    if (assignments.length > maxPartitions)
      return refusal('INVALID_PARTITIONS', `the number of partitions must be 1 to ${maxPartitions}`)
    const here = assignments.every(
      ({ partitionIndex, brokerIds }) =>
        partitionIndex >= 0 &&
        partitionIndex < assignments.length &&
        brokerIds.length === 1 &&
        brokerIds[0] === broker.settings.nodeId,
    )
    if (!here || new Set(assignments.map(one => one.partitionIndex)).size < assignments.length)
      return refusal(
        'INVALID_REPLICA_ASSIGNMENT',
        `every partition can only be on broker ${broker.settings.nodeId}`,
      )
  } else {
    // -1 is the broker's default; the protocol has it from version 4 on, Kafka takes it in all.
    if ((numPartitions < 1 && numPartitions !== -1) || numPartitions > maxPartitions)
      return refusal('INVALID_PARTITIONS', `the number of partitions must be 1 to ${maxPartitions}`)
    if (replicationFactor !== 1 && replicationFactor !== -1)
      return refusal(
        'INVALID_REPLICATION_FACTOR',
        `there is one broker, so the replication factor must be 1, not ${replicationFactor}`,
      )
  }
  const problem = problemOfSettings(configs)
  return problem === null ? null : refusal('INVALID_CONFIG', problem)
}

/** Settings of more topics than that are not in one answer: whoever wants them asks for them. */
const mostDescribed = 1000

export const answerCreateTopics: Handler<typeof createTopics> = async ({ topics, validateOnly }, call) => {
  const { broker } = call
  const answers: ResponseInputOf<typeof createTopics>['topics'][number][] = []
  const times = timesOf(topics.map(({ name }) => name))
  const told = new Set<string>()
  for (const topic of topics) {
    if (broker.pace.isOver) await broker.pace.turn()
    const { name, numPartitions, assignments, configs } = topic
    const refused = refuseNew(topic, times.get(name)! > 1, call)
    if (refused !== null) {
      if (!told.has(name)) answers.push({ name, ...refused, configs: [] })
      told.add(name)
      continue
    }
    const settings = Object.fromEntries(configs.map(({ name, value }) => [name, value!]))
    const count =
      assignments.length > 0
        ? assignments.length
        : numPartitions === -1
          ? broker.settings.numPartitions
          : numPartitions
    const isDescribed = answers.length < mostDescribed
    const good = {
      name,
      errorCode: 0,
      errorMessage: null,
      numPartitions: count,
      replicationFactor: 1,
      configs: isDescribed ? describeTopicSettings(settings, broker) : null,
      ...(isDescribed ? {} : { topicConfigErrorCode: errorCodes.POLICY_VIOLATION }),
    }
    try {
      const made = validateOnly ? null : await broker.topics.create(name, count, settings)
      answers.push({ ...good, topicId: made?.id ?? newUuid(broker.system.random) })
    } catch (error) {
      answers.push({ name, ...refusal('KAFKA_STORAGE_ERROR', messageOf(error)), configs: [] })
    }
  }
  return { topics: answers }
}

export const answerDeleteTopics: Handler<typeof deleteTopics> = async (
  { topics, topicNames },
  { broker, version },
) => {
  const asked = version >= 6 ? topics : topicNames.map(name => ({ name, topicId: '' }))
  const responses: ResponseInputOf<typeof deleteTopics>['responses'][number][] = []
  const seen = new Set<string>()
  const times = timesOf(asked.map(one => one.name ?? one.topicId))
  for (const { name, topicId } of asked) {
    if (broker.pace.isOver) await broker.pace.turn()
    const key = name ?? topicId
    const isTwice = times.get(key)! > 1
    if (isTwice && seen.has(key)) continue
    seen.add(key)
    const topic = name === null ? broker.topics.topics.ofId(topicId) : broker.topics.topics.get(name)
    const answer = (error: Refusal | null) =>
      responses.push({
        name: topic?.name ?? name,
        topicId: topic?.id ?? (name === null ? topicId : undefined),
        errorCode: error?.errorCode ?? 0,
        errorMessage: error?.errorMessage ?? null,
      })
    if (isTwice) answer(refusal('INVALID_REQUEST', `${key} stands twice in the request`))
    else if (!broker.settings.deleteTopicEnable)
      answer(
        refusal(version >= 3 ? 'TOPIC_DELETION_DISABLED' : 'INVALID_REQUEST', 'delete.topic.enable is false'),
      )
    else if (topic === undefined)
      answer(
        refusal(name === null ? 'UNKNOWN_TOPIC_ID' : 'UNKNOWN_TOPIC_OR_PARTITION', 'there is no such topic'),
      )
    else if (topic.name === offsetsTopicName)
      answer(refusal('INVALID_REQUEST', 'the topic is for positions of groups, which need it'))
    else
      try {
        await broker.topics.delete(topic.name)
        await broker.groups.forgetTopic(topic.name)
        answer(null)
      } catch (error) {
        answer(refusal('KAFKA_STORAGE_ERROR', messageOf(error)))
      }
  }
  return { responses }
}

export const answerCreatePartitions: Handler<typeof createPartitions> = async (
  { topics, validateOnly },
  { broker },
) => {
  const results: ResponseInputOf<typeof createPartitions>['results'][number][] = []
  const seen = new Set<string>()
  const times = timesOf(topics.map(({ name }) => name))
  for (const { name, count, assignments } of topics) {
    if (broker.pace.isOver) await broker.pace.turn()
    if (seen.has(name)) continue
    seen.add(name)
    const topic = broker.topics.topics.get(name)
    const there = topic?.partitions.length ?? 0
    const isHere = ({ brokerIds }: { brokerIds: number[] }) =>
      brokerIds.length === 1 && brokerIds[0] === broker.settings.nodeId
    let refused: Refusal | null = null
    if (times.get(name)! > 1)
      refused = refusal('INVALID_REQUEST', `topic ${name} stands twice in the request`)
    else if (topic === undefined) refused = refusal('UNKNOWN_TOPIC_OR_PARTITION', 'there is no such topic')
    else if (count <= there || count > maxPartitions)
      refused = refusal(
        'INVALID_PARTITIONS',
        `topic ${name} has ${there} partitions; ${count} is not more, or more than ${maxPartitions}`,
      )
    else if (assignments !== null && (assignments.length !== count - there || !assignments.every(isHere)))
      refused = refusal(
        'INVALID_REPLICA_ASSIGNMENT',
        `every new partition can only be on broker ${broker.settings.nodeId}`,
      )
    else if (!validateOnly)
      await broker.topics.grow(name, count).catch((error: unknown) => {
        refused = refusal('KAFKA_STORAGE_ERROR', messageOf(error))
      })
    results.push({ name, errorCode: refused?.errorCode ?? 0, errorMessage: refused?.errorMessage ?? null })
  }
  return { throttleTimeMs: 0, results }
}
