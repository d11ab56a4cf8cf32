// Where the broker listens, and what it tells clients to connect to: `listeners`, `advertised.listeners` and
// `listener.security.protocol.map`, or host.name and port as Kafka up to 0.10 had them.
import { addressesIn, parseAddress, type Address } from '../address.ts'
import type { GivenSettings } from './given-settings.ts'
import {
  protocols,
  readListenerSecurity,
  type ListenerProtocol,
  type ListenerSecurity,
} from './security/listener-security.ts'

export interface ListenerSettings {
  /** In capitals. */
  readonly name: string
  readonly protocol: ListenerProtocol
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /** What clients that came through it are told to connect to; where absent, host and port. */
  readonly advertised: Address | null
  readonly security: ListenerSecurity
  /** Connections that the system holds until they are accepted. */
  readonly backlog: number
}

type PlainListener = Omit<ListenerSettings, 'security' | 'backlog'>

interface NamedAddress extends Address {
  readonly name: string
}

const everywhere = '0.0.0.0'
export const isEverywhere = (host: string): boolean => host === everywhere || host === '::'

/** Reads all listeners; one at least, also where errors were found. */
export function readListeners(given: GivenSettings): readonly ListenerSettings[] {
  const backlog = given.values['socket.listen.backlog.size']
  return readPlain(given).map(listener => ({
    ...listener,
    backlog,
    security: readListenerSecurity(given, listener.name, listener.protocol),
  }))
}

function readPlain(given: GivenSettings): readonly PlainListener[] {
  const written = readAddresses(given, 'listeners')
  const hostName = given.text('host.name')
  const port = given.values.port
  const advertisedHost = given.text('advertised.host.name')
  const advertisedPort = given.values['advertised.port']
  const protocolOf = readProtocolMap(given)
  const controllers = namesIn(given.text('controller.listener.names'))
  const opened = (written ?? []).filter(({ name }) => !controllers.includes(name))
  if (written === undefined || opened.length === 0) {
    if (written !== undefined && written.length > 0)
      given.error(
        'listeners',
        'all of them are controller.listener.names, and there is no controller here',
        'write one for clients, PLAINTEXT://localhost:9092',
      )
    const host = hostName ?? '127.0.0.1'
    const old =
      advertisedHost === undefined && advertisedPort === undefined
        ? null
        : { host: advertisedHost ?? host, port: advertisedPort ?? port }
    const only = [{ name: 'PLAINTEXT', protocol: 'PLAINTEXT' as const, host, port, advertised: old }]
    return advertise(given, only)
  }
  if (hostName !== undefined || given.keys.includes('port'))
    given.warning('host.name', 'and port have no effect beside listeners', 'leave them out')
  refuseTwins(given, opened)
  const listeners = opened.map(({ name, host, port: own }): PlainListener => {
    const protocol = protocolOf(name)
    return { name, protocol, host: host === '' ? everywhere : host, port: own, advertised: null }
  })
  const first = listeners[0]!
  if (advertisedHost !== undefined || advertisedPort !== undefined)
    listeners[0] = {
      ...first,
      advertised: { host: advertisedHost ?? first.host, port: advertisedPort ?? first.port },
    }
  return advertise(given, listeners)
}

const namesIn = (text: string | undefined): string[] =>
  (text ?? '')
    .split(',')
    .map(name => name.trim().toUpperCase())
    .filter(Boolean)

/** Undefined where the key is absent; an address that cannot be read is refused. */
function readAddresses(given: GivenSettings, key: string): NamedAddress[] | undefined {
  const value = given.text(key)
  if (value === undefined) return undefined
  const found: NamedAddress[] = []
  for (const one of addressesIn(value)) {
    const address = parseAddress(one)
    if (address === null || (address.protocol ?? '') === '') {
      given.refuse(key, 'addresses as PLAINTEXT://localhost:9092, separated by commas')
      return undefined
    }
    const { protocol, host, port } = address
    found.push({ name: protocol!.toUpperCase(), host, port })
  }
  return found
}

/** Which protocol the listener of a name speaks; refuses names that are in no map. */
function readProtocolMap(given: GivenSettings): (name: string) => ListenerProtocol {
  const key = 'listener.security.protocol.map'
  const text = given.text(key)
  const map = new Map<string, ListenerProtocol>(protocols.map(name => [name, name]))
  if (text !== undefined) {
    map.clear()
    for (const pair of text.split(',').map(one => one.trim())) {
      if (pair === '') continue
      const [name = '', word = ''] = pair.split(':').map(part => part.trim().toUpperCase())
      const protocol = protocols.find(one => one === word)
      if (name === '' || protocol === undefined) {
        given.refuse(key, `pairs as INTERNAL:SASL_SSL, with ${protocols.join(', ')}`)
        break
      }
      if (map.has(name)) {
        given.error(key, `names ${name} twice`, 'leave one of them out')
        break
      }
      map.set(name, protocol)
    }
  }
  return name => {
    const protocol = map.get(name)
    if (protocol !== undefined) return protocol
    if (text === undefined)
      given.error(
        'listeners',
        `${name} is not a protocol`,
        `write ${protocols.join(', ')}, or say in ${key}=${name}:… which of them it is`,
      )
    else
      given.error(
        'listeners',
        `${name} is not one of those in ${key}`,
        `add ${name}:PLAINTEXT (or ${protocols.slice(1).join(', ')}) there`,
      )
    return 'PLAINTEXT'
  }
}

function refuseTwins(given: GivenSettings, listeners: readonly NamedAddress[]): void {
  const isV6 = (host: string) => host.includes(':')
  for (const [index, { name, host, port }] of listeners.entries())
    for (const other of listeners.slice(0, index)) {
      if (other.name === name)
        given.error(
          'listeners',
          `two are called ${name}`,
          'give each its own name, with listener.security.protocol.map',
        )
      // One of IPv4 and one of IPv6 may share a port (KIP-797).
      else if (port !== 0 && other.port === port && isV6(host) === isV6(other.host))
        given.error('listeners', `${other.name} and ${name} have the same port ${port}`, 'give each its own')
    }
}

/** Puts advertised.listeners in place. */
function advertise(given: GivenSettings, listeners: readonly PlainListener[]): readonly PlainListener[] {
  const key = 'advertised.listeners'
  const addresses = readAddresses(given, key)
  if (addresses === undefined) return listeners
  const controllers = namesIn(given.text('controller.listener.names'))
  for (const [index, { name, host }] of addresses.entries()) {
    if (controllers.includes(name)) continue
    if (addresses.findIndex(one => one.name === name) !== index)
      given.error(key, `${name} is named twice`, 'leave one of them out')
    if (isEverywhere(host))
      given.error(key, `nobody can connect to ${host}`, 'write a name or address of this machine')
    if (!listeners.some(listener => listener.name === name))
      given.error(
        key,
        `there is no listener ${name}`,
        `write one of those in listeners: ${listeners.map(one => one.name).join(', ')}`,
      )
  }
  return listeners.map(listener => {
    const found = addresses.find(({ name }) => name === listener.name)
    if (found === undefined) return listener
    return { ...listener, advertised: { host: found.host, port: found.port } }
  })
}
