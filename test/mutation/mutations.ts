// The list of planted faults: each takes away one sync, one checksum, one order of steps or one check that keeps
// events on disk, and names the tests that must then fail. run.ts plants them one at a time.

export interface Mutation {
  readonly name: string
  readonly file: string
  /** Stands exactly once in the file. */
  readonly from: string
  readonly to: string
  readonly tests: readonly string[]
  /** Seeds that a simulation among them runs; 3,000 where absent. */
  readonly seeds?: number
}

const simulation = 'test/simulation/file-channel.test.ts'
const starts = 'test/simulation/file-channel-starts.test.ts'
const damage = 'test/simulation/file-channel-damage.test.ts'
const unit = 'src/channels/file/file-channel.test.ts'
const takeover = 'test/simulation/flume-takeover.test.ts'
const failing = 'test/simulation/file-channel-failing.test.ts'
const power = 'test/faults/power-cut.test.ts'
const tools = 'test/channel-tools.test.ts'
const encryption = 'src/channels/file/encryption.test.ts'
const missing = 'src/channels/file/missing-state.test.ts'
const broker = 'test/broker/missing-state.test.ts'

const cipher = 'src/channels/file/segment-cipher.ts'
const log = 'src/channels/file/log.ts'
const store = 'src/channels/file/segment-store.ts'
const recovery = 'src/channels/file/recovery.ts'
const reader = 'src/channels/file/entry-reader.ts'
const entry = 'src/channels/file/entry.ts'
const segment = 'src/channels/file/segment.ts'
const channel = 'src/channels/file/file-channel.ts'
const checkpoint = 'src/channels/file/checkpoint.ts'
const partition = 'src/broker/log/recovery.ts'
const inventory = 'src/channels/file/inventory.ts'
const mark = 'src/channels/file/directory-mark.ts'
const atomic = 'src/storage/atomic-file.ts'
const directory = 'src/storage/directory.ts'
const disk = 'src/system/disk.ts'

