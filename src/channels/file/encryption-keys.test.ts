// The encryption options of a file channel: what is said of wrong ones, and keys out of real key stores
// (test/golden/jceks, made by keytool) through real files.
import assert from 'node:assert/strict'
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { rejectsWith } from '../../../test/contracts/channel-events.ts'
import { realDisk, type Disk } from '../../system/disk.ts'
import { checkEncryption, encryptionKeys, type EncryptionOptions } from './encryption-keys.ts'

let home: string
let warnings: string[]
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'millrace-keys-'))
  warnings = []
  for (const [golden, name] of [
    ['quick.jceks', 'aes.jceks'],
    ['mixed.jceks', 'mixed.jceks'],
  ] as const) {
    copyFileSync(
      fileURLToPath(new URL(`../../../test/golden/jceks/${golden}`, import.meta.url)),
      join(home, name),
    )
    chmodSync(join(home, name), 0o600)
  }
  secret('store', 'store-password\n')
})
afterEach(() => rmSync(home, { recursive: true }))

function secret(name: string, text: string): string {
  writeFileSync(join(home, name), text, { mode: 0o600 })
  return join(home, name)
}

const options = (changes: Record<string, string | undefined> = {}): EncryptionOptions => {
  const written = {
    activeKey: 'key-128',
    cipherProvider: 'AESCTRNOPADDING',
    keyProvider: 'JCEKSFILE',
    'keyProvider.keyStoreFile': join(home, 'aes.jceks'),
    'keyProvider.keyStorePasswordFile': join(home, 'store'),
    'keyProvider.keys': 'key-128  key-256',
    ...changes,
  }
  return Object.fromEntries(
    Object.entries(written).filter(([, text]) => text !== undefined),
  ) as EncryptionOptions
}
const keysOf = (given: EncryptionOptions, disk: Disk = realDisk) =>
  encryptionKeys(given, disk, text => void warnings.push(text))!

function said(given: EncryptionOptions): string[] {
  const lines: string[] = []
  checkEncryption(given, {
    error: (key, problem, fix) => void lines.push(`error ${key}: ${problem}; ${fix}`),
    warning: (key, problem, fix) => void lines.push(`warning ${key}: ${problem}; ${fix}`),
  })
  return lines
}

const key128 = 'af2c647d1bb3141951c66c386dd03f9c'
const key256 = '35dbd38157f617c53b11dfa5fa2a34af6a8c7c9fd7d29d6b04fa3a969c9b1153'

test('gives keys, each opened with its own password or that of the store', async () => {
  const passwordFile = secret('own', '\r\n key-password \r\n\n')
  const keys = keysOf(options({ 'keyProvider.keys.key-256.passwordFile': passwordFile }))
  assert.deepEqual([keys.activeAlias, keys.cipher], ['key-128', 'ctr'])
  assert.equal((await keys.key('key-128')).toString('hex'), key128)
  assert.equal((await keys.key('key-256')).toString('hex'), key256)
  assert.deepEqual(warnings, [])
})

test('reads every file once for all keys that are asked for', async () => {
  const opened: string[] = []
  const disk: Disk = { ...realDisk, open: (path, mode) => (opened.push(path), realDisk.open(path, mode)) }
  const keys = keysOf(options(), disk)
  const [first, second] = await Promise.all([keys.key('key-128'), keys.key('key-128')])
  assert.deepEqual(first, second)
  assert.deepEqual(opened.sort(), [join(home, 'aes.jceks'), join(home, 'store')])
})

test('an own password file that does not exist means that of the store, and is warned of', async () => {
  const missing = join(home, 'missing')
  const keys = keysOf(options({ 'keyProvider.keys.key-128.passwordFile': missing }))
  assert.equal((await keys.key('key-128')).toString('hex'), key128)
  assert.equal(warnings.length, 1)
  assert.match(warnings[0]!, /missing of the key "key-128" does not exist/)
})

test('knows the names of ciphers and providers in any case, and the classes', () => {
  const provider = 'org.apache.flume.channel.file.encryption.JCEFileKeyProvider$Builder'
  const cipher = 'org.apache.flume.channel.file.encryption.AESCTRNoPaddingProvider'
  for (const [written, expected] of [
    ['aesctrnopadding', 'ctr'],
    [cipher, 'ctr'],
    ['AESGCMNoPadding', 'gcm'],
  ] as const) {
    const given = options({ cipherProvider: written, keyProvider: provider })
    assert.deepEqual(said(given), [])
    assert.equal(keysOf(given).cipher, expected)
  }
  assert.deepEqual(said(options({ keyProvider: 'jceksfile' })), [])
})

test('nothing written is nothing wrong, and no encryption', () => {
  assert.deepEqual(said({}), [])
  assert.equal(encryptionKeys({}, realDisk, assert.fail), null)
})

