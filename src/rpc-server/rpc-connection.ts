// One sender's connection, the server's side, whatever protocol (`Dialect`) it speaks. Its requests are handled strictly
// in order, one at a time or those that wait together, within the memory budget. A sender that stalls, drips or takes no answers is cut off.
import type { Duplex } from 'node:stream'
import { Fault, messageOf } from '../errors.ts'
import { Arrival } from '../system/arrival.ts'
import type { Clock } from '../system/clock.ts'
import { itemBytes, type MemoryBudget, type MemoryShare } from '../system/memory-budget.ts'

/** What a sender sends is none of what it should be: its connection is closed. The message completes "closed …: ". */
export class RequestError extends Error {
  override name = 'RequestError'
}

/** Why a request of so many events is refused where `most` are allowed. */
export const tooManyEvents = (events: number, most: number): Fault =>
  new Fault('OVER_BUDGET', `a request of ${events} events, and ${most} are allowed (maxRequestEvents)`, {
    remedy: 'Lower the batch size of the sender, or raise maxRequestEvents of the source.',
  })

/** What a server does with events: each is one encoded event; true where all are accepted. Never rejects. */
export type Handle = (
  events: readonly Buffer[],
  message: 'append' | 'appendBatch',
  /** host:port. */
  sender: string,
) => Promise<boolean>

/** A request as it was read. */
export interface EventsRequest {
  readonly message: 'append' | 'appendBatch'
  readonly events: readonly Buffer[]
}

/** Waits until there is room for so many events beyond those before, and for bytes that are made beside the request. */
export type Reserve = (events: number, bytes?: number) => Promise<void>

/** The bytes of one request. */
export interface Request {
  readonly message: Buffer
}

export interface Answer {
  /** The bytes; empty where nothing is answered. */
  readonly bytes: Buffer
  /** The connection ends with it, for this reason. */
  readonly complaint?: string
  /** The sender should open a new connection, and is cut off after a while where it does not. */
  readonly mustReopen?: boolean
  /** How many of the requests behind are answered by the same bytes; none where absent. */
  readonly also?: number
}

/** A protocol, on one connection. */
export interface Dialect<R extends Request = Request> {
  /** Cuts the stream into requests; holds no more than what has arrived. */
  readonly parser: {
    /** Bytes held of a request that is not complete. */
    readonly heldBytes: number
    /** True inside a request, from its first byte on. */
    readonly midFrame: boolean
    /** Calls `each` for every request that the bytes complete. Throws RequestError. */
    feed(chunk: Buffer, each: (request: R) => void): void
  }
  /**
   * Handles a request. `reserve` comes before events are made. What waits `behind` may be handled along: the first of it, in
   * order. Rejects with RequestError, or with a Fault of `reserve`.
   */
  answer(request: R, reserve: Reserve, behind: readonly R[]): Promise<Answer>
  /** The answer to a request that a Fault keeps from being handled; the connection ends with it. */
  refuse(request: R, fault: Fault): Buffer
  /** Whether a sender that ends its side without waiting sends again what was not answered. */
  readonly resends: boolean
}

export interface RpcConnectionParts {
  readonly dialect: Dialect
  /** How long a sender may pause inside a request, and wait with taking its answers. */
  readonly stallMs: number
  readonly clock: Clock
  readonly memory: MemoryBudget
  /** One sentence why the connection was closed, for the log. */
  complain(reason: string): void
  closed(): void
}

/** Reading pauses while this much waits to be handled. */
const maxQueued = 64
const maxQueuedBytes = 16 * 1024 * 1024
/** How long a request may take to arrive, ms: as at the HTTP source. */
const requestMs = 300_000
/** How long a sender that was refused may go on without reopening. */
const reopenMs = 10_000
/** How long the last answers may take to reach the sender when the server stops. */
const lingerMs = 1000

const unanswered = { reply: null, also: 0 }

export class RpcConnection {
  readonly #stream: Duplex
  readonly #parts: RpcConnectionParts
  readonly #parser: Dialect['parser']
  #queue: Request[] = []
  #queuedBytes = 0
  readonly #share: MemoryShare
  /** Beside the request that is being handled, for its events. */
  #madeBytes = 0
  readonly #gone = new AbortController()
  #reading = true
  #readSince: number
  readonly #arrival: Arrival
  /** Monotonic ms; Infinity while the sender takes its answers. */
  #unreadSince = Infinity
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

  constructor(stream: Duplex, parts: RpcConnectionParts) {
    this.#stream = stream
    this.#parts = parts
    this.#parser = parts.dialect.parser
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
      if (!(error instanceof RequestError)) throw error
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
      const { reply, also } = await this.#answer(frame)
      for (const one of [frame, ...this.#queue.splice(0, also)]) this.#queuedBytes -= one.message.length
      this.#madeBytes = 0
      this.#settleBudget()
      if (reply !== null && this.#stream.writable && !this.#stream.write(reply)) await this.#drained()
      if (this.#lastReply) break
      this.#adjustReading()
    }
    this.#working = null
    if (this.#lastReply) void this.stop()
  }

  /** The reply; null when the connection was closed over it. */
  async #answer(request: Request): Promise<{ reply: Buffer | null; also: number }> {
    const { dialect, complain, clock } = this.#parts
    try {
      const reserve: Reserve = (events, bytes) => this.#reserve(events, bytes)
      const { bytes, complaint, mustReopen, also = 0 } = await dialect.answer(request, reserve, this.#queue)
      if (complaint !== undefined) complain(complaint)
      this.#lastReply = complaint !== undefined
      if (mustReopen === true) clock.after(reopenMs, () => void this.stop(), { background: true })
      return { reply: bytes, also }
    } catch (error) {
      if (error instanceof Fault && error.code === 'STOPPED') return unanswered
      if (error instanceof Fault) {
        complain(`${error.message}. ${error.remedy}`)
        this.#lastReply = true
        return { reply: dialect.refuse(request, error), also: 0 }
      }
      if (!(error instanceof RequestError)) throw error
      this.#refuse(error.message)
      return unanswered
    }
  }

  async #reserve(events: number, bytes = 0): Promise<void> {
    await this.#share.reserve('the events of a request', bytes, events, this.#gone.signal)
    this.#madeBytes += bytes + events * itemBytes
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
      const held = this.#parser.heldBytes + this.#queuedBytes + this.#madeBytes
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
    if (this.#parts.dialect.resends || this.#working === null) this.#stream.destroy()
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
