// One connection to one broker: requests go out at once, any number may be waiting, and answers come
// back in the order of the requests (the broker promises that for each connection).
//
//   frame   size int32 | that many bytes; the first four are the correlation id of the request
//
// When the connection is opened the broker is asked which versions of each API it speaks. Brokers before
// 2.4 do not know the version asked with; they answer that in version 0 and are asked again.
import type { Duplex } from 'node:stream'
import { Fault, messageOf } from '../errors.ts'
import type { System } from '../system/system.ts'
import type { Timer } from '../system/clock.ts'
import type { ClientApi } from '../wire/kafka/api.ts'
import { errorCodes } from '../wire/kafka/error-codes.ts'
import { apiVersions } from '../wire/kafka/messages/api-versions.ts'
import { apiCeilings } from './api-ceilings.ts'

/** The doors a client needs. */
export type Doors = Pick<System, 'clock' | 'network' | 'random'>

export interface ConnectionTarget {
  readonly host: string
  readonly port: number
  readonly clientId: string
  readonly connectTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly maxResponseBytes: number
  readonly signal?: AbortSignal
  /** Lays TLS over the stream and speaks SASL, before the first request; the bare stream where absent. */
  readonly secure?: (stream: Duplex, where: string) => Promise<Duplex>
}

/** What is sent, whatever its types; the types are those of `request`. */
type AnyApi = ClientApi<unknown, unknown>

interface Waiting {
  readonly api: AnyApi
  readonly version: number
  readonly correlationId: number
  readonly timer: Timer
  readonly resolve: (body: unknown) => void
  readonly reject: (fault: Fault) => void
}

/** Bytes up to which room for an answer is made at once, before its bytes are there. */
const eagerBytes = 4_194_304

export class BrokerConnection {
  /** `host:port`, for messages. */
  readonly where: string
  /** When the last request was sent, monotonic ms. */
  usedAt: number
  readonly #system: Doors
  readonly #target: ConnectionTarget
  readonly #stream: Duplex
  readonly #versions = new Map<number, { min: number; max: number }>()
  #waiting: Waiting[] = []
  #waitingFrom = 0
  #nextCorrelationId = 1
  #fault: Fault | null = null
  #answered = false
  // The frame being read: first its size, then its bytes, either in one piece or as chunks.
  readonly #sizeBytes = Buffer.alloc(4)
  #have = 0
  #size = -1
  #frame: Buffer | null = null
  #chunks: Buffer[] = []
  readonly #closed: (() => void)[] = []

  private constructor(system: Doors, target: ConnectionTarget, stream: Duplex) {
    this.where = `${target.host}:${target.port}`
    this.#system = system
    this.#target = target
    this.#stream = stream
    this.usedAt = system.clock.monotonic()
    stream.on('data', (chunk: Buffer) => this.#read(chunk))
    stream.on('error', error =>
      this.fail('PEER_CLOSED', `the connection to ${this.where} broke: ${error.message}`, error),
    )
    stream.on('close', () => this.#ended())
    stream.on('end', () => this.#ended())
  }

  /** Connects and asks for the versions. Rejects with PEER_UNREACHABLE, PEER_TIMEOUT, PEER_CLOSED, PROTOCOL or STOPPED. */
  static async open(system: Doors, target: ConnectionTarget): Promise<BrokerConnection> {
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
        `${second.where} closes the connection on Kafka's first request: it is not a Kafka broker of 0.10 or later, or its port expects TLS or SASL (security.protocol)`,
        { cause: error },
      )
    }
  }

  static async #connect(system: Doors, target: ConnectionTarget): Promise<BrokerConnection> {
    const { host, port, connectTimeoutMs: timeoutMs, signal } = target
    const connection = await system.network.connect(
      signal === undefined ? { host, port, timeoutMs } : { host, port, timeoutMs, signal },
    )
    const stream =
      target.secure === undefined
        ? connection.stream
        : await target.secure(connection.stream, `${host}:${port}`)
    return new BrokerConnection(system, target, stream)
  }

