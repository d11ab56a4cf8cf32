// Addresses as settings hold them: host:port, alone or several separated by commas.

export interface Address {
  readonly host: string
  readonly port: number
}

/** `host:port`; `[::1]:9092` where the host is an address of IPv6. */
export const whereOf = ({ host, port }: Address): string =>
  `${host.includes(':') ? `[${host}]` : host}:${port}`

/** The host without the brackets that it may have in Java. */
export const withoutBrackets = (host: string): string => /^\[(.*)\]$/.exec(host)?.[1] ?? host

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
