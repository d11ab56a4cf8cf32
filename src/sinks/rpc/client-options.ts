// The options of sinks that send to a source of another agent (Avro, Thrift), and the TLS that they ask for.
import { sayFailure, type Outside, type Say } from '../../component.ts'
import { flag, int, list, type OptionsOf, text } from '../../fields.ts'
import { loadClientTls, sslSystemOf, storeRemedy } from '../../security/ssl-settings.ts'
import type { ClientTls } from '../../system/tls.ts'

export const peerOptions = {
  hostname: text({ doc: 'Host to send to.', required: true }),
  port: int({ doc: 'Port to send to.', required: true, min: 1, max: 65_535 }),
  'batch-size': int({
    doc: 'Most events of one transaction and one request.',
    unit: 'events',
    default: 100,
    min: 1,
    badValueMeansDefault: true,
  }),
  'connect-timeout': int({
    doc: 'For connecting, the TLS handshake included.',
    unit: 'ms',
    default: 20_000,
    min: 1000,
    badValueMeansDefault: true,
  }),
  'request-timeout': int({
    doc: 'For the answer to a request, counted from the answer before it where several are in flight.',
    unit: 'ms',
    default: 20_000,
    min: 1000,
    badValueMeansDefault: true,
  }),
  'reset-connection-interval': int({
    doc: 'Reconnects before the first batch after this many seconds, for targets behind a load balancer; 0 means never. Requests in flight are answered first.',
    unit: 's',
    default: 0,
    min: 0,
    badValueMeansDefault: true,
    differs: 'The time counts for every connection, also those made after a failure.',
  }),
}

/** Flume's options of a client's TLS. */
export const tlsOptions = {
  ssl: flag({ doc: 'TLS from the first byte.', default: false }),
  'trust-all-certs': flag({
    doc: 'Accepts every certificate for every host: whoever sits between can read and change everything.',
    default: false,
  }),
  'ssl.disableHostnameVerification': flag({
    doc: 'Accepts a trusted certificate also where it is for another host, as Flume always does.',
    default: false,
    since: 'ours',
  }),
  truststore: text({
    doc: 'Certificates to trust: JKS, PKCS12 or PEM, recognised by its content. The usual authorities where absent.',
    example: '/etc/flume/truststore.jks',
  }),
  'truststore-password': text({ doc: 'Its password.', secret: true }),
  'truststore-type': text({
    doc: 'Accepted and not needed.',
    differs: 'The type is recognised by the content of the file.',
  }),
  'include-protocols': list({
    doc: 'TLS versions to speak, by Java’s names; TLSv1.2 and TLSv1.3 where empty.',
    since: '1.9',
  }),
  'exclude-protocols': list({ doc: 'TLS versions not to speak. SSLv3 never is spoken.' }),
  'include-cipher-suites': list({
    doc: 'Cipher suites to use, by Java’s names; all usual ones where empty.',
    since: '1.9',
  }),
  'exclude-cipher-suites': list({ doc: 'Cipher suites not to use.', since: '1.9' }),
}

type TlsGiven = OptionsOf<typeof tlsOptions>
type Around = Parameters<typeof sslSystemOf>[0]

/** Null where they switch it off. Rejects with Fault TLS. */
export const tlsOf = async (given: TlsGiven, around: Around): Promise<ClientTls | null> =>
  given.ssl ? loadTls(given, around) : null

/** For `examine`. */
export async function examineTls(given: TlsGiven, say: Say, outside: Outside): Promise<void> {
  if (given.ssl) await sayFailure(loadTls(given, outside), say, 'truststore', storeRemedy)
}

const loadTls = (given: TlsGiven, around: Around): Promise<ClientTls> =>
  loadClientTls(
    {
      store: given.truststore,
      password: given['truststore-password'],
      includeProtocols: given['include-protocols'],
      excludeProtocols: given['exclude-protocols'],
      includeCipherSuites: given['include-cipher-suites'],
      excludeCipherSuites: given['exclude-cipher-suites'],
      trustsAll: given['trust-all-certs'],
      verifiesHost: !given['ssl.disableHostnameVerification'],
    },
    sslSystemOf(around),
  )
