// npm run bench -- channel: our file channel beside that of real Flume 1.11.0 in one run.
//
//   put and take   N writers put transactions of 200-byte events, N takers take and commit as many, for each
//                  size and number of writers; Flume's JVM is warmed up first
//   one writer     that awaits each put, in turn with a bare write and fdatasync of as many bytes
//   bytes          written to the disk meanwhile, by whomever, for each event put and taken
//   start          with a backlog, after the process was killed
//
// Every transaction is synced, on both sides. Needs Java and Maven. MILLRACE_BENCH_SECONDS is how long each
// cell runs, MILLRACE_BENCH_ROUNDS how often, MILLRACE_BENCH_BACKLOG how many events the largest backlog has.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fetchPeer } from '../test/interop/peers/fetch.ts'

const seconds = Number(process.env['MILLRACE_BENCH_SECONDS'] ?? 3)
const rounds = Number(process.env['MILLRACE_BENCH_ROUNDS'] ?? 3)
const most = Number(process.env['MILLRACE_BENCH_BACKLOG'] ?? 10_000_000)
const sizes = [1, 5, 20, 100, 1000]
const writers = [1, 4, 16, 64]

type Run = (directory: string, capacity: number, words: readonly string[]) => string[][]

export async function runChannelBench(): Promise<void> {
  const jars = await fetchPeer('flume-1.11.0')
  const said = (program: string, args: readonly string[]): string[][] => {
    try {
      const out = execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      return out
        .trim()
        .split('\n')
        .map(line => line.split(' '))
    } catch (error) {
      // Filling ends with a kill.
      const { stdout, signal } = error as { stdout?: string; signal?: string }
      if (signal === 'SIGKILL' && stdout?.includes('filled') === true) return [['filled']]
      throw error
    }
  }
  const flume: Run = (directory, capacity, words) =>
    said('java', [
      '-Xmx2g',
      '-cp',
      join(jars, '*'),
      new URL('flume-channel.java', import.meta.url).pathname,
      directory,
      String(capacity),
      ...words,
    ]).filter(([first]) => /^(\d+|open|filled)$/.test(first!))
  const ours: Run = (directory, capacity, words) =>
    said(process.execPath, [
      new URL('channel-load.ts', import.meta.url).pathname,
      directory,
      String(capacity),
      ...words,
    ])
  const inDirectory = <T>(work: (directory: string) => T): T => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
    try {
      return work(directory)
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  }

  const cells = sizes.flatMap(size => writers.map(count => `${size}:${count}:${seconds}`))
  const warm = [`100:8:${Math.max(10, seconds * 3)}`]
  // In turn, since the disk is another one each time; of each cell the round in the middle.
  const pairs = Array.from({ length: rounds }, () => ({
    theirs: inDirectory(directory => flume(directory, 1_000_000, [...warm, ...cells])).slice(1),
    mine: inDirectory(directory => ours(directory, 1_000_000, ['100:8:2', ...cells])).slice(1),
  }))
  const middle = (runs: string[][][]): string[][] =>
    cells.map(
      (_, cell) =>
        runs.map(rows => rows[cell]!).sort((a, b) => Number(a[2]) - Number(b[2]))[runs.length >> 1]!,
    )
  const theirs = middle(pairs.map(one => one.theirs))
  const mine = middle(pairs.map(one => one.mine))
  print(
    'events in a transaction',
    'writers',
    'Flume 1.11.0',
    'Millrace',
    'ratio',
    'bytes written an event, Flume',
    'Millrace',
  )
  rule(7)
  const best = (rows: string[][], size: number): string[] =>
    rows.filter(([one]) => Number(one) === size).reduce((a, b) => (Number(b[2]) > Number(a[2]) ? b : a))
  for (const [index, [size, count, rate, bytes]] of mine.entries()) {
    const [, , rateThere, bytesThere] = theirs[index]!
    print(size!, count!, `${rateThere}/s`, `${rate}/s`, ratio(rate, rateThere), bytesThere!, bytes!)
  }
  console.log('')
  print('best of all numbers of writers', 'Flume 1.11.0', 'Millrace', 'ratio')
  rule(4)
  for (const size of sizes) {
    const [there, here] = [best(theirs, size), best(mine, size)]
    print(
      `${size} events`,
      `${there[2]}/s (${there[1]})`,
      `${here[2]}/s (${here[1]})`,
      ratio(here[2], there[2]),
    )
  }

  console.log('')
  print('one writer, each put awaited', 'write + fdatasync', 'put', 'ratio')
  rule(4)
  const awaited = [1, 2, 3].map(() =>
    inDirectory(directory =>
      ours(
        directory,
        1_000_000,
        sizes.map(size => `one:${size}:500`),
      ),
    ),
  )
  for (const [index, size] of sizes.entries()) {
    // The round in the middle, by its ratio: the disk is another one in each.
    const [, , bare, put] = awaited
      .map(rows => rows[index]!)
      .sort((a, b) => Number(a[3]) / Number(a[2]) - Number(b[3]) / Number(b[2]))[1]!
    print(`${size} events`, `${bare} ms`, `${put} ms`, (Number(put) / Number(bare)).toFixed(2))
  }

  console.log('')
  print('start with a backlog of', 'Flume 1.11.0', 'Millrace')
  rule(3)
  const start = (run: Run, count: number): string =>
    inDirectory(directory => {
      run(directory, count + 100_000, [`fill:${count}`])
      const [, ms, inside] = run(directory, count + 100_000, ['open'])[0]!
      if (Number(inside) !== count) throw new Error(`${inside} of ${count} events are there`)
      return `${ms} ms`
    })
  for (const count of new Set([100_000, 1_000_000, 10_000_000, most]))
    print(String(count), count > 1_000_000 ? 'not run' : start(flume, count), start(ours, count))
}

const print = (...cells: readonly string[]): void => console.log(`| ${cells.join(' | ')} |`)
const rule = (columns: number): void => print(...Array.from({ length: columns }, () => '---'))
const ratio = (one?: string, other?: string): string => (Number(one) / Number(other)).toFixed(1)
