// What lies on disks, and how it is read: channels, Flume's channels, the broker's logs and journals, key stores.
import { basename, dirname } from 'node:path'
import { crc32 } from 'node:zlib'
import { BrokerState } from '../../src/broker/broker-state.ts'
import { readBrokerSettings } from '../../src/broker/broker-settings.ts'
import { LiveSettings } from '../../src/broker/live-settings.ts'
import { findDirectories } from '../../src/broker/log-directories.ts'
import { openPartitionLog } from '../../src/broker/log/recovery.ts'
import { ScramCredentials } from '../../src/broker/security/scram-credentials.ts'
import { TransactionJournal } from '../../src/broker/transactions/transaction-journal.ts'
import { OffsetStore } from '../../src/broker/groups/offset-store.ts'
import { OffsetOutOfRange } from '../../src/broker/log/log-parts.ts'
import { Checkpoint, type ChannelState } from '../../src/channels/file/checkpoint.ts'
import { readMarks, planMarks } from '../../src/channels/file/directory-mark.ts'
import * as entries from '../../src/channels/file/entry.ts'
import { readFlumeChannel } from '../../src/channels/file/flume/flume-channel.ts'
import { recover } from '../../src/channels/file/recovery.ts'
import { encodeSegmentHeader, listSegments, startAfter } from '../../src/channels/file/segment.ts'
import { eventsInside, examine } from '../../src/channels/file/tools/examine.ts'
import { Fault } from '../../src/errors.ts'
import { Event } from '../../src/event.ts'
import type { Logger } from '../../src/observe/log.ts'
import { SeededRandom } from '../../src/simulation/seeded-random.ts'
import { SimulatedDisk } from '../../src/simulation/simulated-disk.ts'
import { Journal } from '../../src/storage/journal.ts'
import type { Disk } from '../../src/system/disk.ts'
import { realSystem } from '../../src/system/system.ts'
import { AvroFormatError } from '../../src/wire/avro/binary.ts'
import { FormatError } from '../../src/wire/kafka/format-error.ts'
import { writeRecords } from '../../src/wire/kafka/record-set.ts'
import { encodeMarker } from '../../src/broker/log/transaction-marker.ts'
import { offsetCommitKey, offsetCommitValue } from '../../src/wire/kafka/messages/offsets-topic.ts'
import { filesOf, recordings } from '../golden/flume-recording.ts'
import { sealed } from './wire-decoders.ts'
import type { Decoder } from './decoders.ts'

/** A disk with these files and no others. */
export async function diskWith(
  files: readonly { readonly path: string; readonly bytes: Buffer }[],
): Promise<Disk> {
  const disk = new SimulatedDisk(new SeededRandom(1)).open()
  for (const { path, bytes } of files) {
    await disk.makeDirectory(dirname(path))
    const file = await disk.open(path, 'create')
    await file.write(bytes, 0)
  }
  return disk
}

/** Keeps what is logged, so that it is looked at as errors are. */
function loggedTo(lines: string[]): Logger {
  const keep = (message: string, cause?: unknown): void =>
    void lines.push(cause instanceof Error ? `${message}: ${cause.message}` : message)
  const log: Logger = { debug: keep, debugs: true, info: keep, warn: keep, error: keep, child: () => log }
  return log
}

// -------------------------------------------------------------------------------- the file channel

const channelId = '00112233445566778899aabbccddeeff'
const salt = 12345

function segmentOf(gone: readonly { first: number; end: number }[]): Buffer {
  const header = {
    id: 1,
    channelId,
    createdAt: 17,
    first: 5,
    previousEnd: 0,
    low: 2,
    salt,
    gone,
    encryption: null,
  }
  const parts = [encodeSegmentHeader(header)]
  let position = startAfter(gone.length)
  const put = [Event.of({ a: 'b' }, 'first'), Event.of({}, 'second')]
  const made = [
    entries.encodePut(put, entries.putEntryBytes(put)),
    entries.encodeTake([{ first: 5, end: 6 }]),
    entries.encodePut(put.slice(1), entries.putEntryBytes(put.slice(1))),
    entries.encodeStop(),
  ]
  for (const [index, entry] of made.entries()) {
    parts.push(
      entries.placeEntry(entry, { segmentId: 1, salt, position, durable: position, first: 5 + index }),
    )
    position += entry.length
  }
  return Buffer.concat(parts)
}

/** Gives the header and every entry that still begins as one the checksums that fit. */
function sealedSegment(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes)
  if (copy.length < 16) return copy
  const size = copy.readUInt32LE(12)
  if (size > 8 && size <= copy.length) copy.writeUInt32LE(crc32(copy.subarray(8, size)), 4)
  for (
    let at = copy.indexOf('MRE1');
    at !== -1 && at + 56 <= copy.length;
    at = copy.indexOf('MRE1', at + 4)
  ) {
    const end = at + 56 + copy.readUInt32LE(at + 12)
    if (end <= copy.length) copy.writeUInt32LE(crc32(copy.subarray(at + 56, end)), at + 16)
    copy.writeUInt32LE(crc32(copy.subarray(at + 8, at + 56), salt), at + 4)
  }
  return copy
}

