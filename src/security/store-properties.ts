// The ssl.* properties of Kafka, of its clients and of its brokers -> stores and policy.
import { password, verbatim } from '../settings/kafka-fields.ts'
import type { ClientStores } from './client-stores.ts'
import { Secret } from './secret.ts'

/** What clients and brokers have in common. */
export const storeFields = {
  'ssl.keystore.location': verbatim('The own key and certificate: JKS, PKCS12 or PEM.'),
  'ssl.keystore.password': password('Of that store.'),
  'ssl.keystore.type': verbatim('JKS, PKCS12 or PEM; it is seen from the file where absent.'),
  'ssl.keystore.key': password('The key as PEM, in place of a store.'),
  'ssl.keystore.certificate.chain': verbatim('Its certificate, and those that signed it, as PEM.'),
  'ssl.key.password': password('Of the key, where it is not that of the store.'),
  'ssl.truststore.location': verbatim('Whose certificates are trusted: JKS, PKCS12 or PEM.'),
  'ssl.truststore.password': password('Of that store.'),
  'ssl.truststore.type': verbatim('JKS, PKCS12 or PEM; it is seen from the file where absent.'),
  'ssl.truststore.certificates': verbatim('The same as PEM, in place of a store.'),
  'ssl.enabled.protocols': verbatim('Versions of TLS; TLSv1.2 and TLSv1.3 where absent.'),
  'ssl.protocol': verbatim('Checked, and of no other effect: ssl.enabled.protocols counts.'),
  'ssl.cipher.suites': verbatim("Cipher suites, by Java's names; the usual ones where absent."),
}

type Properties = Readonly<Record<string, string>>

const listOf = (text: string | undefined): readonly string[] | undefined => {
  const words = (text ?? '')
    .split(',')
    .map(word => word.trim())
    .filter(Boolean)
  return words.length === 0 ? undefined : words
}
const secretOf = (text: string | undefined) => (text === undefined ? undefined : new Secret(text))
const filled = (text: string | undefined) => (text === undefined || text.trim() === '' ? undefined : text)

/** Takes what is written; checkStores says what does not fit together. */
export function readStores(properties: Properties): ClientStores {
  const at = (name: string) => filled(properties[`ssl.${name}`])
  const key = at('keystore.key')
  const chain = at('keystore.certificate.chain')
  const identification = properties['ssl.endpoint.identification.algorithm']
  const isUnchecked = /^\s*true\s*$/i.test(properties['ssl.disableTLSHostnameVerification'] ?? '')
  return {
    trust: {
      path: at('truststore.location')?.trim(),
      password: secretOf(properties['ssl.truststore.password']),
      pem: at('truststore.certificates'),
    },
    identity: {
      path: at('keystore.location')?.trim(),
      password: secretOf(properties['ssl.keystore.password']),
      pem: key === undefined ? undefined : new Secret(`${key}\n${chain ?? ''}`),
      keyPassword: secretOf(properties['ssl.key.password']),
    },
    protocols: listOf(at('enabled.protocols')),
    cipherSuites: listOf(at('cipher.suites')),
    verifiesHost: !isUnchecked && identification?.trim() !== '',
  }
}

type Complain = (key: string, problem: string, fix: string) => void

const storeTypes = new Set(['JKS', 'PKCS12', 'PEM'])
const tlsVersions = new Set(['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'])

/** Which of the settings come from the global places where they are not written. */
export interface GlobalStores {
  readonly keyStore: boolean
  readonly keyStorePassword: boolean
  readonly trustStore: boolean
}

