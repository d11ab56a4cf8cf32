// Encryption at rest: what is in the puts of an encrypted segment. Every segment has a key of its own, made
// of the operator's key and 16 random bytes in the segment's header, so that no key and nonce meet twice:
//
//   key, check = HKDF-SHA256(operator's key, salt: the random bytes,
//                            info: "millrace-segment" + id of the channel (16) + id of the segment (8))
//
// The key has as many bytes as the operator's, the check 16: it stands in the header too, and tells the
// operator's key from another. A put's payload is encrypted under its position in the segment (8 bytes, high
// byte first):
//
//   ctr     AES/CTR, counter block: position, then 8 zero bytes. As many bytes as before; what stands in the
//           log can be changed by whoever can write to it.
//   gcm     AES/GCM, nonce: 4 zero bytes, then the position; the tag (16 bytes) follows. Authenticated
//           with it: the entry's header but for its two checksums.
//
// The entry's checksum is that of the encrypted bytes: a log can be verified without its keys.
import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  hkdfSync,
  type CipherGCMTypes,
  type KeyObject,
} from 'node:crypto'
import { Fault } from '../../errors.ts'
import type { Random } from '../../system/random.ts'
import type { EncryptionKeys } from './encryption-keys.ts'
import { writeNumber } from './eight-bytes.ts'

export type CipherKind = EncryptionKeys['cipher']

/** How a segment is encrypted, as its header says. */
export interface SegmentEncryption {
  readonly cipher: CipherKind
  readonly keyAlias: string
  /** 16 bytes each, in hex. */
  readonly random: string
  readonly check: string
}

interface EncryptedSegment {
  readonly id: number
  readonly channelId: string
}

export const randomBytes = 16
export const checkBytes = 16
const tagBytes = 16

export class SegmentCipher {
  /** Bytes by which a payload grows. */
  readonly overhead: number
  readonly #kind: CipherKind
  readonly #name: string
  readonly #bytes: Buffer
  #made: KeyObject | null = null

  constructor(kind: CipherKind, key: Buffer) {
    this.#kind = kind
    this.#name = `aes-${key.length * 8}-${kind}`
    this.#bytes = key
    this.overhead = kind === 'gcm' ? tagBytes : 0
  }

  /** Made once, and only when it is needed: a buffer would be turned into one for each put. */
  get #key(): KeyObject {
    return (this.#made ??= createSecretKey(this.#bytes))
  }

  /** Writes the encrypted `payload` to `target`, which is `overhead` longer. */
  seal(payload: Buffer, target: Buffer, position: number, header: Buffer): void {
    if (this.#kind === 'ctr') {
      const cipher = createCipheriv(this.#name, this.#key, counterOf(position))
      target.set(cipher.update(payload))
      return
    }
    const cipher = createCipheriv(this.#name as CipherGCMTypes, this.#key, nonceOf(position))
    cipher.setAAD(covered(header))
    target.set(cipher.update(payload))
    cipher.final()
    target.set(cipher.getAuthTag(), payload.length)
  }

  /** The payload as it was; null where it is not what was written under this key at this position. */
  open(sealed: Buffer, position: number, header: Buffer): Buffer | null {
    if (this.#kind === 'ctr')
      return createDecipheriv(this.#name, this.#key, counterOf(position)).update(sealed)
    const end = sealed.length - tagBytes
    if (end < 0) return null
    const cipher = createDecipheriv(this.#name as CipherGCMTypes, this.#key, nonceOf(position), {
      authTagLength: tagBytes,
    })
    cipher.setAAD(covered(header))
    cipher.setAuthTag(sealed.subarray(end))
    const payload = cipher.update(sealed.subarray(0, end))
    try {
      cipher.final()
    } catch {
      return null
    }
    return payload
  }
}

/** What an open channel encrypts with: the key that is active. */
export class Encryption {
  readonly #keys: EncryptionKeys
  readonly #random: Random
  readonly #activeKey: Buffer

  private constructor(keys: EncryptionKeys, random: Random, activeKey: Buffer) {
    this.#keys = keys
    this.#random = random
    this.#activeKey = activeKey
  }

  /** Rejects with KEY_STORE. */
  static async with(keys: EncryptionKeys, random: Random): Promise<Encryption> {
    return new Encryption(keys, random, await keys.key(keys.activeAlias))
  }

  /** For a segment that is about to be made. */
  begin(segment: EncryptedSegment): { description: SegmentEncryption; cipher: SegmentCipher } {
    const { cipher: kind, activeAlias } = this.#keys
    const random = this.#random.bytes(randomBytes)
    const { cipher, check } = derive(this.#activeKey, kind, random, segment)
    const description = { cipher: kind, keyAlias: activeAlias, random: random.toString('hex'), check }
    return { description, cipher }
  }
}

/** What decrypts a segment that is there. Rejects with KEY_STORE, naming segment and key. */
export async function unlock(
  keys: EncryptionKeys | null,
  segment: EncryptedSegment & { readonly path: string; readonly encryption: SegmentEncryption },
): Promise<SegmentCipher> {
  const { keyAlias, cipher: kind, random, check } = segment.encryption
  const what = `segment ${segment.path} is encrypted with the key "${keyAlias}"`
  if (keys === null)
    throw new Fault(
      'KEY_STORE',
      `${what}, and no keys are configured: write the encryption.* lines with which it was written`,
    )
  const key = await keys.key(keyAlias).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error)
    throw new Fault(
      'KEY_STORE',
      `${what}, which is not available: ${why}. A key is needed until all events written with it are delivered and the channel was stopped cleanly`,
      { cause: error },
    )
  })
  const derived = derive(key, kind, Buffer.from(random, 'hex'), segment)
  if (derived.check !== check)
    throw new Fault(
      'KEY_STORE',
      `${what}, and the key of that name in the key store is another one: give the key store back that was used when the segment was written`,
    )
  return derived.cipher
}

function derive(
  key: Buffer,
  kind: CipherKind,
  random: Buffer,
  { id, channelId }: EncryptedSegment,
): { cipher: SegmentCipher; check: string } {
  const info = Buffer.alloc(16 + 16 + 8)
  info.write('millrace-segment', 0, 'latin1')
  info.write(channelId, 16, 16, 'hex')
  writeNumber(info, id, 32)
  const bytes = Buffer.from(hkdfSync('sha256', key, random, info, key.length + checkBytes))
  return {
    cipher: new SegmentCipher(kind, bytes.subarray(0, key.length)),
    check: bytes.toString('hex', key.length),
  }
}

function counterOf(position: number): Buffer {
  const block = Buffer.alloc(16)
  block.writeBigUInt64BE(BigInt(position), 0)
  return block
}

function nonceOf(position: number): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeBigUInt64BE(BigInt(position), 4)
  return nonce
}

/** The header of an entry (entry.ts) without the checksums at 4 and 16. */
function covered(header: Buffer): Buffer {
  return Buffer.concat([header.subarray(8, 16), header.subarray(20)])
}
