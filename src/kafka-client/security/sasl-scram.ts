// SCRAM (RFC 5802, RFC 7677): proves that the password is known without sending it, and has the broker
// prove the same.
//
//   client  n,,n=user,r=nonce                        server  r=nonce+more,s=salt,i=iterations
//   client  c=biws,r=nonce+more,p=proof              server  v=signature, or e=error
//
// Names and passwords are taken as UTF-8 as they are. RFC 5802 would have SASLprep map them, but Kafka's
// brokers and tools do not, so that a mapped password would not fit what they keep; ASCII is the same
// either way.
import { timingSafeEqual } from 'node:crypto'
import {
  clientKeyOf,
  decodeBase64,
  leastIterations,
  scramDetails,
  scramHmac,
  serverKeyOf,
  storedKeyOf,
  xor,
  type ScramMechanism,
} from '../../wire/kafka/scram-keys.ts'
import type { Clock } from '../../system/clock.ts'
import { derivePbkdf2 } from '../../system/threads.ts'
import { SaslError, type Conversation } from './sasl-conversation.ts'
import type { Secret } from '../../security/secret.ts'

export type { ScramMechanism }

export interface ScramLogin {
  readonly username: string
  readonly password: Secret
  /** The name and password are those of a delegation token. */
  readonly isToken: boolean
}

/** The most work a broker may ask for: a tenth of a second of another thread. */
const mostIterations = 100_000

export function converseScram(
  mechanism: ScramMechanism,
  login: ScramLogin,
  nonce: string,
  clock: Pick<Clock, 'isSimulated'>,
): Conversation {
  const details = scramDetails(mechanism)
  const name = login.username.replaceAll('=', '=3D').replaceAll(',', '=2C')
  const clientFirst = `n=${name},r=${nonce}${login.isToken ? ',tokenauth=true' : ''}`
  let signature: Buffer | null = null

  async function prove(serverFirst: string): Promise<Buffer> {
    const { serverNonce, salt, iterations } = readServerFirst(serverFirst, nonce)
    const { hash, size } = details
    const password = login.password.reveal()
    const salted = await derivePbkdf2({ hash, password, salt, iterations, size }, clock)
    const withoutProof = `c=biws,r=${serverNonce}`
    const message = `${clientFirst},${serverFirst},${withoutProof}`
    const proof = xor(clientKeyOf(details, salted), scramHmac(details, storedKeyOf(details, salted), message))
    signature = scramHmac(details, serverKeyOf(details, salted), message)
    return Buffer.from(`${withoutProof},p=${proof.toString('base64')}`)
  }

  return {
    first: Buffer.from(`n,,${clientFirst}`),
    answer(bytes) {
      const text = bytes.toString('utf8')
      const error = /^e=([^,]*)/.exec(text)
      if (error !== null) throw new SaslError(`the broker says "${error[1]!.slice(0, 100)}"`)
      if (signature === null) return prove(text)
      const given = decodeBase64(/^v=([^,]+)/.exec(text)?.[1])
      if (given === null || given.length !== signature.length || !timingSafeEqual(given, signature))
        throw new SaslError(
          'the broker does not prove that it knows the password: it is not the broker it says it is, or something changes what is sent',
        )
      return null
    },
  }
}

function readServerFirst(
  text: string,
  nonce: string,
): { serverNonce: string; salt: Buffer; iterations: number } {
  const match = /^r=([\x21-\x2b\x2d-\x7e]+),s=([^,]+),i=(\d{1,9})(?:,.*)?$/s.exec(text)
  const salt = decodeBase64(match?.[2])
  if (match === null || salt === null) throw new SaslError('the broker’s first message is not one of SCRAM')
  const serverNonce = match[1]!
  // Without this check an answer recorded earlier could be used again (CVE-2024-56128, on the other side).
  if (!serverNonce.startsWith(nonce) || serverNonce.length === nonce.length)
    throw new SaslError('the broker answers with a nonce that is not made from ours')
  const iterations = Number(match[3])
  if (iterations < leastIterations || iterations > mostIterations)
    throw new SaslError(
      `the broker asks for ${iterations} iterations; ${leastIterations} to ${mostIterations} are accepted`,
    )
  return { serverNonce, salt, iterations }
}