export function checkStores(properties: Properties, globals: GlobalStores, complain: Complain): void {
  const at = (name: string) => filled(properties[`ssl.${name}`])
  for (const store of ['keystore', 'truststore']) {
    const type = at(`${store}.type`)?.trim().toUpperCase()
    if (type !== undefined && !storeTypes.has(type))
      complain(
        `ssl.${store}.type`,
        `stores of this type are not read here`,
        'write JKS, PKCS12 or PEM; keytool -importkeystore -deststoretype PKCS12 converts a store',
      )
  }
  checkKey(properties, globals, complain)
  const isTrustStore = at('truststore.location') !== undefined || globals.trustStore
  if (at('truststore.password') !== undefined && !isTrustStore)
    complain(
      'ssl.truststore.password',
      'it is the password of a trust store, and none is written',
      'write ssl.truststore.location, or leave it out',
    )
  if (at('truststore.certificates') !== undefined && at('truststore.location') !== undefined)
    complain(
      'ssl.truststore.certificates',
      'both certificates and ssl.truststore.location are written',
      'leave one of them out',
    )
  for (const [key, label] of [
    ['truststore.certificates', 'CERTIFICATE'],
    ['keystore.certificate.chain', 'CERTIFICATE'],
    ['keystore.key', 'PRIVATE KEY'],
  ] as const) {
    const text = at(key)
    if (text !== undefined && !new RegExp(`-----BEGIN [A-Z ]*${label}-----`).test(text))
      complain(
        `ssl.${key}`,
        `it is not PEM: it has no line -----BEGIN ${label}-----`,
        key === 'truststore.certificates'
          ? 'write the text itself, or ssl.truststore.location for a file'
          : 'write the text itself, or ssl.keystore.location for a file',
      )
  }
  checkVersions(at('protocol'), listOf(at('enabled.protocols')), complain)
  const identification = properties['ssl.endpoint.identification.algorithm']?.trim() ?? ''
  if (identification !== '' && !/^https$/i.test(identification))
    complain(
      'ssl.endpoint.identification.algorithm',
      `"${identification}" is not possible`,
      'write https, or ssl.disableTLSHostnameVerification = true where the host name must not be checked',
    )
  const flag = properties['ssl.disableTLSHostnameVerification']?.trim()
  if (flag !== undefined && !/^(true|false)$/i.test(flag))
    complain(
      'ssl.disableTLSHostnameVerification',
      `"${flag}" is neither true nor false`,
      'write true or false',
    )
}

function checkKey(properties: Properties, globals: GlobalStores, complain: Complain): void {
  const at = (name: string) => filled(properties[`ssl.${name}`])
  const key = at('keystore.key')
  const chain = at('keystore.certificate.chain')
  const location = at('keystore.location')
  const isPem = /^\s*pem\s*$/i.test(at('keystore.type') ?? '')
  if ((key === undefined) !== (chain === undefined))
    complain(
      key === undefined ? 'ssl.keystore.key' : 'ssl.keystore.certificate.chain',
      'the private key and its certificate belong together, and one of them is missing',
      'write both ssl.keystore.key and ssl.keystore.certificate.chain',
    )
  if (key !== undefined && location !== undefined)
    complain('ssl.keystore.key', 'both a key and ssl.keystore.location are written', 'leave one of them out')
  if (key === undefined && location === undefined && !globals.keyStore)
    if (at('keystore.password') !== undefined)
      complain(
        'ssl.keystore.password',
        'it is the password of a key store, and none is written',
        'write ssl.keystore.location, or leave it out',
      )
  if (location !== undefined && !isPem && at('keystore.password') === undefined && !globals.keyStorePassword)
    complain(
      'ssl.keystore.location',
      'a key store cannot be opened without its password',
      'write ssl.keystore.password; or ssl.keystore.type = PEM where the file is PEM',
    )
}

function checkVersions(
  protocol: string | undefined,
  enabled: readonly string[] | undefined,
  complain: Complain,
): void {
  const versions = 'TLSv1.2 or TLSv1.3 (or both, separated by a comma)'
  const named = protocol?.trim()
  if (named !== undefined && named !== 'TLS' && !tlsVersions.has(named))
    complain('ssl.protocol', 'this version is not spoken here', 'write TLSv1.3 or TLSv1.2, or leave it out')
  const unknown = enabled?.filter(version => !tlsVersions.has(version) && !/^SSL/i.test(version)) ?? []
  if (unknown.length > 0)
    complain('ssl.enabled.protocols', `${unknown.join(', ')} is no version of TLS`, `write ${versions}`)
  else if (enabled !== undefined && !enabled.some(version => tlsVersions.has(version)))
    complain('ssl.enabled.protocols', 'no version is left that is spoken here', `write ${versions}`)
}
