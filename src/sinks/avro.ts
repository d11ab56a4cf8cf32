// The Avro sink: sends events by Avro RPC to the Avro source of a Millrace or a Flume agent.
import { whereOf } from '../address.ts'
import { type CountedContext, defineSink, type SessionSink, type SinkSession } from '../component.ts'
import { messageOf } from '../errors.ts'
import { choice, int, type OptionsOf } from '../fields.ts'
import { type AvroClient, connectAvro } from '../avro-rpc/client.ts'
import { UnknownPeer } from '../avro-rpc/unknown-peer.ts'
import { sinkCounters } from '../observe/counters.ts'
import type { ClientTls } from '../system/tls.ts'
import { maxWindow } from '../wire/avro-rpc/handshake.ts'
import { AvroSession } from './avro/session.ts'
import { examineTls, peerOptions, tlsOf, tlsOptions } from './rpc/client-options.ts'
import { RequestSize } from './rpc/request-size.ts'

const useGroups = 'sink groups do this: sinkgroups.<g>.processor.type = failover or load_balance'

const options = {
  ...peerOptions,
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
  ...tlsOptions,
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
    await examineTls(given, say, outside)
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
      if (this.#tls === undefined) this.#tls = await tlsOf(given, this.#context)
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
