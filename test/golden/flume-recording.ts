// The directories in golden/flume, as test/interop/record-flume.ts recorded them from real Flume, for tests that
// put them on a disk: on a real one or a simulated one, the same paths below /.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import type { Event } from '../../src/event.ts'
import type { Disk } from '../../src/system/disk.ts'

export interface Recording {
  readonly name: string
  readonly home: string
  /** Data directories, as they are named on the disk. */
  readonly data: readonly string[]
}

const golden = new URL('flume', import.meta.url).pathname

export const recordings: readonly Recording[] = readdirSync(golden).map(name => {
  const home = join(golden, name)
  const data = readdirSync(home).filter(one => one.startsWith('data'))
  return { name, home, data: data.map(one => `/${one}`) }
})

/** Flume's files, with the paths they get on the disk. */
export function filesOf({ home }: Recording, below = '/'): { path: string; bytes: Buffer }[] {
  return readdirSync(home, { recursive: true, withFileTypes: true })
    .filter(one => one.isFile() && one.parentPath !== home)
    .map(one => join(one.parentPath, one.name))
    .map(path => ({ path: join(below, relative(home, path)), bytes: readFileSync(path) }))
}

/** Durable when resolved. */
export async function putOnDisk(recording: Recording, disk: Disk, below = '/'): Promise<void> {
  for (const { path, bytes } of filesOf(recording, below)) {
    await disk.makeDirectory(dirname(path))
    const file = await disk.open(path, 'create')
    await file.write(bytes, 0)
    await file.sync()
    await file.close()
    await disk.syncDirectory(dirname(path))
    await disk.syncDirectory(dirname(dirname(path)))
  }
}

/** What Flume delivered, line by line, as `inPutOrder` has it. */
export function deliveredOf({ home }: Recording): string[] {
  const lines = readFileSync(join(home, 'delivered.txt'), 'utf8').trim().split('\n')
  return inPutOrder(lines, join(home, 'checkpoint'))
}

/**
 * What a Flume delivered that started from this checkpoint, in the order in which one sequence source put it. That
 * Flume keeps the puts of a transaction that was open at the checkpoint in a hash set (inflightputs), and delivers
 * them in the set's order. Only that is put right: a span of no more lines than there were such puts.
 */
export function inPutOrder(lines: readonly string[], checkpoint: string): string[] {
  const numberOf = (line: string): number => Number(line.slice(line.lastIndexOf(' ') + 1))
  const sorted = [...lines].sort((a, b) => numberOf(a) - numberOf(b))
  const moved = lines.flatMap((line, index) => (line === sorted[index] ? [] : [index]))
  const span = moved.length === 0 ? 0 : moved.at(-1)! - moved[0]! + 1
  return span <= openPuts(checkpoint) ? sorted : [...lines]
}

/** How many puts of open transactions a checkpoint names; 0 where it has no such file. */
export function openPuts(checkpoint: string): number {
  const path = join(checkpoint, 'inflightputs')
  if (!existsSync(path)) return 0
  // An MD5, then for each transaction its id, how many, and pointers; zeros follow.
  const bytes = readFileSync(path)
  let puts = 0
  for (let at = 16; at + 16 <= bytes.length;) {
    const count = Number(bytes.readBigInt64BE(at + 8))
    puts += count
    at += 16 + 8 * count
  }
  return puts
}

/** As Flume's serializer HEADER_AND_TEXT writes it. */
export function flumeLine(event: Event): string {
  return `{${[...event.headers].map(([key, value]) => `${key}=${value}`).join(', ')}} ${event.body.toString()}`
}