const segment = { path: '/d/millrace-1.wal', bytes: segmentOf([{ first: 3, end: 5 }]) }
const state: ChannelState = {
  channelId,
  segment: 1,
  position: startAfter(1),
  mark: null,
  nextNumber: 5,
  low: 2,
  gone: [[3, 5]],
  segments: [{ id: 1, salt, first: 5, start: startAfter(1), end: null, directory: 0 }],
  directories: [{ id: '0011223344556677', path: '/d' }],
  givenUp: [],
  at: 17,
  isStopped: true,
}

function checkpointOf(text: Buffer): Buffer {
  const slot = Buffer.alloc(24 + text.length)
  slot.write('MRC1', 'latin1')
  slot.writeUInt32LE(3, 8)
  slot.writeUInt32LE(Math.max(16_384, slot.length), 16)
  slot.writeUInt32LE(text.length, 20)
  text.copy(slot, 24)
  slot.writeUInt32LE(crc32(slot.subarray(8)), 4)
  return slot
}

async function readChannel(disk: Disk): Promise<string> {
  const lines: string[] = []
  const found = await new Checkpoint(disk, '/d').read()
  const examined = await examine(disk, ['/d'], found)
  for await (const { events } of eventsInside(disk, examined, null, one => void lines.push(one.message)))
    for (const event of events)
      try {
        lines.push(`${event.body.length} ${event.headers.size}`)
      } catch (error) {
        if (!(error instanceof AvroFormatError)) throw error
      }
  const unlock = () => Promise.reject(new Fault('KEY_STORE', 'there are no keys'))
  await recover(disk, loggedTo(lines), await listSegments(disk, ['/d']), found, unlock)
  return lines.join('\n')
}

const mark = {
  version: 1,
  channel: channelId,
  id: '0011223344556677',
  directories: state.directories,
  givenUp: [],
}

const channels: Decoder[] = [
  {
    name: 'file channel segment',
    seeds: () => [[], [{ first: 3, end: 5 }], [{ first: 9, end: 2 ** 47 }]].map(segmentOf),
    change: sealedSegment,
    decode: async bytes => readChannel(await diskWith([{ path: segment.path, bytes }])),
    allowed: [Fault],
    share: 0.04,
  },
  {
    name: 'file channel checkpoint',
    seeds: () => [state, { ...state, segment: 2 }].map(one => Buffer.from(JSON.stringify(one))),
    decode: async bytes =>
      readChannel(await diskWith([segment, { path: '/d/millrace.checkpoint', bytes: checkpointOf(bytes) }])),
    allowed: [Fault],
    words: ['null', '[]', '{}', '"x"', '-1', '1e300', '"__proto__"'],
    share: 0.04,
  },
  {
    name: 'file channel mark',
    seeds: () => [Buffer.from(JSON.stringify(mark))],
    async decode(bytes) {
      const disk = await diskWith([{ path: '/d/millrace.channel', bytes }])
      const marks = await readMarks(disk, ['/d'])
      planMarks({ disk, random: realSystem.random }, channelId, marks, [])
    },
    allowed: [Fault],
    words: ['null', '[]', '{}', '"x"', '-1'],
    share: 0.15,
  },
]

// ------------------------------------------------------------------------------- Flume's file channel

const flume: Decoder[] = recordings.flatMap(recording => {
  const files = filesOf(recording)
  const read = async (changed: string, bytes: Buffer): Promise<string> => {
    const disk = await diskWith(files.map(one => (one.path === changed ? { ...one, bytes } : one)))
    const channel = await readFlumeChannel(disk, {
      checkpointDirectory: '/checkpoint',
      dataDirectories: recording.data,
    })
    for await (const batch of channel.batches()) for (const event of batch) void event.encoded
    return channel.damage.map(one => one.message).join('\n')
  }
  // One of each kind: they are told apart by their names.
  const kinds = new Map(files.map(one => [basename(one.path).replace(/\d+/, 'N'), one]))
  return [...kinds].map(([kind, { path, bytes }]) => ({
    name: `Flume's ${kind} (${recording.name})`,
    seeds: () => [bytes],
    decode: (changed: Buffer) => read(path, changed),
    allowed: [Fault],
    share: 0.0025,
    mostMs: 2000,
  }))
})

// ------------------------------------------------------------------------------------- the broker

