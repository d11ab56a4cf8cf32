// Stands between a client and a server on real sockets and does to their connections what a test says:
// delays, trickles, cuts at an exact byte with FIN or RST, swallows one direction, goes silent, refuses.
// Everything can be switched while it runs. With `framing: 'kafka'` a fault is chosen for each request
// and each answer by its API; without framing for each connection and direction.
//
//   await using proxy = await new FaultProxy({ target: port }).start()
//   proxy.faults = stream => (stream.direction === 'up' ? { at: 17, how: 'rst' } : null)
//   proxy.delayMs.down = 200
//   await proxy.refuse(); await proxy.accept()
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises'

/** `up`: from client to server. */
export type Direction = 'up' | 'down'

/** What is about to pass: a frame of the framing, or all bytes of one direction of a connection. */
export interface Passage {
  readonly direction: Direction
  /** Connections are counted from 1. */
  readonly connection: number
  /** Kafka's API key of the request, or of the request that is answered; -1 without framing. */
  readonly api: number
  /** Bytes of the frame, its length field included; Infinity without framing. */
  readonly bytes: number
}

export interface ProxyFault {
  /** So many bytes of the passage still pass. */
  readonly at: number
  /**
   * `fin` and `rst` end the connection on both sides. `swallow` drops what follows in this direction, the
   * other goes on; `silence` drops it in both. Neither ends the connection.
   */
  readonly how: 'fin' | 'rst' | 'swallow' | 'silence'
}

export interface ProxyOptions {
  readonly framing?: 'none' | 'kafka'
  /** Port of the server; may be set later. */
  readonly target?: number
  /** Port to listen on; a free one where absent. */
  readonly port?: number
}

/** Bytes held in one direction before the sender is made to wait. */
const heldBytes = 256 * 1024

export class FaultProxy implements AsyncDisposable {
  framing: 'none' | 'kafka'
  port: number
  target: number
  /** Asked for every passage; null lets it pass. */
  faults: (passage: Passage) => ProxyFault | null = () => null
  /** Every byte of a direction arrives so much later. */
  readonly delayMs: Record<Direction, number> = { up: 0, down: 0 }
  /** Bytes are passed on in pieces of this size, `pauseMs` apart. */
  readonly piece: Record<Direction, { bytes: number; pauseMs: number }> = {
    up: { bytes: Infinity, pauseMs: 0 },
    down: { bytes: Infinity, pauseMs: 0 },
  }
  /** New connections are accepted and nothing else: neither read nor connected on. */
  isDeaf = false
  /** Connections accepted so far. */
  connections = 0
  /** Connections ended by a fault or by cut. */
  cuts = 0
  readonly #server: Server
  readonly #open = new Set<ProxiedConnection>()
  #isHeld = false
  #whenReleased: (() => void)[] = []

  constructor({ framing = 'none', target = 0, port = 0 }: ProxyOptions = {}) {
    this.framing = framing
    this.target = target
    this.port = port
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, socket => this.#accepted(socket))
  }

  async start(): Promise<this> {
    await this.accept()
    return this
  }

