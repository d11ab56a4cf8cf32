// The chain under faults of every kind, for half a minute of one seed; `npm run test:chaos` runs it for longer.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { root } from '../source-text.ts'

test('a chain under faults loses, invents and reorders nothing', async t => {
  const chaos = spawn(process.execPath, ['test/chain/chaos.ts', '--minutes', '0.3', '--seed', '1'], {
    cwd: root,
  })
  // It ends its own processes on SIGTERM.
  t.after(() => chaos.kill())
  let output = ''
  for (const stream of [chaos.stdout, chaos.stderr]) stream.on('data', text => (output += String(text)))
  const [code] = await once(chaos, 'close')
  for (const line of output.split('\n')) t.diagnostic(line)
  assert.equal(code, 0, output)
  assert.match(output, /lost 0, invented 0, out of order 0/)
})
