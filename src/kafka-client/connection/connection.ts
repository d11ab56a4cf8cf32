// One connection to one broker: requests go out at once, any number may be waiting, and answers come
// back in the order of the requests (the broker promises that for each connection).
//
//   frame   size int32 | that many bytes; the first four are the correlation id of the request
//
// When the connection is opened the broker is asked which versions of each API it speaks. Brokers before
// 2.4 do not know the version asked with; they answer that in version 0 and are asked again.
//
// Where there is SASL the login follows. A broker may bound how long it counts (KIP-368): before that
// time is over the login is repeated on the standing connection. What is sent meanwhile is held back and goes out behind it,
// in its order; what was sent before is answered before.
import { whereOf } from '../../address.ts'
import { Fault, messageOf, type FaultCode } from '../../errors.ts'
import type { System } from '../../system/system.ts'
import type { Timer } from '../../system/clock.ts'
import type { ClientApi } from '../../wire/kafka/api.ts'
import { errorCodes } from '../../wire/kafka/error-codes.ts'
import { FrameReader } from '../../wire/kafka/frame-reader.ts'
import { apiVersions } from '../../wire/kafka/messages/api-versions.ts'
import { apiCeilings } from './api-ceilings.ts'
import { wordsOf } from './refusal.ts'
import { askWhetherLoginIsWanted, authenticate, type SaslChannel } from '../security/sasl.ts'
import type { Secured, Security } from '../security/security.ts'

/** What a client needs of the system; the disk and Java's system properties only for stores and login files. */
export type ClientSystem = Pick<System, 'clock' | 'network' | 'random' | 'memory'> & {
  readonly disk?: System['disk']
  readonly systemProperties?: ReadonlyMap<string, string>
}

export interface ConnectionTarget {
  readonly host: string
  readonly port: number
  readonly clientId: string
  readonly socketConnectionSetupTimeoutMs: number
  readonly requestTimeoutMs: number
  /** Most bytes of one answer; 256 MiB where absent. */
  readonly maxResponseBytes?: number
  readonly signal?: AbortSignal
  /** TLS and SASL; neither where absent. */
  readonly security?: Security
}

/** What is sent, whatever its types; the types are those of `request`. */
type AnyApi = ClientApi<unknown, unknown>

interface Waiting {
  /** Null: a bare answer, which is given as it is. */
  readonly api: AnyApi | null
  readonly version: number
  readonly correlationId: number
  readonly timer: Timer
  /** Beyond the usual time-out. */
  readonly extraTimeMs: number
  readonly resolve: (body: unknown) => void
  readonly reject: (fault: Fault) => void
}

/** Something to write; `waiting` where there will be an answer. */
interface Outgoing {
  readonly bytes: Buffer
  readonly waiting: Waiting | null
}

/** The login is repeated when this part of its time is over, and a random bit more. */
const sessionPart = 0.8
const sessionJitter = 0.05
/** A broker takes no two logins of a connection within a second. */
const leastBetweenMs = 1_050

