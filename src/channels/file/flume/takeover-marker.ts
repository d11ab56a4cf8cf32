// The takeover's marker: millrace-from-flume in the checkpoint directory, JSON. It says that Flume's logs are
// being moved into ours ("begun", there before the first of our segments), or that all of their events are in
// ours ("done"), and which logs those were.
//
//   { "version": 1, "state": "begun" | "done", "events": 5, "at": 1700000000000,
//     "logs": [{ "name": "log-1", "directory": "/data", "size": 1048576, "start": 123 }] }
//
// `start` is the CRC-32 of a log's first 4096 bytes, in which ids stand that Flume counts from the time of
// day: another log of the same name and size is told apart.
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { Fault } from '../../../errors.ts'
import { readWhole, replaceFile } from '../../../storage/atomic-file.ts'
import { listOf, object, readJson, text, whole } from '../../../json-shape.ts'
import type { Disk } from '../../../system/disk.ts'
import { listFlumeLogs } from './flume-channel.ts'

export const markerName = 'millrace-from-flume'

export interface MarkedLog {
  /** Flume gives a name once, over all data directories. */
  readonly name: string
  /** For whoever reads the file; directories may move. */
  readonly directory: string
  readonly size: number
  readonly start: number
}

export interface TakeoverMarker {
  readonly version: 1
  readonly state: 'begun' | 'done'
  readonly events: number
  readonly at: number
  readonly logs: readonly MarkedLog[]
}

const markerShape = object({
  version: value => value === 1,
  state: value => value === 'begun' || value === 'done',
  events: whole,
  at: whole,
  logs: listOf(object({ name: text, directory: text, size: whole, start: whole })),
})

const startBytes = 4096

/** What Flume left in the directories. */
export async function markLogs(disk: Disk, directories: readonly string[]): Promise<MarkedLog[]> {
  const found: MarkedLog[] = []
  for (const directory of directories)
    for (const { name } of await listFlumeLogs(disk, directory)) {
      const file = await disk.open(join(directory, name), 'read')
      try {
        const start = Buffer.alloc(startBytes)
        const count = await file.read(start, 0)
        found.push({ name, directory, size: await file.size(), start: crc32(start.subarray(0, count)) })
      } finally {
        await file.close()
      }
    }
  return found
}

/** Those of `logs` that are not, or not as they are, among `known`. */
export function notAmong(logs: readonly MarkedLog[], known: readonly MarkedLog[]): MarkedLog[] {
  const byName = new Map(known.map(log => [log.name, log]))
  return logs.filter(({ name, size, start }) => {
    const same = byName.get(name)
    return same === undefined || same.size !== size || same.start !== start
  })
}

export async function readMarker(disk: Disk, checkpointDirectory: string): Promise<TakeoverMarker | null> {
  const path = join(checkpointDirectory, markerName)
  const bytes = await readWhole(disk, path)
  if (bytes === null) return null
  const marker = readJson<TakeoverMarker>(bytes, markerShape)
  if (marker !== null) return marker
  throw new Fault(
    'CORRUPT',
    `${path} cannot be read. It says whether the events of Flume's logs are in Millrace's log already. If this channel has run since the takeover, move Flume's log-* files and ${path} away; if it has not, move the millrace-*.wal files and ${path} away, and the takeover is done again`,
  )
}

export async function writeMarker(
  disk: Disk,
  checkpointDirectory: string,
  marker: TakeoverMarker,
): Promise<void> {
  const text = `${JSON.stringify(marker, null, 2)}\n`
  await replaceFile(disk, join(checkpointDirectory, markerName), Buffer.from(text))
}

export async function removeMarker(disk: Disk, checkpointDirectory: string): Promise<void> {
  await disk.remove(join(checkpointDirectory, markerName))
  await disk.syncDirectory(checkpointDirectory)
}