  async #negotiate(version: 0 | 3): Promise<void> {
    const body = { clientSoftwareName: 'millrace', clientSoftwareVersion: '0.1.0' }
    let answer = await this.#exchange(apiVersions, version, body)
    if (answer.errorCode === errorCodes.UNSUPPORTED_VERSION && version !== 0)
      answer = await this.#exchange(apiVersions, 0, body)
    if (answer.errorCode !== 0)
      throw new Fault('PROTOCOL', `${this.where} does not tell its versions: error ${answer.errorCode}`)
    for (const { apiKey, minVersion, maxVersion } of answer.apiKeys)
      this.#versions.set(apiKey, { min: minVersion, max: maxVersion })
  }

  get isOpen(): boolean {
    return this.#fault === null
  }

  /** Why it has ended; null while it is open. */
  get fault(): Fault | null {
    return this.#fault
  }

  get inFlight(): number {
    return this.#waiting.length - this.#waitingFrom
  }

  /** Runs once when the connection has ended. */
  onClosed(run: () => void): void {
    if (this.#fault !== null) run()
    else this.#closed.push(run)
  }

  /** The highest version both sides speak; -1 where there is none. */
  versionOf(api: { key: number; minVersion: number; maxVersion: number }): number {
    const theirs = this.#versions.get(api.key)
    if (theirs === undefined) return -1
    const highest = Math.min(theirs.max, api.maxVersion, apiCeilings[api.key] ?? Infinity)
    return highest >= Math.max(theirs.min, api.minVersion) ? highest : -1
  }

  /**
   * Sends at once and resolves with the answer's body. Rejects with PEER_CLOSED, PEER_TIMEOUT (the
   * connection is closed then, since answers come in order), PROTOCOL or STOPPED.
   */
  request<Q, S>(api: ClientApi<Q, S>, body: Q, extraTimeMs = 0): Promise<S> {
    const version = this.versionOf(api)
    if (version === -1)
      return Promise.reject(
        new Fault(
          'PROTOCOL',
          `the broker at ${this.where} speaks no version of ${api.name} that is known here`,
        ),
      )
    return this.#exchange(api, version, body, extraTimeMs)
  }

  /** Sends a request that has no answer (Produce with acks=0). */
  sendOnly<Q, S>(api: ClientApi<Q, S>, body: Q): void {
    if (this.#fault !== null) throw this.#fault
    const { clientId } = this.#target
    this.usedAt = this.#system.clock.monotonic()
    const correlationId = this.#nextCorrelationId++
    this.#stream.write(api.encodeRequest({ version: this.versionOf(api), correlationId, clientId, body }))
  }

  /** Resolves once everything written has left for the operating system. */
  drained(): Promise<void> {
    if (this.#fault !== null) return Promise.reject(this.#fault)
    if (!this.#stream.writableNeedDrain) return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.#stream.once('drain', resolve)
      this.onClosed(() => reject(this.#fault!))
    })
  }

  close(): void {
    this.fail('STOPPED', `the connection to ${this.where} was closed here`)
  }

  fail(
    code: 'PEER_CLOSED' | 'PEER_TIMEOUT' | 'PROTOCOL' | 'STOPPED',
    message: string,
    cause?: unknown,
  ): void {
    if (this.#fault !== null) return
    const fault = new Fault(code, message, { cause })
    this.#fault = fault
    this.#stream.destroy()
    const pending = this.#waiting.slice(this.#waitingFrom)
    this.#waiting = []
    this.#waitingFrom = 0
    this.#frame = null
    this.#chunks = []
    for (const one of pending) {
      one.timer.cancel()
      one.reject(fault)
    }
    for (const run of this.#closed.splice(0)) run()
  }

  #exchange<Q, S>(api: ClientApi<Q, S>, version: number, body: Q, extraTimeMs = 0): Promise<S> {
    return new Promise((resolve, reject) => {
      if (this.#fault !== null) return reject(this.#fault)
      const { clientId, requestTimeoutMs } = this.#target
      const correlationId = this.#nextCorrelationId++
      if (this.#nextCorrelationId > 2_147_483_647) this.#nextCorrelationId = 1
      const bytes = api.encodeRequest({ version, correlationId, clientId, body })
      const timeoutMs = requestTimeoutMs + extraTimeMs
      const timer = this.#system.clock.after(
        timeoutMs,
        () => this.fail('PEER_TIMEOUT', `${this.where} did not answer ${api.name} within ${timeoutMs} ms`),
        { background: true },
      )
      this.#waiting.push({
        api: api as unknown as AnyApi,
        version,
        correlationId,
        timer,
        resolve: resolve as (body: unknown) => void,
        reject,
      })
      this.usedAt = this.#system.clock.monotonic()
      this.#stream.write(bytes)
    })
  }

  #ended(): void {
    this.fail('PEER_CLOSED', `${this.where} closed the connection`)
  }

  #read(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length && this.#fault === null) {
      if (this.#size === -1) {
        const count = Math.min(4 - this.#have, chunk.length - at)
        chunk.copy(this.#sizeBytes, this.#have, at, at + count)
        this.#have += count
        at += count
        if (this.#have === 4) this.#begin(this.#sizeBytes.readInt32BE(0))
        continue
      }
      const count = Math.min(this.#size - this.#have, chunk.length - at)
      // A small answer that is whole in its chunk needs no copy.
      if (this.#have === 0 && count === this.#size && count < 16_384) {
        this.#finish(chunk.subarray(at, at + count))
      } else {
        if (this.#size <= eagerBytes) {
          this.#frame ??= Buffer.allocUnsafeSlow(this.#size)
          chunk.copy(this.#frame, this.#have, at, at + count)
        } else this.#chunks.push(chunk.subarray(at, at + count))
        this.#have += count
        if (this.#have === this.#size) this.#finish(this.#frame ?? Buffer.concat(this.#chunks))
      }
      at += count
    }
  }

  #begin(size: number): void {
    if (size < 4 || size > this.#target.maxResponseBytes) return this.#refuseSize(size)
    this.#size = size
    this.#have = 0
  }

  #refuseSize(size: number): void {
    const first = this.#sizeBytes
    const secure = first[0] === 0x15 && first[1] === 3
    const what = secure
      ? `${this.where} speaks TLS, and security.protocol says it does not`
      : this.#answered
        ? `${this.where} announces an answer of ${size} bytes; at most ${this.#target.maxResponseBytes} are accepted`
        : `${this.where} is not a Kafka broker: its first bytes are ${JSON.stringify(first.toString('latin1'))}`
    this.fail('PROTOCOL', what)
  }

  #finish(frame: Buffer): void {
    this.#size = -1
    this.#have = 0
    this.#frame = null
    this.#chunks = []
    const waiting = this.#waiting[this.#waitingFrom]
    if (waiting === undefined) return this.fail('PROTOCOL', `${this.where} sends an answer nobody asked for`)
    this.#waitingFrom++
    if (this.#waitingFrom === this.#waiting.length || this.#waitingFrom > 1000) {
      this.#waiting = this.#waiting.slice(this.#waitingFrom)
      this.#waitingFrom = 0
    }
    waiting.timer.cancel()
    if (frame.readInt32BE(0) !== waiting.correlationId) {
      const text = `${this.where} answered request ${frame.readInt32BE(0)} where ${waiting.correlationId} (${waiting.api.name}) was next${this.#answered ? '' : ': it may not be a Kafka broker'}`
      waiting.reject(new Fault('PROTOCOL', text))
      return this.fail('PROTOCOL', text)
    }
    this.#answered = true
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
