// security.protocol and what belongs to it, read into our settings. Here it is decided what cannot work
// together; what is wrong with a file shows when it is opened. No message repeats a value that may be secret.
import { globalOf } from '../../security/ssl-settings.ts'
import { checkTlsPolicy } from '../../system/tls.ts'
import { messageOf } from '../../errors.ts'
import { JaasError, parseJaas } from '../../security/jaas.ts'
import { LoginError, moduleOf, readLogin } from './login.ts'
import { Secret } from '../../security/secret.ts'
import {
  mechanisms,
  plaintext,
  type Login,
  type MechanismName,
  type SaslSettings,
  type SecuritySettings,
} from './security-settings.ts'
import { checkStores, readStores } from '../../security/store-properties.ts'

type Properties = Readonly<Record<string, string>>
type Complain = (key: string, problem: string, fix: string, severity?: 'error' | 'warning') => void

/** Where a JAAS file is named, as for every Java program. */
export const jaasFileProperty = 'java.security.auth.login.config'

const protocols = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL']

/** Which protocols a property of this kind matters with; the kinds are those of known-properties.ts. */
const mattersWith = {
  ssl: ['SSL', 'SASL_SSL'],
  sasl: ['SASL_SSL', 'SASL_PLAINTEXT'],
} as const
export type SecurityKind = keyof typeof mattersWith

/** `written` are the properties of both kinds that stand in the file. */
export function readSecurity(
  properties: Properties,
  written: readonly { readonly key: string; readonly kind: SecurityKind }[],
  systemProperties: ReadonlyMap<string, string>,
  complain: Complain,
): SecuritySettings {
  const protocol = (properties['security.protocol'] ?? 'PLAINTEXT').trim().toUpperCase()
  if (!protocols.includes(protocol)) {
    complain(
      'security.protocol',
      `"${protocol}" is not possible`,
      `write ${protocols.slice(0, -1).join(', ')} or ${protocols.at(-1)}`,
    )
    return plaintext
  }
  for (const { key, kind } of written) {
    const needed: readonly string[] = mattersWith[kind]
    if (needed.includes(protocol)) continue
    const others = protocol === 'PLAINTEXT' ? 'SSL, SASL_SSL or SASL_PLAINTEXT' : needed.join(' or ')
    complain(
      key,
      `it has no effect here: it only matters with security.protocol ${others}`,
      'leave it out, or correct security.protocol',
      'warning',
    )
  }
  return {
    protocol,
    tls: protocol.endsWith('SSL') ? readTls(properties, systemProperties, complain) : null,
    sasl: protocol.startsWith('SASL_') ? readSasl(properties, protocol, systemProperties, complain) : null,
  }
}

function readTls(
  properties: Properties,
  systemProperties: ReadonlyMap<string, string>,
  complain: Complain,
): SecuritySettings['tls'] {
  const global = globalOf({ systemProperties })
  const has = (property: string, variable: string) => global(property, variable) !== undefined
  let isFine = true
  checkStores(
    properties,
    {
      keyStore: has('javax.net.ssl.keyStore', 'KEYSTORE_PATH'),
      keyStorePassword: has('javax.net.ssl.keyStorePassword', 'KEYSTORE_PASSWORD'),
      trustStore: has('javax.net.ssl.trustStore', 'TRUSTSTORE_PATH'),
    },
    (key, problem, fix) => {
      isFine = false
      complain(key, problem, fix)
    },
  )
  const stores = readStores(properties)
  if (isFine && (stores.protocols !== undefined || stores.cipherSuites !== undefined))
    try {
      checkTlsPolicy({
        includeProtocols: stores.protocols ?? [],
        excludeProtocols: [],
        includeCipherSuites: stores.cipherSuites ?? [],
        excludeCipherSuites: [],
        names: { protocols: 'ssl.enabled.protocols', cipherSuites: 'ssl.cipher.suites' },
      })
    } catch (error) {
      complain(
        stores.cipherSuites === undefined ? 'ssl.enabled.protocols' : 'ssl.cipher.suites',
        messageOf(error),
        'correct it, or leave it out',
      )
    }
  return stores
}

function readSasl(
  properties: Properties,
  protocol: string,
  systemProperties: ReadonlyMap<string, string>,
  complain: Complain,
): SaslSettings | null {
  const mechanism = readMechanism(properties, protocol, complain)
  if (mechanism === null) return null
  const hidden = Object.fromEntries(
    Object.entries(properties)
      .filter(([key]) => key.startsWith('sasl.'))
      .map(([key, value]) => [key, new Secret(value)]),
  )
  const text = properties['sasl.jaas.config'] ?? ''
  if (text.trim() === '') {
    if (systemProperties.has(jaasFileProperty)) return { mechanism, login: null, properties: hidden }
    complain(
      'sasl.jaas.config',
      `security.protocol ${protocol} needs a login, and none is written`,
      `write ${moduleOf[mechanism]} required …; or -D${jaasFileProperty}=FILE with a section KafkaClient`,
    )
    return null
  }
  const login = tryLogin(mechanism, text, properties, complain)
  return login === null ? null : { mechanism, login, properties: hidden }
}

function tryLogin(
  mechanism: MechanismName,
  text: string,
  properties: Properties,
  complain: Complain,
): Login | null {
  try {
    return readLogin(mechanism, parseJaas(text), properties)
  } catch (error) {
    if (error instanceof LoginError) complain(error.key, error.message, error.fix)
    else if (error instanceof JaasError)
      complain(
        'sasl.jaas.config',
        `the login text ${error.message}`,
        `write ${moduleOf[mechanism]} required option="value" …;`,
      )
    else throw error
    return null
  }
}

function readMechanism(properties: Properties, protocol: string, complain: Complain): MechanismName | null {
  const written = properties['sasl.mechanism']?.trim() ?? ''
  const found = mechanisms.find(name => name === written.toUpperCase())
  if (found !== undefined) return found
  const choice = `write ${mechanisms.slice(0, -1).join(', ')} or ${mechanisms.at(-1)}`
  if (written === '')
    complain(
      'sasl.mechanism',
      `security.protocol ${protocol} needs a mechanism; Kafka's default GSSAPI (Kerberos) is not spoken here`,
      choice,
    )
  else if (written.toUpperCase() === 'GSSAPI')
    complain(
      'sasl.mechanism',
      'GSSAPI (Kerberos) is not spoken here',
      `${choice}, with a listener that offers it`,
    )
  else complain('sasl.mechanism', `"${written}" is not spoken here`, choice)
  return null
}
