// What sources have in common to which senders make requests (Avro, Thrift): the options of their port, and what becomes
// of the events of a request: put, refused, or set aside.
import { isPutFault, pathOf, type SourceContext } from '../../component.ts'
import { DeadLetterFile } from '../../dead-letter.ts'
import { Fault, messageOf } from '../../errors.ts'
import { Event } from '../../event.ts'
import { int, text } from '../../fields.ts'
import type { Condition } from '../../observe/conditions.ts'
import type { Logger } from '../../observe/log.ts'
import { sparingOne } from '../../observe/sparing-log.ts'
import type { EventsRequest, Handle } from '../../rpc-server/rpc-connection.ts'
import { maxConnections } from '../tcp-door.ts'
import { OversizedBatches } from './oversized-batches.ts'

const mebibyte = 1024 * 1024

export const placeOptions = {
  bind: text({ doc: 'Address or name to listen on.', required: true, example: '0.0.0.0' }),
  port: int({ doc: 'Port to listen on; 0 takes a free one.', required: true, min: 0, max: 65_535 }),
}

export const requestOptions = {
  maxRequestBytes: int({
    doc: 'Longest request taken. A longer one closes the connection before anything is stored.',
    unit: 'bytes',
    default: 256 * mebibyte,
    min: 1024,
    max: 1024 * mebibyte,
    since: 'ours',
  }),
  maxRequestEvents: int({
    doc: 'Most events of one request; one with more is answered with an error, and the connection is closed.',
    unit: 'events',
    default: 50_000,
    min: 1,
    since: 'ours',
  }),
  maxConnections,
  'deadLetter.file': text({
    doc: 'File that takes batches which no transaction of a channel can hold, as JSON Lines, an object an event; they are answered `OK` then.',
    example: '/var/lib/millrace/dead-letters.jsonl',
    since: 'ours',
  }),
  'stall-timeout': int({
    doc: 'A sender that stops in the middle of a request, or of the TLS handshake, for this long is cut off.',
    unit: 'ms',
    default: 10_000,
    min: 100,
    since: 'ours',
  }),
}

export class Intake {
  readonly #context: SourceContext
  /** "Avro source r1". */
  readonly #source: string
  readonly #oversized: OversizedBatches
  readonly #letters: DeadLetterFile | null
  /** Of batches that are set aside. */
  readonly #asideLog: Logger
  /** Its senders have words of their own, and are red. */
  readonly #refusing: Condition
  #open = 0

  constructor(protocol: string, file: string | undefined, context: SourceContext) {
    const { agent, name, system, condition, log } = context
    const { disk, clock } = system
    this.#context = context
    this.#source = `${protocol} source ${name}`
    this.#oversized = new OversizedBatches({ source: this.#source, clock, condition })
    this.#asideLog = sparingOne(log, clock)
    this.#refusing = condition('refusals', { level: 'warn', isRed: false })
    const path = file === undefined ? null : pathOf(file, context.home)
    this.#letters = path === null ? null : new DeadLetterFile({ path, agent, component: name, disk, clock })
  }

  connections(open: number): void {
    this.#context.counters.add('OpenConnectionCount', open - this.#open)
    this.#open = open
  }

  readonly handle: Handle = async (encoded, message, sender) => {
    const { counters, processor } = this.#context
    this.#count('Received', { events: encoded, message })
    try {
      await processor.process(encoded.map(Event.fromEncoded))
    } catch (error) {
      counters.add(isPutFault(error) ? 'ChannelWriteFail' : 'GenericProcessingFail')
      if (!(error instanceof Fault) || error.code !== 'TRANSACTION_TOO_LARGE') {
        this.#refused(error)
        return false
      }
      if (this.#letters !== null) return this.#divert(this.#letters, encoded, sender, error)
      this.#oversized.refused(sender, encoded.length, error)
      return false
    }
    this.#count('Accepted', { events: encoded, message })
    this.#accepted(sender, encoded.length)
    return true
  }

  readonly handleTogether = async (requests: readonly EventsRequest[], sender: string): Promise<boolean> => {
    const events = requests.flatMap(request => request.events.map(Event.fromEncoded))
    if ((await this.#context.processor.processTogether?.(events)) !== true) return false
    for (const request of requests) {
      this.#count('Received', request)
      this.#count('Accepted', request)
      this.#accepted(sender, request.events.length)
    }
    return true
  }

  #count(how: 'Received' | 'Accepted', { events, message }: EventsRequest): void {
    const { counters } = this.#context
    counters.add(`${message === 'append' ? 'Append' : 'AppendBatch'}${how}Count`)
    counters.add(`Event${how}Count`, events.length)
  }

  /** Sets the batch aside as it came, before interceptors. */
  async #divert(
    letters: DeadLetterFile,
    encoded: readonly Buffer[],
    sender: string,
    reason: Fault,
  ): Promise<boolean> {
    try {
      await letters.keep(encoded.map(Event.fromEncoded), reason)
    } catch (error) {
      this.#refused(error)
      return false
    }
    this.#context.counters.addOwn('events_diverted', encoded.length)
    this.#asideLog.warn(
      `${this.#source} set a batch of ${encoded.length} events of ${sender} aside: ${reason.message}. ${reason.remedy}`,
    )
    this.#accepted(sender, encoded.length)
    return true
  }

  #accepted(sender: string, events: number): void {
    this.#oversized.accepted(sender, events)
    this.#refusing.clear(`${this.#source} accepts events again`)
  }

  #refused(error: unknown): void {
    this.#refusing.raise(
      `${this.#source} answered FAILED: ${messageOf(error)}`,
      error instanceof Fault ? { remedy: error.remedy } : {},
    )
  }
}
