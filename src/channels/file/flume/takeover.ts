// Takeover: moves the undelivered events of a stopped Flume file channel into our log, in order and exactly
// once, whatever happens meanwhile. Flume's files are read and never changed.
//
// 1. The marker "begun" is durable before the first segment of ours. A start that finds it knows that the
//    channel was never open, so that nothing of it was delivered: our segments go, and all is done again.
// 2. The events are put, each put synced.
// 3. The marker "done" is durable before the channel opens. A start that finds it takes no notice of Flume's
//    logs, as long as they are the ones listed.
import { join } from 'node:path'
import { Fault } from '../../../errors.ts'
import type { Event } from '../../../event.ts'
import type { Logger } from '../../../observe/log.ts'
import type { System } from '../../../system/system.ts'
import type { EncryptionKeys } from '../encryption-keys.ts'
import { flumeDecrypter } from './decrypter.ts'
import { readCheckpointMetadata } from './metadata.ts'
import {
  readFlumeChannel,
  type FlumeChannel,
  type FlumeDirectories,
  type FlumeDamage,
} from './flume-channel.ts'
import {
  markerName,
  markLogs,
  notAmong,
  readMarker,
  removeMarker,
  writeMarker,
  type MarkedLog,
} from './takeover-marker.ts'

export interface TakeoverParts extends Omit<FlumeDirectories, 'decrypter'> {
  readonly system: System
  readonly log: Logger
  readonly channel: string
  readonly capacity: number
  readonly transactionCapacity: number
  /** Our segments. */
  readonly segments: readonly { readonly directory: string; readonly path: string }[]
  /** The other files of our log. */
  readonly ours: readonly string[]
  /** For encrypted logs of Flume's. */
  readonly keys: EncryptionKeys | null
}

/** To be done before the channel opens. */
export interface Takeover {
  /** Puts all events; `put` resolves when they are durable. Resolves when the marker says that it is done. */
  run(put: (events: Event[]) => Promise<void>): Promise<void>
}

const putBytes = 8 * 1024 * 1024
const mostTold = 100
const tellEveryMs = 10_000
const drain =
  'start Flume without the source until its ChannelSize is 0, stop it, and move the log-* files away'

/**
 * Call with the directories locked. Gives the takeover that must be done, or null. Rejects with FOREIGN_FILES,
 * DIRECTORY_IN_USE or CORRUPT where Flume's files keep the channel from opening.
 */
export async function lookForFlume(parts: TakeoverParts): Promise<Takeover | null> {
  const { system, checkpointDirectory, backupDirectory = null, dataDirectories, segments } = parts
  const { disk } = system
  if (!dataDirectories.includes(checkpointDirectory)) await refuseAsCheckpoint(parts)
  const logs = await markLogs(disk, dataDirectories)
  const marker = await readMarker(disk, checkpointDirectory)
  if (logs.length === 0) {
    if (marker === null && segments.length === 0) await refuseLostLogs(parts)
    if (marker?.state === 'begun') throw incomplete(parts, marker.logs)
    // It has served: logs that come later are others.
    if (marker !== null) await removeMarker(disk, checkpointDirectory)
    return null
  }
  await refuseRunning(parts)
  if (marker?.state !== 'done') refuseBare(parts, logs)
  if (marker?.state === 'done') {
    const others = notAmong(logs, marker.logs)
    if (others.length > 0) throw foreign(parts, others, 'was taken over before, and Flume has run here since')
    if (segments.length === 0) throw emptied(parts)
    return null
  }
  if (marker === null && segments.length > 0)
    throw foreign(
      parts,
      logs,
      `holds logs of Millrace and of Flume, and ${join(checkpointDirectory, markerName)} is not there, which says whether Flume's events were taken over: it was lost, or Flume has run here since`,
    )
  if (marker !== null) {
    const gone = marker.logs.filter(({ name }) => !logs.some(log => log.name === name))
    if (gone.length > 0) throw incomplete(parts, gone)
  }
  const { keys } = parts
  const decrypter = keys === null ? null : flumeDecrypter(keys)
  const flume = await readFlumeChannel(disk, {
    checkpointDirectory,
    backupDirectory,
    dataDirectories,
    decrypter,
  })
  if (flume.events > parts.capacity)
    throw new Fault(
      'FOREIGN_FILES',
      `the Flume file channel in ${dataDirectories.join(', ')} holds ${flume.events} events, more than the capacity of channel ${parts.channel}, which is ${parts.capacity}. Nothing was changed: set capacity to at least ${flume.events} and start again`,
    )
  const describe = (state: 'begun' | 'done', events: number) =>
    writeMarker(disk, checkpointDirectory, { version: 1, state, events, at: system.clock.now(), logs })
  await describe('begun', flume.events)
  if (marker !== null) await removeOurs(parts)
  return { run: put => run(parts, flume, logs, put, events => describe('done', events)) }
}

