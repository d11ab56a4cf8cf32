// The connections to brokers: one for each address and purpose, opened when first needed. Purposes have
// connections of their own because a broker handles the requests of one connection one after another: a
// heartbeat must not stand behind a fetch that waits for data. An address that fails rests for a while
// that grows; one log line tells when it went away, one a minute that it still is, one that it is back.
import { Fault, messageOf } from '../errors.ts'
import type { Logger } from '../observe/log.ts'
import { backoffMs } from './backoff.ts'
import { BrokerConnection, type ConnectionTarget, type Doors } from './connection.ts'
import type { ConnectionSettings } from './settings.ts'

export type Purpose = 'data' | 'fetch' | 'group'

export interface Address {
  readonly host: string
  readonly port: number
}

interface Outage {
  failures: number
  /** Monotonic ms: not tried before. */
  restsUntil: number
  readonly since: number
  problem: string
  loggedAt: number
}

const logEveryMs = 60_000

export class Brokers {
  readonly #system: Doors
  readonly #log: Logger
  readonly #settings: ConnectionSettings
  readonly #secure: ConnectionTarget['secure']
  readonly #stop = new AbortController()
  readonly #open = new Map<string, BrokerConnection>()
  readonly #opening = new Map<string, Promise<BrokerConnection>>()
  readonly #outages = new Map<string, Outage>()

  constructor(system: Doors, log: Logger, settings: ConnectionSettings, secure?: ConnectionTarget['secure']) {
    this.#system = system
    this.#log = log
    this.#settings = settings
    this.#secure = secure
  }

  /** Aborted when close was called. */
  get stopped(): AbortSignal {
    return this.#stop.signal
  }

  /** What keeps all brokers away; null while there is a connection, or nobody has tried. */
  get trouble(): string | null {
    if (this.#open.size > 0 || this.#outages.size === 0) return null
    return `no Kafka broker can be used: ${[...this.#outages.values()].map(outage => outage.problem).join('; ')}`
  }

  /** Whether a connection for this purpose stands. */
  hasOpen(address: Address, purpose: Purpose): boolean {
    return this.#open.has(keyOf(address, purpose))
  }

  /** Milliseconds until the address may be tried again; 0: now. */
  restMs(address: Address): number {
    const outage = this.#outages.get(whereOf(address))
    return outage === undefined ? 0 : Math.max(0, outage.restsUntil - this.#system.clock.monotonic())
  }

  /** The connection, opened after the address's rest where there is none. Rejects as BrokerConnection.open does. */
  connect(address: Address, purpose: Purpose): Promise<BrokerConnection> {
    const key = keyOf(address, purpose)
    const open = this.#open.get(key)
    if (open !== undefined) {
      const idleMs = this.#system.clock.monotonic() - open.usedAt
      if (open.inFlight > 0 || idleMs < this.#settings.connectionsMaxIdleMs) return Promise.resolve(open)
      open.close()
    }
    let opening = this.#opening.get(key)
    if (opening === undefined) {
      opening = this.#connect(address, key).finally(() => this.#opening.delete(key))
      this.#opening.set(key, opening)
    }
    return opening
  }

  /** Closes all connections; requests under way reject with STOPPED. */
  close(): void {
    this.#stop.abort()
    for (const connection of this.#open.values()) connection.close()
  }

  async #connect(address: Address, key: string): Promise<BrokerConnection> {
    const where = whereOf(address)
    const restMs = this.restMs(address)
    if (restMs > 0) await this.#system.clock.sleep(restMs, this.#stop.signal)
    if (this.#stop.signal.aborted) throw new Fault('STOPPED', `connecting to ${where} was given up: stopping`)
    const { clientId, connectTimeoutMs, requestTimeoutMs, maxResponseBytes } = this.#settings
    let connection: BrokerConnection
    try {
      connection = await BrokerConnection.open(this.#system, {
        ...address,
        clientId,
        connectTimeoutMs,
        requestTimeoutMs,
        maxResponseBytes,
        signal: this.#stop.signal,
        ...(this.#secure === undefined ? {} : { secure: this.#secure }),
      })
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#failed(where, error)
      throw error
    }
    this.#succeeded(where)
    if (this.#stop.signal.aborted) {
      connection.close()
      throw new Fault('STOPPED', `connecting to ${where} was given up: stopping`)
    }
    this.#open.set(key, connection)
    connection.onClosed(() => {
      if (this.#open.get(key) === connection) this.#open.delete(key)
    })
    return connection
  }

  #failed(where: string, error: unknown): void {
    const now = this.#system.clock.monotonic()
    let outage = this.#outages.get(where)
    if (outage === undefined) {
      outage = { failures: 0, restsUntil: 0, since: now, loggedAt: now, problem: '' }
      this.#outages.set(where, outage)
      this.#log.warn(
        `Kafka broker ${where} cannot be used: ${messageOf(error)}. It is tried again until it can.`,
      )
    } else if (now - outage.loggedAt >= logEveryMs) {
      outage.loggedAt = now
      const seconds = Math.round((now - outage.since) / 1000)
      this.#log.warn(`Kafka broker ${where} cannot be used for ${seconds} s now: ${messageOf(error)}`)
    }
    outage.failures++
    outage.problem = messageOf(error)
    const { reconnectBackoffMs, reconnectBackoffMaxMs } = this.#settings
    const restMs = backoffMs(outage.failures, reconnectBackoffMs, reconnectBackoffMaxMs, this.#system.random)
    outage.restsUntil = this.#system.clock.monotonic() + restMs
  }

  #succeeded(where: string): void {
    const outage = this.#outages.get(where)
    if (outage === undefined) return
    this.#outages.delete(where)
    const seconds = Math.round((this.#system.clock.monotonic() - outage.since) / 100) / 10
    this.#log.info(`Kafka broker ${where} can be used again, after ${seconds} s`)
  }
}

export const whereOf = ({ host, port }: Address): string => `${host}:${port}`
const keyOf = (address: Address, purpose: Purpose) => `${whereOf(address)}/${purpose}`

/** `host:port`, also `[::1]:9092`; null where it is neither. */
export function parseAddress(text: string): Address | null {
  const match = /^(?:[A-Za-z]+:\/\/)?(?:\[([^\]]+)\]|([^:\s]+)):(\d{1,5})$/.exec(text.trim())
  if (match === null) return null
  const port = Number(match[3])
  return port > 0 && port < 65_536 ? { host: (match[1] ?? match[2])!, port } : null
}
