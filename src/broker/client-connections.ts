// The connections of all clients: as many as are allowed, secured as their listener asks, closed when nothing
// comes for too long. A client gone wrong is told in the log, but not a thousand times a second.
import type { Duplex } from 'node:stream'
import { messageOf } from '../errors.ts'
import type { Timer } from '../system/clock.ts'
import type { BrokerParts } from './broker-parts.ts'
import { ClientConnection } from './client-connection.ts'
import type { Accepted } from './listeners.ts'
import { readBuffers } from './log/read-buffers.ts'
import { answerRequest } from './request-answer.ts'

/** How long connections may take to send their last answers when the broker stops. */
const lingerMs = 3000

export type ConnectionsParts = Omit<BrokerParts, 'advertised' | 'settings'>

interface Admitted {
  readonly address: string
  readonly stream: Duplex
  /** Null while TLS is being agreed upon. */
  connection: ClientConnection | null
}

export class ClientConnections {
  readonly #parts: ConnectionsParts
  readonly #admitted = new Set<Admitted>()
  /** Accepted before the broker was ready, or beyond max.connections. */
  #waiting: Accepted[] = []
  #isReady = false
  #stopping = false
  #idleTimer: Timer | null = null

  constructor(parts: ConnectionsParts) {
    this.#parts = parts
    // There may be room for more.
    parts.live.onChange(() => this.#admit())
  }

  /** Takes it, or lets it wait. */
  accept(accepted: Accepted): void {
    if (this.#stopping) return void accepted.stream.destroy()
    accepted.stream.on('error', () => {}) // one that is gone by then is noticed then
    this.#waiting.push(accepted)
    this.#admit()
  }

  /** Topics and groups are open: requests may be answered. */
  begin(): void {
    this.#isReady = true
    this.#admit()
    this.#watchIdle()
  }

  /** Lets what is under way be answered, and closes everything. */
  async stop(): Promise<void> {
    this.#stopping = true
    this.#idleTimer?.cancel()
    for (const { stream } of this.#waiting.splice(0)) stream.destroy()
    const connections = [...this.#admitted].map(({ connection }) => connection)
    for (const { stream, connection } of this.#admitted) if (connection === null) stream.destroy()
    const guard = this.#parts.system.clock.after(lingerMs, () => {
      for (const connection of connections) connection?.destroy()
    })
    await Promise.all(connections.map(connection => connection?.stop()))
    guard.cancel()
  }

  #admit(): void {
    while (this.#isReady && this.#waiting.length > 0) {
      const { maxConnections, maxConnectionsPerIp, maxConnectionsPerIpOverrides } = this.#parts.live.current
      if (this.#admitted.size >= maxConnections) return
      const accepted = this.#waiting.shift()!
      const { remoteAddress, remote, stream } = accepted
      if (stream.destroyed) continue
      const limit = maxConnectionsPerIpOverrides[remoteAddress] ?? maxConnectionsPerIp
      const here = [...this.#admitted].filter(({ address }) => address === remoteAddress).length
      if (limit < maxConnections && here >= limit) {
        this.#parts.log.warn(
          `connection from ${remote} closed: there are ${here} from there, as many as allowed`,
        )
        stream.destroy()
        continue
      }
      const admitted: Admitted = { address: remoteAddress, stream, connection: null }
      this.#admitted.add(admitted)
      void this.#open(accepted, admitted)
    }
  }

  async #open(accepted: Accepted, admitted: Admitted): Promise<void> {
    const { remote, remoteAddress, advertised, listener } = accepted
    const { security, live } = this.#parts
    const leave = () => {
      this.#admitted.delete(admitted)
      this.#admit()
    }
    let stream: Duplex = accepted.stream
    if (listener.security.tls !== null)
      try {
        stream = await security.secure(accepted.stream, listener)
      } catch (error) {
        this.#parts.log.warn(`connection from ${remote} to ${listener.name} closed: ${messageOf(error)}`)
        return leave()
      }
    if (this.#stopping) return void stream.destroy()
    const complain = (reason: string) => this.#parts.log.warn(`connection from ${remote} closed: ${reason}`)
    const session = security.session(listener, complain)
    admitted.connection = new ClientConnection(stream, {
      clock: this.#parts.system.clock,
      maxRequestBytes: live.current.socketRequestMaxBytes,
      memory: this.#parts.system.memory,
      leastBytes: session === null ? undefined : 0,
      answer: async (request, answering) => {
        const answered = session === null ? undefined : await session.answer(request)
        if (answered !== undefined) return answered === null ? null : [answered]
        return await answerRequest(request, {
          broker: { ...this.#parts, settings: live.current, advertised },
          clientHost: remoteAddress,
          user: session?.user ?? null,
          ...answering,
        })
      },
      sent: bytes => bytes.forEach(part => readBuffers.giveBack(part)),
      isOver: () => session?.isOver === true,
      complain,
      closed: leave,
    })
  }

  #watchIdle(): void {
    const { clock } = this.#parts.system
    const { connectionsMaxIdleMs } = this.#parts.live.current
    if (connectionsMaxIdleMs === Infinity) return
    this.#idleTimer = clock.after(
      Math.max(10, Math.min(connectionsMaxIdleMs / 10, 10_000)),
      () => {
        for (const { connection } of this.#admitted) connection?.checkIdle(connectionsMaxIdleMs)
        this.#watchIdle()
      },
      { background: true },
    )
  }
}
