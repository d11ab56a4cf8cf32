// `millrace demo` as a process, in a directory of the test's, and the processes it has started.
import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startProcess, type Running } from '../interop/peers/process.ts'
import { waitFor } from '../interop/peers/waiting.ts'
import { root } from '../source-text.ts'

export interface DemoRun extends Running {
  /** Where it keeps its files. */
  readonly dataDirectory: string
}

/**
 * Free ports and a data directory of its own, unless `options` say otherwise; null leaves the command as it
 * is. Resolves with its first line.
 */
export async function startDemo(
  directory: string,
  options: readonly string[] | null = [],
  more: { command?: readonly string[]; environment?: Record<string, string> } = {},
): Promise<DemoRun> {
  const given = (name: string) => options === null || options.includes(name)
  const own = options?.includes('--data-dir') === true ? options[options.indexOf('--data-dir') + 1]! : null
  const dataDirectory = own ?? join(directory, 'data')
  const running = await startProcess({
    name: `demo-${performance.now()}`,
    directory,
    command: [
      ...(more.command ?? [join(root, 'bin/millrace'), 'demo']),
      ...(given('--port') || given('--bootstrap') ? [] : ['--port', '0']),
      ...(given('--avro-port') ? [] : ['--avro-port', '0']),
      ...(given('--data-dir') ? [] : ['--data-dir', dataDirectory]),
      ...(options ?? []),
    ],
    ready: /./,
    ...(more.environment === undefined ? {} : { environment: more.environment }),
  })
  return Object.defineProperty(running, 'dataDirectory', { value: dataDirectory }) as DemoRun
}

/** Runs it to its end. */
export async function endedDemo(
  directory: string,
  options: readonly string[],
  more: Parameters<typeof startDemo>[2] = {},
): Promise<{ code: number | NodeJS.Signals; output: string }> {
  const demo = await startDemo(directory, options, more)
  const code = await demo.ended
  return { code, output: demo.output }
}

/** Processes whose command line names this text: pid and command line. */
export function processesNaming(text: string): { pid: number; command: string }[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap(name => {
      try {
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ')
        return command.includes(text) ? [{ pid: Number(name), command }] : []
      } catch {
        return [] // gone meanwhile
      }
    })
}

/** Resolves when no process names the directory any more; agents get the time they have for stopping. */
export const nobodyLeft = (directory: string): Promise<void> =>
  waitFor(() => processesNaming(directory).length === 0, `no process is left in ${directory}`)

export async function inDirectory(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-demo-test-'))
  try {
    await run(directory)
  } finally {
    for (const { pid } of processesNaming(directory)) process.kill(pid, 'SIGKILL')
    await rm(directory, { recursive: true, force: true, maxRetries: 5 })
  }
}
