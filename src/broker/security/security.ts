// Security: what the listeners need to be safe, read at the start. A listener whose store or login file
// cannot be read keeps the broker from starting.
import type { Duplex } from 'node:stream'
import { Fault, messageOf } from '../../errors.ts'
import type { Logger } from '../../observe/log.ts'
import type { Secret } from '../../security/secret.ts'
import type { System } from '../../system/system.ts'
import { secureServer, type TlsContext } from '../../system/tls.ts'
import type { ListenerSettings } from '../listener-settings.ts'
import { usersInFile } from './listener-security.ts'
import { plainExchange, scramExchange } from './login-exchange.ts'
import { LoginSession } from './login-session.ts'
import { ScramCredentials } from './scram-credentials.ts'
import type { ScramUser } from './scram-user.ts'

export interface SecurityTimes {
  /** How long a login is good for, ms; 0 is for ever. */
  readonly connectionsMaxReauthMs: number
  /** How long a refusal of a login takes, ms. */
  readonly connectionFailedAuthenticationDelayMs: number
}

interface Secured {
  readonly context: TlsContext | null
  readonly users: ReadonlyMap<string, Secret>
}

/** From the connection to the end of the handshake. */
const handshakeMs = 10_000
const loginFileProperty = 'java.security.auth.login.config'

export class Security {
  readonly credentials = new ScramCredentials()
  readonly #system: System
  readonly #log: Logger
  readonly #times: SecurityTimes
  readonly #secured = new Map<string, Secured>()

  constructor(system: System, log: Logger, times: SecurityTimes) {
    this.#system = system
    this.#log = log
    this.#times = times
  }

  /** Reads stores and login files. Rejects with Fault TLS or AUTHENTICATION, naming the file. */
  async load(
    listeners: readonly ListenerSettings[],
    systemProperties: ReadonlyMap<string, string>,
  ): Promise<void> {
    for (const { name, security } of listeners) {
      const { tls, sasl } = security
      let context: TlsContext | null = null
      if (tls !== null) {
        const system = { disk: this.#system.disk, systemProperties: new Map<string, string>() }
        // Reading stores takes much code, and most brokers have none.
        const { loadClientStores } = await import('../../security/client-stores.ts')
        const loaded = await loadClientStores(tls.stores, system)
        context = loaded.context
        if (loaded.identityEndsAt !== null && loaded.identityEndsAt < this.#system.clock.now())
          this.#log.warn(
            `the certificate of listener ${name} ended on ${new Date(loaded.identityEndsAt).toISOString()}: clients will refuse it`,
          )
      }
      const users = sasl?.users ?? new Map<string, Secret>()
      this.#secured.set(name, { context, users })
      if (sasl === null || sasl.users !== null || !sasl.mechanisms.includes('PLAIN')) continue
      this.#secured.set(name, { context, users: await this.#readUsers(name, systemProperties) })
    }
    if (listeners.some(({ security }) => security.sasl !== null))
      this.#log.info(
        'every client that has logged in may do everything: this broker has no access control lists',
      )
  }

  /** Keeps the users that were given with the start. */
  async addUsers(users: readonly ScramUser[]): Promise<void> {
    for (const { user, mechanism, password, iterations } of users) {
      const { clock, random } = this.#system
      const given = { password: password.reveal(), salt: random.bytes(24), iterations }
      await this.credentials.putPassword(user, mechanism, given, clock)
      this.#log.info(`user ${user} may log in by ${mechanism}`)
    }
  }

  /** Lays TLS over the connection where the listener has it. Rejects with Fault TLS. */
  async secure(stream: Duplex, { name, security }: ListenerSettings): Promise<Duplex> {
    const context = this.#secured.get(name)?.context ?? null
    if (context === null) return stream
    const giveUp = new AbortController()
    const timer = this.#system.clock.after(handshakeMs, () => giveUp.abort(), { background: true })
    try {
      return await secureServer(stream, context, giveUp.signal, security.tls!.clientAuth)
    } finally {
      timer.cancel()
    }
  }

  /** The login of a new connection; null where the listener asks for none. */
  session({ name, security }: ListenerSettings, complain: (reason: string) => void): LoginSession | null {
    const { sasl } = security
    if (sasl === null) return null
    const { clock, random } = this.#system
    return new LoginSession({
      mechanisms: sasl.mechanisms,
      maxSessionMs: mechanism => sasl.maxSessionMs.get(mechanism) ?? this.#times.connectionsMaxReauthMs,
      exchange: mechanism =>
        mechanism === 'PLAIN'
          ? plainExchange(this.#secured.get(name)?.users ?? new Map())
          : scramExchange(mechanism, user => this.credentials.get(user, mechanism), random),
      now: () => clock.monotonic(),
      delay: () =>
        new Promise(resolve =>
          clock.after(this.#times.connectionFailedAuthenticationDelayMs, resolve, { background: true }),
        ),
      refused: complain,
    })
  }

  async #readUsers(
    listener: string,
    systemProperties: ReadonlyMap<string, string>,
  ): Promise<Map<string, Secret>> {
    const path = systemProperties.get(loginFileProperty)
    if (path === undefined)
      throw new Fault(
        'AUTHENTICATION',
        `listener ${listener} offers PLAIN and knows no users: write listener.name.${listener.toLowerCase()}.plain.sasl.jaas.config, or name a login file in KAFKA_OPTS=-D${loginFileProperty}=…`,
      )
    try {
      return usersInFile(await this.#system.disk.readText(path), path, listener)
    } catch (error) {
      throw new Fault('AUTHENTICATION', `cannot use the login file ${path}: ${messageOf(error)}`, {
        cause: error,
      })
    }
  }
}
