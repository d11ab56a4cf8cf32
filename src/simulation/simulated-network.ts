// A network in simulated time: connections with latency and bandwidth, whose bytes arrive in pieces of any size;
// cuts at any byte, resets, silence, partitions between machines, listeners that come and go. What TCP promises
// holds: bytes arrive in order and unchanged, and a write that was taken may never arrive.
import { Duplex } from 'node:stream'
import { whereOf } from '../address.ts'
import { Fault } from '../errors.ts'
import { DeflatedStream } from '../system/compression.ts'
import type { Connection, Listener, Network } from '../system/network.ts'
import type { Schedule } from './schedule.ts'
import type { SeededRandom } from './seeded-random.ts'

export interface NetworkCharacter {
  /** Least and most one-way delay of a piece, ms. */
  readonly latencyMs: readonly [least: number, most: number]
  readonly bytesPerMs: number
  /** Probability that a write arrives in several pieces. */
  readonly pieces: number
  /** Bytes under way in one direction before a writer has to wait. */
  readonly windowBytes: number
}

export type Cut = 'reset' | 'silence' | 'end'

const end = Symbol('end of the stream')
const reset = Symbol('reset')
type Item = { readonly at: number; readonly what: Buffer | typeof end | typeof reset }

/** What the network knows of a machine, and of a program on it. */
export interface NetworkMachine {
  readonly name: string
  readonly isOn: boolean
}
export interface NetworkProgram {
  readonly machine: NetworkMachine
  readonly isAlive: boolean
  /** `run` as the program would: not while it is paused, not at all once it is dead. */
  guard(run: () => void): () => void
}

/** What an accepting program is given for each connection. */
interface Listening {
  readonly program: NetworkProgram
  readonly halfOpen: boolean
  readonly accept: (connection: Connection) => void
}

/** One end of a connection, as its program sees it. */
class SimulatedSocket extends Duplex {
  readonly program: NetworkProgram
  readonly out: Pipe
  #wantsMore = false
  #arrived: (Buffer | null)[] = []
  /** Closed here, or reset by the other side: what still arrives is answered with a reset. */
  isGone = false
  /** Whether its program has it: one that is reset before that is never seen there. */
  isAccepted = false

  constructor(program: NetworkProgram, out: Pipe, allowHalfOpen: boolean) {
    super({ allowHalfOpen })
    this.program = program
    this.out = out
  }

  get unreadBytes(): number {
    return this.#arrived.reduce((sum, one) => sum + (one?.length ?? 0), 0)
  }

  /** The machine has the bytes; the program sees them when it reads. Null: nothing more comes. */
  arrive(bytes: Buffer | null): void {
    this.#arrived.push(bytes)
    this.#give()
  }

  fail(code: string): void {
    this.isGone = true
    this.#arrived = []
    if (!this.isAccepted) return
    this.destroy(Object.assign(new Error(`simulated ${code}`), { code }))
  }

  override _read(): void {
    this.#wantsMore = true
    this.#give()
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.out.send(Buffer.from(chunk), done)
  }

  override _writev(chunks: readonly { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.out.send(Buffer.concat(chunks.map(({ chunk }) => chunk)), done)
  }

  override _final(done: () => void): void {
    this.out.finish(end)
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.isGone) {
      this.isGone = true
      // As the kernel does where bytes that were received are never read.
      this.out.finish(this.unreadBytes > 0 ? reset : end)
    }
    done(error)
  }

  #give(): void {
    while (this.#wantsMore && this.#arrived.length > 0) {
      const next = this.#arrived.shift()!
      if (next !== null) this.out.other.read(next.length)
      this.#wantsMore = this.push(next)
    }
  }
}

/** One direction of a connection. */
class Pipe {
  readonly #network: SimulatedNetwork
  readonly #link: Link
  /** The other direction. */
  other!: Pipe
  target!: SimulatedSocket
  #items: Item[] = []
  #lastAt = 0
  #unreadBytes = 0
  #isFinished = false
  #waiting: (() => void)[] = []

