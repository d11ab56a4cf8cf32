// The broker as a process of its own, through its launchers: started, listened to, ended, killed.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { root } from '../source-text.ts'

export interface BrokerProcess {
  readonly pid: number
  readonly port: number
  /** From the start of the process to the line that says it is ready, ms. */
  readonly readyMs: number
  readonly lines: readonly string[]
  /** Sends the signal; resolves with the exit code, null after a kill. */
  end(signal: NodeJS.Signals): Promise<number | null>
  /** Resolves with the exit code, null after a kill. */
  readonly ended: Promise<number | null>
}

/** Runs a launcher to its end, in the root of the project unless told otherwise. */
export const runLauncher = (
  launcher: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  cwd = root,
) => runProgram(join(root, 'bin', launcher), args, environment, cwd)

export function runProgram(
  program: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  cwd: string,
): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd,
      env: { ...process.env, ...environment },
    })
    let output = ''
    child.stdout.on('data', (text: Buffer) => (output += String(text)))
    child.stderr.on('data', (text: Buffer) => (output += String(text)))
    child.on('error', reject)
    child.on('close', code => resolve({ code, output }))
  })
}

/**
 * Starts it with the overrides on top of `file`; on a free port unless they, or with `free` false the file,
 * say otherwise. `more` stands behind that on the command line.
 */
export function startBrokerProcess(
  file: string,
  overrides: Readonly<Record<string, string>>,
  {
    free = true,
    more = [],
    cwd = process.cwd(),
  }: { free?: boolean; more?: readonly string[]; cwd?: string } = {},
): Promise<BrokerProcess> {
  const pairs = Object.entries({ ...(free ? { 'host.name': '127.0.0.1', port: '0' } : {}), ...overrides })
  const began = performance.now()
  const child = spawn(
    join(root, 'bin', 'kafka-server-start.sh'),
    [file, ...pairs.flatMap(([key, value]) => ['--override', `${key}=${value}`]), ...more],
    { stdio: ['ignore', 'ignore', 'pipe'], cwd },
  )
  const ended = new Promise<number | null>(resolve => child.on('exit', code => resolve(code)))
  const lines: string[] = []
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stderr }).on('line', line => {
      lines.push(line)
      const started = / started on .*:(\d+),/.exec(line)
      if (started !== null)
        resolve({
          pid: child.pid!,
          port: Number(started[1]),
          readyMs: performance.now() - began,
          lines,
          ended,
          end(signal) {
            child.kill(signal)
            return ended
          },
        })
    })
    void ended.then(code => reject(new Error(`the broker ended with ${code}:\n${lines.join('\n')}`)))
  })
}
