// npm run bench -- quickstart: `npm start` as a user has it, several times over.
//
//   first event   from the start of npm until the first event has been read from test2, seen from outside
//   whole         until npm has ended: 10,000 events sent, checked, everything stopped
//   memory        of all three processes together, from /proc, at 100 events a second
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startProcess } from '../test/interop/peers/process.ts'
import { usageOf } from './process-usage.ts'

const root = new URL('..', import.meta.url).pathname
const runs = 7

const median = (values: number[]): number => values.toSorted((one, other) => one - other)[values.length >> 1]!

/** Starts it in a directory of its own; `begun` is the moment before. */
async function start(directory: string, options: readonly string[]) {
  const begun = performance.now()
  const running = await startProcess({
    name: 'quickstart',
    directory,
    cwd: root,
    command: [
      'npm',
      'start',
      '--',
      '--port',
      '0',
      '--avro-port',
      '0',
      '--data-dir',
      join(directory, 'data'),
      ...options,
    ],
    ready: /^first event in test2/,
  })
  return { running, begun, firstMs: performance.now() - begun }
}

/** The three processes: all whose command line names the directory, npm and its shell left out. */
const processesOf = (directory: string): number[] =>
  readdirSync('/proc')
    .filter(name => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map(Number)
    .filter(pid => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
        return command.includes(directory) && command.includes('start.mjs')
      } catch {
        return false
      }
    })

async function inDirectory<T>(run: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  try {
    return await run(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

export async function runQuickstartBench(): Promise<void> {
  const first: number[] = []
  const whole: number[] = []
  const rates: number[] = []
  for (let run = 0; run < runs; run++)
    await inDirectory(async directory => {
      const { running, begun, firstMs } = await start(directory, ['--events', '10000', '--exit'])
      const code = await running.ended
      if (code !== 0) throw new Error(`ended with ${code}:\n${running.output}`)
      first.push(firstMs)
      whole.push(performance.now() - begun)
      rates.push(Number(/^(\d+) events\/s/m.exec(running.output)![1]))
    })
  const steady = await inDirectory(async directory => {
    const { running } = await start(directory, [])
    await running.line(/^in \d{4,} = /)
    const mebibytes = processesOf(directory).reduce((sum, pid) => sum + usageOf(pid).rssMiB, 0)
    const lines = running.output.trimEnd().split('\n')
    const latency = /latency (p50 \S+ m?s {2}p99 \S+ m?s)/.exec(
      lines.findLast(line => line.startsWith('in '))!,
    )![1]
    await running.stop()
    return { mebibytes, latency }
  })
  const seconds = (values: number[]) =>
    `${(median(values) / 1000).toFixed(2)} s (best ${(Math.min(...values) / 1000).toFixed(2)})`
  console.log(`npm start, median of ${runs}:`)
  console.log(`  first event in test2     ${seconds(first)}`)
  console.log(`  10,000 events, all of it ${seconds(whole)}`)
  console.log(`  events/s                 ${median(rates)}`)
  console.log(
    `at 100 events/s: latency ${steady.latency}; all three processes ${Math.round(steady.mebibytes)} MiB`,
  )
}
