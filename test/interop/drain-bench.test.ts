// The bench of the drained chain runs and prints what it measures: without peers, with few events.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { hangMs } from './peers/waiting.ts'

const root = new URL('../..', import.meta.url).pathname

test('npm run bench -- drain prints events/s, CPU and memory of both chains, and how busy the machine was', async () => {
  const environment = {
    MILLRACE_BENCH_PEERS: '0',
    MILLRACE_BENCH_EVENTS: '2000',
    MILLRACE_BENCH_ROUNDS: '1',
  }
  const { stdout } = await promisify(execFile)(process.execPath, ['bench/main.ts', 'drain'], {
    cwd: root,
    env: { ...process.env, ...environment },
    timeout: 2 * hangMs,
  })
  const row = String.raw`medians of 1 rounds; the clock went \d+\.\d+ .*\n +Millrace +2000 events +\d+ events/s +CPU \d+\.\d us an event +memory A \d+ MiB, B \d+ MiB`
  for (const chain of ['large batches', 'seed files'])
    assert.match(stdout, new RegExp(`${chain}, embedded broker, ${row}`))
})
