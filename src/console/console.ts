// The console: looks at agents and Kafka clusters, and serves what it sees to browsers.
import type { Server as SecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { listenFault, whereOf } from '../address.ts'
import type { ClientSystem } from '../kafka-client/connection/connection.ts'
import { silentLogger, type Logger } from '../observe/log.ts'
import type { Disk } from '../system/disk.ts'
import { Audit } from './access/audit.ts'
import { Access } from './access/access.ts'
import type { Users } from './access/users.ts'
import { Agents, type AgentsOptions } from './agents.ts'
import { ClusterList, type ZooKeeperOptions } from './cluster-list.ts'
import type { ClusterOptions } from './clusters.ts'
import { Lags } from './lags.ts'
import { serverOf } from './server.ts'
import { consoleDefaults, type ConsoleSettings } from './settings.ts'
import { readWebFiles } from './web-files.ts'

export interface ConsoleOptions {
  readonly agents: AgentsOptions
  readonly clusters: readonly ClusterOptions[]
  readonly zookeeper?: ZooKeeperOptions | null
  /** Who may log in where settings name no users file; null: whoever has an account on this machine may do everything. */
  readonly users?: Users | null
  /** The defaults where absent. */
  readonly settings?: Partial<ConsoleSettings>
  readonly log?: Logger
  readonly system: ClientSystem & { readonly disk: Disk }
}

export interface RunningConsole extends AsyncDisposable {
  readonly url: string
  /** Reads the users file and the certificate again, where they have changed. */
  look(): Promise<void>
}

/** Where the browser program is built: beside src/ and dist/. */
const webDirectory = fileURLToPath(new URL('../../web/dist', import.meta.url))

/** Rejects with ADDRESS_IN_USE, ADDRESS, DISK, TLS or AUTHENTICATION; nothing is left open then. */
export async function startConsole(options: ConsoleOptions): Promise<RunningConsole> {
  const { system, log = silentLogger } = options
  const { disk, clock } = system
  const settings: ConsoleSettings = { ...consoleDefaults, ...options.settings }
  const { host, port } = settings
  const files = await readWebFiles(disk, webDirectory)
  const access = await Access.open(settings, { disk, clock, log }, options.users ?? null)
  const { certificate } = access
  const audit = new Audit({ disk, clock, log, path: settings['audit.file'] ?? null })
  await audit.open()
  const clusters = new ClusterList(options.clusters, options.zookeeper ?? null, system)
  const lags = new Lags(clusters, clock)
  const agents = new Agents(options.agents, clock, { lagOf: lags.of })
  const server = serverOf({
    agents,
    clusters,
    files,
    isReadOnly: settings['read.only'],
    login: access.login,
    doorkeeper: access.doorkeeper,
    names: access.names,
    isProxy: access.isProxy,
    certificate,
    audit,
    masks: settings.masks,
  })
  access.onCertificate = ({ options: replaced }) =>
    (server.server as unknown as SecureServer).setSecureContext(replaced)
  const close = async () => {
    access.stop()
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
  return {
    url: `${certificate === null ? 'http' : 'https'}://${whereOf({ host, port: bound })}/`,
    look: () => access.look(),
    [Symbol.asyncDispose]: close,
  }
}
