// Logins: by the page, which gets a session with a cookie; by HTTP Basic, for scripts; and by the header of a proxy that
// has logged the user in. What a user may do is looked up anew for each request, so that a changed users file counts at
// once: who is gone from it, or has another password, is logged out.
import { createHash, createHmac, randomBytes } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { Clock } from '../../system/clock.ts'
import type { Grant } from '../api/session.ts'
import { Refused } from '../refused.ts'
import { decoyOf, isPassword, type PasswordHash } from './passwords.ts'
import { Session } from './session.ts'
import { subscriberOf, Throttle } from './throttle.ts'
import type { User, Users } from './users.ts'

/** What of a request says who asks. */
export interface Asking {
  readonly headers: IncomingHttpHeaders
  /** Address of whoever asks; behind a proxy that is trusted, the one that it names. */
  readonly ip: string
  /** Address of the connection. */
  readonly peer: string
  readonly via: Way
}

/** The way by which requests reach us, for the cookie. */
export interface Way {
  /** Port on which we listen. */
  readonly port: number
  /** Whether the browser speaks TLS. */
  readonly isSecure: boolean
}

/** Finds who asks. */
export interface Doorkeeper {
  /** Resolves with null where nobody is known. Rejects with Refused where too many passwords were wrong. */
  sessionOf(asking: Asking): Promise<Session | null>
}

export interface LoginOptions {
  readonly clock: Clock
  readonly users: Users
  /** The header in which a proxy names the user, in lower case; null: none is believed. */
  readonly proxyHeader: string | null
  /** Whether the peer is believed to be such a proxy. */
  isProxy(address: string): boolean
  readonly idleMs: number
  readonly longestMs: number
}

interface Kept {
  readonly user: User
  readonly token: string
  readonly begunAt: number
  usedAt: number
  readonly over: AbortController
}

const mostSessions = 10_000
const mostSessionsOfUser = 50
const sweepMs = 15_000
/** A password that was right is not computed again for so long, for scripts that ask often. */
const rememberMs = 60_000
const freeFailures = { user: 5, address: 20 } as const

const digest = (text: string) => createHash('sha256').update(text).digest('base64url')
const random = () => randomBytes(32).toString('base64url')
const wrong = () => new Refused(401, 'the user or the password is wrong', 'Write both again.')

export class Login implements Doorkeeper {
  readonly #options: LoginOptions
  #users: Users
  /** What passwords of unknown users are compared with. */
  #decoy: PasswordHash
  /** By digest of their ids: whoever reads the memory of this process learns no id. The oldest first. */
  readonly #sessions = new Map<string, Kept>()
  readonly #byUser: Throttle
  readonly #byAddress: Throttle
  readonly #key = randomBytes(32)
  readonly #right = new Map<string, { user: User; at: number }>()
  #isStopped = false

  constructor(options: LoginOptions) {
    this.#options = options
    this.#users = options.users
    this.#decoy = decoyFor(options.users)
    this.#byUser = new Throttle(options.clock, freeFailures.user)
    this.#byAddress = new Throttle(options.clock, freeFailures.address)
    this.#sweepLater()
  }

  stop(): void {
    this.#isStopped = true
    for (const id of this.#sessions.keys()) this.#end(id)
  }

  /** From now on these count. */
  set users(users: Users) {
    this.#users = users
    this.#decoy = decoyFor(users)
    this.#right.clear()
    for (const [id, { user }] of this.#sessions) if (!this.#isCurrent(user)) this.#end(id)
  }

  async sessionOf({ headers, ip, peer, via }: Asking): Promise<Session | null> {
    const { proxyHeader } = this.#options
    const named = proxyHeader === null ? undefined : headers[proxyHeader]
    if (named !== undefined && this.#options.isProxy(peer)) {
      // Two headers of the name are joined by a comma: one of them is not the proxy's.
      const user = typeof named === 'string' ? this.#users.get(named.trim()) : undefined
      return user === undefined ? null : this.#sessionFor(user, ip, this.#tokenOf(user))
    }
    const basic = basicOf(headers.authorization)
    if (basic !== null) {
      const user = await this.#check(basic.user, basic.password, ip, true)
      return this.#sessionFor(user, ip, null)
    }
    const id = cookieOf(headers.cookie, via)
    return id === null ? null : this.#resume(digest(id), ip)
  }

  /** The id of a session that begins now, whatever session there was. Rejects with Refused. */
  async begin(name: string, password: string, ip: string): Promise<string> {
    const user = await this.#check(name, password, ip, false)
    const own = [...this.#sessions].filter(([, one]) => one.user.name === user.name)
    if (own.length >= mostSessionsOfUser) this.#end(own[0]![0])
    const [oldest] = this.#sessions.keys()
    if (this.#sessions.size >= mostSessions) this.#end(oldest!)
    const id = random()
    const now = this.#options.clock.monotonic()
    this.#sessions.set(digest(id), {
      user,
      token: random(),
      begunAt: now,
      usedAt: now,
      over: new AbortController(),
    })
    return id
  }

  /** Ends the session of the cookie; nothing where there is none. */
  end({ headers, via }: Asking): void {
    const id = cookieOf(headers.cookie, via)
    if (id !== null) this.#end(digest(id))
  }

  #resume(id: string, ip: string): Session | null {
    const kept = this.#sessions.get(id)
    if (kept === undefined) return null
    if (this.#isOver(kept)) {
      this.#end(id)
      return null
    }
    kept.usedAt = this.#options.clock.monotonic()
    return this.#sessionFor(kept.user, ip, kept.token, kept.over.signal)
  }

  #sessionFor({ name }: User, from: string, token: string | null, over?: AbortSignal): Session {
    const grants: readonly Grant[] = this.#users.get(name)?.grants ?? []
    return new Session({ user: name, from, grants, token, ...(over === undefined ? {} : { over }) })
  }

