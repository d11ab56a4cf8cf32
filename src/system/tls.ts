// The door to TLS: a layer over any connection, as server or as client, with Java's names for protocol
// versions and cipher suites, since those stand in Flume's configuration files.
import { constants } from 'node:crypto'
import type { Duplex } from 'node:stream'
import * as tls from 'node:tls'
import { whereOf } from '../address.ts'
import { Fault, messageOf } from '../errors.ts'
import { opensslName } from './cipher-suites.ts'

/** Which versions and suites may be used: what is included (all usual ones where empty) without what is excluded. */
export interface TlsPolicy {
  readonly includeProtocols: readonly string[]
  readonly excludeProtocols: readonly string[]
  readonly includeCipherSuites: readonly string[]
  readonly excludeCipherSuites: readonly string[]
  /** What the settings are called where they were written, for messages. */
  readonly names?: { readonly protocols: string; readonly cipherSuites: string }
}

/** A private key and its certificates. */
export interface KeyEntry {
  readonly alias: string
  /** PKCS8 in PEM. */
  readonly key: string
  /** The certificate, then those that signed it, in PEM. */
  readonly chain: readonly string[]
}

/** Keys, certificates and policy, checked and ready for many connections. */
export type TlsContext = tls.SecureContext

const versions = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const
type Version = (typeof versions)[number]
const usualVersions: readonly Version[] = ['TLSv1.2', 'TLSv1.3']
const switchedOff: Record<Version, number> = {
  TLSv1: constants.SSL_OP_NO_TLSv1,
  'TLSv1.1': constants.SSL_OP_NO_TLSv1_1,
  'TLSv1.2': constants.SSL_OP_NO_TLSv1_2,
  'TLSv1.3': constants.SSL_OP_NO_TLSv1_3,
}

/** `trusted` are certificates in PEM; without them the usual authorities are trusted. Throws Fault TLS. */
export function createTlsContext(given: {
  policy: TlsPolicy
  identity?: KeyEntry
  trusted?: readonly string[]
}): TlsContext {
  const { identity, trusted } = given
  try {
    return tls.createSecureContext({
      ...protocolOptions(given.policy),
      ...(identity === undefined ? {} : { key: identity.key, cert: identity.chain.join('') }),
      // As in Java, whatever the store holds is trusted, also where it is not a root.
      ...(trusted === undefined ? {} : { ca: [...trusted], allowPartialTrustChain: true }),
    })
  } catch (error) {
    if (error instanceof Fault) throw error
    throw new Fault('TLS', `the TLS settings do not work together: ${messageOf(error)}`)
  }
}

/** Whether a version and a suite are left. Throws Fault TLS. */
export function checkTlsPolicy(policy: TlsPolicy): void {
  protocolOptions(policy)
}

function protocolOptions(policy: TlsPolicy): tls.SecureContextOptions {
  const wanted = policy.includeProtocols.length > 0 ? policy.includeProtocols : usualVersions
  const ciphers = cipherList(policy)
  // A version without any suite is left out, or OpenSSL would take its own suites for it.
  const hasSuite = (version: Version) =>
    ciphers === undefined ||
    ciphers.some(name => !name.startsWith('!') && name.startsWith('TLS_') === (version === 'TLSv1.3'))
  const enabled = versions.filter(
    version => wanted.includes(version) && !policy.excludeProtocols.includes(version) && hasSuite(version),
  )
  const [lowest] = enabled
  const highest = enabled.at(-1)
  if (lowest === undefined || highest === undefined)
    throw new Fault(
      'TLS',
      `no TLS version is left: ${policy.names?.protocols ?? 'include-protocols and exclude-protocols'} leave none of ${versions.join(', ')} that has a cipher suite`,
    )
  const off = versions.filter(version => !enabled.includes(version))
  // OpenSSL refuses the old versions' signatures unless its security level is lowered for this context.
  const old = lowest === 'TLSv1' || lowest === 'TLSv1.1'
  const level = old ? [...(ciphers ?? [tls.DEFAULT_CIPHERS]), '@SECLEVEL=0'] : ciphers
  return {
    minVersion: lowest,
    maxVersion: highest,
    secureOptions: off.reduce((bits, version) => bits | switchedOff[version], 0),
    ...(level === undefined ? {} : { ciphers: level.join(':') }),
  }
}

