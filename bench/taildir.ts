// npm run bench -- taildir: real Flume 1.11.0 and ours, one after the other in one run.
//
//   one file     lines of 200 bytes in one file, MILLRACE_BENCH_MIB of them (954, a gigabyte), into a file channel that
//                syncs every transaction, in batches of 1000; CPU and the highest memory of the agent, from /proc
//   many files   10,000 files with a line each: the time until all lines have arrived, and the CPU while nothing happens
//
// Needs Java and Maven. Nothing takes the events: the channel has room for all of them.
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, startFlume, startMillrace, type Running } from '../test/interop/peers/peers.ts'
import { waitFor } from '../test/interop/peers/waiting.ts'
import { usageOf } from './process-usage.ts'

const mib = Number(process.env['MILLRACE_BENCH_MIB'] ?? 954)
const lineBytes = 200
const manyFiles = 10_000
const idleMs = 20_000
const limitMs = 1_800_000

type Start = (
  home: string,
  options: { agent: string; conf: string; properties: Record<string, number | string> },
) => Promise<Running>

const programs: readonly (readonly [name: string, start: Start])[] = [
  ['Flume 1.11.0', (home, options) => startFlume('1.11.0', home, options)],
  ['Millrace', startMillrace],
]

const confOf = (home: string, from: string, events: number) => `
A.sources = t
A.channels = c
A.sources.t.type = TAILDIR
A.sources.t.channels = c
A.sources.t.batchSize = 1000
A.sources.t.filegroups = g
A.sources.t.filegroups.g = ${from}/.*
A.sources.t.positionFile = ${home}/positions.json
A.channels.c.type = file
A.channels.c.capacity = ${events + 10_000}
A.channels.c.checkpointDir = ${home}/checkpoint
A.channels.c.dataDirs = ${home}/data
`

async function acceptedBy(port: number): Promise<number> {
  try {
    const page = (await (await fetch(`http://127.0.0.1:${port}/metrics`)).json()) as Record<
      string,
      Record<string, string>
    >
    return Number(page['SOURCE.t']?.['EventAcceptedCount'] ?? 0)
  } catch {
    return 0 // not there yet
  }
}

interface Figures {
  readonly seconds: number
  readonly cpuSeconds: number
  readonly highestRssMiB: number
  readonly idleCpuSeconds: number
}

async function measure(start: Start, home: string, from: string, events: number): Promise<Figures> {
  mkdirSync(home)
  const port = await freePort()
  const properties = { 'flume.monitoring.type': 'http', 'flume.monitoring.port': port }
  const begun = performance.now()
  await using agent = await start(home, { agent: 'A', conf: confOf(home, from, events), properties })
  await waitFor(async () => (await acceptedBy(port)) >= events, `${events} events`, limitMs)
  const seconds = (performance.now() - begun) / 1000
  const { cpuSeconds, highestRssMiB } = usageOf(agent.pid)
  const idleFrom = performance.now()
  await waitFor(() => performance.now() - idleFrom >= idleMs, 'the idle time')
  return { seconds, cpuSeconds, highestRssMiB, idleCpuSeconds: usageOf(agent.pid).cpuSeconds - cpuSeconds }
}

function writeOneFile(path: string): number {
  const piece = Buffer.from(`${'x'.repeat(lineBytes - 1)}\n`.repeat(5000))
  const file = openSync(path, 'w')
  const pieces = Math.ceil((mib * 1024 * 1024) / piece.length)
  for (let index = 0; index < pieces; index++) writeSync(file, piece)
  closeSync(file)
  return pieces * 5000
}

export async function runTaildirBench(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-bench-taildir-'))
  try {
    const [one, many] = [join(directory, 'one'), join(directory, 'many')]
    for (const path of [one, many]) mkdirSync(path)
    const events = writeOneFile(join(one, 'app.log'))
    for (let file = 0; file < manyFiles; file++)
      writeFileSync(join(many, `${file}.log`), `${'x'.repeat(lineBytes - 1)}\n`)
    const print = (...cells: readonly (string | number)[]) => console.log(`| ${cells.join(' | ')} |`)
    print(
      'files',
      'agent',
      'events/s',
      'CPU an event, µs',
      'highest memory, MiB',
      `idle CPU in ${idleMs / 1000} s, s`,
    )
    print('---', '---', '---', '---', '---', '---')
    for (const [what, from, count] of [
      ['one file', one, events],
      [`${manyFiles} files`, many, manyFiles],
    ] as const)
      for (const [name, start] of programs) {
        const home = join(directory, `${what} ${name}`.replaceAll(/\W/g, '-'))
        const figures = await measure(start, home, from, count)
        print(
          what,
          name,
          Math.round(count / figures.seconds),
          ((figures.cpuSeconds * 1e6) / count).toFixed(2),
          Math.round(figures.highestRssMiB),
          figures.idleCpuSeconds.toFixed(2),
        )
        rmSync(home, { recursive: true, force: true })
      }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
