// A process under attack, with a heap that is limited and, where the machine lets root do so, with memory that is: beyond
// that it is killed. What it took is printed by every test that attacks it.
import assert from 'node:assert/strict'
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { root } from '../source-text.ts'

export interface Taken {
  /** Of its resident memory. */
  readonly peakBytes: number
  /** The longest turn of its event loop: on the processor, and by the clock. */
  readonly longestMs: number
  readonly longestWallMs: number
}

export interface Limits {
  /** Of V8's old space. */
  readonly heapMb?: number
  /** Of all memory. */
  readonly memoryMb?: number
}

/** No turn shall be longer than 50 ms; a machine that is half as quick as ours fails nothing. */
export const mostTurnMs = 100
const megabyte = 1024 * 1024
const groups = '/sys/fs/cgroup'

export class HostileChild {
  readonly process: ChildProcess
  readonly #t: TestContext
  /** What it has written to its error output. */
  output = ''

  private constructor(t: TestContext, process_: ChildProcess) {
    this.#t = t
    this.process = process_
    process_.stdout?.on('data', text => (this.output += String(text)))
    process_.stderr?.on('data', text => (this.output += String(text)))
  }

  /** Runs a module of the tests; resolves with its first message that is no measurement. */
  static async start<M>(
    t: TestContext,
    module: string,
    args: readonly string[] = [],
    { heapMb = 512, memoryMb = 1024 }: Limits = {},
  ): Promise<{ child: HostileChild; ready: M }> {
    const started = fork(join(root, module), args, {
      execArgv: [`--max-old-space-size=${heapMb}`, '--import', join(root, 'test/hostile/watch.ts')],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    started.setMaxListeners(0)
    const child = new HostileChild(t, started)
    const group = limitedGroup(started.pid!, memoryMb)
    t.after(async () => {
      if (started.exitCode === null && started.signalCode === null) {
        started.kill('SIGKILL')
        await once(started, 'exit')
      }
      if (group !== null) rmdirSync(group)
    })
    const ready = await child.#message<M>()
    return { child, ready }
  }

  /** Forgets the turns so far: those of the start. */
  reset(): void {
    this.process.send('reset')
  }

  /** What it has taken; prints it. Fails where it is no longer there. */
  async taken(after = ''): Promise<Taken> {
    assert.equal(
      this.process.signalCode ?? this.process.exitCode,
      null,
      `it ended: ${this.output.slice(-2000)}`,
    )
    this.process.send('measure')
    const taken = await this.#message<Taken>()
    this.#t.diagnostic(
      `${after === '' ? '' : `${after}: `}peak memory ${Math.round(taken.peakBytes / megabyte)} MB, longest turn ${Math.round(taken.longestMs)} ms (${Math.round(taken.longestWallMs)} ms by the clock)`,
    )
    return taken
  }

  /** What it answers to the message. */
  ask<M>(message: string): Promise<M> {
    this.process.send(message)
    return this.#message<M>()
  }

  async #message<M>(): Promise<M> {
    const ended = once(this.process, 'exit').then(([code, signal]) => {
      throw new Error(`it ended with ${code ?? signal}: ${this.output.slice(-2000)}`)
    })
    const [message] = await Promise.race([once(this.process, 'message'), ended])
    ended.catch(() => {})
    return message as M
  }
}

/** Limits the memory of the process as a whole; null where that cannot be had. */
function limitedGroup(pid: number, memoryMb: number): string | null {
  if (process.getuid?.() !== 0 || !existsSync(join(groups, 'cgroup.controllers'))) return null
  const group = join(groups, `millrace-hostile-${pid}`)
  try {
    mkdirSync(group)
    writeFileSync(join(group, 'memory.max'), String(memoryMb * megabyte))
    writeFileSync(join(group, 'cgroup.procs'), String(pid))
    return group
  } catch {
    if (existsSync(group)) rmdirSync(group)
    return null
  }
}
