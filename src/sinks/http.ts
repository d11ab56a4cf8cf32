// The HTTP sink: each event is a POST of its body. What becomes of the event the status of the answer decides.
import { defineSink, sayFailure, type CountedContext, type SimpleSink } from '../component.ts'
import { DeliveryFault } from '../delivery-fault.ts'
import { Fault, messageOf } from '../errors.ts'
import type { Event } from '../event.ts'
import { flag, int, prefix, text, type OptionsOf } from '../fields.ts'
import { sinkCounters } from '../observe/counters.ts'
import type { Logger } from '../observe/log.ts'
import { sparing } from '../observe/sparing-log.ts'
import { loadClientTls, sslSystemOf, storeRemedy, type SslSystem } from '../security/ssl-settings.ts'
import { HttpPosts } from '../system/http-posts.ts'

/** Events of one take; they are posted one after another. */
const batchSize = 100
/** How long the sink rests after an event that is discarded with back-off: this, and more with each in a row. */
const restMs = 1000
const longestRestMs = 5000

const overrides = (doc: string) =>
  prefix({
    doc: `${doc} by status, or by class of them: \`.503 = true\`, \`.5XX = true\`. That of the status goes first.`,
  })

const options = {
  endpoint: text({
    doc: 'URL that events are posted to, http or https.',
    required: true,
    example: 'https://collector.example:8443/events',
  }),
  connectTimeout: int({ doc: 'How long a connection may take.', default: 5000, min: 1, unit: 'ms' }),
  requestTimeout: int({
    doc: 'How long the answer to a request may take.',
    default: 5000,
    min: 1,
    unit: 'ms',
    differs: 'It begins when the connection stands, so that it also bounds the sending of a body.',
  }),
  contentTypeHeader: text({ doc: 'Content-Type of requests.', default: 'text/plain' }),
  acceptHeader: text({ doc: 'Accept of requests.', default: 'text/plain' }),
  defaultBackoff: flag({
    doc: 'Whether the sink rests after an answer, for which nothing else is written.',
    default: true,
    differs: 'Not after 2XX. An event that is kept is always retried after 0.1 s to 1 s.',
  }),
  defaultRollback: flag({
    doc: 'Whether an event is kept and sent again after an answer, for which nothing else is written.',
    default: true,
    differs: 'Not after 2XX.',
  }),
  defaultIncrementMetrics: flag({
    doc: 'Whether an event counts as delivered after an answer, for which nothing else is written.',
    default: false,
    differs: 'After 2XX it does.',
  }),
  backoff: overrides('`defaultBackoff`'),
  rollback: overrides('`defaultRollback`'),
  incrementMetrics: overrides('`defaultIncrementMetrics`'),
}
type Options = OptionsOf<typeof options>

const decisions = ['backoff', 'rollback', 'incrementMetrics'] as const

export const httpSink = defineSink({
  type: 'http',
  aliases: ['org.apache.flume.sink.http.HttpSink'],
  summary: 'Posts the body of each event to a URL.',
  description: `One event is one POST, over a connection that is kept. Headers of events are not sent. Events without a body are discarded, with a
warning, as in Flume. Without an answer within the time-outs the event is kept and sent again, for ever.

An answer of 2XX means that the event is delivered, unless \`rollback\` says otherwise for its status or for \`2XX\`. (Flume keeps an event
after 200 as well, and sends it again for ever, unless \`rollback.200 = false\` is written.) After other answers the event is kept and
sent again; with \`rollback.4XX = false\`, for example, it is discarded after any 4XX, with a warning, and with \`backoff.4XX\` the sink
rests then for 1 s to 5 s. Redirects are not followed: a 3XX is an answer like others (Flume follows some of them by a GET, without
the event). User and password in the URL are not sent, as in Flume.

The certificate of an https server is verified, with its host name, by \`-Djavax.net.ssl.trustStore\` or the usual authorities.`,
  counters: sinkCounters,
  options,
  check(given, say) {
    const url = URL.canParse(given.endpoint.trim()) ? new URL(given.endpoint.trim()) : null
    if (url === null || !/^https?:$/.test(url.protocol) || url.hostname === '')
      say.error(
        'endpoint',
        'is not an http or https URL',
        'write one, e.g. https://collector.example:8443/events',
      )
    else if (url.username !== '' || url.password !== '')
      say.warning('endpoint', 'has a user or a password, which are not sent', 'leave them out')
    for (const key of decisions)
      for (const [status, value] of Object.entries(given[key])) {
        if (!/^([1-5]\d\d|[1-5]XX)$/.test(status))
          say.warning(
            `${key}.${status}`,
            `has no effect: ${status} is not a status`,
            `write ${key}.503 or ${key}.5XX`,
          )
        if (!/^\s*(true|false)\s*$/i.test(value))
          say.warning(`${key}.${status}`, `"${value}" is read as false, as in Flume`, 'write true or false')
      }
  },
  async examine({ endpoint }, say, outside) {
    if (/^https:/i.test(endpoint.trim()))
      await sayFailure(loadTls(sslSystemOf(outside)), say, 'endpoint', storeRemedy)
  },
  create: (given, context) => new HttpSink(given, context),
})

