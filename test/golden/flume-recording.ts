// The directories in golden/flume, as test/interop/record-flume.ts recorded them from real Flume, for tests that
// put them on a disk: on a real one or a simulated one, the same paths below /.
import { readdirSync, readFileSync } from 'node:fs'
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

/** What Flume delivered, line by line. */
export function deliveredOf({ home }: Recording): string[] {
  return readFileSync(join(home, 'delivered.txt'), 'utf8').trim().split('\n')
}

/** As Flume's serializer HEADER_AND_TEXT writes it. */
export function flumeLine(event: Event): string {
  return `{${[...event.headers].map(([key, value]) => `${key}=${value}`).join(', ')}} ${event.body.toString()}`
}