function journalOf(payloads: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(20)
  head.write('MRJRNL2\n')
  head.writeBigUInt64LE(20n, 8)
  head.writeUInt32LE(crc32(head.subarray(0, 16)), 16)
  const parts: Buffer[] = [head]
  for (const payload of payloads) {
    const header = Buffer.alloc(16)
    header.writeUInt32LE(payload.length, 0)
    header.writeBigUInt64LE(20n, 8)
    header.writeUInt32LE(crc32(payload, crc32(header.subarray(8))), 4)
    parts.push(header, payload)
  }
  return Buffer.concat(parts)
}

const jsonEntries = (
  name: string,
  values: readonly object[],
  open: (disk: Disk, log: Logger) => Promise<unknown>,
): Decoder => ({
  name: `entry of ${name}`,
  seeds: () => values.map(value => Buffer.from(JSON.stringify(value))),
  async decode(bytes) {
    const lines: string[] = []
    await open(await diskWith([{ path: `/b/${name}`, bytes: journalOf([bytes]) }]), loggedTo(lines))
    return lines.join('\n')
  },
  allowed: [Fault],
  words: ['null', '[]', '{}', '"x"', '-1', '1e300', '"__proto__":', '"a-0"'],
  share: 0.15,
})
const place = { home: '/b', acceptsLoss: false, mustHold: () => null }
const written = readBrokerSettings('', '', {}).settings

const journals: Decoder[] = [
  {
    name: 'journal',
    seeds: () => [
      journalOf([Buffer.from('one'), Buffer.alloc(0), Buffer.alloc(300, 7)]),
      Buffer.from('MRJRNL1\n'),
    ],
    async decode(bytes) {
      const lines: string[] = []
      const disk = await diskWith([{ path: '/b/journal', bytes }])
      const journal = await Journal.open({
        disk,
        log: loggedTo(lines),
        path: '/b/journal',
        apply: () => true,
        snapshot: () => [],
      })
      await journal.append(Buffer.from('more'))
      await journal.close()
      return lines.join('\n')
    },
    allowed: [Fault],
    share: 0.1,
  },
  jsonEntries(
    'broker.journal',
    [
      { cluster: 'AAAAAAAAAAAAAAAAAAAAAA' },
      { topic: 't', id: 'BBBBBBBBBBBBBBBBBBBBBB', partitions: 3, settings: { 'retention.ms': '5' } },
      { deleted: 't', partitions: 2 },
      { cleared: 't' },
      { producerIds: 3000 },
      { level: 'broker', settings: { 'log.retention.ms': '7' } },
    ],
    async (disk, log) => {
      const found = await findDirectories(disk, ['/b'], false)
      const broker = new BrokerState(false)
      await broker.open({ ...realSystem, disk }, log, found)
      new LiveSettings(written, broker).apply()
      return broker.topics
    },
  ),
  jsonEntries(
    'transactions.journal',
    [
      {
        transactionalId: 'x',
        producerId: 7,
        producerEpoch: 1,
        lastEpoch: -1,
        status: 'Ongoing',
        timeoutMs: 60_000,
        partitions: { t: [0] },
        groups: ['g'],
        startedAt: 17,
        updatedAt: 18,
      },
      { expired: 'x' },
    ],
    async (disk, log) => {
      const journal = new TransactionJournal()
      await journal.open(disk, log, place)
      return journal.all()
    },
  ),
  jsonEntries(
    'scram.journal',
    [
      {
        user: 'u',
        mechanism: 'SCRAM-SHA-256',
        salt: 'AAAA',
        iterations: 4096,
        storedKey: 'AAAA',
        serverKey: 'AAAA',
      },
      { removed: 'u', mechanism: 'SCRAM-SHA-256' },
    ],
    async (disk, log) => {
      const users = new ScramCredentials()
      await users.open(disk, log, place)
      users.list()
      return users.get('u', 'SCRAM-SHA-256')
    },
  ),
]

const stampedBatch = (baseOffset: number, bytes: Buffer): Buffer => {
  bytes.writeBigInt64BE(BigInt(baseOffset), 0)
  return bytes
}
const batches = (): Buffer =>
  Buffer.concat([
    stampedBatch(0, writeRecords([{ timestamp: 17, key: null, value: Buffer.from('a') }])),
    stampedBatch(
      1,
      writeRecords([{ timestamp: 18, key: Buffer.from('k'), value: Buffer.from('b') }], {
        identity: { producerId: 7, producerEpoch: 0, baseSequence: 0, isTransactional: true },
      }),
    ),
    stampedBatch(
      2,
      encodeMarker({ producerId: 7, producerEpoch: 0, committed: false, coordinatorEpoch: 0 }, 19),
    ),
  ])
