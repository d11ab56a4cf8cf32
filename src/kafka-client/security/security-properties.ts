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
import { checkStores, readStores, storeFields } from '../../security/store-properties.ts'
import { password, verbatim } from '../../settings/kafka-fields.ts'
import { withoutEffect, type Say } from '../../settings/read-settings.ts'

type Properties = Readonly<Record<string, string>>

/** Where a JAAS file is named, as for every Java program. */
export const jaasFileProperty = 'java.security.auth.login.config'

const protocols = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL']

const tlsFields = {
  ...storeFields,
  'ssl.endpoint.identification.algorithm': verbatim(
    'https, also where absent: the host name must be that of the certificate. Empty: it is not compared.',
  ),
  'ssl.disableTLSHostnameVerification': verbatim(
    'true: the host name is not compared; for files that cannot have empty values.',
  ),
}
const saslFields = {
  'sasl.mechanism': verbatim(`How to log in: ${mechanisms.join(', ')}.`),
  'sasl.jaas.config': password('The login: module and options, as for Java.'),
  'sasl.oauthbearer.token.endpoint.url': verbatim('Where OAUTHBEARER asks for tokens.'),
  'sasl.oauthbearer.scope': verbatim('What such a token is asked for.'),
  'sasl.oauthbearer.client.credentials.client.id': verbatim('Who asks for it.'),
  'sasl.oauthbearer.client.credentials.client.secret': password('And with which secret.'),
  'sasl.oauthbearer.header.urlencode': verbatim('Whether both are encoded as in URLs.'),
  'sasl.login.connect.timeout.ms': verbatim('How long connecting to the endpoint may take, ms.'),
  'sasl.login.read.timeout.ms': verbatim('How long its answer may take, ms.'),
}
/** Their values are read together, from the text. */
export const securityFields = {
  'security.protocol': verbatim(`What to speak: ${protocols.join(', ')}; the first where absent.`),
  ...tlsFields,
  ...saslFields,
}

/** Which protocols the properties matter with. */
const mattersWith: readonly (readonly [fields: object, protocols: readonly string[]])[] = [
  [tlsFields, ['SSL', 'SASL_SSL']],
  [saslFields, ['SASL_SSL', 'SASL_PLAINTEXT']],
]

export function readSecurity(
  properties: Properties,
  systemProperties: ReadonlyMap<string, string>,
  say: Say,
): SecuritySettings {
  const protocol = (properties['security.protocol'] ?? 'PLAINTEXT').trim().toUpperCase()
  if (!protocols.includes(protocol)) {
    say.error(
      'security.protocol',
      `"${protocol}" is not possible`,
      `write ${protocols.slice(0, -1).join(', ')} or ${protocols.at(-1)}`,
    )
    return plaintext
  }
  for (const key of Object.keys(properties)) {
    const needed = mattersWith.find(([fields]) => Object.hasOwn(fields, key))?.[1]
    if (needed === undefined || needed.includes(protocol)) continue
    const others = protocol === 'PLAINTEXT' ? 'SSL, SASL_SSL or SASL_PLAINTEXT' : needed.join(' or ')
    say.warning(
      key,
      `${withoutEffect}: it only matters with security.protocol ${others}`,
      'leave it out, or correct security.protocol',
    )
  }
  return {
    protocol,
    tls: protocol.endsWith('SSL') ? readTls(properties, systemProperties, say) : null,
    sasl: protocol.startsWith('SASL_') ? readSasl(properties, protocol, systemProperties, say) : null,
  }
}

function readTls(
  properties: Properties,
  systemProperties: ReadonlyMap<string, string>,
  say: Say,
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
      say.error(key, problem, fix)
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
      say.error(
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
  say: Say,
): SaslSettings | null {
  const mechanism = readMechanism(properties, protocol, say)
  if (mechanism === null) return null
  const hidden = Object.fromEntries(
    Object.entries(properties)
      .filter(([key]) => key.startsWith('sasl.'))
      .map(([key, value]) => [key, new Secret(value)]),
  )
  const text = properties['sasl.jaas.config'] ?? ''
  if (text.trim() === '') {
    if (systemProperties.has(jaasFileProperty)) return { mechanism, login: null, properties: hidden }
    say.error(
      'sasl.jaas.config',
      `security.protocol ${protocol} needs a login, and none is written`,
      `write ${moduleOf[mechanism]} required …; or -D${jaasFileProperty}=FILE with a section KafkaClient`,
    )
    return null
  }
  const login = tryLogin(mechanism, text, properties, say)
  return login === null ? null : { mechanism, login, properties: hidden }
}

function tryLogin(mechanism: MechanismName, text: string, properties: Properties, say: Say): Login | null {
  try {
    return readLogin(mechanism, parseJaas(text), properties)
  } catch (error) {
    if (error instanceof LoginError) say.error(error.key, error.message, error.fix)
    else if (error instanceof JaasError)
      say.error(
        'sasl.jaas.config',
        `the login text ${error.message}`,
        `write ${moduleOf[mechanism]} required option="value" …;`,
      )
    else throw error
    return null
  }
}

function readMechanism(properties: Properties, protocol: string, say: Say): MechanismName | null {
  const written = properties['sasl.mechanism']?.trim() ?? ''
  const found = mechanisms.find(name => name === written.toUpperCase())
  if (found !== undefined) return found
  const choice = `write ${mechanisms.slice(0, -1).join(', ')} or ${mechanisms.at(-1)}`
  if (written === '')
    say.error(
      'sasl.mechanism',
      `security.protocol ${protocol} needs a mechanism; Kafka's default GSSAPI (Kerberos) is not spoken here`,
      choice,
    )
  else if (written.toUpperCase() === 'GSSAPI')
    say.error(
      'sasl.mechanism',
      'GSSAPI (Kerberos) is not spoken here',
      `${choice}, with a listener that offers it`,
    )
  else say.error('sasl.mechanism', `"${written}" is not spoken here`, choice)
  return null
}
