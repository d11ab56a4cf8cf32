import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { readTexts } from './configuration-source.ts'

test('a configuration without an end is not read to the end', async t => {
  let sent = 0
  const server = createServer((_request, response) => {
    const line = Buffer.from(`# ${'x'.repeat(65_533)}\n`)
    const send = () => {
      while (!response.destroyed && response.write(line)) sent += line.length
    }
    response.on('drain', send)
    send()
  }).listen(0, '127.0.0.1')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  const uri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/flume.conf`
  await assert.rejects(
    readTexts({ files: [], uris: [uri] }),
    /cannot read the configuration http:\S+: it has more than 16777216 bytes/,
  )
  assert.ok(sent < 100_000_000)
})

test('a file larger than any configuration is not read', async t => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-source-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const path = join(directory, 'flume.conf')
  writeFileSync(path, 'a1.sources = r1\n')
  truncateSync(path, 20_000_000)
  await assert.rejects(readTexts({ files: [path], uris: [] }), /it has more than 16777216 bytes/)
})
