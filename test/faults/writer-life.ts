// One life of the writing process (channel-kill-writer.ts) on a directory, until something is done to it; then
// what it said it had acknowledged and committed is compared with what the channel holds.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Channel } from '../../src/component.ts'
import { fileChannel } from '../../src/channels/file.ts'
import { contextFor, optionsFor } from '../context.ts'
import { textsOf } from '../contracts/channel-events.ts'

const never = new AbortController().signal
const script = new URL('../contracts/channel-kill-writer.ts', import.meta.url).pathname

/** Events of one take of the writer: so many may be gone without its having said so. */
const takenAtOnce = 8

/** Events by number: all below `acknowledged` were put, all below `committed` were taken for good. */
export interface Told {
  readonly acknowledged: number
  readonly committed: number
}

/** What is set in the writer's environment. */
export interface WriterOptions {
  /** Its syncs do nothing: a fault planted to see whether a test finds it. */
  readonly isUnsynced?: boolean
}

/** Runs the writer from what there is `before`; `end` is called after so many lines. Resolves when it is gone. */
export async function liveUntil(
  path: string,
  before: Told,
  lines: number,
  end: (kill: () => void) => void,
  { isUnsynced = false }: WriterOptions = {},
): Promise<Told> {
  const child = spawn(process.execPath, [script, path, String(before.acknowledged)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...(isUnsynced ? { MILLRACE_UNSYNCED: '1' } : {}) },
  })
  let { acknowledged, committed } = before
  let seen = 0
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  const kill = (): void => void child.kill('SIGKILL')
  if (lines === 0) await once(child, 'spawn').then(() => end(kill))
  for await (const line of createInterface({ input: child.stdout })) {
    const [what, value] = line.split(' ')
    if (what === 'put') acknowledged = Math.max(acknowledged, Number(value))
    else if (what === 'taken') committed = Math.max(committed, Number(value))
    if (++seen === lines) end(kill)
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  assert.ok(seen >= lines, `the writer ended by itself after ${seen} lines: ${said}`)
  return { acknowledged, committed }
}

export function channelAt(path: string): Channel {
  const options = optionsFor(fileChannel, {
    checkpointDir: join(path, 'checkpoint'),
    dataDirs: [join(path, 'data')],
    minimumRequiredSpace: 0,
    maxFileSize: 1024 * 1024,
  })
  return fileChannel.create(options, contextFor('CHANNEL', 'c1', fileChannel.counters))
}

/**
 * Opens the channel, looks at everything and leaves it there. Gives what is acknowledged and committed now,
 * since what was under way has happened or not; `acknowledged` is the number the next event must have.
 * Rejects with an AssertionError where something acknowledged is missing, or something committed is back.
 */
export async function checkInside(path: string, { acknowledged, committed }: Told): Promise<Told> {
  const channel = channelAt(path)
  await channel.start()
  try {
    const found: number[] = []
    const open = []
    for (let left = channel.size; left > 0;) {
      const batch = (await channel.take({ events: 10_000 }, never))!
      left -= batch.events.length
      found.push(...textsOf(batch).map(Number))
      open.push(batch)
    }
    // The writer puts more than it takes: now and then all of it goes, so that the disk does not fill.
    const isMuch = found.length > 5000
    for (const batch of open.toReversed()) await (isMuch ? batch.commit() : batch.rollback())
    const first = found[0] ?? acknowledged
    assert.ok(first >= committed, `${first} came back, ${committed} were committed`)
    assert.ok(
      first <= committed + takenAtOnce,
      `events from ${committed + takenAtOnce} on were acknowledged and not taken; the first there is ${found[0] ?? 'none'}`,
    )
    found.forEach((number, index) =>
      assert.equal(number, first + index, 'in order, none twice, none missing'),
    )
    assert.ok(
      first + found.length >= acknowledged,
      `${acknowledged} acknowledged, ${first + found.length} there`,
    )
    const next = first + found.length
    return { acknowledged: next, committed: isMuch ? next : first }
  } finally {
    await channel.stop()
  }
}