/** OpenSSL's list for the policy; undefined where the policy says nothing. */
function cipherList(policy: TlsPolicy): string[] | undefined {
  if (policy.includeCipherSuites.length === 0 && policy.excludeCipherSuites.length === 0) return undefined
  const supported = new Set(tls.getCiphers().map(name => name.toUpperCase()))
  const excluded = new Set(policy.excludeCipherSuites.map(opensslName))
  const base =
    policy.includeCipherSuites.length > 0
      ? policy.includeCipherSuites.map(opensslName).filter(name => supported.has(name))
      : tls.DEFAULT_CIPHERS.split(':')
  const left = base.filter(name => !excluded.has(name))
  if (left.every(name => name.startsWith('!')))
    throw new Fault(
      'TLS',
      `no cipher suite is left: correct ${policy.names?.cipherSuites ?? 'include-cipher-suites and exclude-cipher-suites'} (names as in Java, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256)`,
    )
  const named = [...excluded].filter(name => supported.has(name) && !name.startsWith('TLS_'))
  return [...left, ...named.map(name => `!${name}`)]
}

/**
 * Resolves when the client has shaken hands. Rejects with Fault TLS; the stream is destroyed then. With
 * `clientAuth` the client is asked for a certificate; one that it shows must be trusted, and `required`
 * is for one that it must show.
 */
export async function secureServer(
  stream: Duplex,
  context: TlsContext,
  signal: AbortSignal,
  clientAuth: 'none' | 'requested' | 'required' = 'none',
): Promise<tls.TLSSocket> {
  const socket = new tls.TLSSocket(stream as never, {
    isServer: true,
    secureContext: context,
    requestCert: clientAuth !== 'none',
    rejectUnauthorized: clientAuth === 'required',
  })
  await shaken(socket, 'secure', 'the TLS handshake with the sender failed', signal)
  if (clientAuth === 'none') return socket
  const hasCertificate = socket.getPeerX509Certificate() !== undefined
  // What tls.Server asks of its sockets, which a socket laid over a stream has to be asked for.
  const { ssl } = socket as unknown as { ssl: { verifyError(): (Error & { code?: string }) | null } }
  const error = hasCertificate ? ssl.verifyError() : null
  const problem = hasCertificate
    ? error === null
      ? null
      : `the certificate of the client is not trusted: ${reasonOf(error)}`
    : clientAuth === 'required'
      ? 'the client shows no certificate'
      : null
  if (problem === null) return socket
  socket.on('error', () => {}) // a second error of a connection given up concerns nobody
  socket.destroy()
  throw new Fault('TLS', problem)
}

export interface ClientTls {
  readonly context: TlsContext
  /** Whether the certificate must be signed by somebody trusted and be in force. */
  readonly verifiesCertificate: boolean
  /** Whether it must be for the host connected to. */
  readonly verifiesHost: boolean
}

/** Resolves when hands are shaken and the certificate has passed. Rejects with Fault TLS; the stream is destroyed then. */
export function secureClient(
  stream: Duplex,
  to: { host: string; port: number },
  settings: ClientTls,
  signal: AbortSignal,
): Promise<tls.TLSSocket> {
  const { verifiesHost, verifiesCertificate } = settings
  const isName = !/^[0-9.]+$|:/.test(to.host)
  const socket = tls.connect({
    socket: stream as never,
    host: to.host,
    ...(isName ? { servername: to.host } : {}),
    secureContext: settings.context,
    rejectUnauthorized: verifiesCertificate,
    ...(verifiesCertificate && !verifiesHost ? { checkServerIdentity: () => undefined } : {}),
  })
  return shaken(socket, 'secureConnect', `TLS with ${whereOf(to)} failed`, signal)
}

function shaken(
  socket: tls.TLSSocket,
  event: 'secure' | 'secureConnect',
  what: string,
  signal: AbortSignal,
): Promise<tls.TLSSocket> {
  return new Promise((resolve, reject) => {
    const finish = () => {
      socket.off('close', closed)
      socket.off('error', fail)
      signal.removeEventListener('abort', abort)
    }
    const fail = (error: Error) => {
      finish()
      socket.on('error', () => {}) // a second error of a connection given up concerns nobody
      socket.destroy()
      reject(new Fault('TLS', `${what}: ${reasonOf(error)}`, { cause: error }))
    }
    const closed = () => fail(new Error('the other side closed the connection during the handshake'))
    const abort = () => fail(new Error('it took too long, or it was cancelled'))
    socket.once('error', fail)
    socket.once('close', closed)
    socket.once(event, () => {
      finish()
      resolve(socket)
    })
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
  })
}

/** OpenSSL's texts carry file names and numbers; its reason and Node's code say enough. */
function reasonOf(error: Error & { reason?: string; code?: string }): string {
  const text = error.reason ?? error.message
  return error.code !== undefined && !text.includes(error.code) ? `${text} (${error.code})` : text
}
