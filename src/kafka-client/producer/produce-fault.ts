// A send that failed for good, with what an operator needs to know about it, and what was not written.
import { Fault, type FaultCode, type FaultOptions } from '../../errors.ts'
import type { ProducerRecord } from '../contract.ts'

export class ProduceFault extends Fault {
  override name = 'ProduceFault'
  /** The record that can never be written, where it is known which one it is. */
  readonly record: ProducerRecord | null
  /** Those records of the send that are not known to be written, the bad one included, in their order. */
  undelivered: readonly ProducerRecord[] = []

  constructor(
    code: FaultCode,
    message: string,
    options: { record?: ProducerRecord | null } & FaultOptions = {},
  ) {
    super(code, message, options)
    this.record = options.record ?? null
  }
}

/** The brokers have been answering for `missingMs` that there is no such topic. */
export const noSuchTopic = (topic: string, missingMs: number, record: ProducerRecord): ProduceFault =>
  new ProduceFault(
    'UNDELIVERABLE',
    `topic ${topic} does not exist: the brokers have reported this for ${(missingMs / 1000) | 0} s (max.block.ms). Create it, or let the brokers do so (auto.create.topics.enable)`,
    { record },
  )
