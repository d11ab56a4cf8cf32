// The Avro RPC client: one connection to a Flume or Millrace Avro source. It is never mended: after any
// failure the connection is closed, every outstanding request rejects, and the owner connects anew.
//
//   const client = await connectAvro({ ...system, host: 'localhost', port: 44444 })
//   await client.appendBatch([Event.of({}, 'hello')])
//   await client.close()
import { whereOf, withoutBrackets } from '../address.ts'
import { Fault, messageOf } from '../errors.ts'
import type { Clock } from '../system/clock.ts'
import type { Network } from '../system/network.ts'
import type { ClientTls } from '../system/tls.ts'
import type { Encoded } from '../wire/avro-rpc/call.ts'
import { ClientConnection, Refusal } from './client-connection.ts'
import { clientLayers, type Layering } from './layers.ts'
import { UnknownPeer } from './unknown-peer.ts'

export { Refusal }

export interface AvroClientOptions {
  readonly host: string
  readonly port: number
  /** For the TCP connection and the TLS handshake together; 20 s where absent. */
  readonly connectTimeoutMs?: number
  /** For the answer to a request; 20 s where absent. */
  readonly requestTimeoutMs?: number
  /** zlib's level where both directions are compressed; null, the default, for no compression. */
  readonly deflateLevel?: number | null
  readonly tls?: ClientTls | null
  /** Which layer is outside where there is TLS and compression; `zlib-outside` (Flume from 1.10) where absent. */
  readonly layering?: Layering
  /** Requests in flight offered to a Millrace agent; 1 where absent. */
  readonly window?: number
  /** Requests in flight toward every other peer; 1 where absent. */
  readonly flumeWindow?: number
  /** Batches are cut into several requests at this many bytes; 8 MiB where absent. */
  readonly maxRequestBytes?: number
  readonly network: Network
  readonly clock: Clock
  /** Asks who answers at the address where no handshake is answered; one for all connections to it. */
  readonly unknownPeer?: UnknownPeer
  /** Gives connecting up. */
  readonly signal?: AbortSignal
}

const defaultTimeoutMs = 20_000
const defaultRequestBytes = 8 * 1024 * 1024

/** Connects. Rejects with PEER_UNREACHABLE, PEER_TIMEOUT, TLS or STOPPED, naming host:port. */
export async function connectAvro(options: AvroClientOptions): Promise<AvroClient> {
  const { network, clock } = options
  const to = { host: withoutBrackets(options.host), port: options.port }
  const timeoutMs = options.connectTimeoutMs ?? defaultTimeoutMs
  const given = options.signal === undefined ? {} : { signal: options.signal }
  const { stream } = await network.connect({ ...to, timeoutMs, ...given })
  stream.on('error', () => {}) // the connection's own listener tells it; before that the layers do
  const patience = new AbortController()
  const timer = clock.after(timeoutMs, () => patience.abort())
  const signal =
    options.signal === undefined ? patience.signal : AbortSignal.any([patience.signal, options.signal])
  try {
    const { deflateLevel = null, tls = null, layering = 'zlib-outside' } = options
    const layered = await clientLayers(stream, to, { deflateLevel, tls, layering, network }, signal)
    const connection = new ClientConnection(layered, {
      peer: whereOf(to),
      requestTimeoutMs: options.requestTimeoutMs ?? defaultTimeoutMs,
      window: options.window ?? 1,
      flumeWindow: options.flumeWindow ?? 1,
      clock,
      whoIsThere: () => (options.unknownPeer ?? new UnknownPeer(to, { network, clock })).ask(),
      layers: { tls: tls !== null, deflate: deflateLevel !== null },
    })
    return new AvroClient(connection, options.maxRequestBytes ?? defaultRequestBytes)
  } catch (error) {
    stream.destroy()
    throw tlsHint(error, whereOf(to))
  } finally {
    timer.cancel()
  }
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

/** A certificate that was refused: says by which keys that can be changed. */
function tlsHint(error: unknown, peer: string): unknown {
  if (!(error instanceof Fault) || error.code !== 'TLS') return error
  const cause = error.cause as { code?: string } | undefined
  const code = cause?.code ?? ''
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return new Fault(
      'TLS',
      `the certificate of ${peer} is for another host (${messageOf(cause)}): correct hostname or the certificate; ` +
        'ssl.disableHostnameVerification = true switches this check off, trust-all-certs = true all checks',
      { cause: error },
    )
  if (certificateCodes.test(code))
    return new Fault(
      'TLS',
      `the certificate of ${peer} was refused (${messageOf(cause)}): correct it or add it to truststore; ` +
        'trust-all-certs = true switches all checks off (ssl.disableHostnameVerification only that of the host name)',
      { cause: error },
    )
  if (/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST/.test(code))
    return new Fault('TLS', `${peer} does not speak TLS (${messageOf(cause)})`, {
      cause: error,
      remedy: 'Correct hostname and port, or leave ssl out where the source has none.',
    })
  if (code === 'ECONNRESET' || /closed the connection/.test(messageOf(cause)))
    return new Fault('TLS', `${peer} closed the connection instead of shaking hands by TLS`, {
      cause: error,
      remedy: 'See whether a Flume Avro source with ssl = true listens on this port, and its log.',
    })
  return error
}

const certificateCodes = /^(CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|INVALID_|ERROR_IN_CERT|HOSTNAME_MISMATCH)/
