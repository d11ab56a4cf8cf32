// JCEKS stores written by Java 17's keytool (test/golden/jceks), and damaged ones. test/interop/flume-encrypted.test.ts
// reads one that Java makes now. The stores were made with:
//   keytool -genseckey -storetype jceks -storepass store-password -keyalg AES -keysize 128 -alias Key-128 ...
// aes.jceks: Key-128, key-192 and key-256, the last with the password key-password; mixed.jceks: a DESede key, an
// HMAC key, a key pair and a trusted certificate; few-rounds.jceks: jdk.jceks.iterationCount=10000;
// quick.jceks, for tests of other things: the keys of aes.jceks with that count (keytool -importkeystore). The keys
// below are what Java's own KeyStore gives for them.
import assert from 'node:assert/strict'
import { createDecipheriv, createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import { Fault } from '../errors.ts'
import { ByteCursor } from './byte-cursor.ts'
import { deriveKey, readSecretKeyStore } from './jceks.ts'
import { readJavaObject } from './java-serialization.ts'

const golden = (name: string) => readFileSync(new URL(`../../test/golden/jceks/${name}`, import.meta.url))
const open = (bytes: Buffer, password = 'store-password') => readSecretKeyStore(bytes, password, 'keys.jceks')

const keys = {
  'key-128': 'af2c647d1bb3141951c66c386dd03f9c',
  'key-192': '7445a566f6ddd66e84d2bb63dbda4c91848677d78f3f6196',
  'key-256': '35dbd38157f617c53b11dfa5fa2a34af6a8c7c9fd7d29d6b04fa3a969c9b1153',
}

/** With the checksum that fits, so that what lies behind it is met. */
function signed(content: Buffer): Buffer {
  const password = Buffer.from('store-password', 'utf16le').swap16()
  const digest = createHash('sha1').update(password).update('Mighty Aphrodite').update(content).digest()
  return Buffer.concat([content, digest])
}

/** The same numbers at every run. */
function numbersFrom(seed: number): (below: number) => number {
  let state = seed
  return below => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

const isFault = (error: unknown) => {
  assert.ok(error instanceof Fault, String(error))
  assert.equal(error.code, 'KEY_STORE')
  return true
}
const says = (pattern: RegExp) => (error: unknown) => {
  isFault(error)
  assert.match((error as Fault).message, pattern)
  assert.doesNotMatch((error as Fault).message, /-password/)
  return true
}

for (const name of ['aes.jceks', 'quick.jceks'])
  test(`gives the keys that Java gives, in any case of the alias: ${name}`, async () => {
    const store = open(golden(name))
    assert.deepEqual([...store.aliases].sort(), Object.keys(keys))
    for (const [alias, hex] of Object.entries(keys)) {
      const password = alias === 'key-256' ? 'key-password' : 'store-password'
      const key = await store.key(alias.toUpperCase(), password)
      assert.deepEqual([key.algorithm, key.bytes.toString('hex')], ['AES', hex])
    }
  })

test('reads past key pairs and certificates, and says what a key is for', async () => {
  const store = open(golden('mixed.jceks'))
  assert.deepEqual([...store.aliases].sort(), ['des', 'mac'])
  const des = await store.key('des', 'store-password')
  assert.deepEqual([des.algorithm, des.bytes.length], ['DESede', 24])
  assert.equal((await store.key('mac', 'store-password')).algorithm, 'HmacSHA256')
})

test('tells a wrong store password, a wrong key password, a missing key and another kind of file apart', async () => {
  const bytes = golden('quick.jceks')
  assert.throws(() => open(bytes, 'another'), says(/keys\.jceks: the password of the store is wrong/))
  assert.throws(
    () => open(Buffer.from('-----BEGIN CERTIFICATE-----\nMIIB\n')),
    says(/it is not a JCEKS store/),
  )
  assert.throws(() => open(Buffer.alloc(0)), says(/it is not a JCEKS store/))
  const store = open(bytes)
  await assert.rejects(
    store.key('key-256', 'store-password'),
    says(/"key-256".*its password does not open it/),
  )
  await assert.rejects(store.key('key-256', 'pässword'), says(/ASCII/))
  await assert.rejects(store.key('key-1', 'x'), says(/not there.*key-192, key-128, key-256/))
  assert.throws(
    () => open(signed(Buffer.concat([bytes.subarray(0, -20), Buffer.alloc(3)]))),
    says(/3 bytes follow/),
  )
})

test('a wrong key password whose padding happens to fit is a wrong password', async () => {
  const store = open(golden('few-rounds.jceks'))
  assert.equal(
    (await store.key('k', 'store-password')).bytes.toString('hex'),
    'b7c0ba024f786371415e966e2dd34423',
  )
  await assert.rejects(store.key('k', 'wrong 93'), says(/its password does not open it/))
})

test('refuses more rounds of hashing than Java does, and none', async () => {
  const content = golden('aes.jceks').subarray(0, -20)
  const rounds = content.indexOf(Buffer.from('0203030d40', 'hex'))
  assert.ok(rounds > 0)
  for (const [hex, pattern] of [
    ['4c4b41', /5000001 rounds/],
    ['000000', / 0 rounds/],
    ['ffffff', / -1 rounds/],
  ] as const) {
    const changed = Buffer.from(content)
    changed.write(hex, rounds + 2, 'hex')
    await assert.rejects(open(signed(changed)).key('key-192', 'store-password'), says(pattern))
  }
})

test('derives what Java derives where the halves of the salt are the same', async () => {
  // Cipher PBEWithMD5AndTripleDES of Java 17, password "a-password", this salt, 50 rounds, text "equal halves".
  const derived = await deriveKey(Buffer.from('0102030401020304', 'hex'), 50, Buffer.from('a-password'))
  const cipher = createDecipheriv('des-ede3-cbc', derived.subarray(0, 24), derived.subarray(24))
  const plain = cipher.update('3ba039bd20b41b84572ee6870ce712d0', 'hex', 'utf8') + cipher.final('utf8')
  assert.equal(plain, 'equal halves')
})

test('refuses every flip of a bit, every shorter file and random bytes', () => {
  const bytes = golden('few-rounds.jceks')
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = Buffer.from(bytes)
    flipped[bit >> 3]! ^= 1 << (bit & 7)
    assert.throws(() => open(flipped), isFault, `bit ${bit}`)
  }
  const content = bytes.subarray(0, -20)
  for (let size = 0; size < content.length; size++) {
    assert.throws(() => open(bytes.subarray(0, size)), isFault)
    assert.throws(() => open(signed(content.subarray(0, size))), isFault)
  }
})

test('survives damage that has the right checksum', async () => {
  const content = golden('few-rounds.jceks').subarray(0, -20)
  let opened = 0
  let refused = 0
  for (let bit = 0; bit < content.length * 8; bit++) {
    const flipped = Buffer.from(content)
    flipped[bit >> 3]! ^= 1 << (bit & 7)
    try {
      open(signed(flipped))
      opened++
    } catch (error) {
      isFault(error)
      refused++
    }
  }
  assert.ok(opened > 100 && refused > 100, `${opened} opened, ${refused} refused`)
})

test('survives damage of the parameters and of what is sealed', async () => {
  const content = golden('few-rounds.jceks').subarray(0, -20)
  const parameters = content.indexOf(Buffer.from('300e0408', 'hex'))
  assert.ok(parameters > 0)
  const next = numbersFrom(11)
  // The 16 bytes of the parameters, one by one, and some of the sealed ones behind them.
  const positions = Array.from({ length: 16 }, (_, index) => parameters + index)
  for (let count = 0; count < 12; count++) positions.push(parameters + 26 + next(100))
  let refused = 0
  for (const position of positions) {
    const flipped = Buffer.from(content)
    flipped[position]! ^= 1 << next(8)
    try {
      const key = await open(signed(flipped)).key('k', 'store-password')
      // CBC: a flip may reach no more than bytes that nobody looks at, or the key itself.
      assert.ok(key.bytes.length <= content.length)
    } catch (error) {
      isFault(error)
      refused++
    }
  }
  assert.ok(refused >= 16, `${refused} of ${positions.length} refused`)
})

test('a Java object is read whole or refused, whatever is changed in it', () => {
  const content = golden('aes.jceks').subarray(0, -20)
  const start = content.indexOf(Buffer.from('aced0005', 'hex'))
  const cursor = new ByteCursor(content.subarray(start))
  readJavaObject(cursor)
  const whole = content.subarray(start, content.length - cursor.left)
  assert.equal(content.readInt32BE(content.length - cursor.left), 3, 'the next entry follows at once')
  const next = numbersFrom(13)
  for (let size = 0; size < whole.length; size++)
    assert.throws(() => readJavaObject(new ByteCursor(whole.subarray(0, size))), Error)
  let refused = 0
  for (let round = 0; round < 20_000; round++) {
    const changed = Buffer.from(whole)
    for (let count = 1 + next(4); count > 0; count--) changed[next(changed.length)] = next(256)
    try {
      readJavaObject(new ByteCursor(changed))
    } catch (error) {
      assert.equal((error as Error).constructor, Error, String(error))
      refused++
    }
  }
  assert.ok(refused > 1000)
})

test('a Java class that refers to itself, or classes without end, are refused', () => {
  // Object of a class "A" without fields, whose superclass is what follows.
  const start = 'aced00057372000141000000000000000002000078'
  const read = (hex: string) => () => readJavaObject(new ByteCursor(Buffer.from(hex, 'hex')))
  assert.throws(read(`${start}71007e0000`), /leads nowhere/)
  assert.throws(read(start + '72000141000000000000000002000078'.repeat(40)), /nested too deep/)
  assert.doesNotThrow(read(`${start}70`))
})
