// The Thrift sink: sends events to the Thrift source of a Flume or a Millrace agent.
import { whereOf } from '../address.ts'
import { type CountedContext, defineSink, type SimpleSink } from '../component.ts'
import { Refusal } from '../avro-rpc/client.ts'
import { DeliveryFault } from '../delivery-fault.ts'
import { Fault, messageOf } from '../errors.ts'
import type { Event } from '../event.ts'
import { choice, flag, type OptionsOf } from '../fields.ts'
import { sinkCounters } from '../observe/counters.ts'
import type { Timer } from '../system/clock.ts'
import type { ClientTls } from '../system/tls.ts'
import { connectThrift, type ThriftClient } from '../thrift-rpc/client.ts'
import { examineTls, peerOptions, tlsOf, tlsOptions } from './rpc/client-options.ts'
import { RequestSize } from './rpc/request-size.ts'

const options = {
  ...peerOptions,
  protocol: choice(['compact', 'binary'], {
    doc: "Encoding of the messages; the source's must be the same.",
    default: 'compact',
  }),
  ...tlsOptions,
  kerberos: flag({
    doc: 'Login by SASL and Kerberos, which is not possible here: true is refused.',
    default: false,
  }),
}
type Options = OptionsOf<typeof options>

const noKerberos = 'Kerberos is not spoken here'
/** Flume takes frames of 16,384,000 bytes at most. */
const maxRequestBytes = 8 * 1024 * 1024

export const thriftSink = defineSink({
  type: 'thrift',
  aliases: ['org.apache.flume.sink.ThriftSink'],
  summary: 'Sends events to the Thrift source of another agent.',
  description: `The transport is framed, as Flume's. A batch is one request, answered when the other agent's channel has it; batches above 8 MiB are cut into
several. One request is in flight on one connection: between Millrace agents the Avro sink is faster. Any failure closes the connection, and
what was not answered is sent again in the same order.

A batch of more events than a transaction of the other agent's channel holds is answered \`FAILED\` at once. The sink then sends it in
halves, repeats no part that was answered \`OK\`, and logs one line.

With \`ssl = true\` the certificate and its host name are verified. Flume verifies no host names: where a certificate is for
another host, correct it or set \`ssl.disableHostnameVerification = true\`.`,
  options,
  deprecated: { 'connection-reset-interval': { to: 'reset-connection-interval' } },
  withoutEffect: {
    maxConnections: 'the sink has one connection, as in Flume',
    'client-principal': noKerberos,
    'client-keytab': noKerberos,
    'server-principal': noKerberos,
  },
  check({ kerberos }, say) {
    if (kerberos)
      say.error(
        'kerberos',
        'Thrift with Kerberos (SASL/GSSAPI) is not spoken here',
        'use ssl = true, or an Avro sink',
      )
  },
  flow: ({ hostname, port, ssl, protocol }) => [
    { does: 'send', host: hostname, port, tls: ssl, protocol: `Thrift (${protocol})` },
  ],
  batchSize: given => given['batch-size'],
  counters: sinkCounters,
  examine: (given, say, outside) => examineTls(given, say, outside),
  create: (given, context) => new ThriftSink(given, context),
})

export class ThriftSink implements SimpleSink {
  readonly batchSize: number
  readonly #options: Options
  readonly #context: CountedContext
  readonly #peer: string
  readonly #size: RequestSize
  #stopped = false
  #tls: ClientTls | null | undefined
  #connecting: Promise<ThriftClient> | null = null
  /** Gives up making it; once it stands, it does nothing. */
  #giveUp = new AbortController()
  /** The connection is to be made anew before the next batch. */
  #isDue = false
  #connectedBefore = false

  constructor(given: Options, context: CountedContext) {
    this.#options = given
    this.#context = context
    this.batchSize = given['batch-size']
    this.#peer = whereOf({ host: given.hostname, port: given.port })
    this.#size = new RequestSize(this.batchSize, { log: context.log, peer: this.#peer })
  }

