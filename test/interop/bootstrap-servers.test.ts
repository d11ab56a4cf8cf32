// What Kafka 4.1's clients make of bootstrap.servers in every form: still what ours are held to (src/address.test.ts).
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { bootstrapForms } from '../bootstrap-servers.ts'
import { java, skipWithoutPeers } from './peers/peers.ts'

it("Kafka 4.1's clients still read bootstrap.servers so", { skip: skipWithoutPeers }, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-servers-'))
  try {
    const file = join(directory, 'forms')
    writeFileSync(file, bootstrapForms.map(([text]) => text).join('\n'))
    const running = await java('kafka-4.1.0', directory, 'bootstrap-servers', {
      main: [new URL('bootstrap-servers.java', import.meta.url).pathname, file],
      ready: /^done/m,
    })
    await running.stop()
    assert.deepEqual(
      [...running.output.matchAll(/^> (.*)$/gm)].map(([, read]) => read),
      bootstrapForms.map(([, read]) => read),
    )
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})
