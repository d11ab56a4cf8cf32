// What secures the connections of one client: TLS laid over the stream, and who the client says it is.
// Stores and login files are read when the first connection is made and again after a minute for a later
// one, so that renewed certificates and mended files are taken without a restart.
import type { Duplex } from 'node:stream'
import { whereOf } from '../../address.ts'
import { Fault, messageOf } from '../../errors.ts'
import { loadClientStores, type ClientStores, type LoadedTls } from '../../security/client-stores.ts'
import type { Clock } from '../../system/clock.ts'
import type { Disk } from '../../system/disk.ts'
import { sendHttp } from '../../system/https-request.ts'
import { JaasError, parseJaasFile } from '../../security/jaas.ts'
import type { Random } from '../../system/random.ts'
import type { SslSystem } from '../../security/ssl-settings.ts'
import { secureClient } from '../../system/tls.ts'
import { LoginError, readLogin } from './login.ts'
import { conversePlain } from './sasl-conversation.ts'
import { converseOAuth, fetchToken, makeUnsecuredToken, Tokens } from './sasl-oauthbearer.ts'
import { converseScram } from './sasl-scram.ts'
import type { Identity } from './sasl.ts'
import { jaasFileProperty } from './security-properties.ts'
import type { Login, SaslSettings, SecuritySettings } from './security-settings.ts'
import { explainTls } from './tls-explanation.ts'

export interface SecuritySystem {
  readonly clock: Clock
  readonly random: Random
  readonly disk?: Disk
  readonly systemProperties?: ReadonlyMap<string, string>
}

export interface Secured {
  readonly stream: Duplex
  /** What an error of the stream means; null where it is not one of TLS. */
  explain(error: unknown): string | null
}

/** Files may have changed after so long. */
const freshMs = 60_000

export class Security {
  readonly protocol: string
  readonly #settings: SecuritySettings
  readonly #system: SecuritySystem
  readonly #stores = new Map<ClientStores, { readAt: number; tls: Promise<LoadedTls> }>()
  #identity: { madeAt: number; identity: Promise<Identity> } | null = null
  /** Addresses that closed a connection at its first request. */
  readonly #suspects = new Set<string>()

  constructor(settings: SecuritySettings, system: SecuritySystem) {
    this.protocol = settings.protocol
    this.#settings = settings
    this.#system = system
  }

  get usesTls(): boolean {
    return this.#settings.tls !== null
  }

  get usesSasl(): boolean {
    return this.#settings.sasl !== null
  }

