// An agent announces itself on its machine: a socket for its own user, on which it serves all of its pages, events
// included. `millrace console`, `millrace top` and `millrace tap` find it there. What serves the pages is loaded when
// somebody looks for the first time.
import type { Server } from 'node:http'
import { messageOf } from '../errors.ts'
import { listenForOwnUser } from '../system/own-sockets.ts'
import type { PageParts } from './http-door.ts'

/** Resolves with what ends it; null where there is no place for it, which is no reason for an agent not to run. */
export async function announce(
  parts: Omit<PageParts, 'refusal'>,
): Promise<{ readonly path: string; close(): Promise<void> } | null> {
  let loaded: Promise<Server> | undefined
  const pages = () =>
    (loaded ??= import('./http-door.ts').then(door => door.pageServer({ ...parts, refusal: () => null })))
  try {
    const listening = await listenForOwnUser(socket => {
      pages().then(
        server => server.emit('connection', socket),
        error => {
          loaded = undefined
          socket.destroy()
          parts.log.warn(`nobody can look at the agent: ${messageOf(error)}`)
        },
      )
    })
    parts.log.debug(`announced at ${listening.path}`)
    return listening
  } catch (error) {
    parts.log.info(
      `the agent is not announced to millrace console on this machine: ${messageOf(error)}; --agents finds it by flume.monitoring`,
    )
    return null
  }
}
