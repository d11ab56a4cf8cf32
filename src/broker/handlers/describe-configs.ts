// DescribeConfigs: the settings of topics, and of the broker, with where each comes from.
// ListConfigResources: what has settings.
import { errorCodes } from '../../wire/kafka/error-codes.ts'
import type { ResponseInputOf } from '../../wire/kafka/api.ts'
import type { describeConfigs } from '../../wire/kafka/messages/describe-configs.ts'
import type { listConfigResources } from '../../wire/kafka/messages/list-config-resources.ts'
import { isTopicName, topicNameRule } from '../../wire/kafka/topic-name.ts'
import { onceEach, type Handler } from '../api-row.ts'
import type { BrokerParts } from '../broker-parts.ts'
import type { ErrorName } from '../error-name.ts'
import { defaultText, type Field } from '../../fields.ts'
import { typeOf, type KafkaType } from '../../settings/kafka-fields.ts'
import { brokerKeys, type BrokerKeyName } from '../settings/broker-keys.ts'
import { topicSettings, type TopicSettings } from '../topic-settings.ts'

type Result = ResponseInputOf<typeof describeConfigs>['results'][number]
type Config = Result['configs'][number]
type Synonym = NonNullable<Config['synonyms']>[number]

/** Numbers of the protocol (KIP-226). */
const sources = { topic: 1, dynamicBroker: 2, dynamicDefault: 3, staticBroker: 4, default: 5 } as const
export const resourceTypes = { topic: 2, broker: 4, brokerLogger: 8, clientMetrics: 16, group: 32 } as const
/** What has settings in Kafka and none here: nothing is there to be told or deleted. */
export const isWithoutSettings = (resourceType: number): boolean =>
  resourceType === resourceTypes.brokerLogger ||
  resourceType === resourceTypes.clientMetrics ||
  resourceType === resourceTypes.group
const types: Readonly<Record<KafkaType, number>> = {
  boolean: 1,
  string: 2,
  int: 3,
  long: 5,
  double: 6,
  list: 7,
  password: 9,
}

/** Keys by which Kafka tells a time that may be given in several units. */
const otherUnits: Readonly<Partial<Record<BrokerKeyName, readonly string[]>>> = {
  'log.retention.ms': ['log.retention.minutes', 'log.retention.hours'],
  'log.roll.ms': ['log.roll.hours'],
}

/** A time that may stand in several units, ms; null for any other key. */
function timeOf(key: BrokerKeyName | undefined, { settings }: Pick<BrokerParts, 'settings'>): string | null {
  if (key === 'log.retention.ms') return String(settings.log.retentionMs)
  return key === 'log.roll.ms' ? String(settings.log.segmentMs) : null
}

/** Every value that the broker's key has, the one that counts first. */
function synonymsOf(key: BrokerKeyName, { live, settings }: BrokerParts): Synonym[] {
  const found: Synonym[] = []
  const see = (value: string | undefined, source: number, name: string = key) =>
    value === undefined ? undefined : found.push({ name, value, source })
  see(live.dynamic.broker[key], sources.dynamicBroker)
  see(live.dynamic.default[key], sources.dynamicDefault)
  see(settings.given[key], sources.staticBroker)
  const isInOtherUnit = otherUnits[key]?.some(name => settings.given[name] !== undefined) === true
  const fallback = timeOf(key, { settings }) ?? defaultText(brokerKeys[key])
  if (found.length === 0 && isInOtherUnit) see(String(fallback), sources.staticBroker)
  else if (fallback !== null && otherUnits[key] === undefined) see(fallback, sources.default)
  return found
}

function configOf(
  name: string,
  field: Field<unknown>,
  {
    synonyms,
    readOnly = field.dynamic !== true,
    fallback = null,
  }: { synonyms: readonly Synonym[]; readOnly?: boolean; fallback?: string | null },
): Config {
  const isSensitive = field.secret === true
  const source = synonyms[0]?.source ?? sources.default
  return {
    name,
    value: isSensitive ? null : (synonyms[0]?.value ?? fallback),
    readOnly,
    isDefault: source === sources.default,
    configSource: source,
    isSensitive,
    synonyms: synonyms.map(one => (isSensitive ? { ...one, value: null } : one)),
    configType: types[typeOf(field)],
    documentation: field.doc,
  }
}

