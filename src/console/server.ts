// The console's HTTP server: who is answered, the routes of the API, and the browser program.
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { Fault, messageOf } from '../errors.ts'
import { foreignness } from './access/guard.ts'
import type { Doorkeeper } from './access/local-user.ts'
import { KafkaRefusal } from '../kafka-client/kafka-client.ts'
import { wordsOf } from './kafka-words.ts'
import { openApiOf } from './openapi.ts'
import { Refused, type RouteParts } from './route.ts'
import { routesOf } from './routes.ts'
import { RouteServer } from './serve-route.ts'
import type { WebFile } from './web-files.ts'

export interface ServerParts extends RouteParts {
  readonly doorkeeper: Doorkeeper
  readonly files: ReadonlyMap<string, WebFile>
}

const securityHeaders = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
} as const

export function serverOf(parts: ServerParts, routes = routesOf(parts)): FastifyInstance {
  const server = fastify({
    logger: false,
    forceCloseConnections: true,
    bodyLimit: 64 * 1024,
    exposeHeadRoutes: false,
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false } },
  })
  // What a form can send is read by nobody.
  server.removeContentTypeParser('text/plain')
  server.decorateRequest('session', null)
  server.addHook('onRequest', async (request, reply) => {
    void reply.headers(securityHeaders)
    const why = foreignness(request.method, request.headers)
    if (why !== null) throw new Refused(403, why, 'Open the address that the console printed.')
    request.session = parts.doorkeeper.sessionOf(request)
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
  const { isReadOnly } = parts
  const routeServer = new RouteServer(server, { isReadOnly, headers: securityHeaders })
  for (const route of routes) routeServer.serve(route)
  server.get('/api/openapi.json', () => openApiOf(routes))
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

function refuse(reply: FastifyReply, { status, message, remedy, field }: Refused): FastifyReply {
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
  // The pages are in the browser program: every address without a file is one of them.
  const file = files.get(path) ?? (/\.\w+$/.test(path) ? undefined : files.get('index.html'))
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
