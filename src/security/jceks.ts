// JCEKS key stores, in which Java keeps secret keys: Flume's file channel takes the keys of its encryption from
// one. keytool -genseckey -storetype jceks makes them.
//
// As JKS (keystore.ts), with the magic CECECECE, version 2, and a third kind of entry: tag 3, alias, date int64, and
// a Java object (java-serialization.ts), a SealedObject with the fields sealAlg and paramsAlg (both
// PBEWithMD5AndTripleDES), encodedParams (DER: SEQUENCE of OCTET STRING salt, 8 bytes, and INTEGER rounds) and
// encryptedContent. Inside, encrypted with DES-EDE3-CBC, is another such stream: a SecretKeySpec with algorithm and
// key, or a KeyRep with algorithm, format and encoded. Key and IV of the 3DES: each half of the salt is hashed with
// the key's password after it, `rounds` times MD5, the digest in place of the salt from the second round on; the two
// digests in a row are 24 bytes of key and 8 of IV. Are the halves the same, the first is turned round.
import { createDecipheriv, createHash, hash } from 'node:crypto'
import { nextTurn } from '../system/clock.ts'
import { ByteCursor } from './byte-cursor.ts'
import { Fault, messageOf } from '../errors.ts'
import { isJavaObject, readJavaObject, type JavaObject, type JavaValue } from './java-serialization.ts'

export interface SecretKey {
  /** As Java names it: AES. */
  readonly algorithm: string
  readonly bytes: Buffer
}

export interface SecretKeyStore {
  /** Of its secret keys, in the order of the file. */
  readonly aliases: readonly string[]
  /** Upper and lower case of an alias are the same, as in Java. Rejects with Fault KEY_STORE. */
  key(alias: string, password: string): Promise<SecretKey>
}

const magic = 0xcececece | 0
const method = 'PBEWithMD5AndTripleDES'
/** Java's own limit. */
const mostRounds = 5_000_000
/** Then others have a turn: Java's usual 200,000 rounds take a second or two. */
const roundsAtOnce = 2000

/**
 * Reads a JCEKS store. `name` is its path, for messages; no message holds a password. What it gives keeps views on
 * `bytes`. Throws Fault KEY_STORE.
 */
export function readSecretKeyStore(bytes: Buffer, password: string, name: string): SecretKeyStore {
  let sealed: Map<string, JavaValue>
  try {
    sealed = readEntries(bytes, password)
  } catch (error) {
    throw new Fault('KEY_STORE', `cannot read the key store ${name}: ${messageOf(error)}`)
  }
  const aliases = [...sealed.keys()]
  return {
    aliases,
    async key(alias, keyPassword) {
      try {
        const content = sealed.get(alias) ?? sealed.get(alias.toLowerCase())
        if (content !== undefined) return await unseal(content, keyPassword)
        throw new Error(
          aliases.length === 0
            ? 'the store holds no secret key. Create one with keytool -genseckey -storetype jceks'
            : `it is not there; the secret keys there are: ${aliases.join(', ')}`,
        )
      } catch (error) {
        throw new Fault(
          'KEY_STORE',
          `cannot take the key "${alias}" from the key store ${name}: ${messageOf(error)}`,
        )
      }
    },
  }
}

function readEntries(bytes: Buffer, password: string): Map<string, JavaValue> {
  if (bytes.length < 32 || bytes.readInt32BE(0) !== magic)
    throw new Error(
      'it is not a JCEKS store. Convert another key store with keytool -importkeystore -deststoretype jceks',
    )
  const content = bytes.subarray(0, -20)
  const passwordBytes = Buffer.from(password, 'utf16le').swap16()
  const digest = createHash('sha1').update(passwordBytes).update('Mighty Aphrodite').update(content).digest()
  if (!digest.equals(bytes.subarray(-20)))
    throw new Error('the password of the store is wrong, or the file was changed')
  const cursor = new ByteCursor(content)
  cursor.int() // the magic
  const version = cursor.int()
  if (version !== 2) throw new Error(`JCEKS version ${version} is unknown`)
  const sealed = new Map<string, JavaValue>()
  for (let left = cursor.int(); left > 0; left--) {
    const tag = cursor.int()
    const alias = cursor.text()
    cursor.bytes(8) // when it was made
    if (tag === 1) {
      cursor.bytes(cursor.int()) // a private key
      for (let count = cursor.int(); count > 0; count--) skipCertificate(cursor)
    } else if (tag === 2) skipCertificate(cursor)
    else if (tag === 3) sealed.set(alias, readJavaObject(cursor))
    else throw new Error(`entry "${alias}" is of an unknown kind`)
  }
  if (cursor.left > 0) throw new Error(`${cursor.left} bytes follow its last entry`)
  return sealed
}

