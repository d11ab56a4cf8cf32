// A broker of a test's own making: a real socket that speaks Kafka's protocol and answers what the test
// says, or nothing. For what real brokers do too seldom, or not at the right moment.
import { once } from 'node:events'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import type { Api, RequestOf, ResponseInputOf } from '../src/wire/kafka/api.ts'
import { apiVersions } from '../src/wire/kafka/messages/api-versions.ts'
import { metadata } from '../src/wire/kafka/messages/metadata.ts'
import { realSystem } from '../src/system/system.ts'

/** `silent`: no answer, ever. `close`: the connection is ended in place of an answer. */
export type Answer<A> = ResponseInputOf<A> | 'silent' | 'close'

interface Known {
  readonly api: Api
  readonly minVersion: number
  readonly maxVersion: number
  readonly answer: (body: never, version: number) => Answer<Api> | Promise<Answer<Api>>
}

export interface Asked {
  readonly name: string
  readonly version: number
  readonly body: unknown
}

export class ScriptedBroker implements AsyncDisposable {
  readonly #known = new Map<number, Known>()
  readonly #sockets = new Set<Socket>()
  #server: Server | null = null
  port = 0
  /** Every request, but for ApiVersions. */
  readonly asked: Asked[] = []
  /** Connections ever accepted. */
  connections = 0
  /** Takes connections and answers nothing on any of them. */
  isSilent = false
  /** Changes what it is about to say. */
  tamper: (api: string, answer: Answer<Api>) => Answer<Api> = (_, answer) => answer
  /** Changes the bytes of what it is about to say. */
  tamperBytes: (api: string, bytes: Buffer) => Buffer = (_, bytes) => bytes

  async start(port = 0): Promise<this> {
    this.#server = createServer({ noDelay: true }, socket => this.#serve(socket))
    this.#server.listen(port, '127.0.0.1')
    await once(this.#server, 'listening')
    this.port = (this.#server.address() as AddressInfo).port
    return this
  }

  get address(): { host: string; port: number } {
    return { host: '127.0.0.1', port: this.port }
  }

  get bootstrap(): string {
    return `127.0.0.1:${this.port}`
  }

  /** What it says to requests of an API, in the versions given; the last word counts. */
  on<A extends Api>(
    api: A,
    answer: (body: RequestOf<A>, version: number) => Answer<A> | Promise<Answer<A>>,
    [minVersion, maxVersion]: readonly [number, number] = [api.minVersion, api.maxVersion],
  ): this {
    this.#known.set(api.key, { api, minVersion, maxVersion, answer: answer as Known['answer'] })
    return this
  }

  /** As a process that is killed: connections are reset, new ones refused. */
  async stop(): Promise<void> {
    const server = this.#server
    this.#server = null
    if (server === null) return
    const closed = once(server, 'close')
    server.close()
    for (const socket of this.#sockets) socket.resetAndDestroy()
    await closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  #serve(socket: Socket): void {
    this.connections++
    this.#sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => this.#sockets.delete(socket))
    let rest = Buffer.alloc(0)
    // One after another, as brokers do.
    let before: Promise<void> = Promise.resolve()
    socket.on('data', chunk => {
      rest = Buffer.concat([rest, chunk])
      while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
        const request = rest.subarray(4, 4 + rest.readInt32BE(0))
        rest = rest.subarray(4 + request.length)
        before = before.then(() => this.#answer(socket, request)).catch(() => void socket.destroy())
      }
    })
  }

  async #answer(socket: Socket, request: Buffer): Promise<void> {
    const [key, version, correlationId] = [
      request.readInt16BE(0),
      request.readInt16BE(2),
      request.readInt32BE(4),
    ]
    if (this.isSilent) return
    if (key === apiVersions.key) {
      const apiKeys = [
        { apiKey: apiVersions.key, minVersion: 0, maxVersion: 3 },
        ...[...this.#known.values()].map(({ api, minVersion, maxVersion }) => ({
          apiKey: api.key,
          minVersion,
          maxVersion,
        })),
      ]
      const told = this.tamper(apiVersions.name, { errorCode: 0, apiKeys })
      if (told === 'close') socket.destroy()
      else if (told !== 'silent')
        // Who does not know the version asked for answers in the first.
        socket.write(
          apiVersions.encodeResponse({
            version: (told as { errorCode: number }).errorCode === 35 ? 0 : version,
            correlationId,
            body: told as never,
          }),
        )
      return
    }
    const known = this.#known.get(key)
    if (known === undefined) return void socket.destroy()
    const { body } = known.api.decodeRequest(version, request)
    this.asked.push({ name: known.api.name, version, body })
    const answer = this.tamper(known.api.name, await known.answer(body as never, version))
    if (answer === 'close') socket.destroy()
    else if (answer !== 'silent' && socket.writable)
      socket.write(
        this.tamperBytes(known.api.name, known.api.encodeResponse({ version, correlationId, body: answer })),
      )
  }
}

