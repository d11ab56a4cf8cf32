// The topic for events that can never be delivered where they were meant to go: the record as it would
// have been, with headers that say why and where to. Formats: docs/formats/dead-letters.md.
import { DeliveryFault } from '../../delivery-fault.ts'
import { Fault } from '../../errors.ts'
import type { Event } from '../../event.ts'
import {
  createProducer,
  ProduceFault,
  type Producer,
  type ProducerOptions,
  type ProducerRecord,
  type ProducerSettings,
} from '../../kafka-client/kafka-client.ts'
import type { ConditionMaker } from '../../observe/conditions.ts'
import type { Logger } from '../../observe/log.ts'
import type { RecordHeader } from '../../wire/kafka/record.ts'
import type { RecordContent, RecordTarget } from './record-of-event.ts'

/** What is too large for its topic shall fit here, as far as the topic allows. */
export const maxRequestSize = 256 * 1024 * 1024

export interface DeadLetterTopicParts {
  readonly topic: string
  /** Of the sink's own producer. */
  readonly settings: ProducerSettings
  readonly system: ProducerOptions['system']
  readonly log: Logger
  readonly condition: ConditionMaker
  readonly agent: string
  readonly component: string
}

/** The record as it would have been, and where it was meant to go. */
export interface MeantRecord {
  readonly content: RecordContent
  readonly target: RecordTarget
}

export class DeadLetterTopic {
  readonly #parts: DeadLetterTopicParts
  readonly #producer: Producer

  constructor(parts: DeadLetterTopicParts) {
    const { settings, system, log, condition, topic } = parts
    this.#parts = parts
    this.#producer = createProducer({
      settings: { ...settings, acks: -1, maxRequestSize, deliveryTimeoutMs: Infinity },
      system,
      log,
      condition,
      onHeadersDropped: () =>
        log.warn(
          `the brokers keep an old message format without record headers: in topic ${topic} (deadLetter.topic) the reason is not told; deadLetter.file keeps it`,
        ),
    })
  }

  /** Written as acks = all asks when resolved. Rejects with UNDELIVERABLE where the topic refuses it too. */
  async keep(event: Event, meant: MeantRecord, reason: Fault, signal: AbortSignal): Promise<void> {
    try {
      await this.#producer.send([this.letterOf(event, meant, reason)], signal)
    } catch (error) {
      if (!(error instanceof ProduceFault)) throw error
      throw new DeliveryFault(error.code, `deadLetter.topic: ${error.message}`, {
        undelivered: [event],
        event,
        cause: error,
        remedy: error.remedy,
      })
    }
  }

  letterOf(event: Event, { content, target }: MeantRecord, reason: Fault): ProducerRecord {
    const { topic, agent, component, system } = this.#parts
    const about = {
      reason: reason.message,
      code: reason.code,
      topic: target.topic,
      partition: target.partition,
      time: new Date(system.clock.now()).toISOString(),
      agent,
      component,
    }
    const headers: RecordHeader[] = [...content.headers]
    const add = (key: string, value: string | undefined) => {
      if (value !== undefined) headers.push({ key: `millrace.${key}`, value: Buffer.from(value) })
    }
    for (const [key, value] of Object.entries(about)) add(key, value)
    for (const [key, value] of event.headers) add(`header.${key}`, value)
    const { key, value } = content
    return { topic, key, value, headers }
  }

  close(): Promise<void> {
    return this.#producer.close()
  }
}
