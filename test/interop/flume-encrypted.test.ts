// Taking over an encrypted file channel of real Flume, killed under load, with the same encryption.* options: the same
// events in the same order as a restarted Flume delivers.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { readFlumeChannel } from '../../src/channels/file/flume/flume-channel.ts'
import { fileChannel } from '../../src/channels/file.ts'
import type { Channel } from '../../src/component.ts'
import { realDisk } from '../../src/system/disk.ts'
import { contextFor, optionsFor } from '../context.ts'
import { rejectsWith } from '../contracts/channel-events.ts'
import { flumeLine } from '../golden/flume-recording.ts'
import { deliveredByFlume, fillByFlume, type FlumeVersion } from './flume-directories.ts'
import { skipWithoutPeers } from './peers/peers.ts'

const capacity = 20_000

/** Arguments: the key store's file, its password, an alias, the key in hex. */
const program = `
import java.io.FileOutputStream;
import java.security.KeyStore;
import java.util.HexFormat;
import javax.crypto.spec.SecretKeySpec;

class MakeStore {
  public static void main(String[] given) throws Exception {
    KeyStore store = KeyStore.getInstance("JCEKS");
    char[] password = given[1].toCharArray();
    store.load(null, password);
    var key = new SecretKeySpec(HexFormat.of().parseHex(given[3]), "AES");
    store.setEntry(given[2], new KeyStore.SecretKeyEntry(key), new KeyStore.PasswordProtection(password));
    try (var out = new FileOutputStream(given[0])) { store.store(out, password); }
  }
}
`

for (const [version, keyBytes] of [
  ['1.8.0', 16],
  ['1.11.0', 32],
] as const satisfies [FlumeVersion, number][])
  it(
    `takes over what Flume ${version} encrypted with a key of ${keyBytes * 8} bits`,
    { skip: skipWithoutPeers },
    async () => {
      const home = mkdtempSync(join(tmpdir(), 'millrace-encrypted-'))
      try {
        const key = randomBytes(keyBytes)
        const [source, store, passwords] = ['MakeStore.java', 'keys.jceks', 'password'].map(name =>
          join(home, name),
        )
        writeFileSync(source!, program)
        writeFileSync(passwords!, 'a-password')
        execFileSync('java', [source!, store!, 'a-password', 'key-0', key.toString('hex')], { stdio: 'pipe' })
        const encryption = {
          activeKey: 'key-0',
          cipherProvider: 'AESCTRNOPADDING',
          keyProvider: 'JCEKSFILE',
          'keyProvider.keyStoreFile': store!,
          'keyProvider.keyStorePasswordFile': passwords!,
          'keyProvider.keys': 'key-0',
        }
        const lines = Object.entries(encryption).map(
          ([name, value]) => `a1.channels.c1.encryption.${name} = ${value}`,
        )
        const filling = { version, dataDirectories: 1, logs: 6, capacity, maxFileSize: 120_000, lines }
        const { checkpoint, data } = await fillByFlume(home, { ...filling, end: 'kill' })
        const how = { capacity, withCheckpoint: false, lines }
        const theirs = await deliveredByFlume(home, version, { checkpoint, data }, how)
        assert.ok(theirs.length > 100)
        const directories = { checkpointDirectory: checkpoint, dataDirectories: data }
        await rejectsWith('FOREIGN_FILES', readFlumeChannel(realDisk, directories), /encrypted \(key key-0\)/)
        const channel = (): Channel =>
          fileChannel.create(
            optionsFor(fileChannel, { checkpointDir: checkpoint, dataDirs: data, capacity, encryption }),
            contextFor('CHANNEL', 'c1', fileChannel.counters),
          )
        const first = channel()
        await first.start()
        await first.stop()
        // Once more, so that all of it is read back and decrypted.
        const second = channel()
        await second.start()
        const ours: string[] = []
        while (second.size > 0) {
          const batch = await second.take({ events: 500 }, new AbortController().signal)
          ours.push(...batch!.events.map(flumeLine))
          await batch!.commit()
        }
        await second.stop()
        assert.deepEqual(ours, theirs)
      } finally {
        rmSync(home, { recursive: true })
      }
    },
  )
