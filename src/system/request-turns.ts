// Turns of an HTTP server: a connection may carry a thousand requests in one piece, which Node hands over in one turn of
// the event loop. They are begun one after another, and nothing more is read from the connection while one waits.
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock } from './clock.ts'
import { Pace } from './pace.ts'

/** Requests of a connection that are begun in one turn: their work comes after all of the piece has been handed over. */
const begunAtOnce = 16

export class RequestTurns {
  readonly #clock: Clock
  readonly #pace: Pace
  /** How many requests of a connection were begun in this turn. */
  readonly #begun = new Map<Socket, number>()
  /** How many requests of a connection wait. */
  readonly #waiting = new WeakMap<Socket, number>()

  constructor(clock: Clock) {
    this.#clock = clock
    this.#pace = new Pace(clock)
  }

  /** Resolves when the request may be begun. */
  async begin({ socket }: IncomingMessage): Promise<void> {
    if (!this.#pace.isAwaited && !this.#pace.isOver) {
      const begun = this.#begun.get(socket) ?? 0
      if (this.#begun.size === 0) this.#clock.soon(() => this.#begun.clear())
      this.#begun.set(socket, begun + 1)
      if (begun < begunAtOnce) return
    }
    const waiting = this.#waiting.get(socket) ?? 0
    this.#waiting.set(socket, waiting + 1)
    if (waiting === 0) {
      socket.pause()
      // Whoever reads the body of a request resumes its connection: not now, and it has come already.
      socket.resume = () => socket
    }
    await this.#pace.turn()
    const left = this.#waiting.get(socket)! - 1
    this.#waiting.set(socket, left)
    if (left > 0) return
    delete (socket as Partial<Socket>).resume
    socket.resume()
  }
}