test('says of each option that is missing or empty what to write', () => {
  for (const key of Object.keys(options()))
    for (const text of [undefined, ' ']) {
      const lines = said(options({ [key]: text }))
      assert.equal(lines.length, 1, lines.join('\n'))
      assert.match(lines[0]!, /^error .*it is missing.*; write .*or take all encryption/)
      assert.ok(lines[0]!.startsWith(`error encryption.${key}:`))
    }
  assert.equal(said({ activeKey: 'a' }).length, 5)
})

test('refuses ciphers and providers it does not know, and says which are meant', () => {
  const [cipher] = said(options({ cipherProvider: 'AESCTRNOPADING' }))
  assert.match(cipher!, /^error .*did you mean AESCTRNOPADDING\?.*AESGCMNOPADDING/)
  const [other] = said(options({ cipherProvider: 'constructor' }))
  assert.match(other!, /^error .*use AESCTRNOPADDING or AESGCMNOPADDING/)
  const [provider] = said(options({ keyProvider: 'com.example.Keys$Builder' }))
  assert.match(provider!, /^error .*use JCEKSFILE/)
  assert.throws(() => keysOf(options({ cipherProvider: 'OTHER' })), /not complete/)
})

test('warns of options and aliases that lead nowhere', () => {
  const misspelt = { 'keyProvider.keyStorFile': 'x' }
  assert.match(
    said(options({ ...misspelt, 'keyProvider.keyStoreFile': undefined })).at(-1)!,
    /^warning .*did you mean encryption.keyProvider.keyStoreFile/,
  )
  assert.match(said(options(misspelt))[0]!, /^warning .*keyProvider.keyStoreFile, which is near, is written/)
  assert.match(
    said(options({ activeKey: 'key-9' }))[0]!,
    /^warning encryption.activeKey: "key-9" is not among/,
  )
  const [line] = said(options({ 'keyProvider.keys.key-9.passwordFile': 'x' }))
  assert.match(line!, /^warning .*"key-9" is not among/)
  assert.match(said(options({ 'keyProvider.keys.key-128.passwordFile': '' }))[0]!, /^error .*names no file/)
})

test('every file that cannot be used is named, with what to do', async () => {
  mkdirSync(join(home, 'directory'))
  const store = (name: string) => ({ 'keyProvider.keyStoreFile': join(home, name) })
  const password = (name: string) => ({ 'keyProvider.keyStorePasswordFile': join(home, name) })
  const large = secret('large', 'x'.repeat(70_000))
  secret('wrong', 'another')
  secret('empty', '\n')
  const cases: readonly (readonly [Record<string, string>, string, RegExp])[] = [
    [store('none'), 'key-128', /cannot read the key store \S+none: it does not exist\. Correct/],
    [store('directory'), 'key-128', /directory: it is a directory/],
    [store('store'), 'key-128', /store: it is not a JCEKS store\. Convert/],
    [password('none'), 'key-128', /cannot read the password file \S+none: it does not exist/],
    [password('empty'), 'key-128', /password file \S+empty is empty: write/],
    [{ 'keyProvider.keyStorePasswordFile': large }, 'key-128', /at most 65536 are read/],
    [password('wrong'), 'key-128', /password of the store is wrong.*read from \S+wrong\)/],
    [{}, 'key-9', /"key-9" from the key store \S+aes\.jceks: it is not there; .*key-192/],
    [{}, 'key-256', /"key-256".*does not open it.*read from \S+store\)/],
    [store('mixed.jceks'), 'des', /"des" of the key store \S+mixed\.jceks is for DESede, not for AES; make/],
  ]
  for (const [changes, alias, pattern] of cases)
    await rejectsWith('KEY_STORE', keysOf(options(changes)).key(alias), pattern)
})

test('reads again what could not be read', async () => {
  const keys = keysOf(options({ 'keyProvider.keyStorePasswordFile': join(home, 'later') }))
  await rejectsWith('KEY_STORE', keys.key('key-128'), /does not exist/)
  secret('later', 'store-password')
  assert.equal((await keys.key('key-128')).toString('hex'), key128)
})

test('warns once of each file that every user may read or change', async () => {
  chmodSync(join(home, 'aes.jceks'), 0o644)
  chmodSync(join(home, 'store'), 0o602)
  const keys = keysOf(options())
  await keys.key('key-128')
  await keys.key('KEY-128')
  assert.equal(warnings.length, 2)
  assert.match(
    warnings.find(text => text.includes('key store'))!,
    /aes\.jceks can be read by every user.*chmod 600/,
  )
  assert.match(
    warnings.find(text => text.includes('password file'))!,
    /store can be changed by every user/,
  )
})
