// The broker's listeners: all of them are open, or none. What each accepts is handed on with the address that
// its clients are told to connect to.
import type { Logger } from '../observe/log.ts'
import { wantsOtherPort, type Address } from '../address.ts'
import { Fault } from '../errors.ts'
import type { Connection, Listener, Network } from '../system/network.ts'
import { isEverywhere, type ListenerSettings } from './listener-settings.ts'

export interface Accepted extends Connection {
  readonly listener: ListenerSettings
  readonly advertised: Address
}

interface Open {
  readonly settings: ListenerSettings
  readonly listener: Listener
}

export class Listeners {
  readonly #network: Network
  readonly #log: Logger
  #open: Open[] = []

  /** `log` is told of connections that are refused, as often as clients like. */
  constructor(network: Network, log: Logger) {
    this.#network = network
    this.#log = log
  }

  /** Rejects with ADDRESS or ADDRESS_IN_USE; nothing stays open then. */
  async open(listeners: readonly ListenerSettings[], accept: (accepted: Accepted) => void): Promise<void> {
    for (const settings of listeners) {
      const listener: Listener = await this.#listen(settings, connection =>
        accept({ ...connection, listener: settings, advertised: this.#advertised(settings, listener.port) }),
      )
      this.#open.push({ settings, listener })
    }
  }

  /** The port of the first one, or of the one of this name; 0 where it is not open. */
  portOf(name?: string): number {
    const found = name === undefined ? this.#open[0] : this.#open.find(one => one.settings.name === name)
    return found?.listener.port ?? 0
  }

  /** Accepts no more. */
  async close(): Promise<void> {
    await Promise.all(this.#open.splice(0).map(({ listener }) => listener.close()))
  }

  async #listen(
    { host, port, backlog, name }: ListenerSettings,
    accept: (connection: Connection) => void,
  ): Promise<Listener> {
    try {
      const refused = (remote: string) =>
        this.#log.warn(
          `connection from ${remote} to ${name} closed: the limit of open files is reached. The client can reconnect when another connection closes. Raise the limit (ulimit -n)`,
        )
      return await this.#network.listen({ host, port, backlog, refused }, accept)
    } catch (error) {
      await this.close()
      if (!(error instanceof Fault) || error.code !== 'ADDRESS') throw error
      const remedy = wantsOtherPort(error)
        ? 'set port (or listeners) to a port from 1024 on, or give the broker the right to use lower ones'
        : 'set host.name (or listeners) to one of its own, 127.0.0.1 for this machine alone'
      throw new Fault('ADDRESS', `${error.message}: ${remedy}`, { cause: error.cause })
    }
  }

  #advertised({ host, advertised }: ListenerSettings, port: number): Address {
    if (advertised !== null)
      return { host: advertised.host || this.#network.hostName(), port: advertised.port || port }
    return { host: isEverywhere(host) ? this.#network.hostName() : host, port }
  }
}
