// TLS settings as Flume finds them: the component's own keys first, then Java's system properties, then
// the FLUME_SSL_* environment variables. The global ones never switch TLS on. Lists are separated by
// commas in the global places. SSLv3 is never spoken.
import { createHash } from 'node:crypto'
import type { Disk } from '../system/disk.ts'
import { environmentVariable } from '../system/environment.ts'
import type { KeyStore } from './key-entries.ts'
import { readKeyStore } from './keystore.ts'
import { type ClientTls, createTlsContext, type TlsContext, type TlsPolicy } from '../system/tls.ts'
import { Fault, messageOf } from '../errors.ts'

/** A component's own keys; what is absent comes from the global places. */
export interface StoreSettings {
  readonly store: string | undefined
  readonly password: string | undefined
  readonly includeProtocols: readonly string[] | undefined
  readonly excludeProtocols: readonly string[] | undefined
  readonly includeCipherSuites: readonly string[] | undefined
  readonly excludeCipherSuites: readonly string[] | undefined
}

/** The options by which Flume's servers name their store. */
export interface ServerOptions {
  readonly keystore: string | undefined
  readonly 'keystore-password': string | undefined
  readonly 'include-protocols': readonly string[] | undefined
  readonly 'exclude-protocols': readonly string[] | undefined
  readonly 'include-cipher-suites': readonly string[] | undefined
  readonly 'exclude-cipher-suites': readonly string[] | undefined
}

export const serverStore = (given: ServerOptions): StoreSettings => ({
  store: given.keystore,
  password: given['keystore-password'],
  includeProtocols: given['include-protocols'],
  excludeProtocols: given['exclude-protocols'],
  includeCipherSuites: given['include-cipher-suites'],
  excludeCipherSuites: given['exclude-cipher-suites'],
})

/** The versions a server speaks where nobody has said which. */
export interface UsualVersions {
  readonly usualProtocols?: readonly string[]
}

export interface SslSystem {
  readonly disk: Disk
  readonly systemProperties: ReadonlyMap<string, string>
}

/** Of what a component is given. */
export const sslSystemOf = (around: {
  readonly system: { readonly disk: Disk }
  readonly systemProperties: ReadonlyMap<string, string>
}): SslSystem => ({ disk: around.system.disk, systemProperties: around.systemProperties })

/** What an operator can do where a store cannot be used. */
export const storeRemedy = 'correct the store, its path or its password'

/** What a TLS server needs. Rejects with Fault TLS, naming the option to set or the file. */
export async function loadServerTls(
  settings: StoreSettings & UsualVersions,
  system: SslSystem,
): Promise<TlsContext> {
  const global = globalOf(system)
  const path = settings.store ?? global('javax.net.ssl.keyStore', 'KEYSTORE_PATH')
  const password = settings.password ?? global('javax.net.ssl.keyStorePassword', 'KEYSTORE_PASSWORD')
  if (path === undefined || password === undefined)
    throw new Fault(
      'TLS',
      `ssl = true needs ${path === undefined ? 'keystore' : 'keystore-password'}, as an option or as -Djavax.net.ssl.keyStore${path === undefined ? '' : 'Password'}`,
    )
  const { keys } = await loadStore(path, password, system.disk)
  const [identity] = keys
  if (identity === undefined) throw new Fault('TLS', `the key store ${path} holds no private key`)
  const policy = policyOf(settings, global)
  const usual = settings.usualProtocols?.filter(version => !policy.excludeProtocols.includes(version)) ?? []
  const said = policy.includeProtocols.length > 0 || usual.length === 0
  return createTlsContext({ policy: said ? policy : { ...policy, includeProtocols: usual }, identity })
}

/** What a TLS client needs. Without a trust store the usual authorities are trusted. Rejects with Fault TLS. */
export async function loadClientTls(
  settings: StoreSettings & { readonly trustsAll: boolean; readonly verifiesHost: boolean },
  system: SslSystem,
): Promise<ClientTls> {
  const global = globalOf(system)
  const policy = policyOf(settings, global)
  if (settings.trustsAll)
    return { context: createTlsContext({ policy }), verifiesCertificate: false, verifiesHost: false }
  const path = settings.store ?? global('javax.net.ssl.trustStore', 'TRUSTSTORE_PATH')
  const password = settings.password ?? global('javax.net.ssl.trustStorePassword', 'TRUSTSTORE_PASSWORD')
  const verification = { verifiesCertificate: true, verifiesHost: settings.verifiesHost }
  if (path === undefined) return { context: createTlsContext({ policy }), ...verification }
  const { trusted, keys } = await loadStore(path, password, system.disk)
  // Java trusts the certificates of key entries in a trust store too.
  const all = [...trusted, ...keys.flatMap(key => key.chain.slice(0, 1))]
  if (all.length === 0) throw new Fault('TLS', `the trust store ${path} holds no certificate`)
  return { context: createTlsContext({ policy, trusted: all }), ...verification }
}

/**
 * Stores by what they were read from: opening a PKCS12 file takes some time of computing, and the same file often serves several components and is looked at again.
 */
const known = new Map<string, KeyStore>()
const mostKnown = 32

/** `keyPassword` opens the keys where theirs is not that of the store. Rejects with Fault TLS, naming the file. */
export async function loadStore(
  path: string,
  password: string | undefined,
  disk: Disk,
  keyPassword?: string,
): Promise<KeyStore> {
  const file = await disk.open(path, 'read').catch((error: unknown) => {
    throw new Fault('TLS', `cannot read the key store ${path}: ${messageOf(error)}`)
  })
  try {
    const bytes = Buffer.alloc(await file.size())
    await file.read(bytes, 0)
    const hash = createHash('sha256').update(bytes)
    for (const secret of [password, keyPassword]) hash.update(JSON.stringify(secret ?? null))
    const digest = hash.digest('base64')
    const store = known.get(digest) ?? (await readKeyStore(bytes, password, path, keyPassword))
    if (known.size >= mostKnown) known.clear()
    known.set(digest, store)
    return store
  } finally {
    await file.close()
  }
}

export type Global = (property: string, variable: string) => string | undefined

/** Looks a setting up in the global places: Java's system property, then FLUME_SSL_*. */
export function globalOf({ systemProperties }: Pick<SslSystem, 'systemProperties'>): Global {
  return (property, variable) =>
    systemProperties.get(property) ?? environmentVariable(`FLUME_SSL_${variable}`)
}

export function policyOf(
  settings: Omit<StoreSettings, 'store' | 'password'>,
  global: Global,
  names?: TlsPolicy['names'],
): TlsPolicy {
  const list = (own: readonly string[] | undefined, property: string, variable: string) =>
    own !== undefined && own.length > 0
      ? own
      : (global(property, variable) ?? '')
          .split(',')
          .map(word => word.trim())
          .filter(Boolean)
  return {
    ...(names === undefined ? {} : { names }),
    includeProtocols: list(settings.includeProtocols, 'flume.ssl.include.protocols', 'INCLUDE_PROTOCOLS'),
    excludeProtocols: list(settings.excludeProtocols, 'flume.ssl.exclude.protocols', 'EXCLUDE_PROTOCOLS'),
    includeCipherSuites: list(
      settings.includeCipherSuites,
      'flume.ssl.include.cipherSuites',
      'INCLUDE_CIPHERSUITES',
    ),
    excludeCipherSuites: list(
      settings.excludeCipherSuites,
      'flume.ssl.exclude.cipherSuites',
      'EXCLUDE_CIPHERSUITES',
    ),
  }
}