  /** Lays TLS over the stream where there is TLS. Rejects with TLS: one sentence with host, port and remedy. */
  async secure(
    stream: Duplex,
    to: { host: string; port: number },
    limit: { timeoutMs: number; signal?: AbortSignal },
  ): Promise<Secured> {
    const { tls: stores } = this.#settings
    if (stores === null) return { stream, explain: () => null }
    const late = new AbortController()
    const timer = this.#system.clock.after(limit.timeoutMs, () => late.abort(), { background: true })
    const signal = limit.signal === undefined ? late.signal : AbortSignal.any([late.signal, limit.signal])
    try {
      const tls = await this.#read(stores)
      const secured = await secureClient(stream, to, tls, signal).catch((error: unknown) => {
        const where = whereOf(to)
        const text = late.signal.aborted
          ? `TLS with ${where} was not ready within ${limit.timeoutMs} ms: is it a port for TLS? See security.protocol`
          : explainTls(error, { ...to, ...tls, now: this.#system.clock.now(), hasAnswered: hasRead(stream) })
        throw new Fault('TLS', text ?? messageOf(error), { cause: error })
      })
      const { clock } = this.#system
      return {
        stream: secured,
        explain: error => explainTls(error, { ...to, ...tls, now: clock.now(), hasAnswered: true }),
      }
    } catch (error) {
      stream.on('error', () => {}) // a second error of a connection given up concerns nobody
      stream.destroy()
      throw error
    } finally {
      timer.cancel()
    }
  }

  /** Who the client is. Rejects with AUTHENTICATION or TLS. */
  identify(): Promise<Identity> {
    const now = this.#system.clock.monotonic()
    const { sasl } = this.#settings
    const known = this.#identity
    // A login in the settings does not change; one in a file may.
    if (known !== null && (sasl!.login !== null || now - known.madeAt < freshMs)) return known.identity
    const identity = this.#identify(sasl!)
    this.#identity = { madeAt: now, identity }
    identity.catch(() => (this.#identity = null))
    return identity
  }

  /** Reads every file that the settings name. Rejects as a connection would: TLS or AUTHENTICATION, naming the file. */
  async examine(): Promise<void> {
    const { tls, sasl } = this.#settings
    if (tls !== null) await this.#read(tls)
    if (sasl === null) return
    const login = sasl.login ?? (await this.#readLoginFile(sasl))
    if (login.mechanism === 'OAUTHBEARER' && login.source.kind === 'endpoint' && isHttps(login.source.url))
      await this.#read(login.stores)
  }

  /** Whether the address closed a connection at its first request, as listeners do that want a login. */
  isSuspect(where: string): boolean {
    return this.#suspects.has(where)
  }

  suspect(where: string, isSuspect: boolean): void {
    if (isSuspect) this.#suspects.add(where)
    else this.#suspects.delete(where)
  }

  #read(stores: ClientStores): Promise<LoadedTls> {
    const now = this.#system.clock.monotonic()
    const known = this.#stores.get(stores)
    if (known !== undefined && now - known.readAt < freshMs) return known.tls
    const tls = loadClientStores(stores, this.#sslSystem())
    this.#stores.set(stores, { readAt: now, tls })
    // A store that is mended is read at the next try.
    tls.catch(() => this.#stores.delete(stores))
    return tls
  }

  #sslSystem(): SslSystem {
    const { disk, systemProperties = new Map<string, string>() } = this.#system
    if (disk === undefined) throw new Fault('TLS', 'this Kafka client was given no disk to read stores from')
    return { disk, systemProperties }
  }

  async #identify(sasl: SaslSettings): Promise<Identity> {
    const login = sasl.login ?? (await this.#readLoginFile(sasl))
    const { mechanism } = login
    const { clock, random } = this.#system
    if (login.mechanism !== 'OAUTHBEARER') {
      const { username, password } = login
      return {
        mechanism,
        who: `user "${username}"`,
        hide: text => password.hideIn(text),
        converse: async () =>
          login.mechanism === 'PLAIN'
            ? conversePlain(username, password)
            : converseScram(login.mechanism, login, random.bytes(24).toString('base64url'), clock),
      }
    }
    const { source, stores } = login
    const tokens = new Tokens(
      async () =>
        source.kind === 'unsecured'
          ? makeUnsecuredToken(source, clock.now())
          : fetchToken(source, clock.now(), async request =>
              sendHttp({ ...request, ...(isHttps(source.url) ? { tls: await this.#read(stores) } : {}) }),
            ),
      () => clock.now(),
    )
    return {
      mechanism,
      who: source.kind === 'endpoint' ? `the token of client "${source.clientId}"` : 'the unsecured token',
      hide: text => (source.kind === 'endpoint' ? source.clientSecret.hideIn(text) : text),
      converse: async () => converseOAuth(await tokens.get(), source.extensions),
      refused: () => tokens.drop(),
    }
  }

  async #readLoginFile({ mechanism, properties }: SaslSettings): Promise<Login> {
    const path = this.#system.systemProperties?.get(jaasFileProperty)
    const { disk } = this.#sslSystem()
    const fault = (problem: string) =>
      new Fault('AUTHENTICATION', `the login file ${path} (-D${jaasFileProperty}) ${problem}`)
    if (path === undefined) throw fault('is not given')
    const text = await disk.readText(path).catch((error: unknown) => {
      throw fault(`cannot be read: ${messageOf(error)}`)
    })
    const revealed = Object.fromEntries(
      Object.entries(properties).map(([key, value]) => [key, value.reveal()]),
    )
    try {
      const entry = parseJaasFile(text, 'KafkaClient')
      if (entry === null) throw fault('has no section KafkaClient')
      return readLogin(mechanism, entry, revealed)
    } catch (error) {
      if (error instanceof JaasError) throw fault(error.message)
      if (error instanceof LoginError) throw fault(`is not usable: ${error.message}: ${error.fix}`)
      throw error
    }
  }
}

const isHttps = (url: string) => url.startsWith('https:')

/** Whether the other side has sent anything. */
const hasRead = (stream: Duplex): boolean => ((stream as { bytesRead?: number }).bytesRead ?? 1) > 0
