// The door to an HTTP server that takes one POST after another, over a connection that is kept. Of an answer its status alone
// counts.
import {
  Agent as HttpAgent,
  request as requestHttp,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import { Fault } from '../errors.ts'
import { tlsOptionsOf } from './https-request.ts'
import type { ClientTls } from './tls.ts'

/** Of the body of an answer so much is read, so that the connection can be used again; it is closed otherwise. */
const mostBytes = 65_536

export interface PostSettings {
  /** http or https. */
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  /** For the connection of TCP. */
  readonly connectTimeoutMs: number
  /** From then to the end of the answer. */
  readonly requestTimeoutMs: number
  /** For https; the usual authorities where absent. */
  readonly tls?: ClientTls
}

export class HttpPosts {
  readonly #settings: PostSettings
  readonly #agent: HttpAgent

  constructor(settings: PostSettings) {
    this.#settings = settings
    const kept = { keepAlive: true, maxSockets: 1, maxFreeSockets: 1 }
    this.#agent = settings.url.protocol === 'https:' ? new HttpsAgent(kept) : new HttpAgent(kept)
  }

  /** Resolves with the status. Rejects with PEER_UNREACHABLE, PEER_TIMEOUT or STOPPED, naming host and port. */
  async post(body: Buffer, signal: AbortSignal): Promise<number> {
    // A connection that was kept may have been closed by the server meanwhile.
    return (await this.#once(body, signal, true)) ?? (await this.#once(body, signal, false))!
  }

  close(): void {
    this.#agent.destroy()
  }

  /** Null where a kept connection was found closed, and `mayBeOld`. */
  #once(body: Buffer, signal: AbortSignal, mayBeOld: boolean): Promise<number | null> {
    const { url, headers, connectTimeoutMs, requestTimeoutMs, tls } = this.#settings
    return new Promise((resolve, reject) => {
      const options: RequestOptions = {
        method: 'POST',
        headers: { ...headers, 'content-length': body.length },
        agent: this.#agent,
        signal,
        ...tlsOptionsOf(tls),
      }
      const asked = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, options)
      let status: number | null = null
      const fail = (fault: Fault): void => {
        clearTimeout(timer)
        // The answer counts although its body does not end.
        if (status !== null) resolve(status)
        else reject(fault)
        asked.destroy()
      }
      const within = (ms: number, what: string): NodeJS.Timeout =>
        setTimeout(() => fail(new Fault('PEER_TIMEOUT', `${url.host} ${what} within ${ms} ms`)), ms)
      let timer = within(connectTimeoutMs, 'accepts no connection')
      const connected = (): void => {
        clearTimeout(timer)
        timer = within(requestTimeoutMs, 'does not answer')
      }
      asked.once('socket', socket => {
        if (socket.connecting) socket.once('connect', connected)
        else connected()
      })
      asked.on('error', (error: NodeJS.ErrnoException) => {
        clearTimeout(timer)
        if (signal.aborted) fail(new Fault('STOPPED', `the request to ${url.host} was given up`))
        else if (mayBeOld && asked.reusedSocket && error.code === 'ECONNRESET' && status === null)
          resolve(null)
        else
          fail(
            new Fault('PEER_UNREACHABLE', `${url.host} cannot be asked: ${error.message}`, { cause: error }),
          )
      })
      asked.once('response', (response: IncomingMessage) => {
        status = response.statusCode ?? 0
        let bytes = 0
        const end = (): void => {
          clearTimeout(timer)
          resolve(status)
        }
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length
          if (bytes > mostBytes) response.destroy()
        })
        response.on('error', () => {}) // what ends the body ends the request
        response.once('close', end)
      })
      asked.end(body)
    })
  }
}
