// Inventory: whether all is there that belongs to a file channel, before it opens. The checkpoint says which
// segments there were and how many undelivered events they held, the mark of each data directory which other
// directories belong to it; each says so when the other is lost. What is missing keeps the channel from opening
// until it is back or its loss is accepted: an empty channel in its place would hide the loss.
//
// A directory that held nothing undelivered may be left out of dataDirs. That is known only after a clean stop:
// otherwise it may have held a segment that was begun after the checkpoint.
import { Fault } from '../../errors.ts'
import type { Logger } from '../../observe/log.ts'
import type { Disk } from '../../system/disk.ts'
import { commandLine } from '../../system/launcher.ts'
import { checkpointName, type ChannelState, type Checkpoint } from './checkpoint.ts'
import { markName, readMarks, type DataDirectory, type MarkedDirectory } from './directory-mark.ts'
import { GoneNumbers } from './number-ranges.ts'
import { recover, type MissingSegments, type Recovered, type Unlock } from './recovery.ts'
import { segmentName, type SegmentFile } from './segment.ts'

export interface InventoryParts {
  readonly disk: Disk
  readonly log: Logger
  readonly channel: string
  readonly checkpoint: Checkpoint
  readonly checkpointDirectory: string
  readonly dataDirectories: readonly string[]
  /** All segments in the data directories, lowest id first. */
  readonly files: readonly SegmentFile[]
  readonly unlock: Unlock
  /** Whether the channel goes on without what is missing. */
  readonly acceptLoss: boolean
}

export interface Inventory {
  readonly found: Recovered
  readonly directories: readonly MarkedDirectory[]
  /** Ids of directories that must not come back. */
  readonly givenUp: readonly string[]
}

/** What is not there: directories, and segments of whatever directory. */
interface Loss {
  readonly state: ChannelState | null
  readonly absent: readonly DataDirectory[]
  readonly missing: readonly MissingSegments[]
}

/**
 * Recovers what the channel holds, and changes nothing. Rejects with STATE_MISSING where something is missing, with
 * FOREIGN_FILES where something is of another channel, and as `recover` does.
 */
export async function takeInventory(parts: InventoryParts): Promise<Inventory> {
  const { disk, log, channel, checkpoint, dataDirectories, files } = parts
  refuseTwice(parts)
  const state = await checkpoint.read()
  const directories = await readMarks(disk, dataDirectories)
  const marks = directories.flatMap(({ mark }) => mark ?? [])
  const givenUp = [...(state?.givenUp ?? marks.flatMap(mark => mark.givenUp))]
  const absent = absentDirectories(files, state, directories).filter(({ id }) => !givenUp.includes(id))
  const found = await recover(disk, log, files, state, parts.unlock, (channelId, missing) => {
    refuseStrangers(parts, state, directories, channelId)
    const back = directories.find(({ mark }) => mark !== null && givenUp.includes(mark.id))
    if (back !== undefined) throw cameBack(parts, back.path)
    // A channel that has ever opened has at least one segment.
    const isBare = files.length === 0 && state === null && (marks.length > 0 || checkpoint.isUnreadable)
    const isWhole = missing.length === 0 && !isBare
    // A later start may have put into a directory that is not there.
    const isLast = state?.isStopped === true && (files.at(-1)?.id ?? 0) <= state.segment
    if (isWhole && (absent.length === 0 || isLast)) return
    const text = lossOf(parts, { state, absent, missing })
    if (!parts.acceptLoss)
      throw new Fault('STATE_MISSING', `${text}. Nothing was changed`, { remedy: wayOn(parts) })
    log.warn(`${text}. The loss is accepted`)
    givenUp.push(...absent.map(({ id }) => id))
  })
  for (const { id, path } of absent)
    if (!givenUp.includes(id))
      log.info(`channel ${channel} runs without its directory ${path}, which held no undelivered event`)
  if (state === null && found.channelId !== null)
    log.warn(
      `channel ${channel}: ${checkpoint.path} ${checkpoint.isUnreadable ? 'cannot be read' : 'is not there'}; what is inside was read from the segments in ${dataDirectories.join(', ')}`,
    )
  return { found, directories, givenUp }
}

/** Those that belong to the channel, by its checkpoint and its marks, and are not among `directories`. */
export function absentDirectories(
  files: readonly SegmentFile[],
  state: ChannelState | null,
  directories: readonly MarkedDirectory[],
): DataDirectory[] {
  const known = [...directories.flatMap(({ mark }) => mark?.directories ?? []), ...(state?.directories ?? [])]
  const isHere = ({ id, path }: DataDirectory): boolean => {
    const told =
      state?.segments.filter(({ directory = -1 }) => state.directories?.[directory]?.id === id) ?? []
    return directories.some(one => {
      if (one.mark !== null) return one.mark.id === id
      // One that has lost its mark is known by its segments.
      const inside = files.filter(({ directory }) => directory === one.path)
      return inside.some(file => one.path === path || told.some(({ id: segment }) => segment === file.id))
    })
  }
  return [...new Map(known.map(one => [one.id, one])).values()].filter(one => !isHere(one))
}

const inspecting = commandLine('millrace', 'channel', 'inspect', 'DIRECTORY')

