// The HTTP door of an agent: Flume's /metrics, and beside it /metrics/prometheus, /health, /ready, /snapshot, /events,
// /tap and /peek. Any method but TRACE and OPTIONS, paths in any case, as in Flume. Nobody logs in here: what holds more
// than numbers and names of components is for this machine, unless the operator has named an address to serve, and
// events are shown where the operator has asked for it. The same pages, without limits, are on the agent's own socket,
// which is for its user alone (announcement.ts).
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { listenFault, whereOf, withoutBrackets } from '../address.ts'
import { messageOf } from '../errors.ts'
import { printable } from '../printable.ts'
import type { Clock, Timer } from '../system/clock.ts'
import { RequestTurns } from '../system/request-turns.ts'
import type { EventView } from './event-view.ts'
import { healthOf, readinessOf } from './health.ts'
import type { Logger } from './log.ts'
import { metricsOf } from './metrics-json.ts'
import type { PrometheusPage } from './metrics-prometheus.ts'
import type { Change, Snapshot } from './snapshot.ts'

/** The agent whose door it is. */
export interface Observed extends EventView {
  snapshot(): Snapshot
  watch(read: (change: Change) => void): () => void
}

export interface PageParts {
  readonly agent: Observed
  readonly clock: Clock
  readonly log: Logger
  /** Why a request may not see a page that is no mere number; null where it may. */
  readonly refusal: (request: IncomingMessage, page: 'configuration' | 'events') => string | null
}

export interface HttpDoorParts extends Omit<PageParts, 'refusal'> {
  /** 0: a free one. */
  readonly port: number
  /** All addresses where it is absent. */
  readonly host?: string
  /** Whether /tap and /peek are served here. */
  readonly showsEvents?: boolean
}

export interface HttpDoor {
  readonly port: number
  /** Resolves when the port is free again. */
  close(): Promise<void>
}

const json = 'application/json;charset=utf-8'
const plain = 'text/plain;charset=utf-8'
/** More are closed at once. */
const mostConnections = 200
/** Streams of /events at a time. */
const mostStreams = 50
/** Readers of /tap at a time: each costs the agent a little. */
const mostTaps = 10
/** A reader of /events that is so far behind is cut off; it begins with a new snapshot. */
const mostUnreadBytes = 1024 * 1024
/** A line without meaning goes to readers of /events, so that neither side takes the connection for dead. */
const beatMs = 15_000
/** From the start on. */
const prometheusAfterMs = 2000

type Answer = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>

/** What is asked for has no body: whoever takes longer holds a place that another could have, ms. */
const slowness = { headersTimeout: 10_000, requestTimeout: 10_000, connectionsCheckingInterval: 1000 }

/** The pages, to be served wherever connections come from. */
export function pageServer(parts: PageParts): Server {
  const { log, clock } = parts
  const pages = pagesOf(parts)
  const turns = new RequestTurns(clock)
  return createServer(slowness, (request, response) => {
    request.resume()
    const answer = async () => {
      await turns.begin(request)
      if (request.method === 'TRACE' || request.method === 'OPTIONS')
        return send(response, 403, plain, 'forbidden\n')
      const path = (request.url ?? '/').split('?', 1)[0]!.toLowerCase()
      const page = pages.get(path)
      if (path === '/') send(response, 200, 'text/html;charset=utf-8', front(pages.keys()))
      else if (page === undefined)
        send(response, 404, plain, `not found; there is ${[...pages.keys()].join(', ')}\n`)
      else await page(request, response)
    }
    answer().catch((error: unknown) => {
      log.error('a monitoring page could not be made', error)
      if (response.headersSent) response.end()
      else send(response, 500, plain, `this page cannot be made: ${failureOf(error)}\n`)
    })
  })
}