export function describeTopicSettings(given: TopicSettings, broker: BrokerParts): Config[] {
  return Object.entries(topicSettings).map(([name, setting]) => {
    const own = given[name]
    const synonyms: Synonym[] = own === undefined ? [] : [{ name, value: own, source: sources.topic }]
    if (setting.brokerKey !== undefined) synonyms.push(...synonymsOf(setting.brokerKey, broker))
    else synonyms.push({ name, value: defaultText(setting), source: sources.default })
    return {
      ...configOf(name, setting, { synonyms, readOnly: false, fallback: timeOf(setting.brokerKey, broker) }),
      isDefault: own === undefined,
    }
  })
}

function describeBroker(broker: BrokerParts): Config[] {
  return Object.entries(brokerKeys).map(([name, key]) =>
    configOf(name, key, {
      synonyms: synonymsOf(name as BrokerKeyName, broker),
      fallback: timeOf(name as BrokerKeyName, broker),
    }),
  )
}

/** What was set for all brokers while they run. */
function describeDefaults({ live }: BrokerParts): Config[] {
  return Object.entries(live.dynamic.default).map(([name, value]) =>
    configOf(name, brokerKeys[name as BrokerKeyName], {
      synonyms: [{ name, value, source: sources.dynamicDefault }],
    }),
  )
}

export const answerDescribeConfigs: Handler<typeof describeConfigs> = async (
  { resources, includeSynonyms, includeDocumentation },
  { broker },
) => {
  const told = (configs: readonly Config[]) =>
    configs.map(config => ({
      ...config,
      synonyms: includeSynonyms ? config.synonyms : [],
      documentation: includeDocumentation ? config.documentation : null,
    }))
  const topicConfigs = onceEach(name =>
    told(describeTopicSettings(broker.topics.topics.get(name)!.settings, broker)),
  )
  const brokerConfigs = onceEach(level =>
    told(level === '' ? describeDefaults(broker) : describeBroker(broker)),
  )
  const describe = ({
    resourceType,
    resourceName,
    configurationKeys,
  }: (typeof resources)[number]): Result => {
    const wanted = configurationKeys === null ? null : new Set(configurationKeys)
    const answer = (
      configs: readonly Config[],
      errorName?: ErrorName,
      errorMessage: string | null = null,
    ): Result => ({
      errorCode: errorName === undefined ? 0 : errorCodes[errorName],
      errorMessage: errorName === undefined ? '' : errorMessage,
      resourceType,
      resourceName,
      configs: wanted === null ? configs : configs.filter(({ name }) => wanted.has(name)),
    })
    if (resourceType === resourceTypes.topic) {
      const topic = broker.topics.topics.get(resourceName)
      if (!isTopicName(resourceName)) return answer([], 'INVALID_TOPIC_EXCEPTION', topicNameRule)
      return topic === undefined
        ? answer([], 'UNKNOWN_TOPIC_OR_PARTITION', 'there is no such topic')
        : answer(topicConfigs(resourceName))
    }
    const isBroker = resourceName === '' || resourceName === String(broker.settings.nodeId)
    if (resourceType === resourceTypes.broker && isBroker) return answer(brokerConfigs(resourceName))
    if (isWithoutSettings(resourceType) && resourceName !== '') return answer([])
    return answer([], 'INVALID_REQUEST', 'topics and this broker have settings here, nothing else')
  }
  return { throttleTimeMs: 0, results: await broker.pace.map(resources, describe) }
}

export const answerListConfigResources: Handler<typeof listConfigResources> = (
  { resourceTypes: asked },
  { broker, version },
) => {
  const { topic, broker: node, brokerLogger } = resourceTypes
  const wanted = version === 0 ? [resourceTypes.clientMetrics] : asked
  const all = [
    ...[...broker.topics.topics.keys()].map(resourceName => ({ resourceName, resourceType: topic })),
    ...[node, brokerLogger].map(resourceType => ({
      resourceName: String(broker.settings.nodeId),
      resourceType,
    })),
  ]
  const types = new Set(wanted)
  const isStrange = [...types].some(type => !Object.values(resourceTypes).some(known => known === type))
  return {
    throttleTimeMs: 0,
    errorCode: isStrange ? errorCodes.UNSUPPORTED_VERSION : 0,
    configResources: isStrange
      ? []
      : all.filter(({ resourceType }) => types.size === 0 || types.has(resourceType)),
  }
}