const positions = (): Buffer =>
  stampedBatch(
    0,
    writeRecords([
      {
        timestamp: 17,
        key: offsetCommitKey.encode(1, { group: 'g', topic: 't', partition: 3 }),
        value: offsetCommitValue.encode(3, { offset: 5, leaderEpoch: 0, metadata: 'm', commitTimestamp: 17 }),
      },
    ]),
  )
const logCheckpoint = {
  version: 1,
  startOffset: 0,
  full: [[0, 10, 17]],
  tail: { base: 0, position: 0, nextOffset: 0, maxTimestamp: null },
  producers: [[7, 0, 17, [[0, 0, 1, 1]], -1, -1]],
  aborted: [[7, 1, 2]],
  cleanedTo: 0,
}

/** What a partition says of records that it cannot read, or has not. */
function allowed(error: unknown): void {
  if (!(error instanceof FormatError || error instanceof OffsetOutOfRange)) throw error
}

async function readPartition(files: readonly { path: string; bytes: Buffer }[]): Promise<string> {
  const lines: string[] = []
  const disk = await diskWith(files)
  const log = await openPartitionLog(
    {
      system: { ...realSystem, disk },
      log: loggedTo(lines),
      name: 't-0',
      directory: '/t-0',
      settings: { ...written.log, segmentBytes: 1_000_000, segmentMs: 3_600_000, retentionMs: -1 },
    },
    { isKnown: true },
  )
  try {
    for (const offset of [log.startOffset, log.startOffset + 1, log.nextOffset])
      await log.read(offset, 100, true).catch(allowed)
    await log.offsetOfTime(18).catch(allowed)
    await log.compact(1_000_000).catch(allowed)
    await new OffsetStore(
      () => Promise.resolve(log),
      () => 17,
    )
      .open(log)
      .catch(allowed)
    await log.append(writeRecords([{ timestamp: 20, key: null, value: null }])).durable
  } finally {
    await log.close()
  }
  return lines.join('\n')
}
const name = '/t-0/00000000000000000000'

const summed = (json: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`${crc32(json).toString(16).padStart(8, '0')} `), json])

const logs: Decoder[] = [
  {
    name: 'segment of a partition',
    seeds: () => [batches(), positions(), Buffer.concat([batches(), Buffer.alloc(100)])],
    change: sealed,
    decode: bytes => readPartition([{ path: `${name}.log`, bytes }]),
    // It opens the partition, in many turns.
    mostMs: 500,
    allowed: [Fault, FormatError],
    share: 0.04,
  },
  {
    // One that is full is believed as its checkpoint says, and read when somebody asks for it.
    name: 'full segment of a partition',
    seeds: () => [batches(), positions()],
    decode(bytes) {
      const next = 1000
      const full = [[0, bytes.length, 19]]
      const tail = { base: next, position: 0, nextOffset: next, maxTimestamp: null }
      return readPartition([
        { path: `${name}.log`, bytes },
        { path: '/t-0/00000000000000001000.log', bytes: Buffer.alloc(0) },
        {
          path: '/t-0/checkpoint',
          bytes: summed(Buffer.from(JSON.stringify({ ...logCheckpoint, full, tail }))),
        },
      ])
    },
    allowed: [Fault, FormatError],
    share: 0.04,
  },
  {
    name: 'checkpoint of a partition',
    seeds: () => [Buffer.from(JSON.stringify(logCheckpoint))],
    decode(bytes) {
      return readPartition([
        { path: `${name}.log`, bytes: batches() },
        { path: '/t-0/checkpoint', bytes: summed(bytes) },
      ])
    },
    allowed: [Fault, FormatError],
    words: ['null', '[]', '{}', '"x"', '-1', '1e300'],
    share: 0.04,
  },
  {
    name: 'index of a partition',
    seeds() {
      const entry = Buffer.alloc(28)
      entry.writeDoubleLE(1, 0)
      entry.writeDoubleLE(70, 8)
      entry.writeDoubleLE(17, 16)
      return [entry, Buffer.concat([Buffer.alloc(28), entry])]
    },
    change(bytes) {
      const copy = Buffer.from(bytes)
      for (let at = 0; at + 28 <= copy.length; at += 28)
        copy.writeUInt32LE(crc32(copy.subarray(at, at + 24)), at + 24)
      return copy
    },
    decode(bytes) {
      const checkpoint = {
        ...logCheckpoint,
        full: [],
        tail: { ...logCheckpoint.tail, position: 70, nextOffset: 1 },
      }
      return readPartition([
        { path: `${name}.log`, bytes: batches() },
        { path: `${name}.index`, bytes },
        { path: '/t-0/checkpoint', bytes: summed(Buffer.from(JSON.stringify(checkpoint))) },
      ])
    },
    allowed: [Fault, FormatError],
    share: 0.04,
  },
]

export const fileDecoders: readonly Decoder[] = [...channels, ...flume, ...journals, ...logs]
