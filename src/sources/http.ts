// The HTTP source: every POST is one batch of events, whatever its path. Node's own HTTP server sits
// on the connections of the network door; there is nothing to route.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { defineSource, type Source, type SourceContext, isPutFault } from '../component.ts'
import { messageOf } from '../errors.ts'
import type { Event } from '../event.ts'
import { int, list, prefix, text } from '../fields.ts'
import { adviceFor } from '../java/known-classes.ts'
import { sourceCounters } from '../observe/counters.ts'
import type { Logger } from '../observe/log.ts'
import { sparing } from '../observe/sparing-log.ts'
import { memoryBudgetSetting, type MemoryShare } from '../system/memory-budget.ts'
import type { Connection, Listener } from '../system/network.ts'
import { RequestTurns } from '../system/request-turns.ts'
import type { TlsContext } from '../system/tls.ts'
import {
  BadRequest,
  handlerNames,
  makeHandler,
  TooMany,
  type Handler,
  type HandlerOptions,
} from './http/handlers.ts'
import { claimOfPort, examineTls, maxConnections, openDoor, tlsOf, tlsOptions } from './tcp-door.ts'

/** A connection on which nothing moves for so long is ended. */
const idleMs = 120_000
/** Headers that have not come after so long, and requests, end their connections; the times of Node itself, looked at each second. */
const slowness = { headersTimeout: 30_000, requestTimeout: 300_000, connectionsCheckingInterval: 1000 }
/** A request for which there is no room in the memory budget for so long is refused. */
const roomMs = 30_000
/** A sender that stops in the middle of a body for this long is cut off. */
const stallMs = 10_000

const jetty = {
  doc: 'Settings of Jetty.',
  since: '1.9',
  differs: 'Has no effect: there is no Jetty here.',
} as const

const options = {
  port: int({ doc: 'Port to listen on; 0 takes a free one.', required: true, min: 0, max: 65_535 }),
  bind: text({ doc: 'Address or name to listen on.', default: '0.0.0.0' }),
  handler: text({
    doc: 'Class that turns a request into events; see above.',
    default: 'org.apache.flume.source.http.JSONHandler',
  }),
  'handler.mandatoryParameters': list({
    doc: 'BLOBHandler: parameters a request must have.',
    separator: ',',
    default: [],
    differs: 'Without this key Flume refuses every request with 500; here no parameter is demanded.',
  }),
  'handler.maxBlobLength': int({
    doc: 'BlobHandler: bytes kept of a body; what is longer is cut, with a warning.',
    default: 100_000_000,
    min: 1,
    unit: 'bytes',
  }),
  maxRequestBytes: int({
    doc: 'Longest body of a request; a longer one is answered with 413.',
    default: 256 * 1024 * 1024,
    min: 1,
    unit: 'bytes',
    since: 'ours',
  }),
  maxRequestEvents: int({
    doc: 'Most events of a request; one with more is answered with 413.',
    default: 50_000,
    min: 1,
    unit: 'events',
    since: 'ours',
  }),
  maxConnections,
  ...tlsOptions,
  QueuedThreadPool: prefix(jetty),
  HttpConfiguration: prefix(jetty),
  SslContextFactory: prefix(jetty),
  ServerConnector: prefix(jetty),
}

export const httpSource = defineSource({
  type: 'http',
  aliases: ['org.apache.flume.source.http.HTTPSource'],
  summary: 'Takes events by HTTP or HTTPS; one request is one transaction.',
  description: `Any path. Handlers:

- \`org.apache.flume.source.http.JSONHandler\`: an array of \`{"headers": {"name": "value"}, "body": "text"}\`; both parts
  may be missing; numbers and booleans become text as written; a null header is left out. The body is encoded in the
  character set of the request: utf-8 (default), utf-16 or utf-32. JSON is read strictly (Flume's reader also takes single
  quotes, comments and the like).
- \`org.apache.flume.source.http.BLOBHandler\`: the whole body is one event, query and form parameters are headers. A
  form's body is kept (Flume: empty).
- \`org.apache.flume.sink.solr.morphline.BlobHandler\`: the same, cut at \`handler.maxBlobLength\`.

| status | when |
|---|---|
| 200 | accepted, an empty array included |
| 400 | no JSON, or not an array of events |
| 403, 405 | TRACE and OPTIONS; PUT, DELETE and others (GET is taken as POST) |
| 413 | longer than \`maxRequestBytes\`, or than \`-Dmillrace.memoryBudget\`; more events than \`maxRequestEvents\` |
| 500 | empty body, unknown character set, missing mandatory parameter |
| 503 | a channel refused, after its keep-alive |

A port that is in use at start is retried every 3 s (Flume: never).`,
  counters: sourceCounters,
  options,
  deprecated: {
    enableSSL: { to: 'ssl' },
    keystorePassword: { to: 'keystore-password' },
    excludeProtocols: { to: 'exclude-protocols' },
  },
  check({ handler }, say) {
    if (handlerNames.some(name => name.toLowerCase() === handler.trim().toLowerCase())) return
    const advice = adviceFor('handler', handler.trim(), '')
    say.error(
      'handler',
      `${handler} is not one of Flume's own handlers, and Java classes cannot be loaded here${advice === undefined ? '' : `; ${advice.does}`}`,
      `${advice === undefined ? '' : `${advice.use}; or `}write one of: ${handlerNames.join(', ')}`,
    )
  },
  claims: ({ bind, port }) => claimOfPort({ host: bind, port }),
  examine: examineTls,
  create(given, context) {
    const { clock } = context.system
    const handlerFor = (made: HandlerOptions['made']) =>
      makeHandler(given.handler.trim(), {
        mandatoryParameters: given['handler.mandatoryParameters'],
        maxBlobLength: given['handler.maxBlobLength'],
        maxEvents: given.maxRequestEvents,
        made,
        nextTurn: () => new Promise(resolve => clock.soon(resolve)),
        warn: message => context.log.warn(message),
      })!
    return new HttpSource(given, handlerFor, context, () => tlsOf(given, context))
  },
})

