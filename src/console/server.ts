// The console's HTTP server: who is answered, the routes of the API, and the browser program.
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { Fault, messageOf } from '../errors.ts'
import { foreignness, type OwnNames } from './access/guard.ts'
import type { Asking, Doorkeeper } from './access/login.ts'
import type { Certificate } from './access/certificate.ts'
import { KafkaRefusal } from '../kafka-client/kafka-client.ts'
import { wordsOf } from './kafka-words.ts'
import type { MaskRule } from './access/masking.ts'
import { openApiOf } from './openapi.ts'
import { look, Refused, type RouteParts } from './route.ts'
import { routesOf } from './routes.ts'
import { RouteServer } from './serve-route.ts'
import type { WebFile } from './web-files.ts'

export interface ServerParts extends RouteParts {
  readonly doorkeeper: Doorkeeper
  readonly names: OwnNames
  /** Null: without TLS. */
  readonly certificate: Certificate | null
  /** Whether a peer is a proxy that is believed about whom it asks for. */
  isProxy(address: string): boolean
  /** What is hidden of messages. */
  readonly masks: readonly MaskRule[]
  /** Within this time a request has to be here; 30 s where absent. */
  readonly requestMs?: number
  readonly files: ReadonlyMap<string, WebFile>
}

/** More are not accepted. */
const mostConnections = 1000

const securityHeaders = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
} as const

export function serverOf(parts: ServerParts, routes = routesOf(parts)): FastifyInstance {
  const { certificate, isProxy, doorkeeper, names, requestMs = 30_000 } = parts
  const options = {
    logger: false,
    forceCloseConnections: true,
    bodyLimit: 64 * 1024,
    exposeHeadRoutes: false,
    requestTimeout: requestMs,
    trustProxy: isProxy,
    // Names of topics have 249 characters, and those of groups up to what a request line holds (16 KiB).
    routerOptions: { maxParamLength: 16 * 1024 },
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false } },
  } as const
  // Looked at so often, a slow request ends soon after its time.
  const http = {
    headersTimeout: Math.min(requestMs, 10_000),
    connectionsCheckingInterval: Math.min(requestMs, 5000),
  }
  const server =
    certificate === null
      ? fastify({ ...options, http })
      : (fastify({ ...options, https: { ...http, ...certificate.options } }) as unknown as FastifyInstance)
  server.server.maxConnections = mostConnections
  // What a form can send is read by nobody.
  server.removeContentTypeParser('text/plain')
  server.decorateRequest('session', null)
  server.decorateRequest('asking', null)
  server.addHook('onRequest', async (request, reply) => {
    void reply.headers(securityHeaders)
    const why = foreignness(request.method, request.headers, names)
    if (why !== null)
      throw new Refused(403, why, 'Open the address that the console printed, or add the name to host.names.')
    // The program is for everybody, who has to log in with it.
    if (!request.url.startsWith('/api/')) return
    // No browser shows it to who comes after.
    void reply.header('cache-control', 'no-store')
    request.asking = askingOf(request, isProxy)
    const session = await doorkeeper.sessionOf(request.asking)
    request.session = session?.maskedBy(parts.masks) ?? null
  })
  server.setErrorHandler(async (error, _, reply) => {
    if (error instanceof KafkaRefusal) return refuse(reply, wordsOf(error))
    if (error instanceof Refused) return refuse(reply, error)
    if (error instanceof Fault) return refuse(reply, new Refused(502, messageOf(error), error.remedy))
    const status = (error as { statusCode?: number }).statusCode ?? 500
    return refuse(
      reply,
      new Refused(status, messageOf(error), status >= 500 ? 'This is a bug in the console.' : ''),
    )
  })
  const { isReadOnly, audit } = parts
  const routeServer = new RouteServer(server, { isReadOnly, audit, headers: securityHeaders })
  const description = look({
    method: 'GET',
    path: '/api/openapi.json',
    summary: 'This description.',
    role: 'viewer',
    answer: Type.Unknown(),
    handle: () => openApiOf(routes),
  })
  for (const route of [...routes, description]) routeServer.serve(route)
  server.setNotFoundHandler(async (request, reply) => {
    if (request.url.startsWith('/api/'))
      return refuse(
        reply,
        new Refused(
          404,
          `there is no ${request.method} ${request.url.split('?')[0]}`,
          'See /api/openapi.json.',
        ),
      )
    return sendFile(parts.files, request, reply)
  })
  return server
}

function askingOf({ headers, ip, socket }: FastifyRequest, isProxy: (address: string) => boolean): Asking {
  const peer = socket.remoteAddress ?? ''
  const isForwarded = isProxy(peer) && headers['x-forwarded-proto'] === 'https'
  const isSecure = 'encrypted' in socket || isForwarded
  return { headers, ip, peer, via: { port: socket.localPort ?? 0, isSecure } }
}

function refuse(reply: FastifyReply, { status, message, remedy, field, retryAfter }: Refused): FastifyReply {
  if (retryAfter !== undefined) void reply.header('retry-after', String(retryAfter))
  return reply
    .code(status)
    .type('application/json')
    .send(JSON.stringify({ error: message, remedy, field }))
}

function sendFile(
  files: ReadonlyMap<string, WebFile>,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return refuse(reply, new Refused(405, `${request.method} is not for this address`))
  const path = request.url.split('?', 1)[0]!.slice(1)
  // The pages are in the browser program: every address without a file is one of them. Names of topics have dots.
  const file = files.get(path) ?? (/^[^/]*\.\w+$/.test(path) ? undefined : files.get('index.html'))
  if (file === undefined)
    return refuse(reply, new Refused(404, `there is no ${path}`, 'The first page is at /.'))
  void reply.headers({
    'cache-control': file.isFixed ? 'max-age=31536000, immutable' : 'no-cache',
    etag: file.etag,
  })
  if (request.headers['if-none-match'] === file.etag) return reply.code(304).send()
  const squeezed = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''))
  void reply.type(file.type).header('vary', 'accept-encoding')
  return squeezed ? reply.header('content-encoding', 'gzip').send(file.gzipped) : reply.send(file.bytes)
}
