// A route as fastify serves it: who may is found out before the body is read, and the schemas are those of the table.
import { Type } from 'typebox'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { forgery } from './access/guard.ts'
import type { Audit } from './access/audit.ts'
import type { Asking } from './access/login.ts'
import { Session } from './access/session.ts'
import { messageOf } from '../errors.ts'
import * as api from './api.ts'
import {
  isChange,
  isStream,
  namesIn,
  Refused,
  type Change,
  type Given,
  type Outlet,
  type Route,
  type Stream,
} from './route.ts'

/** Streams that are open at a time; more are refused. */
const mostStreams = 50
/** Names of topics have 249 characters at most, those of groups and components may have more. */
const longestWord = 4096

declare module 'fastify' {
  interface FastifyRequest {
    /** Null until it is known, and where nobody is known. */
    session: Session | null
    asking: Asking | null
  }
}

export interface Serving {
  readonly isReadOnly: boolean
  readonly audit: Audit
  /** The headers of every answer. */
  readonly headers: Readonly<Record<string, string>>
}

export class RouteServer {
  readonly #server: FastifyInstance
  readonly #serving: Serving
  #streams = 0

  constructor(server: FastifyInstance, serving: Serving) {
    this.#server = server
    this.#serving = serving
  }

  serve(route: Route): void {
    const { method, path, query = {} } = route
    this.#server.route({
      method,
      url: path,
      schema: {
        params: paramsOf(path),
        querystring: queryOf(query),
        ...(isChange(route) ? { body: { ...route.body, additionalProperties: false } } : {}),
        ...(isStream(route)
          ? {}
          : { response: { 200: route.answer, '4xx': api.Refusal, '5xx': api.Refusal } }),
      },
      ...(isChange(route) && route.bodyLimit !== undefined ? { bodyLimit: route.bodyLimit } : {}),
      onRequest: async request => {
        try {
          this.#admit(route, request)
        } catch (error) {
          // Who is not known cannot fill the log.
          if (isChange(route) && request.session !== null) await this.#tell(route, request, error)
          throw error
        }
      },
      handler: (request, reply) => this.#answer(route, request, reply),
    })
  }

  /** Before the body is read. */
  #admit(route: Route, request: FastifyRequest): void {
    const { headers, params } = request
    if (isChange(route) && route.isOfSession === true) {
      request.session ??= new Session({ user: '', from: request.ip, grants: [], token: null })
      const problem = forgery(headers, request.session.token)
      if (problem !== null) throw new Refused(403, problem, 'See /api/session.')
      return
    }
    const { session } = request
    if (session === null) throw new Refused(401, 'nobody is logged in', 'Log in.')
    if (isChange(route)) {
      const problem = forgery(headers, session.token)
      if (problem !== null) throw new Refused(403, problem, 'See /api/session.')
      if (this.#serving.isReadOnly && route.isQuestion !== true)
        throw new Refused(
          403,
          `${route.action}: this console is read-only`,
          'Start one without --read-only to change something.',
        )
    }
    const { topic } = params as { topic?: string }
    if (!session.may(route.role, topic)) throw tooLowly(session, route, topic)
  }

  async #answer(route: Route, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    const session = request.session!
    const over = new AbortController()
    reply.raw.once('close', () => over.abort())
    const given = {
      params: request.params,
      query: request.query,
      body: request.body,
      session,
      asking: request.asking!,
      gone: session.over === undefined ? over.signal : AbortSignal.any([over.signal, session.over]),
      answerWith: (header, value) => void reply.header(header, value),
    } as Given<never, never, never>
    if (!isChange(route) && route.action !== undefined) await this.#tell(route, request, null)
    if (isStream(route)) return this.#stream(route, given, reply)
    if (isChange(route)) return this.#change(route, given, request)
    return route.handle(given)
  }

  /** What is done, is done only where it can be written down; however it ends, it is. */
  async #change(route: Change, given: Given<never, never, never>, request: FastifyRequest): Promise<unknown> {
    try {
      if (route.isQuestion !== true) await this.#serving.audit.require()
      const { session } = given
      const topics = route.touches(given)
      if (topics === null && !session.may(route.role, null)) throw tooLowly(session, route, null)
      for (const topic of topics ?? [])
        if (!session.may(route.role, topic)) throw tooLowly(session, route, topic)
      const answer = await route.handle(given)
      await this.#tell(route, request, null)
      return answer
    } catch (error) {
      await this.#tell(route, request, error)
      throw error
    }
  }

  /**
   * Writes down how it ended; not where someone is slowed down, who could fill the disk with it, and not of a question,
   * which changes nothing.
   */
  async #tell(route: Route, { body, query, params, session }: FastifyRequest, error: unknown): Promise<void> {
    if (error instanceof Refused && [429, 503].includes(error.status)) return
    if (isChange(route) && route.isQuestion === true) return
    const [from, names] = isChange(route)
      ? [body, route.audited]
      : [query, (route as { audited?: readonly string[] }).audited ?? []]
    const given = (from ?? {}) as Readonly<Record<string, unknown>>
    await this.#serving.audit.write({
      user: session?.user ?? '',
      from: session?.from ?? '',
      action: route.action ?? '',
      target: params as Record<string, string>,
      details: Object.fromEntries(names.flatMap(name => (name in given ? [[name, given[name]]] : []))),
      result: error === null ? 'done' : error instanceof Refused ? 'refused' : 'failed',
      why: error === null ? '' : messageOf(error),
    })
  }

  async #stream(route: Stream, given: Given<never, never>, reply: FastifyReply): Promise<unknown> {
    if (this.#streams >= mostStreams)
      throw new Refused(
        503,
        `${mostStreams} streams are open, more are not served`,
        'Close pages that are not needed.',
      )
    const name = route.fileName?.(given)
    const response = reply.raw
    const begin = () => {
      if (response.headersSent) return
      reply.hijack()
      response.writeHead(200, {
        ...this.#serving.headers,
        'content-type': route.type,
        'cache-control': 'no-store',
        ...(name === undefined ? {} : { 'content-disposition': attachment(name) }),
      })
    }
    const outlet: Outlet = {
      get isReady() {
        return !response.writableNeedDrain
      },
      ready: () =>
        new Promise(resolve => {
          if (given.gone.aborted || !response.writableNeedDrain) return resolve()
          const go = () => {
            response.off('drain', go)
            given.gone.removeEventListener('abort', go)
            resolve()
          }
          response.once('drain', go)
          given.gone.addEventListener('abort', go)
        }),
      send(data) {
        if (given.gone.aborted) return
        begin()
        response.write(data)
      },
    }
    this.#streams++
    try {
      await route.run(given, outlet)
      begin()
      response.end()
    } catch (error) {
      // What has begun cannot become an error any more: a cut connection says that the answer is not whole.
      if (!response.headersSent) throw error
      response.destroy()
    } finally {
      this.#streams--
    }
    return reply
  }
}

const word = (minLength: number) => Type.String({ minLength, maxLength: longestWord })

const paramsOf = (path: string) => Type.Object(Object.fromEntries(namesIn(path).map(name => [name, word(1)])))

const queryOf = (query: Readonly<Record<string, string>>) =>
  Type.Object(Object.fromEntries(Object.keys(query).map(name => [name, Type.Optional(word(0))])))

function tooLowly({ user, grants }: Session, { role }: Route, topic: string | null | undefined): Refused {
  const has = [...new Set(grants.map(one => one.role))].join(' and ')
  const where = typeof topic === 'string' ? ` for topic ${topic}` : topic === null ? ' for all topics' : ''
  return new Refused(
    403,
    `this takes the role ${role}${where}; ${user} is ${has === '' ? 'without a role' : has}`,
    'Ask whoever keeps the users file of the console.',
  )
}

/** A name that others have chosen, such as a topic's, stays one within quotes (RFC 6266, RFC 8187). */
const attachment = (name: string): string =>
  `attachment; filename="${name.replaceAll(/[^\w.-]/g, '_')}"; filename*=UTF-8''${encodeURIComponent(name).replaceAll(/['()*]/g, one => `%${one.charCodeAt(0).toString(16)}`)}`
