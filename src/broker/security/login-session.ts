// LoginSession: what one connection of a listener with SASL may do. Before the login nothing but ApiVersions,
// SaslHandshake and SaslAuthenticate (or, after a handshake of version 0, bare tokens); after it everything,
// until the session has lasted as long as it may (connections.max.reauth.ms) and the client does not log in
// again. Source: KIP-12, KIP-43, KIP-152, KIP-368.
import { peekRequestHeader } from '../../wire/kafka/api.ts'
import { errorCodes } from '../../wire/kafka/error-codes.ts'
import { FormatError } from '../../wire/kafka/format-error.ts'
import { apiVersions } from '../../wire/kafka/messages/api-versions.ts'
import { saslAuthenticate } from '../../wire/kafka/messages/sasl-authenticate.ts'
import { saslHandshake } from '../../wire/kafka/messages/sasl-handshake.ts'
import { LoginRefused, type LoginExchange } from './login-exchange.ts'
import type { SaslMechanism } from './listener-security.ts'

export interface LoginParts {
  readonly mechanisms: readonly SaslMechanism[]
  /** How long a login is good for, ms; 0 is for ever. */
  maxSessionMs(mechanism: SaslMechanism): number
  exchange(mechanism: SaslMechanism): LoginExchange
  now(): number
  /** Resolves after the time that a refusal takes. */
  delay(): Promise<void>
  /** A login was refused, and why. */
  refused(reason: string): void
}

type State =
  | { readonly kind: 'silent' }
  | {
      readonly kind: 'talking'
      readonly mechanism: SaslMechanism
      readonly exchange: LoginExchange
      readonly bare: boolean
    }

const silent: State = { kind: 'silent' }

export class LoginSession {
  readonly #parts: LoginParts
  #state: State = silent
  #login: { user: string; mechanism: SaslMechanism; endsAt: number } | null = null
  #isOver = false

  constructor(parts: LoginParts) {
    this.#parts = parts
  }

  /** The connection is to be closed once what was answered is sent. */
  get isOver(): boolean {
    return this.#isOver
  }

  get user(): string | null {
    return this.#login?.user ?? null
  }

  /**
   * The answer to what belongs to the login; undefined where the request is another one, and allowed.
   * Rejects with FormatError where it is not.
   */
  async answer(request: Buffer): Promise<Buffer | undefined> {
    if (this.#state.kind === 'talking' && this.#state.bare) return await this.#takeBare(request, this.#state)
    const { apiKey, version, correlationId } = peekRequestHeader(request)
    if (apiKey === apiVersions.key) return undefined
    const mayLogIn = this.#login === null || this.#login.endsAt < Infinity
    if (apiKey === saslHandshake.key && version <= 1 && mayLogIn)
      return this.#shake(version, correlationId, saslHandshake.decodeRequest(version, request).body.mechanism)
    if (apiKey === saslAuthenticate.key && version <= 2 && this.#state.kind === 'talking')
      return await this.#take(
        version,
        correlationId,
        saslAuthenticate.decodeRequest(version, request).body.authBytes,
      )
    if (this.#login === null)
      throw new FormatError(
        `it asks for API ${apiKey} before it has logged in; does the client have a security.protocol with SASL?`,
      )
    if (this.#parts.now() >= this.#login.endsAt)
      throw new FormatError('its session is over and it has not logged in again (connections.max.reauth.ms)')
    return undefined
  }

  #shake(version: number, correlationId: number, wanted: string): Buffer {
    const mechanism = this.#parts.mechanisms.find(one => one === wanted)
    const isOther = this.#login !== null && this.#login.mechanism !== mechanism
    if (mechanism !== undefined && !isOther)
      this.#state = {
        kind: 'talking',
        mechanism,
        exchange: this.#parts.exchange(mechanism),
        bare: version === 0,
      }
    else {
      this.#isOver = true
      this.#parts.refused(
        isOther
          ? 'it wants to log in again by another mechanism'
          : `it wants to log in by a mechanism that is not offered; offered are ${this.#parts.mechanisms.join(', ')}`,
      )
    }
    const errorCode = this.#isOver ? errorCodes.UNSUPPORTED_SASL_MECHANISM : 0
    const body = { errorCode, mechanisms: [...this.#parts.mechanisms] }
    return saslHandshake.encodeResponse({ version, correlationId, body })
  }

  async #take(version: number, correlationId: number, token: Buffer): Promise<Buffer> {
    const respond = (body: { errorCode: number; errorMessage: string | null; authBytes: Buffer }) =>
      saslAuthenticate.encodeResponse({
        version,
        correlationId,
        body: {
          ...body,
          sessionLifetimeMs: this.#login === null ? 0 : this.#parts.maxSessionMs(this.#login.mechanism),
        },
      })
    try {
      return respond({ errorCode: 0, errorMessage: null, authBytes: this.#advance(token) })
    } catch (error) {
      if (!(error instanceof LoginRefused)) throw error
      await this.#fail(error)
      const errorCode = errorCodes.SASL_AUTHENTICATION_FAILED
      return respond({
        errorCode,
        errorMessage: `Authentication failed: ${error.message}`,
        authBytes: Buffer.alloc(0),
      })
    }
  }

  /** After a handshake of version 0: the token itself, and the answer in the same form. */
  async #takeBare(token: Buffer, state: State): Promise<Buffer> {
    try {
      const answer = this.#advance(token)
      const framed = Buffer.alloc(4 + answer.length)
      framed.writeInt32BE(answer.length, 0)
      answer.copy(framed, 4)
      return framed
    } catch (error) {
      if (!(error instanceof LoginRefused)) throw error
      this.#state = state
      await this.#fail(error)
      throw new FormatError(`its login was refused: ${error.message}`)
    }
  }

  #advance(token: Buffer): Buffer {
    if (this.#state.kind !== 'talking') throw new LoginRefused('there was no handshake')
    const { mechanism, exchange } = this.#state
    const { answer, user } = exchange.take(token)
    if (user === null) return answer
    if (this.#login !== null && this.#login.user !== user)
      throw new LoginRefused('the client may not become another user')
    const maxSessionMs = this.#parts.maxSessionMs(mechanism)
    this.#login = { user, mechanism, endsAt: maxSessionMs > 0 ? this.#parts.now() + maxSessionMs : Infinity }
    this.#state = silent
    return answer
  }

  async #fail(error: LoginRefused): Promise<void> {
    this.#isOver = true
    this.#parts.refused(error.message)
    await this.#parts.delay()
  }
}
