// The console's HTTP server: the routes of the API with their schemas, the browser program, and who may ask. It listens on
// this machine alone; a page of the Internet that has had its name resolved to us (DNS rebinding) and one that sends
// requests from elsewhere are refused.
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { Static, TSchema } from 'typebox'
import { Type } from 'typebox'
import { isLoopback } from '../address.ts'
import { Fault, messageOf } from '../errors.ts'
import type { Agents } from './agents.ts'
import * as api from './api.ts'
import type { KafkaCluster } from './clusters.ts'
import { isPlace } from './messages.ts'
import type { WebFile } from './web-files.ts'

export interface ServerParts {
  readonly agents: Agents
  readonly clusters: readonly KafkaCluster[]
  readonly files: ReadonlyMap<string, WebFile>
}

/** Answered with 404, with what was looked for. */
class NotThere extends Error {}

/** Answered with 400. */
class Unreadable extends Error {}

interface Route<Answer extends TSchema = TSchema> {
  readonly path: string
  readonly summary: string
  /** What may stand behind the question mark, and what it means. */
  readonly query?: Readonly<Record<string, string>>
  readonly answer: Answer
  readonly handle: (given: Readonly<Record<string, string>>) => Promise<Static<Answer>> | Static<Answer>
}

const route = <Answer extends TSchema>(one: Route<Answer>): Route => one

const mostMessages = 500

function wholeOf(name: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new Unreadable(`${name}=${text}: write a whole number`)
}

/** The one table of the API: what is served, validated and described is made of it. */
export function routesOf({ agents, clusters }: ServerParts): readonly Route[] {
  const clusterOf = (name = ''): KafkaCluster => {
    const found = clusters.find(one => one.name === name)
    if (found === undefined) throw new NotThere(`there is no cluster ${name}`)
    return found
  }
  const there = <T>(value: T | undefined, what: string): T => {
    if (value === undefined) throw new NotThere(`there is no ${what}`)
    return value
  }
  return [
    route({
      path: '/api/flow',
      summary: 'The flow across all agents, as it is now.',
      answer: api.Flow,
      handle: () => agents.flow,
    }),
    route({
      path: '/api/flow/nodes/:node',
      summary: 'One component: options, counters, and the last hour.',
      answer: api.NodeDetail,
      handle: ({ node }) => there(agents.detail(node!), `component ${node}`),
    }),
    route({
      path: '/api/clusters',
      summary: 'The Kafka clusters that are given.',
      answer: api.Clusters,
      handle: () => clusters.map(({ name, servers }) => ({ name, servers })),
    }),
    route({
      path: '/api/clusters/:cluster/brokers',
      summary: 'Brokers, with what they lead and keep.',
      answer: api.Brokers,
      handle: ({ cluster }) => clusterOf(cluster).brokers(),
    }),
    route({
      path: '/api/clusters/:cluster/topics',
      summary: 'Topics, with sizes, rates and how evenly they lie on brokers.',
      answer: api.Topics,
      handle: ({ cluster }) => clusterOf(cluster).topics(),
    }),
    route({
      path: '/api/clusters/:cluster/topics/:topic',
      summary: 'One topic: partitions, settings, groups.',
      answer: api.Topic,
      handle: async ({ cluster, topic }) => there(await clusterOf(cluster).topic(topic!), `topic ${topic}`),
    }),
    route({
      path: '/api/clusters/:cluster/topics/:topic/messages',
      summary: 'Messages of a topic, without a group: nothing is committed.',
      query: {
        from: 'newest (where absent), oldest, an offset, or a time: ISO 8601, or milliseconds since 1970 behind an @',
        partition: 'one partition; all where absent',
        limit: `messages of the answer, ${mostMessages} at most; 50 where absent`,
        find: 'a text in key, value or header, upper and lower case alike',
      },
      answer: api.Messages,
      handle: async ({ cluster, topic, from = 'newest', partition, limit = '50', find = '' }) => {
        if (!isPlace(from)) throw new Unreadable(`from=${from}: write newest, oldest, an offset or a time`)
        const [only, most] = [
          partition === undefined ? undefined : wholeOf('partition', partition),
          wholeOf('limit', limit),
        ]
        const question = {
          topic: topic!,
          partition: only,
          from,
          limit: Math.min(mostMessages, Math.max(1, most)),
          find,
        }
        return there(
          await clusterOf(cluster).messages(question),
          only === undefined ? `topic ${topic}` : `partition ${only} of topic ${topic}`,
        )
      },
    }),
    route({
      path: '/api/clusters/:cluster/groups',
      summary: 'Consumer groups, with lag and how it changes.',
      answer: api.Groups,
      handle: ({ cluster }) => clusterOf(cluster).groups(),
    }),
    route({
      path: '/api/clusters/:cluster/groups/:group',
      summary: 'One consumer group: members and positions.',
      answer: api.Group,
      handle: async ({ cluster, group }) => there(await clusterOf(cluster).group(group!), `group ${group}`),
    }),
  ]
}

const securityHeaders = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
} as const

