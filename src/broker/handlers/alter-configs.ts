// AlterConfigs and IncrementalAlterConfigs: changes settings of topics, and those of the broker that may
// change while it runs. Each resource of a request succeeds or fails by itself, as a whole.
import { messageOf } from '../../errors.ts'
import { errorCodes } from '../../wire/kafka/error-codes.ts'
import type { ResponseInputOf } from '../../wire/kafka/api.ts'
import type { alterConfigs } from '../../wire/kafka/messages/alter-configs.ts'
import type { incrementalAlterConfigs } from '../../wire/kafka/messages/incremental-alter-configs.ts'
import { offsetsTopicName } from '../../wire/kafka/messages/offsets-topic.ts'
import type { Call, Handler } from '../api-row.ts'
import type { BrokerParts } from '../broker-parts.ts'
import type { ErrorName } from '../error-name.ts'
import { defaultText, type Field } from '../../fields.ts'
import { problemWith } from '../../settings/read-settings.ts'
import { keyOf, listOf } from '../settings/broker-keys.ts'
import { topicSettings } from '../topic-settings.ts'
import { isWithoutSettings, resourceTypes } from './describe-configs.ts'

/** Numbers of the protocol (KIP-339). */
const operations = { set: 0, delete: 1, append: 2, subtract: 3 } as const

interface Resource {
  readonly resourceType: number
  readonly resourceName: string
}
interface Change {
  readonly name: string
  readonly value: string | null
  readonly operation: number
}
type Result = ResponseInputOf<typeof alterConfigs>['responses'][number]

class Refused extends Error {
  override name = 'Refused'
  readonly errorName: ErrorName

  constructor(errorName: ErrorName, message: string) {
    super(message)
    this.errorName = errorName
  }
}

export const answerAlterConfigs: Handler<typeof alterConfigs> = async ({ resources, validateOnly }, call) => {
  const changes = await call.broker.pace.map(resources, async ({ configs, ...resource }) => ({
    resource,
    replaces: true,
    changes: await call.broker.pace.map(configs, ({ name, value }) => ({
      name,
      value,
      operation: operations.set,
    })),
  }))
  return { throttleTimeMs: 0, responses: await alterAll(changes, validateOnly, call) }
}

export const answerIncrementalAlterConfigs: Handler<typeof incrementalAlterConfigs> = async (
  { resources, validateOnly },
  call,
) => {
  const changes = await call.broker.pace.map(resources, async ({ configs, ...resource }) => ({
    resource,
    replaces: false,
    changes: await call.broker.pace.map(configs, ({ name, value, configOperation: operation }) => ({
      name,
      value,
      operation,
    })),
  }))
  return { throttleTimeMs: 0, responses: await alterAll(changes, validateOnly, call) }
}

async function alterAll(
  all: readonly { resource: Resource; replaces: boolean; changes: readonly Change[] }[],
  validateOnly: boolean,
  { broker }: Call,
): Promise<Result[]> {
  const responses: Result[] = []
  const times = new Map<string, number>()
  const keyOfResource = ({ resourceType, resourceName }: Resource) => `${resourceType} ${resourceName}`
  await broker.pace.map(all, ({ resource }) =>
    times.set(keyOfResource(resource), (times.get(keyOfResource(resource)) ?? 0) + 1),
  )
  for (const { resource, replaces, changes } of all) {
    if (broker.pace.isOver) await broker.pace.turn()
    const { resourceType, resourceName } = resource
    let refused: Refused | null = null
    try {
      if (times.get(keyOfResource(resource))! > 1)
        throw new Refused('INVALID_REQUEST', `${resourceName} stands twice in the request`)
      await alter(resource, changes, { replaces, validateOnly }, broker)
    } catch (error) {
      refused = error instanceof Refused ? error : new Refused('KAFKA_STORAGE_ERROR', messageOf(error))
    }
    responses.push({
      resourceType,
      resourceName,
      errorCode: refused === null ? 0 : errorCodes[refused.errorName],
      errorMessage: refused?.message ?? null,
    })
  }
  return responses
}

async function alter(
  { resourceType, resourceName }: Resource,
  changes: readonly Change[],
  { replaces, validateOnly }: { replaces: boolean; validateOnly: boolean },
  { topics, settings, live }: BrokerParts,
): Promise<void> {
  if (resourceType === resourceTypes.topic) {
    const topic = topics.topics.get(resourceName)
    if (topic === undefined) throw new Refused('UNKNOWN_TOPIC_OR_PARTITION', 'there is no such topic')
    const changed = changedBy(replaces ? {} : topic.settings, changes, name =>
      Object.hasOwn(topicSettings, name) ? topicSettings[name] : undefined,
    )
    if (resourceName === offsetsTopicName && !/\bcompact\b/.test(changed['cleanup.policy'] ?? ''))
      throw new Refused(
        'INVALID_CONFIG',
        'cleanup.policy must stay compact: positions of groups would be lost',
      )
    if (!validateOnly) await topics.configure(resourceName, changed)
    return
  }
  if (isWithoutSettings(resourceType) && resourceName !== '')
    return void changedBy({}, changes, () => undefined)
  if (resourceType !== resourceTypes.broker)
    throw new Refused('INVALID_REQUEST', 'topics and this broker have settings here, nothing else')
  if (resourceName !== '' && resourceName !== String(settings.nodeId))
    throw new Refused('INVALID_REQUEST', `this is broker ${settings.nodeId}, not "${resourceName}"`)
  const level = resourceName === '' ? 'default' : 'broker'
  const fixed = changes
    .filter(({ operation }) => operation !== operations.delete)
    .map(({ name }) => name)
    .filter(name => keyOf(name) !== undefined && keyOf(name)!.dynamic !== true)
  if (fixed.length > 0)
    throw new Refused(
      'INVALID_REQUEST',
      `Cannot update these configs dynamically: ${fixed.join(', ')}; write them into server.properties and start again`,
    )
  const changed = changedBy(replaces ? {} : live.dynamic[level], changes, keyOf)
  if (!validateOnly) await live.change(level, changed)
}

/** The settings after the changes. Throws Refused. */
function changedBy(
  before: Readonly<Record<string, string>>,
  changes: readonly Change[],
  known: (name: string) => Field<unknown> | undefined,
): Record<string, string> {
  const after: Record<string, string> = { ...before }
  const seen = new Set<string>()
  for (const { name, value, operation } of changes) {
    if (seen.has(name)) throw new Refused('INVALID_REQUEST', `${name} stands twice in the request`)
    seen.add(name)
    // Clients that mirror settings delete whatever is a default, of keys that only other brokers have too.
    if (operation === operations.delete) {
      delete after[name]
      continue
    }
    const key = known(name)
    if (key === undefined) throw new Refused('INVALID_CONFIG', `Unknown config name: ${name}`)
    if (value === null) throw new Refused('INVALID_REQUEST', `${name} comes without a value`)
    if (operation === operations.set) after[name] = value
    else if (operation !== operations.append && operation !== operations.subtract)
      throw new Refused('INVALID_REQUEST', `${operation} is no operation on ${name}`)
    else if (key.kind !== 'list')
      throw new Refused('INVALID_CONFIG', `${name} is no list that something could be added to or taken from`)
    else {
      const there = listOf(after[name] ?? defaultText(key) ?? '')
      const more = listOf(value)
      after[name] = (
        operation === operations.append
          ? [...new Set([...there, ...more])]
          : there.filter(one => !more.includes(one))
      ).join(',')
    }
    const problem = problemWith(name, key, after[name]!)
    if (problem !== null) throw new Refused('INVALID_CONFIG', problem)
  }
  return after
}
