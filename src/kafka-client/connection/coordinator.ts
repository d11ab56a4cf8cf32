// The broker that looks after a transactional id or a group, for requests that are sent again until it
// answers for good: it may move, be loading, or be ending the transaction before.
import { Fault, messageOf } from '../../errors.ts'
import type { Condition, ConditionMaker } from '../../observe/conditions.ts'
import type { ClientApi } from '../../wire/kafka/api.ts'
import { errorCodes, kafkaError } from '../../wire/kafka/error-codes.ts'
import { findCoordinator as findCoordinatorApi } from '../../wire/kafka/messages/find-coordinator.ts'
import { isPossible, whereOf } from '../../address.ts'
import type { Broker, Cluster } from './cluster.ts'
import type { ClientSystem } from './connection.ts'
import { isFinalCode, movedCodes, refuse, wordsOf } from './refusal.ts'

export type CoordinatorKind = 'group' | 'transactional id'

export interface CoordinatorParts {
  readonly cluster: Cluster
  readonly system: ClientSystem
  readonly condition: ConditionMaker
  readonly kind: CoordinatorKind
  readonly key: string
  /** How long the coordinator is looked for and a request is retried; Infinity: until its signal is aborted. */
  readonly patienceMs: number
}

export interface Question<Q, S> {
  /** What is asked, by the version the coordinator speaks. */
  readonly body: (version: number) => Q
  /** The error of an answer, 0 where there is none. */
  readonly codeOf: (answer: S) => number
  /** Retriable answers that the caller sees to. */
  readonly except?: readonly number[]
  readonly signal?: AbortSignal | undefined
}

/** The transaction before is ended within some milliseconds. */
const concurrentMs = 20

export class Coordinator {
  readonly #parts: CoordinatorParts
  readonly #condition: Condition
  #broker: Broker | null = null

  constructor(parts: CoordinatorParts) {
    this.#parts = parts
    this.#condition = parts.condition(this.#name, { level: 'warn' })
  }

  /**
   * The first answer that is no promise of a better one: without error, or with one that stays. Rejects with
   * STOPPED, PEER_TIMEOUT, KAFKA_FATAL or PROTOCOL.
   */
  async ask<Q, S>(api: ClientApi<Q, S>, { body, codeOf, except = [], signal }: Question<Q, S>): Promise<S> {
    const { cluster, system, patienceMs } = this.#parts
    const deadline = system.clock.monotonic() + patienceMs
    const either = signal === undefined ? cluster.stopped : AbortSignal.any([signal, cluster.stopped])
    for (let failures = 1; ; failures++) {
      let why: string
      try {
        const answer = await this.#abortable(this.#try(api, body, either, deadline), either)
        const code = codeOf(answer)
        const { name, meaning, isRetriable } = kafkaError(code)
        if (!isRetriable || except.includes(code)) {
          this.#condition.clear(`${this.#name} can be used again`)
          return answer
        }
        if (movedCodes.has(code)) this.#broker = null
        if (code === errorCodes.CONCURRENT_TRANSACTIONS && failures < 250) {
          await system.clock.sleep(concurrentMs, either)
          this.#throwWhenOver(either, deadline, name)
          continue
        }
        why = `${name}: ${meaning}`
      } catch (error) {
        if (error instanceof Fault && (error.retry === 'never' || error.code === 'PROTOCOL')) throw error
        this.#broker = null
        why = messageOf(error)
      }
      this.#unusable(why)
      this.#throwWhenOver(either, deadline, why)
      await cluster.pause(failures, either)
    }
  }

  /** Who looks after it, once a request has been tried. */
  get broker(): Broker | null {
    return this.#broker
  }

  async #try<Q, S>(
    api: ClientApi<Q, S>,
    body: (version: number) => Q,
    signal: AbortSignal,
    deadline: number,
  ): Promise<S> {
    this.#broker ??= await this.#find(signal, deadline)
    const connection = await this.#parts.cluster.brokers.connect(this.#broker, 'group')
    return connection.request(api, body(connection.versionOf(api)))
  }

  async #find(signal: AbortSignal, deadline: number): Promise<Broker> {
    const { cluster, system, key, kind } = this.#parts
    const patience = new AbortController()
    const leftMs = Math.max(0, deadline - system.clock.monotonic())
    const timer =
      leftMs === Infinity ? null : system.clock.after(leftMs, () => patience.abort(), { background: true })
    try {
      const either = AbortSignal.any([signal, patience.signal])
      return await findCoordinator(cluster, key, either, kind, why => this.#unusable(why))
    } catch (error) {
      if (!patience.signal.aborted || signal.aborted) throw error
      throw new Fault('PEER_TIMEOUT', messageOf(error))
    } finally {
      timer?.cancel()
    }
  }

  async #abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
    const { promise, reject } = Promise.withResolvers<never>()
    const stop = () => reject(new Fault('STOPPED', `${this.#name} was not waited for: stopping`))
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    try {
      return await Promise.race([work, promise])
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }

  #unusable(why: string): void {
    this.#condition.raise(`${this.#name} cannot be used, and is asked until it can: ${why}`)
  }

  get #name(): string {
    return `the coordinator of ${this.#parts.kind} "${this.#parts.key}"`
  }

  #throwWhenOver(signal: AbortSignal, deadline: number, why: string): void {
    if (signal.aborted) throw new Fault('STOPPED', `${this.#name} was not waited for: stopping`)
    const { system, patienceMs } = this.#parts
    if (system.clock.monotonic() > deadline)
      throw new Fault('PEER_TIMEOUT', `${this.#name} has not agreed within ${patienceMs} ms: ${why}`)
  }
}

/**
 * The coordinator of a group or a transactional id: asked for until there is one; `onRefused` hears why there
 * is none yet. Rejects with KAFKA_FATAL where the user may not use it, and with STOPPED, which says why
 * there was none.
 */
export async function findCoordinator(
  cluster: Cluster,
  key: string,
  signal: AbortSignal,
  kind: CoordinatorKind,
  onRefused: (why: string) => void,
): Promise<Broker> {
  const keyType = kind === 'group' ? 0 : 1
  for (let failures = 1; ; failures++) {
    let why: string
    try {
      const question = { key, keyType, coordinatorKeys: [] }
      // The first version knows groups alone.
      const answer = await cluster.ask(async connection =>
        kind !== 'group' && connection.versionOf(findCoordinatorApi) === 0
          ? null
          : connection.request(findCoordinatorApi, question),
      )
      if (answer === null)
        throw new Fault('KAFKA_FATAL', 'the brokers know no transactions: these came with Kafka 0.11')
      const { errorCode, host, port, nodeId } = answer
      if (errorCode === 0 && isPossible(answer)) return { host, port, nodeId }
      why =
        errorCode === 0
          ? `Kafka returns an address for it that cannot exist: ${JSON.stringify(whereOf(answer))}`
          : wordsOf(errorCode)
      if (isFinalCode(errorCode)) refuse(errorCode, `the coordinator of ${kind} "${key}" is not available`)
    } catch (error) {
      if (error instanceof Fault && error.retry === 'never') throw error
      why = messageOf(error)
    }
    onRefused(why)
    await cluster.pause(failures, signal).catch(() => {
      throw new Fault('STOPPED', why)
    })
  }
}
