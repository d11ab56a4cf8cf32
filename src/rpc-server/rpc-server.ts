// A server of requests: a listener, its connections, and the check for senders that stall.
import { Fault, messageOf } from '../errors.ts'
import type { Logger } from '../observe/log.ts'
import { sparing } from '../observe/sparing-log.ts'
import type { Clock, Timer } from '../system/clock.ts'
import type { MemoryBudget } from '../system/memory-budget.ts'
import type { Connection, Listener, Network } from '../system/network.ts'
import { type Dialect, RpcConnection } from './rpc-connection.ts'

/** What every server is given. */
export interface ServerPlace {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /** Connections at a time; more are closed. */
  readonly maxConnections?: number
  /** Where requests do not fit, reading pauses. */
  readonly memory: MemoryBudget
  /** How long a sender may pause inside a request, or with the TLS handshake. */
  readonly stallMs: number
  readonly network: Network
  readonly clock: Clock
  readonly log: Logger
  /** False closes the connection before a byte is read. */
  admits?(remoteAddress: string): boolean | Promise<boolean>
  /** Told after each change. */
  connections?(open: number): void
}

export interface RpcServerOptions extends ServerPlace {
  /** What it serves, for messages. */
  readonly protocol: string
  /** Lays TLS and whatever else is between the socket and the requests. Rejects with a Fault. */
  layers(stream: Connection['stream'], signal: AbortSignal): Promise<Connection['stream']>
  /** For one connection, of `sender` (host:port). */
  dialect(sender: string): Dialect
}

export class RpcServer {
  readonly #options: RpcServerOptions
  /** Of senders that do not behave. */
  readonly #log: Logger
  readonly #connections = new Set<RpcConnection>()
  /** Sockets that have been accepted and are not closed, connections or still without their layers. */
  readonly #sockets = new Set<Connection>()
  readonly #stopping = new AbortController()
  #listener: Listener | null = null
  #stallTimer: Timer | null = null

  constructor(options: RpcServerOptions) {
    this.#options = options
    this.#log = sparing(options.log, options.clock)
  }

  /** The port listened on. */
  get port(): number {
    return this.#listener?.port ?? this.#options.port
  }

  /** Rejects with ADDRESS_IN_USE or ADDRESS. */
  async start(): Promise<void> {
    const { host, port, network, maxConnections } = this.#options
    const refused = (remote: string) =>
      this.#complain(
        remote,
        'the limit of connections is reached. The sender can reconnect when one closes. Raise maxConnections, or the limit of open files (ulimit -n)',
      )
    this.#listener = await network.listen(
      { host, port, halfOpen: true, ...(maxConnections === undefined ? {} : { maxConnections }), refused },
      connection => void this.#accept(connection),
    )
    this.#watchStalls()
  }

  /** Accepts no more, lets requests being handled end and be answered, and closes the connections. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#stallTimer?.cancel()
    const closing = this.#listener?.close()
    await Promise.all([...this.#connections].map(connection => connection.stop()))
    for (const { stream } of this.#sockets) stream.destroy()
    await closing
    this.#listener = null
  }

  async #accept(socket: Connection): Promise<void> {
    const { options, stream, remote } = { options: this.#options, ...socket }
    this.#sockets.add(socket)
    options.connections?.(this.#sockets.size)
    options.log.debug(`${options.protocol} connection from ${remote} accepted`)
    stream.once('close', () => {
      options.log.debug(`${options.protocol} connection from ${remote} closed`)
      this.#sockets.delete(socket)
      options.connections?.(this.#sockets.size)
    })
    stream.on('error', () => {}) // told by the layer above, where it matters
    // Layers have as long as a stalled request has.
    const patience = new AbortController()
    const timer = options.clock.after(options.stallMs, () => patience.abort(), { background: true })
    const signal = AbortSignal.any([patience.signal, this.#stopping.signal])
    try {
      if (options.admits !== undefined && !(await options.admits(socket.remoteAddress))) {
        options.log.debug(`connection from ${remote} refused by ipFilterRules`)
        stream.destroy()
        return
      }
      this.#open(await options.layers(stream, signal), remote)
    } catch (error) {
      stream.destroy()
      const silent = error instanceof Fault && error.code === 'PEER_CLOSED'
      if (!silent && !this.#stopping.signal.aborted) this.#complain(remote, messageOf(error))
    } finally {
      timer.cancel()
    }
  }

  #open(stream: Connection['stream'], remote: string): void {
    if (this.#stopping.signal.aborted) return void stream.destroy()
    const { stallMs, clock, memory, dialect } = this.#options
    const connection: RpcConnection = new RpcConnection(stream, {
      dialect: dialect(remote),
      stallMs,
      clock,
      memory,
      complain: reason => this.#complain(remote, reason),
      closed: () => void this.#connections.delete(connection),
    })
    this.#connections.add(connection)
  }

  #complain(remote: string, reason: string): void {
    this.#log.warn(`${this.#options.protocol} connection from ${remote} closed: ${reason}`)
  }

  #watchStalls(): void {
    const { clock, stallMs } = this.#options
    this.#stallTimer = clock.after(
      stallMs / 4,
      () => {
        const now = clock.monotonic()
        for (const connection of this.#connections) connection.checkStall(now)
        this.#watchStalls()
      },
      { background: true },
    )
  }
}
