// The door to other programs.
import { execFile, spawn } from 'node:child_process'
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
