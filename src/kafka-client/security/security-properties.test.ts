import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { describe, it } from 'node:test'
import { readProducerProperties } from '../properties.ts'

const security = 'org.apache.kafka.common.security'
const plainLogin = `${security}.plain.PlainLoginModule required username="alice" password="hush-hush";`
const secret = 'hush-hush'

const read = (properties: Record<string, string>, systemProperties: Record<string, string> = {}) => {
  const found = readProducerProperties(
    { 'bootstrap.servers': 'one:9092', ...properties },
    { systemProperties: new Map(Object.entries(systemProperties)) },
  )
  assert.ok(!JSON.stringify(found).includes(secret), 'a secret is shown')
  assert.ok(!inspect(found, { depth: 20, showHidden: true }).includes(secret), 'a secret is shown')
  return found
}

describe('security properties', () => {
  it('are PLAINTEXT where nothing is written', () => {
    assert.deepEqual(read({}).settings!.security, { protocol: 'PLAINTEXT', tls: null, sasl: null })
  })

  it('become settings', () => {
    const { settings, problems } = read({
      'security.protocol': 'sasl_ssl',
      'sasl.mechanism': 'scram-sha-512',
      'sasl.jaas.config': `${security}.scram.ScramLoginModule required username="bob" password="${secret}";`,
      'ssl.truststore.location': '/etc/trust.jks',
      'ssl.truststore.password': secret,
      'ssl.keystore.location': '/etc/key.p12',
      'ssl.keystore.password': secret,
      'ssl.key.password': secret,
      'ssl.enabled.protocols': 'TLSv1.2, TLSv1.3',
      'ssl.protocol': 'TLSv1.3',
      'ssl.endpoint.identification.algorithm': 'HTTPS',
    })
    assert.deepEqual(problems, [])
    const { protocol, tls, sasl } = settings!.security
    assert.equal(protocol, 'SASL_SSL')
    assert.equal(tls!.trust.path, '/etc/trust.jks')
    assert.equal(tls!.trust.password!.reveal(), secret)
    assert.deepEqual(tls!.protocols, ['TLSv1.2', 'TLSv1.3'])
    assert.equal(tls!.verifiesHost, true)
    assert.equal(sasl!.mechanism, 'SCRAM-SHA-512')
    assert.equal(sasl!.login?.mechanism === 'SCRAM-SHA-512' && sasl!.login.username, 'bob')
  })

  it('check the host name unless told not to', () => {
    const verifies = (more: Record<string, string>) =>
      read({ 'security.protocol': 'SSL', ...more }).settings!.security.tls!.verifiesHost
    assert.equal(verifies({}), true)
    assert.equal(verifies({ 'ssl.endpoint.identification.algorithm': '' }), false)
    assert.equal(verifies({ 'ssl.disableTLSHostnameVerification': 'TRUE' }), false)
    assert.equal(verifies({ 'ssl.disableTLSHostnameVerification': 'false' }), true)
  })

  it('that belong to another protocol are warned about', () => {
    const keys = (protocol: string) =>
      read({
        'security.protocol': protocol,
        'sasl.mechanism': 'PLAIN',
        'sasl.jaas.config': plainLogin,
        'ssl.truststore.location': '/x',
      })
        .problems.filter(one => one.severity === 'warning')
        .map(one => one.key)
    assert.deepEqual(keys('PLAINTEXT'), ['sasl.mechanism', 'sasl.jaas.config', 'ssl.truststore.location'])
    assert.deepEqual(keys('SSL'), ['sasl.mechanism', 'sasl.jaas.config'])
    assert.deepEqual(keys('SASL_PLAINTEXT'), ['ssl.truststore.location'])
    assert.deepEqual(keys('SASL_SSL'), [])
  })

  it('take the login from a file of -Djava.security.auth.login.config', () => {
    const given = { 'security.protocol': 'SASL_PLAINTEXT', 'sasl.mechanism': 'PLAIN' }
    const { settings } = read(given, { 'java.security.auth.login.config': '/etc/jaas.conf' })
    assert.equal(settings!.security.sasl!.login, null)
    assert.equal(read(given).settings, undefined)
  })

  const sasl = { 'security.protocol': 'SASL_PLAINTEXT' }
  const tls = { 'security.protocol': 'SSL' }
  const oauth = (options: string) => ({
    ...sasl,
    'sasl.mechanism': 'OAUTHBEARER',
    'sasl.jaas.config': `${security}.oauthbearer.OAuthBearerLoginModule required ${options};`,
  })
  const endpoint = 'sasl.oauthbearer.token.endpoint.url'
  const withEndpoint = (url: string) => ({
    ...oauth(`clientId="c" clientSecret="${secret}"`),
    [endpoint]: url,
  })
  const pem = '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----'
  const wrong: [properties: Record<string, string>, key: string, problem: RegExp][] = [
    [{ 'security.protocol': 'TLS' }, 'security.protocol', /"TLS" is not possible/],
    [{ ...sasl, 'sasl.jaas.config': plainLogin }, 'sasl.mechanism', /needs a mechanism/],
    [{ ...sasl, 'sasl.mechanism': 'GSSAPI' }, 'sasl.mechanism', /GSSAPI \(Kerberos\) is not spoken here/],
    [{ ...sasl, 'sasl.mechanism': 'AWS_MSK_IAM' }, 'sasl.mechanism', /"AWS_MSK_IAM" is not spoken/],
    [{ ...sasl, 'sasl.mechanism': 'PLAIN' }, 'sasl.jaas.config', /needs a login, and none is written/],
    [
      { ...sasl, 'sasl.mechanism': 'PLAIN', 'sasl.jaas.config': secret },
      'sasl.jaas.config',
      /the login text has no flag/,
    ],
    [
      { ...sasl, 'sasl.mechanism': 'SCRAM-SHA-256', 'sasl.jaas.config': plainLogin },
      'sasl.jaas.config',
      /the login module is not the one of sasl\.mechanism SCRAM-SHA-256/,
    ],
    [
      {
        ...sasl,
        'sasl.mechanism': 'PLAIN',
        'sasl.jaas.config': `${security}.plain.PlainLoginModule required password="${secret}";`,
      },
      'sasl.jaas.config',
      /the login text has no username/,
    ],
    [
      {
        ...sasl,
        'sasl.mechanism': 'PLAIN',
        'sasl.jaas.config': `${security}.plain.PlainLoginModule required username="a" password="";`,
      },
      'sasl.jaas.config',
      /the login text has no password/,
    ],
    [oauth(''), 'sasl.jaas.config', /neither a token endpoint nor the claim sub/],
    [
      oauth('unsecuredLoginStringClaim_sub="c" unsecuredLoginLifetimeSeconds="long"'),
      'sasl.jaas.config',
      /a number of the login text is none/,
    ],
    [
      oauth(`unsecuredLoginStringClaim_sub="c" unsecuredLoginExtension_auth="${secret}"`),
      'sasl.jaas.config',
      /an extension/,
    ],
    [withEndpoint('file:///etc/token'), endpoint, /only https is possible|not a URL with a host/],
    [withEndpoint('http://elsewhere.example/token'), endpoint, /secrets in the clear/],
    [withEndpoint('here'), endpoint, /not a URL/],
    [
      { ...oauth('clientId="c"'), [endpoint]: 'https://localhost/token' },
      'sasl.jaas.config',
      /no clientSecret/,
    ],
    [
      { ...tls, 'ssl.keystore.location': '/k.jks' },
      'ssl.keystore.location',
      /a key store cannot be opened without its password/,
    ],
    [{ ...tls, 'ssl.keystore.password': secret }, 'ssl.keystore.password', /none is written/],
    [{ ...tls, 'ssl.truststore.password': secret }, 'ssl.truststore.password', /none is written/],
    [{ ...tls, 'ssl.truststore.type': 'BCFKS' }, 'ssl.truststore.type', /not read here/],
    [
      { ...tls, 'ssl.keystore.key': pem, 'ssl.keystore.type': 'PEM' },
      'ssl.keystore.certificate.chain',
      /belong together/,
    ],
    [{ ...tls, 'ssl.truststore.certificates': '/a/file.pem' }, 'ssl.truststore.certificates', /not PEM/],
    [{ ...tls, 'ssl.enabled.protocols': 'TLSv1.4' }, 'ssl.enabled.protocols', /TLSv1\.4 is no version/],
    [{ ...tls, 'ssl.enabled.protocols': 'SSLv3' }, 'ssl.enabled.protocols', /no version is left/],
    [{ ...tls, 'ssl.cipher.suites': 'TLS_NONE_SUCH' }, 'ssl.cipher.suites', /no cipher suite is left/],
    [
      { ...tls, 'ssl.endpoint.identification.algorithm': 'LDAPS' },
      'ssl.endpoint.identification.algorithm',
      /"LDAPS" is not possible/,
    ],
    [
      { ...tls, 'ssl.disableTLSHostnameVerification': 'yes' },
      'ssl.disableTLSHostnameVerification',
      /neither true nor false/,
    ],
  ]
  for (const [properties, key, problem] of wrong)
    it(`refuse ${key}: ${problem.source}`, () => {
      const { settings, problems } = read(properties)
      assert.equal(settings, undefined)
      const [found] = problems.filter(one => one.severity === 'error')
      assert.equal(found?.key, key, JSON.stringify(problems))
      assert.match(found!.problem, problem)
      assert.ok(found!.fix.length > 0)
    })

  it('accept what comes from the global places', () => {
    const { problems } = read(
      { ...tls, 'ssl.keystore.location': '/k.jks', 'ssl.truststore.password': secret },
      { 'javax.net.ssl.keyStorePassword': secret, 'javax.net.ssl.trustStore': '/t.jks' },
    )
    assert.deepEqual(problems, [])
  })

  it('take a token endpoint on this machine without TLS, and elsewhere with it', () => {
    for (const url of [
      'http://localhost:1/t',
      'http://127.0.0.1:1/t',
      'http://[::1]:1/t',
      'https://x.example/t',
    ])
      assert.deepEqual(read(withEndpoint(url)).problems, [], url)
  })
})
