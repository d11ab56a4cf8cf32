// The ways to be secured that the tests try on a broker which has a listener for each: right ones, and
// wrong ones with what is said then. The passwords are canaries: none of them may stand in anything printed.
import assert from 'node:assert/strict'
import { keyPassword, storePassword, type Certificates, type ListenerName } from './peers/secured-kafka.ts'

export type Properties = Record<string, string>

export const users = { plain: { alice: 'alice-canary-8821' }, scram: { bob: 'bob-canary-5093' } }
export const wrongPassword = 'wrong-canary-3310'
export const clientSecret = 'client-canary-6675'
const canaries = [
  storePassword,
  keyPassword,
  wrongPassword,
  clientSecret,
  ...Object.values(users.plain),
  ...Object.values(users.scram),
]
export const assertNoCanary = (text: string) => {
  for (const canary of canaries) assert.ok(!text.includes(canary), `a secret is shown: ${canary}`)
}

export const security = 'org.apache.kafka.common.security'
export const plain = (password: string = users.plain.alice): Properties => ({
  'sasl.mechanism': 'PLAIN',
  'sasl.jaas.config': `${security}.plain.PlainLoginModule required username="alice" password="${password}";`,
})
export const scram = (size: 256 | 512, password: string = users.scram.bob): Properties => ({
  'sasl.mechanism': `SCRAM-SHA-${size}`,
  'sasl.jaas.config': `${security}.scram.ScramLoginModule required username="bob" password="${password}";`,
})
export const oauth = (options: string): Properties => ({
  'sasl.mechanism': 'OAUTHBEARER',
  'sasl.jaas.config': `${security}.oauthbearer.OAuthBearerLoginModule required ${options};`,
})

export const login: Properties = { 'security.protocol': 'SASL_PLAINTEXT' }

/** What the cases are made of, by the files of one set of certificates. */
export const kitOf = (certificates: Certificates) => {
  const at = (name: string) => certificates.at(name)
  const jks = (): Properties => ({
    'ssl.truststore.location': at('trust.jks'),
    'ssl.truststore.password': storePassword,
  })
  const tls = (): Properties => ({ 'security.protocol': 'SSL', ...jks() })
  const both = (): Properties => ({ 'security.protocol': 'SASL_SSL', ...jks() })
  const pemStore = (name: string): Properties => ({
    'ssl.keystore.location': at(name),
    'ssl.keystore.type': 'PEM',
  })
  return { certificates, at, jks, tls, both, pemStore }
}
export type Kit = ReturnType<typeof kitOf>

