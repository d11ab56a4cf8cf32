// One sender's connection, the server's side. Its requests are handled strictly in order, one at a time.
// After the first that is not accepted, every later one on this connection is answered FAILED without
// being handed on, until the sender has opened a new connection: that keeps the order of a sender that
// has several requests in flight. A sender that does not reopen by itself is cut off after a while, so
// that it cannot be refused for ever.
import type { Duplex } from 'node:stream'
import { Fault, messageOf } from '../errors.ts'
import { Arrival } from '../system/arrival.ts'
import type { Clock } from '../system/clock.ts'
import { itemBytes, type MemoryBudget, type MemoryShare } from '../system/memory-budget.ts'
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
import type { KnownClients } from './known-clients.ts'

/** What a server does with events: each is one encoded event; true where all are accepted. Never rejects. */
export type Handle = (events: readonly Buffer[], message: 'append' | 'appendBatch') => Promise<boolean>

export interface ServerConnectionParts {
  readonly maxRequestBytes: number
  readonly maxRequestEvents: number
  /** How long a sender may pause inside a request, and wait with taking its answers. */
  readonly stallMs: number
  /** Requests in flight offered to Millrace senders. */
  readonly window: number
  readonly clock: Clock
  readonly memory: MemoryBudget
  readonly clients: KnownClients
  readonly handle: Handle
  /** One sentence why the connection was closed, for the log. */
  complain(reason: string): void
  closed(): void
}

/** Reading pauses while this much waits to be handled. */
const maxQueued = 64
/** So many events are cut in one turn of the event loop. */
const eventsInTurn = 10_000
const maxQueuedBytes = 16 * 1024 * 1024
/** How long a request may take to arrive, ms: as at the HTTP source. */
const requestMs = 300_000
/** How long a sender that was refused may go on without reopening. */
const reopenMs = 10_000
/** How long the last answers may take to reach the sender when the server stops. */
const lingerMs = 1000

export class ServerConnection {
  readonly #stream: Duplex
  readonly #parts: ServerConnectionParts
  readonly #parser: FrameParser
  #queue: Frame[] = []
  #queuedBytes = 0
  readonly #share: MemoryShare
  /** Of the request being handled. */
  #events = 0
  readonly #gone = new AbortController()
  #reading = true
  #readSince: number
  readonly #arrival: Arrival
  /** Monotonic ms; Infinity while the sender takes its answers. */
  #unreadSince = Infinity
  #greeted = false
  #agreedWindow = 0
  #refusing = false
  /** The next reply ends the connection. */
  #lastReply = false
  #stopping = false
  /** Everything is answered that will be: what still comes is dropped. */
  #leaving = false
  #left: Promise<void> | null = null
  #closed = false
  #stopWaiting: () => void = () => {}
  /** The request being handled, and those behind it. */
  #working: Promise<void> | null = null

