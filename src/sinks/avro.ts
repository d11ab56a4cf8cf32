// The Avro sink: sends events by Avro RPC to the Avro source of a Millrace or a Flume agent.
import { whereOf } from '../address.ts'
import {
  type CountedContext,
  defineSink,
  sayFailure,
  type SessionSink,
  type SinkSession,
} from '../component.ts'
import { messageOf } from '../errors.ts'
import { choice, flag, int, list, type OptionsOf, text } from '../fields.ts'
import { type AvroClient, connectAvro } from '../avro-rpc/client.ts'
import { UnknownPeer } from '../avro-rpc/unknown-peer.ts'
import { sinkCounters } from '../observe/counters.ts'
import { loadClientTls, sslSystemOf, storeRemedy, type SslSystem } from '../security/ssl-settings.ts'
import type { ClientTls } from '../system/tls.ts'
import { maxWindow } from '../wire/avro-rpc/handshake.ts'
import { RequestSize } from './avro/request-size.ts'
import { AvroSession } from './avro/session.ts'

const useGroups = 'sink groups do this: sinkgroups.<g>.processor.type = failover or load_balance'

const options = {
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
  'compression-type': choice(['none', 'deflate'], {
    doc: 'deflate compresses both directions as one zlib stream each; the source must say the same.',
    default: 'none',
    badValueMeansDefault: true,
  }),
  'compression-level': int({ doc: 'zlib’s level.', default: 6, min: 0, max: 9 }),
  'compression-layering': choice(['zlib-outside', 'tls-outside'], {
    doc: 'With ssl and deflate together: zlib around TLS, as Flume from 1.10 does it, or TLS around zlib, as Flume up to 1.9 does it. A Millrace source takes either.',
    default: 'zlib-outside',
    since: 'ours',
  }),
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
  window: int({
    doc: 'Requests in flight toward a Millrace agent (each a transaction of its own); the agent may agree to fewer.',
    default: 8,
    min: 1,
    max: maxWindow,
    since: 'ours',
  }),
  'window-flume': int({
    doc: 'Requests in flight toward a Flume agent. With more than 1 a refused request may be overtaken by those after it, so that the order changes.',
    default: 1,
    min: 1,
    max: maxWindow,
    since: 'ours',
  }),
}
type Options = OptionsOf<typeof options>

/** Of a take where more than a batch waits. */
const gatheredEvents = 500

export const avroSink = defineSink({
  type: 'avro',
  aliases: ['org.apache.flume.sink.AvroSink'],
  summary: 'Sends events to the Avro source of another agent by Avro RPC.',
  description: `A batch is one request, answered when the other agent's channel has it. Toward another Millrace agent several
requests are in flight (\`window\`, agreed when connecting); toward Flume one. Requests above 8 MiB are cut into several.
Any failure closes the connection, and everything not answered is sent again in the same order.

A batch of more events than a transaction of the other agent's channel holds (its \`transactionCapacity\`) is answered
\`FAILED\` at once, without the wait for room. The sink then sends it in halves, repeats no part that was answered \`OK\`, and logs one line.
It keeps the size that passes, and tries a larger one after 10 s, then less and less often.

With \`ssl = true\` the certificate and its host name are verified. Flume verifies no host names: where a certificate is for
another host, correct it or set \`ssl.disableHostnameVerification = true\`.`,
  options,
  withoutEffect: {
    maxIoWorkers: 'there are no worker threads to count; Flume ignores it too since 1.10',
    batchSize: 'the key is batch-size; Flume ignores this one too',
    'client.type': useGroups,
    hosts: useGroups,
    'max-attempts': useGroups,
    'host-selector': useGroups,
    backoff: useGroups,
    maxBackoff: useGroups,
  },
  flow: ({ hostname, port, ssl, 'compression-type': compression }) => [
    { does: 'send', host: hostname, port, tls: ssl, deflate: compression === 'deflate' },
  ],
  batchSize: given => given['batch-size'],
  counters: sinkCounters,
  async examine(given, say, outside) {
    if (given.ssl) await sayFailure(loadTls(given, sslSystemOf(outside)), say, 'truststore', storeRemedy)
  },
  create: (given, context) => new AvroSink(given, context),
})

