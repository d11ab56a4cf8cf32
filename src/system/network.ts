// The door to the network: TCP and TLS connections and listeners, and names. A connection is a
// Node Duplex, so that zlib and TLS can be laid over it in either order.
import { lookup, lookupService } from 'node:dns'
import { createServer, connect as connectTcp, isIP, type Server, type Socket } from 'node:net'
import { hostname, networkInterfaces } from 'node:os'
import type { Duplex } from 'node:stream'
import { listenFault, whereOf, withoutBrackets, type Address } from '../address.ts'
import { Fault } from '../errors.ts'
import { realClock } from './clock.ts'
import { DeflatedStream } from './compression.ts'
import { receiveDatagrams, type Listener } from './datagrams.ts'
import { descriptorLimit } from './descriptors.ts'
import { sharingLookups } from './name-lookups.ts'

export type { Listener } from './datagrams.ts'

/** A connection's two ends as text, `host:port`. */
export interface Connection {
  readonly stream: Duplex
  readonly local: string
  readonly remote: string
  readonly remoteAddress: string
}

export interface Network {
  /** Connects with TCP_NODELAY and keep-alive. Rejects with PEER_UNREACHABLE or PEER_TIMEOUT, naming host:port. */
  connect(target: {
    host: string
    port: number
    timeoutMs: number
    signal?: AbortSignal
  }): Promise<Connection>
  /**
   * Listens; port 0 takes a free one. Rejects with ADDRESS_IN_USE or ADDRESS, naming host:port. With
   * `halfOpen` a connection whose peer has ended its side stays open for answers until it is ended here. No more than
   * `maxConnections` are open at a time: others are closed at once, and `refused` has their addresses.
   */
  listen(
    at: {
      host: string
      port: number
      backlog?: number
      halfOpen?: boolean
      maxConnections?: number
      refused?: (remote: string) => void
    },
    accept: (connection: Connection) => void,
  ): Promise<Listener>
  /** Receives UDP datagrams; port 0 takes a free one. Rejects as `listen` does. */
  receive(at: Address, take: (datagram: Buffer, from: Address) => void): Promise<Listener>
  /** One continuous zlib stream in each direction over the connection; `level` is zlib's, 0 to 9. */
  deflate(stream: Duplex, level: number): Duplex
  /** This machine's name, and its addresses that are not loopback. */
  hostName(): string
  /** The name of an address by reverse lookup, as Java finds it: null where there is none, or it is not of that address. */
  nameOf(address: string): Promise<string | null>
  addresses(): string[]
}

/** Of the descriptors of the process the rest is left for files and for connections that it makes. */
const acceptedShare = 0.5

function connectionOf(socket: Socket): Connection {
  socket.setNoDelay(true)
  socket.setKeepAlive(true)
  return {
    stream: socket,
    local: whereOf({ host: socket.localAddress ?? '', port: socket.localPort ?? 0 }),
    remote: whereOf({ host: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 }),
    remoteAddress: socket.remoteAddress ?? '',
  }
}

/** Of eight threads (bin/find-node.sh). */
const lookUp = sharingLookups(lookup, 2)
const lookUpName = sharingLookups(
  (address, _, callback) => lookupService(address, 0, (error, name) => callback(error, name)),
  1,
)

async function nameOf(given: string): Promise<string | null> {
  const address = given.replace(/^::ffff:(?=\d+\.)/i, '')
  if (isIP(address) === 0) return null
  const name = await new Promise<string | null>(resolve =>
    lookUpName(address, {}, (error, found) => resolve(error === null ? String(found) : null)),
  )
  if (name === null) return null
  return new Promise(resolve =>
    lookUp(name, { all: true }, (_, found) => {
      const all = Array.isArray(found) ? found.map(one => one.address) : []
      resolve(all.includes(address) ? name : null)
    }),
  )
}

export const realNetwork: Network = {
  connect({ host, port, timeoutMs, signal }) {
    return new Promise((resolve, reject) => {
      const where = whereOf({ host, port })
      const socket = connectTcp({ host, port, lookup: lookUp })
      const fail = (fault: Fault) => {
        finish()
        socket.on('error', () => {}) // a second error of a connection given up concerns nobody
        socket.destroy()
        reject(fault)
      }
      const timer = realClock.after(timeoutMs, () =>
        fail(new Fault('PEER_TIMEOUT', `no connection to ${where} within ${timeoutMs} ms`)),
      )
      const abort = () =>
        fail(new Fault('STOPPED', `connecting to ${where} was abandoned because the agent is stopping`))
      const refuse = (error: Error) =>
        fail(new Fault('PEER_UNREACHABLE', `cannot connect to ${where}: ${error.message}`, { cause: error }))
      const finish = () => {
        timer.cancel()
        signal?.removeEventListener('abort', abort)
        socket.off('error', refuse)
      }
      socket.once('error', refuse)
      socket.once('connect', () => {
        finish()
        resolve(connectionOf(socket))
      })
      if (signal?.aborted === true) abort()
      else signal?.addEventListener('abort', abort, { once: true })
    })
  },

  listen({ host, port, backlog = 1024, halfOpen = false, maxConnections = Infinity, refused }, accept) {
    return new Promise((resolve, reject) => {
      const at = { host: withoutBrackets(host), port }
      const server: Server = createServer({ allowHalfOpen: halfOpen }, socket => accept(connectionOf(socket)))
      server.maxConnections = Math.min(maxConnections, Math.floor(descriptorLimit() * acceptedShare))
      server.on('drop', dropped =>
        refused?.(whereOf({ host: dropped?.remoteAddress ?? '', port: dropped?.remotePort ?? 0 })),
      )
      server.once('error', error => reject(listenFault(error, at)))
      server.listen({ ...at, backlog }, () => {
        const bound = server.address()
        if (bound === null || typeof bound === 'string')
          return reject(new Fault('ADDRESS', `no port at ${whereOf(at)}`))
        resolve({
          host: at.host,
          port: bound.port,
          close: () => new Promise(done => void server.close(() => done())),
        })
      })
    })
  },

  receive: receiveDatagrams,
  deflate: (stream, level) => new DeflatedStream(stream, level),
  hostName: () => hostname(),
  nameOf,
  addresses: () =>
    Object.values(networkInterfaces())
      .flatMap(list => list ?? [])
      .filter(one => !one.internal)
      .map(one => one.address),
}
