// The mark of a data directory: millrace.channel, JSON, in each directory of dataDirs. It says to which channel the
// directory belongs, by an id of its own, and which others belong to it: one that is lost, or in whose place an
// empty one appears because a file system is not mounted, is told from a new one.
//
//   { "version": 1, "channel": "<32 hex>", "id": "<16 hex>",
//     "directories": [{ "id": "<16 hex>", "path": "/data/1" }, ...], "givenUp": ["<16 hex>", ...] }
//
// `path` is where a directory was at the last start; the id is what counts, since mount points move. `givenUp`:
// directories whose loss was accepted, and which must not come back with their old events.
import { join } from 'node:path'
import { laterFormat } from '../../errors.ts'
import { readWhole, replaceFile } from '../../storage/atomic-file.ts'
import { listOf, object, readJson, text } from '../../json-shape.ts'
import type { Disk } from '../../system/disk.ts'
import type { System } from '../../system/system.ts'

export const markName = 'millrace.channel'

export interface DataDirectory {
  readonly id: string
  readonly path: string
}

export interface DirectoryMark {
  readonly version: 1
  readonly channel: string
  readonly id: string
  readonly directories: readonly DataDirectory[]
  readonly givenUp: readonly string[]
}

export const directoryShape = object({ id: text, path: text })
const markShape = object({
  version: value => value === 1,
  channel: text,
  id: text,
  directories: listOf(directoryShape),
  givenUp: listOf(text),
})

const laterShape = object({ version: value => typeof value === 'number' && value > 1 })

export interface MarkedDirectory {
  readonly path: string
  /** Null where there is none, or it cannot be read: the checkpoint says the same. */
  readonly mark: DirectoryMark | null
}

export async function readMarks(disk: Disk, directories: readonly string[]): Promise<MarkedDirectory[]> {
  const found: MarkedDirectory[] = []
  for (const path of directories) found.push({ path, mark: await readMark(disk, path) })
  return found
}

async function readMark(disk: Disk, directory: string): Promise<DirectoryMark | null> {
  const path = join(directory, markName)
  const bytes = await readWhole(disk, path)
  if (bytes === null) return null
  const later = readJson<{ version: number }>(bytes, laterShape)
  if (later !== null) throw laterFormat(path, later.version, 1)
  return readJson<DirectoryMark>(bytes, markShape)
}

/**
 * The directories of a channel with their ids, and what brings their marks up to date; where that fails it may be
 * called again. Whatever a kill leaves, each directory that a mark names has a mark of its own.
 */
export function planMarks(
  { disk, random }: Pick<System, 'disk' | 'random'>,
  channel: string,
  found: readonly MarkedDirectory[],
  givenUp: readonly string[],
): { readonly directories: readonly DataDirectory[]; write(): Promise<void> } {
  const there: DataDirectory[] = []
  const written = new Map<string, DirectoryMark | null>()
  const write = async ({ id, path }: DataDirectory): Promise<void> => {
    const mark: DirectoryMark = { version: 1, channel, id, directories: there, givenUp }
    if (JSON.stringify(written.get(path)) === JSON.stringify(mark)) return
    await replaceFile(disk, join(path, markName), Buffer.from(`${JSON.stringify(mark, null, 2)}\n`))
    written.set(path, structuredClone(mark))
  }
  for (const { path, mark } of found) {
    written.set(path, mark)
    if (mark !== null && !there.some(({ id }) => id === mark.id)) there.push({ id: mark.id, path })
  }
  const fresh = found
    .filter(({ path }) => !there.some(one => one.path === path))
    .map(({ path }) => ({ id: random.bytes(8).toString('hex'), path }))
  return {
    directories: [...there, ...fresh],
    async write() {
      for (const one of fresh) {
        if (!there.includes(one)) there.push(one)
        await write(one)
      }
      for (const one of there) await write(one)
    },
  }
}
