// The keys of a file channel's encryption at rest, from Flume's encryption.* options: which key new files get, how
// they are encrypted, and where the keys are. As in Flume, keys are in a JCEKS key store (system/jceks.ts), a password
// is what its file holds in UTF-8 without the blanks and line ends around it, and a key's own password file that
// does not exist means the store's.
import { suggest } from '../../did-you-mean.ts'
import type { Say } from '../../component.ts'
import { text } from '../../fields.ts'
import { readSettings } from '../../settings/read-settings.ts'
import { Fault, messageOf } from '../../errors.ts'
import type { Disk } from '../../system/disk.ts'
import { readSecretKeyStore, type SecretKeyStore } from '../../security/jceks.ts'
import { Secret } from '../../security/secret.ts'

/** What stands behind `encryption.`, by the rest of the key. */
export type EncryptionOptions = Readonly<Record<string, string>>

export interface EncryptionKeys {
  /** Of the key that new files are encrypted with. */
  readonly activeAlias: string
  /** ctr: Flume's; gcm: ours, which also notices when what is encrypted was changed. */
  readonly cipher: 'ctr' | 'gcm'
  /** 16, 24 or 32 bytes. Reads the files when it is first asked. Rejects with Fault KEY_STORE. */
  key(alias: string): Promise<Buffer>
}

const ciphers: Readonly<Record<string, EncryptionKeys['cipher']>> = {
  AESCTRNOPADDING: 'ctr',
  AESGCMNOPADDING: 'gcm',
}
const cipherClass = 'org.apache.flume.channel.file.encryption.AESCTRNoPaddingProvider'
const storeProvider = 'JCEKSFILE'
const storeClass = 'org.apache.flume.channel.file.encryption.JCEFileKeyProvider$Builder'

/** What must be written, with what to write. */
const required: Readonly<Record<string, string>> = {
  activeKey: 'the alias of the key that new files are encrypted with',
  cipherProvider: 'AESCTRNOPADDING, or AESGCMNOPADDING, which also notices changed bytes',
  keyProvider: storeProvider,
  'keyProvider.keyStoreFile': 'the path of a JCEKS key store',
  'keyProvider.keyStorePasswordFile': "the path of a file that holds the store's password",
  'keyProvider.keys': 'the aliases of the keys in use, separated by blanks',
}
const vocabulary = {
  options: Object.fromEntries(
    Object.entries(required).map(([key, doc]) => [`encryption.${key}`, text({ doc })]),
  ),
}
const passwordFile = /^keyProvider\.keys\.(.+)\.passwordFile$/

const mostStoreBytes = 16 * 1024 * 1024
const mostPasswordBytes = 64 * 1024

const at = (given: EncryptionOptions, key: string): string => given[key]?.trim() ?? ''
const aliasesOf = (given: EncryptionOptions): string[] =>
  at(given, 'keyProvider.keys').split(/\s+/).filter(Boolean)

function cipherOf(written: string): EncryptionKeys['cipher'] | undefined {
  if (written === cipherClass) return 'ctr'
  const name = written.toUpperCase()
  return Object.hasOwn(ciphers, name) ? ciphers[name] : undefined
}
const isStoreProvider = (written: string): boolean =>
  written === storeClass || written.toUpperCase() === storeProvider

/** Says what is wrong with the options themselves; the files are looked at when the channel opens. */
export function checkEncryption(given: EncryptionOptions, say: Say): void {
  const keys = Object.keys(given)
  if (keys.length === 0) return
  for (const [key, fix] of Object.entries(required))
    if (at(given, key) === '')
      say.error(
        `encryption.${key}`,
        'it is missing, and the channel cannot be encrypted without it',
        `write ${fix}; or take all encryption.* lines out for a channel that is not encrypted`,
      )
  const cipher = at(given, 'cipherProvider')
  if (cipher !== '' && cipherOf(cipher) === undefined)
    say.error('encryption.cipherProvider', `"${cipher}" is not known`, useOneOf(cipher, Object.keys(ciphers)))
  const provider = at(given, 'keyProvider')
  if (provider !== '' && !isStoreProvider(provider))
    say.error('encryption.keyProvider', `"${provider}" is not known`, useOneOf(provider, [storeProvider]))
  const aliases = aliasesOf(given)
  const active = at(given, 'activeKey')
  if (active !== '' && aliases.length > 0 && !aliases.includes(active))
    say.warning(
      'encryption.activeKey',
      `"${active}" is not among encryption.keyProvider.keys, so that it is opened with the store's password`,
      `add ${active} to encryption.keyProvider.keys`,
    )
  const passwords = keys.filter(key => passwordFile.test(key))
  const written = keys.map(key => [`encryption.${key}`, { value: given[key]! }] as const)
  readSettings(vocabulary, new Map(written), {
    whose: 'channel file',
    page: 'the page of the component in docs/reference',
    say,
    others: { keys: passwords.map(key => `encryption.${key}`), prefixes: [] },
  })
  for (const key of passwords) {
    const alias = passwordFile.exec(key)![1]!
    if (!aliases.includes(alias))
      say.warning(
        `encryption.${key}`,
        `"${alias}" is not among encryption.keyProvider.keys, so that this has no effect`,
        `add ${alias} to encryption.keyProvider.keys, or leave this out`,
      )
    else if (at(given, key) === '')
      say.error(
        `encryption.${key}`,
        'names no file',
        `write the path of the file with the password of ${alias}, or leave it out where it has the store's`,
      )
  }
}

function useOneOf(written: string, known: readonly string[]): string {
  const near = suggest(written, known)
  return near === undefined ? `use ${known.join(' or ')}` : `did you mean ${near}? Known: ${known.join(', ')}`
}

