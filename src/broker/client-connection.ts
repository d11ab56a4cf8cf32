// One client's connection. Requests are answered in the order in which they came. The next one is begun
// when the one before is answered, but for Produce: several in flight share one sync.
import type { Duplex } from 'node:stream'
import { Arrival } from '../system/arrival.ts'
import type { Clock, Timer } from '../system/clock.ts'
import type { MemoryBudget, MemoryShare } from '../system/memory-budget.ts'
import { Fault, messageOf } from '../errors.ts'
import { peekRequestHeader } from '../wire/kafka/api.ts'
import { FormatError } from '../wire/kafka/format-error.ts'
import { otherProtocol } from '../wire/other-protocols.ts'
import { FrameReader } from '../wire/kafka/frame-reader.ts'
import { produce } from '../wire/kafka/messages/produce.ts'

/** What an answer is made with. */
export interface Answering {
  /** Aborted when the connection is gone or the broker stops. */
  readonly signal: AbortSignal
  /** What is held for the answer until it has left. */
  readonly memory: MemoryShare
  /** Of a Produce: its records are in their order, and the next one may begin. */
  begun(): void
}

export interface ConnectionParts {
  readonly clock: Clock
  readonly maxRequestBytes: number
  readonly memory: MemoryBudget
  /**
   * The bytes of the answer, in parts; null for none. Rejects with FormatError where the request cannot be
   * understood, and with OVER_BUDGET where it asks for more than fits.
   */
  answer(request: Buffer, answering: Answering): Promise<readonly Uint8Array[] | null>
  /** The answer has left; nothing here holds its parts any more. */
  sent?(parts: readonly Uint8Array[]): void
  /** Smallest request; absent: a header. Tokens of a login may be smaller. */
  readonly leastBytes?: number | undefined
  /** Whether the connection ends once the answer is sent. */
  isOver?(): boolean
  /** One sentence why the connection was closed. */
  complain(reason: string): void
  closed(): void
}

/** The smallest request header: key, version, correlation id. */
const headerBytes = 8
/** Reading pauses while this much waits to be begun. */
const maxQueued = 64
/** A client that has not taken an answer after so long is closed where others wait for its memory, ms. */
const stalledMs = 5000

