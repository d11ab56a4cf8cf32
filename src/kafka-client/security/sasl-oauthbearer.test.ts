import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createPlainServer } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { createAuthority, type TestAuthority } from '../../../test/certificates.ts'
import { realSystem } from '../../system/system.ts'
import { readProducerProperties } from '../properties.ts'
import { converseOAuth, makeUnsecuredToken, Tokens } from './sasl-oauthbearer.ts'
import { Secret } from '../../security/secret.ts'
import { Security } from './security.ts'

const module = 'org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule'
const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

function identify(
  options: string,
  more: Record<string, string> = {},
  systemProperties: Record<string, string> = {},
) {
  const { settings, problems } = readProducerProperties(
    {
      'bootstrap.servers': 'unused:1',
      'security.protocol': 'SASL_PLAINTEXT',
      'sasl.mechanism': 'OAUTHBEARER',
      ...(options === '' ? {} : { 'sasl.jaas.config': `${module} required ${options};` }),
      ...more,
    },
    { systemProperties: new Map(Object.entries(systemProperties)) },
  )
  assert.deepEqual(problems, [])
  return new Security(settings!.security, {
    ...realSystem,
    systemProperties: new Map(Object.entries(systemProperties)),
  }).identify()
}

describe('OAUTHBEARER', () => {
  it('sends token and extensions, and gives in to a refusal as RFC 7628 has it', () => {
    const talk = converseOAuth(new Secret('t.o.k'), { one: '1', two: '2' })
    assert.equal(talk.first.toString(), 'n,,\x01auth=Bearer t.o.k\x01one=1\x01two=2\x01\x01')
    assert.equal(talk.answer(Buffer.alloc(0)), null)
    assert.deepEqual(talk.answer(Buffer.from('{"status":"invalid_token"}')), Buffer.of(1))
    assert.equal(talk.reason, 'invalid_token')
  })

  it('makes unsecured tokens of the claims in the login text', async () => {
    const identity = await identify(
      `unsecuredLoginStringClaim_sub="carol" unsecuredLoginNumberClaim_level="3"
       unsecuredLoginListClaim_scope="|a|b" unsecuredLoginLifetimeSeconds="60"`,
    )
    const sent = (await identity.converse()).first.toString()
    const [, token] = /Bearer ([\w.-]+)/.exec(sent)!
    const [head, claims, signature] = token!.split('.')
    assert.deepEqual(JSON.parse(Buffer.from(head!, 'base64url').toString()), { alg: 'none' })
    const { iat, exp, ...rest } = JSON.parse(Buffer.from(claims!, 'base64url').toString()) as Record<
      string,
      number
    >
    assert.deepEqual(rest, { sub: 'carol', level: 3, scope: ['a', 'b'] })
    assert.equal(exp! - iat!, 60)
    assert.equal(signature, '')
  })

  it('uses a token until a fifth of its life is left, and makes one for all who ask at once', async () => {
    let now = 1_000_000
    let made = 0
    const tokens = new Tokens(
      async () => ({ text: new Secret(String(++made)), expiresAt: now + 100_000 }),
      () => now,
    )
    const next = async () => (await tokens.get()).reveal()
    assert.deepEqual(await Promise.all([next(), next()]), ['1', '1'])
    now += 79_000
    assert.equal(await next(), '1')
    now += 2_000
    assert.equal(await next(), '2')
    tokens.drop()
    assert.equal(await next(), '3')
  })

  it('a claim of its own decides when an unsecured token ends', () => {
    const token = makeUnsecuredToken(
      { kind: 'unsecured', claims: { exp: 12 }, lifetimeMs: 5_000, extensions: {} },
      1_000,
    )
    assert.equal(token.expiresAt, 12_000)
  })
})

