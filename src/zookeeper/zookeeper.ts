// What old configurations leave to ZooKeeper: which brokers there are, where a group of Kafka 0.8 stood, and which
// clusters kafka-manager was given. Reads only, one connection for a few questions.
//
//   packet    size int32 | that many bytes, numbers big-endian; text is its length int32 and UTF-8
//   connect   protocol 0 int32 | last zxid int64 | time-out ms int32 | session int64 | password 16 bytes
//   question  xid int32 | kind int32 (4 data, 8 children, -11 end of the session) | path | watch 0 int8
//   answer    xid int32 | zxid int64 | error int32 | data, or a count int32 and that many names
//
// Source: ZooKeeper 3.4's zookeeper.jute; Kafka's layout below /brokers and /consumers; CMAK's ClusterConfig.
import type { Duplex } from 'node:stream'
import { addressesIn, parseAddress, whereOf, type Address } from '../address.ts'
import { Fault, messageOf } from '../errors.ts'
import type { System } from '../system/system.ts'

type ClientSystem = Pick<System, 'network' | 'clock'>

const timeoutMs = 10_000
const noNode = -101
const largestPacketBytes = 4 * 1024 * 1024

/** Bootstrap servers, `host:port,…`, of the brokers registered below the connect string `h:2181,…/chroot`. */
export async function findBrokers(
  connect: string,
  system: ClientSystem,
  protocol = 'PLAINTEXT',
): Promise<string> {
  return withZooKeeper(connect, system, async zookeeper => {
    const ids = (await zookeeper.children('/brokers/ids')) ?? []
    const servers: string[] = []
    for (const id of ids.toSorted()) {
      const listener = listenerOf(await zookeeper.object(`/brokers/ids/${id}`), protocol)
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

/** Where a registered broker listens by the protocol; null where it does not, or what is registered is none of Kafka's. */
function listenerOf(broker: Readonly<Record<string, unknown>>, protocol: string): string | null {
  const { endpoints, host, port, listener_security_protocol_map: protocols = {} } = broker
  for (const endpoint of Array.isArray(endpoints) ? endpoints : []) {
    const [, name = '', where = ''] = /^([\w.-]+):\/\/(.+)$/.exec(String(endpoint)) ?? []
    if (((protocols as Record<string, unknown>)[name] ?? name) === protocol && parseAddress(where) !== null)
      return where
  }
  if (protocol !== 'PLAINTEXT' || typeof host !== 'string' || typeof port !== 'number' || port <= 0)
    return null
  return whereOf({ host, port })
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
  return withZooKeeper(connect, system, async zookeeper => {
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
): Promise<Map<string, number>> {
  return withZooKeeper(connect, system, async zookeeper => {
    const path = `/consumers/${group}/offsets/${topic}`
    const found = new Map<string, number>()
    for (const partition of (await zookeeper.children(path)) ?? []) {
      const offset = Number((await zookeeper.data(`${path}/${partition}`)) ?? Number.NaN)
      if (Number.isSafeInteger(offset) && offset >= 0) found.set(`${topic}-${partition}`, offset)
    }
    return found
  })
}

/** Null where it is none: hosts, each with a port or that of ZooKeeper, and a path of Kafka's below its root. */
export function readConnectString(text: string): { servers: Address[]; chroot: string } | null {
  const [, hosts = '', path = ''] = /^([^/]*)(.*)$/.exec(text.trim()) ?? []
  const servers = addressesIn(hosts).map(one => parseAddress(one) ?? parseAddress(`${one}:2181`))
  if (servers.length === 0 || servers.some(one => one === null || one.host === '')) return null
  return { servers: servers as Address[], chroot: path.replace(/\/$/, '') }
}

/** Runs `work` with the first server of the connect string that answers. */
async function withZooKeeper<T>(
  connect: string,
  system: ClientSystem,
  work: (zookeeper: Session) => Promise<T>,
): Promise<T> {
  const { servers, chroot } = readConnectString(connect)!
  let last: unknown
  for (const server of servers) {
    let session: Session
    try {
      const { stream } = await system.network.connect({ ...server, timeoutMs })
      session = new Session(stream, whereOf(server), chroot, system)
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
  throw new Fault('PEER_UNREACHABLE', `no ZooKeeper of ${connect} answers: ${messageOf(last)}`, {
    cause: last,
  })
}

/** A length that the answer holds the bytes for; -1 stands for nothing. Throws PROTOCOL. */
function lengthAt(answer: Buffer, at: number): number {
  const length = at + 4 <= answer.length ? answer.readInt32BE(at) : Infinity
  if (length > answer.length - at - 4)
    throw new Fault(
      'PROTOCOL',
      'what answers is no ZooKeeper, or one gone mad: a length is longer than its answer',
    )
  return Math.max(0, length)
}

class Session {
  readonly #stream: Duplex
  readonly #where: string
  readonly #chroot: string
  readonly #system: ClientSystem
  #received: Buffer = Buffer.alloc(0)
  #xid = 0
  #waiting: { resolve(packet: Buffer): void; reject(fault: Fault): void } | null = null

  constructor(stream: Duplex, where: string, chroot: string, system: ClientSystem) {
    this.#stream = stream
    this.#where = where
    this.#chroot = chroot
    this.#system = system
    stream.on('data', (chunk: Buffer) => this.#read(chunk))
    stream.on('error', error =>
      this.#fail(new Fault('PEER_CLOSED', `the connection to ZooKeeper ${where} broke: ${error.message}`)),
    )
    stream.on('close', () => this.#fail(new Fault('PEER_CLOSED', `ZooKeeper ${where} closed the connection`)))
  }

  async open(): Promise<void> {
    const body = Buffer.alloc(44)
    body.writeInt32BE(timeoutMs, 12)
    body.writeInt32BE(16, 24) // the password's length; a new session has sixteen zeros
    await this.#ask(body)
  }

  /** Names below the path; null where it does not exist. */
  async children(path: string): Promise<string[] | null> {
    const answer = await this.#question(8, path)
    if (answer === null) return null
    const names: string[] = []
    let at = 4
    for (let count = lengthAt(answer, 0); count > 0; count--) {
      const size = lengthAt(answer, at)
      names.push(answer.toString('utf8', at + 4, at + 4 + size))
      at += 4 + size
    }
    return names
  }

  /** The node's data as text; null where it does not exist. */
  async data(path: string): Promise<string | null> {
    const answer = await this.#question(4, path)
    return answer === null ? null : answer.toString('utf8', 4, 4 + lengthAt(answer, 0))
  }

  /** The node's data where it is a JSON object; else an empty one: who wrote it, it was not Kafka. */
  async object(path: string): Promise<Readonly<Record<string, unknown>>> {
    try {
      const value: unknown = JSON.parse((await this.data(path)) ?? '')
      return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
    } catch (error) {
      if (error instanceof SyntaxError) return {}
      throw error
    }
  }

  /** Ends the session, so that ZooKeeper need not wait until it expires. */
  close(): void {
    const end = Buffer.alloc(12)
    end.writeInt32BE(8, 0)
    end.writeInt32BE(++this.#xid, 4)
    end.writeInt32BE(-11, 8)
    if (this.#stream.writable) this.#stream.end(end)
    this.#system.clock.after(100, () => this.#stream.destroy(), { background: true })
  }

  async #question(kind: number, path: string): Promise<Buffer | null> {
    const whole = Buffer.from(this.#chroot + path)
    const body = Buffer.alloc(13 + whole.length)
    body.writeInt32BE(++this.#xid, 0)
    body.writeInt32BE(kind, 4)
    body.writeInt32BE(whole.length, 8)
    whole.copy(body, 12)
    const answer = await this.#ask(body)
    const error = answer.readInt32BE(12)
    if (error === noNode) return null
    if (error !== 0)
      throw new Fault(
        'PEER_REFUSED',
        `ZooKeeper ${this.#where} answers ${whole.toString()} with error ${error}`,
      )
    return answer.subarray(16)
  }

  #ask(body: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const timer = this.#system.clock.after(timeoutMs, () =>
        this.#fail(
          new Fault('PEER_TIMEOUT', `ZooKeeper ${this.#where} did not answer within ${timeoutMs} ms`),
        ),
      )
      const settle =
        <T>(run: (value: T) => void) =>
        (value: T) => {
          timer.cancel()
          this.#waiting = null
          run(value)
        }
      this.#waiting = { resolve: settle(resolve), reject: settle(reject) }
      const size = Buffer.alloc(4)
      size.writeInt32BE(body.length)
      this.#stream.write(Buffer.concat([size, body]))
    })
  }

  #read(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk])
    if (this.#received.length < 4) return
    const size = this.#received.readInt32BE(0)
    if (size < 16 || size > largestPacketBytes)
      return this.#fail(new Fault('PROTOCOL', `${this.#where} does not answer as ZooKeeper does`))
    if (this.#received.length < 4 + size) return
    const packet = this.#received.subarray(4, 4 + size)
    this.#received = this.#received.subarray(4 + size)
    this.#waiting?.resolve(packet)
  }

  #fail(fault: Fault): void {
    this.#waiting?.reject(fault)
    this.#stream.destroy()
  }
}