export class AvroSink implements SessionSink {
  readonly batchSize: number
  readonly window: number
  readonly #options: Options
  readonly #context: CountedContext
  #tls: ClientTls | null | undefined
  readonly #size: RequestSize
  /** The latest, and whether it still is to be opened: the start connects ahead. */
  #session: AvroSession | null = null
  #isAhead = false
  #stopped = false
  readonly #unknownPeer: UnknownPeer
  /** Later connections are told at DEBUG: while the peer refuses there is one every few seconds. */
  #connectedBefore = false

  constructor(given: Options, context: CountedContext) {
    this.#options = given
    this.#context = context
    this.batchSize = given['batch-size']
    const address = { host: given.hostname, port: given.port }
    const peer = whereOf(address)
    this.window = Math.max(given.window, given['window-flume'])
    this.#unknownPeer = new UnknownPeer(address, context.system)
    this.#size = new RequestSize(this.batchSize, { log: context.log, peer })
  }

  /** Toward a Millrace agent a take fills several requests of the window; toward others each is a take. */
  get gathered(): number {
    return this.#session?.isPipelined === true ? Math.max(this.batchSize, gatheredEvents) : this.batchSize
  }

  /** Begins to connect without waiting: a peer that is away is not a failure here. */
  start(): Promise<void> {
    this.#isAhead = true
    this.#newSession().connected.catch((error: unknown) => {
      if (!this.#stopped)
        this.#context.log.warn(`not connected yet, the next batch reconnects: ${messageOf(error)}`)
    })
    return Promise.resolve()
  }

  open(signal: AbortSignal): SinkSession {
    const ahead = this.#isAhead ? this.#session : null
    this.#isAhead = false
    const session = ahead === null || ahead.isOver ? this.#newSession() : ahead
    signal.addEventListener('abort', () => session.giveUp(), { once: true })
    return session
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#session?.close()
  }

  #newSession(): AvroSession {
    const { counters, system } = this.#context
    return (this.#session = new AvroSession({
      connect: signal => this.#connect(signal),
      resetMs: this.#options['reset-connection-interval'] * 1000,
      batchSize: this.batchSize,
      size: this.#size,
      counters,
      clock: system.clock,
    }))
  }

  async #connect(signal: AbortSignal): Promise<AvroClient> {
    const { counters, log, system } = this.#context
    const given = this.#options
    try {
      if (this.#tls === undefined)
        this.#tls = given.ssl ? await loadTls(given, sslSystemOf(this.#context)) : null
      const client = await connectAvro({
        host: given.hostname,
        port: given.port,
        connectTimeoutMs: given['connect-timeout'],
        requestTimeoutMs: given['request-timeout'],
        deflateLevel: given['compression-type'] === 'deflate' ? given['compression-level'] : null,
        tls: this.#tls,
        layering: given['compression-layering'],
        window: given.window,
        flumeWindow: given['window-flume'],
        network: system.network,
        clock: system.clock,
        unknownPeer: this.#unknownPeer,
        signal,
      })
      counters.add('ConnectionCreatedCount')
      // Whoever listens takes a connection; only an answer shows that it is a source.
      const peer = whereOf({ host: given.hostname, port: given.port })
      client.onClose(() => log.debug(`connection to ${peer} closed: ${client.fault?.message}`))
      client.onGreeted(() => {
        const line = `connected to ${peer}`
        if (this.#connectedBefore) log.debug(line)
        else log.info(line)
        this.#connectedBefore = true
      })
      return client
    } catch (error) {
      counters.add('ConnectionFailedCount')
      throw error
    }
  }
}

function loadTls(given: Options, system: SslSystem): Promise<ClientTls> {
  return loadClientTls(
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
    system,
  )
}