/** Rejects with ADDRESS_IN_USE or ADDRESS. */
export async function openHttpDoor(parts: HttpDoorParts): Promise<HttpDoor> {
  const { port, host, log, showsEvents = false } = parts
  const server = pageServer({
    ...parts,
    refusal: (request, page) =>
      strangeness(request, host) ?? (page === 'events' && !showsEvents ? eventsAreHidden : null),
  })
  server.maxConnections = mostConnections
  await listen(server, port, host)
  const bound = (server.address() as AddressInfo).port
  const everywhere =
    host === undefined
      ? ', on this and every other address of this machine (flume.monitoring.host gives one)'
      : ''
  log.info(
    `Monitoring on http://${whereOf({ host: withoutBrackets(host ?? 'localhost'), port: bound })}/metrics, /metrics/prometheus, /health, /ready, /snapshot and /events${everywhere}${showsEvents ? '; /tap and /peek show events to whoever reads these' : ''}`,
  )
  return {
    port: bound,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** What a program has not loaded yet goes away when somebody replaces it. */
const failureOf = (error: unknown): string =>
  (error as { code?: unknown }).code === 'ERR_MODULE_NOT_FOUND'
    ? 'a file of the program is missing; if the installation was replaced while this agent runs, restart it'
    : `${messageOf(error)}; the log has more`

const front = (paths: Iterable<string>): string =>
  `<html><body><ul>${[...paths].map(path => `<li><a href="${path}">${path}</a></li>`).join('')}</ul></body></html>\n`

const eventsAreHidden =
  'events are not shown at this address; the user of the agent sees them on its machine (millrace tap, millrace console), and -Dmillrace.monitoring.events=true shows them here'

function pagesOf(parts: PageParts): ReadonlyMap<string, Answer> {
  const { agent, clock, refusal } = parts
  let made: Promise<PrometheusPage> | undefined
  // Its library is larger than most agents, and is needed after an upgrade, too: it is loaded when nobody waits.
  const prometheus = () =>
    (made ??= import('./metrics-prometheus.ts').then(
      module => new module.PrometheusPage(),
      (error: unknown) => {
        made = undefined
        throw error
      },
    ))
  clock.after(prometheusAfterMs, () => void prometheus().catch(() => {}), { background: true })
  const guarded =
    (page: 'configuration' | 'events', answer: Answer): Answer =>
    (request, response) => {
      const problem = refusal(request, page)
      return problem === null ? answer(request, response) : send(response, 403, plain, `${problem}\n`)
    }
  return new Map<string, Answer>([
    ['/metrics', (_, response) => send(response, 200, json, JSON.stringify(metricsOf(agent.snapshot())))],
    [
      '/metrics/prometheus',
      async (_, response) => {
        const page = await prometheus()
        send(response, 200, page.contentType, await page.render(agent.snapshot()))
      },
    ],
    [
      '/health',
      (_, response) => {
        const health = healthOf(agent.snapshot())
        send(response, health.ok ? 200 : 503, json, JSON.stringify(health))
      },
    ],
    [
      '/ready',
      (_, response) => {
        const snapshot = agent.snapshot()
        const readiness = readinessOf(snapshot, healthOf(snapshot))
        send(response, readiness.ready ? 200 : 503, json, JSON.stringify(readiness))
      },
    ],
    [
      '/snapshot',
      guarded('configuration', (_, response) => send(response, 200, json, JSON.stringify(agent.snapshot()))),
    ],
    ['/events', guarded('configuration', changeStreams(parts))],
    ['/tap', guarded('events', tapStreams(parts))],
    ['/peek', guarded('events', peekAnswer(agent))],
  ])
}

const queryOf = ({ url = '/' }: IncomingMessage) => new URL(url, 'http://agent').searchParams

const mostPeeked = 100

const peekAnswer =
  (agent: Observed): Answer =>
  async (request, response) => {
    const query = queryOf(request)
    const [channel, events] = [query.get('channel') ?? '', Number(query.get('events') ?? 20)]
    if (!Number.isInteger(events) || events < 1)
      return send(
        response,
        400,
        plain,
        `events=${query.get('events')}: write a number from 1 to ${mostPeeked}\n`,
      )
    const found = await agent.peek(channel, Math.min(events, mostPeeked))
    if (found === null) send(response, 404, plain, `no channel ${printable(channel)} is open\n`)
    else send(response, 200, json, JSON.stringify(found))
  }

function send(response: ServerResponse, status: number, type: string, text: string): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text) })
  response.end(text)
}

