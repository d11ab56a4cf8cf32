// What lies in the log directories before anything in them is opened: the journal of the topics, in one of them, and
// the directories of partitions. Without the journal, or with two of them, the broker does not start: records would be
// there that no topic names, or the topics of another broker would be served.
import { join } from 'node:path'
import { Fault } from '../errors.ts'
import type { MustHold } from '../storage/journal.ts'
import type { Disk } from '../system/disk.ts'
import { baseOfName } from './log/segment.ts'

export const journalName = 'broker.journal'

/** Where the journals of the broker lie, and what they must hold. */
export interface JournalPlace {
  readonly home: string
  /** For Journal.open: null where the journal may be new. */
  mustHold(what: string): MustHold | null
}

export interface FoundDirectories {
  /** The one with the journal, whatever the order of log.dirs; else the first. */
  readonly home: string
  readonly hasJournal: boolean
  /** Where directories lie that are named as a partition's are, by their names. */
  readonly places: ReadonlyMap<string, readonly string[]>
}

/** Topic and number of a partition by the name of its directory; null for any other name. */
export function partitionOfName(name: string): { topic: string; index: number } | null {
  const match = /^([A-Za-z0-9._-]+)-(\d+)$/.exec(name)
  return match === null ? null : { topic: match[1]!, index: Number(match[2]) }
}

/** Rejects with FOREIGN_FILES, and with STATE_MISSING unless the loss is accepted. */
export async function findDirectories(
  disk: Disk,
  directories: readonly string[],
  acceptsLoss: boolean,
): Promise<FoundDirectories> {
  const homes: string[] = []
  const places = new Map<string, string[]>()
  for (const directory of directories)
    for (const name of await disk.list(directory)) {
      if (name === journalName) homes.push(directory)
      if (partitionOfName(name) !== null) places.set(name, [...(places.get(name) ?? []), directory])
    }
  const [home, other] = homes
  if (home !== undefined && other !== undefined)
    throw new Fault(
      'FOREIGN_FILES',
      `${join(home, journalName)} and ${join(other, journalName)} are of two brokers, and one would hide the topics of the other`,
      {
        remedy: `Name directories of one broker in log.dirs; or move one ${journalName} away to give its topics up.`,
      },
    )
  if (home !== undefined) return { home, hasJournal: true, places }
  const left: string[] = []
  for (const [name, where] of places)
    for (const directory of where)
      if (await holdsSegment(disk, join(directory, name))) left.push(join(directory, name))
  if (left.length > 0 && !acceptsLoss) {
    const more = left.length > 3 ? ` and ${left.length - 3} more` : ''
    throw new Fault(
      'STATE_MISSING',
      `${directories.join(', ')} ${directories.length === 1 ? 'holds' : 'hold'} no ${journalName}, which names the topics of the broker, and there are records of partitions: ${left.slice(0, 3).join(', ')}${more}`,
      {
        remedy: `Put ${journalName} back, or name all directories of the broker in log.dirs; or start it once with --accept-loss to begin without topics: what lies there stays, and must be moved away before a topic of that name is made.`,
      },
    )
  }
  return { home: directories[0]!, hasJournal: false, places }
}

async function holdsSegment(disk: Disk, path: string): Promise<boolean> {
  return (await disk.list(path).catch(() => [])).some(name => baseOfName(name) !== null)
}
