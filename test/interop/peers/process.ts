// A process of a test: started in a group of its own, its output kept in a file and searched for the line
// that says it is ready, and ended with everything it started when the test ends, however it ends.
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, openSync, closeSync, appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { hangMs } from './waiting.ts'

export interface Running extends AsyncDisposable {
  readonly name: string
  readonly pid: number
  readonly logFile: string
  /** Everything printed so far. */
  readonly output: string
  /** Resolves with the first line that matches, also one printed before; rejects when the process ends without. */
  line(pattern: RegExp, withinMs?: number): Promise<string>
  /** Sends the signal to the process itself. */
  kill(signal: NodeJS.Signals): void
  /** Resolves with the exit code, or the name of the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>
  /** SIGTERM, then SIGKILL after 15 s; resolves when the process is gone. */
  stop(): Promise<number | NodeJS.Signals>
}

const started = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of started) endGroup(child, 'SIGKILL')
})
// The groups are their own, so that neither Ctrl-C nor the runner's time limit reaches them by itself.
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)
  process.once(signal, () => process.exit(code))

function endGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch {
    // The group is gone already.
  }
}

/** Starts the command and waits until a line of its output matches `ready`. */
export async function startProcess(given: {
  name: string
  directory: string
  command: readonly string[]
  ready: RegExp
  environment?: Readonly<Record<string, string>>
  /** Where it runs; the directory of its log where absent. */
  cwd?: string
}): Promise<Running> {
  mkdirSync(given.directory, { recursive: true })
  const logFile = join(given.directory, `${given.name}.log`)
  closeSync(openSync(logFile, 'w'))
  const [program, ...rest] = given.command
  const child = spawn(program!, rest, {
    cwd: given.cwd ?? given.directory,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...given.environment },
  })
  started.add(child)
  let output = ''
  const looking = new Set<() => void>()
  const keep = (chunk: Buffer) => {
    appendFileSync(logFile, chunk)
    output += chunk.toString()
    for (const look of looking) look()
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  let over = false
  const ended = new Promise<number | NodeJS.Signals>(resolve => {
    child.once('error', error => {
      output += String(error)
      resolve(127)
    })
    child.once('close', (code, signal) => resolve(code ?? signal ?? 0))
  }).finally(() => {
    over = true
    started.delete(child)
    for (const look of looking) look()
  })
  const tail = () => output.split('\n').slice(-30).join('\n')

  const line = (pattern: RegExp, withinMs = hangMs) =>
    new Promise<string>((resolve, reject) => {
      const timer = setTimeout(
        () =>
          finish(() =>
            reject(
              new Error(`${given.name} printed nothing like ${pattern} within ${withinMs} ms:\n${tail()}`),
            ),
          ),
        withinMs,
      )
      const finish = (settle: () => void) => {
        clearTimeout(timer)
        looking.delete(look)
        settle()
      }
      const look = () => {
        const found = output.split('\n').find(one => pattern.test(one))
        if (found !== undefined) finish(() => resolve(found))
        else if (over)
          finish(() => reject(new Error(`${given.name} ended before it printed ${pattern}:\n${tail()}`)))
      }
      looking.add(look)
      look()
    })

  const running: Running = {
    name: given.name,
    pid: child.pid ?? -1,
    logFile,
    get output() {
      return output
    },
    line,
    kill: signal => void child.kill(signal),
    ended,
    async stop() {
      endGroup(child, 'SIGTERM')
      const timer = setTimeout(() => endGroup(child, 'SIGKILL'), 15_000)
      const how = await ended
      clearTimeout(timer)
      endGroup(child, 'SIGKILL')
      return how
    },
    async [Symbol.asyncDispose]() {
      await running.stop()
    },
  }
  try {
    await line(given.ready)
  } catch (error) {
    await running.stop()
    throw error
  }
  return running
}
