// The Thrift client: one connection to a Flume or Millrace Thrift source, with one request under way. After any failure the
// connection is closed, and the owner connects anew.
import type { Duplex } from 'node:stream'
import { whereOf } from '../address.ts'
import { Refusal } from '../avro-rpc/client-connection.ts'
import { answerOf } from '../avro-rpc/unknown-peer.ts'
import { connectLayered, type ConnectOptions, defaultTimeoutMs } from '../avro-rpc/connecting.ts'
import { Fault, messageOf } from '../errors.ts'
import type { Clock } from '../system/clock.ts'
import { FrameReader } from '../wire/kafka/frame-reader.ts'
import { decodeReply, encodeAppendBatch, type ThriftEvent } from '../wire/thrift/flume-calls.ts'
import { type ThriftEncoding, ThriftFormatError } from '../wire/thrift/thrift-reader.ts'

/** Where a Thrift source listens, and what it speaks. */
export interface ThriftClientOptions extends Omit<ConnectOptions, 'deflateLevel' | 'layering'> {
  /** `compact` where absent. */
  readonly encoding?: ThriftEncoding
  /** For the answer to a request; 20 s where absent. */
  readonly requestTimeoutMs?: number
}

/** Connects. Rejects with PEER_UNREACHABLE, PEER_TIMEOUT, TLS or STOPPED, naming host:port. */
export function connectThrift(options: ThriftClientOptions): Promise<ThriftClient> {
  return connectLayered(
    options,
    'Flume Thrift source',
    (stream, to) =>
      new ThriftClient(stream, {
        peer: whereOf(to),
        encoding: options.encoding ?? 'compact',
        requestTimeoutMs: options.requestTimeoutMs ?? defaultTimeoutMs,
        clock: options.clock,
      }),
  )
}

interface ThriftClientParts {
  /** host:port, for messages. */
  readonly peer: string
  readonly encoding: ThriftEncoding
  readonly requestTimeoutMs: number
  readonly clock: Clock
}

interface Call {
  readonly seqid: number
  readonly sentAt: number
  readonly settle: (fault: Fault | null) => void
}

/** Answers are a few bytes. */
const maxReplyBytes = 1024 * 1024

/** A connection to a Thrift source; made by `connectThrift`. */
export class ThriftClient {
  readonly #stream: Duplex
  readonly #parts: ThriftClientParts
  readonly #frames: FrameReader
  #call: Call | null = null
  #seqid = 0
  #fault: Fault | null = null
  readonly #whenClosed: (() => void)[] = []

  constructor(stream: Duplex, parts: ThriftClientParts) {
    const { peer } = parts
    this.#stream = stream
    this.#parts = parts
    this.#frames = new FrameReader({
      eagerBytes: 0,
      accept: (size, bytes) => {
        if (size >= 0 && size <= maxReplyBytes && this.#call !== null) return true
        this.#noSource(answerOf(bytes) ?? 'its answer is no frame of Thrift')
        return false
      },
      take: frame => this.#answered(frame),
    })
    stream.on('data', (chunk: Buffer) => this.#frames.read(chunk))
    stream.on('error', error =>
      this.destroy(new Fault('PEER_CLOSED', `the connection to ${peer} broke: ${messageOf(error)}`)),
    )
    for (const end of ['end', 'close']) stream.on(end, () => this.#closed())
  }

  /** Why the connection is no more; null while it stands. */
  get fault(): Fault | null {
    return this.#fault
  }

  /** Calls it when the connection is no more. */
  onClose(run: () => void): void {
    if (this.#fault === null) this.#whenClosed.push(run)
    else run()
  }

  /**
   * One request, when the one before is answered. Resolves when the source has the events in its channels. Rejects with a
   * Refusal where it answered and did not take them, else with why the connection is no more.
   */
  appendBatch(events: readonly ThriftEvent[]): Promise<void> {
    const { clock, encoding, peer, requestTimeoutMs } = this.#parts
    if (this.#call !== null) throw new Error('a request is under way')
    if (this.#fault !== null) return Promise.reject(this.#fault)
    const seqid = (this.#seqid = (this.#seqid % 0x7fffffff) + 1)
    const pieces = encodeAppendBatch(encoding, seqid, events)
    return new Promise((resolve, reject) => {
      const timer = clock.after(requestTimeoutMs, () =>
        this.destroy(
          new Fault(
            'PEER_TIMEOUT',
            `no answer from ${peer} within ${requestTimeoutMs} ms (request-timeout); the events are sent again and may arrive twice`,
          ),
        ),
      )
      const settle = (fault: Fault | null): void => {
        timer.cancel()
        this.#call = null
        if (fault === null) resolve()
        else reject(fault)
      }
      this.#call = { seqid, sentAt: clock.monotonic(), settle }
      this.#stream.cork()
      for (const piece of pieces) this.#stream.write(piece)
      this.#stream.uncork()
    })
  }

  /** Closes in peace; a request that is under way rejects. */
  close(): void {
    if (this.#fault !== null) return
    this.#end(new Fault('STOPPED', `the connection to ${this.#parts.peer} is closed`))
    this.#stream.end(() => this.#stream.destroy())
  }

  /** Closes at once; a request that is under way rejects with `fault`. */
  destroy(fault: Fault): void {
    if (this.#fault !== null) return
    this.#end(fault)
    this.#stream.destroy()
  }

  #end(fault: Fault): void {
    this.#fault = fault
    this.#frames.end()
    this.#call?.settle(fault)
    for (const run of this.#whenClosed.splice(0)) run()
  }

  #closed(): void {
    const { peer, encoding } = this.#parts
    const isUnanswered = this.#call !== null
    this.destroy(
      new Fault(
        'PEER_CLOSED',
        `${peer} closed the connection${isUnanswered ? ' instead of answering' : ''}`,
        isUnanswered
          ? {
              remedy: `See whether a Flume Thrift source with protocol = ${encoding} and the same ssl listens on this port, and its log.`,
            }
          : {},
      ),
    )
  }

  #noSource(what: string): void {
    this.destroy(
      new Fault('PROTOCOL', `${this.#parts.peer} is no Flume Thrift source: ${what}`, {
        remedy: 'Correct hostname and port; protocol and ssl must be those of the source.',
      }),
    )
  }

  #answered(frame: Buffer): void {
    const call = this.#call
    if (call === null) return this.#noSource('it answered without a request')
    const { peer, encoding, clock } = this.#parts
    let reply: ReturnType<typeof decodeReply>
    try {
      reply = decodeReply(frame, encoding)
    } catch (error) {
      if (!(error instanceof ThriftFormatError)) throw error
      return this.#noSource(`its answer is ${error.message}`)
    }
    if (reply.seqid !== call.seqid)
      return this.#noSource(`it answered request ${reply.seqid}, which is not outstanding`)
    if ('error' in reply)
      return this.destroy(new Fault('PEER_REFUSED', `${peer} answered with an error: ${reply.error}`))
    const tookMs = clock.monotonic() - call.sentAt
    call.settle(
      reply.status === 'OK'
        ? null
        : new Refusal(`${peer} answered ${reply.status}: its channel did not take the events`, tookMs),
    )
  }
}