export const mutations: readonly Mutation[] = [
  {
    name: 'a group is written and not synced',
    file: log,
    from: 'return await this.#file.writeDurably(buffers, this.#written)',
    to: 'return await this.#file.writeAll(buffers, this.#written)',
    tests: [starts, simulation],
  },
  {
    name: 'a group is acknowledged before its sync ends',
    file: log,
    from: 'if (buffers !== null && syncEachGroup) await this.#writeDurably(buffers)',
    to: 'if (buffers !== null && syncEachGroup) void this.#writeDurably(buffers).catch(() => {})',
    tests: [starts, simulation],
  },
  {
    name: 'a failed sync is retried, and believed',
    file: log,
    from: 'return await this.#file.writeDurably(buffers, this.#written)',
    to: 'return await this.#file.writeDurably(buffers, this.#written).catch(() => this.#file.sync())',
    tests: [simulation],
  },
  {
    name: 'after a failed sync the log goes on in the same segment',
    file: log,
    from: 'await this.#roll(0, { fresh: true, needed: true })',
    to: 'await Promise.resolve()',
    tests: [simulation],
  },
  {
    name: 'after a failed sync the segment is cut at what was written, not at what was synced',
    file: log,
    from: 'previousEnd: this.visibleEnd,',
    to: 'previousEnd: this.#size,',
    tests: [simulation],
  },
  {
    name: 'what is refused is refused before the log is cut',
    file: log,
    from: '    if (!again)\n      try {',
    to: '    this.#refuse(fault)\n    if (!again)\n      try {',
    tests: [simulation],
  },
  {
    name: 'a second failure within a minute is taken for the first',
    file: log,
    from: 'const again = now - this.#failedAt < secondFailureMs',
    to: 'const again = false',
    tests: [failing],
  },
  {
    name: 'a segment is left without a sync where groups are not synced one by one',
    file: log,
    from: 'if (this.#written > this.#durable && !how.fresh) {\n      await this.#file.sync()',
    to: 'if (this.#written > this.#durable && !how.fresh) {',
    tests: [simulation],
  },
  {
    name: 'a clean stop does not sync what was only written',
    file: log,
    from: `if (this.#written > this.#durable) await this.#file.sync()
    this.#durable = this.#written
    if (this.#written + entryHeaderBytes > this.#size) return
    const entry = this.#placed(encodeStop(), this.#written, this.#nextNumber)
    await this.#file.write(entry, this.#written)
    await this.#file.sync()`,
    to: `this.#durable = this.#written
    if (this.#written + entryHeaderBytes > this.#size) return
    const entry = this.#placed(encodeStop(), this.#written, this.#nextNumber)
    await this.#file.write(entry, this.#written)`,
    tests: [simulation],
  },
  {
    name: 'an entry claims that itself is durable',
    file: log,
    from: 'placeEntry(entry, { segmentId, salt, position, durable: this.#durable, first }, cipher)',
    to: 'placeEntry(entry, { segmentId, salt, position, durable: position + entry.length, first }, cipher)',
    tests: [simulation],
  },
  {
    name: "a new segment's header is not synced before it gets its name",
    file: store,
    from: 'await file.writeAll([bytes, ...entries], 0)\n      await file.sync()',
    to: 'await file.writeAll([bytes, ...entries], 0)',
    tests: [starts, simulation],
  },
  {
    name: "a new segment's name is not synced",
    file: store,
    from: 'await disk.rename(spare.path, path)\n      await disk.syncDirectory(home)',
    to: 'await disk.rename(spare.path, path)',
    tests: [starts, simulation],
  },
  {
    name: 'a new segment gets its name before it is written',
    file: store,
    from: 'await file.writeAll([bytes, ...entries], 0)\n      await file.sync()\n      const home = dirname(spare.path)\n      const path = join(home, segmentName(header.id))\n      await disk.rename(spare.path, path)',
    to: 'const home = dirname(spare.path)\n      const path = join(home, segmentName(header.id))\n      await disk.rename(spare.path, path)\n      await file.writeAll([bytes, ...entries], 0)\n      await file.sync()',
    tests: [starts, simulation],
  },
  {
    name: 'an emptied segment is used again before its old name is durably gone',
    file: store,
    from: '      // Before it is written again: its old name must never show new content.\n      await disk.syncDirectory(segment.directory)\n',
    to: '',
    tests: [starts],
  },
  {
    name: 'a damaged segment is not copied aside',
    file: store,
    from: 'if (!(await disk.exists(copy))) await copyFile(disk, segment.path, copy)',
    to: 'await Promise.resolve()',
    tests: [damage, unit],
  },
  {
    name: 'directories are left out of the lock',
    file: store,
    from: 'this.#locks.set(directory, await disk.lockDirectory(directory, `agent ${agent}, channel ${channel}`))',
    to: 'void agent',
    tests: [unit],
  },
  {
    name: 'the tail that nothing names as durable is dropped',
    file: recovery,
    from: 'entries.filter(one => one.position >= durable && one.position < end)',
    to: 'entries.filter(() => false)',
    tests: [starts, simulation],
  },
  {
    name: 'the tail is believed where it stands and not written again',
    file: recovery,
    from: '  newest.end = durable\n',
    to: '  newest.end = end\n  tailFirst = null\n  entries.length = 0\n',
    tests: [starts, simulation],
  },
  {
    name: 'a segment ends where its bytes end, not where its successor says',
    file: recovery,
    from: 'if (before?.id === id - 1) before.end = header.previousEnd',
    to: 'if (before?.id === id - 1) before.end = Infinity',
    tests: [simulation],
  },
  {
    name: 'an unfinished write is taken for damage',
    file: recovery,
    from: 'const torn = damages.find(damage => damage.from >= durable)',
    to: 'const torn = damages.find(() => false) ?? damages.at(-1)',
    tests: [simulation, damage],
  },
  {
    name: 'damage before what is known to be durable is taken for an unfinished write',
    file: recovery,
    from: 'durable = Math.max(durable, header.durable)',
    to: 'durable = from',
    tests: [damage, unit, starts, simulation],
  },
  {
    name: 'takes in the newest segment are forgotten',
    file: recovery,
    from: 'for (const range of ranges) gone.add(range)',
    to: 'void ranges',
    tests: [starts, simulation],
  },
  {
    name: 'a checkpoint of another log is believed',
    file: recovery,
    from: 'return isRead && bytes.readUInt32LE(4) === state.mark.crc',
    to: 'return isRead',
    tests: [damage],
  },
  {
    name: "a checkpoint's checksum is not looked at",
    file: checkpoint,
    from: 'if (crc32(bytes.subarray(at + 8, end)) !== bytes.readUInt32LE(at + 4)) return null',
    to: '',
    tests: [damage],
  },
  {
    name: "a payload's checksum is not looked at",
    file: reader,
    from: 'if (payload.length !== header.payloadBytes || crc32(payload) !== header.payloadCrc)',
    to: 'if (payload.length !== header.payloadBytes)',
    tests: [damage, simulation],
  },
  {
    name: 'reading ends at the first damage',
    file: reader,
    from: 'for (let position = from + 8; position < Math.min(this.#end, this.#fileEnd);) {',
    to: 'for (let position = this.#end; position < Math.min(this.#end, this.#fileEnd);) {',
    tests: [damage, unit],
  },
  {
    name: "an entry header's checksum is not looked at",
    file: entry,
    from: 'if (crc32(bytes.subarray(at + 8, at + entryHeaderBytes), segment.salt) !== bytes.readUInt32LE(at + 4))\n    return null',
    to: 'void segment.salt',
    tests: [damage, simulation],
  },
  {
    name: 'an entry of another segment passes',
    file: entry,
    from: 'if (readNumber(bytes, at + 24) !== segment.id || readNumber(bytes, at + 32) !== position) return null\n  if (crc32(bytes.subarray(at + 8, at + entryHeaderBytes), segment.salt)',
    to: 'if (crc32(bytes.subarray(at + 8, at + entryHeaderBytes), 0)',
    tests: [damage, simulation],
  },
  {
    name: "a segment header's checksum is not looked at",
    file: segment,
    from: 'if (crc32(bytes.subarray(8)) !== bytes.readUInt32LE(4))\n    return { problem: "its header\'s checksum does not fit" }',
    to: '',
    tests: [damage, unit],
  },
  {
    name: 'the second copy of a segment header is not read',
    file: segment,
    from: 'for (let at = block; at <= mostCopyAt; at += block) {',
    to: 'for (let at = mostCopyAt + 1; at <= mostCopyAt; at += block) {',
    tests: [damage, unit],
  },
  {
    name: 'segments go while an event inside is in them',
    file: channel,
    from: 'segments[1]!.first <= gone.low',
    to: 'segments[1]!.first <= gone.low + 3',
    tests: [simulation],
  },
  {
    name: 'a commit is acknowledged before the note of it is in the log',
    file: channel,
    from: 'open.log.take({ first, end: first + events.length }, resolve, fault => {',
    to: 'open.log.take((resolve(), { first, end: first + events.length }), () => {}, fault => {',
    tests: [simulation],
  },
  {
    name: 'a replaced file is not synced before it gets its name',
    file: atomic,
    from: '    await file.write(bytes, 0)\n    await file.sync()',
    to: '    await file.write(bytes, 0)',
    tests: [takeover],
  },
  {
    name: "a replaced file's name is not synced",
    file: atomic,
    from: '    await disk.rename(fresh, path)\n    await disk.syncDirectory(dirname(path))',
    to: '    await disk.rename(fresh, path)',
    tests: ['test/simulation/partition-log.test.ts', 'test/broker/offsets-topic.test.ts'],
  },
  {
    name: "a new directory's own name is not synced",
    file: directory,
    from: 'await disk.syncDirectory(dirname(at)).catch(() => {})',
    to: 'await Promise.resolve()',
    tests: [starts, simulation],
  },
  {
    name: 'the writes that should be synced by themselves are not (O_DSYNC)',
    file: disk,
    from: 'constants.O_RDWR | constants.O_DSYNC',
    to: 'constants.O_RDWR',
    tests: [power],
  },
  {
    name: "a segment's header is written through a sync that does nothing (fdatasync)",
    file: disk,
    from: 'fs.fdatasync(this.#fd, error => (error === null ? resolve() : reject(this.#named(error)))),',
    to: 'fs.fstat(this.#fd, error => (error === null ? resolve() : reject(this.#named(error)))),',
    tests: [power],
  },
  {
    name: 'repair leaves out what follows damage',
    file: 'src/channels/file/tools/examine.ts',
    from: "message: 'changed after it was encrypted', lost: [] })\n          continue",
    to: "message: 'changed after it was encrypted', lost: [] })\n          break",
    tests: [tools],
  },
  {
    name: 'segments go before the notes of their takes are synced, where groups are not synced one by one',
    file: channel,
    from: 'if (open === null || open.log.stand === null) return',
    to: 'if (open === null) return',
    tests: [starts],
  },
  {
    name: 'puts of an encrypted segment are written as plain text',
    file: log,
    from: 'durable: this.#durable, first }, cipher)',
    to: 'durable: this.#durable, first }, null)',
    tests: [encryption],
  },
  {
    name: 'the tail goes into an encrypted segment as plain text',
    file: 'src/channels/file/log-start.ts',
    from: 'placeEntry(entry, place, cipher)',
    to: 'placeEntry(entry, place, null)',
    tests: [simulation],
  },
  {
    name: 'all puts of a segment are encrypted under the same counter',
    file: cipher,
    from: 'block.writeBigUInt64BE(BigInt(position), 0)',
    to: 'block.writeBigUInt64BE(0n, 0)',
    tests: [encryption],
  },
  {
    name: 'segments share their random bytes',
    file: cipher,
    from: 'const random = this.#random.bytes(randomBytes)',
    to: 'const random = Buffer.alloc(randomBytes)',
    tests: [encryption],
  },
  {
    name: 'another key of the same name is not noticed',
    file: cipher,
    from: 'if (derived.check !== check)',
    to: 'if (derived.check === null)',
    tests: [encryption],
  },
  {
    name: 'what was changed after it was encrypted is not noticed',
    file: cipher,
    from: '      cipher.final()\n    } catch',
    to: '    } catch',
    tests: [encryption],
  },
  {
    name: 'the header of an entry is not authenticated',
    file: cipher,
    from: 'return Buffer.concat([header.subarray(8, 16), header.subarray(20)])',
    to: 'return header.subarray(8, 8)',
    tests: [encryption],
  },
  {
    name: 'a data directory that is not there keeps nothing from opening',
    file: inventory,
    from: 'if (isWhole && (absent.length === 0 || isLast)) return',
    to: 'if (isWhole) return',
    tests: [missing],
  },
  {
    name: 'events of segments that are not there count as taken',
    file: recovery,
    from: 'if (events === 0) return false',
    to: 'if (events >= 0) return false',
    tests: [missing],
  },
  {
    name: 'what may have been put into the newest segment after the checkpoint is not thought of',
    file: recovery,
    from: 'if (!isMissing && isLast && told?.isStopped !== true)',
    to: 'if (!isMissing && isLast && told?.isStopped === undefined)',
    tests: [missing],
  },
  {
    name: 'the checkpoint of a clean stop stays while the channel runs again',
    file: checkpoint,
    from: 'await this.#save(this.#stateAt(stand, false))',
    to: 'await Promise.resolve(stand)',
    tests: [missing],
  },
  {
    name: 'a new segment is not in the checkpoint until the next interval',
    file: channel,
    from: '        void checkpointer.write()\n',
    to: '',
    tests: [missing],
  },
  {
    name: 'the marks of data directories do not name the others',
    file: mark,
    from: 'const mark: DirectoryMark = { version: 1, channel, id, directories: there, givenUp }',
    to: 'const mark: DirectoryMark = { version: 1, channel, id, directories: [{ id, path }], givenUp }',
    tests: [missing],
  },
  {
    name: 'a partition of which nothing is left begins empty',
    file: partition,
    from: '    if (isKnown)\n      miss(',
    to: '    if (!isKnown)\n      miss(',
    tests: [broker],
  },
  {
    name: 'a segment that the checkpoint of a partition names is not missed',
    file: partition,
    from: 'const lost = gone.filter(base => base > bases[0]!)',
    to: 'const lost = gone.filter(base => base < bases[0]!)',
    tests: [broker],
  },
  {
    name: 'offsets of records that are given up are given out again',
    file: partition,
    from: 'const end = Math.max(nextOffset, checkpoint?.tail.nextOffset ?? 0)',
    to: 'const end = nextOffset',
    tests: [broker],
  },
]