export interface TopicScript {
  readonly errorCode?: number
  readonly id?: string
  /** Leaders by partition; with an epoch as [leader, epoch]. */
  readonly leaders: readonly (number | readonly [leader: number, epoch: number])[]
}

/** Has brokers, numbered from 0 on, tell of each other and of topics. Unknown topics are said to be unknown. */
export function metadataOf(
  brokers: readonly { host: string; port: number }[],
  topics: Readonly<Record<string, TopicScript>>,
) {
  return ({ topics: asked }: RequestOf<typeof metadata>): ResponseInputOf<typeof metadata> => ({
    brokers: brokers.map(({ host, port }, nodeId) => ({ nodeId, host, port })),
    controllerId: 0,
    topics: (asked?.map(({ name }) => name!) ?? Object.keys(topics)).map(name => {
      const topic = topics[name]
      return {
        errorCode: topic === undefined ? 3 : (topic.errorCode ?? 0),
        name,
        ...(topic?.id === undefined ? {} : { topicId: topic.id }),
        partitions: (topic?.leaders ?? []).map((given, partitionIndex) => {
          const [leaderId, leaderEpoch] = typeof given === 'number' ? [given, 0] : given
          return {
            errorCode: leaderId === -1 ? 5 : 0,
            partitionIndex,
            leaderId,
            leaderEpoch,
            replicaNodes: [],
            isrNodes: [],
          }
        }),
      }
    }),
  })
}

/** Most real ms that a hurried clock goes on by in one turn of the event loop. */
const mostOfTurnMs = 4

/**
 * The real system, its clock so many times faster: what takes a minute is seen in a second or two. A machine that is
 * slow does not make it fast: however long a turn of the event loop takes, no more than `mostOfTurnMs` passes in it, so
 * that answers are there before the time-outs of those who wait for them.
 */
export function hurriedSystem(times: number): typeof realSystem {
  const waiting = new Set<{ at: number; run: () => void; isBackground: boolean }>()
  let now = 0
  let lookedAt = performance.now()
  let beat: NodeJS.Timeout | null = null
  const look = (): number => {
    const before = lookedAt
    lookedAt = performance.now()
    return (now += Math.min(lookedAt - before, mostOfTurnMs) * times)
  }
  const goOn = (): void => {
    look()
    for (const one of [...waiting].filter(({ at }) => at <= now).sort((a, b) => a.at - b.at))
      if (waiting.delete(one)) one.run()
    keepUp()
  }
  const keepUp = (): void => {
    if (waiting.size === 0) {
      clearInterval(beat ?? undefined)
      beat = null
      return
    }
    beat ??= setInterval(goOn, 1)
    if ([...waiting].every(({ isBackground }) => isBackground)) beat.unref()
    else beat.ref()
  }
  const { clock } = realSystem
  const hurried: typeof clock = {
    ...clock,
    monotonic: look,
    after(delayMs, run, { background: isBackground = false } = {}) {
      const one = { at: look() + delayMs, run, isBackground }
      waiting.add(one)
      keepUp()
      return { cancel: () => void waiting.delete(one) }
    },
    sleep: (delayMs, signal) =>
      new Promise(resolve => {
        if (signal?.aborted === true) return resolve()
        const done = (): void => {
          timer.cancel()
          signal?.removeEventListener('abort', done)
          resolve()
        }
        const timer = hurried.after(delayMs, done)
        signal?.addEventListener('abort', done, { once: true })
      }),
  }
  return { ...realSystem, clock: hurried }
}
