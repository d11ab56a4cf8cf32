// npm run bench -- writeback: the disk fails under our file channel and under that of real Flume 1.11.0, in one run
// each in turn: eight writers commit at once, and write-back of the log fails (test/faults/failing-volume.ts); the
// disk is mounted again as it is, well again, and what was acknowledged is looked for.
//
// Needs root, loop devices, Java and Maven. MILLRACE_BENCH_ROUNDS is how many times.
import { join } from 'node:path'
import { backOf, failWriteBack, lostOf, millrace, type Program } from '../test/faults/writeback-run.ts'
import { fetchPeer } from '../test/interop/peers/fetch.ts'

const rounds = Number(process.env['MILLRACE_BENCH_ROUNDS'] ?? 10)

export async function runWriteBackBench(): Promise<void> {
  const jars = await fetchPeer('flume-1.11.0')
  const flume: Program = {
    program: 'java',
    words: (directory, what) => [
      '-cp',
      join(jars, '*'),
      new URL('flume-writeback.java', import.meta.url).pathname,
      directory,
      what,
    ],
    newest: names =>
      names
        .filter(name => /^log-\d+$/.test(name))
        .toSorted((a, b) => Number(a.slice(4)) - Number(b.slice(4)))
        .at(-1)!,
  }
  const print = (...cells: readonly (string | number)[]): void => console.log(`| ${cells.join(' | ')} |`)
  print(
    'run',
    'channel',
    'acknowledged',
    'refused',
    'acknowledged, on no disk',
    'acknowledged, not read again',
    'refused and back',
    'opened',
  )
  print(...Array.from({ length: 8 }, () => '---'))
  const sums = new Map<string, number[]>()
  for (let round = 1; round <= rounds; round++)
    for (const [name, program] of [
      ['Flume 1.11.0', flume],
      ['Millrace', millrace],
    ] as const) {
      const outcome = await failWriteBack(program)
      const { acknowledged, refused, erased, opened } = outcome
      const figures = [acknowledged, refused, erased, lostOf(outcome), backOf(outcome)].map(ids => ids.length)
      print(round, name, ...figures, opened ? 'yes' : 'no')
      const sum = sums.get(name) ?? [0, 0, 0, 0, 0, 0, 0]
      sums.set(
        name,
        [...figures, figures[2]! > 0 ? 1 : 0, opened ? 1 : 0].map((one, at) => one + sum[at]!),
      )
    }
  for (const [name, [acknowledged, refused, erased, lost, back, runs, opened]] of sums)
    console.log(
      `${name}: of ${acknowledged} acknowledged events ${erased} are on no disk, in ${runs} of ${rounds} runs; ${lost} were not read again; ${back} of ${refused} refused ones came back; opened again ${opened} times`,
    )
}
