// Finding the process that has a file open, with a process that has.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { lockHolder } from './file-lock.ts'

it(
  'names the process that has the file open, until it ends',
  { skip: process.platform !== 'linux' },
  async () => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-lock-'))
    try {
      const path = join(directory, 'in_use.lock')
      writeFileSync(path, '')
      writeFileSync(join(directory, 'other'), '')
      assert.equal(await lockHolder(path), null)
      assert.equal(await lockHolder(join(directory, 'none')), null)
      const child = spawn(process.execPath, [
        '-e',
        `require('fs').openSync(${JSON.stringify(path)}); process.stdout.write('x'); process.stdin.resume()`,
      ])
      await once(child.stdout, 'data')
      assert.equal(await lockHolder(path), child.pid)
      assert.equal(await lockHolder(join(directory, 'other')), null)
      child.stdin.end()
      await once(child, 'close')
      assert.equal(await lockHolder(path), null)
    } finally {
      rmSync(directory, { recursive: true })
    }
  },
)