const loadTls = (system: SslSystem) =>
  loadClientTls(
    {
      store: undefined,
      password: undefined,
      includeProtocols: undefined,
      excludeProtocols: undefined,
      includeCipherSuites: undefined,
      excludeCipherSuites: undefined,
      trustsAll: false,
      verifiesHost: true,
    },
    system,
  )

class HttpSink implements SimpleSink {
  readonly batchSize = batchSize
  readonly #options: Options
  readonly #context: CountedContext
  readonly #log: Logger
  readonly #url: URL
  #posts: HttpPosts | null = null
  /** Discarded events in a row after which it rested. */
  #rests = 0

  constructor(given: Options, context: CountedContext) {
    this.#options = given
    this.#context = context
    this.#log = sparing(context.log, context.system.clock)
    this.#url = new URL(given.endpoint.trim())
    this.#url.username = this.#url.password = ''
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {
    this.#posts?.close()
    this.#posts = null
  }

  async deliver(events: readonly Event[], signal: AbortSignal): Promise<void> {
    for (const [index, event] of events.entries())
      try {
        if (signal.aborted) throw new Fault('STOPPED', 'the delivery was given up')
        if (event.body.length === 0) this.#log.warn('an event without a body was discarded')
        else await this.#deliverOne(event.body, signal)
      } catch (error) {
        const { code, remedy } =
          error instanceof Fault ? error : { code: 'PROTOCOL' as const, remedy: undefined }
        throw new DeliveryFault(code, messageOf(error), {
          undelivered: events.slice(index),
          remedy,
          cause: error,
        })
      }
  }

  async #deliverOne(body: Buffer, signal: AbortSignal): Promise<void> {
    const { counters, system } = this.#context
    const { host } = this.#url
    counters.add('EventDrainAttemptCount')
    let status: number
    try {
      status = await (this.#posts ??= await this.#connect()).post(body, signal)
    } catch (error) {
      counters.add('EventWriteFail')
      throw error
    }
    const isDelivered = status >= 200 && status < 300
    if (this.#decide('incrementMetrics', status, isDelivered || this.#options.defaultIncrementMetrics))
      counters.add('EventDrainSuccessCount')
    if (this.#decide('rollback', status, !isDelivered && this.#options.defaultRollback))
      throw new Fault('PEER_REFUSED', `${host} answers with status ${status}`, {
        remedy: `See the log of the server. To discard events after this answer write rollback.${status} = false.`,
      })
    if (!isDelivered) this.#log.warn(`an event was discarded, because ${host} answers with status ${status}`)
    const rests = !isDelivered && this.#decide('backoff', status, this.#options.defaultBackoff)
    this.#rests = rests ? this.#rests + 1 : 0
    if (rests) await system.clock.sleep(Math.min(longestRestMs, this.#rests * restMs), signal)
  }

  #decide(key: (typeof decisions)[number], status: number, otherwise: boolean): boolean {
    const own = this.#options[key]
    const written = own[String(status)] ?? own[`${Math.floor(status / 100)}XX`]
    return written === undefined ? otherwise : written.trim().toLowerCase() === 'true'
  }

  async #connect(): Promise<HttpPosts> {
    const { connectTimeout, requestTimeout, contentTypeHeader, acceptHeader } = this.#options
    return new HttpPosts({
      url: this.#url,
      headers: { 'content-type': contentTypeHeader, accept: acceptHeader },
      connectTimeoutMs: connectTimeout,
      requestTimeoutMs: requestTimeout,
      ...(this.#url.protocol === 'https:' ? { tls: await loadTls(sslSystemOf(this.#context)) } : {}),
    })
  }
}
