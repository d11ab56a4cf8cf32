// OAUTHBEARER (RFC 7628): the client sends a token that somebody both trust has made. Here it is either
// an unsecured one, made on the spot as Kafka's own login module does for trials, or one from a token
// endpoint by the grant "client credentials".
//
//   client  n,,^Aauth=Bearer token^Aname=value^A^A   (^A: byte 1; names and values are extensions)
//   server  nothing, or JSON that says what is wrong, answered with ^A
import type { HttpAnswer, HttpRequest } from '../../system/https-request.ts'
import { Fault } from '../../errors.ts'
import type { Conversation } from './sasl-conversation.ts'
import { Secret } from '../../security/secret.ts'

export type Extensions = Readonly<Record<string, string>>

/** Claims of an unsecured token, as in the login text; times of its own are added. */
export interface UnsecuredToken {
  readonly kind: 'unsecured'
  readonly claims: Readonly<Record<string, string | number | readonly string[]>>
  readonly lifetimeMs: number
  readonly extensions: Extensions
}

export interface TokenEndpoint {
  readonly kind: 'endpoint'
  readonly url: string
  readonly clientId: string
  readonly clientSecret: Secret
  readonly scope: string | null
  /** Whether id and secret are encoded as in URLs before they go into the header (RFC 6749, 2.3.1). */
  readonly encodesHeader: boolean
  readonly timeoutMs: number
  readonly extensions: Extensions
}

export interface Token {
  readonly text: Secret
  /** Wall clock, milliseconds since 1970; Infinity where nobody says. */
  readonly expiresAt: number
}

export function converseOAuth(token: Secret, extensions: Extensions): Conversation {
  const pairs = Object.entries(extensions).map(([name, value]) => `${name}=${value}\x01`)
  const talk: { -readonly [Key in keyof Conversation]: Conversation[Key] } = {
    first: Buffer.from(`n,,\x01auth=Bearer ${token.reveal()}\x01${pairs.join('')}\x01`),
    answer(bytes) {
      if (bytes.length === 0) return null
      talk.reason = statusOf(bytes.toString('utf8'))
      return Buffer.of(1)
    },
  }
  return talk
}

/** The status of a broker's refusal, such as invalid_token. */
function statusOf(text: string): string {
  const { status } = (parseJson(text) ?? {}) as { status?: unknown }
  return typeof status === 'string' ? status.slice(0, 100) : 'the token is refused'
}

/** A token without signature: a broker takes it only where it is set up for trials. */
export function makeUnsecuredToken({ claims, lifetimeMs }: UnsecuredToken, now: number): Token {
  const issued = now / 1000
  const all = { iat: issued, exp: issued + lifetimeMs / 1000, ...claims }
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const expiresAt = typeof all.exp === 'number' ? all.exp * 1000 : Infinity
  return { text: new Secret(`${part({ alg: 'none' })}.${part(all)}.`), expiresAt }
}

/** Asks the endpoint. Rejects with AUTHENTICATION, PEER_UNREACHABLE or PEER_TIMEOUT, naming the address. */
export async function fetchToken(
  endpoint: TokenEndpoint,
  now: number,
  send: (request: HttpRequest) => Promise<HttpAnswer>,
): Promise<Token> {
  const { url, clientId, clientSecret, scope, encodesHeader, timeoutMs } = endpoint
  const encode = (text: string) => (encodesHeader ? encodeURIComponent(text).replaceAll('%20', '+') : text)
  const credentials = `${encode(clientId)}:${encode(clientSecret.reveal())}`
  const body = new URLSearchParams({ grant_type: 'client_credentials' })
  if (scope !== null) body.set('scope', scope)
  const answer = await send({
    url,
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(credentials).toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded',
      accept: 'application/json',
    },
    body: body.toString(),
    timeoutMs,
  })
  const where = showUrl(url)
  const json = (parseJson(answer.body) ?? {}) as Record<string, unknown>
  if (answer.status !== 200) {
    const said = [json['error'], json['error_description']].filter(one => typeof one === 'string').join(': ')
    throw new Fault(
      'AUTHENTICATION',
      `the token endpoint ${where} answers ${answer.status}${said === '' ? '' : ` (${clientSecret.hideIn(said).slice(0, 200)})`}: see clientId, clientSecret and scope in sasl.jaas.config`,
    )
  }
  const token = json['access_token']
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token))
    throw new Fault('AUTHENTICATION', `the token endpoint ${where} answers without an access_token`)
  return { text: new Secret(token), expiresAt: expiryOf(token, json['expires_in'], now) }
}

/** Address without user, password and query, which may be secrets. */
export function showUrl(url: string): string {
  const { protocol, host, pathname } = new URL(url)
  return `${protocol}//${host}${pathname}`
}

function expiryOf(token: string, expiresInSeconds: unknown, now: number): number {
  const claims = parseJson(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')) as {
    exp?: unknown
  } | null
  const said = Number(claims?.exp ?? NaN) * 1000
  const counted = now + Number(expiresInSeconds ?? NaN) * 1000
  return Math.min(Number.isFinite(said) ? said : Infinity, Number.isFinite(counted) ? counted : Infinity)
}

function parseJson(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' ? value : null
  } catch {
    return null
  }
}

/** Tokens for the connections of one client: one is used until a fifth of its life is left. */
export class Tokens {
  readonly #make: () => Promise<Token>
  readonly #now: () => number
  #token: Token | null = null
  #renewAt = 0
  #making: Promise<Token> | null = null

  constructor(make: () => Promise<Token>, now: () => number) {
    this.#make = make
    this.#now = now
  }

  async get(): Promise<Secret> {
    if (this.#token !== null && this.#now() < this.#renewAt) return this.#token.text
    // Connections that need one at the same time share it.
    this.#making ??= this.#renew().finally(() => (this.#making = null))
    return (await this.#making).text
  }

  async #renew(): Promise<Token> {
    const begin = this.#now()
    const token = await this.#make()
    // Without an end nobody knows how long it is good for: it is used once.
    this.#renewAt = token.expiresAt === Infinity ? begin : begin + (token.expiresAt - begin) * 0.8
    this.#token = token
    return token
  }

  /** The broker refused it: the next one is a new one. */
  drop(): void {
    this.#renewAt = 0
  }
}
