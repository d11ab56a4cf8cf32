// Faults in the system calls of a running file channel, by strace: the n-th write, sync or rename fails with EIO or
// ENOSPC, or the process is killed right there, for every n that a short life has. Whatever happens, the
// channel opens again with everything acknowledged, nothing of what was refused, in order, none twice.
// Needs strace; where it is missing this says so loudly, and fails where MILLRACE_REQUIRE_FAULTS is set.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { textsOf } from '../contracts/channel-events.ts'
import { channelAt } from './writer-life.ts'

const isDeep = process.env['MILLRACE_DEEP'] !== undefined
const script = new URL('strace-writer.ts', import.meta.url).pathname
const never = new AbortController().signal

function whyNot(): string | null {
  const { error, status, stderr } = spawnSync('strace', ['-e', 'trace=none', 'true'], { encoding: 'utf8' })
  if (error !== undefined) return error.message
  return status === 0 ? null : stderr.trim()
}

const missing = whyNot()
if (missing !== null) {
  process.stderr.write(`NO FAULTS IN SYSTEM CALLS: ${missing}\n`)
  if (process.env['MILLRACE_REQUIRE_FAULTS'] !== undefined)
    it('faults in system calls', () => assert.fail(`they cannot be had here: ${missing}`))
}

interface Outcome {
  /** Of each event, what was said of it last. */
  readonly states: readonly string[]
  readonly isWhole: boolean
  readonly isHit: boolean
  readonly said: string
}

/** One life in `path`, with the n-th call of `calls` hit; one thread makes them all. */
async function live(path: string, calls: string, what: string, n: number): Promise<Outcome> {
  const child = spawn(
    'strace',
    [
      '-f',
      '-qq',
      // Stopping at these calls alone is faster, but signals are then not sent.
      ...(what.startsWith('error') ? ['--seccomp-bpf'] : []),
      `--trace=${calls}`,
      `--inject=${calls}:${what}:when=${n}`,
      '-o',
      join(path, 'trace'),
      process.execPath,
      script,
      path,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, UV_THREADPOOL_SIZE: '1' } },
  )
  let [out, err] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
  const [, signal] = (await once(child, 'close')) as [number | null, string | null]
  const states: string[] = []
  for (const line of out.split('\n')) {
    const [state = '', from, end] = line.split(' ')
    if (from === undefined || end === undefined || state === 'not') continue
    for (let number = Number(from); number < Number(end); number++) states[number] = state
  }
  const isWhole = out.endsWith('end\n')
  const isHit = signal !== null || /INJECTED|killed by/.test(readFileSync(join(path, 'trace'), 'utf8'))
  return { states, isWhole, isHit, said: out.slice(-300) + err.slice(-600) }
}

/** Rejects with an AssertionError where the directory does not hold what was said. */
async function check(path: string, { states }: Outcome): Promise<void> {
  const channel = channelAt(path)
  await channel.start()
  const found: number[] = []
  while (channel.size > 0) {
    const batch = (await channel.take({ events: 1000 }, never))!
    found.push(...textsOf(batch).map(Number))
    await batch.commit()
  }
  await channel.stop()
  found.forEach((number, index) =>
    assert.ok(index === 0 || number > found[index - 1]!, 'in order, none twice'),
  )
  const there = new Set(found)
  states.forEach((state, number) => {
    if (state === 'put') assert.ok(there.has(number), `event ${number} was acknowledged and is lost`)
    if (state === 'gone') assert.ok(!there.has(number), `event ${number} was committed and is back`)
    if (state === 'refused') assert.ok(!there.has(number), `event ${number} was refused and is there`)
  })
  for (const number of found) assert.ok(states[number] !== undefined, `event ${number} was never put`)
}

const faults = [
  { calls: 'pwrite64,pwritev', what: 'error=EIO' },
  { calls: 'pwrite64,pwritev', what: 'error=ENOSPC' },
  { calls: 'pwrite64,pwritev', what: 'signal=SIGKILL' },
  { calls: 'fdatasync,fsync', what: 'error=EIO' },
  { calls: 'fdatasync,fsync', what: 'signal=SIGKILL' },
  { calls: 'rename', what: 'error=EIO' },
  { calls: 'rename', what: 'signal=SIGKILL' },
] as const

describe('faults in system calls', { skip: missing ?? false }, () => {
  for (const { calls, what } of faults)
    it(`${calls}: ${what}, at the ${isDeep ? 'n-th call for every n' : 'first, and at every so many'}`, async t => {
      let [hits, n] = [0, 1]
      for (
        let isHit = true;
        isHit;
        n += isDeep ? 1 : calls === 'rename' ? 3 : calls.startsWith('pwrite') ? 17 : 7
      ) {
        const path = mkdtempSync(join(tmpdir(), 'millrace-strace-'))
        try {
          const outcome = await live(path, calls, what, n)
          isHit = outcome.isHit
          if (isHit) hits++
          // A fault is survived or told; only a kill ends the process.
          assert.ok(outcome.isWhole || what.startsWith('signal'), `call ${n}: ${outcome.said}`)
          await check(path, outcome).catch((error: Error) => {
            throw new Error(`call ${n}: ${error.message}\n${outcome.said}`, { cause: error })
          })
        } finally {
          rmSync(path, { recursive: true, force: true })
        }
      }
      assert.ok(hits > 0)
      t.diagnostic(`${hits} calls hit, up to the ${n}th`)
    })
})
