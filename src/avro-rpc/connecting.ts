// How clients connect to a source: TCP, TLS and compression within one time-out, and what a refused certificate means.
import type { Duplex } from 'node:stream'
import { whereOf, withoutBrackets } from '../address.ts'
import { Fault, messageOf } from '../errors.ts'
import type { Clock } from '../system/clock.ts'
import type { Network } from '../system/network.ts'
import type { ClientTls } from '../system/tls.ts'
import { clientLayers, type Layering } from './layers.ts'

/** Where a source listens, and how it is reached. */
export interface ConnectOptions {
  readonly host: string
  readonly port: number
  /** For the TCP connection and the TLS handshake together; 20 s where absent. */
  readonly connectTimeoutMs?: number
  /** zlib's level where both directions are compressed; null, the default, for no compression. */
  readonly deflateLevel?: number | null
  readonly tls?: ClientTls | null
  /** Which layer is outside where there is TLS and compression; `zlib-outside` (Flume from 1.10) where absent. */
  readonly layering?: Layering
  readonly network: Network
  readonly clock: Clock
  /** Gives connecting up. */
  readonly signal?: AbortSignal
}

/** For connecting and for answers. */
export const defaultTimeoutMs = 20_000

/**
 * Connects, and gives what `make` makes of the stream and its address. `source` is what should listen there, for messages.
 * Rejects with PEER_UNREACHABLE, PEER_TIMEOUT, TLS or STOPPED, naming host:port.
 */
export async function connectLayered<T>(
  options: ConnectOptions,
  source: string,
  make: (stream: Duplex, to: { host: string; port: number }) => T,
): Promise<T> {
  const { network, clock, deflateLevel = null, tls = null, layering = 'zlib-outside' } = options
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
    return make(await clientLayers(stream, to, { deflateLevel, tls, layering, network }, signal), to)
  } catch (error) {
    stream.destroy()
    throw tlsHint(error, whereOf(to), source)
  } finally {
    timer.cancel()
  }
}

/** A certificate that was refused: says by which keys that can be changed. */
function tlsHint(error: unknown, peer: string, source: string): unknown {
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
      remedy: `See whether a ${source} with ssl = true listens on this port, and its log.`,
    })
  return error
}

const certificateCodes = /^(CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|INVALID_|ERROR_IN_CERT|HOSTNAME_MISMATCH)/