  constructor(stream: Duplex, parts: ServerConnectionParts) {
    this.#stream = stream
    this.#parts = parts
    this.#parser = new FrameParser(parts.maxRequestBytes)
    this.#share = parts.memory.share(() => this.#adjustReading())
    this.#readSince = parts.clock.monotonic()
    this.#arrival = new Arrival(parts.clock)
    stream.on('error', error => this.#broken(error))
    stream.on('close', () => this.#end())
    stream.on('end', () => this.#ended())
    stream.on('data', (chunk: Buffer) => this.#received(chunk))
    if (stream.destroyed) this.#end()
  }

  /** Closes the connection when its sender has paused inside a request for too long, drips, or takes no answers. */
  checkStall(now: number): void {
    const { stallMs } = this.#parts
    const seconds = Math.round(stallMs / 1000)
    const dropped = `(${this.#parser.heldBytes} bytes dropped)`
    if (this.#reading && this.#parser.midFrame && now - this.#readSince > stallMs)
      this.#refuse(`half a request arrived and then nothing for ${seconds} s ${dropped}`)
    else if (this.#arrival.ms > requestMs)
      this.#refuse(`a request was still arriving after ${requestMs / 1000} s ${dropped}`)
    else if (now - this.#unreadSince > stallMs) this.#refuse(`it has not taken its answers for ${seconds} s`)
  }

  /** Lets the request being handled end and be answered, then closes. */
  async stop(): Promise<void> {
    this.#stopping = true
    this.#stopWaiting()
    this.#gone.abort()
    this.#adjustReading()
    await this.#working
    if (!this.#closed) await (this.#left ??= this.#leave())
  }

  /**
   * Unread bytes at the close would make it a reset, and a sender that is just writing then loses answers it
   * has not read yet: what still comes is dropped until the sender closes or the time is over.
   */
  async #leave(): Promise<void> {
    this.#leaving = true
    const timer = this.#parts.clock.after(lingerMs, () => this.#stream.destroy())
    await new Promise<void>(resolve => {
      this.#stream.once('close', resolve)
      this.#stream.resume()
      this.#stream.end()
    })
    timer.cancel()
  }

  #received(chunk: Buffer): void {
    if (this.#closed || this.#leaving) return
    this.#readSince = this.#parts.clock.monotonic()
    let isWhole = false
    try {
      this.#parser.feed(chunk, frame => {
        isWhole = true
        this.#queue.push(frame)
        this.#queuedBytes += frame.message.length
      })
    } catch (error) {
      if (!(error instanceof FrameError)) throw error
      return this.#refuse(error.message)
    }
    this.#arrival.note(this.#parser.midFrame, isWhole)
    this.#settleBudget()
    if (this.#queue.length > 0) {
      this.#share.finished()
      this.#working ??= this.#work()
    }
    this.#adjustReading()
  }

  async #work(): Promise<void> {
    while (this.#queue.length > 0 && !this.#stopping && !this.#closed) {
      const frame = this.#queue.shift()!
      const reply = await this.#answer(frame)
      this.#queuedBytes -= frame.message.length
      this.#events = 0
      this.#settleBudget()
      if (reply !== null && this.#stream.writable && !this.#stream.write(reply)) await this.#drained()
      if (this.#lastReply) break
      this.#adjustReading()
    }
    this.#working = null
    if (this.#lastReply) void this.stop()
  }

  /** The reply's frame; null when the connection was closed over it. */
  async #answer({ serial, message }: Frame): Promise<Buffer | null> {
    const reader = new AvroReader(message)
    let shake: Buffer | null = null
    try {
      if (!this.#greeted) {
        const greeting = this.#parts.clients.greet(reader, this.#parts.window)
        shake = greeting.reply
        if (greeting.mismatch !== undefined) {
          this.#parts.complain(`its protocol cannot be spoken: ${greeting.mismatch}`)
          this.#lastReply = true
          return encodeError(serial, shake, `this agent cannot take your events: ${greeting.mismatch}`)
        }
        if (!greeting.known) return encodeHandshakeOnly(serial, shake)
        this.#greeted = true
        this.#agreedWindow = greeting.window
      }
      const name = decodeCallName(reader)
      if (name === '') return encodeHandshakeOnly(serial, shake ?? noBytes)
      if (name !== 'append' && name !== 'appendBatch')
        return encodeError(serial, shake, `there is no message "${name}": append and appendBatch are`)
      if (this.#refusing) return encodeStatus(serial, shake, failed)
      const events = name === 'append' ? [cutEvent(reader)] : await this.#cut(reader)
      const accepted = await this.#parts.handle(events, name)
      if (!accepted) this.#startRefusing()
      return encodeStatus(serial, shake, accepted ? ok : failed)
    } catch (error) {
      if (error instanceof Fault && error.code === 'STOPPED') return null
      if (error instanceof Fault) {
        this.#parts.complain(`${error.message}. ${error.remedy}`)
        this.#lastReply = true
        return encodeError(serial, shake, error.message)
      }
      if (!(error instanceof AvroFormatError)) throw error
      this.#refuse(
        this.#greeted ? `its request is ${error.message}` : `no Avro handshake opens it: ${error.message}`,
      )
      return null
    }
  }

  /** Counts events before they are made, and makes so many in one turn of the event loop. */
  async #cut(reader: AvroReader): Promise<Buffer[]> {
    const { maxRequestEvents, clock } = this.#parts
    const cutter = new BatchCutter(reader)
    for (let count = cutter.next(); count > 0; count = cutter.next()) {
      const events = cutter.events.length + count
      if (events > maxRequestEvents)
        throw new Fault(
          'OVER_BUDGET',
          `a request of ${events} events, and ${maxRequestEvents} are allowed (maxRequestEvents)`,
          { remedy: 'Lower the batch size of the sender, or raise maxRequestEvents of the source.' },
        )
      await this.#share.reserve('the events of a request', 0, count, this.#gone.signal)
      this.#events = events
      while (cutter.cut(eventsInTurn)) await new Promise<void>(resolve => clock.soon(resolve))
    }
    return cutter.events
  }

  #startRefusing(): void {
    this.#refusing = true
    this.#parts.clock.after(reopenMs, () => void this.stop(), { background: true })
  }

  #adjustReading(): void {
    if (this.#closed) return
    const reading =
      !this.#stopping &&
      this.#queue.length < maxQueued &&
      this.#queuedBytes < maxQueuedBytes &&
      this.#share.mayRead(this.#parser.midFrame)
    if (reading === this.#reading) return
    this.#reading = this.#arrival.isRead = reading
    if (reading) {
      this.#readSince = this.#parts.clock.monotonic()
      this.#stream.resume()
    } else this.#stream.pause()
  }

  #settleBudget(): void {
    if (!this.#closed) {
      const held = this.#parser.heldBytes + this.#queuedBytes + this.#events * itemBytes
      this.#share.add(held - this.#share.heldBytes)
    }
  }

  /** Also resolves at the stop: a sender that does not read its answers must not hold that up. */
  #drained(): Promise<void> {
    if (this.#closed || this.#stopping || !this.#stream.writableNeedDrain) return Promise.resolve()
    this.#unreadSince = this.#parts.clock.monotonic()
    return new Promise(resolve => {
      const done = () => {
        this.#unreadSince = Infinity
        this.#stream.off('drain', done)
        this.#stream.off('close', done)
        resolve()
      }
      this.#stopWaiting = done
      this.#stream.on('drain', done)
      this.#stream.on('close', done)
    })
  }

  /** The sender has closed its side. A Millrace sender sends again what was not answered; of any other, what is complete counts. */
  #ended(): void {
    // A stream that leaves closes by itself once its last bytes are out.
    if (this.#closed || this.#leaving) return
    if (this.#parser.midFrame) return this.#refuse('it ended in the middle of a request')
    if (this.#agreedWindow > 0 || this.#working === null) this.#stream.destroy()
    else void this.#working.then(() => this.stop())
  }

  #broken(error: Error & { code?: string }): void {
    if (this.#closed) return
    if (this.#leaving) return void this.#stream.destroy()
    const zlib = error.code?.startsWith('Z_') === true
    if (zlib)
      this.#refuse(
        `its bytes are no valid zlib stream (${error.message}): set compression-type the same on both sides`,
      )
    else if (this.#parser.midFrame) this.#refuse(`it broke in the middle of a request: ${messageOf(error)}`)
    else this.#stream.destroy()
  }

  #refuse(reason: string): void {
    if (this.#closed) return
    this.#parts.complain(reason)
    this.#end()
    this.#stream.destroy()
  }

  #end(): void {
    if (this.#closed) return
    this.#closed = true
    this.#queue = []
    this.#gone.abort()
    this.#share.close()
    this.#parts.closed()
  }
}

const ok = 0
const failed = 1
const noBytes = Buffer.alloc(0)