  /** Begins to connect without waiting: a peer that is away is not a failure here. */
  start(): Promise<void> {
    this.#connect().catch((error: unknown) => {
      if (!this.#stopped)
        this.#context.log.warn(`not connected yet, the next batch reconnects: ${messageOf(error)}`)
    })
    return Promise.resolve()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#giveUp.abort()
    const client = await this.#connecting?.catch(() => null)
    client?.close()
  }

  async deliver(events: readonly Event[], signal: AbortSignal): Promise<void> {
    // No source takes such a one.
    for (const event of events) event.checkHeaders()
    const { counters } = this.#context
    counters.add(events.length === this.batchSize ? 'BatchCompleteCount' : 'BatchUnderflowCount')
    counters.add('EventDrainAttemptCount', events.length)
    let left = events
    const stop = (): void => this.#giveUp.abort()
    signal.addEventListener('abort', stop, { once: true })
    try {
      const client = await this.#connection(signal)
      while (left.length > 0) {
        const part = this.#partOf(left)
        if (await this.#send(client, part, signal)) left = left.slice(part.length)
      }
    } catch (error) {
      counters.add('EventWriteFail')
      if (!(error instanceof Fault)) throw error
      // As in Flume: whatever is wrong, the next batch connects anew.
      const client = await this.#connecting?.catch(() => null)
      client?.destroy(error)
      this.#connecting = null
      if (left.length === events.length) throw error
      throw new DeliveryFault(error.code, error.message, {
        undelivered: left,
        remedy: error.remedy,
        cause: error.cause,
      })
    } finally {
      signal.removeEventListener('abort', stop)
      counters.add('EventDrainSuccessCount', events.length - left.length)
    }
  }

  /** False where the events are to be sent in smaller requests. */
  async #send(client: ThriftClient, events: readonly Event[], signal: AbortSignal): Promise<boolean> {
    const { clock } = this.#context.system
    const stop = (): void =>
      client.destroy(new Fault('STOPPED', 'the request was abandoned because the agent is stopping'))
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) stop()
    try {
      await client.appendBatch(events)
      this.#size.passed(events.length, clock.monotonic())
      return true
    } catch (error) {
      const isSmaller =
        error instanceof Refusal && this.#size.refused(events.length, error.tookMs, clock.monotonic())
      if (isSmaller) return false
      throw error
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }

  /** The first of them, as many as one request may have. */
  #partOf(events: readonly Event[]): readonly Event[] {
    const most = this.#size.most(this.#context.system.clock.monotonic())
    let bytes = 0
    for (const [index, { size }] of events.entries()) {
      bytes += size
      if (index > 0 && (index === most || bytes > maxRequestBytes)) return events.slice(0, index)
    }
    return events
  }

  async #connection(signal: AbortSignal): Promise<ThriftClient> {
    const before = await this.#connecting?.catch(() => null)
    if (before?.fault === null && !this.#isDue) return before
    before?.close()
    if (signal.aborted) throw new Fault('STOPPED', 'the agent is stopping')
    return await this.#connect()
  }

  #connect(): Promise<ThriftClient> {
    this.#giveUp = new AbortController()
    return (this.#connecting = this.#open(this.#giveUp.signal))
  }

  async #open(signal: AbortSignal): Promise<ThriftClient> {
    const { counters, log, system } = this.#context
    const given = this.#options
    let client: ThriftClient
    try {
      if (this.#tls === undefined) this.#tls = await tlsOf(given, this.#context)
      client = await connectThrift({
        host: given.hostname,
        port: given.port,
        encoding: given.protocol,
        connectTimeoutMs: given['connect-timeout'],
        requestTimeoutMs: given['request-timeout'],
        tls: this.#tls,
        network: system.network,
        clock: system.clock,
        signal,
      })
    } catch (error) {
      counters.add('ConnectionFailedCount')
      throw error
    }
    counters.add('ConnectionCreatedCount')
    this.#isDue = false
    const resetMs = given['reset-connection-interval'] * 1000
    const reset = () => (this.#isDue = true)
    const timer: Timer | null =
      resetMs === 0 ? null : system.clock.after(resetMs, reset, { background: true })
    client.onClose(() => {
      timer?.cancel()
      counters.add('ConnectionClosedCount')
      this.#size.peerLeft(system.clock.monotonic())
      log.debug(`connection to ${this.#peer} closed: ${client.fault?.message}`)
    })
    if (this.#connectedBefore) log.debug(`connected to ${this.#peer}`)
    else log.info(`connected to ${this.#peer}`)
    this.#connectedBefore = true
    return client
  }
}
