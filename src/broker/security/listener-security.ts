// How each listener is secured: its key and trust store, whether clients show a certificate, and which SASL
// mechanisms it offers to whom. Keys of one listener, listener.name.<name>.…, come before those of all.
//
// Source: Kafka documentation, "Security"; KIP-103 for listeners by name.
import { messageOf } from '../../errors.ts'
import { JaasError, parseJaas, parseJaasSection, type JaasEntry } from '../../security/jaas.ts'
import { Secret } from '../../security/secret.ts'
import type { ClientStores } from '../../security/client-stores.ts'
import { checkStores, readStores, storeFields } from '../../security/store-properties.ts'
import { scramMechanisms } from '../../wire/kafka/scram-keys.ts'
import type { GivenSettings } from '../given-settings.ts'
import { brokerKeys, listOf } from '../settings/broker-keys.ts'

export const protocols = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'] as const
export type ListenerProtocol = (typeof protocols)[number]

export const saslMechanisms = ['PLAIN', ...scramMechanisms.map(({ name }) => name)] as const
export type SaslMechanism = (typeof saslMechanisms)[number]

export type ClientAuth = 'none' | 'requested' | 'required'

export interface TlsSettings {
  readonly stores: ClientStores
  readonly clientAuth: ClientAuth
}

export interface SaslSettings {
  readonly mechanisms: readonly SaslMechanism[]
  /** Passwords of PLAIN by user, as written for this listener; null where a login file may have them. */
  readonly users: ReadonlyMap<string, Secret> | null
  /** How long a login is good for, ms, where that is said for this listener; 0 is for ever. */
  readonly maxSessionMs: ReadonlyMap<SaslMechanism, number>
}

export interface ListenerSecurity {
  readonly tls: TlsSettings | null
  readonly sasl: SaslSettings | null
}

const clientAuths: readonly ClientAuth[] = ['none', 'requested', 'required']

/** Reads what the listener needs; what is wrong goes to `given.errors`. */
export function readListenerSecurity(
  given: GivenSettings,
  name: string,
  protocol: ListenerProtocol,
): ListenerSecurity {
  return {
    tls: protocol.endsWith('SSL') ? readTls(given, name) : null,
    sasl: protocol.startsWith('SASL_') ? readSasl(given, name) : null,
  }
}

/** The key as it counts for the listener, and its value. */
function find(given: GivenSettings, listener: string, key: string): { key: string; value: string } | null {
  const own = `listener.name.${listener.toLowerCase()}.${key}`
  for (const one of [own, key]) {
    const value = given.text(one)
    if (value !== undefined) return { key: one, value }
  }
  return null
}

function readTls(given: GivenSettings, listener: string): TlsSettings {
  const properties: Record<string, string> = {}
  const written: Record<string, string> = {}
  for (const key of Object.keys(storeFields)) {
    const found = find(given, listener, key)
    if (found === null) continue
    properties[key] = found.value
    written[key] = found.key
  }
  const say = (key: string, problem: string, fix: string) => given.error(written[key] ?? key, problem, fix)
  if (properties['ssl.keystore.location'] === undefined && properties['ssl.keystore.key'] === undefined)
    say(
      'ssl.keystore.location',
      `listener ${listener} speaks TLS and has no certificate to show`,
      'write ssl.keystore.location and ssl.keystore.password, or ssl.keystore.key and ssl.keystore.certificate.chain as PEM',
    )
  checkStores(properties, { keyStore: false, keyStorePassword: false, trustStore: false }, say)
  const auth = find(given, listener, 'ssl.client.auth')
  const clientAuth = clientAuths.find(one => one === auth?.value.toLowerCase())
  if (auth !== null && clientAuth === undefined) given.refuse(auth.key, clientAuths.join(', '))
  return { stores: readStores(properties), clientAuth: clientAuth ?? 'none' }
}

function readSasl(given: GivenSettings, listener: string): SaslSettings {
  const enabled = find(given, listener, 'sasl.enabled.mechanisms')
  const wanted = listOf(enabled?.value ?? '').map(one => one.toUpperCase())
  const mechanisms = saslMechanisms.filter(one => wanted.includes(one))
  const others = wanted.filter(one => !saslMechanisms.some(known => known === one))
  if (enabled === null)
    given.error(
      'sasl.enabled.mechanisms',
      `listener ${listener} asks for a login and offers none`,
      `write sasl.enabled.mechanisms=${saslMechanisms.join(',')}, or those of them that it shall offer`,
    )
  else if (others.length > 0 || mechanisms.length === 0)
    given.refuse(enabled.key, `${saslMechanisms.join(', ')}, separated by commas; others are not there`)
  const maxSessionMs = new Map<SaslMechanism, number>()
  const reauth = 'connections.max.reauth.ms'
  for (const mechanism of mechanisms) {
    const found =
      find(given, listener, `${mechanism.toLowerCase()}.${reauth}`) ?? find(given, listener, reauth)
    if (found === null) continue
    const parsed = brokerKeys[reauth].parse(found.value)
    if (parsed.problem === undefined) maxSessionMs.set(mechanism, parsed.value)
    else given.error(found.key, parsed.problem, parsed.fix)
  }
  const login = find(given, listener, 'plain.sasl.jaas.config')
  if (login === null) return { mechanisms, maxSessionMs, users: null }
  try {
    return { mechanisms, maxSessionMs, users: usersIn([parseJaas(login.value)]) }
  } catch (error) {
    // The text itself is full of passwords.
    given.error(
      login.key,
      `the login text ${error instanceof JaasError ? error.message : 'cannot be read'}`,
      'correct it',
    )
    return { mechanisms, maxSessionMs, users: new Map() }
  }
}

/** The users of PLAIN in a login text: `user_NAME="password"`. */
function usersIn(entries: readonly JaasEntry[]): Map<string, Secret> {
  const users = new Map<string, Secret>()
  for (const { options } of entries)
    for (const [option, value] of options)
      if (option.startsWith('user_')) users.set(option.slice('user_'.length), new Secret(value))
  return users
}

/** The users of PLAIN in the login file: section `<listener>.KafkaServer`, else `KafkaServer`. Throws an Error naming the file. */
export function usersInFile(text: string, path: string, listener: string): Map<string, Secret> {
  try {
    const sections = [`${listener.toLowerCase()}.KafkaServer`, 'KafkaServer']
    for (const section of sections) {
      const entries = parseJaasSection(text, section)
      if (entries !== null) return usersIn(entries)
    }
    throw new JaasError('has no section KafkaServer')
  } catch (error) {
    throw new Error(`the login file ${path} ${messageOf(error)}`, { cause: error })
  }
}
