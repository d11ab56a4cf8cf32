// An agent in a process of its own, for the tests that attack it: `agent-child.ts <file> <key=value of -D> …`. Answers
// "snapshot", and "stop" with the milliseconds that took.
import { readFileSync } from 'node:fs'
import type { Logger } from '../../src/observe/log.ts'
import { startAgent } from '../../src/start-agent.ts'

const [file, ...pairs] = process.argv.slice(2)
const tell = (line: string) => void process.stderr.write(`${line.slice(0, 1000)}\n`)
const log: Logger = {
  debug() {},
  debugs: false,
  info: tell,
  warn: tell,
  error: tell,
  child: () => log,
}
const properties = Object.fromEntries(
  pairs.map(pair => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
)
const agent = await startAgent({ name: 'a1', configuration: readFileSync(file!, 'utf8'), log, properties })
process.send?.('started')
process.on('message', message => {
  // Whoever asks again and again should not keep it from its work.
  if (message === 'snapshot') setTimeout(() => process.send?.(agent.snapshot()), 50)
  if (message !== 'stop') return
  const began = performance.now()
  void agent.stop().then(() => process.send?.({ stopMs: performance.now() - began }))
})
