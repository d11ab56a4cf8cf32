// The door to other programs.
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import type { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { createInterface } from 'node:readline'

/** Runs the command and gives its first line. Rejects when it cannot run, fails, or takes longer. */
export async function firstLineOf(command: readonly string[], limitMs: number): Promise<string> {
  const [program, ...rest] = command
  const { stdout } = await promisify(execFile)(program!, rest, { timeout: limitMs })
  return stdout.split(/\r?\n/, 1)[0]!
}

/** How a program ended: by itself with a code, or by a signal; `problem` where it could not be started. */
export interface ProgramEnd {
  readonly code: number | null
  readonly signal: string | null
  readonly problem?: string
}

export interface Program {
  /** 0 where it could not be started. */
  readonly pid: number
  /** Resolves when it has ended and its last line was given out. */
  readonly ended: Promise<ProgramEnd>
  signal(name: 'SIGTERM' | 'SIGKILL' | 'SIGUSR1'): void
}

/**
 * Starts a program in a session of its own, so that a terminal's Ctrl-C does not reach it. Its standard
 * input is a pipe that nothing is written to: it ends when this process does, however that ends. Lines of
 * standard output and standard error go to `onLine`.
 */
export function startProgram(parts: {
  readonly command: readonly string[]
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly onLine: (line: string) => void
}): Program {
  const [program, ...rest] = parts.command
  const child = spawn(program!, rest, {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
    env: parts.environment,
  })
  child.stdin.on('error', () => {}) // a program that is gone is told by its end
  for (const input of [child.stdout, child.stderr]) createInterface({ input }).on('line', parts.onLine)
  const ended = new Promise<ProgramEnd>(resolve => {
    child.once('error', error => resolve({ code: null, signal: null, problem: error.message }))
    child.once('close', (code, signal) => resolve({ code, signal }))
  })
  return { pid: child.pid ?? 0, ended, signal: name => void child.kill(name) }
}

/** A program whose outputs are read by whoever opened it: it is held back while they are not. */
export interface OpenProgram {
  readonly output: Readable
  readonly errors: Readable
  /** The program's own end; outputs may go on, by what it has started. */
  readonly ended: Promise<ProgramEnd>
  /** To the program and to what it has started, as long as one of them runs in its group. */
  signalGroup(name: 'SIGTERM' | 'SIGKILL'): void
}

/** The door to programs, as components receive it. */
export interface Programs {
  /**
   * Starts a program in a group of its own, with this process's environment; its standard input stays open and brings
   * nothing. Rejects where it cannot be started.
   */
  open(command: readonly string[]): Promise<OpenProgram>
}

export const realPrograms: Programs = {
  async open([program, ...rest]) {
    const child = spawn(program!, rest, { stdio: ['pipe', 'pipe', 'pipe'], detached: true })
    child.stdin?.on('error', () => {}) // a program that is gone is told by its end
    const ended = new Promise<ProgramEnd>(resolve =>
      child.once('exit', (code, signal) => resolve({ code, signal })),
    )
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve)
      child.once('error', reject)
    })
    const signalGroup = groupOf(child)
    return { output: child.stdout!, errors: child.stderr!, ended, signalGroup }
  },
}

/** Its number belongs to the group until the last of it has ended; what has ended is not signalled, for another may have it. */
function groupOf(child: ChildProcess): OpenProgram['signalGroup'] {
  const signal = (name: NodeJS.Signals | 0): boolean => {
    try {
      return process.kill(-child.pid!, name)
    } catch {
      return false
    }
  }
  let isThere = true
  child.once('exit', () => (isThere = signal(0)))
  return name => {
    if (isThere) isThere = signal(name)
  }
}