async function run(
  parts: TakeoverParts,
  flume: FlumeChannel,
  logs: readonly MarkedLog[],
  put: (events: Event[]) => Promise<void>,
  done: (events: number) => Promise<void>,
): Promise<void> {
  const { system, log, channel, dataDirectories } = parts
  const begun = system.clock.monotonic()
  log.info(
    `channel ${channel} takes over ${flume.events} events of the Flume file channel in ${dataDirectories.join(', ')}`,
  )
  let told = begun
  let events = 0
  // The next batch is read while this one is written.
  let under: Promise<void> = Promise.resolve()
  const limits = { events: Math.min(parts.transactionCapacity, parts.capacity), bytes: putBytes }
  try {
    for await (const batch of flume.batches(limits)) {
      await under
      if (system.clock.monotonic() - told > tellEveryMs) {
        told = system.clock.monotonic()
        log.info(`channel ${channel} has taken over ${events} of ${flume.events} events`)
      }
      events += batch.length
      under = put(batch)
      under.catch(() => {})
    }
  } finally {
    await under
  }
  tell(log, channel, flume.damage)
  const now = await markLogs(system.disk, dataDirectories)
  if (now.length !== logs.length || notAmong(now, logs).length > 0)
    throw new Fault(
      'FOREIGN_FILES',
      `Flume's logs in ${dataDirectories.join(', ')} changed while channel ${channel} read them: a Flume is running there. Stop it, and restart the agent; the takeover then begins again`,
    )
  await done(events)
  const took = Math.round(system.clock.monotonic() - begun)
  const names = flume.logs.map(one => one.path)
  const from =
    names.length > 4 ? `${names.slice(0, 3).join(', ')} and ${names.length - 3} more` : names.join(', ')
  log.info(
    `channel ${channel} took over ${events} events of Flume's file channel from ${from} in ${took} ms. Flume's files are as they were, are not needed any more and may be deleted: log-* in ${dataDirectories.join(', ')}, and all but millrace* in ${parts.checkpointDirectory}`,
  )
}

function tell(log: Logger, channel: string, damage: readonly FlumeDamage[]): void {
  for (const { path, message } of damage.slice(0, mostTold))
    log.warn(`channel ${channel}, taking over from Flume: ${path}: ${message}`)
  if (damage.length > mostTold)
    log.warn(`channel ${channel}, taking over from Flume: ${damage.length - mostTold} more such places`)
}

/** What an earlier attempt left. */
async function removeOurs({
  system,
  segments,
  checkpointDirectory,
  dataDirectories,
  ours,
  log,
}: TakeoverParts): Promise<void> {
  const { disk } = system
  if (segments.length > 0)
    log.info(
      `a takeover from Flume did not finish: ${segments.length} segments of it are removed, and it is done again`,
    )
  // The segments last: without them what speaks of them would keep the channel from opening.
  for (const path of ours) if (await disk.exists(path)) await disk.remove(path)
  for (const { path } of segments) await disk.remove(path)
  for (const directory of [checkpointDirectory, ...dataDirectories]) await disk.syncDirectory(directory)
}

async function refuseRunning({
  system,
  channel,
  checkpointDirectory,
  dataDirectories,
}: TakeoverParts): Promise<void> {
  for (const directory of [checkpointDirectory, ...dataDirectories]) {
    const path = join(directory, 'in_use.lock')
    const holder = (await system.disk.lockHolder?.(path)) ?? null
    if (holder === null) continue
    throw new Fault(
      'DIRECTORY_IN_USE',
      `channel ${channel}: a Flume (pid ${holder}) is using directory ${directory}: it has ${path} open. Stop it, and start again`,
    )
  }
}

