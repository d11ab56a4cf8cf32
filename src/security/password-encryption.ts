// Keys of a password as PKCS8 and PKCS12 files name them: PBES2 (RFC 8018) with PBKDF2 or scrypt (RFC 7914), and PKCS12's
// own (RFC 7292, appendix B), with the ciphers that keytool and openssl write. A file says how often its password is
// hashed: that is bounded, and other turns of the event loop come in between.
import { createDecipheriv, hash } from 'node:crypto'
import type Forge from 'node-forge'
import { nextTurn, type Clock } from '../system/clock.ts'
import { derivePbkdf2, deriveScrypt } from '../system/threads.ts'
import { forge } from './forge.ts'

export type Asn1 = Forge.asn1.Asn1

const damaged = (): never => {
  throw new Error('it is damaged')
}
export const parseDer = (bytes: Buffer): Asn1 => forge().asn1.fromDer(bytes.toString('binary'))
export const partsOf = (node: Asn1 | undefined): readonly Asn1[] =>
  node !== undefined && Array.isArray(node.value) ? node.value : damaged()
/** Of an octet string, which BER allows in pieces. */
export function octetsOf(node: Asn1 | undefined): Buffer {
  if (typeof node?.value === 'string') return Buffer.from(node.value, 'binary')
  return Buffer.concat(partsOf(node).map(octetsOf))
}
export function oidOf(node: Asn1 | undefined): string {
  const bytes = octetsOf(node)
  return bytes.length === 0 ? damaged() : forge().asn1.derToOid(bytes.toString('binary'))
}
export const derOf = (node: Asn1 | undefined): Buffer =>
  node === undefined ? damaged() : Buffer.from(forge().asn1.toDer(node).getBytes(), 'binary')
export function countIn(node: Asn1 | undefined): number {
  const bytes = octetsOf(node)
  return bytes.length === 0 || bytes.length > 6 ? damaged() : bytes.readIntBE(0, bytes.length)
}

/** Java's own limit; here for all keys of a file together. */
const mostRounds = 5_000_000
/** Then others have a turn: some milliseconds. */
const roundsAtOnce = 4000
/** Of scrypt, blocks that are mixed: openssl writes 2 ** 17; and bytes. */
const mostBlocks = 2 ** 20
const mostScryptBytes = 134_217_728

export interface Digest {
  readonly name: string
  /** Of what it gives, and of what it takes in at once. */
  readonly bytes: number
  readonly blockBytes: number
}
export const digests: Readonly<Record<string, Digest>> = {
  '1.3.14.3.2.26': { name: 'sha1', bytes: 20, blockBytes: 64 },
  '2.16.840.1.101.3.4.2.1': { name: 'sha256', bytes: 32, blockBytes: 64 },
  '2.16.840.1.101.3.4.2.2': { name: 'sha384', bytes: 48, blockBytes: 128 },
  '2.16.840.1.101.3.4.2.3': { name: 'sha512', bytes: 64, blockBytes: 128 },
  '2.16.840.1.101.3.4.2.4': { name: 'sha224', bytes: 28, blockBytes: 64 },
}
const sha1 = digests['1.3.14.3.2.26']!

const pbes2 = '1.2.840.113549.1.5.13'
const pbkdf2 = '1.2.840.113549.1.5.12'
const scrypt = '1.3.6.1.4.1.11591.4.11'
/** HMAC of these. */
const prfs: Readonly<Record<string, string>> = {
  '1.2.840.113549.2.7': 'sha1',
  '1.2.840.113549.2.8': 'sha224',
  '1.2.840.113549.2.9': 'sha256',
  '1.2.840.113549.2.10': 'sha384',
  '1.2.840.113549.2.11': 'sha512',
}

interface Cipher {
  readonly name: string
  readonly keyBytes: number
  readonly ivBytes: number
}
const pbes2Ciphers: Readonly<Record<string, Cipher>> = {
  '2.16.840.1.101.3.4.1.2': { name: 'aes-128-cbc', keyBytes: 16, ivBytes: 16 },
  '2.16.840.1.101.3.4.1.22': { name: 'aes-192-cbc', keyBytes: 24, ivBytes: 16 },
  '2.16.840.1.101.3.4.1.42': { name: 'aes-256-cbc', keyBytes: 32, ivBytes: 16 },
  '1.2.840.113549.3.7': { name: 'des-ede3-cbc', keyBytes: 24, ivBytes: 8 },
}
/** Their keys and initial vectors are those of PKCS12, with SHA-1. */
const pkcs12Ciphers: Readonly<Record<string, Cipher>> = {
  '1.2.840.113549.1.12.1.3': { name: 'des-ede3-cbc', keyBytes: 24, ivBytes: 8 },
  '1.2.840.113549.1.12.1.4': { name: 'des-ede-cbc', keyBytes: 16, ivBytes: 8 },
  '1.2.840.113549.1.12.1.5': { name: 'rc2', keyBytes: 16, ivBytes: 8 },
  '1.2.840.113549.1.12.1.6': { name: 'rc2', keyBytes: 5, ivBytes: 8 },
}
/** The file wants more work than is done for one. */
export class TooCostly extends Error {
  override name = 'TooCostly'
}

/** What a key of PKCS12 is for. */
export const purposes = { key: 1, iv: 2, mac: 3 } as const

/** The password of one file. Everything rejects with an Error whose message completes "cannot read …: ". */
export class FilePassword {
  readonly #password: string
  readonly #time: Pick<Clock, 'isSimulated'>
  #rounds = 0

  constructor(password: string, time: Pick<Clock, 'isSimulated'> = {}) {
    this.#password = password
    this.#time = time
  }

