// SaslHandshake and SaslAuthenticate where they do not belong: on a connection without SASL, or after the
// login. AlterUserScramCredentials and DescribeUserScramCredentials: the users of SCRAM (KIP-554).
import { messageOf } from '../../errors.ts'
import { errorCodes } from '../../wire/kafka/error-codes.ts'
import type { ResponseInputOf } from '../../wire/kafka/api.ts'
import type { alterUserScramCredentials } from '../../wire/kafka/messages/alter-user-scram-credentials.ts'
import type { describeUserScramCredentials } from '../../wire/kafka/messages/describe-user-scram-credentials.ts'
import type { saslAuthenticate } from '../../wire/kafka/messages/sasl-authenticate.ts'
import type { saslHandshake } from '../../wire/kafka/messages/sasl-handshake.ts'
import { leastIterations, scramMechanisms } from '../../wire/kafka/scram-keys.ts'
import type { Handler } from '../api-row.ts'
import type { ErrorName } from '../error-name.ts'

/** Kafka's bound: more would be work for every login. */
const mostIterations = 16_384

export const answerSaslHandshake = (): ResponseInputOf<typeof saslHandshake> => ({
  errorCode: errorCodes.ILLEGAL_SASL_STATE,
  mechanisms: [],
})

export const answerSaslAuthenticate = (): ResponseInputOf<typeof saslAuthenticate> => ({
  errorCode: errorCodes.ILLEGAL_SASL_STATE,
  errorMessage: 'there is no login under way on this connection',
  authBytes: Buffer.alloc(0),
})

export const answerAlterUserScramCredentials: Handler<typeof alterUserScramCredentials> = async (
  { deletions, upsertions },
  { broker },
) => {
  const { credentials } = broker.security
  const { pace } = broker
  const deleted = Map.groupBy(deletions, ({ name }) => name)
  const upserted = Map.groupBy(upsertions, ({ name }) => name)
  const problemOf = (user: string): [ErrorName, string] | null => {
    const deletions = deleted.get(user) ?? []
    const upsertions = upserted.get(user) ?? []
    const own: readonly { readonly mechanism: number }[] = [...deletions, ...upsertions]
    if (user === '') return ['UNACCEPTABLE_CREDENTIAL', 'a user needs a name']
    if (new Set(own.map(({ mechanism }) => mechanism)).size < own.length)
      return ['DUPLICATE_RESOURCE', 'a user and mechanism stand twice in the request']
    if (own.some(({ mechanism }) => !scramMechanisms.some(({ id }) => id === mechanism)))
      return ['UNSUPPORTED_SASL_MECHANISM', 'there are SCRAM-SHA-256 and SCRAM-SHA-512']
    const isMissing = deletions.some(({ mechanism }) => {
      const known = scramMechanisms.find(({ id }) => id === mechanism)!
      return credentials.get(user, known.name) === undefined
    })
    if (isMissing) return ['RESOURCE_NOT_FOUND', 'the user has no such credential']
    const isWeak = upsertions.some(
      ({ iterations }) => iterations < leastIterations || iterations > mostIterations,
    )
    return isWeak
      ? ['UNACCEPTABLE_CREDENTIAL', `iterations must be ${leastIterations} to ${mostIterations}`]
      : null
  }
  const results: ResponseInputOf<typeof alterUserScramCredentials>['results'][number][] = []
  for (const user of new Set([...deleted.keys(), ...upserted.keys()])) {
    if (pace.isOver) await pace.turn()
    const problem = problemOf(user)
    if (problem !== null) {
      results.push({ user, errorCode: errorCodes[problem[0]], errorMessage: problem[1] })
      continue
    }
    const nameOf = (mechanism: number) => scramMechanisms.find(({ id }) => id === mechanism)!.name
    try {
      for (const one of deleted.get(user) ?? []) await credentials.remove(user, nameOf(one.mechanism))
      for (const { mechanism, salt, iterations, saltedPassword } of upserted.get(user) ?? [])
        await credentials.put(user, nameOf(mechanism), { salt, iterations, saltedPassword })
      results.push({ user, errorCode: 0, errorMessage: null })
    } catch (error) {
      results.push({ user, errorCode: errorCodes.KAFKA_STORAGE_ERROR, errorMessage: messageOf(error) })
    }
  }
  return { throttleTimeMs: 0, results }
}

export const answerDescribeUserScramCredentials: Handler<typeof describeUserScramCredentials> = async (
  { users },
  { broker },
) => {
  const known = broker.security.credentials.list()
  const asked = users === null || users.length === 0 ? [...known.keys()] : users.map(({ name }) => name)
  const times = Map.groupBy(asked, name => name)
  return {
    throttleTimeMs: 0,
    errorCode: 0,
    errorMessage: '',
    results: await broker.pace.map([...times.keys()], user => {
      const own = known.get(user)
      const isTwice = times.get(user)!.length > 1
      const errorCode = isTwice
        ? errorCodes.DUPLICATE_RESOURCE
        : own === undefined
          ? errorCodes.RESOURCE_NOT_FOUND
          : 0
      return {
        user,
        errorCode,
        errorMessage:
          errorCode === 0 ? '' : isTwice ? 'it stands twice in the request' : 'there is no such user',
        credentialInfos: (errorCode === 0 ? own! : []).map(({ mechanism, iterations }) => ({
          mechanism: scramMechanisms.find(({ name }) => name === mechanism)!.id,
          iterations,
        })),
      }
    }),
  }
}
