// The door to HTTP servers as a client: one request, one bounded answer. Only https, and http to this
// machine itself, so that no secret crosses a network in the clear; no redirects are followed.
import { request as requestHttp, type ClientRequest, type IncomingMessage } from 'node:http'
import { request as requestHttps } from 'node:https'
import { isLoopback } from '../address.ts'
import { Fault } from '../errors.ts'
import type { ClientTls } from './tls.ts'

export interface HttpRequest {
  readonly url: string
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | Buffer
  /** For all of it, from connecting to the end of the answer. */
  readonly timeoutMs: number
  /** For https; the usual authorities where absent. */
  readonly tls?: ClientTls
  readonly signal?: AbortSignal
  /** Neither the request nor the answer holds a secret: any host may be asked by http. */
  readonly isPublic?: boolean
  /** Of a socket on this machine, in place of host and port. */
  readonly socketPath?: string
}

export interface HttpAnswer {
  readonly status: number
  readonly body: string
  /** Where else to ask, of an answer that says so. */
  readonly location?: string | undefined
}

const mostBytes = 1_048_576

/** Why the URL may not be asked: a clause; null where it may. */
export function refusalOfUrl(text: string): string | null {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || url.host === '') return 'it is not a URL with a host'
  if (url.protocol === 'https:') return null
  if (url.protocol !== 'http:') return 'only https is possible'
  return isLoopback(url.hostname) ? null : 'it would send secrets in the clear: https is needed'
}

/**
 * Rejects with PEER_UNREACHABLE, PEER_TIMEOUT or PROTOCOL, naming host and port. The answer may have any
 * status.
 */
export function sendHttp(request: HttpRequest): Promise<HttpAnswer> {
  const refusal = request.isPublic === true ? null : refusalOfUrl(request.url)
  if (refusal !== null) return Promise.reject(new Fault('PROTOCOL', `the URL cannot be asked: ${refusal}`))
  const { body = '', timeoutMs } = request
  const host = hostOf(request)
  return new Promise((resolve, reject) => {
    const asked = askedOf(request)
    const timer = setTimeout(() => {
      reject(new Fault('PEER_TIMEOUT', `${host} did not answer within ${timeoutMs} ms`))
      asked.destroy()
    }, timeoutMs)
    const fail = (error: Error) => {
      clearTimeout(timer)
      reject(new Fault('PEER_UNREACHABLE', `${host} cannot be asked: ${error.message}`, { cause: error }))
    }
    asked.once('error', fail)
    asked.once('response', (response: IncomingMessage) => {
      const chunks: Buffer[] = []
      let bytes = 0
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes > mostBytes) {
          clearTimeout(timer)
          reject(new Fault('PROTOCOL', `${host} answers with more than ${mostBytes} bytes`))
          asked.destroy()
        } else chunks.push(chunk)
      })
      response.once('error', fail)
      response.once('end', () => {
        clearTimeout(timer)
        const { statusCode = 0, headers } = response
        resolve({
          status: statusCode,
          body: Buffer.concat(chunks).toString('utf8'),
          location: headers.location,
        })
      })
    })
    asked.end(body)
  })
}

/** Of a request to an https server. */
export const tlsOptionsOf = (tls: ClientTls | undefined) =>
  tls === undefined
    ? {}
    : {
        secureContext: tls.context,
        rejectUnauthorized: tls.verifiesCertificate,
        ...(tls.verifiesHost ? {} : { checkServerIdentity: () => undefined }),
      }

const hostOf = ({ url, socketPath }: HttpRequest): string => socketPath ?? new URL(url).host

function askedOf({ url, method, headers, body = '', tls, signal, socketPath }: HttpRequest): ClientRequest {
  const options = {
    method,
    headers: { ...headers, 'content-length': Buffer.byteLength(body) },
    agent: false as const,
    ...(signal === undefined ? {} : { signal }),
    ...(socketPath === undefined ? {} : { socketPath }),
  }
  return new URL(url).protocol === 'https:'
    ? requestHttps(url, { ...options, ...tlsOptionsOf(tls) })
    : requestHttp(url, options)
}

/**
 * An answer that goes on: its status as soon as it is there, `timeoutMs` at most, and its text piece by piece until it or
 * the signal ends it. Rejects as sendHttp does; so do the pieces.
 */
export function streamHttp(
  request: HttpRequest,
): Promise<{ readonly status: number; readonly pieces: AsyncIterable<string> }> {
  const host = hostOf(request)
  return new Promise((resolve, reject) => {
    const asked = askedOf(request)
    const timer = setTimeout(() => {
      reject(new Fault('PEER_TIMEOUT', `${host} did not answer within ${request.timeoutMs} ms`))
      asked.destroy()
    }, request.timeoutMs)
    asked.once('error', error => {
      clearTimeout(timer)
      reject(new Fault('PEER_UNREACHABLE', `${host} cannot be asked: ${error.message}`, { cause: error }))
    })
    asked.once('response', (response: IncomingMessage) => {
      clearTimeout(timer)
      resolve({ status: response.statusCode ?? 0, pieces: response.setEncoding('utf8') })
    })
    asked.end(request.body)
  })
}