describe('a token endpoint', () => {
  let authority: TestAuthority
  let server: Server
  let directory: string
  let answer: { status: number; body: string } = { status: 200, body: '' }
  const asked: { url: string | undefined; authorization: string | undefined; body: string }[] = []
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'millrace-oauth-'))
    authority = createAuthority()
    writeFileSync(join(directory, 'authority.pem'), authority.certificate)
    const { key, certificate } = authority.sign({ host: 'localhost', ip: '127.0.0.1' })
    server = createServer({ key, cert: certificate }, (request, response) => {
      let body = ''
      request.on('data', chunk => (body += String(chunk)))
      request.on('end', () => {
        asked.push({ url: request.url, authorization: request.headers.authorization, body })
        response.writeHead(answer.status, { location: 'https://elsewhere.example/' }).end(answer.body)
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
  })
  after(() => {
    server.close()
    rmSync(directory, { recursive: true, force: true })
  })
  const port = () => (server.address() as AddressInfo).port
  const secret = 'hush:hush/é'
  const options = () =>
    `clientId="agent 1" clientSecret="${secret}" scope="a b" extension_trace="x"
     ssl.truststore.type="PEM" ssl.truststore.location="${join(directory, 'authority.pem')}"`
  const converse = async (given: string, more: Record<string, string> = {}) => {
    const identity = await identify(given, {
      'sasl.oauthbearer.token.endpoint.url': `https://localhost:${port()}/token?x=${'query-secret'}`,
      ...more,
    })
    return (await identity.converse()).first.toString()
  }

  it('is asked over TLS, with the stores of the login text', async () => {
    const token = `${part({ alg: 'RS256' })}.${part({ exp: Date.now() / 1000 + 60 })}.c2ln`
    answer = { status: 200, body: JSON.stringify({ access_token: token }) }
    assert.equal(await converse(options()), `n,,\x01auth=Bearer ${token}\x01trace=x\x01\x01`)
    const request = asked.at(-1)!
    assert.equal(request.url, '/token?x=query-secret')
    assert.equal(request.body, 'grant_type=client_credentials&scope=a+b')
    assert.equal(Buffer.from(request.authorization!.slice(6), 'base64').toString(), `agent 1:${secret}`)
    await converse(options(), { 'sasl.oauthbearer.header.urlencode': 'true' })
    assert.equal(
      Buffer.from(asked.at(-1)!.authorization!.slice(6), 'base64').toString(),
      'agent+1:hush%3Ahush%2F%C3%A9',
    )
  })

  it('is told apart by what it answers, and no secret is shown', async () => {
    for (const [status, body, expected] of [
      [
        401,
        '{"error":"invalid_client","error_description":"hush:hush/é is wrong"}',
        /answers 401 \(invalid_client: \[hidden\] is wrong\)/,
      ],
      [500, '<html>', /answers 500: see clientId/],
      [302, '', /answers 302: see clientId/],
      [200, '{}', /answers without an access_token/],
      [200, '{"access_token":"a\\nb"}', /answers without an access_token/],
      [200, 'x'.repeat(1_100_000), /answers with more than 1048576 bytes/],
    ] as const) {
      answer = { status, body }
      await assert.rejects(converse(options()), (error: Error) => {
        assert.match(error.message, expected)
        assert.match(error.message, /localhost:\d+/)
        assert.ok(!/hush|query-secret/.test(error.message), error.message)
        return true
      })
    }
  })

  it('that nobody trusts, that is silent or that is away is told', async () => {
    await assert.rejects(converse(`clientId="a" clientSecret="${secret}"`), {
      code: 'PEER_UNREACHABLE',
      message: /^localhost:\d+ cannot be asked: .*certificate/,
    })
    const silent = createPlainServer(() => {})
    silent.listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/`
    const quick = {
      'sasl.oauthbearer.token.endpoint.url': url,
      'sasl.login.connect.timeout.ms': '10',
      'sasl.login.read.timeout.ms': '40',
    }
    await assert.rejects(converse(options(), quick), {
      code: 'PEER_TIMEOUT',
      message: /did not answer within 50 ms/,
    })
    silent.close()
    silent.closeAllConnections()
    await assert.rejects(converse(options(), { ...quick, 'sasl.login.read.timeout.ms': '9000' }), {
      code: 'PEER_UNREACHABLE',
    })
  })
})

describe('a login file', () => {
  it('is read when a connection is made; what is wrong with it names it', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-jaas-'))
    const file = join(directory, 'jaas.conf')
    const properties = { 'java.security.auth.login.config': file }
    const login = () => identify('', {}, properties)
    try {
      await assert.rejects(login(), {
        code: 'AUTHENTICATION',
        message: /jaas\.conf .* cannot be read: ENOENT/,
      })
      writeFileSync(file, 'Client { a.B required; };')
      await assert.rejects(login(), /jaas\.conf .* has no section KafkaClient/)
      writeFileSync(file, 'KafkaClient { a.B required hush; };')
      await assert.rejects(login(), (error: Error) => !error.message.includes('hush'))
      writeFileSync(file, `KafkaClient { a.B required; };`)
      await assert.rejects(login(), /is not usable: the login module is not the one of sasl\.mechanism/)
      writeFileSync(file, `KafkaClient { ${module} required unsecuredLoginStringClaim_sub="c"; };`)
      assert.equal((await login()).mechanism, 'OAUTHBEARER')
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  })
})
