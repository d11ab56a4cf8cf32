// Checkpoint: a small file beside the log that says what the channel knew at one position of it, so that a
// start reads the log from there only, and needs no header of an older segment. It is a help and nothing
// more: without it, or with one that does not fit, the start reads all headers and the newest segment.
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
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { readWhole, replaceFile } from '../../storage/atomic-file.ts'
import type { Clock, Timer } from '../../system/clock.ts'
import type { Disk, DiskFile } from '../../system/disk.ts'
import { readNumber, writeNumber } from './entry.ts'
import type { SegmentEncryption } from './segment-cipher.ts'

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
}

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

  constructor(disk: Disk, directory: string) {
    this.#disk = disk
    this.path = join(directory, checkpointName)
  }

  /** What the newest whole slot says; null where there is none. */
  async read(): Promise<ChannelState | null> {
    const bytes = await readWhole(this.#disk, this.path)
    if (bytes === null) return null
    const slots = slotsIn(bytes)
    const newest = slots.reduce<Slot | null>(
      (best, slot) => (best === null || slot.generation > best.generation ? slot : best),
      null,
    )
    if (newest === null) return null
    this.#generation = newest.generation
    this.#slotBytes = newest.slotBytes
    return stateOf(newest.text)
  }

  /** Resolves when it is durable. After a rejection what was there before still counts. */
  async write(state: ChannelState): Promise<void> {
    const text = Buffer.from(JSON.stringify(state))
    const generation = this.#generation + 1
    if (this.#file === null || headerBytes + text.length > this.#slotBytes) {
      while (headerBytes + text.length > this.#slotBytes) this.#slotBytes *= 2
      await this.close()
      const whole = Buffer.alloc(2 * this.#slotBytes)
      this.#encode(text, generation).copy(whole, (generation % 2) * this.#slotBytes)
      await replaceFile(this.#disk, this.path, whole)
      this.#file = await this.#disk.open(this.path, 'write')
    } else {
      await this.#file.write(this.#encode(text, generation), (generation % 2) * this.#slotBytes)
      await this.#file.sync()
    }
    this.#generation = generation
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

/** Its checksum fits: what does not look like a state is one of another version, and is passed over. */
function stateOf(text: string): ChannelState | null {
  const state = JSON.parse(text) as Partial<ChannelState>
  const isWhole =
    typeof state.channelId === 'string' &&
    [state.segment, state.position, state.nextNumber, state.low].every(Number.isSafeInteger) &&
    Array.isArray(state.gone) &&
    Array.isArray(state.segments)
  return isWhole ? (state as ChannelState) : null
}

export interface CheckpointerParts {
  readonly checkpoint: Checkpoint
  readonly clock: Clock
  readonly intervalMs: number
  /** What is true now; null where it cannot be said at this moment. */
  capture(): ChannelState | null
  onFailed(error: unknown): void
  onWritten(): void
}

/** Writes a checkpoint every interval, where something has changed. */
export class Checkpointer {
  readonly #parts: CheckpointerParts
  #timer: Timer | null = null
  #last = ''
  #writing: Promise<void> = Promise.resolve()

  constructor(parts: CheckpointerParts) {
    this.#parts = parts
    this.#later()
  }

  /** Never rejects: a checkpoint that cannot be written is no reason to stop anything. */
  write(): Promise<void> {
    const state = this.#parts.capture()
    const stand = state === null ? this.#last : `${state.segment} ${state.position}`
    if (state === null || stand === this.#last) return this.#writing
    this.#writing = this.#writing
      .then(() => this.#parts.checkpoint.write(state))
      .then(
        () => {
          this.#last = stand
          this.#parts.onWritten()
        },
        (error: unknown) => this.#parts.onFailed(error),
      )
    return this.#writing
  }

  async close(): Promise<void> {
    this.#timer?.cancel()
    await this.#writing
    await this.#parts.checkpoint.close()
  }

  #later(): void {
    this.#timer = this.#parts.clock.after(
      this.#parts.intervalMs,
      () => void this.write().then(() => this.#later()),
      { background: true },
    )
  }
}