class HttpSource implements Source {
  readonly #bind: string
  readonly #port: number
  readonly #maxRequestBytes: number
  readonly #maxConnections: number
  readonly #handlerFor: (made: HandlerOptions['made']) => Handler
  readonly #context: SourceContext
  readonly #loadTls: () => Promise<TlsContext | null>
  readonly #server: Server
  readonly #connections = new Set<Connection['stream']>()
  /** Requests read whole and not yet answered. */
  readonly #working = new Set<{ readonly stream: unknown; readonly finished: Promise<void> }>()
  #listener: Listener | undefined
  #stopping = false
  /** Of what clients may do as often as they like. */
  readonly #log: Logger
  readonly #turns: RequestTurns

  constructor(
    given: { bind: string; port: number; maxRequestBytes: number; maxConnections: number },
    handlerFor: (made: HandlerOptions['made']) => Handler,
    context: SourceContext,
    loadTls: () => Promise<TlsContext | null>,
  ) {
    this.#bind = given.bind
    this.#port = given.port
    this.#maxRequestBytes = given.maxRequestBytes
    this.#maxConnections = given.maxConnections
    this.#handlerFor = handlerFor
    this.#context = context
    this.#log = sparing(context.log, context.system.clock)
    this.#turns = new RequestTurns(context.system.clock)
    this.#loadTls = loadTls
    this.#server = createServer(slowness, (request, response) => {
      this.#serve(request, response).catch((error: unknown) => {
        context.log.debug(`a request ended early: ${messageOf(error)}`)
        request.destroy()
      })
    })
    this.#server.timeout = idleMs
  }

  async start(): Promise<void> {
    const { log } = this.#context
    this.#stopping = false
    const tls = await this.#loadTls()
    this.#listener = await openDoor(
      { host: this.#bind, port: this.#port, maxConnections: this.#maxConnections, tls },
      this.#context,
      this.#log,
      ({ stream }) => this.#accept(stream),
    )
    // A server that does not listen by itself looks for slow requests from this event on.
    this.#server.emit('listening')
    log.info(
      `HTTP source listens on ${tls === null ? 'http' : 'https'}://${this.#bind}:${this.#listener.port}`,
    )
  }

  async stop(): Promise<void> {
    this.#stopping = true
    const closed = this.#listener?.close()
    this.#listener = undefined
    const busy = new Set([...this.#working].map(one => one.stream))
    for (const stream of this.#connections) if (!busy.has(stream)) stream.destroy()
    await Promise.all([...this.#working].map(one => one.finished))
    for (const stream of this.#connections) stream.destroy()
    await closed
  }

  #accept(stream: Connection['stream']): void {
    this.#connections.add(stream)
    stream.once('close', () => this.#connections.delete(stream))
    this.#server.emit('connection', stream)
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    await this.#turns.begin(request)
    const { method = '' } = request
    if (method === 'TRACE' || method === 'OPTIONS') return this.#refuse(request, response, 403, 'Forbidden.')
    if (!['POST', 'GET', 'HEAD'].includes(method))
      return this.#refuse(request, response, 405, `${method} is not supported here, use POST.`)
    const share = this.#context.system.memory.share()
    try {
      const { body, status, reason } = await this.#readBody(request, share)
      if (body !== null) return await this.#takeWhole(request, response, body, share)
      this.#context.counters.add('EventReadFail')
      this.#refuse(request, response, status, reason)
    } finally {
      share.close()
    }
  }

  async #takeWhole(
    request: IncomingMessage,
    response: ServerResponse,
    body: Buffer,
    share: MemoryShare,
  ): Promise<void> {
    const finished = new Promise<void>(resolve => response.once('close', () => resolve()))
    const work = { stream: request.socket, finished }
    this.#working.add(work)
    try {
      const { status, reason } = await this.#take(request, body, share)
      this.#answer(response, status, reason)
      await finished
    } finally {
      this.#working.delete(work)
    }
  }

  /** The whole body, read as the memory budget allows; null, with the reason, when it is too long. */
  async #readBody(
    request: IncomingMessage,
    share: MemoryShare,
  ): Promise<{ body: Buffer | null; status: number; reason: string }> {
    const { limitBytes } = this.#context.system.memory
    const most = Math.min(this.#maxRequestBytes, limitBytes)
    const tooLong = {
      body: null,
      status: 413,
      reason:
        most < this.#maxRequestBytes
          ? `The request is longer than ${memoryBudgetSetting} = ${most} bytes.`
          : `The request is longer than maxRequestBytes = ${most} bytes.`,
    }
    if (Number(request.headers['content-length'] ?? 0) > most) return tooLong
    const gone = new AbortController()
    request.once('close', () => gone.abort())
    // What a sender that stalls holds, others wait for.
    const { clock } = this.#context.system
    const patience = () => clock.after(stallMs, () => request.destroy(), { background: true })
    let timer = patience()
    request.once('close', () => timer.cancel())
    const chunks: Buffer[] = []
    let size = 0
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      timer.cancel()
      size += chunk.length
      if (size > most) return tooLong
      if (!share.tryTake(chunk.length) && !(await this.#waitForRoom(share, chunk.length, gone.signal)))
        return {
          body: null,
          status: 503,
          reason: `Others take all of ${memoryBudgetSetting} = ${limitBytes} bytes.`,
        }
      chunks.push(chunk)
      timer = patience()
    }
    timer.cancel()
    share.finished()
    return { body: chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks), status: 200, reason: '' }
  }

  /** False where there is none for long. */
  async #waitForRoom(share: MemoryShare, bytes: number, gone: AbortSignal): Promise<boolean> {
    const { clock } = this.#context.system
    const wait = new AbortController()
    const impatience = clock.after(roomMs, () => wait.abort(), { background: true })
    try {
      await share.reserve('The request', bytes, 0, AbortSignal.any([gone, wait.signal]))
      return true
    } catch (error) {
      if (gone.aborted || !wait.signal.aborted) throw error
      return false
    } finally {
      impatience.cancel()
    }
  }

  async #take(
    request: IncomingMessage,
    body: Buffer,
    share: MemoryShare,
  ): Promise<{ status: number; reason: string }> {
    const { counters, processor } = this.#context
    let events: Event[]
    try {
      const contentType = request.headers['content-type'] ?? ''
      const handler = this.#handlerFor(made => share.reserve('The request', 0, made))
      events = await handler({ target: request.url ?? '/', contentType, body })
    } catch (error) {
      counters.add('EventReadFail')
      const status = error instanceof BadRequest ? 400 : error instanceof TooMany ? 413 : 500
      this.#log.warn(
        `a request from ${request.socket.remoteAddress} cannot be read and was answered with ${status}: ${error instanceof BadRequest ? error.loggable : messageOf(error)}`,
      )
      return { status, reason: messageOf(error) }
    }
    counters.add('AppendBatchReceivedCount')
    counters.add('EventReceivedCount', events.length)
    try {
      await processor.process(events)
    } catch (error) {
      const refused = isPutFault(error)
      counters.add(refused ? 'ChannelWriteFail' : 'GenericProcessingFail')
      if (!refused) this.#log.error('a request could not be processed', error)
      const isTooLarge = refused && error.code === 'TRANSACTION_TOO_LARGE'
      if (isTooLarge)
        this.#log.warn(
          `a request from ${request.socket.remoteAddress} can never be accepted and was answered with 503: ${error.message}. ${error.remedy}`,
        )
      const reason = isTooLarge
        ? `It can never be accepted: ${error.message}. ${error.remedy}`
        : refused
          ? `Error appending event to channel. Channel might be full. ${error.message}`
          : 'Unexpected error while appending event to channel.'
      return { status: refused ? 503 : 500, reason }
    }
    counters.add('AppendBatchAcceptedCount')
    counters.add('EventAcceptedCount', events.length)
    return { status: 200, reason: '' }
  }

  /** Answers without reading the body; the connection cannot be used further then. */
  #refuse(request: IncomingMessage, response: ServerResponse, status: number, reason: string): void {
    this.#log.warn(
      `a ${request.method} request from ${request.socket.remoteAddress} was answered with ${status}: ${reason}`,
    )
    if (!request.complete) response.setHeader('connection', 'close')
    this.#answer(response, status, reason)
    request.resume()
  }

  #answer(response: ServerResponse, status: number, reason: string): void {
    const text = reason === '' ? '' : `${reason}\n`
    if (this.#stopping) response.setHeader('connection', 'close')
    if (text !== '') response.setHeader('content-type', 'text/plain;charset=utf-8')
    response.writeHead(status, { 'content-length': Buffer.byteLength(text) })
    response.end(text)
  }
}
