// DescribeConfigs: the settings of topics, and of the broker, with where each comes from.
import { errorCodes } from '../../wire/kafka/error-codes.ts'
import type { RequestOf, ResponseInputOf } from '../../wire/kafka/api.ts'
import type { describeConfigs } from '../../wire/kafka/messages/describe-configs.ts'
import type { Call } from '../api-row.ts'
import type { BrokerSettings } from '../broker-settings.ts'
import { topicSettings, type TopicSettings } from '../topic-settings.ts'
import type { ErrorName } from '../error-name.ts'

type Result = ResponseInputOf<typeof describeConfigs>['results'][number]
type Config = Result['configs'][number]

const sources = { topic: 1, staticBroker: 4, default: 5 } as const
const kinds = { topic: 2, broker: 4 } as const
const types = { boolean: 1, string: 2, int: 3, long: 5 } as const

/** The broker's own values of the keys that topics fall back to. */
function brokerValues(settings: BrokerSettings): Record<string, string> {
  return {
    'message.max.bytes': String(settings.maxMessageBytes),
    'log.message.timestamp.type': settings.appendTime ? 'LogAppendTime' : 'CreateTime',
    'log.retention.bytes': String(settings.log.retentionBytes),
    'log.retention.ms': String(settings.log.retentionMs),
    'log.segment.bytes': String(settings.log.segmentBytes),
    'log.roll.ms': String(settings.log.rollMs),
  }
}

export function describeTopicSettings(given: TopicSettings, settings: BrokerSettings): Config[] {
  const broker = brokerValues(settings)
  return Object.entries(topicSettings).map(([name, { brokerKey, fallback, type }]) => {
    const own = given[name]
    const inherited = broker[brokerKey] ?? fallback
    const inheritedSource = inherited === fallback ? sources.default : sources.staticBroker
    const source = own === undefined ? inheritedSource : sources.topic
    const synonyms = [
      ...(own === undefined ? [] : [{ name, value: own, source: sources.topic }]),
      { name: brokerKey, value: inherited, source: inheritedSource },
    ]
    return {
      name,
      value: own ?? inherited,
      readOnly: false,
      isDefault: own === undefined,
      configSource: source,
      isSensitive: false,
      synonyms,
      configType: type,
      documentation: null,
    }
  })
}

function describeBroker(settings: BrokerSettings): Config[] {
  const values: [name: string, value: string, type: number][] = [
    ['broker.id', String(settings.nodeId), types.int],
    ['num.partitions', String(settings.partitions), types.int],
    ['auto.create.topics.enable', String(settings.autoCreateTopics), types.boolean],
    ['delete.topic.enable', String(settings.deleteTopics), types.boolean],
    ['log.dirs', settings.logDirectories.join(','), types.string],
    ['socket.request.max.bytes', String(settings.maxRequestBytes), types.int],
    ['default.replication.factor', '1', types.int],
    ...Object.entries(brokerValues(settings)).map(([name, value]): [string, string, number] => [
      name,
      value,
      /^-?\d+$/.test(value) ? types.long : types.string,
    ]),
  ]
  return values.map(([name, value, configType]) => ({
    name,
    value,
    readOnly: true,
    isDefault: false,
    configSource: sources.staticBroker,
    isSensitive: false,
    synonyms: [],
    configType,
    documentation: null,
  }))
}

export function answerDescribeConfigs(
  { resources, includeSynonyms }: RequestOf<typeof describeConfigs>,
  { broker }: Call,
): ResponseInputOf<typeof describeConfigs> {
  const results = resources.map(({ resourceType, resourceName, configurationKeys }): Result => {
    const answer = (
      configs: readonly Config[],
      errorName?: ErrorName,
      errorMessage: string | null = null,
    ): Result => ({
      errorCode: errorName === undefined ? 0 : errorCodes[errorName],
      errorMessage,
      resourceType,
      resourceName,
      configs: configs
        .filter(({ name }) => configurationKeys === null || configurationKeys.includes(name))
        .map(config => (includeSynonyms ? config : { ...config, synonyms: [] })),
    })
    if (resourceType === kinds.topic) {
      const topic = broker.topics.topics.get(resourceName)
      return topic === undefined
        ? answer([], 'UNKNOWN_TOPIC_OR_PARTITION', 'there is no such topic')
        : answer(describeTopicSettings(topic.settings, broker.settings))
    }
    if (
      resourceType === kinds.broker &&
      (resourceName === '' || resourceName === String(broker.settings.nodeId))
    )
      return answer(resourceName === '' ? [] : describeBroker(broker.settings))
    return answer([], 'INVALID_REQUEST', 'topics and this broker have settings here, nothing else')
  })
  return { throttleTimeMs: 0, results }
}
