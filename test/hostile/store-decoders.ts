// Key stores, dead letters and the marker of a takeover, and how they are read.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readMarker } from '../../src/channels/file/flume/takeover-marker.ts'
import { readDeadLetter } from '../../src/dead-letter.ts'
import { Fault } from '../../src/errors.ts'
import { ByteCursor } from '../../src/security/byte-cursor.ts'
import { readJavaObject } from '../../src/security/java-serialization.ts'
import { readSecretKeyStore } from '../../src/security/jceks.ts'
import { readKeyStore } from '../../src/security/keystore.ts'
import { diskWith } from './file-decoders.ts'
import type { Decoder } from './decoders.ts'

const golden = (store: string) => readFileSync(new URL(`../golden/${store}`, import.meta.url))
const password = 'store-password'

/** With the checksum that fits, so that what lies behind it is met. */
function signed(bytes: Buffer): Buffer {
  const content = bytes.subarray(0, -20)
  const digest = createHash('sha1')
    .update(Buffer.from(password, 'utf16le').swap16())
    .update('Mighty Aphrodite')
  return Buffer.concat([content, digest.update(content).digest()])
}

const jks = (): Buffer => {
  const bytes = Buffer.from(golden('jceks/mixed.jceks'))
  bytes.writeUInt32BE(0xfeedfeed, 0)
  return signed(bytes)
}
/** An object in a stream of Java's serialization, as it stands in a store. */
const javaObjects = (): Buffer[] => {
  const bytes = golden('jceks/aes.jceks')
  const found: Buffer[] = []
  for (let at = bytes.indexOf('aced0005', 'hex'); at !== -1; at = bytes.indexOf('aced0005', at + 4, 'hex'))
    found.push(bytes.subarray(at, at + 600))
  return found
}

const stores: Decoder[] = [
  {
    name: "marker of a takeover from Flume's channel",
    seeds: () => [
      Buffer.from(
        '{"version":1,"state":"begun","events":3,"at":17,"logs":[{"name":"log-1","size":3,"start":7}]}',
      ),
    ],
    decode: async bytes => readMarker(await diskWith([{ path: '/c/millrace-from-flume', bytes }]), '/c'),
    allowed: [Fault],
    share: 0.3,
  },
  {
    name: 'dead letter',
    seeds: () =>
      ['{"headers":{"a":"b"},"body":"aGVsbG8="}', '{"encoded":"AAA="}', 'null'].map(text =>
        Buffer.from(text),
      ),
    decode: bytes => readDeadLetter(bytes.toString())?.encoded,
    allowed: [],
  },
  {
    name: 'JCEKS',
    seeds: () => ['aes', 'mixed'].map(store => golden(`jceks/${store}.jceks`)),
    change: signed,
    decode: bytes => readSecretKeyStore(bytes, password, 'k.jceks').aliases,
    allowed: [Fault],
    share: 0.4,
  },
  {
    name: 'key of a JCEKS store',
    seeds: () => [golden('jceks/few-rounds.jceks')],
    change: signed,
    async decode(bytes) {
      const store = readSecretKeyStore(bytes, password, 'k.jceks')
      // As many rounds as Java allows take seconds, in short turns: those of the seed are enough.
      if (!bytes.includes('02022710', 'hex')) return
      for (const alias of store.aliases) await store.key(alias, password)
    },
    allowed: [Fault],
    share: 0.005,
    mostMs: 2000,
  },
  {
    name: 'Java serialization',
    seeds: javaObjects,
    decode: bytes => readJavaObject(new ByteCursor(bytes)),
    allowed: [Error],
  },
  {
    name: 'JKS',
    seeds: () => [jks()],
    change: signed,
    decode: bytes => readKeyStore(bytes, password, 'k.jks'),
    allowed: [Fault],
    share: 0.3,
  },
  {
    name: 'PKCS12',
    seeds: () => ['old', 'aes'].map(store => golden(`pkcs12/${store}.p12`)),
    decode: async bytes =>
      // As above: other numbers of rounds than 1 take their time, in short turns or other threads.
      bytes.includes('0202', 0, 'hex') || bytes.includes('0203', 0, 'hex')
        ? null
        : await readKeyStore(bytes, password, 'k.p12'),
    allowed: [Fault],
    share: 0.1,
    mostMs: 2000,
  },
]

export const storeDecoders: readonly Decoder[] = stores
