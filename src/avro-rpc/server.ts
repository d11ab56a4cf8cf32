// The Avro RPC server: what its connections share (the clients known by hash), and what one of them speaks.
//
// After the first request that is not accepted, every later one on its connection is answered FAILED without being
// handed on, until the sender has opened a new connection: that keeps the order of a sender that has several requests in
// flight. A sender that does not reopen by itself is cut off after a while, so that it cannot be refused for ever.
import { Fault } from '../errors.ts'
import {
  type Answer,
  type Dialect,
  type EventsRequest,
  type Handle,
  RequestError,
  type Reserve,
  tooManyEvents,
} from '../rpc-server/rpc-connection.ts'
import { RpcServer, type ServerPlace } from '../rpc-server/rpc-server.ts'
import type { TlsContext } from '../system/tls.ts'
import { AvroFormatError, AvroReader } from '../wire/avro/binary.ts'
import {
  BatchCutter,
  cutEvent,
  decodeCallName,
  encodeError,
  encodeHandshakeOnly,
  encodeStatus,
} from '../wire/avro-rpc/call.ts'
import { type Frame, FrameError, FrameParser } from '../wire/avro-rpc/frame.ts'
import { KnownClients } from './known-clients.ts'
import { serverLayers } from './layers.ts'

export interface AvroDialectOptions extends Pick<ServerPlace, 'clock'> {
  /** Longest message taken; longer ones close the connection before anything is stored. */
  readonly maxRequestBytes: number
  /** Most events of one request; one with more is answered with an error, and its connection closed. */
  readonly maxRequestEvents: number
  /** Requests a Millrace sender may have in flight; 0 agrees to none. */
  readonly window: number
  readonly handle: Handle
  /** Handles several requests that wait as one; false: nothing was taken, and each is to be handled alone. Never rejects. */
  readonly handleTogether?: (requests: readonly EventsRequest[], sender: string) => Promise<boolean>
}

export interface AvroServerOptions extends ServerPlace, AvroDialectOptions {
  readonly deflate: boolean
  readonly tls: TlsContext | null
}

export class AvroServer extends RpcServer {
  constructor(options: AvroServerOptions) {
    const clients = new KnownClients()
    super({
      ...options,
      protocol: 'Avro',
      layers: (stream, signal) => serverLayers(stream, options, signal),
      dialect: sender => new AvroDialect(options, clients, sender),
    })
  }
}

/** So many events are cut in one turn of the event loop. */
const eventsInTurn = 10_000
/** Requests that wait are handled together while they have fewer events and bytes. */
const together = { events: 1000, bytes: 1024 * 1024 }

export class AvroDialect implements Dialect<Frame> {
  readonly parser: Dialect<Frame>['parser']
  readonly #options: AvroDialectOptions
  readonly #clients: KnownClients
  readonly #sender: string
  #greeted = false
  #agreedWindow = 0
  #refusing = false
  /** So many requests are handled alone: together they could not be. */
  #alone = 0
  /** Of the request being handled, where it begins with a handshake. */
  #shake: Buffer | null = null

  constructor(options: AvroDialectOptions, clients: KnownClients, sender: string) {
    this.#options = options
    this.#clients = clients
    this.#sender = sender
    const parser = new FrameParser(options.maxRequestBytes)
    this.parser = {
      get heldBytes() {
        return parser.heldBytes
      },
      get midFrame() {
        return parser.midFrame
      },
      feed: (chunk, each) => {
        try {
          parser.feed(chunk, each)
        } catch (error) {
          throw error instanceof FrameError ? new RequestError(error.message) : error
        }
      },
    }
  }

  get resends(): boolean {
    return this.#agreedWindow > 0
  }

