// What sources that listen for TCP connections share: the options of the port's limits and of TLS, and the listener, which
// admits so many connections and shakes hands with each before the source sees it.
import type { Duplex } from 'node:stream'
import { whereOf, withoutBrackets, type Address } from '../address.ts'
import { sayFailure, type Outside, type Say, type SourceContext } from '../component.ts'
import { messageOf } from '../errors.ts'
import { flag, int, list, text } from '../fields.ts'
import type { Logger } from '../observe/log.ts'
import { loadServerTls, serverStore, sslSystemOf, storeRemedy } from '../security/ssl-settings.ts'
import type { ServerOptions, UsualVersions } from '../security/ssl-settings.ts'
import type { Connection, Listener } from '../system/network.ts'
import { secureServer, type TlsContext } from '../system/tls.ts'

const handshakeMs = 30_000

export const maxConnections = int({
  doc: 'Connections that may stand at once, and at most half of the descriptors that the agent may open; more are closed.',
  default: 4096,
  min: 1,
  since: 'ours',
})

/** Flume's options of a server's TLS. */
export const tlsOptions = {
  ssl: flag({ doc: 'Speaks TLS from the first byte.', default: false }),
  keystore: text({
    doc: "Key store with the server's key and certificate: JKS, PKCS12 or PEM, recognised by its content. Needed with `ssl = true` unless given by -Djavax.net.ssl.keyStore.",
    example: '/etc/flume/keystore.p12',
    differs: 'PEM is read too.',
  }),
  'keystore-password': text({ doc: 'Its password, also of the key inside.', secret: true }),
  'keystore-type': text({
    doc: 'Accepted and not needed.',
    differs: 'The type is recognised by the content of the file.',
  }),
  'exclude-protocols': list({
    doc: 'TLS versions not to speak, by Java’s names, e.g. `TLSv1.2`. SSLv3 never is spoken.',
  }),
  'include-protocols': list({
    doc: 'TLS versions to speak, by Java’s names; TLSv1.2 and TLSv1.3 where empty.',
    since: '1.9',
  }),
  'include-cipher-suites': list({
    doc: 'Cipher suites to use, by Java’s names; all usual ones where empty.',
    since: '1.9',
  }),
  'exclude-cipher-suites': list({ doc: 'Cipher suites not to use, by Java’s names.', since: '1.9' }),
}

type TlsGiven = ServerOptions & UsualVersions & { readonly ssl: boolean }
const loadTls = (given: TlsGiven, around: Parameters<typeof sslSystemOf>[0]) =>
  loadServerTls({ ...serverStore(given), ...given }, sslSystemOf(around))

/** What the TLS options ask for; null where they switch it off. Rejects with Fault TLS. */
export const tlsOf = async (given: TlsGiven, context: SourceContext): Promise<TlsContext | null> =>
  given.ssl ? loadTls(given, context) : null

/** For `examine`. */
export async function examineTls(given: TlsGiven, say: Say, outside: Outside): Promise<void> {
  if (given.ssl) await sayFailure(loadTls(given, outside), say, 'keystore', storeRemedy)
}

/** What `claims` has of a port; nothing of one that the system chooses. */
export const claimOfPort = ({ host, port }: Address): string[] =>
  port === 0 ? [] : [`port ${whereOf({ host: withoutBrackets(host), port })}`]

interface Door extends Address {
  readonly maxConnections: number
  readonly tls: TlsContext | null
  /** The connection stays open for answers after its peer has ended its side. */
  readonly halfOpen?: boolean
}

/**
 * Listens as Network.listen does. `serve` is called when TLS stands, where there is any; the connections are the source's
 * own to end then. `log` spares what clients can cause as often as they like.
 */
export async function openDoor(
  { tls, ...at }: Door,
  { system: { network, clock } }: SourceContext,
  log: Logger,
  serve: (connection: Connection) => void,
): Promise<Listener> {
  const shaking = new Set<Duplex>()
  let isClosed = false
  const refused = (remote: string) =>
    log.warn(
      `connection of ${remote} refused: the limit of connections is reached. The sender can reconnect when one closes. Raise maxConnections, or the limit of open files (ulimit -n)`,
    )
  const shake = async (connection: Connection, context: TlsContext): Promise<void> => {
    const { stream: raw, remote } = connection
    const giveUp = new AbortController()
    const timer = clock.after(handshakeMs, () => giveUp.abort(), { background: true })
    shaking.add(raw)
    try {
      const stream = await secureServer(raw, context, giveUp.signal)
      if (isClosed) stream.destroy()
      else serve({ ...connection, stream })
    } catch (error) {
      if (!isClosed) log.warn(`connection of ${remote} refused: ${messageOf(error)}`)
      raw.destroy()
    } finally {
      shaking.delete(raw)
      timer.cancel()
    }
  }
  const listener = await network.listen({ ...at, refused }, connection => {
    if (tls === null) serve(connection)
    else void shake(connection, tls)
  })
  return {
    ...listener,
    close() {
      isClosed = true
      const closed = listener.close()
      for (const stream of shaking) stream.destroy()
      return closed
    },
  }
}
