// Addresses as settings hold them: host:port, alone or several separated by commas; and why nobody can listen at one.
import { Fault, messageOf } from './errors.ts'

export interface Address {
  readonly host: string
  readonly port: number
}

/** `host:port`; `[::1]:9092` where the host is an address of IPv6. */
export const whereOf = ({ host, port }: Address): string =>
  `${host.includes(':') ? `[${host}]` : host}:${port}`

/** Whether somebody could listen there, as far as the text of it tells. */
export const isPossible = ({ host, port }: Address): boolean =>
  port > 0 && port <= 65_535 && host.length <= 255 && /^[^\s\p{C}/\\@]+$/u.test(host)

/** The host without the brackets that it may have in Java. */
export const withoutBrackets = (host: string): string => /^\[(.*)\]$/.exec(host)?.[1] ?? host

/** Whether the host is this machine itself, by name or address, in brackets or not. */
export const isLoopback = (host: string): boolean => /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/i.test(host)

/** The addresses of a list; Java leaves out what is empty. */
export const addressesIn = (text: string): string[] =>
  text
    .split(',')
    .map(one => one.trim())
    .filter(one => one !== '')

/**
 * Reads an address as Kafka 4.1's clients do (Utils.HOST_PORT_PATTERN): a protocol before it is passed over, and
 * `::1:9092` needs no brackets. Null where it is none, or where no host can have such a name. The host may be empty.
 */
export function parseAddress(text: string): (Address & { readonly protocol: string | null }) | null {
  const match = /^(?:([\w.%-]*):\/\/)?\[?([\w.%:-]*)\]?:(\d+)$/.exec(text.trim())
  if (match === null) return null
  const [, protocol = null, host = '', digits] = match
  const port = Number(digits)
  return port > 65_535 || (host.includes(':') && !isIpv6(host)) ? null : { protocol, host, port }
}

const isIpv6 = (host: string): boolean => URL.canParse(`http://[${host.replace(/%.+$/, '')}]`)

const ownAddress = 'Choose an address of this machine, or 0.0.0.0 for all it has.'

/** ADDRESS_IN_USE or ADDRESS, from what the system says of a try to listen. */
export function listenFault(cause: unknown, { host, port }: Address): Fault {
  switch ((cause as NodeJS.ErrnoException).code) {
    case 'EADDRINUSE':
      return new Fault('ADDRESS_IN_USE', `port ${port} on ${host} is in use by another program`, { cause })
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new Fault('ADDRESS', `${host} is not an address of this machine`, { cause, remedy: ownAddress })
    case 'EACCES':
      return new Fault('ADDRESS', `this process has no right to listen on port ${port} of ${host}`, {
        cause,
        remedy: 'Choose a port from 1024 on, or give the process the right to use lower ones.',
      })
    default:
      return new Fault('ADDRESS', `cannot listen on ${whereOf({ host, port })}: ${messageOf(cause)}`, {
        cause,
        remedy: ownAddress,
      })
  }
}

/** Whether another port would do, so that the address is not at fault. */
export const wantsOtherPort = (error: unknown): boolean =>
  error instanceof Fault &&
  ['EADDRINUSE', 'EACCES'].includes((error.cause as NodeJS.ErrnoException | undefined)?.code ?? '')