function refuseTwice({ files, channel }: InventoryParts): void {
  files.forEach((file, index) => {
    const before = files[index - 1]
    if (before?.id !== file.id) return
    throw foreign(
      `channel ${channel}: ${before.path} and ${file.path} are there both: one of them is a copy, of an earlier time, or of another channel`,
      `Leave one of these directories out of dataDirs, or move its millrace* files away. "${inspecting}" says what is in each.`,
    )
  })
}

/** Whatever belongs to another channel: it would be taken for this one's, or overwritten. */
function refuseStrangers(
  { channel, checkpoint, checkpointDirectory }: InventoryParts,
  state: ChannelState | null,
  directories: readonly MarkedDirectory[],
  channelId: string | null,
): void {
  const marked = directories.find(({ mark }) => mark !== null)
  const other = directories.find(({ mark }) => mark !== null && mark.channel !== marked?.mark?.channel)
  if (marked !== undefined && other !== undefined)
    throw foreign(
      `channel ${channel}: ${marked.path} and ${other.path} are data directories of two channels`,
      `Name the directories of one channel in dataDirs. "${inspecting}" says what is in each.`,
    )
  const here = channelId ?? marked?.mark?.channel ?? state?.channelId
  if (state === null || state.channelId === here) return
  const places = state.directories?.map(({ path }) => path).join(', ') ?? 'other directories'
  throw foreign(
    `channel ${channel}: ${checkpoint.path} is of another channel, with ${insideOf(state)} undelivered events in ${places}`,
    `Name checkpointDir and dataDirs of one channel. If the log in dataDirs is meant, name another checkpointDir, or move ${checkpointName} in ${checkpointDirectory} away: all undelivered events are in the log itself.`,
  )
}

function cameBack({ channel }: InventoryParts, path: string): Fault {
  return foreign(
    `channel ${channel}: the loss of ${path} was accepted, and it is back with what it held then`,
    `Leave it out of dataDirs, and "${commandLine('millrace', 'channel', 'export', path, '--to', 'FILE')}" gives the events in it; or move its millrace* files away to use it as an empty one.`,
  )
}

function foreign(problem: string, remedy: string): Fault {
  return new Fault('FOREIGN_FILES', `${problem}. Nothing was changed`, { remedy })
}

function insideOf({ low, gone, nextNumber }: ChannelState): number {
  const ranges = gone.map(([first, end]) => ({ first, end }))
  return new GoneNumbers(low, ranges).countInside({ first: low, end: nextNumber })
}

function lossOf(parts: InventoryParts, { state, absent, missing }: Loss): string {
  const { channel, checkpoint, dataDirectories } = parts
  const isExact = state?.isStopped === true
  const sum = (some: readonly MissingSegments[]): number => some.reduce((count, one) => count + one.events, 0)
  const total = sum(missing)
  const count =
    total === 0
      ? 'undelivered events may be missing'
      : `${isExact ? '' : 'at least '}${total} undelivered ${total === 1 ? 'event is' : 'events are'} missing`
  const placeOf = ({ directory }: MissingSegments): DataDirectory | null =>
    directory === null ? null : (state?.directories?.[directory] ?? null)
  const said = absent.map(({ id, path }) => {
    const lay = missing.filter(one => placeOf(one)?.id === id)
    const events = isExact ? sum(lay) : sum(lay) === 0 ? 'an unknown number' : `at least ${sum(lay)}`
    const held = lay.length === 0 ? '' : `, which held ${events} of them (${namesOf(lay)}),`
    return dataDirectories.includes(path)
      ? `${path}${held} holds no file of this channel: it is empty, new or not mounted`
      : `${path}${held} is a data directory of this channel and not among dataDirs`
  })
  const rest = missing.filter(one => !absent.some(({ id }) => placeOf(one)?.id === id))
  for (const [place, some] of Map.groupBy(rest, one => placeOf(one)?.path ?? dataDirectories.join(', '))) {
    const isOne = some.length === 1 && some[0]!.from === some[0]!.to
    said.push(
      some[0]!.isEarlier
        ? `${namesOf(some)} in ${place} is of an earlier time`
        : `${namesOf(some)} ${isOne ? 'is' : 'are'} not in ${place} any more`,
    )
  }
  if (said.length === 0)
    said.push(
      checkpoint.isUnreadable
        ? `${checkpoint.path} cannot be read, and no millrace-*.wal lies in ${dataDirectories.join(', ')}`
        : `${dataDirectories.join(', ')} held a log by ${markName} there, and no millrace-*.wal lies there`,
    )
  const at = state?.at === undefined ? '' : ` of ${new Date(state.at).toISOString()}`
  const source =
    state === null
      ? ''
      : ` (by the checkpoint${at}${isExact ? '' : '; it was not written by a clean stop, and what came later is not known'})`
  return `channel ${channel}: ${count}: ${said.join('; ')}${source}`
}

function namesOf(missing: readonly MissingSegments[]): string {
  return missing
    .map(({ from, to }) => {
      if (from === null) return `${segmentName(to)} and those before it`
      return from === to ? segmentName(to) : `${segmentName(from)} to ${segmentName(to)}`
    })
    .join(', ')
}

function wayOn({ checkpointDirectory, dataDirectories }: InventoryParts): string {
  const words = ['repair', '--accept-loss', '--checkpoint', checkpointDirectory, ...dataDirectories]
  return `Mount or put back what is missing, or name its new place in dataDirs, and start again; or "${commandLine('millrace', 'channel', ...words)}" gives those events up, and the channel opens without them.`
}
