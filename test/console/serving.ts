// The console's server without agents or clusters, for tests of who is answered and what with.
import { request, type RequestOptions } from 'node:http'
import type { AddressInfo } from 'node:net'
import { isLoopback } from '../../src/address.ts'
import { Agents } from '../../src/console/agents.ts'
import { Audit } from '../../src/console/access/audit.ts'
import { silentLogger } from '../../src/observe/log.ts'
import { Session } from '../../src/console/access/session.ts'
import { ClusterList } from '../../src/console/cluster-list.ts'
import type { Grant, Role } from '../../src/console/api.ts'
import type { Route, RouteParts } from '../../src/console/route.ts'
import { serverOf, type ServerParts } from '../../src/console/server.ts'
import { realSystem } from '../../src/system/system.ts'

export interface Answer {
  readonly status: number
  readonly headers: NodeJS.Dict<string | string[]>
  readonly body: string
}

export interface Serving extends AsyncDisposable {
  readonly port: number
  readonly host: string
  ask(method: string, path: string, options?: AskOptions): Promise<Answer>
}

export interface AskOptions {
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export const token = 'the token of the session'

/** Everything that a page of ours sends with what changes something. */
export const ownHeaders = (host: string) => ({
  'content-type': 'application/json',
  origin: `http://${host}`,
  'sec-fetch-site': 'same-origin',
  'x-millrace-token': token,
})

export const sessionWith = (...grants: readonly (Role | Grant)[]): Session =>
  new Session({
    user: 'somebody',
    from: '127.0.0.1',
    grants: grants.map(one => (typeof one === 'string' ? { role: one, topics: null } : one)),
    token,
  })

export const noClusters = new ClusterList([], null, { ...realSystem, systemProperties: new Map() })

export const partsWith = (more: Partial<ServerParts> = {}): ServerParts => ({
  agents: new Agents({ given: [], announced: false }, realSystem.clock),
  clusters: noClusters,
  isReadOnly: false,
  files: new Map(),
  doorkeeper: { sessionOf: async () => sessionWith('admin') },
  login: null,
  names: { isOurs: isLoopback, schemes: ['http'] },
  isProxy: () => false,
  certificate: null,
  masks: [],
  audit: new Audit({ disk: realSystem.disk, clock: realSystem.clock, log: silentLogger, path: null }),
  ...more,
})

/** `routes`: those of the table where absent. */
export async function serve(
  more: Partial<ServerParts> = {},
  routes?: (parts: RouteParts) => readonly Route[],
): Promise<Serving> {
  const parts = partsWith(more)
  const server = routes === undefined ? serverOf(parts) : serverOf(parts, routes(parts))
  await server.listen({ host: '127.0.0.1', port: 0 })
  const { port } = server.server.address() as AddressInfo
  const host = `127.0.0.1:${port}`
  return {
    port,
    host,
    ask: (method, path, options) => ask({ host: '127.0.0.1', port, method, path }, options),
    [Symbol.asyncDispose]: () => server.close(),
  }
}

/** The answer; of a stream what came first. */
export function ask(
  where: RequestOptions,
  { headers = {}, body }: AskOptions = {},
  by: typeof request = request,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    // Node's client frames the body of a DELETE by nothing else.
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
    const asked = by({ ...where, headers: { ...length, ...headers } }, response => {
      const chunks: Buffer[] = []
      const done = () =>
        resolve({
          status: response.statusCode!,
          headers: response.headers,
          body: Buffer.concat(chunks).toString('utf8'),
        })
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk)
        if (response.headers['content-type'] !== 'text/event-stream') return
        done()
        response.destroy()
      })
      response.on('end', done)
    })
    asked.setTimeout(20_000, () => asked.destroy(new Error(`${where.method} ${where.path}: no answer`)))
    asked.on('error', reject)
    asked.end(body)
  })
}
