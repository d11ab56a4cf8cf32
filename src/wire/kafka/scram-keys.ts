// What SCRAM (RFC 5802, RFC 7677) derives from a password: the salted password, and from it the keys of the
// two sides. Who has StoredKey and ServerKey alone can check a login and prove to be the server, but cannot
// log in. Names and passwords are UTF-8 as they are, as Kafka takes them, without SASLprep.
import { createHash, createHmac } from 'node:crypto'

/** Numbers of the protocol (KIP-554). */
export const scramMechanisms = [
  { name: 'SCRAM-SHA-256', id: 1, hash: 'sha256', size: 32 },
  { name: 'SCRAM-SHA-512', id: 2, hash: 'sha512', size: 64 },
] as const
export type ScramDetails = (typeof scramMechanisms)[number]
export type ScramMechanism = ScramDetails['name']

/** The RFC's least, which is Kafka's too. */
export const leastIterations = 4096

export const scramDetails = (name: ScramMechanism): ScramDetails =>
  scramMechanisms.find(one => one.name === name)!

export const scramHmac = ({ hash }: ScramDetails, key: Buffer, text: string): Buffer =>
  createHmac(hash, key).update(text).digest()

export const scramHash = ({ hash }: ScramDetails, bytes: Buffer): Buffer =>
  createHash(hash).update(bytes).digest()

export const clientKeyOf = (details: ScramDetails, salted: Buffer): Buffer =>
  scramHmac(details, salted, 'Client Key')

export const storedKeyOf = (details: ScramDetails, salted: Buffer): Buffer =>
  scramHash(details, clientKeyOf(details, salted))

export const serverKeyOf = (details: ScramDetails, salted: Buffer): Buffer =>
  scramHmac(details, salted, 'Server Key')

/** The bytes of one over those of the other, of the same length. */
export const xor = (one: Buffer, other: Buffer): Buffer =>
  Buffer.from(one.map((byte, index) => byte ^ other[index]!))

/** Base64 as written by the rules; null where it is not, or nothing. */
export function decodeBase64(text: string | undefined): Buffer | null {
  if (text === undefined || !/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text))
    return null
  const bytes = Buffer.from(text, 'base64')
  return bytes.length === 0 ? null : bytes
}
