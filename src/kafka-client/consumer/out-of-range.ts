// Where to read on when a partition does not hold the position asked for. Records before the partition's first
// are gone: reading goes on at the first that is there. A position beyond the end (the topic was created again, or cut
// off) is chosen by auto.offset.reset.
import { Fault } from '../../errors.ts'
import type { Logger } from '../../observe/log.ts'
import { nameOf, type ConsumerOptions, type TopicPartition } from '../contract.ts'
import type { ConsumerSettings } from '../settings.ts'

/** Hears why a broker does not tell the bounds. */
type OnRefused = (problem: string, isFinal: boolean) => void

export interface OutOfRangeParts extends Pick<ConsumerOptions, 'onGone' | 'onCut'> {
  /** With a short retention it may be told all the time. */
  readonly log: Logger
  readonly settings: ConsumerSettings
  /** The first offset of the partition and the one behind its last. */
  bounds(one: TopicPartition, onRefused: OnRefused): Promise<{ first: number; next: number }>
}

export class OutOfRange {
  readonly #parts: OutOfRangeParts
  /** The position beyond an end about which the log has a line. */
  #toldBeyond = ''

  constructor(parts: OutOfRangeParts) {
    this.#parts = parts
  }

  /** Gives the offset to go on at. Rejects with KAFKA_FATAL where auto.offset.reset forbids to choose one. */
  async resolve(one: TopicPartition, offset: number, onRefused: OnRefused): Promise<number> {
    const { log, settings, onGone, onCut, bounds } = this.#parts
    const { autoOffsetReset } = settings
    const name = nameOf(one)
    const { first, next } = await bounds(one, onRefused)
    if (offset >= first && offset <= next) {
      // It was beyond the end when it was asked for, and the log has grown since.
      const beyond = `${name}@${offset}`
      if (this.#toldBeyond === beyond) return offset
      this.#toldBeyond = beyond
      log.warn(
        `${name} ended before the position ${offset} a moment ago and ends at ${next} by now: records that were read here are not in Kafka any more, and what has taken their offsets below ${offset} is not read`,
      )
      onCut?.({ ...one, from: offset - 1, to: offset - 1 })
      return offset
    }
    if (offset < first) {
      log.warn(
        `records ${offset}..${first - 1} of ${name} are gone: the broker removed them (retention) before they were read; going on at ${first}`,
      )
      onGone?.({ ...one, from: offset, to: first - 1 })
    }
    if (autoOffsetReset === 'none')
      throw new Fault(
        'KAFKA_FATAL',
        `position ${offset} of ${name} is outside ${first}..${next}, and auto.offset.reset=none forbids to choose another`,
      )
    if (offset < first) return first
    const chosen = autoOffsetReset === 'earliest' ? first : next
    onCut?.({ ...one, from: next, to: offset - 1 })
    log.warn(
      `${name} ends at ${next}, before the position ${offset}: the topic was deleted and created again, or lost records; going on at ${chosen} (auto.offset.reset=${autoOffsetReset})`,
    )
    return chosen
  }
}
