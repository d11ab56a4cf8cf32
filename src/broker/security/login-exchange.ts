// The broker's side of a login: takes the client's tokens and gives its own, until it knows the user or
// refuses. A wrong password and a user nobody knows look the same, in what is said and in what it takes.
//
//   PLAIN (RFC 4616)   client  identity NUL user NUL password          server  nothing
//   SCRAM (RFC 5802)   client  n,,n=user,r=nonce                       server  r=nonce+more,s=salt,i=iterations
//                      client  c=biws,r=nonce+more,p=proof             server  v=signature
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Random } from '../../system/random.ts'
import type { Secret } from '../../security/secret.ts'
import {
  decodeBase64,
  leastIterations,
  scramDetails,
  scramHash,
  scramHmac,
  xor,
  type ScramMechanism,
} from '../../wire/kafka/scram-keys.ts'
import type { ScramCredential } from './scram-credentials.ts'

/** Why a login is refused; holds nothing of what the client sent. */
export class LoginRefused extends Error {
  override name = 'LoginRefused'
}

export interface LoginExchange {
  /** The answer to a token, and the user once that is known. Throws LoginRefused. */
  take(token: Buffer): { answer: Buffer; user: string | null }
}

const nothing = Buffer.alloc(0)
const wrong = (mechanism: string) =>
  new LoginRefused(`the user or the password is wrong, or the user is not one of ${mechanism}`)

const sameText = (one: string, other: string): boolean =>
  timingSafeEqual(createHash('sha256').update(one).digest(), createHash('sha256').update(other).digest())

export function plainExchange(users: ReadonlyMap<string, Secret>): LoginExchange {
  return {
    take(token) {
      const parts = token.toString('utf8').split('\0')
      const [identity, user, password] = parts
      if (parts.length !== 3 || user === '' || password === '')
        throw new LoginRefused('the token is not one of PLAIN: identity, user and password')
      const known = users.get(user!)
      const isRight = sameText(password!, known?.reveal() ?? '') && known !== undefined
      if (!isRight) throw wrong('PLAIN')
      if (identity !== '' && identity !== user)
        throw new LoginRefused('the client may not act for another user than its own')
      return { answer: nothing, user: user! }
    },
  }
}

export function scramExchange(
  mechanism: ScramMechanism,
  find: (user: string) => ScramCredential | undefined,
  random: Pick<Random, 'bytes'>,
): LoginExchange {
  const details = scramDetails(mechanism)
  let begun: {
    user: string
    credential: ScramCredential
    isKnown: boolean
    gs2: string
    nonce: string
    text: string
  } | null = null

  function first(text: string): Buffer {
    const match = /^([ny],(?:a=[^,]*)?,)(n=([^,]+),r=([\x21-\x2b\x2d-\x7e]+)(?:,(.*))?)$/s.exec(text)
    if (match === null) throw new LoginRefused(`the first message is not one of ${mechanism}`)
    if (match[5]?.includes('tokenauth=true') === true)
      throw new LoginRefused('there are no delegation tokens here')
    const user = match[3]!.replaceAll('=2C', ',').replaceAll('=3D', '=')
    const known = find(user)
    const credential = known ?? inventedFor(user, details.size)
    const nonce = match[4]! + random.bytes(18).toString('base64').replaceAll('=', '')
    const answer = `r=${nonce},s=${credential.salt.toString('base64')},i=${credential.iterations}`
    begun = {
      user,
      credential,
      isKnown: known !== undefined,
      gs2: match[1]!,
      nonce,
      text: `${match[2]!},${answer}`,
    }
    return Buffer.from(answer)
  }

  /** The same for a user each time, as if there were one. */
  function inventedFor(user: string, size: number): ScramCredential {
    const bytes = createHash('sha512').update(inventedSalt).update(user).digest()
    return {
      salt: bytes.subarray(0, 16),
      iterations: leastIterations,
      storedKey: Buffer.alloc(size, bytes),
      serverKey: Buffer.alloc(size, bytes),
    }
  }
  const inventedSalt = processSalt(random)

  function second(text: string): { answer: Buffer; user: string } {
    const { user, credential, isKnown, gs2, nonce, text: before } = begun!
    const match = /^(c=([A-Za-z0-9+/=]+),r=([^,]+)(?:,.*?)?),p=([A-Za-z0-9+/=]+)$/s.exec(text)
    const proof = decodeBase64(match?.[4])
    if (match === null || proof === null || proof.length !== details.size)
      throw new LoginRefused(`the second message is not one of ${mechanism}`)
    // An exchange that was recorded must not be good again.
    if (match[3] !== nonce || decodeBase64(match[2])?.toString() !== gs2)
      throw new LoginRefused('the second message does not belong to the first')
    const message = `${before},${match[1]!}`
    const clientKey = xor(proof, scramHmac(details, credential.storedKey, message))
    const isRight = timingSafeEqual(scramHash(details, clientKey), credential.storedKey)
    if (!isRight || !isKnown) throw wrong(mechanism)
    const signature = scramHmac(details, credential.serverKey, message)
    return { answer: Buffer.from(`v=${signature.toString('base64')}`), user }
  }

  return {
    take(token) {
      const text = token.toString('utf8')
      return begun === null ? { answer: first(text), user: null } : second(text)
    },
  }
}

let salt: Buffer | null = null
/** One for the life of the process: another one each time would tell users that are invented. */
const processSalt = (random: Pick<Random, 'bytes'>): Buffer => (salt ??= random.bytes(32))
