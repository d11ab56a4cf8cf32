// MissingTopics: for how long brokers have been answering that a topic is not there. A topic just made is
// unknown to some of them for a moment, and a deleted one is for ever: only time tells them apart. Time
// in which no broker answers does not count.
import { errorCodes } from '../../wire/kafka/error-codes.ts'
import type { Cluster } from './cluster.ts'

export class MissingTopics {
  readonly #cluster: Pick<Cluster, 'topic' | 'refreshedAt'>
  /** Monotonic ms of the first answer without the topic. */
  readonly #since = new Map<string, number>()

  constructor(cluster: Pick<Cluster, 'topic' | 'refreshedAt'>) {
    this.#cluster = cluster
  }

  /** Milliseconds between the first and the last answer without the topic; 0 where the last one had it. */
  missingMs(name: string): number {
    if (this.#isThere(name)) {
      this.#since.delete(name)
      return 0
    }
    const { refreshedAt } = this.#cluster
    const since = this.#since.get(name)
    if (since === undefined) this.#since.set(name, refreshedAt)
    return since === undefined ? 0 : refreshedAt - since
  }

  /** The last answer says that there is no such topic, rather than that it is not ready. */
  isUnknown(name: string): boolean {
    const topic = this.#cluster.topic(name)
    return topic === undefined || topic.errorCode === errorCodes.UNKNOWN_TOPIC_OR_PARTITION
  }

  /** The topic is in use. */
  seen(name: string): void {
    if (this.#since.size > 0) this.#since.delete(name)
  }

  /** No broker answered. */
  forget(): void {
    this.#since.clear()
  }

  #isThere(name: string): boolean {
    const topic = this.#cluster.topic(name)
    return topic !== undefined && topic.errorCode === 0 && topic.partitions.length > 0
  }
}
