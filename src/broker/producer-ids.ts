// Producer ids: no two producers are given the same one, whatever crashes in between.
import type { BrokerState } from './broker-state.ts'

/** So many are set aside by one entry of the journal; what is left of them at a crash is never used. */
const block = 1000

export class ProducerIds {
  readonly #state: BrokerState
  #next: number | null = null

  constructor(state: BrokerState) {
    this.#state = state
  }

  /** An id nobody has been given before. Rejects with DISK or DISK_FULL. */
  async next(): Promise<number> {
    const id = this.#next ?? this.#state.producerIdsTo
    this.#next = id + 1
    if (id >= this.#state.producerIdsTo) await this.#state.append({ producerIds: id + block })
    return id
  }
}