/**
 * For options that checkEncryption had nothing against; null: not encrypted. `warn` is told what an operator should
 * look at: files open to everybody, a password file that is not there.
 */
export function encryptionKeys(
  given: EncryptionOptions,
  disk: Disk,
  warn: (text: string) => void,
): EncryptionKeys | null {
  if (Object.keys(given).length === 0) return null
  const cipher = cipherOf(at(given, 'cipherProvider'))
  const activeAlias = at(given, 'activeKey')
  if (cipher === undefined || activeAlias === '' || !isStoreProvider(at(given, 'keyProvider')))
    throw new Fault('KEY_STORE', 'the encryption.* options are not complete')
  const files = new KeyFiles(given, disk, warn)
  return { activeAlias, cipher, key: alias => files.key(alias) }
}

/** The key store and the password files, each read once; a read that failed is retried when it is asked for again. */
class KeyFiles {
  readonly #given: EncryptionOptions
  readonly #disk: Disk
  readonly #warn: (text: string) => void
  readonly #warned = new Set<string>()
  readonly #reads = new Map<string, Promise<unknown>>()

  constructor(given: EncryptionOptions, disk: Disk, warn: (text: string) => void) {
    this.#given = given
    this.#disk = disk
    this.#warn = warn
  }

  async key(alias: string): Promise<Buffer> {
    return await this.#once(`key ${alias}`, async () => {
      const store = await this.#store()
      const path = await this.#passwordFileOf(alias)
      const password = await this.#password(path)
      const key = await store.key(alias, password.reveal()).catch((error: unknown) => {
        throw new Fault('KEY_STORE', `${messageOf(error)} (its password was read from ${path})`)
      })
      const { algorithm, bytes } = key
      const where = `the key "${alias}" of the key store ${this.#storePath}`
      const advice = 'make one with keytool -genseckey -storetype jceks -keyalg AES -keysize 256'
      if (algorithm.toUpperCase() !== 'AES')
        throw new Fault('KEY_STORE', `${where} is for ${algorithm}, not for AES; ${advice}`)
      if (![16, 24, 32].includes(bytes.length))
        throw new Fault('KEY_STORE', `${where} has ${bytes.length * 8} bits, which no AES key has; ${advice}`)
      return bytes
    })
  }

  get #storePath(): string {
    return at(this.#given, 'keyProvider.keyStoreFile')
  }

  get #storePasswordPath(): string {
    return at(this.#given, 'keyProvider.keyStorePasswordFile')
  }

  #store(): Promise<SecretKeyStore> {
    return this.#once('store', async () => {
      const bytes = await this.#read(this.#storePath, 'key store', mostStoreBytes)
      const password = await this.#password(this.#storePasswordPath)
      try {
        return readSecretKeyStore(bytes, password.reveal(), this.#storePath)
      } catch (error) {
        throw new Fault(
          'KEY_STORE',
          `${messageOf(error)} (its password was read from ${this.#storePasswordPath})`,
        )
      }
    })
  }

  async #passwordFileOf(alias: string): Promise<string> {
    if (!aliasesOf(this.#given).includes(alias)) return this.#storePasswordPath
    const path = at(this.#given, `keyProvider.keys.${alias}.passwordFile`)
    if (path === '') return this.#storePasswordPath
    if (await this.#disk.exists(path)) return path
    this.#warnOnce(
      `the password file ${path} of the key "${alias}" does not exist: the password of the key store is tried. Correct encryption.keyProvider.keys.${alias}.passwordFile, or leave it out`,
    )
    return this.#storePasswordPath
  }

  #password(path: string): Promise<Secret> {
    return this.#once(`password ${path}`, async () => {
      const text = (await this.#read(path, 'password file', mostPasswordBytes)).toString('utf8')
      // Java's trim: everything up to the blank.
      // eslint-disable-next-line no-control-regex
      const password = text.replace(/^[\0- ]+|[\0- ]+$/g, '')
      if (password === '')
        throw new Fault('KEY_STORE', `the password file ${path} is empty: write the password into it`)
      return new Secret(password)
    })
  }

  async #read(path: string, what: string, mostBytes: number): Promise<Buffer> {
    try {
      const file = await this.#disk.open(path, 'read')
      try {
        const size = await file.size()
        if (size > mostBytes) throw new Error(`it has ${size} bytes, and at most ${mostBytes} are read`)
        const bytes = Buffer.alloc(size)
        const count = await file.read(bytes, 0)
        await this.#checkPermissions(path, what)
        return bytes.subarray(0, count)
      } finally {
        await file.close()
      }
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      const why =
        code === 'ENOENT'
          ? 'it does not exist'
          : code === 'EACCES'
            ? 'this user may not read it'
            : code === 'EISDIR'
              ? 'it is a directory'
              : messageOf(error)
      throw new Fault(
        'KEY_STORE',
        `cannot read the ${what} ${path}: ${why}. Correct the path under encryption.keyProvider, or the file`,
        { cause: error },
      )
    }
  }

  async #checkPermissions(path: string, what: string): Promise<void> {
    const permissions = (await this.#disk.permissions?.(path)) ?? 0
    if ((permissions & 0o006) !== 0)
      this.#warnOnce(
        `the ${what} ${path} can be ${(permissions & 0o004) === 0 ? 'changed' : 'read'} by every user of this machine: chmod 600 ${path}`,
      )
  }

  #warnOnce(text: string): void {
    if (this.#warned.has(text)) return
    this.#warned.add(text)
    this.#warn(text)
  }

  #once<T>(name: string, read: () => Promise<T>): Promise<T> {
    const known = this.#reads.get(name)
    if (known !== undefined) return known as Promise<T>
    const reading = read()
    this.#reads.set(name, reading)
    reading.catch(() => this.#reads.delete(name))
    return reading
  }
}
