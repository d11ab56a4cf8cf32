// File channel: a definition; the channel itself is in file/.
import { defineChannel, sayFailure, type CountedContext, type Surroundings, pathOf } from '../component.ts'
import { flag, int, list, prefix, text, type OptionsOf } from '../fields.ts'
import { fileChannelCounters } from '../observe/counters.ts'
import { checkEncryption, encryptionKeys } from './file/encryption-keys.ts'
import type { FileChannelSettings } from './file/file-channel-settings.ts'
import { FileChannel } from './file/file-channel.ts'
import { Opening } from './file/opening.ts'

/** Flume's largest file; also what a larger value is clipped to there. */
const flumeFileBytes = 1_623_195_647
/** Segments of this size are emptied and used again soon; larger ones gain nothing. */
const usualSegmentBytes = 32 * 1024 * 1024
const leastSegmentBytes = 64 * 1024

/** Also of the overflow of a spillable memory channel. */
export const fileOptions = {
  checkpointDir: text({
    doc: 'Directory that belongs to this channel alone. ~ is the home directory of the user in the password database. Made when missing.',
    default: '~/.flume/file-channel/checkpoint',
    differs:
      'Holds millrace.checkpoint, a few kilobytes in two slots, from which a start reads the end of the log, however large the backlog is, and which says what must be there. Without it a start reads the newest segment: nothing is replayed.',
  }),
  dataDirs: list({
    doc: 'Directories of the log, separated by commas. Made when missing. Segments take turns over them.',
    separator: ',',
    default: ['~/.flume/file-channel/data'],
    differs:
      'A start without a directory that may hold undelivered events is refused, with their number; Flume goes on without them where its checkpoint is gone as well. Their order and paths may change.',
  }),
  capacity: int({
    doc: 'Most events in the channel, those of open transactions included.',
    unit: 'events',
    default: 1_000_000,
    min: 1,
    differs: 'May be changed between starts at no cost; Flume then replays all logs.',
  }),
  transactionCapacity: int({
    doc: 'Most events of one put or take.',
    unit: 'events',
    default: 10_000,
    min: 1,
  }),
  'keep-alive': int({
    doc: 'How long a put waits for room.',
    unit: 's',
    default: 3,
    min: 0,
    differs: 'A take waits until there is an event; in Flume it never waits and the sink runner sleeps.',
  }),
  maxFileSize: int({
    doc: 'Most bytes of one file of the log.',
    unit: 'bytes',
    default: flumeFileBytes,
    min: 1,
    differs:
      'Segments have 32 MiB, or maxFileSize where that is smaller, at least 64 KiB. A transaction that does not fit gets a larger segment of its own.',
  }),
  minimumRequiredSpace: int({
    doc: 'Bytes that must be free on the file system of each data directory; below, puts are refused. At least 1 MiB.',
    unit: 'bytes',
    default: 524_288_000,
    min: 0,
    differs:
      'Takes, commits and rollbacks go on, so that the channel can be emptied, also when the agent is started on a full disk; in Flume they fail as well. Puts go on by themselves when there is room, for a whole segment where one could not be made. A new channel without room for its files opens when there is some.',
  }),
  fsyncPerTransaction: flag({
    doc: 'Whether a commit returns only when it is on stable storage. false: synced every fsyncInterval; a power cut loses what came after the last sync.',
    default: true,
    differs: 'Transactions that arrive during a sync share the next one.',
  }),
  fsyncInterval: int({
    doc: 'Seconds between syncs when fsyncPerTransaction is false.',
    unit: 's',
    default: 5,
    min: 1,
  }),
  checkpointInterval: int({
    doc: 'Time between checkpoints; none is written where nothing has changed.',
    unit: 'ms',
    default: 30_000,
    min: 1000,
  }),
  checkpointOnClose: flag({
    doc: 'Whether a checkpoint is written when the channel stops.',
    default: true,
  }),
  useDualCheckpoints: flag({
    doc: 'Whether Flume kept a copy of its checkpoint in backupCheckpointDir. Read only when the events of a Flume channel with several data directories are taken over.',
    default: false,
    differs:
      'The copy is used for a takeover; of our own checkpoint there is none: it is written in two slots in turn, and its content is in the log as well.',
  }),
  backupCheckpointDir: text({
    doc: "Where Flume kept that copy: used where Flume's checkpoint was being written when it was killed. Never written to.",
  }),
  encryption: prefix({
    doc: 'Encryption of the events at rest. encryption.activeKey: alias of the key that new files are encrypted with. encryption.cipherProvider: AESCTRNOPADDING, or AESGCMNOPADDING, which also notices when what is stored was changed. encryption.keyProvider: JCEKSFILE, a key store of Java, with encryption.keyProvider.keyStoreFile, .keyStorePasswordFile, .keys (the aliases in use, separated by blanks) and .keys.<alias>.passwordFile, where a key has a password of its own. Keys must be there until all events written with them are delivered.',
    differs:
      'AESGCMNOPADDING is not in Flume. May be switched on, and to another key or cipher, between starts; what was stored before stays as it is until it is delivered. Switched off it may be once all that was encrypted is delivered.',
  }),
}
type Options = OptionsOf<typeof fileOptions>

