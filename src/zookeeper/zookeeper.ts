// What old configurations leave to ZooKeeper: which brokers there are, where a group of Kafka 0.8 stood, and which
// clusters kafka-manager was given. Reads only, one connection for a few questions.
import type { Duplex } from 'node:stream'
import { addressesIn, parseAddress, whereOf, type Address } from '../address.ts'
import { Fault, messageOf } from '../errors.ts'
import type { Timer } from '../system/clock.ts'
import type { System } from '../system/system.ts'
import { FrameReader } from '../wire/kafka/frame-reader.ts'
import * as packets from './packets.ts'

type ClientSystem = Pick<System, 'network' | 'clock'>

/** For all that is asked of one server, however often it answers. */
const timeoutMs = 10_000
const largestPacketBytes = 4 * 1024 * 1024

/**
 * Bootstrap servers, `host:port,…`, of the brokers registered below the connect string `h:2181,…/chroot`. With the signal
 * nobody is asked any more, and it rejects with STOPPED.
 */
export async function findBrokers(
  connect: string,
  system: ClientSystem,
  protocol = 'PLAINTEXT',
  signal?: AbortSignal,
): Promise<string> {
  return withZooKeeper({ connect, system, signal }, async zookeeper => {
    const ids = (await zookeeper.children('/brokers/ids')) ?? []
    const servers: string[] = []
    for (const id of ids.toSorted()) {
      const listener = packets.readListener(await zookeeper.object(`/brokers/ids/${id}`), protocol)
      if (listener !== null) servers.push(listener)
    }
    if (servers.length === 0)
      throw new Fault(
        'PEER_REFUSED',
        ids.length === 0
          ? `ZooKeeper at ${connect} knows no broker (/brokers/ids)`
          : `ZooKeeper at ${connect} knows no broker that listens ${protocol === 'PLAINTEXT' ? 'without TLS' : `by ${protocol}`} (/brokers/ids)`,
      )
    return servers.join(',')
  })
}

export interface StoredCluster {
  readonly name: string
  /** Connect string of the cluster's own ZooKeeper. */
  readonly connect: string
  /** As kafka-manager names it: PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL. */
  readonly protocol: string
}

/** The clusters that kafka-manager keeps below `base`, those alone that are enabled; by name. */
export async function findStoredClusters(
  connect: string,
  system: ClientSystem,
  base: string,
): Promise<StoredCluster[]> {
  return withZooKeeper({ connect, system, signal: undefined }, async zookeeper => {
    const clusters: StoredCluster[] = []
    for (const child of ((await zookeeper.children(`${base}/configs`)) ?? []).toSorted()) {
      const {
        name = child,
        enabled,
        curatorConfig,
        securityProtocol,
      } = await zookeeper.object(`${base}/configs/${child}`)
      const { zkConnect } = (curatorConfig ?? {}) as { zkConnect?: unknown }
      if (enabled === false || typeof name !== 'string' || typeof zkConnect !== 'string') continue
      if (readConnectString(zkConnect) === null) continue
      const protocol = typeof securityProtocol === 'string' ? securityProtocol : 'PLAINTEXT'
      clusters.push({ name, connect: zkConnect, protocol })
    }
    return clusters
  })
}

/** Positions a group kept in ZooKeeper for the topic, by `topic-partition`; empty where it kept none. */
export async function findPositions(
  connect: string,
  group: string,
  topic: string,
  system: ClientSystem,
  signal?: AbortSignal,
): Promise<Map<string, number>> {
  return withZooKeeper({ connect, system, signal }, async zookeeper => {
    const path = `/consumers/${group}/offsets/${topic}`
    const found = new Map<string, number>()
    for (const partition of (await zookeeper.children(path)) ?? []) {
      const data = await zookeeper.data(`${path}/${partition}`)
      const offset = data === null ? null : packets.readPosition(data)
      if (offset !== null) found.set(`${topic}-${partition}`, offset)
    }
    return found
  })
}

/** What stands before the first slash of a connect string, and the path from there on. */
export function splitConnectString(text: string): { hosts: string; path: string } {
  const [hosts = ''] = text.split('/', 1)
  return { hosts, path: text.slice(hosts.length) }
}

/** Null where it is none: hosts, each with a port or that of ZooKeeper, and a path of Kafka's below its root. */
export function readConnectString(text: string): { servers: Address[]; chroot: string } | null {
  const { hosts, path } = splitConnectString(text.trim())
  const servers = addressesIn(hosts).map(one => parseAddress(one) ?? parseAddress(`${one}:2181`))
  if (servers.length === 0 || servers.some(one => one === null || one.host === '')) return null
  return { servers: servers as Address[], chroot: path.replace(/\/$/, '') }
}

interface Questions {
  readonly connect: string
  readonly system: ClientSystem
  readonly signal: AbortSignal | undefined
}

