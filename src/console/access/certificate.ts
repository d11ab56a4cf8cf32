// The console's certificate and key for TLS, as PEM files, and for which hosts the certificate is.
import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { createSecureContext } from 'node:tls'
import { withoutBrackets } from '../../address.ts'
import { Fault, messageOf } from '../../errors.ts'

export interface Certificate {
  readonly options: { readonly cert: string; readonly key: string; readonly minVersion: 'TLSv1.2' }
  /** Whether it is for the host, a name or an address. */
  isFor(host: string): boolean
  /** When it ends, in ms since 1970. */
  readonly endsAt: number
}

/** `names` are the files, for messages. Throws Fault TLS. */
export function certificateOf(
  { certificate: cert, key }: { certificate: string; key: string },
  names: { certificate: string; key: string },
): Certificate {
  const options = { cert, key, minVersion: 'TLSv1.2' } as const
  try {
    const own = new X509Certificate(cert)
    createSecureContext(options)
    return {
      options,
      isFor(host) {
        const bare = withoutBrackets(host)
        return (isIP(bare) === 0 ? own.checkHost(bare) : own.checkIP(bare)) !== undefined
      },
      endsAt: own.validToDate.getTime(),
    }
  } catch (error) {
    throw new Fault(
      'TLS',
      `${names.certificate} and ${names.key} are no certificate with its key: ${messageOf(error)}`,
      {
        cause: error,
        remedy: 'Both are PEM: the certificate with those that signed it, and its key without a password.',
      },
    )
  }
}
