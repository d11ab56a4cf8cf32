// What all administration has in common: asking a broker that may be too old, and saying what it refuses.
import { Fault, messageOf } from '../../errors.ts'
import type { ConditionMaker } from '../../observe/conditions.ts'
import type { ClientApi } from '../../wire/kafka/api.ts'
import { errorCodes, kafkaError } from '../../wire/kafka/error-codes.ts'
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
  body: () => Q,
  since: string,
): Promise<S> {
  if (connection.versionOf(api) !== -1) return connection.request(api, body())
  return Promise.reject(tooOld(connection.where, api.name, since))
}

export const tooOld = (where: string, what: string, since: string): Fault =>
  new Fault('KAFKA_FATAL', `the broker at ${where} does not know ${what}, which came with Kafka ${since}`)

/** What a broker refuses, with Kafka's name of the error and the sentence that came with it, or our own. */
export class KafkaRefusal extends Fault {
  /** Such as INVALID_REPLICATION_FACTOR. */
  readonly errorName: string
  readonly said: string

  constructor(what: string, errorName: string, said: string) {
    super('KAFKA', `${what}: ${errorName}: ${said}`)
    this.errorName = errorName
    this.said = said
  }
}

/** Throws KafkaRefusal with the broker's own sentence where there is one. */
export function refuse(code: number, what: string, message: string | null = null): void {
  if (code === 0) return
  const error = kafkaError(code)
  const name = error.name.replace(/_EXCEPTION$/, '')
  throw new KafkaRefusal(what, name, message === null || message === '' ? error.meaning : message)
}

/**
 * Asks brokers by their ids at the same time, once more where a connection ends meanwhile; by id why one of them did not
 * answer, or not within so many ms.
 */
export async function askEach(
  { system }: AdminParts,
  ids: readonly number[],
  withinMs: number,
  ask: (id: number) => Promise<void>,
): Promise<{ faults: Map<number, Fault> }> {
  const faults = new Map<number, Fault>()
  await Promise.all(
    ids.map(async id => {
      const late = Promise.withResolvers<never>()
      const because = new Fault('PEER_TIMEOUT', `broker ${id} did not answer within ${withinMs} ms`)
      const timer =
        withinMs === Infinity
          ? null
          : system.clock.after(withinMs, () => late.reject(because), { background: true })
      const again = (error: unknown) =>
        error instanceof Fault && error.code === 'PEER_CLOSED' ? ask(id) : Promise.reject(error as Error)
      await Promise.race([ask(id).catch(again), late.promise])
        .catch((error: unknown) =>
          faults.set(id, error instanceof Fault ? error : new Fault('KAFKA', messageOf(error))),
        )
        .finally(() => timer?.cancel())
    }),
  )
  return { faults }
}

/** How long the controller may take to have a change known everywhere. */
export const changeMs = 20_000

export interface Change<Q, S> {
  readonly api: ClientApi<Q, S>
  /** The release of Kafka in which the API came. */
  readonly since: string
  /** By the version that the controller speaks. */
  readonly body: (version: number) => Q
  /** The errors of an answer. */
  readonly codesOf: (answer: S) => readonly number[]
}

/** Asks the controller for a change; where it has moved meanwhile, the new one, for as long as patience lasts. */
export async function askController<Q, S>(
  { cluster, system, patienceMs }: AdminParts,
  { api, since, body, codesOf }: Change<Q, S>,
): Promise<S> {
  const deadline = system.clock.monotonic() + patienceMs
  for (let failures = 1; ; failures++) {
    const connection = await cluster.connectController()
    const answer = await question(connection, api, () => body(connection.versionOf(api)), since)
    if (!codesOf(answer).includes(errorCodes.NOT_CONTROLLER) || system.clock.monotonic() > deadline)
      return answer
    await cluster.pause(failures)
  }
}
