// What all administration has in common: asking a broker that may be too old, and saying what it refuses.
import { Fault } from '../../errors.ts'
import type { ConditionMaker } from '../../observe/conditions.ts'
import type { ClientApi } from '../../wire/kafka/api.ts'
import { kafkaError } from '../../wire/kafka/error-codes.ts'
import type { Cluster } from '../connection/cluster.ts'
import type { BrokerConnection, ClientSystem } from '../connection/connection.ts'

export interface AdminParts {
  readonly cluster: Cluster
  readonly system: ClientSystem
  readonly condition: ConditionMaker
  /** How long what brokers may answer later is asked again. */
  readonly patienceMs: number
}

/** `since`: the release of Kafka in which the API came, for who asks an older one. */
export function question<Q, S>(
  connection: BrokerConnection,
  api: ClientApi<Q, S>,
  body: Q,
  since: string,
): Promise<S> {
  if (connection.versionOf(api) !== -1) return connection.request(api, body)
  return Promise.reject(tooOld(connection.where, api.name, since))
}

export const tooOld = (where: string, what: string, since: string): Fault =>
  new Fault('KAFKA_FATAL', `the broker at ${where} does not know ${what}, which came with Kafka ${since}`)

/** Throws KAFKA with the broker's own sentence where there is one. */
export function refuse(code: number, what: string, message: string | null = null): void {
  if (code === 0) return
  const error = kafkaError(code)
  const name = error.name.replace(/_EXCEPTION$/, '')
  throw new Fault(
    'KAFKA',
    `${what}: ${name}: ${message === null || message === '' ? error.meaning : message}`,
  )
}
