// Checkpoint: a small file beside the log that says what the channel knew at one position of it. A start reads the
// log from there only and needs no header of an older segment; without a checkpoint it reads all headers and the
// newest segment. It also says which segments and data directories there were, so that a start notices what is
// missing since (inventory.ts). For that it is written before a started channel takes its first put, whenever a
// segment is begun, every interval, and at a clean stop.
//
// millrace.checkpoint holds two slots, written in turn, so that a write that never ended leaves the other:
//
//   at  bytes
//    0  4   magic "MRC1"
//    4  4   CRC-32 of bytes 8 to the end of the text
//    8  8   generation: the valid slot with the higher one counts
//   16  4   bytes of a slot; the second begins there
//   20  4   bytes of the text
//   24      text: JSON, see ChannelState
//
// Numbers are little-endian. Where the text outgrows its slot the file is replaced by one with larger slots.
import { dirname, join } from 'node:path'
import { crc32 } from 'node:zlib'
import { messageOf } from '../../errors.ts'
import type { Condition } from '../../observe/conditions.ts'
import type { Logger } from '../../observe/log.ts'
import { readWhole, replaceFile } from '../../storage/atomic-file.ts'
import { flag, listOf, nullable, object, optional, readJson, text, tuple, whole } from '../../json-shape.ts'
import type { Clock, Timer } from '../../system/clock.ts'
import type { Disk, DiskFile } from '../../system/disk.ts'
import { readNumber, writeNumber } from './eight-bytes.ts'
import { directoryShape, type DataDirectory } from './directory-mark.ts'
import type { GoneNumbers } from './number-ranges.ts'
import type { SegmentEncryption } from './segment-cipher.ts'
import type { Segment } from './segment.ts'

export const checkpointName = 'millrace.checkpoint'

/** A segment as its header and the one after it describe it. */
export interface SegmentState {
  readonly id: number
  readonly salt: number
  readonly first: number
  readonly start: number
  /** Where it ends; null for the newest. */
  readonly end: number | null
  /** Absent where it is not encrypted. */
  readonly encryption?: SegmentEncryption
  /** Where it lies, as an index into the state's `directories`. */
  readonly directory?: number
}

/** True at `position` of segment `segment`, all of which was durable before this was written. */
export interface ChannelState {
  readonly channelId: string
  readonly segment: number
  readonly position: number
  /** The bytes 4 to 8 of the last entry before `position` and where it begins; null where there is none. */
  readonly mark: { readonly at: number; readonly crc: number } | null
  readonly nextNumber: number
  readonly low: number
  /** Runs of gone events above `low`: first, end (exclusive). */
  readonly gone: readonly (readonly [first: number, end: number])[]
  readonly segments: readonly SegmentState[]
  /** What follows is absent where the first version of this format was written. */
  readonly directories?: readonly DataDirectory[]
  /** Ids of directories whose loss was accepted. */
  readonly givenUp?: readonly string[]
  /** When it was written, ms since 1970. */
  readonly at?: number
  /** Whether the channel had stopped: nothing was put or taken after it. */
  readonly isStopped?: boolean
}

const stateShape = object({
  channelId: text,
  segment: whole,
  position: whole,
  mark: nullable(object({ at: whole, crc: whole })),
  nextNumber: whole,
  low: whole,
  gone: listOf(tuple(whole, whole)),
  segments: listOf(
    object({
      id: whole,
      salt: whole,
      first: whole,
      start: whole,
      end: nullable(whole),
      encryption: optional(object({ keyAlias: text, random: text, check: text })),
      directory: optional(whole),
    }),
  ),
  directories: optional(listOf(directoryShape)),
  givenUp: optional(listOf(text)),
  at: optional(whole),
  isStopped: optional(flag),
})

const magicNumber = Buffer.from('MRC1', 'latin1').readUInt32LE(0)
const headerBytes = 24
const leastSlotBytes = 16 * 1024

interface Slot {
  readonly generation: number
  readonly slotBytes: number
  readonly text: string
}

