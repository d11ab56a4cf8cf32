// The layers between a socket and the frames: TLS, zlib, both, or none. With both, Flume up to 1.9 puts
// TLS outside (zlib inside the encrypted stream), Flume from 1.10 zlib outside (TLS records inside a zlib
// stream; measured). A server sees by the first byte which one the sender uses; a client is told.
import type { Duplex } from 'node:stream'
import { Fault } from '../errors.ts'
import type { Network } from '../system/network.ts'
import { type ClientTls, secureClient, secureServer, type TlsContext } from '../system/tls.ts'

export type Layering = 'tls-outside' | 'zlib-outside'

/** First bytes of a TLS record with a handshake and of a zlib stream with the usual window. */
const tlsFirst = 0x16
const zlibFirst = 0x78
/** Flume's servers compress at zlib's default level whatever the client does. */
const serverLevel = 6

/** Rejects with Fault TLS or PROTOCOL. */
export async function serverLayers(
  stream: Duplex,
  wanted: { deflate: boolean; tls: TlsContext | null; network: Network },
  signal: AbortSignal,
): Promise<Duplex> {
  const { deflate, tls, network } = wanted
  const deflated = (inner: Duplex) => network.deflate(inner, serverLevel)
  if (tls === null) return deflate ? deflated(stream) : stream
  if (!deflate) return secureServer(stream, tls, signal)
  const first = await firstByte(stream, signal)
  if (first === tlsFirst) return deflated(await secureServer(stream, tls, signal))
  if (first === zlibFirst) return secureServer(deflated(stream), tls, signal)
  throw new Fault(
    'PROTOCOL',
    'its first byte begins neither TLS nor zlib: the sender needs both ssl = true and compression-type = deflate',
  )
}

/** Rejects with Fault TLS. */
export async function clientLayers(
  stream: Duplex,
  to: { host: string; port: number },
  wanted: {
    deflateLevel: number | null
    tls: ClientTls | null
    layering: Layering
    network: Network
  },
  signal: AbortSignal,
): Promise<Duplex> {
  const { deflateLevel: level, tls, layering, network } = wanted
  if (tls === null) return level === null ? stream : network.deflate(stream, level)
  if (level === null) return secureClient(stream, to, tls, signal)
  if (layering === 'zlib-outside') return secureClient(network.deflate(stream, level), to, tls, signal)
  return network.deflate(await secureClient(stream, to, tls, signal), level)
}

/** Looks at the first byte and puts it back. */
function firstByte(stream: Duplex, signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    const finish = () => {
      stream.off('readable', look)
      stream.off('close', closed)
      stream.off('end', closed)
      stream.off('error', closed)
      signal.removeEventListener('abort', closed)
    }
    const look = () => {
      const chunk = stream.read() as Buffer | null
      if (chunk === null) return
      finish()
      stream.unshift(chunk)
      resolve(chunk[0]!)
    }
    const closed = () => {
      finish()
      reject(new Fault('PEER_CLOSED', 'nothing was sent'))
    }
    stream.on('readable', look)
    stream.once('close', closed)
    stream.once('end', closed)
    stream.once('error', closed)
    if (signal.aborted) closed()
    else signal.addEventListener('abort', closed, { once: true })
  })
}
