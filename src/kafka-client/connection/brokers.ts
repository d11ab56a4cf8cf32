// The connections to brokers: one for each address and purpose, opened when first needed. Purposes have
// connections of their own because a broker handles the requests of one connection one after another: a
// heartbeat must not stand behind a fetch that waits for data. An address that fails rests for a while
// that grows, and is a condition meanwhile. For that to be true of a broker nobody needs at the moment, it is
// tried now and then until it is back.
import { parseAddress, whereOf, type Address } from '../../address.ts'
import { backoffMs } from '../../backoff.ts'
import { Fault, messageOf } from '../../errors.ts'
import type { Condition, ConditionMaker } from '../../observe/conditions.ts'
import type { Logger } from '../../observe/log.ts'
import { apiVersions } from '../../wire/kafka/messages/api-versions.ts'
import { BrokerConnection, type ClientSystem } from './connection.ts'
import { Security } from '../security/security.ts'
import type { ConnectionSettings } from '../settings.ts'

/** Questions about the cluster have their own: a Produce with acks=all may take its whole time-out. */
export type Purpose = 'data' | 'fetch' | 'group' | 'metadata'

interface Outage {
  readonly address: Address
  failures: number
  /** Monotonic ms: not tried before. */
  restsUntil: number
  readonly since: number
}

/** A login that was refused is not tried as often: some count such tries and lock the user out. */
const refusedBackoffMaxMs = 10_000
/** How often an address that failed is tried where nobody else does. */
const probeMs = 5_000
const probeBody = { clientSoftwareName: 'millrace', clientSoftwareVersion: '0.1.0' }
/** A connection on which something cannot be asked is opened again, no more often than this. */
const renegotiationMs = 10_000
/** How long one is that the cluster does not list: a broker that is down is not listed either. */
const unlistedMs = 600_000

export class Brokers {
  readonly #system: ClientSystem
  readonly #settings: ConnectionSettings
  readonly #log: Logger
  readonly #security: Security
  readonly #stop = new AbortController()
  readonly #open = new Map<string, BrokerConnection>()
  readonly #opening = new Map<string, Promise<BrokerConnection>>()
  readonly #outages = new Map<string, Outage>()
  /** They outlast an outage: what comes and goes is counted. */
  readonly #conditions = new Map<string, Condition>()
  readonly #condition: ConditionMaker
  /** Whether records come from the address or go to it; set by who knows. */
  isNeeded: (address: Address) => boolean = () => false
  #listed: ReadonlySet<string> = new Set()

  constructor(system: ClientSystem, settings: ConnectionSettings, log: Logger, condition: ConditionMaker) {
    this.#condition = condition
    this.#log = log
    this.#system = system
    this.#settings = settings
    this.#security = new Security(settings.security, system)
  }

  /** Aborted when close was called. */
  get stopped(): AbortSignal {
    return this.#stop.signal
  }

