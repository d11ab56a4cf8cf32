// What a channel tool reads from the directories of a file channel that no agent uses, ours or Flume's.
import { Checkpoint } from '../channels/file/checkpoint.ts'
import type { EncryptionKeys } from '../channels/file/encryption-keys.ts'
import { flumeDecrypter, type FlumeDecrypter } from '../channels/file/flume/decrypter.ts'
import { readFlumeChannel } from '../channels/file/flume/flume-channel.ts'
import {
  encryptedSegments,
  eventsInside,
  examine,
  requireKeys,
  type Damage,
  type Examined,
} from '../channels/file/tools/examine.ts'
import type { Event } from '../event.ts'
import type { Disk } from '../system/disk.ts'
import { commandLine } from '../system/launcher.ts'
import type { ChannelDirectories } from './channel-directories.ts'
import { howToGiveKeys } from './channel-keys.ts'
import { UsageError } from './usage-error.ts'

/** What a tool knows of a channel, whoever wrote it. */
export interface Content {
  /** Undelivered events that can be read. */
  readonly inside: number
  /** Why they cannot be decrypted; null where they can, or are not encrypted. */
  readonly locked: string | null
  readonly keys: EncryptionKeys | null
  readonly lost: number
  readonly damage: readonly Damage[]
  readonly ours: Examined | null
  readonly flume: { readonly path: string; readonly bytes: number }[]
  events(): AsyncIterable<readonly Event[]>
}

export const readContent = (
  disk: Disk,
  found: ChannelDirectories,
  keys: EncryptionKeys | null,
): Promise<Content> => (found.kind === 'flume' ? readFlume : readOurs)(disk, found, keys)

/** Before anything is made. */
export async function requireReadable({ locked, ours, keys }: Content): Promise<void> {
  if (locked !== null) throw new UsageError(`${locked}: ${howToGiveKeys}`)
  if (ours !== null && keys !== null) await requireKeys(ours, keys)
}

async function readOurs(
  door: Disk,
  { data, checkpoint }: ChannelDirectories,
  keys: EncryptionKeys | null,
): Promise<Content> {
  let told = performance.now()
  const state = await new Checkpoint(door, checkpoint).read()
  const ours = await examine(door, data, state, (path, done, of) => {
    if (performance.now() - told < 1000) return
    told = performance.now()
    process.stderr.write(`reading ${path}, ${done + 1} of ${of}\n`)
  })
  const changed: Damage[] = []
  let unreadable = 0
  async function* events(): AsyncGenerator<readonly Event[]> {
    let count = 0
    for await (const one of eventsInside(door, ours, keys, problem => void changed.push(problem))) {
      count += one.events.length
      yield one.events
    }
    unreadable = ours.inside - count
  }
  const [encrypted] = keys === null ? encryptedSegments(ours) : []
  return {
    get inside() {
      return ours.inside - unreadable
    },
    get lost() {
      return ours.lost + unreadable
    },
    get damage() {
      return [...ours.damage, ...changed]
    },
    locked:
      encrypted === undefined
        ? null
        : `${encrypted.path} is encrypted with the key "${encrypted.encryption.keyAlias}"`,
    keys,
    ours,
    flume: [],
    events,
  }
}

const withoutKeys: FlumeDecrypter = ({ path, keyAlias }) =>
  Promise.reject(new UsageError(`${path} is encrypted with the key "${keyAlias}": ${howToGiveKeys}`))

async function readFlume(
  door: Disk,
  { data, checkpoint }: ChannelDirectories,
  keys: EncryptionKeys | null,
): Promise<Content> {
  const channel = await readFlumeChannel(door, {
    checkpointDirectory: checkpoint,
    dataDirectories: data,
    decrypter: keys === null ? withoutKeys : flumeDecrypter(keys),
  })
  let unreadable = 0
  async function* events(): AsyncGenerator<readonly Event[]> {
    let count = 0
    for await (const batch of channel.batches()) {
      count += batch.length
      yield batch
    }
    unreadable = channel.events - count
  }
  return {
    get inside() {
      return channel.events - unreadable
    },
    get lost() {
      return unreadable
    },
    get damage() {
      return channel.damage.map(({ path, position, message }) => ({
        path,
        from: position ?? 0,
        to: position ?? 0,
        message,
        lost: [],
      }))
    },
    locked: null,
    keys,
    ours: null,
    flume: channel.logs.map(({ path, size }) => ({ path, bytes: size })),
    events,
  }
}

/** Where, what, and which events that costs. */
export function damageText({ path, from, to, message, lost }: Damage): string {
  const where = to > from ? `${path}, bytes ${from} to ${to}` : from > 0 ? `${path}, byte ${from}` : path
  const numbers = lost.map(({ first, end }) => (end - first === 1 ? `${first}` : `${first} to ${end - 1}`))
  return `${where}: ${message}${lost.length > 0 ? `; events lost: ${numbers.join(', ')}` : ''}`
}

export const howToRepair = ({ data }: ChannelDirectories): string =>
  `nothing was changed; "${commandLine('millrace', 'channel', 'repair', ...data, '--to', 'DIRECTORY')}" makes a new channel of what can be read`
