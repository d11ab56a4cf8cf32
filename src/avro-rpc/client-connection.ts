// One connection to an Avro source, the client's side: the handshake, the window of requests in flight,
// answers by serial, time-outs. The first request goes alone and carries the handshake; how many may
// follow is agreed in it with a Millrace agent, and fixed toward every other peer.
import type { Duplex } from 'node:stream'
import { Fault, messageOf } from '../errors.ts'
import type { Clock, Timer } from '../system/clock.ts'
import { AvroFormatError, AvroReader } from '../wire/avro/binary.ts'
import { decodeReply, type Encoded, encodeAppend, encodeAppendBatch } from '../wire/avro-rpc/call.ts'
import { type Frame, FrameError, FrameParser } from '../wire/avro-rpc/frame.ts'
import {
  decodeHandshakeResponse,
  encodeHandshakeRequest,
  windowMeta,
  windowOf,
} from '../wire/avro-rpc/handshake.ts'
import {
  flumeProtocol,
  type PeerProtocol,
  ProtocolMismatch,
  protocolHash,
  protocolText,
  readProtocol,
} from '../wire/avro-rpc/protocol.ts'
import { answerOf } from './unknown-peer.ts'

export interface ClientConnectionParts {
  /** host:port, for messages. */
  readonly peer: string
  readonly requestTimeoutMs: number
  readonly window: number
  readonly flumeWindow: number
  readonly clock: Clock
  /** Who answers there, in a clause; asked where the peer closes instead of answering. */
  readonly whoIsThere: () => Promise<string | null>
  /** What the connection has around it, which a source that closes it may not have. */
  readonly layers: { readonly tls: boolean; readonly deflate: boolean }
}

interface Call {
  readonly message: 'append' | 'appendBatch'
  readonly events: readonly Encoded[]
  readonly resolve: () => void
  readonly reject: (fault: Fault) => void
  serial: number
  sentAt: number
}

/** The peer answered, but not OK. */
export class Refusal extends Fault {
  override name = 'Refusal'
  /** From the request, or the answer before, to the answer. */
  readonly tookMs: number

  constructor(message: string, tookMs: number) {
    super('PEER_REFUSED', message)
    this.tookMs = tookMs
  }
}

/** Enough to tell by who answers. */
const heardBytes = 256
/** Replies are a few bytes, at most a protocol's text. */
const maxReplyBytes = 1024 * 1024

export class ClientConnection {
  readonly #stream: Duplex
  readonly #parts: ClientConnectionParts
  readonly #parser = new FrameParser(maxReplyBytes)
  /** In the order of sending; answers nearly always come in the same order. */
  readonly #inFlight: Call[] = []
  #waiting: Call[] = []
  #serial = 0
  #greeted = false
  /** 0 before the handshake is answered: then one request may be under way. */
  #window = 0
  #pipelined = false
  #protocol: PeerProtocol = flumeProtocol
  /** The peer did not know our hash: the text goes along, and what it says its own hash is. */
  #peerHash: Buffer | null = null
  #fault: Fault | null = null
  #timer: Timer | null = null
  #lastAnswerAt = 0
  #whenDrained: (() => void)[] = []
  #whenClosed: (() => void)[] = []
  #whenGreeted: (() => void)[] = []
  /** The first bytes that came before the handshake was answered. */
  #heard: Buffer = Buffer.alloc(0)
  #isEnding = false

