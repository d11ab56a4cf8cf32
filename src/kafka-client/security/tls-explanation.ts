// What an error of TLS with a broker means, in one sentence with the remedy. The names of the errors are
// those of Node and OpenSSL.
import { whereOf } from '../../address.ts'

export interface TlsSituation {
  readonly host: string
  readonly port: number
  /** When the client's own certificate ends, milliseconds since 1970; null where it has none. */
  readonly identityEndsAt: number | null
  /** The wall clock. */
  readonly now: number
  /** Where the trusted certificates come from. */
  readonly trustedFrom: string
  /** Whether the broker has sent anything at all. */
  readonly hasAnswered: boolean
}

interface TlsError extends Error {
  readonly code?: string
  readonly reason?: string
  readonly cert?: { readonly subject?: { readonly CN?: string }; readonly subjectaltname?: string }
}

const untrusted = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'CERT_UNTRUSTED',
])

/** Null where the error is not one of TLS. */
export function explainTls(error: unknown, situation: TlsSituation): string | null {
  const found = innermost(error)
  const code = found.code ?? ''
  const { host, port } = situation
  const where = whereOf({ host, port })
  if (code === 'CERT_HAS_EXPIRED')
    return `the certificate of ${where} has expired: have it renewed on the broker (or correct this machine's clock)`
  if (code === 'CERT_NOT_YET_VALID')
    return `the certificate of ${where} is not valid yet: correct the clock of this machine, or the certificate`
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return `the certificate of ${where} is for ${namesOf(found)} and not for ${host}: connect by a name it is for, have it renewed with this name, or write ssl.disableTLSHostnameVerification = true`
  if (untrusted.has(code))
    return `the certificate of ${where} is not signed by anyone trusted (${situation.trustedFrom}): add its authority to the trust store of ssl.truststore.location`
  if (/^(CERT_|CRL_|UNABLE_TO_|INVALID_|ERROR_IN_CERT|HOSTNAME_MISMATCH)/.test(code))
    return `the certificate of ${where} is not accepted: ${found.message} (${code})`
  const alert = /ALERT_([A-Z_]+)$/.exec(code)?.[1]
  if (alert !== undefined) return explainAlert(alert, where, situation)
  if (
    /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|UNKNOWN_PROTOCOL|RECORD_LAYER_FAILURE/.test(
      code,
    )
  )
    return `${where} does not answer in TLS: use the port of a listener with TLS, or correct security.protocol`
  if (/UNSUPPORTED_PROTOCOL|NO_PROTOCOLS_AVAILABLE|VERSION_TOO_LOW/.test(code))
    return `${where} does not speak a TLS version that this side allows. Compare ssl.enabled.protocols on both sides`
  if (!situation.hasAnswered && !/ETIMEDOUT|EHOSTUNREACH|ENETUNREACH/.test(code))
    return `${where} closes the connection when TLS begins: use the port of a listener with TLS, or correct security.protocol`
  if (/^ERR_SSL_|^ERR_TLS_|^EPROTO$/.test(code))
    return `TLS with ${where} failed: ${found.reason ?? found.message} (${code})`
  return null
}

function explainAlert(alert: string, where: string, { identityEndsAt: endsAt, now }: TlsSituation): string {
  const hasIdentity = endsAt !== null
  const aboutVersions = `${where} accepts none of the TLS versions and cipher suites offered: see ssl.enabled.protocols and ssl.cipher.suites`
  if (/^(PROTOCOL_VERSION|INSUFFICIENT_SECURITY)$/.test(alert)) return aboutVersions
  if (
    /^(CERTIFICATE_REQUIRED|NO_CERTIFICATE|BAD_CERTIFICATE|CERTIFICATE_UNKNOWN)$/.test(alert) &&
    !hasIdentity
  )
    return `${where} wants a certificate of the client, and none is given: write ssl.keystore.location and ssl.keystore.password`
  if (alert === 'CERTIFICATE_EXPIRED' || (/CERTIFICATE/.test(alert) && endsAt !== null && endsAt < now))
    return `${where} refuses the client's certificate, which has expired: put a renewed one into the store of ssl.keystore.location`
  if (
    /^(BAD_CERTIFICATE|CERTIFICATE_UNKNOWN|UNKNOWN_CA|CERTIFICATE_REVOKED|UNSUPPORTED_CERTIFICATE|ACCESS_DENIED|CERTIFICATE_REQUIRED)$/.test(
      alert,
    )
  )
    return `${where} refuses the client's certificate (${words(alert)}): the broker must trust who signed it, and it must be in force; see ssl.keystore.location`
  if (alert === 'HANDSHAKE_FAILURE')
    return hasIdentity
      ? aboutVersions
      : `${aboutVersions}; or it wants a certificate of the client: see ssl.keystore.location`
  return `${where} ends TLS with the alert "${words(alert)}"`
}

const words = (alert: string) => alert.toLowerCase().replaceAll('_', ' ')

/** Our own faults carry the error of the stream as their cause. */
function innermost(error: unknown): TlsError {
  let found = error instanceof Error ? error : new Error(String(error))
  while (found.cause instanceof Error) found = found.cause
  return found as TlsError
}

function namesOf({ cert }: TlsError): string {
  const names = (cert?.subjectaltname ?? '').replaceAll(/(?:DNS|IP Address):/g, '').trim()
  return names !== '' ? names : (cert?.subject?.CN ?? 'other names')
}
