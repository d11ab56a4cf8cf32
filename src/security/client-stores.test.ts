import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import { createAuthority, type TestAuthority } from '../../test/certificates.ts'
import { loadClientStores, type ClientStores } from './client-stores.ts'
import { Secret } from './secret.ts'
import { loadStore } from './ssl-settings.ts'
import { realSystem } from '../system/system.ts'
import { secureClient } from '../system/tls.ts'

const nothing: ClientStores = {
  trust: { path: undefined, password: undefined, pem: undefined },
  identity: { path: undefined, password: undefined, pem: undefined, keyPassword: undefined },
  protocols: undefined,
  cipherSuites: undefined,
  verifiesHost: true,
}

describe('the stores of a client', () => {
  const { disk, network } = realSystem
  let directory: string
  let authority: TestAuthority
  let server: Server
  const seen: { authorized: boolean; protocol: string | null }[] = []
  const at = (name: string) => join(directory, name)
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'millrace-stores-'))
    authority = createAuthority()
    const own = authority.sign({ host: 'localhost', ip: '127.0.0.1' })
    const client = authority.sign({ host: 'client' })
    writeFileSync(at('trust.pem'), authority.certificate)
    writeFileSync(at('client.p12'), client.pkcs12('right'))
    writeFileSync(at('client.pem'), client.pem)
    server = createServer(
      {
        key: own.key,
        cert: own.certificate,
        ca: authority.certificate,
        requestCert: true,
        rejectUnauthorized: false,
      },
      (socket: TLSSocket) => {
        seen.push({ authorized: socket.authorized, protocol: socket.getProtocol() })
        socket.on('error', () => {}).end()
      },
    )
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
  })
  after(() => {
    server.close()
    rmSync(directory, { recursive: true, force: true })
  })

  async function connect(stores: ClientStores, systemProperties: Record<string, string> = {}) {
    const system = { disk, systemProperties: new Map(Object.entries(systemProperties)) }
    const tls = await loadClientStores(stores, system)
    const to = { host: '127.0.0.1', port: (server.address() as AddressInfo).port }
    const { stream } = await network.connect({ ...to, timeoutMs: 5_000 })
    const socket = await secureClient(stream, to, tls, new AbortController().signal)
    await once(socket.resume(), 'close')
    return seen.at(-1)!
  }

  it('are files, by their own settings', async () => {
    const stores = {
      ...nothing,
      trust: { ...nothing.trust, path: at('trust.pem') },
      identity: { ...nothing.identity, path: at('client.p12'), password: new Secret('right') },
      protocols: ['TLSv1.2'],
    }
    assert.deepEqual(await connect(stores), { authorized: true, protocol: 'TLSv1.2' })
    await assert.rejects(
      connect({ ...stores, identity: { ...stores.identity, password: new Secret('wrong') } }),
      {
        code: 'TLS',
        message: /client\.p12: the password is wrong/,
      },
    )
    await assert.rejects(connect({ ...stores, identity: { ...stores.identity, path: at('trust.pem') } }), {
      code: 'TLS',
      message: /trust\.pem holds no private key/,
    })
  })

  it('are opened once as long as they stay the same', async () => {
    const path = at('again.p12')
    const load = (password: string) => loadStore(path, password, disk)
    const first = authority.sign({ host: 'client' }).pkcs12('right')
    writeFileSync(path, first)
    const store = await load('right')
    assert.equal(await load('right'), store)
    await assert.rejects(load('wrong'), { code: 'TLS' })
    writeFileSync(path, authority.sign({ host: 'client' }).pkcs12('right'))
    assert.notDeepEqual((await load('right')).keys, store.keys)
    writeFileSync(path, first)
    assert.deepEqual((await load('right')).keys, store.keys)
  })

  it('are text, also in one line', async () => {
    const pem = authority.sign({ host: 'client' }).pem.replaceAll(/\r?\n/g, ' ')
    const seenThen = await connect({
      ...nothing,
      trust: { ...nothing.trust, pem: authority.certificate.replaceAll(/\r?\n/g, ' ') },
      identity: { ...nothing.identity, pem: new Secret(pem) },
    })
    assert.equal(seenThen.authorized, true)
  })

  it('are those of -Djavax.net.ssl where they have none of their own', async () => {
    const global = {
      'javax.net.ssl.trustStore': at('trust.pem'),
      'javax.net.ssl.keyStore': at('client.p12'),
      'javax.net.ssl.keyStorePassword': 'right',
    }
    assert.equal((await connect(nothing, global)).authorized, true)
    await assert.rejects(connect(nothing), { code: 'TLS' })
  })

  it('are those of FLUME_SSL_* where nobody else says anything', async () => {
    const variables = {
      FLUME_SSL_TRUSTSTORE_PATH: at('trust.pem'),
      FLUME_SSL_KEYSTORE_PATH: at('client.p12'),
      FLUME_SSL_KEYSTORE_PASSWORD: 'right',
      FLUME_SSL_EXCLUDE_PROTOCOLS: 'TLSv1.3',
    }
    Object.assign(process.env, variables)
    try {
      assert.deepEqual(await connect(nothing), { authorized: true, protocol: 'TLSv1.2' })
      // What the component says itself counts.
      assert.equal((await connect({ ...nothing, protocols: ['TLSv1.3'] })).protocol, 'TLSv1.3')
    } finally {
      for (const name of Object.keys(variables)) delete process.env[name]
    }
  })
})