  refuse({ serial }: Frame, { message }: Fault): Buffer {
    return encodeError(serial, this.#shake, message)
  }

  async answer({ serial, message }: Frame, reserve: Reserve, behind: readonly Frame[]): Promise<Answer> {
    const { handle, window } = this.#options
    const reader = new AvroReader(message)
    this.#shake = null
    try {
      if (!this.#greeted) {
        const greeting = this.#clients.greet(reader, window)
        this.#shake = greeting.reply
        if (greeting.mismatch !== undefined)
          return {
            bytes: encodeError(
              serial,
              this.#shake,
              `this agent cannot take your events: ${greeting.mismatch}`,
            ),
            complaint: `its protocol cannot be spoken: ${greeting.mismatch}`,
          }
        if (!greeting.known) return { bytes: encodeHandshakeOnly(serial, this.#shake) }
        this.#greeted = true
        this.#agreedWindow = greeting.window
      }
      const name = decodeCallName(reader)
      if (name === '') return { bytes: encodeHandshakeOnly(serial, this.#shake ?? noBytes) }
      if (name !== 'append' && name !== 'appendBatch')
        return {
          bytes: encodeError(
            serial,
            this.#shake,
            `there is no message "${name}": append and appendBatch are`,
          ),
        }
      if (this.#refusing) return { bytes: encodeStatus(serial, this.#shake, failed) }
      const events = name === 'append' ? [cutEvent(reader)] : await this.#cut(reader, reserve)
      const also = await this.#handleTogether({ message: name, events }, behind, reserve)
      if (also > 0) {
        const serials = [serial, ...behind.slice(0, also).map(frame => frame.serial)]
        const answers = serials.map((one, index) => encodeStatus(one, index === 0 ? this.#shake : null, ok))
        return { bytes: Buffer.concat(answers), also }
      }
      const accepted = await handle(events, name, this.#sender)
      this.#refusing = !accepted
      return { bytes: encodeStatus(serial, this.#shake, accepted ? ok : failed), mustReopen: !accepted }
    } catch (error) {
      if (!(error instanceof AvroFormatError)) throw error
      throw new RequestError(
        this.#greeted ? `its request is ${error.message}` : `no Avro handshake opens it: ${error.message}`,
      )
    }
  }

  /**
   * Each alone waits for a sync of its own in the channel. Gives how many of those behind were handled along: 0 where the first is
   * to be handled alone.
   */
  async #handleTogether(first: EventsRequest, behind: readonly Frame[], reserve: Reserve): Promise<number> {
    const { handleTogether } = this.#options
    if (handleTogether === undefined || this.#alone-- > 0) return 0
    this.#alone = 0
    const requests = [first]
    let { length: events } = first.events
    let bytes = 0
    for (const { message } of behind.slice()) {
      bytes += message.length
      if (events >= together.events || bytes >= together.bytes) break
      const request = await this.#readBehind(message, reserve)
      if (request === null) break
      requests.push(request)
      events += request.events.length
    }
    if (requests.length === 1) return 0
    if (await handleTogether(requests, this.#sender)) return requests.length - 1
    this.#alone = requests.length - 1
    return 0
  }

  /** Null where it is to be answered by itself, whatever is wrong with it. */
  async #readBehind(message: Buffer, reserve: Reserve): Promise<EventsRequest | null> {
    try {
      const reader = new AvroReader(message)
      const name = decodeCallName(reader)
      if (name !== 'append' && name !== 'appendBatch') return null
      return {
        message: name,
        events: name === 'append' ? [cutEvent(reader)] : await this.#cut(reader, reserve),
      }
    } catch (error) {
      if (error instanceof AvroFormatError || error instanceof Fault) return null
      throw error
    }
  }

  /** Counts events before they are made, and makes so many in one turn of the event loop. */
  async #cut(reader: AvroReader, reserve: Reserve): Promise<Buffer[]> {
    const { maxRequestEvents, clock } = this.#options
    const cutter = new BatchCutter(reader)
    for (let count = cutter.next(); count > 0; count = cutter.next()) {
      const events = cutter.events.length + count
      if (events > maxRequestEvents) throw tooManyEvents(events, maxRequestEvents)
      await reserve(count)
      while (cutter.cut(eventsInTurn)) await new Promise<void>(resolve => clock.soon(resolve))
    }
    return cutter.events
  }
}

const ok = 0
const failed = 1
const noBytes = Buffer.alloc(0)