const noReplay = 'a start reads the end of the log only: there is no replay to choose'

function directoriesOf(given: Options, home: string) {
  const { useDualCheckpoints, backupCheckpointDir = '' } = given
  return {
    checkpoint: pathOf(given.checkpointDir, home),
    backup:
      useDualCheckpoints && backupCheckpointDir.trim() !== '' ? pathOf(backupCheckpointDir, home) : null,
    data: given.dataDirs.map(path => pathOf(path, home)),
  }
}

export const fileChannel = defineChannel({
  type: 'file',
  aliases: ['org.apache.flume.channel.file.FileChannel'],
  summary: 'Keeps events on disk: an accepted event survives the end of the process and of the machine.',
  description:
    "A log of its own format in millrace-<n>.wal files (docs/formats/file-channel.md). Puts and commits of takes share writes and syncs; recent events are served from memory, older ones read back in large pieces. Given the directories of a stopped Flume file channel, it takes the undelivered events over before it opens, once and in order, and leaves Flume's files as they are (docs/guides/coming-from-flume.md); a Flume started on ours finds no logs of its own. After a failed write or sync everything that was not durable is refused and the log goes on in a new file; a second failure within a minute makes the channel fail, and the agent's health is red.",
  options: fileOptions,
  withoutEffect: {
    compressBackupCheckpoint:
      'there is no second checkpoint (useDualCheckpoints), and a compressed one of Flume is not read',
    'use-log-replay-v1': noReplay,
    'use-fast-replay': noReplay,
  },
  counters: fileChannelCounters,
  transactionCapacity: given => given.transactionCapacity,
  check(given, say) {
    if (given.transactionCapacity > given.capacity)
      say.error(
        'transactionCapacity',
        `is ${given.transactionCapacity} and larger than the capacity of ${given.capacity}`,
        `lower it to ${given.capacity} at most, or raise capacity`,
      )
    checkEncryption(given.encryption, say)
  },
  claims(given, { home }: Surroundings) {
    const { checkpoint, data } = directoriesOf(given, home)
    return [checkpoint, ...data].map(one => `directory ${one}`)
  },
  async examine(given, say, { system: { disk }, home }) {
    const { checkpoint, data } = directoriesOf(given, home)
    const named = [['checkpointDir', checkpoint] as const, ...data.map(one => ['dataDirs', one] as const)]
    for (const [key, path] of named) {
      const obstacle = (await disk.obstacleAt?.(path, 'new directory')) ?? null
      if (obstacle !== null)
        say.error(
          key,
          `directory ${path} cannot be used: ${obstacle}`,
          'name one that the user of the agent may make and write',
        )
    }
    const keys = encryptionKeys(given.encryption, disk, () => {})
    if (keys === null) return
    const remedy = 'correct the key store, its password files or its keys'
    await sayFailure(keys.key(keys.activeAlias), say, 'encryption.keyProvider.keyStoreFile', remedy)
  },
  create: (given, context) => new FileChannel(settingsOf(given, context), context),
  rehearse: (given, context) => new Opening(settingsOf(given, context), context).rehearse(),
})

export function settingsOf(given: Options, { home, system, log }: CountedContext): FileChannelSettings {
  const { checkpoint, backup, data } = directoriesOf(given, home)
  return {
    checkpointDirectory: checkpoint,
    flumeBackupDirectory: backup,
    dataDirectories: data,
    capacity: given.capacity,
    transactionCapacity: given.transactionCapacity,
    keepAliveMs: given['keep-alive'] * 1000,
    segmentBytes: Math.max(leastSegmentBytes, Math.min(given.maxFileSize, usualSegmentBytes)),
    floorBytes: Math.max(1024 * 1024, given.minimumRequiredSpace),
    syncEachGroup: given.fsyncPerTransaction,
    syncIntervalMs: given.fsyncInterval * 1000,
    checkpointIntervalMs: given.checkpointInterval,
    checkpointOnClose: given.checkpointOnClose,
    encryption: encryptionKeys(given.encryption, system.disk, text => log.warn(text)),
  }
}
