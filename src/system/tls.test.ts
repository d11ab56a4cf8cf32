import assert from 'node:assert/strict'
import { createServer, connect } from 'node:net'
import { test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { createAuthority } from '../../test/certificates.ts'
import { messageOf } from '../errors.ts'
import { readKeyStore } from '../security/keystore.ts'
import { createTlsContext, secureClient, secureServer, type TlsPolicy } from './tls.ts'

const authority = createAuthority()
const store = await readKeyStore(
  Buffer.from(authority.sign({ host: 'localhost', ip: '127.0.0.1' }).pem),
  undefined,
  'test',
)
const identity = store.keys[0]!
const open: TlsPolicy = {
  includeProtocols: [],
  excludeProtocols: [],
  includeCipherSuites: [],
  excludeCipherSuites: [],
}
const never = new AbortController().signal

/** Protocol and suite that the two policies agree on; the client's error where they do not. */
async function agree(server: Partial<TlsPolicy>, client: Partial<TlsPolicy>): Promise<string> {
  const context = createTlsContext({ policy: { ...open, ...server }, identity })
  const ends: (TLSSocket | null)[] = []
  const listener = createServer(socket => {
    socket.on('error', () => {})
    secureServer(socket, context, never).then(
      secured => {
        secured.on('error', () => {})
        ends.push(secured)
      },
      () => {},
    )
  }).listen(0, '127.0.0.1')
  await new Promise(resolve => listener.once('listening', resolve))
  const { port } = listener.address() as { port: number }
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  try {
    const trusting = createTlsContext({ policy: { ...open, ...client }, trusted: [authority.certificate] })
    const secured = await secureClient(
      socket,
      { host: '127.0.0.1', port },
      { context: trusting, verifiesCertificate: true, verifiesHost: true },
      never,
    )
    ends.push(secured)
    return `${secured.getProtocol()} ${secured.getCipher().name}`
  } catch (error) {
    return messageOf(error)
  } finally {
    for (const end of ends) end?.destroy()
    socket.destroy()
    listener.close()
  }
}

test('included and excluded versions are what is spoken', async () => {
  assert.match(await agree({}, {}), /^TLSv1\.3 /)
  assert.match(await agree({ includeProtocols: ['TLSv1.2'] }, {}), /^TLSv1\.2 /)
  assert.match(await agree({ excludeProtocols: ['TLSv1.3'] }, {}), /^TLSv1\.2 /)
  assert.match(await agree({}, { includeProtocols: ['TLSv1', 'TLSv1.1', 'TLSv1.2'] }), /^TLSv1\.2 /)
  assert.match(
    await agree({ includeProtocols: ['TLSv1.1'] }, { includeProtocols: ['TLSv1.1'] }),
    /^TLSv1\.1 /,
  )
  assert.match(await agree({ includeProtocols: ['TLSv1.1'] }, {}), /^TLS with 127\.0\.0\.1:\d+ failed: /)
  assert.match(await agree({ includeProtocols: ['TLSv1.2'] }, { includeProtocols: ['TLSv1.3'] }), /failed/)
})

test('a gap between the versions is a gap', async () => {
  const gap = { includeProtocols: ['TLSv1.1', 'TLSv1.3'] }
  assert.match(await agree(gap, { includeProtocols: ['TLSv1.2'] }), /failed/)
  assert.match(await agree(gap, {}), /^TLSv1\.3 /)
})

test('included and excluded suites are what is used, by Java names', async () => {
  const suite = 'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384'
  assert.equal(await agree({ includeCipherSuites: [suite] }, {}), 'TLSv1.2 ECDHE-RSA-AES256-GCM-SHA384')
  const others = ['TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256']
  assert.equal(await agree({ excludeCipherSuites: others }, {}), 'TLSv1.3 TLS_AES_128_GCM_SHA256')
  const without = { includeProtocols: ['TLSv1.2'], excludeCipherSuites: [suite] }
  assert.doesNotMatch(await agree(without, {}), /AES256-GCM-SHA384/)
})

test('nothing left is said', () => {
  const context = (policy: Partial<TlsPolicy>) => createTlsContext({ policy: { ...open, ...policy } })
  assert.throws(() => context({ includeProtocols: ['SSLv3'] }), /no TLS version is left: include-protocols/)
  assert.throws(() => context({ includeCipherSuites: ['TLS_NO_SUCH'] }), /no cipher suite is left/)
})
