// Key stores as Java users have them: JKS, PKCS12 and PEM, told apart by their first bytes and not by the
// file's name (keytool has long written PKCS12 into files named .jks). Gives what Node's TLS wants: PEM.
//
// JKS, all numbers big-endian: magic FEEDFEED, version 1 or 2, entry count; an entry is tag 1 (private
// key: alias, date int64, length and EncryptedPrivateKeyInfo, chain count, certificates) or tag 2
// (trusted certificate: alias, date, certificate); a certificate is a type name (version 2 only), length
// and DER; texts are a 16-bit length and modified UTF-8. At the end the SHA-1 of the password in UTF-16BE,
// the text "Mighty Aphrodite" and everything before. A key is protected by an XOR stream: 20 bytes salt,
// the key under SHA-1(password, salt), SHA-1(password, that), ..., 20 bytes SHA-1(password, plain key).
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto'
import { ByteCursor } from './byte-cursor.ts'
import { Fault, messageOf } from '../errors.ts'
import type { KeyEntry, KeyStore } from './key-entries.ts'
import { FilePassword, octetsOf, oidOf, parseDer, partsOf, TooCostly } from './password-encryption.ts'
import { readPkcs12 } from './pkcs12.ts'

const jksMagic = 0xfeedfeed
const jceksMagic = 0xcececece

/**
 * Reads a key store. `name` is its path, for messages; no message holds the password. Without a password
 * certificates can be read from JKS and PEM, keys cannot. `keyPassword` is that of the keys, where JKS or
 * PEM have another one for them. Rejects with Fault TLS.
 */
export async function readKeyStore(
  bytes: Buffer,
  password: string | undefined,
  name: string,
  keyPassword = password,
): Promise<KeyStore> {
  try {
    const magic = bytes.length >= 4 ? bytes.readUInt32BE(0) : 0
    if (magic === jksMagic) return readJks(bytes, password, keyPassword)
    if (magic === jceksMagic)
      throw new Error('it is a JCEKS store; convert it with keytool -importkeystore -deststoretype PKCS12')
    if (bytes.includes('-----BEGIN ')) return await readPem(bytes.toString('latin1'), keyPassword)
    if (bytes[0] === 0x30) return await readPkcs12(bytes, new FilePassword(password ?? ''))
    throw new Error('it is neither JKS nor PKCS12 nor PEM')
  } catch (error) {
    throw new Fault('TLS', `cannot read the key store ${name}: ${messageOf(error)}`)
  }
}

export function pemOf(label: 'CERTIFICATE' | 'PRIVATE KEY', der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}

async function readPem(text: string, password: string | undefined): Promise<KeyStore> {
  const blocks = text.match(/-----BEGIN ([A-Z0-9 ]+)-----[\s\S]+?-----END \1-----/g) ?? []
  const certificates = blocks
    .filter(block => block.startsWith('-----BEGIN CERTIFICATE-----'))
    .map(block => new X509Certificate(block).toString())
  const keys = blocks.filter(block => /^-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(block))
  const [key] = keys
  if (key === undefined) return { keys: [], trusted: certificates }
  const encrypted = key.includes('ENCRYPTED')
  if (encrypted && password === undefined) throw new Error('its key needs a password')
  const pem = await decryptPem(key, encrypted ? password : undefined)
  return { keys: [{ alias: '1', key: pem, chain: certificates }], trusted: [] }
}

async function decryptPem(key: string, passphrase: string | undefined): Promise<string> {
  try {
    const plain = createPrivateKey(
      passphrase !== undefined && key.startsWith(encryptedPkcs8)
        ? { key: await decryptPkcs8(key, passphrase), format: 'der', type: 'pkcs8' }
        : { key, ...(passphrase === undefined ? {} : { passphrase }) },
    )
    return plain.export({ type: 'pkcs8', format: 'pem' }).toString()
  } catch (error) {
    if (error instanceof TooCostly) throw error
    throw new Error(
      passphrase === undefined
        ? `its key is damaged (${messageOf(error)})`
        : 'the password does not open its key',
      { cause: error },
    )
  }
}

const encryptedPkcs8 = '-----BEGIN ENCRYPTED PRIVATE KEY-----'

/** OpenSSL would hash the password as often as the file says, in one turn of the event loop. */
async function decryptPkcs8(pem: string, password: string): Promise<Buffer> {
  const der = Buffer.from(pem.replaceAll(/-----[^-]+-----/g, ''), 'base64')
  const [algorithm, encrypted] = partsOf(parseDer(der))
  return await new FilePassword(password).decrypt(algorithm, octetsOf(encrypted))
}

function readJks(bytes: Buffer, password: string | undefined, keyPassword: string | undefined): KeyStore {
  const passwordBytes = javaBytes(password)
  const keyPasswordBytes = javaBytes(keyPassword)
  const content = bytes.subarray(0, -20)
  if (passwordBytes !== null) {
    const digest = createHash('sha1').update(passwordBytes).update('Mighty Aphrodite').update(content)
    if (!digest.digest().equals(bytes.subarray(-20)))
      throw new Error('the password is wrong, or the file was changed')
  }
  const cursor = new ByteCursor(content)
  cursor.int() // the magic
  const version = cursor.int()
  if (version !== 1 && version !== 2) throw new Error(`JKS version ${version} is unknown`)
  const keys: KeyEntry[] = []
  const trusted: string[] = []
  const certificate = () => {
    if (version === 2) cursor.text()
    return pemOf('CERTIFICATE', cursor.bytes(cursor.int()))
  }
  for (let left = cursor.int(); left > 0; left--) {
    const tag = cursor.int()
    const alias = cursor.text()
    cursor.bytes(8) // when it was made
    if (tag === 1) {
      const protectedKey = cursor.bytes(cursor.int())
      const chain: string[] = []
      for (let count = cursor.int(); count > 0; count--) chain.push(certificate())
      if (keyPasswordBytes !== null)
        keys.push({ alias, key: pemOf('PRIVATE KEY', unprotect(protectedKey, keyPasswordBytes)), chain })
    } else if (tag === 2) trusted.push(certificate())
    else throw new Error(`entry "${alias}" is of an unknown kind`)
  }
  return { keys, trusted }
}

const javaBytes = (password: string | undefined): Buffer | null =>
  password === undefined ? null : Buffer.from(password, 'utf16le').swap16()

/** Takes Sun's key protection off; see the head of the file. */
function unprotect(info: Buffer, password: Buffer): Buffer {
  const [algorithm, content] = partsOf(parseDer(info))
  const oid = oidOf(partsOf(algorithm)[0])
  if (oid !== '1.3.6.1.4.1.42.2.17.1.1') throw new Error(`its key is protected in an unknown way (${oid})`)
  const data = octetsOf(content)
  const cipher = data.subarray(20, -20)
  const plain = Buffer.alloc(cipher.length)
  let stream = data.subarray(0, 20)
  for (let at = 0; at < cipher.length; at++) {
    if (at % 20 === 0) stream = createHash('sha1').update(password).update(stream).digest()
    plain[at] = cipher[at]! ^ stream[at % 20]!
  }
  if (!createHash('sha1').update(password).update(plain).digest().equals(data.subarray(-20)))
    throw new Error('the password does not open its key, which may have another one than the store')
  return plain
}