  /** `algorithm` is an AlgorithmIdentifier. */
  async decrypt(algorithm: Asn1 | undefined, data: Buffer): Promise<Buffer> {
    const [id, parameters] = partsOf(algorithm)
    const oid = oidOf(id)
    const cipher = pkcs12Ciphers[oid]
    if (cipher !== undefined) {
      const [salt, rounds] = partsOf(parameters)
      const given = { digest: sha1, salt: octetsOf(salt), rounds: countIn(rounds) }
      const key = await this.derive({ ...given, purpose: 'key', size: cipher.keyBytes })
      const iv = await this.derive({ ...given, purpose: 'iv', size: cipher.ivBytes })
      return opened(cipher, key, iv, data)
    }
    if (oid !== pbes2) throw unknown(oid)
    const [derivation, scheme] = partsOf(parameters)
    const [schemeId, iv] = partsOf(scheme)
    const named = pbes2Ciphers[oidOf(schemeId)]
    if (named === undefined) throw unknown(oidOf(schemeId))
    return opened(named, await this.#deriveBy(derivation, named.keyBytes), octetsOf(iv), data)
  }

  /** A key of PKCS12. */
  async derive(given: {
    readonly digest: Digest
    readonly salt: Buffer
    readonly rounds: number
    readonly purpose: keyof typeof purposes
    readonly size: number
  }): Promise<Buffer> {
    const { digest, salt, rounds, purpose, size } = given
    const { name, blockBytes } = digest
    const text = Buffer.from(`${this.#password}\0`, 'utf16le').swap16()
    const inside = Buffer.concat([filled(salt, blockBytes), filled(text, blockBytes)])
    const start = Buffer.alloc(blockBytes, purposes[purpose])
    const parts: Buffer[] = []
    for (let length = 0; length < size; length += parts.at(-1)!.length) {
      if (length > 0)
        for (let at = 0; at < inside.length; at += blockBytes)
          add(inside.subarray(at, at + blockBytes), parts.at(-1)!)
      this.#take(rounds)
      let part = hash(name, Buffer.concat([start, inside]), 'buffer')
      for (let round = 1; round < rounds; round++) {
        if (round % roundsAtOnce === 0) await nextTurn()
        part = hash(name, part, 'buffer')
      }
      parts.push(part)
    }
    return Buffer.concat(parts).subarray(0, size)
  }

  async #deriveBy(derivation: Asn1 | undefined, size: number): Promise<Buffer> {
    const [id, parameters] = partsOf(derivation)
    const [salt, ...numbers] = partsOf(parameters)
    const given = { password: this.#password, salt: octetsOf(salt), size }
    if (oidOf(id) === scrypt) {
      const [cost = 0, blockSize = 0, parallel = 0] = numbers.slice(0, 3).map(countIn)
      if (cost * blockSize * parallel > mostBlocks)
        throw new TooCostly(
          `it wants ${cost * blockSize * parallel} blocks of scrypt; at most ${mostBlocks} are computed`,
        )
      return await deriveScrypt(
        { ...given, cost, blockSize, parallel, mostBytes: mostScryptBytes },
        this.#time,
      )
    }
    if (oidOf(id) !== pbkdf2) throw unknown(oidOf(id))
    const iterations = countIn(numbers[0])
    const prf = numbers.find(one => Array.isArray(one.value))
    const digest = prf === undefined ? 'sha1' : prfs[oidOf(partsOf(prf)[0])]
    if (digest === undefined) throw unknown(oidOf(partsOf(prf)[0]))
    this.#take(iterations)
    return await derivePbkdf2({ ...given, hash: digest, iterations }, this.#time)
  }

  #take(rounds: number): void {
    this.#rounds += rounds
    if (rounds < 1 || this.#rounds > mostRounds)
      throw new TooCostly(
        `it wants ${this.#rounds} rounds of hashing, and at most ${mostRounds} are computed. Write it again with fewer, as keytool -importkeystore does`,
      )
  }
}

const unknown = (oid: string) => new Error(`it is encrypted in an unknown way (${oid})`)

/** Repeated up to a whole number of blocks. */
const filled = (bytes: Buffer, blockBytes: number): Buffer =>
  Buffer.alloc(Math.ceil(bytes.length / blockBytes) * blockBytes, bytes)

/** The block becomes the sum of both and one, as big-endian numbers of its size. */
function add(block: Buffer, digest: Buffer): void {
  let carry = 1
  for (let at = block.length - 1; at >= 0; at--) {
    carry += block[at]! + digest[at % digest.length]!
    block[at] = carry & 0xff
    carry >>= 8
  }
}

function opened({ name, keyBytes }: Cipher, key: Buffer, iv: Buffer, data: Buffer): Buffer {
  try {
    if (name === 'rc2') {
      const { rc2, util } = forge()
      const cipher = rc2.createDecryptionCipher(key.toString('binary'), keyBytes * 8)
      cipher.start(iv.toString('binary'))
      cipher.update(util.createBuffer(data.toString('binary')))
      if (!cipher.finish()) throw new Error('padding')
      return Buffer.from(cipher.output.getBytes(), 'binary')
    }
    const isTwoKeys = name === 'des-ede-cbc'
    const cipher = createDecipheriv(
      isTwoKeys ? 'des-ede3-cbc' : name,
      isTwoKeys ? Buffer.concat([key, key.subarray(0, 8)]) : key,
      iv,
    )
    return Buffer.concat([cipher.update(data), cipher.final()])
  } catch (error) {
    throw new Error('the password is wrong, or the file was changed', { cause: error })
  }
}
