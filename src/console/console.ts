// The console: looks at agents and Kafka clusters, and serves what it sees to browsers on this machine.
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { listenFault, whereOf } from '../address.ts'
import type { ClientSystem } from '../kafka-client/connection/connection.ts'
import type { Disk } from '../system/disk.ts'
import { localUser } from './access/local-user.ts'
import { Agents, type AgentsOptions } from './agents.ts'
import { ClusterList, type ZooKeeperOptions } from './cluster-list.ts'
import type { ClusterOptions } from './clusters.ts'
import { serverOf } from './server.ts'
import { readWebFiles } from './web-files.ts'

export interface ConsoleOptions {
  readonly agents: AgentsOptions
  readonly clusters: readonly ClusterOptions[]
  readonly zookeeper?: ZooKeeperOptions | null
  readonly host: string
  /** 0: a free one. */
  readonly port: number
  /** Nothing can be changed; false where absent. */
  readonly isReadOnly?: boolean
  readonly system: ClientSystem & { readonly disk: Disk }
}

export interface RunningConsole extends AsyncDisposable {
  readonly url: string
}

/** Where the browser program is built: beside src/ and dist/. */
const webDirectory = fileURLToPath(new URL('../../web/dist', import.meta.url))

/** Rejects with ADDRESS_IN_USE, ADDRESS or DISK; nothing is left open then. */
export async function startConsole(options: ConsoleOptions): Promise<RunningConsole> {
  const { system, host, port, isReadOnly = false } = options
  const files = await readWebFiles(system.disk, webDirectory)
  const agents = new Agents(options.agents, system.clock)
  const clusters = new ClusterList(options.clusters, options.zookeeper ?? null, system)
  const server = serverOf({ agents, clusters, files, isReadOnly, doorkeeper: localUser() })
  const close = async () => {
    agents.stop()
    await server.close()
    clusters.close()
  }
  try {
    await server.listen({ host, port })
  } catch (error) {
    await close()
    throw listenFault(error, { host, port })
  }
  const bound = (server.server.address() as AddressInfo).port
  // The first look may take as long as an agent that does not answer.
  agents.start()
  clusters.start()
  return { url: `http://${whereOf({ host, port: bound })}/`, [Symbol.asyncDispose]: close }
}