function skipCertificate(cursor: ByteCursor): void {
  cursor.text()
  cursor.bytes(cursor.int())
}

async function unseal(value: JavaValue, password: string): Promise<SecretKey> {
  const fields = isJavaObject(value) ? value.fields : new Map<string, JavaValue>()
  const parameters = fields.get('encodedParams')
  const encrypted = fields.get('encryptedContent')
  if (fields.get('sealAlg') !== method || !Buffer.isBuffer(parameters) || !Buffer.isBuffer(encrypted))
    throw new Error(`it is not sealed by ${method}, the only way known here`)
  const { salt, rounds } = readParameters(parameters)
  // Java's own rule for passwords of keys; those of stores may hold anything.
  if (!/^[\x20-\x7e]*$/.test(password))
    throw new Error('the password of a key has only letters, digits and signs of ASCII in Java')
  const inside = await decrypt(encrypted, salt, rounds, Buffer.from(password, 'latin1'))
  if (inside === null)
    throw new Error('its password does not open it; a key may have another password than its store')
  return secretKeyOf(readJavaObject(new ByteCursor(inside)))
}

function readParameters(der: Buffer): { salt: Buffer; rounds: number } {
  const cursor = new ByteCursor(der)
  const part = (tag: number) => {
    if (cursor.byte() !== tag) throw new Error('the parameters of its encryption are damaged')
    return cursor.byte()
  }
  const whole = part(0x30)
  const salt = whole === cursor.left ? cursor.bytes(part(0x04)) : Buffer.alloc(0)
  const size = salt.length === 8 ? part(0x02) : 0
  if (size < 1 || size > 4 || size !== cursor.left)
    throw new Error('the parameters of its encryption are damaged')
  const rounds = cursor.bytes(size).readIntBE(0, size)
  if (rounds < 1 || rounds > mostRounds)
    throw new Error(`it wants ${rounds} rounds of hashing; Java allows 1 to ${mostRounds}`)
  return { salt, rounds }
}

/** Null: the password is wrong. A wrong one passes the padding once in 256 times, so what comes out is looked at. */
async function decrypt(
  encrypted: Buffer,
  salt: Buffer,
  rounds: number,
  password: Buffer,
): Promise<Buffer | null> {
  const derived = await deriveKey(salt, rounds, password)
  const cipher = createDecipheriv('des-ede3-cbc', derived.subarray(0, 24), derived.subarray(24))
  try {
    const plain = Buffer.concat([cipher.update(encrypted), cipher.final()])
    return plain.length >= 4 && plain.readUInt32BE(0) === 0xaced0005 ? plain : null
  } catch {
    return null
  }
}

/** 24 bytes of key and 8 of IV; see the head of the file. */
export async function deriveKey(salt: Buffer, rounds: number, password: Buffer): Promise<Buffer> {
  const second = salt.subarray(4)
  const start = salt.subarray(0, 4)
  const first = start.equals(second) ? Buffer.from(start.toReversed()) : start
  const digests: Buffer[] = []
  for (const half of [first, second]) {
    let digest = hash('md5', Buffer.concat([half, password]), 'buffer')
    const next = Buffer.concat([digest, password])
    for (let round = 1; round < rounds; round++) {
      if (round % roundsAtOnce === 0) await nextTurn()
      next.set(digest)
      digest = hash('md5', next, 'buffer')
    }
    digests.push(digest)
  }
  return Buffer.concat(digests)
}

function secretKeyOf(value: JavaValue): SecretKey {
  const { className, fields } = isJavaObject(value)
    ? value
    : ({ className: '', fields: new Map() } as JavaObject)
  const algorithm = fields.get('algorithm')
  const bytes = fields.get(className === 'java.security.KeyRep' ? 'encoded' : 'key')
  const isKnown = className === 'javax.crypto.spec.SecretKeySpec' || fields.get('format') === 'RAW'
  if (!isKnown || typeof algorithm !== 'string' || !Buffer.isBuffer(bytes))
    throw new Error(`it is a key of a kind not known here (${className || 'no object'})`)
  return { algorithm, bytes: Buffer.from(bytes) }
}
