// Monitoring over HTTP: Flume's /metrics, and beside it /metrics/prometheus and /health. Numbers and the
// names of components only: no configuration, no event content. Any method but TRACE and OPTIONS, paths
// in any case, as in Flume.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { whereOf, withoutBrackets } from '../address.ts'
import { Fault } from '../errors.ts'
import type { Counters } from './counters.ts'
import type { Logger } from './log.ts'
import { metricsOf } from './metrics-json.ts'
import type { Health } from './health.ts'
import type { PrometheusPage } from './metrics-prometheus.ts'

export interface MetricsState {
  counters(): Iterable<Counters>
  health(): Health
}

export interface MetricsHttp {
  readonly port: number
  /** Resolves when the port is free again. */
  close(): Promise<void>
}

/** Flume's default port. */
export const metricsPort = 41414

const links = ['metrics', 'metrics/prometheus', 'health']
const front = `<html><body><ul>${links.map(path => `<li><a href="/${path}">/${path}</a></li>`).join('')}</ul></body></html>\n`

/**
 * Serves `state` on `port` (0: a free one) at `host`, all addresses where that is absent. Rejects with
 * ADDRESS_IN_USE or ADDRESS.
 */
export async function startMetricsHttp(given: {
  readonly port: number
  readonly host?: string
  readonly state: MetricsState
  readonly log: Logger
}): Promise<MetricsHttp> {
  const { port, host, state, log } = given
  let made: Promise<PrometheusPage> | undefined
  // Loaded when it is asked for: its library is larger than most agents.
  const prometheus = () =>
    (made ??= import('./metrics-prometheus.ts').then(module => new module.PrometheusPage()))
  const server = createServer((request, response) => {
    request.resume()
    answer(request, response, state, prometheus).catch((error: unknown) => {
      log.error('a monitoring page could not be made', error)
      if (!response.headersSent) response.writeHead(500)
      response.end()
    })
  })
  await listen(server, port, host)
  const bound = (server.address() as AddressInfo).port
  const everywhere =
    host === undefined
      ? ', on this and every other address of this machine (flume.monitoring.host gives one)'
      : ''
  log.info(
    `Monitoring on http://${whereOf({ host: withoutBrackets(host ?? 'localhost'), port: bound })}/metrics, /metrics/prometheus and /health${everywhere}`,
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

function listen(server: Server, port: number, host: string | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'EADDRINUSE'
          ? new Fault('ADDRESS_IN_USE', `the monitoring port ${port} is in use by another program`)
          : new Fault('ADDRESS', `cannot serve monitoring on port ${port}: ${error.message}`, {
              cause: error,
            }),
      ),
    )
    server.listen({ port, ...(host === undefined ? {} : { host: withoutBrackets(host) }) }, () => resolve())
  })
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  state: MetricsState,
  prometheus: () => Promise<PrometheusPage>,
): Promise<void> {
  const send = (status: number, type: string, text: string) => {
    response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text) })
    response.end(text)
  }
  if (request.method === 'TRACE' || request.method === 'OPTIONS')
    return send(403, 'text/plain;charset=utf-8', 'forbidden\n')
  const path = (request.url ?? '/').split('?', 1)[0]!.toLowerCase()
  if (path === '/') send(200, 'text/html;charset=utf-8', front)
  else if (path === '/metrics')
    send(200, 'application/json;charset=utf-8', JSON.stringify(metricsOf(state.counters())))
  else if (path === '/metrics/prometheus') {
    const page = await prometheus()
    send(200, page.contentType, await page.render(state.counters(), state.health()))
  } else if (path === '/health') {
    const health = state.health()
    send(health.ok ? 200 : 503, 'application/json;charset=utf-8', JSON.stringify(health))
  } else send(404, 'text/plain;charset=utf-8', `not found; there is ${links.join(', ')}\n`)
}
