// The position file, in Flume's own form: how far each file was handed over.
//
//   [{"inode":9978090,"pos":1234,"file":"/var/log/app.log"}, …]
//
// `pos` is in bytes. Flume fails over any other key, and rewrites the file in place: one that it was writing when it was
// killed ends somewhere; one that it wrote when no file matched is empty. Here it is replaced as a whole.
import { Fault, messageOf } from '../../errors.ts'
import { listOf, object, readJson, text, whole } from '../../json-shape.ts'
import { readWhole, replaceFile } from '../../storage/atomic-file.ts'
import type { Disk } from '../../system/disk.ts'

export interface Position {
  /** Decimal digits: it may be beyond 2^53. */
  readonly inode: string
  readonly pos: number
  readonly file: string
}

export interface Positions {
  readonly entries: readonly Position[]
  /** When the file was written, ms since 1970. */
  readonly writtenMs: number
  /** Null where it was whole; else where a copy of it is. */
  readonly damagedCopy: string | null
}

const shape = listOf(object({ inode: text, pos: whole, file: text }))
/** An entry as Flume and Millrace write it. */
const entryPattern = /\{"inode":(\d+),"pos":(\d+),"file":("(?:[^"\\]|\\.)*")\}/g

/**
 * Null where there is none. Of a file that ends early, or is damaged, what is whole is used, and the rest kept as a copy.
 * Rejects with CORRUPT where it is something else than a position file, and with DISK where it cannot be read.
 */
export async function readPositions(disk: Disk, path: string): Promise<Positions | null> {
  let bytes: Buffer | null
  let writtenMs = 0
  try {
    bytes = await readWhole(disk, path)
    if (bytes === null) return null
    writtenMs = (await disk.stat!(path)).modifiedMs
  } catch (cause) {
    throw new Fault('DISK', `position file ${path} cannot be read: ${messageOf(cause)}`, {
      cause,
      remedy: 'Let the user of the agent read it, or name another file by positionFile.',
    })
  }
  const written = bytes.toString().trim()
  if (written === '') return { entries: [], writtenMs, damagedCopy: null }
  if (!written.startsWith('['))
    throw new Fault('CORRUPT', `${path} is no position file: it does not begin with [`, {
      remedy:
        'Name another file by positionFile, or remove this one: files are then read from their beginning.',
    })
  const entries = readJson<Position[]>(written.replaceAll(/"inode"\s*:\s*(\d+)/g, '"inode":"$1"'), shape)
  if (entries !== null) return { entries, writtenMs, damagedCopy: null }
  const damagedCopy = damagedCopyOf(path)
  await replaceFile(disk, damagedCopy, bytes)
  return { entries: wholeEntries(written), writtenMs, damagedCopy }
}

const damagedCopyOf = (path: string): string => `${path}.damaged`

/** The position file, and what is written beside it: none of them is a file to follow. */
export const filesBeside = (path: string): readonly string[] => [path, `${path}.new`, damagedCopyOf(path)]

function wholeEntries(written: string): Position[] {
  const found: Position[] = []
  for (const [, inode, pos, file] of written.matchAll(entryPattern)) {
    const name = readJson<string>(file!, text)
    if (name !== null && whole(Number(pos))) found.push({ inode: inode!, pos: Number(pos), file: name })
  }
  return found
}

/** Others may read it as the umask lets them: Flume's could be. Rejects as the disk does. */
export async function writePositions(disk: Disk, path: string, entries: readonly Position[]): Promise<void> {
  const written = entries.map(
    ({ inode, pos, file }) => `{"inode":${inode},"pos":${pos},"file":${JSON.stringify(file)}}`,
  )
  await replaceFile(disk, path, Buffer.from(`[${written.join(',')}]`), true)
}
