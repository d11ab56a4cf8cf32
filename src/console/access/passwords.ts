// Passwords as the users file holds them: scrypt (RFC 7914) with its cost and a salt of their own,
//
//   scrypt$N$r$p$SALT$HASH       numbers in decimal, salt and hash in base64url
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { Refused } from '../refused.ts'

export interface PasswordHash {
  readonly N: number
  readonly r: number
  readonly p: number
  readonly salt: Buffer
  readonly hash: Buffer
}

/** 32 MiB and about a quarter of a second: what OWASP's password storage cheat sheet asks of N = 2^15. */
const usualCost = { N: 32_768, r: 8, p: 3 } as const
const hashBytes = 32
/** A hash that takes more is refused when it is read. */
const mostMemory = 256 * 1024 * 1024
/** So many are computed at a time, so that the threads for files are not all taken; more wait. */
const mostAtOnce = 2
const mostWaiting = 32

const memoryOf = ({ N, r }: { N: number; r: number }) => 128 * N * r

/** Null where the text is no hash, or one that would take too much. */
export function parseHash(text: string): PasswordHash | null {
  const match = /^scrypt\$(\d{1,8})\$(\d{1,3})\$(\d{1,3})\$([\w-]{11,128})\$([\w-]{22,128})$/.exec(text)
  if (match === null) return null
  const [N, r, p] = [Number(match[1]), Number(match[2]), Number(match[3])]
  const isPossible = N > 1 && (N & (N - 1)) === 0 && r > 0 && p > 0 && p <= 16
  if (!isPossible || memoryOf({ N, r }) > mostMemory) return null
  return { N, r, p, salt: Buffer.from(match[4]!, 'base64url'), hash: Buffer.from(match[5]!, 'base64url') }
}

export type Cost = Pick<PasswordHash, 'N' | 'r' | 'p'>

export async function hashPassword(password: string, { N, r, p }: Cost = usualCost): Promise<string> {
  const salt = randomBytes(16)
  const hash = await derive(password, { N, r, p, salt, hash: Buffer.alloc(hashBytes) })
  return `scrypt$${N}$${r}$${p}$${salt.toString('base64url')}$${hash.toString('base64url')}`
}

/** What no password fits, and what costs as much to find out as another does. */
export const decoyOf = ({ N, r, p }: Cost = usualCost): PasswordHash => ({
  N,
  r,
  p,
  salt: randomBytes(16),
  hash: randomBytes(hashBytes),
})

/** Rejects with Refused where too many wait. */
export async function isPassword(password: string, expected: PasswordHash): Promise<boolean> {
  return timingSafeEqual(await derive(password, expected), expected.hash)
}

let running = 0
const waiting: (() => void)[] = []

async function derive(password: string, { N, r, p, salt, hash }: PasswordHash): Promise<Buffer> {
  if (running >= mostAtOnce) {
    if (waiting.length >= mostWaiting)
      throw new Refused(
        503,
        'too many passwords are being compared',
        'Try again in a few seconds.',
        undefined,
        5,
      )
    await new Promise<void>(resolve => waiting.push(resolve))
  } else running++
  try {
    return await new Promise((resolve, reject) =>
      // The same letters may be written in several ways; a password is one of them.
      scrypt(
        password.normalize('NFC'),
        salt,
        hash.length,
        { N, r, p, maxmem: 2 * memoryOf({ N, r }) + 1024 * 1024 },
        (error, key) => (error === null ? resolve(key) : reject(error)),
      ),
    )
  } finally {
    const next = waiting.shift()
    if (next === undefined) running--
    else next()
  }
}
