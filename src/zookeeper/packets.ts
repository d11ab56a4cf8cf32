// ZooKeeper's packets, as bytes, and what Kafka keeps in its nodes. Source: ZooKeeper 3.4's zookeeper.jute; Kafka's layout
// below /brokers and /consumers; CMAK's ClusterConfig.
//
//   packet    size int32 | that many bytes, numbers big-endian; text is its length int32 and UTF-8
//   connect   protocol 0 int32 | last zxid int64 | time-out ms int32 | session int64 | password 16 bytes
//   connected protocol int32 | time-out ms int32, 0: no session | session int64 | password
//   question  xid int32 | kind int32 (4 data, 8 children) | path | watch 0 int8
//   end       xid int32 | kind int32 (-11)
//   answer    xid int32 | zxid int64 | error int32 | data, or a count int32 and that many names
//
// Whatever an answer holds, what is read of it lies within it. Readers throw Fault PROTOCOL.
import { parseAddress, whereOf } from '../address.ts'
import { Fault } from '../errors.ts'

/** Most children of a node that are read: each is a question of its own. */
const mostNames = 10_000
/** Kafka's registrations, and those of kafka-manager, have some hundred bytes. */
const mostObjectBytes = 65_536
const noNode = -101

const kinds = { data: 4, children: 8 } as const
const end = -11
export type QuestionKind = keyof typeof kinds

const broken = (where: string, what: string): Fault =>
  new Fault('PROTOCOL', `${where} does not answer as ZooKeeper does: ${what}`)

/** The packet that asks for a new session. */
export function connectPacket(timeoutMs: number): Buffer {
  const body = Buffer.alloc(44)
  body.writeInt32BE(timeoutMs, 12)
  body.writeInt32BE(16, 24) // the password's length; a new session has sixteen zeros
  return packet(body)
}

/** Throws PEER_CLOSED too, where there is no session. */
export function readConnected(where: string, answer: Buffer): void {
  if (answer.length < 16) throw broken(where, `a session in ${answer.length} bytes`)
  if (answer.readInt32BE(4) <= 0) throw new Fault('PEER_CLOSED', `ZooKeeper ${where} gives no session`)
}

export function questionPacket(xid: number, kind: QuestionKind, path: string): Buffer {
  const whole = Buffer.from(path)
  const body = Buffer.alloc(13 + whole.length)
  body.writeInt32BE(xid, 0)
  body.writeInt32BE(kinds[kind], 4)
  body.writeInt32BE(whole.length, 8)
  whole.copy(body, 12)
  return packet(body)
}

/** The packet that ends the session. */
export function endPacket(xid: number): Buffer {
  const body = Buffer.alloc(8)
  body.writeInt32BE(xid, 0)
  body.writeInt32BE(end, 4)
  return packet(body)
}

function packet(body: Buffer): Buffer {
  const size = Buffer.alloc(4)
  size.writeInt32BE(body.length)
  return Buffer.concat([size, body])
}

/** Of an answer; that of events and pings, which nobody asked for, is below 0. */
export function xidOf(where: string, answer: Buffer): number {
  if (answer.length < 16) throw broken(where, `an answer of ${answer.length} bytes`)
  return answer.readInt32BE(0)
}

/** What stands behind the header of an answer; null where there is no such node. Throws PEER_REFUSED for other errors. */
export function readAnswer(where: string, answer: Buffer, path: string): Buffer | null {
  const error = answer.readInt32BE(12)
  if (error === noNode) return null
  if (error !== 0) throw new Fault('PEER_REFUSED', `ZooKeeper ${where} answers ${path} with error ${error}`)
  return answer.subarray(16)
}

/** Names of a node's children. */
export function readNames(where: string, body: Buffer): string[] {
  const count = body.length < 4 ? -1 : body.readInt32BE(0)
  if (count < 0 || count * 4 > body.length - 4) throw broken(where, `${count} names in ${body.length} bytes`)
  if (count > mostNames) throw broken(where, `${count} names, and ${mostNames} are read at most`)
  const names: string[] = []
  for (let at = 4; names.length < count;) {
    const size = body.length - at < 4 ? -1 : body.readInt32BE(at)
    if (size < 0 || size > body.length - at - 4) throw broken(where, `a name of ${size} bytes`)
    names.push(body.toString('utf8', at + 4, at + 4 + size))
    at += 4 + size
  }
  return names
}

/** The data of a node; a node without any has length -1. */
export function readData(where: string, body: Buffer): Buffer {
  const size = body.length < 4 ? -2 : body.readInt32BE(0)
  if (size < -1 || size > body.length - 4) throw broken(where, `data of ${size} bytes`)
  return body.subarray(4, 4 + Math.max(0, size))
}

/** The object in a node's data; an empty one where there is none: who wrote it, it was not Kafka. */
export function readObject(data: Buffer): Readonly<Record<string, unknown>> {
  if (data.length > mostObjectBytes) return {}
  try {
    const value: unknown = JSON.parse(data.toString())
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

/** Where a registered broker listens by the protocol, host:port; null where it does not, or is none of Kafka's. */
export function readListener(broker: Readonly<Record<string, unknown>>, protocol: string): string | null {
  const { endpoints, host, port, listener_security_protocol_map: map } = broker
  const protocols = (typeof map === 'object' && map !== null ? map : {}) as Record<string, unknown>
  for (const endpoint of Array.isArray(endpoints) ? endpoints : []) {
    if (typeof endpoint !== 'string') continue
    const [, name = '', where = ''] = /^([\w.-]+):\/\/(.+)$/.exec(endpoint) ?? []
    const isMeant = (Object.hasOwn(protocols, name) ? protocols[name] : name) === protocol
    if (isMeant && isPeer(where)) return where
  }
  if (protocol !== 'PLAINTEXT' || typeof host !== 'string' || typeof port !== 'number') return null
  const where = whereOf({ host, port })
  return isPeer(where) ? where : null
}

/** Whether the text, host:port, names somebody to connect to. */
function isPeer(text: string): boolean {
  const address = parseAddress(text)
  return address !== null && address.host !== '' && address.port > 0
}

/** A position of a group; null where the data are none. */
export function readPosition(data: Buffer): number | null {
  const text = data.length > 20 ? '' : data.toString().trim()
  const offset = Number(text)
  return /^\d+$/.test(text) && Number.isSafeInteger(offset) ? offset : null
}