  /** Listens (again) on its port. */
  async accept(): Promise<void> {
    this.#server.listen(this.port, '127.0.0.1')
    await once(this.#server, 'listening')
    this.port = (this.#server.address() as AddressInfo).port
  }

  /** Resets what is open; connecting is refused until accept. */
  async refuse(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.cut('rst')
    await closed
  }

  get open(): number {
    return this.#open.size
  }

  /** Ends every open connection. */
  cut(how: 'fin' | 'rst' = 'fin'): void {
    for (const connection of this.#open) connection.end(how)
  }

  /** Nothing passes in either direction and nothing is lost, as where a cable is pulled, until `release`. */
  hold(): void {
    this.#isHeld = true
  }

  release(): void {
    this.#isHeld = false
    for (const go of this.#whenReleased.splice(0)) go()
  }

  /** Resolves when nothing is held. */
  async released(): Promise<void> {
    while (this.#isHeld) await new Promise<void>(resolve => this.#whenReleased.push(resolve))
  }

  #accepted(socket: Socket): void {
    this.connections++
    const connection = new ProxiedConnection(this, socket, this.connections, () =>
      this.#open.delete(connection),
    )
    this.#open.add(connection)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.release()
    const closed = this.#server.listening ? once(this.#server, 'close') : null
    if (closed !== null) this.#server.close()
    for (const connection of this.#open) connection.destroy()
    await closed
  }
}

class ProxiedConnection {
  readonly proxy: FaultProxy
  readonly number: number
  /** API of each Kafka request under way, by its correlation id. */
  readonly apis = new Map<number, number>()
  readonly #sockets: readonly Socket[]
  readonly #lanes: readonly Lane[]
  readonly #onClosed: () => void
  #isOver = false

  constructor(proxy: FaultProxy, here: Socket, number: number, onClosed: () => void) {
    this.proxy = proxy
    this.number = number
    this.#onClosed = onClosed
    here.on('error', () => {})
    here.on('close', () => this.destroy())
    if (proxy.isDeaf) {
      this.#sockets = [here]
      this.#lanes = []
      return
    }
    const there = connect({ port: proxy.target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    this.#sockets = [here, there]
    there.on('error', () => this.end('rst'))
    there.on('close', () => this.destroy())
    this.#lanes = [new Lane(this, 'up', here, there), new Lane(this, 'down', there, here)]
  }

  get isOver(): boolean {
    return this.#isOver
  }

  silence(): void {
    for (const lane of this.#lanes) lane.isSwallowing = true
  }

  end(how: 'fin' | 'rst'): void {
    if (this.#isOver) return
    this.#isOver = true
    this.proxy.cuts++
    if (how === 'rst') for (const socket of this.#sockets) socket.resetAndDestroy()
    // What still comes is read and dropped: closing a socket with bytes unread would be a reset.
    else
      for (const socket of this.#sockets) {
        socket.end()
        socket.resume()
      }
  }

  destroy(): void {
    this.#isOver = true
    for (const socket of this.#sockets) socket.destroy()
    for (const lane of this.#lanes) lane.wake()
    this.#onClosed()
  }
}

interface Held {
  readonly bytes: Buffer
  readonly dueAt: number
  /** Done when the bytes have left. */
  readonly how: ProxyFault['how'] | 'end' | null
}

/** One direction of one connection. */
class Lane {
  isSwallowing = false
  readonly #connection: ProxiedConnection
  readonly #direction: Direction
  readonly #from: Socket
  readonly #to: Socket
  readonly #held: Held[] = []
  #heldBytes = 0
  #head = Buffer.alloc(0)
  /** Bytes of the passage under way that are still to come, and that have passed. */
  #left = 0
  #passed = 0
  #fault: ProxyFault | null = null
  #wake = () => {}

  constructor(connection: ProxiedConnection, direction: Direction, from: Socket, to: Socket) {
    this.#connection = connection
    this.#direction = direction
    this.#from = from
    this.#to = to
    from.on('data', (chunk: Buffer) => this.#take(chunk))
    from.on('end', () => this.#hold(Buffer.alloc(0), 'end'))
    if (connection.proxy.framing === 'none') this.#begin(-1, Infinity)
    void this.#run()
  }

  wake(): void {
    this.#wake()
  }

  #take(chunk: Buffer): void {
    if (this.isSwallowing) return
    for (let rest = chunk; rest.length > 0 && !this.isSwallowing;) {
      if (this.#left === 0) {
        const need = (this.#direction === 'up' ? 12 : 8) - this.#head.length
        this.#head = Buffer.concat([this.#head, rest.subarray(0, need)])
        if (rest.length < need) return
        rest = rest.subarray(need)
        const head = this.#head
        this.#head = Buffer.alloc(0)
        this.#begin(this.#apiOf(head), 4 + head.readInt32BE(0))
        this.#pass(head)
        continue
      }
      const part = rest.subarray(0, Math.min(rest.length, this.#left))
      rest = rest.subarray(part.length)
      this.#pass(part)
    }
  }

  /** Requests name their API behind the length; answers only repeat the request's correlation id. */
  #apiOf(head: Buffer): number {
    const { apis } = this.#connection
    if (this.#direction === 'up') {
      apis.set(head.readInt32BE(8), head.readInt16BE(4))
      return head.readInt16BE(4)
    }
    const id = head.readInt32BE(4)
    const api = apis.get(id) ?? -1
    apis.delete(id)
    return api
  }

  #begin(api: number, bytes: number): void {
    const { proxy, number } = this.#connection
    this.#left = bytes
    this.#passed = 0
    this.#fault = proxy.faults({ direction: this.#direction, connection: number, api, bytes })
    if (this.#fault?.at === 0) this.#pass(Buffer.alloc(0))
  }

  #pass(bytes: Buffer): void {
    if (this.isSwallowing) return
    this.#left -= bytes.length
    const fault = this.#fault
    const room = fault === null ? Infinity : fault.at - this.#passed
    this.#passed += bytes.length
    if (fault === null || bytes.length < room) return this.#hold(bytes, null)
    this.isSwallowing = true
    this.#hold(bytes.subarray(0, room), fault.how)
  }

  #hold(bytes: Buffer, how: Held['how']): void {
    const dueAt = performance.now() + this.#connection.proxy.delayMs[this.#direction]
    this.#held.push({ bytes, dueAt, how })
    this.#heldBytes += bytes.length
    if (this.#heldBytes > heldBytes) this.#from.pause()
    this.#wake()
  }

  async #run(): Promise<void> {
    const connection = this.#connection
    const { proxy } = connection
    while (!connection.isOver) {
      const next = this.#held.shift()
      if (next === undefined) {
        await new Promise<void>(resolve => (this.#wake = resolve))
        continue
      }
      const earlyMs = next.dueAt - performance.now()
      if (earlyMs > 0) await delay(earlyMs)
      await proxy.released()
      await this.#forward(next.bytes)
      this.#heldBytes -= next.bytes.length
      if (this.#heldBytes <= heldBytes && this.#from.isPaused()) this.#from.resume()
      if (next.how === 'end') this.#to.end()
      else if (next.how === 'silence') connection.silence()
      else if (next.how === 'fin' || next.how === 'rst') connection.end(next.how)
    }
  }

  async #forward(bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length && !this.#connection.isOver;) {
      const { bytes: size, pauseMs } = this.#connection.proxy.piece[this.#direction]
      const piece = bytes.subarray(at, at + size)
      at += piece.length
      await new Promise<void>(resolve => this.#to.write(piece, () => resolve()))
      if (at < bytes.length) await (pauseMs > 0 ? delay(pauseMs) : turn())
    }
  }
}