  constructor(network: SimulatedNetwork, link: Link) {
    this.#network = network
    this.#link = link
  }

  send(bytes: Buffer, done: (error?: Error | null) => void): void {
    const { random, character } = this.#network
    let from = 0
    while (from < bytes.length) {
      const left = bytes.length - from
      const size = left > 1 && random.chance(character.pieces) ? 1 + random.below(left) : left
      this.#add(bytes.subarray(from, from + size), size / character.bytesPerMs)
      from += size
    }
    this.#unreadBytes += bytes.length
    if (this.#unreadBytes <= character.windowBytes) done()
    else this.#waiting.push(this.#guarded(done))
  }

  /** The program at the other end has read so many bytes. */
  read(bytes: number): void {
    this.#unreadBytes -= bytes
    if (this.#unreadBytes > this.#network.character.windowBytes) return
    for (const run of this.#waiting.splice(0)) this.#network.schedule.after(0, run)
  }

  finish(how: typeof end | typeof reset): void {
    if (this.#isFinished && how === end) return
    this.#isFinished = true
    this.#add(how, 0)
  }

  /** Gives what is due, as far as the link lets it through. */
  #pump(): void {
    const { schedule } = this.#network
    while (this.#items.length > 0 && this.#items[0]!.at <= schedule.now) {
      if (!this.#link.isOpen) return
      const { what } = this.#items.shift()!
      if (what === reset) this.target.fail('ECONNRESET')
      else if (this.target.isGone || !this.target.program.isAlive) {
        // Nobody is there any more: the sender's machine hears of it.
        if (what !== end && !this.other.target.isGone) this.other.finish(reset)
      } else if (what === end) this.target.arrive(null)
      else {
        schedule.note(what.length)
        const cutAt = this.#link.bytesUntilCut(what.length)
        if (cutAt === null) this.target.arrive(what)
        else {
          if (cutAt > 0) this.target.arrive(what.subarray(0, cutAt))
          return this.#link.cut()
        }
      }
    }
  }

  #add(what: Item['what'], takesMs: number): void {
    const { schedule, random, character } = this.#network
    const [least, most] = character.latencyMs
    const at = Math.max(this.#lastAt, schedule.now + least + random.next() * (most - least)) + takesMs
    this.#lastAt = at
    this.#items.push({ at, what })
    schedule.after(at - schedule.now, () => this.pumpOnceAwake())
  }

  /** A stopped process sees nothing until it goes on. */
  pumpOnceAwake(): void {
    const { program } = this.target
    if (program.isAlive) program.guard(() => this.#pump())()
    else this.#pump()
  }

  #guarded(done: (error?: Error | null) => void): () => void {
    return this.other.target.program.guard(() => done())
  }
}

/** A connection between two programs. */
export class Link {
  readonly #network: SimulatedNetwork
  readonly machines: readonly [NetworkMachine, NetworkMachine]
  readonly pipes: readonly [Pipe, Pipe]
  readonly sockets: readonly [SimulatedSocket, SimulatedSocket]
  #isSilent = false
  #cutAfterBytes = Infinity
  #cutBy: Cut = 'reset'

  constructor(network: SimulatedNetwork, from: NetworkProgram, to: NetworkProgram, halfOpen: boolean) {
    this.#network = network
    this.machines = [from.machine, to.machine]
    this.pipes = [new Pipe(network, this), new Pipe(network, this)]
    const [there, back] = this.pipes
    there.other = back
    back.other = there
    this.sockets = [new SimulatedSocket(from, there, false), new SimulatedSocket(to, back, halfOpen)]
    there.target = this.sockets[1]
    back.target = this.sockets[0]
  }

  get isOpen(): boolean {
    const [one, other] = this.machines
    return !this.#isSilent && one.isOn && other.isOn && !this.#network.isApart(one, other)
  }

  get isOver(): boolean {
    return this.sockets.every(socket => socket.isGone || !socket.program.isAlive)
  }

  /** Whether the one who connected has yet to find out that nothing comes any more. */
  get isWaitedFor(): boolean {
    const [client, server] = this.sockets
    return !client.isGone && client.program.isAlive && (this.#isSilent || !server.program.isAlive)
  }

  /** The connection breaks when so many more bytes have arrived. */
  cutAfter(bytes: number, by: Cut): void {
    this.#cutAfterBytes = bytes
    this.#cutBy = by
  }

  /** How many of these bytes arrive before the cut; null: all, and there is none yet. */
  bytesUntilCut(bytes: number): number | null {
    if (this.#cutAfterBytes >= bytes) {
      this.#cutAfterBytes -= bytes
      return null
    }
    return this.#cutAfterBytes
  }

  cut(): void {
    this.#cutAfterBytes = Infinity
    this.#network.cuts++
    if (this.#cutBy === 'silence') {
      this.#isSilent = true
      return
    }
    for (const socket of this.sockets) {
      if (socket.isGone || !socket.program.isAlive) continue
      if (this.#cutBy === 'end' && socket === this.sockets[0]) socket.arrive(null)
      else socket.fail('ECONNRESET')
    }
    this.#isSilent = true
  }
}

export class SimulatedNetwork {
  readonly schedule: Schedule
  readonly random: SeededRandom
  character: NetworkCharacter
  /** How many connections have broken. */
  cuts = 0
  #machines = new Map<string, NetworkMachine>()
  readonly #listening = new Map<NetworkMachine, Map<number, Listening>>()
  #links: Link[] = []
  /** Programs whose attempt to connect was lost on its way, once for each. */
  readonly #unanswered = new Set<{ readonly program: NetworkProgram }>()
  readonly #apart = new Set<string>()
  #nextPort = 40_000

  constructor(schedule: Schedule, random: SeededRandom, character: NetworkCharacter) {
    this.schedule = schedule
    this.random = random
    this.character = character
  }

  /** Connections that stand. */
  get links(): readonly Link[] {
    this.#links = this.#links.filter(link => !link.isOver)
    return this.#links
  }

  /** Whether a program waits for what never comes, and has yet to find that out. */
  get isWaitedFor(): boolean {
    return (
      this.links.some(link => link.isWaitedFor) ||
      [...this.#unanswered].some(({ program }) => program.isAlive)
    )
  }

  /** A host name leads to the machine from everywhere; `host:port` counts before a bare name. */
  addName(name: string, machine: NetworkMachine): void {
    this.#machines.set(name, machine)
  }

  isApart(one: NetworkMachine, other: NetworkMachine): boolean {
    return this.#apart.size > 0 && this.#apart.has(pairOf(one, other))
  }

  /** Nothing passes between the two until `join`. */
  part(one: NetworkMachine, other: NetworkMachine): void {
    this.#apart.add(pairOf(one, other))
  }

  /** What was under way arrives late, as TCP sends it again. */
  join(one: NetworkMachine, other: NetworkMachine): void {
    this.#apart.delete(pairOf(one, other))
    this.passHeld()
  }

  joinAll(): void {
    this.#apart.clear()
    this.passHeld()
  }

  /** What was held by a way that is open again. */
  passHeld(): void {
    for (const { pipes } of this.links)
      for (const pipe of pipes) this.schedule.after(this.random.below(400), () => pipe.pumpOnceAwake())
  }

  /** The door of one program. Its listeners and connections are gone when the program is. */
  doorOf(program: NetworkProgram): Network {
    const { machine } = program
    const listening = this.#listening.get(machine) ?? new Map<number, Listening>()
    this.#listening.set(machine, listening)
    return {
      connect: target => this.#connect(program, target),
      listen: ({ host, port, halfOpen = false }, accept) =>
        this.#take(program, () => {
          const at = port === 0 ? this.#nextPort++ : port
          if (listening.get(at)?.program.isAlive === true)
            throw new Fault('ADDRESS_IN_USE', `port ${at} on ${host} is in use by another program`)
          const mine: Listening = { program, halfOpen, accept }
          listening.set(at, mine)
          const listener: Listener = {
            host,
            port: at,
            close: async () => {
              if (listening.get(at) === mine) listening.delete(at)
            },
          }
          return listener
        }),
      receive: () => Promise.reject(new Error('a simulated network carries no datagrams')),
      deflate: (stream, level) => new DeflatedStream(stream, level, true),
      hostName: () => machine.name,
      nameOf: async () => null,
      addresses: () => [machine.name],
    }
  }

  /** Programs of the machine are gone: their peers hear of it, where the machine still runs. */
  abandon(program: NetworkProgram): void {
    if (!program.machine.isOn) return
    for (const { sockets } of this.links)
      for (const [index, socket] of sockets.entries())
        if (socket.program === program && !socket.isGone)
          sockets[index]!.out.finish(socket.unreadBytes > 0 || this.random.chance(0.5) ? reset : end)
  }

  #take<T>(program: NetworkProgram, work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const run = program.guard(() => {
        try {
          resolve(work())
        } catch (error) {
          reject(error as Error)
        }
      })
      this.schedule.after(0.01, run)
    })
  }