/** Runs `work` with the first server of the connect string that answers. */
async function withZooKeeper<T>(
  { connect, system, signal }: Questions,
  work: (zookeeper: Session) => Promise<T>,
): Promise<T> {
  const { servers, chroot } = readConnectString(connect)!
  let last: unknown
  for (const server of servers) {
    if (signal?.aborted === true) throw stopped()
    let session: Session
    try {
      const target = { ...server, timeoutMs, ...(signal === undefined ? {} : { signal }) }
      const { stream } = await system.network.connect(target)
      session = new Session(stream, whereOf(server), chroot, { system, signal })
    } catch (error) {
      last = error
      continue
    }
    try {
      await session.open()
      return await work(session)
    } catch (error) {
      if (error instanceof Fault && error.code === 'PEER_REFUSED') throw error
      last = error
    } finally {
      session.close()
    }
  }
  if (signal?.aborted === true) throw stopped()
  throw new Fault('PEER_UNREACHABLE', `no ZooKeeper of ${connect} answers: ${messageOf(last)}`, {
    cause: last,
  })
}

const stopped = (): Fault => new Fault('STOPPED', 'the ZooKeeper client is stopped')

class Session {
  readonly #stream: Duplex
  readonly #where: string
  readonly #chroot: string
  readonly #system: ClientSystem
  readonly #frames: FrameReader
  readonly #timer: Timer
  readonly #endSignal: () => void
  #xid = 0
  #waiting: { resolve(packet: Buffer): void; reject(fault: Fault): void } | null = null
  #failure: Fault | null = null

  constructor(
    stream: Duplex,
    where: string,
    chroot: string,
    { system, signal }: Pick<Questions, 'system' | 'signal'>,
  ) {
    this.#stream = stream
    this.#where = where
    this.#chroot = chroot
    this.#system = system
    this.#frames = new FrameReader({
      eagerBytes: 0,
      accept: size => {
        if (size >= 16 && size <= largestPacketBytes) return true
        this.#fail(
          new Fault('PROTOCOL', `${where} does not answer as ZooKeeper does: a packet of ${size} bytes`),
        )
        return false
      },
      take: packet => this.#take(packet),
    })
    this.#timer = system.clock.after(timeoutMs, () =>
      this.#fail(
        new Fault('PEER_TIMEOUT', `ZooKeeper ${where} did not answer everything within ${timeoutMs} ms`),
      ),
    )
    const stop = () => this.#fail(stopped())
    signal?.addEventListener('abort', stop)
    this.#endSignal = () => signal?.removeEventListener('abort', stop)
    stream.on('data', (chunk: Buffer) => this.#frames.read(chunk))
    stream.on('error', error =>
      this.#fail(new Fault('PEER_CLOSED', `the connection to ZooKeeper ${where} broke: ${error.message}`)),
    )
    stream.on('close', () => this.#fail(new Fault('PEER_CLOSED', `ZooKeeper ${where} closed the connection`)))
  }

  async open(): Promise<void> {
    packets.readConnected(this.#where, await this.#ask(packets.connectPacket(timeoutMs)))
  }

  /** Names below the path; null where it does not exist. */
  async children(path: string): Promise<string[] | null> {
    const answer = await this.#question('children', path)
    return answer === null ? null : packets.readNames(this.#where, answer)
  }

  /** The node's data; null where it does not exist. */
  async data(path: string): Promise<Buffer | null> {
    const answer = await this.#question('data', path)
    return answer === null ? null : packets.readData(this.#where, answer)
  }

  /** The node's data where it is a JSON object; else an empty one: who wrote it, it was not Kafka. */
  async object(path: string): Promise<Readonly<Record<string, unknown>>> {
    return packets.readObject((await this.data(path)) ?? Buffer.alloc(0))
  }

  /** Ends the session, so that ZooKeeper need not wait until it expires. */
  close(): void {
    this.#end()
    if (this.#stream.writable) this.#stream.end(packets.endPacket(++this.#xid))
    this.#system.clock.after(100, () => this.#stream.destroy(), { background: true })
  }

  #end(): void {
    this.#timer.cancel()
    this.#endSignal()
    this.#frames.end()
  }

  async #question(kind: packets.QuestionKind, path: string): Promise<Buffer | null> {
    const whole = this.#chroot + path
    const answer = await this.#ask(packets.questionPacket(++this.#xid, kind, whole))
    return packets.readAnswer(this.#where, answer, whole)
  }

  #ask(packet: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== null) return reject(this.#failure)
      this.#waiting = { resolve, reject }
      this.#stream.write(packet)
    })
  }

  #take(packet: Buffer): void {
    try {
      const xid = this.#xid === 0 ? 0 : packets.xidOf(this.#where, packet)
      // Events and pings, which nobody has asked for.
      if (xid < 0) return
      const waiting = this.#waiting
      if (waiting === null || xid !== this.#xid)
        throw new Fault(
          'PROTOCOL',
          `${this.#where} does not answer as ZooKeeper does: with number ${xid}, and ${this.#xid} was asked`,
        )
      this.#waiting = null
      waiting.resolve(packet)
    } catch (error) {
      this.#fail(error as Fault)
    }
  }

  #fail(fault: Fault): void {
    this.#failure ??= fault
    this.#waiting?.reject(fault)
    this.#waiting = null
    this.#end()
    this.#stream.destroy()
  }
}