  /** One that is away turns health red where no other is there, or where it is needed. */
  judge(): void {
    for (const [where, { address }] of this.#outages)
      this.#conditionOf(where).isRed = this.#open.size === 0 || this.isNeeded(address)
  }

  /** The addresses that belong to the cluster, or are given for it: others are not looked for for ever. */
  list(addresses: Iterable<Address>): void {
    this.#listed = new Set([...addresses].map(whereOf))
  }

  /** Whether a connection for this purpose stands. */
  hasOpen(address: Address, purpose: Purpose): boolean {
    return this.#open.has(keyOf(address, purpose))
  }

  /** Milliseconds until the address may be retried; 0: now. */
  restMs(address: Address): number {
    const outage = this.#outages.get(whereOf(address))
    return outage === undefined ? 0 : Math.max(0, outage.restsUntil - this.#system.clock.monotonic())
  }

  /** The connection, opened after the address's rest where there is none. Rejects as BrokerConnection.open does. */
  connect(address: Address, purpose: Purpose): Promise<BrokerConnection> {
    const key = keyOf(address, purpose)
    const open = this.#open.get(key)
    if (open !== undefined) {
      const now = this.#system.clock.monotonic()
      const isIdle = now - open.usedAt >= this.#settings.connectionsMaxIdleMs
      // What the broker is said to speak may have been wrong, or it was upgraded behind a proxy.
      const isOutdated = open.isLacking && now - open.openedAt >= renegotiationMs
      if (open.inFlight > 0 || !(isIdle || isOutdated)) return Promise.resolve(open)
      open.close()
    }
    let opening = this.#opening.get(key)
    if (opening === undefined) {
      opening = this.#connect(address, purpose).finally(() => this.#opening.delete(key))
      this.#opening.set(key, opening)
    }
    return opening
  }

  /** Ends the connection, so that another is opened, and gives whether there was one: an answer is late on it. */
  giveUp(address: Address | null, purpose: Purpose): boolean {
    const open = address === null ? undefined : this.#open.get(keyOf(address, purpose))
    open?.fail('PEER_CLOSED', `the connection to ${open.where} was given up: an answer is late on it`)
    return open !== undefined
  }

  /** Closes all connections; requests under way reject with STOPPED. */
  close(): void {
    this.#stop.abort()
    for (const connection of this.#open.values()) connection.close()
  }

  async #connect(address: Address, purpose: Purpose): Promise<BrokerConnection> {
    const where = whereOf(address)
    const key = keyOf(address, purpose)
    const restMs = this.restMs(address)
    if (restMs > 0) await this.#system.clock.sleep(restMs, this.#stop.signal)
    if (this.#stop.signal.aborted)
      throw new Fault('STOPPED', `connecting to ${where} was abandoned because the agent is stopping`)
    const { clientId, socketConnectionSetupTimeoutMs, requestTimeoutMs } = this.#settings
    let connection: BrokerConnection
    try {
      connection = await BrokerConnection.open(this.#system, {
        ...address,
        clientId,
        socketConnectionSetupTimeoutMs,
        requestTimeoutMs,
        signal: this.#stop.signal,
        security: this.#security,
      })
    } catch (error) {
      const told = this.#toldBy(address, error)
      if (!this.#stop.signal.aborted) this.#failed(address, told)
      throw told
    }
    this.#succeeded(where)
    if (this.#stop.signal.aborted) {
      connection.close()
      throw new Fault('STOPPED', `connecting to ${where} was abandoned because the agent is stopping`)
    }
    this.#open.set(key, connection)
    const what = `Kafka broker ${where} (${purpose})`
    this.#log.debug(`connected to ${what}`)
    this.judge()
    connection.onClosed(() => {
      if (this.#open.get(key) === connection) this.#open.delete(key)
      this.judge()
      // Silent, while connecting to it may succeed: a process that stands still.
      const { fault } = connection
      this.#log.debug(`connection to ${what} closed: ${fault?.message}`)
      if (fault?.code === 'PEER_TIMEOUT' && !this.#stop.signal.aborted) this.#failed(address, fault)
    })
    this.#watch(connection, address)
    return connection
  }

  /**
   * A join may take as long as the slowest member; where the broker answers nothing else meanwhile, it is
   * not waited for: the coordinator may be another long since. Nor is the rest of an answer that has begun and goes
   * no further: its size was wrong.
   */
  #watch(connection: BrokerConnection, address: Address): void {
    const { clock } = this.#system
    const { requestTimeoutMs } = this.#settings
    const isWaiting = () =>
      connection.isOpen &&
      connection.inFlight > 0 &&
      clock.monotonic() - connection.usedAt >= requestTimeoutMs
    const look = async () => {
      if (!connection.isOpen || this.#stop.signal.aborted) return
      const { heardAt, isWithinAnswer, where } = connection
      if (isWithinAnswer && clock.monotonic() - heardAt >= requestTimeoutMs)
        connection.fail(
          'PROTOCOL',
          `${where} began an answer and sent no more of it for ${requestTimeoutMs} ms`,
        )
      else if (isWaiting())
        try {
          await (await this.connect(address, 'metadata')).request(apiVersions, probeBody)
        } catch (error) {
          if (isWaiting() && !this.#stop.signal.aborted)
            connection.fail('PEER_TIMEOUT', `${whereOf(address)} answers nothing: ${messageOf(error)}`)
        }
      this.#watch(connection, address)
    }
    clock.after(requestTimeoutMs, () => void look(), { background: true })
  }

  /** An address that nobody has configured came from a broker: names it, and where the address stands. */
  #toldBy(address: Address, error: unknown): unknown {
    const { bootstrapServers } = this.#settings
    const isGiven = bootstrapServers.some(text => {
      const given = parseAddress(text)
      return given !== null && whereOf({ ...given, host: given.host || 'localhost' }) === whereOf(address)
    })
    if (isGiven || !(error instanceof Fault) || error.code !== 'PEER_UNREACHABLE') return error
    return new Fault(
      error.code,
      `${error.message}; Kafka at ${bootstrapServers.join(',')} told clients this address (advertised.listeners of the broker)`,
      {
        cause: error,
        remedy: `Start that broker, make ${address.host} resolvable and reachable from here, or correct advertised.listeners at the broker.`,
      },
    )
  }

  #failed(address: Address, error: unknown): void {
    const where = whereOf(address)
    const now = this.#system.clock.monotonic()
    let outage = this.#outages.get(where)
    if (outage === undefined) {
      outage = { address, failures: 0, restsUntil: 0, since: now }
      this.#outages.set(where, outage)
      this.#probeLater(outage)
    }
    outage.failures++
    this.judge()
    this.#conditionOf(where).raise(`Kafka broker ${where} cannot be used: ${messageOf(error)}`, {
      remedy: `${error instanceof Fault ? `${error.remedy} ` : ''}Millrace retries until it can be used.`,
    })
    const { reconnectBackoffMs, reconnectBackoffMaxMs } = this.#settings
    const isRefused = error instanceof Fault && error.code === 'AUTHENTICATION'
    const maxMs = isRefused ? Math.max(refusedBackoffMaxMs, reconnectBackoffMaxMs) : reconnectBackoffMaxMs
    const backoff = { firstMs: reconnectBackoffMs, mostMs: maxMs }
    const restMs = backoffMs(outage.failures, backoff, this.#system.random)
    outage.restsUntil = this.#system.clock.monotonic() + restMs
  }

  /** Finds out whether the address can be used again. */
  #probeLater(outage: Outage): void {
    const { clock } = this.#system
    const where = whereOf(outage.address)
    const probe = async () => {
      if (this.#outages.get(where) !== outage || this.#stop.signal.aborted) return
      if (!this.#listed.has(where) && clock.monotonic() - outage.since > unlistedMs) {
        this.#outages.delete(where)
        this.#conditionOf(where).clear(
          `Kafka broker ${where} has left the cluster. The client no longer connects to it`,
        )
        this.#conditions.delete(where)
        return
      }
      // What fails is told where it fails.
      const connection = await this.connect(outage.address, 'metadata').catch(() => null)
      // One that was open all the time may be open to a process that stands still.
      if (connection !== null && this.#outages.get(where) === outage)
        await connection.request(apiVersions, probeBody).then(
          () => this.#succeeded(where),
          () => {},
        )
      this.#probeLater(outage)
    }
    clock.after(probeMs, () => void probe(), { background: true })
  }

  #succeeded(where: string): void {
    if (!this.#outages.delete(where)) return
    this.#conditionOf(where).clear(`Kafka broker ${where} can be used again`)
  }

  #conditionOf(where: string): Condition {
    let condition = this.#conditions.get(where)
    if (condition === undefined) {
      condition = this.#condition(`broker ${where}`, { level: 'warn' })
      this.#conditions.set(where, condition)
    }
    return condition
  }
}

const keyOf = (address: Address, purpose: Purpose) => `${whereOf(address)}/${purpose}`