export class BrokerConnection {
  /** `host:port`, for messages. */
  readonly where: string
  /** When the last request was sent, monotonic ms. */
  usedAt: number
  /** When the last bytes came, monotonic ms. */
  heardAt: number
  /** What was to be sent, and the broker said when the connection was opened that it does not speak it. */
  isLacking = false
  readonly openedAt: number
  readonly #system: ClientSystem
  readonly #target: ConnectionTarget
  readonly #stream: Secured['stream']
  readonly #versions = new Map<number, { min: number; max: number }>()
  #waiting: Waiting[] = []
  #waitingFrom = 0
  #nextCorrelationId = 1
  #fault: Fault | null = null
  #answered = false
  readonly #reader = new FrameReader({
    eagerBytes: 4 * 1024 * 1024,
    accept: (size, bytes) => this.#acceptsSize(size, bytes),
    take: frame => this.#take(frame),
  })
  readonly #closed: (() => void)[] = []
  /** When the login is repeated, monotonic ms. */
  #loginDueAt = Infinity
  #loggedInAt = -Infinity
  /** What waits for the login under way; null while there is none. */
  #held: Outgoing[] | null = null
  #login: Promise<void> = Promise.resolve()
  /** Requests sent, and whether one was answered, after the connection was opened. */
  #sent = 0
  #isServed = false

  private constructor(system: ClientSystem, target: ConnectionTarget, { stream, explain }: Secured) {
    this.where = whereOf(target)
    this.#system = system
    this.#target = target
    this.#stream = stream
    this.usedAt = this.heardAt = this.openedAt = system.clock.monotonic()
    stream.on('data', (chunk: Buffer) => {
      this.heardAt = system.clock.monotonic()
      this.#reader.read(chunk)
      if (this.isWithinAnswer && this.#waiting.length === this.#waitingFrom)
        this.fail('PROTOCOL', `${this.where} sends more than it was asked for`)
    })
    stream.on('error', error => {
      const tlsText = explain(error)
      if (tlsText !== null) this.fail('TLS', tlsText, error)
      else this.fail('PEER_CLOSED', `the connection to ${this.where} broke: ${error.message}`, error)
    })
    stream.on('close', () => this.#ended())
    stream.on('end', () => this.#ended())
  }

  /**
   * Connects, asks for the versions and logs in. Rejects with PEER_UNREACHABLE, PEER_TIMEOUT, PEER_CLOSED,
   * PROTOCOL, TLS, AUTHENTICATION or STOPPED.
   */
  static async open(system: ClientSystem, target: ConnectionTarget): Promise<BrokerConnection> {
    const connection = await BrokerConnection.#openBare(system, target)
    try {
      if (target.security?.usesSasl === true) await connection.#logIn()
      else if (target.security?.isSuspect(connection.where) === true) await connection.#findReason()
    } catch (error) {
      connection.close()
      throw error
    }
    return connection
  }

  static async #openBare(system: ClientSystem, target: ConnectionTarget): Promise<BrokerConnection> {
    const first = await BrokerConnection.#connect(system, target)
    try {
      await first.#negotiate(3)
      return first
    } catch (error) {
      first.close()
      // Some old brokers close the connection on a version they do not know.
      if (!(error instanceof Fault) || error.code !== 'PEER_CLOSED' || target.signal?.aborted === true)
        throw error
    }
    const second = await BrokerConnection.#connect(system, target)
    try {
      await second.#negotiate(0)
      return second
    } catch (error) {
      second.close()
      if (!(error instanceof Fault) || error.code !== 'PEER_CLOSED') throw error
      throw new Fault(
        'PROTOCOL',
        `${second.where} closes the connection on Kafka's first request: it is not a Kafka broker of 0.10 or later, ${target.security?.usesTls === true ? 'or it wants a certificate of the client (ssl.keystore.location)' : 'or its port expects TLS (security.protocol)'}`,
        { cause: error },
      )
    }
  }

  static async #connect(system: ClientSystem, target: ConnectionTarget): Promise<BrokerConnection> {
    const { host, port, socketConnectionSetupTimeoutMs: timeoutMs, signal } = target
    const connection = await system.network.connect(
      signal === undefined ? { host, port, timeoutMs } : { host, port, timeoutMs, signal },
    )
    const secured =
      target.security === undefined
        ? { stream: connection.stream, explain: () => null }
        : await target.security.secure(
            connection.stream,
            { host, port },
            signal === undefined ? { timeoutMs } : { timeoutMs, signal },
          )
    return new BrokerConnection(system, target, secured)
  }

  /** Says who we are, and when that has to be said again. */
  async #logIn(): Promise<void> {
    const { clock, random } = this.#system
    // Not only the first login: a broker counts the second between any two of a connection.
    const restMs = this.#loggedInAt + leastBetweenMs - clock.monotonic()
    if (restMs > 0) await clock.sleep(restMs, this.#target.signal)
    // Long requests may be in front, such as a join that waits for the group.
    const extraTimeMs = Math.max(0, ...this.#waiting.slice(this.#waitingFrom).map(one => one.extraTimeMs))
    const identity = await this.#target.security!.identify()
    const beganAt = clock.monotonic()
    const lifetimeMs = await authenticate(this.#saslChannel(extraTimeMs), identity)
    this.#loggedInAt = beganAt
    const part = sessionPart + sessionJitter * random.next()
    this.#loginDueAt = lifetimeMs > 0 ? clock.monotonic() + lifetimeMs * part : Infinity
  }

  async #logInAgain(): Promise<void> {
    try {
      await this.#logIn()
    } catch (error) {
      return this.fail(error instanceof Fault ? error.code : 'AUTHENTICATION', messageOf(error), error)
    }
    const held = this.#held ?? []
    this.#held = null
    for (const one of held) this.#write(one)
  }

  /** A connection to this address was closed at its first request: finds out whether it wants a login. */
  async #findReason(): Promise<void> {
    const security = this.#target.security!
    await askWhetherLoginIsWanted(this.#saslChannel(0), security.protocol).catch((error: unknown) => {
      // Where the question does not tell, the next connection does without.
      if (!(error instanceof Fault && error.code === 'AUTHENTICATION')) security.suspect(this.where, false)
      throw error
    })
  }

  #saslChannel(extraTimeMs: number): SaslChannel {
    return {
      where: this.where,
      versionOf: api => this.versionOf(api),
      exchange: (api, body) =>
        this.#exchange(api, this.versionOf(api), body, { extraTimeMs, isUrgent: true }),
      exchangeBare: (bytes, what) => this.#exchangeBare(bytes, what),
    }
  }

  async #negotiate(version: 0 | 3): Promise<void> {
    const body = { clientSoftwareName: 'millrace', clientSoftwareVersion: '0.1.0' }
    // A process that stands still takes connections: its answer belongs to setting one up.
    const { socketConnectionSetupTimeoutMs, requestTimeoutMs } = this.#target
    const given = {
      extraTimeMs: Math.min(0, socketConnectionSetupTimeoutMs - requestTimeoutMs),
      isUrgent: true,
    }
    let answer = await this.#exchange(apiVersions, version, body, given)
    if (answer.errorCode === errorCodes.UNSUPPORTED_VERSION && version !== 0)
      answer = await this.#exchange(apiVersions, 0, body, given)
    if (answer.errorCode !== 0)
      throw new Fault('PROTOCOL', `${this.where} does not tell its versions: ${wordsOf(answer.errorCode)}`)
    for (const { apiKey, minVersion, maxVersion } of answer.apiKeys)
      this.#versions.set(apiKey, { min: minVersion, max: maxVersion })
  }

  get isOpen(): boolean {
    return this.#fault === null
  }

  /** Whether a part of an answer has come, and the rest of it has not. */
  get isWithinAnswer(): boolean {
    return this.#reader.isWithin
  }

  /** Why it has ended; null while it is open. */
  get fault(): Fault | null {
    return this.#fault
  }

  get inFlight(): number {
    return this.#waiting.length - this.#waitingFrom + (this.#held?.length ?? 0)
  }

  /** Runs once when the connection has ended. */
  onClosed(run: () => void): void {
    if (this.#fault !== null) run()
    else this.#closed.push(run)
  }

  /** The highest version both sides speak, `most` at most, which may be above the usual ceiling; -1 where there is none. */
  versionOf(
    api: { key: number; minVersion: number; maxVersion: number },
    most = apiCeilings[api.key] ?? Infinity,
  ): number {
    const theirs = this.#versions.get(api.key)
    if (theirs === undefined) return -1
    const highest = Math.min(most, theirs.max, api.maxVersion)
    return highest >= Math.max(theirs.min, api.minVersion) ? highest : -1
  }

  /**
   * Sends at once and resolves with the answer's body. Rejects with PEER_CLOSED, PEER_TIMEOUT (the
   * connection is closed then, since answers come in order), PROTOCOL or STOPPED.
   */
  request<Q, S>(api: ClientApi<Q, S>, body: Q, extraTimeMs = 0, most?: number): Promise<S> {
    const version = this.versionOf(api, most)
    if (version === -1) return Promise.reject(this.lacks(api))
    this.#sent++
    return this.#exchange(api, version, body, { extraTimeMs, isUrgent: false })
  }

  /** Why the API cannot be asked here. The broker is asked again what it speaks: see Brokers.connect. */
  lacks({ name }: { name: string }): Fault {
    this.isLacking = true
    return new Fault(
      'PROTOCOL',
      `the broker at ${this.where} speaks no version of ${name} that is known here`,
    )
  }

  /** Sends a request that has no answer (Produce with acks=0). */
  sendOnly<Q, S>(api: ClientApi<Q, S>, body: Q): void {
    if (this.#fault !== null) throw this.#fault
    const { clientId } = this.#target
    this.usedAt = this.#system.clock.monotonic()
    const correlationId = this.#nextCorrelationId++
    this.#submit({
      bytes: api.encodeRequest({ version: this.versionOf(api), correlationId, clientId, body }),
      waiting: null,
    })
  }

  /** Resolves once everything written has left for the operating system. */
  async drained(): Promise<void> {
    if (this.#held !== null) await this.#login
    if (this.#fault !== null) throw this.#fault
    if (!this.#stream.writableNeedDrain) return
    return new Promise((resolve, reject) => {
      this.#stream.once('drain', resolve)
      this.onClosed(() => reject(this.#fault!))
    })
  }

  close(): void {
    this.fail('STOPPED', `the connection to ${this.where} was closed here`)
  }

  fail(code: FaultCode, message: string, cause?: unknown): void {
    if (this.#fault !== null) return
    if (code === 'PEER_CLOSED' && this.#sent > 0 && !this.#isServed)
      this.#target.security?.suspect(this.where, true)
    const fault = new Fault(code, message, { cause })
    this.#fault = fault
    this.#stream.destroy()
    const pending = this.#waiting.slice(this.#waitingFrom)
    for (const { waiting } of this.#held ?? []) if (waiting !== null) pending.push(waiting)
    this.#held = null
    this.#waiting = []
    this.#waitingFrom = 0
    this.#reader.end()
    for (const one of pending) {
      one.timer.cancel()
      one.reject(fault)
    }
    for (const run of this.#closed.splice(0)) run()
  }

  #exchange<Q, S>(
    api: ClientApi<Q, S>,
    version: number,
    body: Q,
    { extraTimeMs, isUrgent }: { extraTimeMs: number; isUrgent: boolean } = {
      extraTimeMs: 0,
      isUrgent: true,
    },
  ): Promise<S> {
    return new Promise((resolve, reject) => {
      if (this.#fault !== null) return reject(this.#fault)
      const { clientId, requestTimeoutMs } = this.#target
      const correlationId = this.#nextCorrelationId++
      if (this.#nextCorrelationId > 2_147_483_647) this.#nextCorrelationId = 1
      let bytes: Buffer
      try {
        bytes = api.encodeRequest({ version, correlationId, clientId, body })
      } catch (error) {
        return reject(
          new Fault('PROTOCOL', `${api.name} cannot be asked: ${messageOf(error)}`, { cause: error }),
        )
      }
      const timeoutMs = requestTimeoutMs + extraTimeMs
      const timer = this.#system.clock.after(
        timeoutMs,
        () => this.fail('PEER_TIMEOUT', `${this.where} did not answer ${api.name} within ${timeoutMs} ms`),
        { background: true },
      )
      const waiting = {
        api: api as unknown as AnyApi,
        version,
        correlationId,
        timer,
        extraTimeMs,
        resolve: resolve as (body: unknown) => void,
        reject,
      }
      this.usedAt = this.#system.clock.monotonic()
      if (isUrgent) this.#write({ bytes, waiting })
      else this.#submit({ bytes, waiting })
    })
  }

  #exchangeBare(token: Buffer, what: string): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.#fault !== null) return reject(this.#fault)
      const { requestTimeoutMs: timeoutMs } = this.#target
      const timer = this.#system.clock.after(
        timeoutMs,
        () => this.fail('PEER_TIMEOUT', `${this.where} did not answer ${what} within ${timeoutMs} ms`),
        { background: true },
      )
      const size = Buffer.alloc(4)
      size.writeInt32BE(token.length)
      const waiting = { api: null, version: 0, correlationId: 0, timer, extraTimeMs: 0, reject }
      this.#write({
        bytes: Buffer.concat([size, token]),
        waiting: { ...waiting, resolve: body => resolve(body as Buffer) },
      })
    })
  }

  /** Writes, or holds back until the login that is under way or due is over. */
  #submit(outgoing: Outgoing): void {
    if (this.#held === null && this.#system.clock.monotonic() >= this.#loginDueAt) {
      this.#held = []
      this.#login = this.#logInAgain()
    }
    if (this.#held === null) this.#write(outgoing)
    else this.#held.push(outgoing)
  }

  #write({ bytes, waiting }: Outgoing): void {
    if (waiting !== null) this.#waiting.push(waiting)
    this.#stream.write(bytes)
  }

  #ended(): void {
    this.fail('PEER_CLOSED', `${this.where} closed the connection`)
  }

  get #maxResponseBytes(): number {
    return this.#target.maxResponseBytes ?? 268_435_456
  }

  #acceptsSize(size: number, bytes: Buffer): boolean {
    const isBare = this.#waiting[this.#waitingFrom]?.api === null
    if (size >= (isBare ? 0 : 4) && size <= this.#maxResponseBytes) return true
    this.#refuseSize(size, bytes)
    return false
  }

  #refuseSize(size: number, first: Buffer): void {
    const secure = first[0] === 0x15 && first[1] === 3
    const what = secure
      ? `${this.where} speaks TLS, and security.protocol says it does not: write SSL or SASL_SSL, or use the port of a listener without TLS`
      : this.#answered
        ? `${this.where} announces an answer of ${size} bytes; at most ${this.#maxResponseBytes} are accepted`
        : `${this.where} is not a Kafka broker: its first bytes are ${JSON.stringify(first.toString('latin1'))}`
    this.fail('PROTOCOL', what)
  }

  #take(frame: Buffer): void {
    const waiting = this.#waiting[this.#waitingFrom]
    if (waiting === undefined) return this.fail('PROTOCOL', `${this.where} sends an answer nobody asked for`)
    this.#waitingFrom++
    if (this.#waitingFrom === this.#waiting.length || this.#waitingFrom > 1000) {
      this.#waiting = this.#waiting.slice(this.#waitingFrom)
      this.#waitingFrom = 0
    }
    waiting.timer.cancel()
    if (waiting.api === null) return waiting.resolve(Buffer.from(frame))
    if (frame.readInt32BE(0) !== waiting.correlationId) {
      const text = `${this.where} answered request ${frame.readInt32BE(0)} where ${waiting.correlationId} (${waiting.api.name}) was next${this.#answered ? '' : ': it may not be a Kafka broker'}`
      waiting.reject(new Fault('PROTOCOL', text))
      return this.fail('PROTOCOL', text)
    }
    this.#answered = true
    if (this.#sent > 0 && !this.#isServed) {
      this.#isServed = true
      this.#target.security?.suspect(this.where, false)
    }
    let body: unknown
    try {
      body = waiting.api.decodeResponse(waiting.version, frame).body
    } catch (error) {
      const text = `${this.where} sent an answer that cannot be read: ${messageOf(error)}`
      waiting.reject(new Fault('PROTOCOL', text, { cause: error }))
      return this.fail('PROTOCOL', text, error)
    }
    waiting.resolve(body)
  }
}