export class Checkpoint {
  readonly #disk: Disk
  readonly path: string
  #generation = 0
  #slotBytes = leastSlotBytes
  #file: DiskFile | null = null
  #isThere = false
  #isUnreadable = false

  constructor(disk: Disk, directory: string) {
    this.#disk = disk
    this.path = join(directory, checkpointName)
  }

  /** Whether `read` found the file and no whole slot in it. */
  get isUnreadable(): boolean {
    return this.#isUnreadable
  }

  /** What the newest whole slot says; null where there is none. */
  async read(): Promise<ChannelState | null> {
    const bytes = await readWhole(this.#disk, this.path)
    if (bytes === null) return null
    this.#isUnreadable = true
    const slots = slotsIn(bytes)
    const newest = slots.reduce<Slot | null>(
      (best, slot) => (best === null || slot.generation > best.generation ? slot : best),
      null,
    )
    if (newest === null) return null
    this.#generation = newest.generation
    this.#slotBytes = newest.slotBytes
    this.#isThere = true
    const state = readJson<ChannelState>(newest.text, stateShape)
    this.#isUnreadable = state === null
    return state
  }

  /** Resolves when it is durable. After a rejection what was there before still counts. */
  async write(state: ChannelState): Promise<void> {
    const text = Buffer.from(JSON.stringify(state))
    const generation = this.#generation + 1
    const isThere = this.#isThere && (await this.#isAtPlace())
    if (!isThere || headerBytes + text.length > this.#slotBytes) {
      while (headerBytes + text.length > this.#slotBytes) this.#slotBytes *= 2
      await this.close()
      const whole = Buffer.alloc(2 * this.#slotBytes)
      this.#encode(text, generation).copy(whole, (generation % 2) * this.#slotBytes)
      await replaceFile(this.#disk, this.path, whole)
      this.#isThere = true
    } else {
      // In place: there is room for it on a full disk, too.
      this.#file ??= await this.#disk.open(this.path, 'write')
      await this.#file.write(this.#encode(text, generation), (generation % 2) * this.#slotBytes)
      await this.#file.sync()
    }
    this.#generation = generation
  }

  /** False where the file was removed or renamed from outside. */
  async #isAtPlace(): Promise<boolean> {
    return await (this.#file?.isAt?.(this.path) ?? this.#disk.exists(this.path))
  }

  async close(): Promise<void> {
    const file = this.#file
    this.#file = null
    await file?.close().catch(() => {})
  }

  #encode(text: Buffer, generation: number): Buffer {
    const slot = Buffer.alloc(headerBytes + text.length)
    slot.writeUInt32LE(magicNumber, 0)
    writeNumber(slot, generation, 8)
    slot.writeUInt32LE(this.#slotBytes, 16)
    slot.writeUInt32LE(text.length, 20)
    text.copy(slot, headerBytes)
    slot.writeUInt32LE(crc32(slot.subarray(8)), 4)
    return slot
  }
}

/** The whole slots of the file; the second is looked for where any of the usual sizes would put it. */
function slotsIn(bytes: Buffer): Slot[] {
  const found: Slot[] = []
  const first = slotAt(bytes, 0)
  if (first !== null) found.push(first)
  for (let at = leastSlotBytes; at < bytes.length; at *= 2) {
    const second = slotAt(bytes, at)
    if (second !== null && second.slotBytes === at) found.push(second)
  }
  return found
}

function slotAt(bytes: Buffer, at: number): Slot | null {
  if (at + headerBytes > bytes.length || bytes.readUInt32LE(at) !== magicNumber) return null
  const slotBytes = bytes.readUInt32LE(at + 16)
  const length = bytes.readUInt32LE(at + 20)
  const end = at + headerBytes + length
  if (end > bytes.length || headerBytes + length > slotBytes) return null
  if (crc32(bytes.subarray(at + 8, end)) !== bytes.readUInt32LE(at + 4)) return null
  const text = bytes.toString('utf8', at + headerBytes, end)
  return { generation: readNumber(bytes, at + 8), slotBytes, text }
}

/** Where the log stands, durably. */
export interface Stand {
  readonly segment: Segment
  readonly position: number
  /** The last entry before the position: where it begins, and its bytes 4 to 8. */
  readonly lastEntry: ChannelState['mark']
  readonly nextNumber: number
}

export interface CheckpointerParts {
  readonly checkpoint: Checkpoint
  readonly clock: Clock
  readonly intervalMs: number
  /** As they are whenever a checkpoint is written. */
  readonly gone: GoneNumbers
  readonly segments: readonly Segment[]
  readonly directories: readonly DataDirectory[]
  readonly givenUp: readonly string[]
  /** Null where it cannot be said at this moment. */
  stand(): Stand | null
  readonly log: Logger
  /** Raised while it cannot be written. */
  readonly condition: Condition
  onFailed(): void
}

/** Writes a checkpoint every interval and when it is asked to, where something has changed. */
export class Checkpointer {
  readonly #parts: CheckpointerParts
  #timer: Timer | null = null
  #last = ''
  #writing: Promise<void> = Promise.resolve()
  #isStarted = false

  constructor(parts: CheckpointerParts) {
    this.#parts = parts
  }

  /**
   * Writes the first one of a channel that stands there, before anything is put: where it cannot be written, the one
   * there is would go on to say that nothing was put after it. Rejects with whatever the disk says; no other is
   * written then, and it may be called again.
   */
  async start(stand: Stand): Promise<void> {
    await this.#save(this.#stateAt(stand, false))
    this.#isStarted = true
    this.#later()
  }

  /** Never rejects: a checkpoint that cannot be written is no reason to stop anything. */
  write({ isStopped = false, always = false } = {}): Promise<void> {
    const stand = this.#parts.stand()
    const text = stand === null ? this.#last : `${stand.segment.id} ${stand.position} ${isStopped}`
    if (stand === null || !this.#isStarted || (text === this.#last && !always)) return this.#writing
    const state = this.#stateAt(stand, isStopped)
    this.#writing = this.#writing.then(() => this.#write(state, text))
    return this.#writing
  }

  async #write(state: ChannelState, text: string): Promise<void> {
    const { checkpoint, condition, onFailed } = this.#parts
    try {
      await this.#save(state)
      this.#last = text
      condition.clear(`${checkpoint.path} is written again`)
    } catch (error) {
      onFailed()
      const isAway = ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')
      const problem = isAway
        ? `directory ${dirname(checkpoint.path)} was removed or renamed while the channel runs, and no checkpoint can be written`
        : `${checkpoint.path} cannot be written: ${messageOf(error)}`
      const remedy = `${isAway ? 'Put it back, or create it: the agent retries until it is there. ' : ''}Without a checkpoint the next start takes longer, and may not notice that segments are missing.`
      condition.raise(problem, { remedy })
    }
  }

  async #save(state: ChannelState): Promise<void> {
    const { checkpoint, log } = this.#parts
    await checkpoint.write(state)
    log.debug(`checkpoint written at position ${state.position} of segment ${state.segment}`)
  }

  async close(): Promise<void> {
    this.#timer?.cancel()
    await this.#writing
    await this.#parts.checkpoint.close()
  }

  #stateAt({ segment, position, lastEntry, nextNumber }: Stand, isStopped: boolean): ChannelState {
    const { gone, segments, directories, givenUp, clock } = this.#parts
    return {
      channelId: segment.channelId,
      segment: segment.id,
      position,
      mark: lastEntry,
      nextNumber,
      low: gone.low,
      gone: gone.ranges.map(({ first, end }) => [first, end]),
      segments: segments.map(({ id, salt, first, start, end, encryption, directory }) => ({
        id,
        salt,
        first,
        start,
        end: end === Infinity ? null : end,
        ...(encryption !== null && { encryption }),
        directory: directories.findIndex(({ path }) => path === directory),
      })),
      directories,
      givenUp,
      at: clock.now(),
      isStopped,
    }
  }

  #later(): void {
    this.#timer = this.#parts.clock.after(
      this.#parts.intervalMs,
      () => void this.write().then(() => this.#later()),
      { background: true },
    )
  }
}