  constructor(stream: Duplex, parts: ClientConnectionParts) {
    this.#stream = stream
    this.#parts = parts
    const { peer } = parts
    stream.on('data', (chunk: Buffer) => this.#received(chunk))
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code?.startsWith('Z_') === true && !this.#greeted)
        return this.fail(
          this.#noSource('its answer is not compressed (compression-type = none, if it is a source)'),
        )
      if (this.#isUnanswered) return this.#closed()
      this.fail(new Fault('PEER_CLOSED', `the connection to ${peer} broke: ${messageOf(error)}`))
    })
    stream.on('end', () => this.#closed())
    stream.on('close', () => this.#closed())
  }

  get fault(): Fault | null {
    return this.#fault
  }

  get window(): number {
    return this.#window
  }

  get pipelined(): boolean {
    return this.#pipelined
  }

  onClose(run: () => void): void {
    if (this.#fault !== null) run()
    else this.#whenClosed.push(run)
  }

  /** Calls it when the peer has answered the handshake; not where it never does. */
  onGreeted(run: () => void): void {
    if (this.#greeted) run()
    else this.#whenGreeted.push(run)
  }

  /** One request. Calls keep their order; what does not fit into the window waits. */
  call(message: Call['message'], events: readonly Encoded[]): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#fault !== null) return reject(this.#fault)
      this.#waiting.push({ message, events, resolve, reject, serial: 0, sentAt: 0 })
      this.#pump()
    })
  }

  /** Resolves when nothing is outstanding, or the connection is gone. */
  drained(): Promise<void> {
    return new Promise(resolve => {
      if (this.#fault !== null || this.#outstanding === 0) resolve()
      else this.#whenDrained.push(resolve)
    })
  }

  /** Closes in peace. */
  close(): void {
    if (this.#fault !== null) return
    this.#finish(new Fault('STOPPED', `the connection to ${this.#parts.peer} is closed`))
    this.#stream.end(() => this.#stream.destroy())
  }

  /** Closes at once; everything outstanding rejects with `fault`, in order. */
  fail(fault: Fault): void {
    if (this.#fault !== null) return
    this.#finish(fault)
    this.#stream.destroy()
  }

  get #outstanding(): number {
    return this.#inFlight.length + this.#waiting.length
  }

  #finish(fault: Fault): void {
    this.#fault = fault
    this.#timer?.cancel()
    const calls = [...this.#inFlight.splice(0), ...this.#waiting.splice(0)]
    for (const call of calls) call.reject(fault)
    for (const run of [...this.#whenDrained.splice(0), ...this.#whenClosed.splice(0)]) run()
  }

  #pump(): void {
    if (this.#isEnding) return
    while (this.#waiting.length > 0 && this.#inFlight.length < Math.max(1, this.#window)) {
      const call = this.#waiting.shift()!
      this.#inFlight.push(call)
      this.#send(call)
    }
  }

  #send(call: Call): void {
    call.serial = this.#serial = (this.#serial % 0x7fffffff) + 1
    call.sentAt = this.#parts.clock.monotonic()
    const handshake = this.#greeted ? null : this.#handshake()
    const pieces =
      call.message === 'append'
        ? encodeAppend(call.serial, handshake, call.events[0]!)
        : encodeAppendBatch(call.serial, handshake, call.events)
    this.#stream.cork()
    for (const piece of pieces) this.#stream.write(piece)
    this.#stream.uncork()
    this.#timer ??= this.#expectAnswer(this.#parts.requestTimeoutMs)
  }

  #handshake(): Buffer {
    const { window } = this.#parts
    return encodeHandshakeRequest({
      clientHash: protocolHash,
      clientProtocol: this.#peerHash === null ? null : protocolText,
      serverHash: this.#peerHash ?? protocolHash,
      meta: window > 1 ? windowMeta(window) : new Map(),
    })
  }

  /** One timer for all: it looks at the oldest request when it goes off. */
  #expectAnswer(delayMs: number): Timer {
    const { clock, requestTimeoutMs, peer } = this.#parts
    return clock.after(
      delayMs,
      () => {
        this.#timer = null
        const [oldest] = this.#inFlight
        if (oldest === undefined) return
        const since = Math.max(oldest.sentAt, this.#lastAnswerAt)
        const leftMs = since + requestTimeoutMs - clock.monotonic()
        if (leftMs > 0) this.#timer = this.#expectAnswer(Math.ceil(leftMs))
        else
          this.fail(
            new Fault(
              'PEER_TIMEOUT',
              this.#greeted
                ? `no answer from ${peer} within ${requestTimeoutMs} ms (request-timeout); the events are sent again and may arrive twice`
                : `no answer from ${peer} within ${requestTimeoutMs} ms (request-timeout), not even to the handshake`,
              this.#greeted
                ? {}
                : {
                    remedy:
                      'See whether a Flume Avro source listens on this port, and whether it is overloaded.',
                  },
            ),
          )
      },
      { background: true },
    )
  }

  #received(chunk: Buffer): void {
    if (!this.#greeted && this.#heard.length < heardBytes) this.#heard = Buffer.concat([this.#heard, chunk])
    try {
      this.#parser.feed(chunk, frame => this.#answered(frame))
    } catch (error) {
      if (
        !(error instanceof FrameError) &&
        !(error instanceof AvroFormatError) &&
        !(error instanceof ProtocolMismatch)
      )
        throw error
      const what = this.#greeted ? null : answerOf(this.#heard)
      this.fail(this.#noSource(what ?? error.message))
    }
  }

  #noSource(what: string): Fault {
    return new Fault('PROTOCOL', `${this.#parts.peer} is no Flume Avro source: ${what}`, {
      remedy: 'Correct hostname and port.',
    })
  }

  /** The first request is out, and nobody has answered its handshake. */
  get #isUnanswered(): boolean {
    return !this.#greeted && this.#inFlight.length > 0
  }

  /** Who closes the connection instead of answering the first request is asked once more who it is. */
  #closed(): void {
    const { peer, whoIsThere, layers } = this.#parts
    if (this.#fault !== null || this.#isEnding) return
    if (!this.#isUnanswered) return this.fail(new Fault('PEER_CLOSED', `${peer} closed the connection`))
    this.#isEnding = true
    const what = answerOf(this.#heard)
    if (what !== null) return this.fail(this.#noSource(what))
    const expected = [
      ...(layers.tls ? [] : ['TLS (ssl = true)']),
      layers.deflate ? 'no compression' : 'compression (compression-type = deflate)',
    ]
    void whoIsThere().then(who =>
      this.fail(
        who !== null
          ? this.#noSource(who)
          : new Fault('PEER_CLOSED', `${peer} closed the connection instead of answering the handshake`, {
              remedy: `See whether a Flume Avro source listens on this port, whether it expects ${expected.join(' or ')}, and its log.`,
            }),
      ),
    )
  }

  #answered({ serial, message }: Frame): void {
    if (this.#fault !== null) return
    const index =
      this.#inFlight[0]?.serial === serial ? 0 : this.#inFlight.findIndex(c => c.serial === serial)
    const call = this.#inFlight[index]
    if (call === undefined) throw new FrameError(`it answered request ${serial}, which is not outstanding`)
    const reader = new AvroReader(message)
    if (!this.#greeted && !this.#shakeHands(reader)) return this.#send(call)
    const now = this.#parts.clock.monotonic()
    const tookMs = now - Math.max(call.sentAt, this.#lastAnswerAt)
    this.#lastAnswerAt = now
    // As long as its reply may turn out to be none, the call is one of those that a fault rejects.
    const refusal = this.#refusalIn(reader, tookMs)
    this.#inFlight.splice(index, 1)
    if (refusal !== null) {
      call.reject(refusal)
      return this.fail(refusal)
    }
    call.resolve()
    this.#pump()
    if (this.#outstanding === 0) for (const run of this.#whenDrained.splice(0)) run()
  }

  /** False where the peer does not know us yet: the same call is to be sent again, with the text. */
  #shakeHands(reader: AvroReader): boolean {
    const answer = decodeHandshakeResponse(reader)
    // It comes once, with NONE or with CLIENT.
    if (answer.serverProtocol !== null) this.#protocol = readProtocol(answer.serverProtocol)
    if (answer.match === 'NONE') {
      if (this.#peerHash !== null) throw new ProtocolMismatch('it does not accept our protocol')
      this.#peerHash = answer.serverHash ?? protocolHash
      return false
    }
    this.#greeted = true
    for (const run of this.#whenGreeted.splice(0)) run()
    const agreed = windowOf(answer.meta)
    this.#pipelined = agreed > 0
    this.#window = Math.max(1, agreed > 0 ? Math.min(agreed, this.#parts.window) : this.#parts.flumeWindow)
    return true
  }

  #refusalIn(reader: AvroReader, tookMs: number): Fault | null {
    const reply = decodeReply(reader)
    const { peer } = this.#parts
    if ('error' in reply) return new Fault('PEER_REFUSED', `${peer} answered with an error: ${reply.error}`)
    const status = this.#protocol.statuses[reply.status] ?? `status ${reply.status}`
    if (status === 'OK') return null
    return new Refusal(`${peer} answered ${status}: its channel did not take the events`, tookMs)
  }
}
