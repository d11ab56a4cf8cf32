import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startProgram } from './programs.ts'

const start = (script: string, lines: string[] = []) =>
  startProgram({
    command: [process.execPath, '-e', script],
    environment: { ...process.env, GIVEN: 'yes' },
    onLine: line => void lines.push(line),
  })

test('lines of both outputs are given out before the end is', async () => {
  const lines: string[] = []
  const program = start(
    "console.log(process.env.GIVEN); console.error('two\\nthree'); process.exitCode = 3",
    lines,
  )
  assert.ok(program.pid > 0)
  assert.deepEqual(await program.ended, { code: 3, signal: null })
  assert.deepEqual(lines.sort(), ['three', 'two', 'yes'])
})

test('it is in a session of its own, ends by signals, and its standard input stays open', async () => {
  const lines: string[] = []
  const ready = Promise.withResolvers<void>()
  const program = startProgram({
    command: [
      process.execPath,
      '-e',
      "process.stdin.on('end', () => process.exit(9)).resume(); console.log('ready'); setInterval(() => {}, 1e9)",
    ],
    environment: process.env,
    onLine: line => {
      lines.push(line)
      ready.resolve()
    },
  })
  await ready.promise
  // A group by its number is there only where the program leads one.
  assert.doesNotThrow(() => process.kill(-program.pid, 0))
  program.signal('SIGTERM')
  assert.deepEqual(await program.ended, { code: null, signal: 'SIGTERM' })
  program.signal('SIGKILL') // of one that is gone: nothing happens
})

test('one that cannot be started says why', async () => {
  const program = startProgram({ command: ['/nothing/here'], environment: {}, onLine: () => {} })
  assert.equal(program.pid, 0)
  const { code, problem } = await program.ended
  assert.equal(code, null)
  assert.match(problem!, /ENOENT/)
})
