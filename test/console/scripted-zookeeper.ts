// A ZooKeeper of a few nodes that tests write: it answers connects, reads of data and of children, and nothing else.
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'

export interface ScriptedZooKeeper extends AsyncDisposable {
  /** host:port */
  readonly connect: string
  /** Data by path; parents need not be written. */
  readonly nodes: Map<string, string>
  /** Sessions that were begun, and those that were ended as they should be. */
  readonly sessions: { begun: number; ended: number }
  stop(): Promise<void>
}

const noNode = -101

export async function startScriptedZooKeeper(
  nodes: Readonly<Record<string, string>>,
): Promise<ScriptedZooKeeper> {
  const tree = new Map(Object.entries(nodes))
  const sessions = { begun: 0, ended: 0 }
  const sockets = new Set<Socket>()
  const answer = (kind: number, path: string): Buffer | null => {
    // A server gone mad: a billion names.
    if (path.startsWith('/liar')) return Buffer.from([0x3b, 0x9a, 0xca, 0, 0x7f, 0xff, 0xff, 0xff])
    if (kind === 4) {
      const data = tree.get(path)
      return data === undefined ? null : Buffer.concat([sized(data), Buffer.alloc(80)])
    }
    const below = path === '/' ? '/' : `${path}/`
    const names = new Set(
      [...tree.keys()]
        .filter(one => one.startsWith(below))
        .map(one => one.slice(below.length).split('/')[0]!),
    )
    if (names.size === 0 && !tree.has(path)) return null
    const count = Buffer.alloc(4)
    count.writeInt32BE(names.size)
    return Buffer.concat([count, ...[...names].map(sized)])
  }
  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    let received: Buffer = Buffer.alloc(0)
    let isOpen = false
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      while (received.length >= 4 && received.length >= 4 + received.readInt32BE(0)) {
        const packet = received.subarray(4, 4 + received.readInt32BE(0))
        received = received.subarray(4 + packet.length)
        if (!isOpen) {
          isOpen = true
          sessions.begun++
          const session = Buffer.alloc(37)
          session.writeInt32BE(10_000, 4)
          socket.write(sized(session))
          continue
        }
        const kind = packet.readInt32BE(4)
        const head = Buffer.alloc(16)
        packet.copy(head, 0, 0, 4)
        if (kind === -11) {
          sessions.ended++
          socket.end(sized(head))
          continue
        }
        const body = answer(kind, packet.toString('utf8', 12, 12 + packet.readInt32BE(8)))
        if (body === null) head.writeInt32BE(noNode, 12)
        socket.write(sized(body === null ? head : Buffer.concat([head, body])))
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const stop = async () => {
    for (const socket of sockets) socket.destroy()
    if (server.listening) {
      server.close()
      await once(server, 'close')
    }
  }
  return {
    connect: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    nodes: tree,
    sessions,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

function sized(data: Buffer | string): Buffer {
  const bytes = Buffer.from(data as string)
  const size = Buffer.alloc(4)
  size.writeInt32BE(bytes.length)
  return Buffer.concat([size, bytes])
}

/** What a broker of Kafka 0.10 registers. */
export const brokerAt = (address: string): string => {
  const [host, port] = address.split(':') as [string, string]
  return JSON.stringify({
    jmx_port: -1,
    timestamp: '1',
    endpoints: [`PLAINTEXT://${address}`],
    host,
    port: Number(port),
    version: 4,
  })
}

/** What kafka-manager keeps of a cluster. */
export const storedCluster = (name: string, connect: string, more: object = {}): string =>
  JSON.stringify({
    name,
    curatorConfig: { zkConnect: connect, zkMaxRetry: 100, baseSleepTimeMs: 100, maxSleepTimeMs: 1000 },
    enabled: true,
    kafkaVersion: '0.10.2.1',
    jmxEnabled: false,
    securityProtocol: 'PLAINTEXT',
    ...more,
  })
