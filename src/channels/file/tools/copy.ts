// Works on a file channel as an agent would: fills its log with events that come from elsewhere, an export or a log
// that is repaired, or opens it without what is missing.
import type { Event } from '../../../event.ts'
import { Counters, fileChannelCounters } from '../../../observe/counters.ts'
import { looseConditions } from '../../../observe/conditions.ts'
import { silentLogger } from '../../../observe/log.ts'
import { printable } from '../../../printable.ts'
import type { System } from '../../../system/system.ts'
import type { EncryptionKeys } from '../encryption-keys.ts'
import { FileChannel } from '../file-channel.ts'

export interface Place {
  readonly checkpointDirectory: string
  readonly dataDirectories: readonly string[]
}

const mostEvents = 1000
const mostBytes = 4 * 1024 * 1024

function channelAt(
  system: System,
  place: Place,
  encryption: EncryptionKeys | null,
  acceptLoss: boolean,
): FileChannel {
  const warn = (message: string): void => void process.stderr.write(`${printable(message)}\n`)
  return new FileChannel(
    {
      ...place,
      capacity: Number.MAX_SAFE_INTEGER,
      transactionCapacity: Number.MAX_SAFE_INTEGER,
      keepAliveMs: 0,
      segmentBytes: 32 * 1024 * 1024,
      floorBytes: 1024 * 1024,
      syncEachGroup: true,
      syncIntervalMs: 1000,
      checkpointIntervalMs: 30_000,
      checkpointOnClose: true,
      encryption,
      acceptLoss,
    },
    {
      name: place.dataDirectories.join(','),
      agent: 'millrace channel',
      system,
      log: { ...silentLogger, warn, error: warn },
      home: '/',
      logRawData: false,
      systemProperties: new Map(),
      condition: looseConditions(system.clock, silentLogger),
      counters: new Counters('CHANNEL', 'channel', fileChannelCounters),
    },
  )
}

/** Opens the channel without what is missing of it, so that it opens by itself from then on; gives what is inside. Rejects as its start. */
export async function acceptLoss(
  system: System,
  place: Place,
  encryption: EncryptionKeys | null,
): Promise<number> {
  const channel = channelAt(system, place, encryption, true)
  await channel.start()
  const { size, lacking } = channel
  await channel.stop()
  if (lacking !== null) throw lacking
  return size
}

/** Puts all events, in order, each synced; gives how many, and how many the channel held before. */
export async function putAll(
  system: System,
  place: Place,
  encryption: EncryptionKeys | null,
  batches: AsyncIterable<readonly Event[]>,
): Promise<{ put: number; before: number }> {
  const channel = channelAt(system, place, encryption, false)
  await channel.start()
  const before = channel.size
  let put = 0
  try {
    let pending: Event[] = []
    let bytes = 0
    const flush = async (): Promise<void> => {
      if (pending.length === 0) return
      await channel.put(pending)
      put += pending.length
      pending = []
      bytes = 0
    }
    for await (const events of batches)
      for (const event of events) {
        pending.push(event)
        bytes += event.size
        if (pending.length >= mostEvents || bytes >= mostBytes) await flush()
      }
    await flush()
  } finally {
    await channel.stop()
  }
  return { put, before }
}
