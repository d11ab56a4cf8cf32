// The pages of one agent, asked by its address or on its socket on this machine; real Flume by its /metrics.
import { Fault } from '../errors.ts'
import type { Peek, TapSample } from '../observe/event-view.ts'
import type { Clock } from '../system/clock.ts'
import { sendHttp, streamHttp, type HttpRequest } from '../system/https-request.ts'
import { findLeft, ownSockets, type OwnSocket } from '../system/own-sockets.ts'
import { readMetrics, readPeek, readSample, readSnapshot } from './agent-answers.ts'
import { FlumeAgent } from './flume-agent.ts'
import type { SeenSnapshot } from './flow.ts'

export { findLeft, ownSockets, type OwnSocket }

const patienceMs = 2000
/** Of one sample of events. */
const mostSampleChars = 1_048_576

export class AgentPages {
  /** host:port, or a name where it is only known by its socket. */
  readonly address: string
  /** Whether it is known because it has announced itself. */
  readonly isAnnounced: boolean
  /** The agent's own socket, on which it shows its events. */
  socket: OwnSocket | null
  #flume: FlumeAgent | null = null

  constructor(address: string, socket: OwnSocket | null = null) {
    this.address = address
    this.isAnnounced = socket !== null
    this.socket = socket
  }

  get isFlume(): boolean {
    return this.#flume !== null
  }

  /** Rejects with a Fault that names the address. */
  async snapshot(clock: Clock): Promise<SeenSnapshot> {
    if (this.#flume === null) {
      const answer = await sendHttp(this.#request('/snapshot', this.isAnnounced))
      // A Flume answers with a page of its own for every path but /metrics.
      const snapshot = answer.status === 200 ? readSnapshot(answer.body) : null
      if (snapshot !== null) return snapshot
      if (answer.status === 403) throw new Fault('PEER_REFUSED', `${this.address}: ${answer.body.trim()}`)
    }
    const answer = await sendHttp(this.#request('/metrics', this.isAnnounced))
    const metrics = answer.status === 200 ? readMetrics(answer.body) : null
    if (metrics === null) throw this.#stranger()
    const flume = (this.#flume ??= new FlumeAgent(this.address))
    return flume.snapshot(metrics, clock)
  }

  /** The oldest events of a channel. Rejects with a Fault: PEER_REFUSED with what the agent answers. */
  async peek(channel: string, events: number): Promise<Peek> {
    const query = new URLSearchParams({ channel, events: String(events) })
    const { status, body } = await sendHttp(this.#request(`/peek?${query}`, true))
    if (status !== 200) throw this.#refusal(status, body)
    const peek = readPeek(body)
    if (peek === null) throw this.#stranger()
    return peek
  }

  /** Samples of the events that pass an edge, until the signal ends it. Rejects as `peek` does. */
  async *tap(from: string, to: string, signal: AbortSignal): AsyncGenerator<TapSample> {
    const query = new URLSearchParams({ from, to })
    const { status, pieces } = await streamHttp({ ...this.#request(`/tap?${query}`, true), signal })
    let text = ''
    for await (const piece of pieces) {
      text += piece
      if (status !== 200) continue
      const events = text.split('\n\n')
      text = events.pop()!
      if (text.length > mostSampleChars) throw this.#stranger()
      for (const event of events) {
        const data = /^data: (.*)$/m.exec(event)?.[1]
        if (data === undefined) continue
        const sample = readSample(data)
        if (sample === null) throw this.#stranger()
        yield sample
      }
    }
    if (status !== 200) throw this.#refusal(status, text)
  }

  #stranger(): Fault {
    return new Fault('PROTOCOL', `${this.address} answers, but not as an agent's monitoring page does`)
  }

  #refusal(status: number, body: string): Fault {
    const why = status === 404 && this.isFlume ? 'a Flume does not show its events' : body.trim()
    return new Fault('PEER_REFUSED', `agent ${this.address}: ${why}`, { remedy: '' })
  }

  #request(path: string, onSocket: boolean): HttpRequest {
    const socketPath = onSocket ? this.socket?.path : undefined
    const host = socketPath === undefined ? this.address : 'localhost'
    return {
      url: `http://${host}${path}`,
      method: 'GET',
      headers: {},
      timeoutMs: patienceMs,
      isPublic: true,
      ...(socketPath === undefined ? {} : { socketPath }),
    }
  }
}