export const rightCases: readonly [
  what: string,
  listener: ListenerName,
  properties: (kit: Kit) => Properties,
][] = [
  ['TLS with a JKS trust store', 'TLS', kit => kit.tls()],
  [
    'TLS with a PKCS12 trust store',
    'TLS',
    kit => ({
      ...kit.tls(),
      'ssl.truststore.location': kit.at('trust.p12'),
      'ssl.truststore.type': 'PKCS12',
    }),
  ],
  [
    'TLS with a PEM trust store',
    'TLS',
    kit => ({
      'security.protocol': 'SSL',
      'ssl.truststore.location': kit.at('authority.pem'),
      'ssl.truststore.type': 'PEM',
    }),
  ],
  [
    'TLS with certificates in the properties, in one line',
    'TLS',
    kit => ({
      'security.protocol': 'SSL',
      'ssl.truststore.type': 'PEM',
      'ssl.truststore.certificates': kit.certificates.text('authority.pem').replaceAll('\n', ' '),
    }),
  ],
  [
    'TLS 1.2 with one suite',
    'TLS',
    kit => ({
      ...kit.tls(),
      'ssl.enabled.protocols': 'TLSv1.2',
      'ssl.cipher.suites': 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
    }),
  ],
  [
    'a client certificate in PKCS12',
    'MUTUAL',
    kit => ({
      ...kit.tls(),
      'ssl.keystore.location': kit.at('client.p12'),
      'ssl.keystore.password': storePassword,
    }),
  ],
  [
    'a client certificate in JKS, its key with another password',
    'MUTUAL',
    kit => ({
      ...kit.tls(),
      'ssl.keystore.location': kit.at('client.jks'),
      'ssl.keystore.password': storePassword,
      'ssl.key.password': keyPassword,
    }),
  ],
  ['a client certificate in PEM', 'MUTUAL', kit => ({ ...kit.tls(), ...kit.pemStore('client.pem') })],
  [
    'a client certificate in the properties, its key encrypted',
    'MUTUAL',
    kit => ({
      ...kit.tls(),
      'ssl.keystore.type': 'PEM',
      'ssl.keystore.key': kit.certificates.text('client-locked.key'),
      'ssl.keystore.certificate.chain': kit.certificates.text('client.crt'),
      'ssl.key.password': keyPassword,
    }),
  ],
  [
    'a certificate for another host, where that is not checked',
    'ELSEWHERE',
    kit => ({ ...kit.tls(), 'ssl.endpoint.identification.algorithm': '' }),
  ],
  [
    'the same in the way of Flume',
    'ELSEWHERE',
    kit => ({ ...kit.tls(), 'ssl.disableTLSHostnameVerification': 'true' }),
  ],
  ['SASL PLAIN', 'LOGIN', () => ({ ...login, ...plain() })],
  ['SASL SCRAM-SHA-256', 'LOGIN', () => ({ ...login, ...scram(256) })],
  ['SASL SCRAM-SHA-512', 'SCRAMONLY', () => ({ ...login, ...scram(512) })],
  [
    'SASL OAUTHBEARER with an unsecured token',
    'LOGIN',
    () => ({ ...login, ...oauth('unsecuredLoginStringClaim_sub="carol"') }),
  ],
  ['SASL PLAIN in TLS', 'BOTH', kit => ({ ...kit.both(), ...plain() })],
  ['SASL SCRAM-SHA-256 in TLS', 'BOTH', kit => ({ ...kit.both(), ...scram(256) })],
  ['SASL SCRAM-SHA-512 in TLS', 'BOTH', kit => ({ ...kit.both(), ...scram(512) })],
  [
    'SASL OAUTHBEARER in TLS',
    'BOTH',
    kit => ({
      ...kit.both(),
      ...oauth(
        'unsecuredLoginStringClaim_sub="carol" unsecuredLoginListClaim_scope=",a,b" unsecuredLoginExtension_trace="x1"',
      ),
    }),
  ],
]

