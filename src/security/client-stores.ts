// The key and trust stores of a client that may show a certificate of its own, as Kafka's clients have
// them: each is a file (JKS, PKCS12 or PEM, told apart by its bytes) or PEM text in the settings. What is
// not written comes from the global places (ssl-settings.ts).
import { X509Certificate } from 'node:crypto'
import { Fault, messageOf } from '../errors.ts'
import type { KeyStore } from './key-entries.ts'
import { readKeyStore } from './keystore.ts'
import type { Secret } from './secret.ts'
import { globalOf, loadStore, policyOf, type SslSystem } from './ssl-settings.ts'
import { createTlsContext, type ClientTls } from '../system/tls.ts'

/** Secrets are opened only to read the stores. */
export interface ClientStores {
  readonly trust: {
    readonly path: string | undefined
    readonly password: Secret | undefined
    /** Certificates as text; wins over the path. */
    readonly pem: string | undefined
  }
  readonly identity: {
    readonly path: string | undefined
    readonly password: Secret | undefined
    /** Key, its certificate and those that signed it, as text; wins over the path. */
    readonly pem: Secret | undefined
    /** Of the key alone; that of the store where absent. */
    readonly keyPassword: Secret | undefined
  }
  readonly protocols: readonly string[] | undefined
  readonly cipherSuites: readonly string[] | undefined
  readonly verifiesHost: boolean
}

/** What is known of a client's TLS when its stores are read. */
export interface LoadedTls extends ClientTls {
  /** When the client's own certificate ends, milliseconds since 1970; null where it has none. */
  readonly identityEndsAt: number | null
  /** Where the trusted certificates come from, for messages. */
  readonly trustedFrom: string
}

/** Reads the stores. Without a trust store the usual authorities are trusted. Rejects with Fault TLS, naming the file. */
export async function loadClientStores(stores: ClientStores, system: SslSystem): Promise<LoadedTls> {
  const global = globalOf(system)
  const policy = policyOf(
    {
      includeProtocols: stores.protocols,
      // Who says which versions and suites there are says all of it.
      excludeProtocols: stores.protocols === undefined ? undefined : ['SSLv3'],
      includeCipherSuites: stores.cipherSuites,
      excludeCipherSuites: stores.cipherSuites === undefined ? undefined : ['SSL_NULL_WITH_NULL_NULL'],
    },
    global,
    { protocols: 'ssl.enabled.protocols', cipherSuites: 'ssl.cipher.suites' },
  )
  const [trust, identity] = await both(loadTrust(stores.trust, system), loadIdentity(stores.identity, system))
  const { authorities, trustedFrom } = trust
  const context = createTlsContext({
    policy,
    ...(identity === null ? {} : { identity }),
    ...(authorities === null ? {} : { trusted: authorities }),
  })
  return {
    context,
    verifiesCertificate: true,
    verifiesHost: stores.verifiesHost,
    identityEndsAt: identity === null ? null : Date.parse(new X509Certificate(identity.chain[0]!).validTo),
    trustedFrom,
  }
}

/** Rejects with what is wrong with either, so that both are corrected at once. */
async function both<T, U>(one: Promise<T>, other: Promise<U>): Promise<[T, U]> {
  const ended: PromiseSettledResult<unknown>[] = await Promise.allSettled([one, other])
  const wrong = ended.flatMap(end => (end.status === 'rejected' ? [messageOf(end.reason)] : []))
  if (wrong.length > 1) throw new Fault('TLS', wrong.join('; and '))
  return await Promise.all([one, other])
}

/** `authorities` are null where the usual ones are trusted. */
async function loadTrust(
  { path: own, password, pem }: ClientStores['trust'],
  system: SslSystem,
): Promise<{ authorities: string[] | null; trustedFrom: string }> {
  const global = globalOf(system)
  const path = own ?? global('javax.net.ssl.trustStore', 'TRUSTSTORE_PATH')
  if (pem === undefined && path === undefined)
    return { authorities: null, trustedFrom: 'the usual authorities' }
  const trustedFrom = pem === undefined ? path! : 'ssl.truststore.certificates'
  const storePassword =
    password?.reveal() ?? global('javax.net.ssl.trustStorePassword', 'TRUSTSTORE_PASSWORD')
  const { trusted, keys } =
    pem === undefined
      ? await loadStore(path!, storePassword, system.disk)
      : await readText(pem, undefined, trustedFrom)
  // Java trusts the certificates of key entries in a trust store too.
  const authorities = [...trusted, ...keys.flatMap(key => key.chain.slice(0, 1))]
  if (authorities.length === 0) throw new Fault('TLS', `the trust store ${trustedFrom} holds no certificate`)
  return { authorities, trustedFrom }
}

async function loadIdentity(
  { path: own, password, pem, keyPassword }: ClientStores['identity'],
  system: SslSystem,
): Promise<KeyStore['keys'][number] | null> {
  const global = globalOf(system)
  const path = own ?? global('javax.net.ssl.keyStore', 'KEYSTORE_PATH')
  if (pem === undefined && path === undefined) return null
  const name = pem === undefined ? path! : 'ssl.keystore.key with ssl.keystore.certificate.chain'
  const storePassword = password?.reveal() ?? global('javax.net.ssl.keyStorePassword', 'KEYSTORE_PASSWORD')
  const { keys } =
    pem === undefined
      ? await loadStore(path!, storePassword, system.disk, keyPassword?.reveal() ?? storePassword)
      : await readText(pem.reveal(), keyPassword?.reveal(), name)
  const [identity] = keys
  if (identity === undefined)
    throw new Fault(
      'TLS',
      `the key store ${name} holds no private key${storePassword === undefined && pem === undefined ? ', or its password is missing' : ''}`,
    )
  if (identity.chain.length === 0)
    throw new Fault('TLS', `the key store ${name} holds no certificate for its private key`)
  return identity
}

const readText = (pem: string, password: string | undefined, name: string) =>
  readKeyStore(Buffer.from(layOut(pem)), password, name)

/** PEM in a properties file often stands in one line, with blanks where lines end. */
const layOut = (pem: string): string =>
  pem.replaceAll(
    /-----BEGIN ([A-Z0-9 ]+)-----([A-Za-z0-9+/=\s]*)-----END \1-----/g,
    (_, label: string, base64: string) => {
      const lines = base64.replaceAll(/\s+/g, '').match(/.{1,64}/g) ?? []
      return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
    },
  )