export class ClientConnection {
  readonly #stream: Duplex
  readonly #parts: ConnectionParts
  readonly #frames = new FrameReader({
    eagerBytes: 0,
    accept: (size, bytes) => this.#accepts(size, bytes),
    take: request => {
      this.#isWhole = true
      this.#queue.push(request)
      this.#heldByRequests += request.length
    },
  })
  readonly #gone = new AbortController()
  #queue: Buffer[] = []
  /** Requests begun and not answered: how many, and whether all of them are Produce. */
  #underWay = 0
  #onlyProduce = true
  /** The newest of them is not in order yet. */
  #isBeginning = false
  /** Answers leave one after the other. */
  #sending: Promise<void> = Promise.resolve()
  readonly #share: MemoryShare
  #heldByRequests = 0
  #stopping = false
  #lastRead: number
  readonly #arrival: Arrival
  /** A request has been read to its end in this turn. */
  #isWhole = false
  /** Since when an answer waits to be taken, monotonic ms; Infinity: none does. */
  #unreadSince = Infinity

  constructor(stream: Duplex, parts: ConnectionParts) {
    this.#stream = stream
    this.#parts = parts
    this.#lastRead = parts.clock.monotonic()
    this.#arrival = new Arrival(parts.clock)
    this.#share = parts.memory.share(() => this.#adjustReading())
    stream.on('error', () => {}) // a close follows
    stream.on('close', () => this.#end())
    stream.on('data', (chunk: Buffer) => this.#received(chunk))
    if (stream.destroyed) this.#end()
  }

  /** Closes it where for so long nothing came, one request has been arriving, or one answer is not taken. */
  checkIdle(mostMs: number): void {
    const now = this.#parts.clock.monotonic()
    const limit = `${mostMs / 1000} s (connections.max.idle.ms)`
    if (this.#arrival.ms > mostMs) this.#refuse(`a request was still arriving after ${limit}`)
    else if (now - this.#unreadSince > mostMs) this.#refuse(`it has not taken an answer for ${limit}`)
    else if (this.#underWay === 0 && !this.#stream.isPaused() && now - this.#lastRead > mostMs) this.destroy()
  }

  /** Ends waiting, lets what was begun be answered, and closes. */
  async stop(): Promise<void> {
    if (this.#stopping) return
    this.#stopping = true
    this.#queue = []
    this.#stream.pause()
    this.#gone.abort('gone')
    await this.#sending
    if (!this.#stream.destroyed) this.#stream.end(() => this.#stream.destroy())
  }

  /** Closes at once. */
  destroy(): void {
    this.#stream.destroy()
  }

  #received(chunk: Buffer): void {
    if (this.#stopping || this.#gone.signal.aborted) return
    this.#lastRead = this.#parts.clock.monotonic()
    this.#isWhole = false
    this.#frames.read(chunk)
    this.#arrival.note(this.#frames.isWithin, this.#isWhole)
    if (this.#stream.destroyed) return
    this.#charge()
    this.#begin()
    this.#adjustReading()
  }

  #accepts(size: number, bytes: Buffer): boolean {
    const { leastBytes = headerBytes, maxRequestBytes } = this.#parts
    if (size >= leastBytes && size <= maxRequestBytes) return true
    const other = otherProtocol(bytes)
    this.#refuse(
      other !== null
        ? `its first bytes look like ${other}, and this port expects Kafka's protocol${other === 'TLS' ? ' without TLS: set security.protocol of the client to the protocol of this listener (listener.security.protocol.map)' : ': correct the port at the client'}`
        : `a request claims ${size} bytes, and ${leastBytes} to ${maxRequestBytes} are allowed (socket.request.max.bytes); is this a Kafka client?`,
    )
    return false
  }

  #begin(): void {
    while (this.#queue.length > 0 && !this.#stopping && !this.#gone.signal.aborted) {
      const [next] = this.#queue
      const isProduce = next!.length > 1 && next!.readInt16BE(0) === produce.key
      if (this.#underWay > 0 && (!(isProduce && this.#onlyProduce) || this.#isBeginning)) return
      const request = this.#queue.shift()!
      this.#onlyProduce = isProduce
      this.#underWay++
      this.#isBeginning = true
      const memory = this.#parts.memory.share()
      let isCalling = true
      const begun = () => {
        this.#isBeginning = false
        if (!isCalling) this.#begin()
      }
      const answered = this.#parts.answer(request, { signal: this.#gone.signal, memory, begun })
      isCalling = false
      answered.catch(() => {}) // told below, in its turn
      this.#sending = this.#sending.then(() => this.#send(request, answered, memory))
    }
  }

  async #send(
    request: Buffer,
    answered: Promise<readonly Uint8Array[] | null>,
    memory: MemoryShare,
  ): Promise<void> {
    try {
      const parts = await answered
      if (parts !== null && this.#stream.writable) {
        memory.add(parts.reduce((sum, part) => sum + part.length, 0) - memory.heldBytes)
        if (!this.#write(parts)) await this.#drained()
      }
    } catch (error) {
      this.#refuse(
        error instanceof FormatError
          ? `its request cannot be understood: ${messageOf(error)}`
          : error instanceof Fault && (error.code === 'OVER_BUDGET' || error.code === 'STOPPED')
            ? `${nameOf(request)} is not answered: ${error.message}`
            : `answering ${nameOf(request)} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      )
    }
    memory.close()
    if (this.#underWay === 1) this.#isBeginning = false
    if (this.#parts.isOver?.() === true) this.#stream.end(() => this.#stream.destroy())
    this.#underWay--
    this.#heldByRequests -= request.length
    this.#charge()
    this.#begin()
    this.#adjustReading()
  }

  /** In one go; false where the client takes it slower than it is made. */
  #write(parts: readonly Uint8Array[]): boolean {
    const sent = (error?: Error | null) => {
      if (!error) this.#parts.sent?.(parts)
    }
    if (parts.length > 1) this.#stream.cork()
    let takesMore = true
    for (const [index, part] of parts.entries())
      takesMore = this.#stream.write(part, index === parts.length - 1 ? sent : undefined)
    if (parts.length > 1) this.#stream.uncork()
    return takesMore
  }

  #drained(): Promise<void> {
    this.#unreadSince = this.#parts.clock.monotonic()
    return new Promise(resolve => {
      const watch = (): Timer =>
        this.#parts.clock.after(
          stalledMs,
          () => {
            if (this.#parts.memory.waiting === 0) timer = watch()
            else
              this.#refuse(
                `it has not taken its answer for ${stalledMs / 1000} s, and others need the memory`,
              )
          },
          { background: true },
        )
      let timer = watch()
      const done = () => {
        timer.cancel()
        this.#unreadSince = Infinity
        this.#stream.off('drain', done)
        this.#stream.off('close', done)
        resolve()
      }
      this.#stream.on('drain', done)
      this.#stream.on('close', done)
    })
  }

  #adjustReading(): void {
    if (this.#gone.signal.aborted || this.#stopping) return
    const reads =
      this.#queue.length < maxQueued &&
      this.#heldByRequests < this.#parts.maxRequestBytes &&
      this.#share.mayRead(this.#frames.heldBytes > 0)
    this.#arrival.isRead = reads
    if (reads === !this.#stream.isPaused()) return
    this.#lastRead = this.#parts.clock.monotonic()
    if (reads) this.#stream.resume()
    else this.#stream.pause()
  }

  #charge(): void {
    const held = this.#stream.destroyed ? 0 : this.#frames.heldBytes + this.#heldByRequests
    this.#share.add(held - this.#share.heldBytes)
    if (this.#frames.heldBytes === 0) this.#share.finished()
  }

  #refuse(reason: string): void {
    if (this.#stream.destroyed) return
    this.#parts.complain(reason)
    this.#stream.destroy()
  }

  #end(): void {
    this.#gone.abort('gone')
    this.#queue = []
    this.#share.close()
    this.#parts.closed()
  }
}

function nameOf(request: Buffer): string {
  const { apiKey, version } = peekRequestHeader(request)
  return `API ${apiKey} version ${version}`
}
