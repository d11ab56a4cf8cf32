// DescribeClientQuotas and AlterClientQuotas: there are no quotas, and none can be set, as nothing would be
// slowed down. Questions that are wrong are refused as in Kafka.
import { errorCodes } from '../../wire/kafka/error-codes.ts'
import type { alterClientQuotas, describeClientQuotas } from '../../wire/kafka/messages/client-quotas.ts'
import type { Handler } from '../api-row.ts'
import type { ErrorName } from '../error-name.ts'

type Refusal = readonly [name: ErrorName, message: string] | null

const entityTypes = ['user', 'client-id', 'ip']
const keys = [
  'producer_byte_rate',
  'consumer_byte_rate',
  'request_percentage',
  'controller_mutation_rate',
  'connection_creation_rate',
]
const matchTypes = { exact: 0, default: 1, any: 2 } as const

export const answerDescribeClientQuotas: Handler<typeof describeClientQuotas> = async (
  { components },
  { broker },
) => {
  const types = components.map(({ entityType }) => entityType)
  const times = Map.groupBy(types, type => type)
  const refusalOf = ({ entityType, matchType, match }: (typeof components)[number]): Refusal => {
    if (entityType === '') return ['INVALID_REQUEST', 'a type of entities is empty']
    if (!Object.values(matchTypes).some(known => known === matchType))
      return ['INVALID_REQUEST', `there is no match type ${matchType}`]
    if ((matchType === matchTypes.exact) !== (match !== null))
      return [
        'INVALID_REQUEST',
        `match type ${matchType} comes ${match === null ? 'without' : 'with'} a name`,
      ]
    if (times.get(entityType)!.length > 1)
      return ['INVALID_REQUEST', `${entityType} stands twice in the request`]
    if (!entityTypes.includes(entityType))
      return ['UNSUPPORTED_VERSION', `there are no quotas of ${entityType}`]
    return entityType === 'ip' && types.length > 1
      ? ['INVALID_REQUEST', 'a quota of an address is not one of users or clients']
      : null
  }
  const refused = (await broker.pace.map(components, refusalOf)).find(one => one !== null)
  return refused === undefined
    ? { throttleTimeMs: 0, errorCode: 0, errorMessage: '', entries: [] }
    : { throttleTimeMs: 0, errorCode: errorCodes[refused[0]], errorMessage: refused[1], entries: null }
}

export const answerAlterClientQuotas: Handler<typeof alterClientQuotas> = async (
  { entries },
  { broker },
) => ({
  throttleTimeMs: 0,
  entries: await broker.pace.map(entries, ({ entity, ops }) => {
    const set = ops.filter(({ remove }) => !remove)
    const isWrong =
      entity.length === 0 ||
      !entity.every(({ entityType }) => entityTypes.includes(entityType)) ||
      !set.every(({ key, value }) => keys.includes(key) && value > 0)
    const refused: Refusal = isWrong
      ? ['INVALID_REQUEST', `a quota is one of ${keys.join(', ')}, above 0, of ${entityTypes.join(', ')}`]
      : set.length > 0
        ? ['UNSUPPORTED_VERSION', 'this broker enforces no quotas, and so keeps none']
        : null
    return {
      errorCode: refused === null ? 0 : errorCodes[refused[0]],
      errorMessage: refused?.[1] ?? null,
      entity,
    }
  }),
})