  #connect(program: NetworkProgram, target: Parameters<Network['connect']>[0]): Promise<Connection> {
    const { host, port, timeoutMs, signal } = target
    const where = whereOf({ host, port })
    return new Promise((resolve, reject) => {
      let isSettled = false
      const attempt = { program }
      const settle = (run: () => void): void => {
        isSettled = true
        this.#unanswered.delete(attempt)
        timer.cancel()
        signal?.removeEventListener('abort', abort)
        run()
      }
      const fail = (fault: Fault): void => settle(() => reject(fault))
      const timer = this.schedule.after(
        timeoutMs,
        program.guard(() =>
          fail(new Fault('PEER_TIMEOUT', `no connection to ${where} within ${timeoutMs} ms`)),
        ),
      )
      const abort = (): void => {
        fail(new Fault('STOPPED', `connecting to ${where} was abandoned because the agent is stopping`))
      }
      if (signal?.aborted === true) return abort()
      signal?.addEventListener('abort', abort, { once: true })
      const machine = this.#find(program.machine, host, port)
      const [least, most] = this.character.latencyMs
      const roundTripMs = 2 * (least + this.random.next() * (most - least))
      if (machine === undefined) {
        const unknown = new Fault(
          'PEER_UNREACHABLE',
          `cannot connect to ${where}: getaddrinfo ENOTFOUND ${host}`,
        )
        this.schedule.after(
          roundTripMs,
          program.guard(() => fail(unknown)),
        )
        return
      }
      const arrive = program.guard(() => {
        // Without an answer the time-out ends it.
        if (isSettled) return
        if (!machine.isOn || this.isApart(program.machine, machine)) return void this.#unanswered.add(attempt)
        const listening = this.#listening.get(machine)?.get(port)
        if (listening === undefined || !listening.program.isAlive)
          return fail(
            new Fault('PEER_UNREACHABLE', `cannot connect to ${where}: connect ECONNREFUSED ${where}`),
          )
        const link = new Link(this, program, listening.program, listening.halfOpen)
        this.#links.push(link)
        const here = `${program.machine.name}:${this.#nextPort++}`
        const there = `${machine.name}:${port}`
        const [client, server] = link.sockets
        client.isAccepted = true
        settle(() => resolve({ stream: client, local: here, remote: there, remoteAddress: machine.name }))
        const accept = (): void => {
          if (server.isGone) return
          server.isAccepted = true
          listening.accept({
            stream: server,
            local: there,
            remote: here,
            remoteAddress: program.machine.name,
          })
        }
        listening.program.guard(accept)()
      })
      this.schedule.after(roundTripMs, arrive)
    })
  }

  #find(from: NetworkMachine, host: string, port: number): NetworkMachine | undefined {
    const exact = this.#machines.get(whereOf({ host, port }))
    if (exact !== undefined) return exact
    if (/^(localhost|127\..*|\[?::1\]?)$/.test(host) && !this.#machines.has(host)) return from
    return this.#machines.get(host)
  }
}

const pairOf = (one: NetworkMachine, other: NetworkMachine): string => [one.name, other.name].sort().join(' ')
