// The Avro RPC client: one connection to a Flume or Millrace Avro source. It is never mended: after any
// failure the connection is closed, every outstanding request rejects, and the owner connects anew.
//
//   const client = await connectAvro({ ...system, host: 'localhost', port: 44444 })
//   await client.appendBatch([Event.of({}, 'hello')])
//   await client.close()
import { whereOf } from '../address.ts'
import type { Fault } from '../errors.ts'
import type { Encoded } from '../wire/avro-rpc/call.ts'
import { ClientConnection, Refusal } from './client-connection.ts'
import { connectLayered, type ConnectOptions, defaultTimeoutMs } from './connecting.ts'
import { UnknownPeer } from './unknown-peer.ts'

export { Refusal }

const defaultRequestBytes = 8 * 1024 * 1024

export interface AvroClientOptions extends ConnectOptions {
  /** For the answer to a request; 20 s where absent. */
  readonly requestTimeoutMs?: number
  /** Requests in flight offered to a Millrace agent; 1 where absent. */
  readonly window?: number
  /** Requests in flight toward every other peer; 1 where absent. */
  readonly flumeWindow?: number
  /** Batches are cut into several requests at this many bytes; 8 MiB where absent. */
  readonly maxRequestBytes?: number
  /** Asks who answers at the address where no handshake is answered; one for all connections to it. */
  readonly unknownPeer?: UnknownPeer
}

/** Connects. Rejects with PEER_UNREACHABLE, PEER_TIMEOUT, TLS or STOPPED, naming host:port. */
export function connectAvro(options: AvroClientOptions): Promise<AvroClient> {
  const { network, clock, deflateLevel = null, tls = null } = options
  return connectLayered(options, 'Flume Avro source', (stream, to) => {
    const connection = new ClientConnection(stream, {
      peer: whereOf(to),
      requestTimeoutMs: options.requestTimeoutMs ?? defaultTimeoutMs,
      window: options.window ?? 1,
      flumeWindow: options.flumeWindow ?? 1,
      clock,
      whoIsThere: () => (options.unknownPeer ?? new UnknownPeer(to, { network, clock })).ask(),
      layers: { tls: tls !== null, deflate: deflateLevel !== null },
    })
    return new AvroClient(connection, options.maxRequestBytes ?? defaultRequestBytes)
  })
}

/** A connection to an Avro source; made by `connectAvro`. */
export class AvroClient {
  readonly #connection: ClientConnection
  readonly #maxRequestBytes: number

  constructor(connection: ClientConnection, maxRequestBytes: number) {
    this.#connection = connection
    this.#maxRequestBytes = maxRequestBytes
  }

  /** Why the connection is no more; null while it stands. */
  get fault(): Fault | null {
    return this.#connection.fault
  }

  /** Requests that may be in flight; 0 before the handshake is answered. */
  get window(): number {
    return this.#connection.window
  }

  /** True when the peer is a Millrace agent; known after the first answer. */
  get pipelined(): boolean {
    return this.#connection.pipelined
  }

  /** Called when the peer has answered the handshake, which goes along with the first request. */
  onGreeted(run: () => void): void {
    this.#connection.onGreeted(run)
  }

  /** Called once when the connection ends, whoever ended it. */
  onClose(run: () => void): void {
    this.#connection.onClose(run)
  }

  /** Rejects with PEER_REFUSED, PEER_TIMEOUT, PEER_CLOSED or PROTOCOL; the connection is closed then. */
  append(event: Encoded): Promise<void> {
    return this.#connection.call('append', [event])
  }

  /**
   * Resolves when all events are accepted. A batch of more bytes than one request may have is sent as
   * several: when one of them fails the events before it are accepted all the same. Rejects as append.
   */
  async appendBatch(events: readonly Encoded[]): Promise<void> {
    await Promise.all(this.send(events).map(({ answered }) => answered))
  }

  /** Sends the events in as many requests as their bytes, and `mostEvents` a request, ask for. */
  send<E extends Encoded>(
    events: readonly E[],
    mostEvents = Infinity,
  ): { readonly events: readonly E[]; readonly answered: Promise<void> }[] {
    return cut(events, mostEvents, this.#maxRequestBytes).map(part => ({
      events: part,
      answered: this.#connection.call('appendBatch', part),
    }))
  }

  /** Resolves when no answer is outstanding, or the connection is gone. */
  drained(): Promise<void> {
    return this.#connection.drained()
  }

  /** Waits for the answers outstanding, then closes. Never rejects. */
  async close(): Promise<void> {
    await this.drained()
    this.#connection.close()
  }

  /** Closes at once; outstanding requests reject with `fault`. */
  destroy(fault: Fault): void {
    this.#connection.fail(fault)
  }
}

/** Runs of events of at most so many and so many bytes; an event above that goes alone. */
function cut<E extends Encoded>(
  events: readonly E[],
  mostEvents: number,
  mostBytes: number,
): (readonly E[])[] {
  const parts: (readonly E[])[] = []
  let start = 0
  let bytes = 0
  for (const [index, { encoded }] of events.entries()) {
    if (index > start && (index - start >= mostEvents || bytes + encoded.length > mostBytes)) {
      parts.push(events.slice(start, index))
      start = index
      bytes = 0
    }
    bytes += encoded.length
  }
  if (start === 0) return [events]
  parts.push(events.slice(start))
  return parts
}