/**
 * Why a request may not see what is for this machine; null where it may. A name in Host that is not ours is a page of
 * the Internet that has had its name resolved to us (DNS rebinding).
 */
function strangeness({ headers, socket }: IncomingMessage, host: string | undefined): string | null {
  const from = (socket.remoteAddress ?? '').replace(/^::ffff:/, '')
  if (host === undefined && from !== '::1' && !from.startsWith('127.'))
    return 'this page is for the machine itself; with flume.monitoring.host, all that reach that address may read it'
  const named = withoutBrackets((headers.host ?? 'localhost').replace(/:\d*$/, '')).toLowerCase()
  return /^[\d.]+$|:/.test(named) || named === 'localhost' || named === host?.toLowerCase()
    ? null
    : 'the host of the address is not known here; use localhost, the IP address or the name in flume.monitoring.host'
}

type Tell = (event: string, data: object) => void

/** Server-sent events: `begin` is given what sends one, and gives what ends it; null where there is nothing to send. */
function streams(
  most: number,
  clock: Clock,
  begin: (request: IncomingMessage, response: ServerResponse, tell: Tell) => (() => void) | null,
): Answer {
  let open = 0
  return (request, response) => {
    if (open >= most) return send(response, 503, plain, `${most} readers are connected\n`)
    const greet = (): void => {
      if (response.headersSent) return
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
      // The reader learns at once that it is connected.
      response.flushHeaders()
      if (request.method === 'HEAD') response.end()
    }
    const write = (text: string): void => {
      greet()
      if (request.method === 'HEAD') return
      if (response.writableLength > mostUnreadBytes) response.destroy()
      else if (!response.destroyed) response.write(text)
    }
    const forget = begin(request, response, (event, data) =>
      write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`),
    )
    if (forget === null) return
    greet()
    open++
    let beat: Timer
    const beatLater = (): void => {
      beat = clock.after(beatMs, () => (write(':\n\n'), beatLater()), { background: true })
    }
    beatLater()
    response.once('close', () => {
      open--
      beat.cancel()
      forget()
    })
  }
}

/** A snapshot first, then each change. */
const changeStreams = ({ agent, clock }: PageParts): Answer =>
  streams(mostStreams, clock, (_, __, tell) => {
    const forget = agent.watch(change => tell('change', change))
    tell('snapshot', agent.snapshot())
    return forget
  })

/** Samples of the events that pass an edge; a reader that does not keep up misses some, and hears how many have passed. */
const tapStreams = ({ agent, clock }: PageParts): Answer =>
  streams(mostTaps, clock, (request, response, tell) => {
    const query = queryOf(request)
    let passed = 0
    const forget = agent.tap(query.get('from') ?? '', query.get('to') ?? '', sample => {
      passed += sample.passed
      if (response.writableNeedDrain) return
      tell('sample', { ...sample, passed })
      passed = 0
    })
    if (forget === null) {
      const edges = agent.edges.map(([from, to]) => `/tap?from=${from}&to=${to}\n`).join('')
      send(response, 404, plain, `there is no such edge; there is\n${edges}`)
    }
    return forget
  })

function listen(server: Server, port: number, host: string | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', error =>
      reject(listenFault(error, { host: withoutBrackets(host ?? '0.0.0.0'), port })),
    )
    server.listen({ port, ...(host === undefined ? {} : { host: withoutBrackets(host) }) }, () => resolve())
  })
}