export const wrongCases: readonly [
  what: string,
  listener: ListenerName,
  properties: (kit: Kit) => Properties,
  code: string,
  message: RegExp,
][] = [
  [
    'an authority nobody trusts',
    'TLS',
    () => ({ 'security.protocol': 'SSL' }),
    'TLS',
    /^the certificate of localhost:\d+ is not signed by anyone trusted \(the usual authorities\): add its authority to the trust store of ssl\.truststore\.location$/,
  ],
  [
    'a trust store that holds another authority',
    'TLS',
    kit => ({
      'security.protocol': 'SSL',
      'ssl.truststore.type': 'PEM',
      'ssl.truststore.location': kit.at('strangers.pem'),
    }),
    'TLS',
    /is not signed by anyone trusted \(.*strangers\.pem\)/,
  ],
  [
    'a trust store with another password',
    'TLS',
    kit => ({ ...kit.tls(), 'ssl.truststore.password': wrongPassword }),
    'TLS',
    /cannot read the key store .*trust\.jks: the password is wrong, or the file was changed/,
  ],
  [
    'a trust store that is not there',
    'TLS',
    kit => ({ ...kit.tls(), 'ssl.truststore.location': '/nowhere/trust.jks' }),
    'TLS',
    /cannot read the key store \/nowhere\/trust\.jks: ENOENT/,
  ],
  [
    'a key store with another password',
    'MUTUAL',
    kit => ({
      ...kit.tls(),
      'ssl.keystore.location': kit.at('client.p12'),
      'ssl.keystore.password': wrongPassword,
    }),
    'TLS',
    /cannot read the key store .*client\.p12: the password is wrong/,
  ],
  [
    'another password of the key',
    'MUTUAL',
    kit => ({
      ...kit.tls(),
      'ssl.keystore.location': kit.at('client.jks'),
      'ssl.keystore.password': storePassword,
      'ssl.key.password': wrongPassword,
    }),
    'TLS',
    /cannot read the key store .*client\.jks: the password does not open its key/,
  ],
  [
    'a certificate that has expired',
    'OUTDATED',
    kit => kit.tls(),
    'TLS',
    /^the certificate of localhost:\d+ has expired: have it renewed on the broker/,
  ],
  [
    'a certificate for another host',
    'ELSEWHERE',
    kit => kit.tls(),
    'TLS',
    /^the certificate of localhost:\d+ is for elsewhere\.example and not for localhost: .*ssl\.disableTLSHostnameVerification = true$/,
  ],
  [
    'no client certificate',
    'MUTUAL',
    kit => kit.tls(),
    'TLS',
    /^localhost:\d+ wants a certificate of the client, and none is given: write ssl\.keystore\.location/,
  ],
  [
    'no client certificate with TLS 1.2',
    'MUTUAL',
    kit => ({ ...kit.tls(), 'ssl.enabled.protocols': 'TLSv1.2' }),
    'TLS',
    /wants a certificate of the client, and none is given/,
  ],
  [
    'a client certificate signed by a stranger',
    'MUTUAL',
    kit => ({ ...kit.tls(), ...kit.pemStore('stranger.pem') }),
    'TLS',
    /^localhost:\d+ refuses the client's certificate \(certificate unknown\): the broker must trust who signed it/,
  ],
  [
    'a client certificate that has expired',
    'MUTUAL',
    kit => ({ ...kit.tls(), ...kit.pemStore('expired.pem') }),
    'TLS',
    /^localhost:\d+ refuses the client's certificate, which has expired/,
  ],
  [
    'a version of TLS the broker does not speak',
    'TLS',
    kit => ({ ...kit.tls(), 'ssl.enabled.protocols': 'TLSv1.1' }),
    'TLS',
    /^localhost:\d+ accepts none of the TLS versions and cipher suites offered: see ssl\.enabled\.protocols/,
  ],
  [
    'TLS on a port without',
    'PLAIN',
    kit => kit.tls(),
    'TLS',
    /^localhost:\d+ closes the connection when TLS begins: .*security\.protocol/,
  ],
  [
    'no TLS on a port with it',
    'TLS',
    () => ({}),
    'PROTOCOL',
    /^localhost:\d+ speaks TLS, and security\.protocol says it does not: write SSL or SASL_SSL/,
  ],
  [
    'no login where one is wanted',
    'SCRAMONLY',
    () => ({}),
    'AUTHENTICATION',
    /^localhost:\d+ wants a login \(it offers SCRAM-SHA-\d+, SCRAM-SHA-\d+\), and security\.protocol is PLAINTEXT: write SASL_PLAINTEXT/,
  ],
  [
    'no login in TLS where one is wanted',
    'BOTH',
    kit => kit.tls(),
    'AUTHENTICATION',
    /^localhost:\d+ wants a login \(.*\), and security\.protocol is SSL: write SASL_SSL/,
  ],
  [
    'a login where none is wanted',
    'PLAIN',
    () => ({ ...login, ...plain() }),
    'AUTHENTICATION',
    /^localhost:\d+ asks for no login on this port: write security\.protocol PLAINTEXT or SSL/,
  ],
  [
    'a mechanism that is not switched on',
    'SCRAMONLY',
    () => ({ ...login, ...plain() }),
    'AUTHENTICATION',
    /^localhost:\d+ does not offer the SASL mechanism PLAIN, but SCRAM-SHA-\d+, SCRAM-SHA-\d+: correct sasl\.mechanism/,
  ],
  [
    'a wrong password with PLAIN',
    'BOTH',
    kit => ({ ...kit.both(), ...plain(wrongPassword) }),
    'AUTHENTICATION',
    /^localhost:\d+ refuses user "alice" with SASL PLAIN: Authentication failed: Invalid username or password \(see sasl\.jaas\.config\)$/,
  ],
  [
    'a wrong password with SCRAM',
    'BOTH',
    kit => ({ ...kit.both(), ...scram(512, wrongPassword) }),
    'AUTHENTICATION',
    /^localhost:\d+ refuses user "bob" with SASL SCRAM-SHA-512: .*invalid credentials/,
  ],
  [
    'a token that has expired',
    'LOGIN',
    () => ({
      ...login,
      ...oauth('unsecuredLoginStringClaim_sub="carol" unsecuredLoginLifetimeSeconds="-9"'),
    }),
    'AUTHENTICATION',
    /^localhost:\d+ refuses the unsecured token with SASL OAUTHBEARER: .*invalid_token/,
  ],
]