  #tokenOf({ name }: User): string {
    return createHmac('sha256', this.#key).update(`proxy\0${name}`).digest('base64url')
  }

  /** Wrong passwords and unknown users take the same time and the same words. */
  async #check(name: string, password: string, ip: string, remembers: boolean): Promise<User> {
    const { clock } = this.#options
    const known = this.#users.get(name)
    const key = createHmac('sha256', this.#key).update(`${name}\0${password}`).digest('base64url')
    const right = this.#right.get(key)
    if (remembers && right !== undefined && right.user === known && clock.monotonic() - right.at < rememberMs)
      return known
    const address = subscriberOf(ip)
    const wait = this.#byAddress.begin(address)
    if (wait > 0) throw tooMany(wait)
    const userWait = this.#byUser.begin(name)
    if (userWait > 0) {
      this.#byAddress.takeBack(address)
      throw tooMany(userWait)
    }
    let isRight: boolean
    try {
      isRight = await isPassword(password, known?.password ?? this.#decoy)
    } catch (error) {
      this.#byAddress.takeBack(address)
      this.#byUser.takeBack(name)
      throw error
    }
    if (!isRight || known === undefined || known.password === null || this.#users.get(name) !== known)
      throw wrong()
    this.#byAddress.takeBack(address)
    this.#byUser.succeeded(name)
    if (this.#right.size > 1000) this.#right.clear()
    if (remembers) this.#right.set(key, { user: known, at: clock.monotonic() })
    return known
  }

  /** Whether the user is still there, with the same password. */
  #isCurrent(user: User): boolean {
    const now = this.#users.get(user.name)
    if (now === undefined || now.password === null || user.password === null) return false
    return now.password.hash.equals(user.password.hash) && now.password.salt.equals(user.password.salt)
  }

  #isOver({ begunAt, usedAt }: Kept): boolean {
    const now = this.#options.clock.monotonic()
    return now - usedAt >= this.#options.idleMs || now - begunAt >= this.#options.longestMs
  }

  #end(id: string): void {
    this.#sessions.get(id)?.over.abort()
    this.#sessions.delete(id)
  }

  /** Streams of a session that has run out end too. */
  #sweepLater(): void {
    this.#options.clock.after(
      sweepMs,
      () => {
        if (this.#isStopped) return
        for (const [id, kept] of this.#sessions) if (this.#isOver(kept)) this.#end(id)
        this.#sweepLater()
      },
      { background: true },
    )
  }
}

/** Of the cost that the users' own have. */
function decoyFor(users: Users): PasswordHash {
  const costs = [...users.values()].flatMap(({ password }) => password ?? [])
  return decoyOf(costs[0])
}

function tooMany(waitMs: number): Refused {
  const seconds = Math.ceil(waitMs / 1000)
  return new Refused(429, 'too many passwords were wrong', `Try again in ${seconds} s.`, undefined, seconds)
}

function basicOf(header: string | undefined): { user: string; password: string } | null {
  const [, encoded] = /^Basic ([\w+/=-]{1,4096})$/i.exec(header ?? '') ?? []
  if (encoded === undefined) return null
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  const at = text.indexOf(':')
  return at < 0 ? null : { user: text.slice(0, at), password: text.slice(at + 1) }
}

/** No page on another port of the machine takes it for its own; with TLS no page without it can set it. */
const cookieName = ({ port, isSecure }: Way) => `${isSecure ? '__Host-' : ''}millrace-${port}`

/** The id in the cookie; null where there is none, or where another page has put a second one beside it. */
function cookieOf(header: string | undefined, via: Way): string | null {
  const start = `${cookieName(via)}=`
  const found = (header ?? '').split(/;\s*/).filter(one => one.startsWith(start))
  const id = found.length === 1 ? found[0]!.slice(start.length) : ''
  return /^[\w-]{43}$/.test(id) ? id : null
}

/** `id` null: the browser forgets it. */
export function cookieFor(id: string | null, via: Way): string {
  const attributes = `Path=/; HttpOnly; SameSite=Strict${via.isSecure ? '; Secure' : ''}`
  return `${cookieName(via)}=${id ?? ''}; ${attributes}${id === null ? '; Max-Age=0' : ''}`
}
