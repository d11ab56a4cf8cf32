// Which requests are answered at all: those to one of our own names (a page of the Internet that has had its name
// resolved to us, DNS rebinding, uses another), and not what a page from elsewhere has sent. Of requests that can
// change something: JSON with the session's token, which no other page can send.
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { isLoopback } from '../../address.ts'

export const tokenHeader = 'x-millrace-token'

/** Why a request is not answered; null where it is. */
export function foreignness(method: string, headers: IncomingHttpHeaders): string | null {
  if (!isLoopback((headers.host ?? '').replace(/:\d*$/, '')))
    return 'the host of the address is not this machine'
  const site = headers['sec-fetch-site']
  if (site === 'cross-site' || site === 'same-site') {
    // A link from elsewhere may lead here; a page from elsewhere may not read or send anything.
    if (headers['sec-fetch-mode'] !== 'navigate' || method !== 'GET')
      return 'the request comes from another site'
  }
  const { origin } = headers
  return origin !== undefined && origin !== `http://${headers.host}`
    ? 'the request comes from another site'
    : null
}

/** Why a request that can change something is not answered; null where it is. */
export function forgery(headers: IncomingHttpHeaders, token: string): string | null {
  if (!/^application\/json(;\s*charset=utf-8)?$/i.test(headers['content-type'] ?? ''))
    return 'what changes something is sent as application/json'
  const given = headers[tokenHeader]
  return typeof given === 'string' && isSame(given, token)
    ? null
    : `the header X-Millrace-Token with the token of /api/session is missing or wrong`
}

const digest = (text: string) => createHash('sha256').update(text).digest()

/** Compares in a time that says nothing about where the texts differ. */
export const isSame = (one: string, other: string): boolean => timingSafeEqual(digest(one), digest(other))