async function refuseAsCheckpoint({ system, channel, checkpointDirectory }: TakeoverParts): Promise<void> {
  const [log] = await markLogs(system.disk, [checkpointDirectory])
  if (log === undefined) return
  throw new Fault(
    'FOREIGN_FILES',
    `checkpointDir of channel ${channel}, ${checkpointDirectory}, holds logs of a Flume file channel (${log.name}): it is one of Flume's data directories. Name the directories as they were for Flume`,
  )
}

/** Flume begins a log in each of its data directories at every start: where one has none, it is not Flume's, or lost. */
function refuseBare({ channel, dataDirectories }: TakeoverParts, logs: readonly MarkedLog[]): void {
  const bare = dataDirectories.filter(directory => !logs.some(log => log.directory === directory))
  if (bare.length === 0) return
  throw new Fault(
    'STATE_MISSING',
    `channel ${channel}: ${bare.join(', ')} ${bare.length === 1 ? 'holds' : 'hold'} no log of Flume's file channel, whose logs lie in ${dataDirectories.filter(one => !bare.includes(one)).join(', ')}. Nothing was changed`,
    {
      remedy: `Flume keeps logs in each of its data directories: mount or put back those of ${bare.join(', ')}; or, where that is not one of Flume's, leave it out of dataDirs until the events are taken over.`,
    },
  )
}

/** A checkpoint that points to events, and no log: a directory is named wrongly, or was not copied. */
async function refuseLostLogs({
  system,
  channel,
  checkpointDirectory,
  dataDirectories,
}: TakeoverParts): Promise<void> {
  const metadata = await readCheckpointMetadata(system.disk, checkpointDirectory)
  if (metadata === null || metadata.queueSize <= 0) return
  const path = join(checkpointDirectory, 'checkpoint')
  throw new Fault(
    'FOREIGN_FILES',
    `channel ${channel}: ${path} of a Flume file channel names ${metadata.queueSize} undelivered events, but no log-* lies in ${dataDirectories.join(', ')}. Name Flume's dataDirs as they were; or, if its events are delivered or not wanted, move ${path} and ${path}.meta away`,
  )
}

function incomplete({ channel, checkpointDirectory }: TakeoverParts, gone: readonly MarkedLog[]): Fault {
  const marker = join(checkpointDirectory, markerName)
  return new Fault(
    'FOREIGN_FILES',
    `channel ${channel}: a takeover from Flume has begun and did not finish (${marker}), and ${gone.map(one => join(one.directory, one.name)).join(', ')} ${gone.length === 1 ? 'is' : 'are'} missing since. Put what is missing back and start again; or, to go on with what was taken over so far, move ${marker} and Flume's log-* files away`,
  )
}

function emptied({ channel, checkpointDirectory, dataDirectories }: TakeoverParts): Fault {
  const marker = join(checkpointDirectory, markerName)
  return new Fault(
    'FOREIGN_FILES',
    `channel ${channel}: ${marker} says that Flume's events are in Millrace's log, but no millrace-*.wal lies in ${dataDirectories.join(', ')}. Put those files back; or move ${marker} away to take all of Flume's events over once more; or move Flume's log-* files away to begin without them`,
  )
}

function foreign(
  { channel, dataDirectories }: TakeoverParts,
  logs: readonly MarkedLog[],
  why: string,
): Fault {
  const names = logs.slice(0, 3).map(one => join(one.directory, one.name))
  const more = logs.length > 3 ? ` and ${logs.length - 3} more` : ''
  return new Fault(
    'FOREIGN_FILES',
    `channel ${channel}: directory ${dataDirectories.join(', ')} ${why}: ${names.join(', ')}${more} may have events that are not in Millrace's log. Nothing was changed`,
    {
      remedy: `Where they were taken over, move the log-* files away. Else drain them with Flume (${drain}); or copy the log-* files and the checkpoint to directories of a channel of their own, which takes them over, and move them away here.`,
    },
  )
}