export function serverOf(parts: ServerParts): FastifyInstance {
  const server = fastify({ logger: false, forceCloseConnections: true, bodyLimit: 64 * 1024 })
  server.addHook('onRequest', async (request, reply) => {
    void reply.headers(securityHeaders)
    const why = refusalOf(request)
    if (why !== null) await refuse(reply, 403, why, 'Open the address that the console printed.')
  })
  server.setErrorHandler(async (error, _, reply) => {
    if (error instanceof NotThere)
      return refuse(reply, 404, error.message, 'Look at the list that it was in.')
    if (error instanceof Unreadable) return refuse(reply, 400, error.message, '')
    if (error instanceof Fault) return refuse(reply, 502, messageOf(error), error.remedy)
    const status = (error as { statusCode?: number }).statusCode ?? 500
    return refuse(reply, status, messageOf(error), status >= 500 ? 'This is a bug in the console.' : '')
  })
  const routes = routesOf(parts)
  for (const { path, query, answer, handle } of routes)
    server.get(
      path,
      {
        schema: {
          params: paramsOf(path),
          querystring: queryOf(query ?? {}),
          response: { 200: answer, '4xx': api.Refusal, '5xx': api.Refusal },
        },
      },
      request => handle({ ...(request.query as object), ...(request.params as object) }),
    )
  server.get('/api/openapi.json', () => openApiOf(routes))
  server.get('/api/flow/stream', (request, reply) => stream(parts, request, reply))
  server.setNotFoundHandler(async (request, reply) => {
    if (request.url.startsWith('/api/'))
      return refuse(
        reply,
        404,
        `there is no ${request.method} ${request.url.split('?')[0]}`,
        'See /api/openapi.json.',
      )
    return sendFile(parts.files, request, reply)
  })
  return server
}

const namesIn = (path: string): string[] => [...path.matchAll(/:(\w+)/g)].map(([, name]) => name!)

/** Names of topics have 249 characters at most, those of groups and components may have more. */
const paramsOf = (path: string) =>
  Type.Object(
    Object.fromEntries(namesIn(path).map(name => [name, Type.String({ minLength: 1, maxLength: 4096 })])),
  )

const queryOf = (query: Readonly<Record<string, string>>) =>
  Type.Object(
    Object.fromEntries(
      Object.keys(query).map(name => [name, Type.Optional(Type.String({ maxLength: 4096 }))]),
    ),
  )

function openApiOf(routes: readonly Route[]) {
  const operation = ({ path, summary, query = {}, answer }: Route) => ({
    get: {
      summary,
      parameters: [
        ...namesIn(path).map(name => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
        ...Object.entries(query).map(([name, description]) => ({
          name,
          in: 'query',
          description,
          schema: { type: 'string' },
        })),
      ],
      responses: {
        200: { description: summary, content: { 'application/json': { schema: answer } } },
        default: { description: 'why not', content: { 'application/json': { schema: api.Refusal } } },
      },
    },
  })
  return {
    openapi: '3.1.0',
    info: { title: 'Millrace console', version: '1' },
    paths: Object.fromEntries(routes.map(one => [one.path.replaceAll(/:(\w+)/g, '{$1}'), operation(one)])),
  }
}

function refuse(reply: FastifyReply, status: number, error: string, remedy: string): FastifyReply {
  return reply.code(status).type('application/json').send(JSON.stringify({ error, remedy }))
}

/** Why a request is not answered; null where it is. */
function refusalOf({ headers, method }: FastifyRequest): string | null {
  if (!isLoopback((headers.host ?? '').replace(/:\d*$/, '')))
    return 'the host of the address is not this machine'
  const site = headers['sec-fetch-site']
  if (site === 'cross-site' || site === 'same-site') {
    // A link from elsewhere may lead here; a page from elsewhere may not read or send anything.
    if (headers['sec-fetch-mode'] !== 'navigate' || method !== 'GET')
      return 'the request comes from another site'
  }
  const { origin } = headers
  return origin !== undefined && origin !== `http://${headers.host}`
    ? 'the request comes from another site'
    : null
}

/** Server-sent events: the flow, whenever it was looked at. */
function stream({ agents }: ServerParts, request: FastifyRequest, reply: FastifyReply): void {
  reply.hijack()
  const response = reply.raw
  response.writeHead(200, {
    ...securityHeaders,
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
  })
  const send = (flow: api.Flow): void => {
    // A browser that sleeps gets the next one it can take: each is whole.
    if (response.writableNeedDrain) return
    response.write(`event: flow\ndata: ${JSON.stringify(flow)}\n\n`)
  }
  send(agents.flow)
  const forget = agents.watch(send)
  request.raw.once('close', forget)
}

function sendFile(
  files: ReadonlyMap<string, WebFile>,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return refuse(reply, 405, `${request.method} is not for this address`, '')
  const path = request.url.split('?', 1)[0]!.slice(1)
  // The pages are in the browser program: every address without a file is one of them.
  const file = files.get(path) ?? (/\.\w+$/.test(path) ? undefined : files.get('index.html'))
  if (file === undefined) return refuse(reply, 404, `there is no ${path}`, 'The first page is at /.')
  void reply.headers({
    'cache-control': file.isFixed ? 'max-age=31536000, immutable' : 'no-cache',
    etag: file.etag,
  })
  if (request.headers['if-none-match'] === file.etag) return reply.code(304).send()
  const squeezed = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''))
  void reply.type(file.type).header('vary', 'accept-encoding')
  return squeezed ? reply.header('content-encoding', 'gzip').send(file.gzipped) : reply.send(file.bytes)
}
