// The protocol AvroSourceProtocol: what a Flume Avro source understands. Messages append and appendBatch,
// the record AvroFlumeEvent (headers: map<string>, body: bytes), the enum Status. Peers recognise each
// other by the MD5 of their protocol's text; Flume's text holds a comment, so its hash is a constant here
// (the same in Flume 1.8.0 and 1.11.0, measured). Whoever has another text sends it and is checked by
// names and types.

/** MD5 of Flume's own text of the protocol. */
export const protocolHash = Buffer.from('86aadae2c45474c0fe93ffd0f2350a65', 'hex')

/** The protocol without Flume's comment, for peers that do not know the hash. */
export const protocolText = JSON.stringify({
  protocol: 'AvroSourceProtocol',
  namespace: 'org.apache.flume.source.avro',
  types: [
    { type: 'enum', name: 'Status', symbols: ['OK', 'FAILED', 'UNKNOWN'] },
    {
      type: 'record',
      name: 'AvroFlumeEvent',
      fields: [
        { name: 'headers', type: { type: 'map', values: 'string' } },
        { name: 'body', type: 'bytes' },
      ],
    },
  ],
  messages: {
    append: { request: [{ name: 'event', type: 'AvroFlumeEvent' }], response: 'Status' },
    appendBatch: {
      request: [{ name: 'events', type: { type: 'array', items: 'AvroFlumeEvent' } }],
      response: 'Status',
    },
  },
})

/** The longest protocol text looked at; Flume's has 2 KiB. */
export const maxProtocolBytes = 256 * 1024

/** What of a peer's protocol matters once it is known to fit. */
export interface PeerProtocol {
  /** Names of the enum Status in the peer's order. */
  readonly statuses: readonly string[]
}

export const flumeProtocol: PeerProtocol = { statuses: ['OK', 'FAILED', 'UNKNOWN'] }

/** A protocol that cannot be spoken with; the message says what differs. */
export class ProtocolMismatch extends Error {
  override name = 'ProtocolMismatch'
}

type Json = unknown
type Names = Map<string, Record<string, Json>>

/** Reads a peer's protocol and checks that its events look like ours on the wire. Throws ProtocolMismatch. */
export function readProtocol(text: string): PeerProtocol {
  const protocol = parse(text)
  const names: Names = new Map()
  if (Array.isArray(protocol['types'])) for (const type of protocol['types']) collect(type, names)
  const messages = objectOf(protocol['messages'], 'has no messages')
  let statuses: readonly string[] | undefined
  for (const [name, wanted] of [
    ['append', 'event'],
    ['appendBatch', 'array of event'],
  ] as const) {
    if (messages[name] === undefined) continue
    const message = objectOf(messages[name], `declares ${name} in no known way`)
    const request = Array.isArray(message['request']) ? message['request'] : []
    const [parameter] = request
    const given = request.length === 1 ? shape(objectOf(parameter, 'is odd')['type'], names) : 'other'
    if (given !== wanted)
      throw new ProtocolMismatch(
        `its ${name} does not take one ${wanted === 'event' ? 'AvroFlumeEvent' : 'array of AvroFlumeEvent'} of headers: map<string>, body: bytes`,
      )
    const status = resolve(message['response'], names)
    const symbols = status['type'] === 'enum' ? status['symbols'] : undefined
    if (!Array.isArray(symbols)) throw new ProtocolMismatch(`its ${name} does not answer with a Status`)
    statuses ??= symbols.map(String)
  }
  if (statuses === undefined) throw new ProtocolMismatch('it has neither append nor appendBatch')
  return { statuses }
}

function parse(text: string): Record<string, Json> {
  if (text.length > maxProtocolBytes) throw new ProtocolMismatch('its protocol text is too long')
  try {
    return objectOf(JSON.parse(text), 'is no object')
  } catch (error) {
    if (error instanceof ProtocolMismatch) throw error
    throw new ProtocolMismatch('its protocol text is not JSON')
  }
}

function objectOf(value: Json, otherwise: string): Record<string, Json> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ProtocolMismatch(`its protocol ${otherwise}`)
  return value as Record<string, Json>
}

/** Types are compared without their namespace, as Avro resolves records by their short name. */
const shortName = (name: string) => name.slice(name.lastIndexOf('.') + 1)

/** Named types, those written inside others included, as deep as any honest protocol goes. */
function collect(type: Json, names: Names, depth = 0): void {
  if (typeof type !== 'object' || type === null || depth > 8) return
  const one = type as Record<string, Json>
  if (typeof one['name'] === 'string' && one['type'] !== undefined) names.set(shortName(one['name']), one)
  for (const inner of [one['type'], one['items'], one['values']]) collect(inner, names, depth + 1)
  if (Array.isArray(one['fields'])) for (const field of one['fields']) collect(field, names, depth + 1)
}

function resolve(type: Json, names: Names): Record<string, Json> {
  if (typeof type === 'string') return names.get(shortName(type)) ?? { type }
  if (typeof type !== 'object' || type === null || Array.isArray(type)) return { type: 'other' }
  return type as Record<string, Json>
}

/** The part of a type that counts on the wire, in words. */
function shape(type: Json, names: Names, depth = 0): string {
  if (depth > 8) return 'other'
  const one = resolve(type, names)
  const kind = one['type']
  if (typeof kind === 'object') return shape(kind, names, depth + 1)
  if (kind === 'array') return `array of ${shape(one['items'], names, depth + 1)}`
  if (kind === 'map') return `map of ${shape(one['values'], names, depth + 1)}`
  if (kind !== 'record') return typeof kind === 'string' ? kind : 'other'
  const fields = Array.isArray(one['fields']) ? one['fields'] : []
  const parts = fields.map(field => {
    const { name, type: inner } = objectOf(field, 'has an odd record')
    return `${String(name)}: ${shape(inner, names, depth + 1)}`
  })
  return parts.join(', ') === 'headers: map of string, body: bytes' ? 'event' : 'other'
}
