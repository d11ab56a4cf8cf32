// Which requests are answered at all: those to one of our own names (a page of the Internet that has had its name
// resolved to us, DNS rebinding, uses another), and not what a page from elsewhere has sent. Of requests that can
// change something: JSON with the session's token, which no other page can send.
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

export const tokenHeader = 'x-millrace-token'

export interface OwnNames {
  /** Whether the console is meant by the host, a name or an address without a port. */
  isOurs(host: string): boolean
  /** What may stand before the host in the address of our own pages. */
  readonly schemes: readonly ('http' | 'https')[]
}

/** Why a request is not answered; null where it is. */
export function foreignness(method: string, headers: IncomingHttpHeaders, names: OwnNames): string | null {
  const { host = '', origin } = headers
  if (!/^(\[[\da-f:.]+\]|[\w.-]+)(:\d{1,5})?$/i.test(host) || !names.isOurs(host.replace(/:\d*$/, '')))
    return 'the host of the address is none of the console'
  const site = headers['sec-fetch-site']
  if (site === 'cross-site' || site === 'same-site') {
    // A link from elsewhere may lead here; a page from elsewhere may not read or send anything.
    if (headers['sec-fetch-mode'] !== 'navigate' || method !== 'GET')
      return 'the request comes from another site'
  }
  return origin !== undefined && !names.schemes.some(scheme => origin === `${scheme}://${host}`)
    ? 'the request comes from another site'
    : null
}

/** Why a request that can change something is not answered; null where it is. */
export function forgery(headers: IncomingHttpHeaders, token: string | null): string | null {
  if (!/^application\/json(;\s*charset=utf-8)?$/i.test(headers['content-type'] ?? ''))
    return 'what changes something is sent as application/json'
  const given = headers[tokenHeader]
  if (given === undefined) return 'the header X-Millrace-Token is missing'
  return token === null || (typeof given === 'string' && isSame(given, token))
    ? null
    : 'the header X-Millrace-Token has not the token of /api/session'
}

const digest = (text: string) => createHash('sha256').update(text).digest()

/** Compares in a time that says nothing about where the texts differ. */
export const isSame = (one: string, other: string): boolean => timingSafeEqual(digest(one), digest(other))
