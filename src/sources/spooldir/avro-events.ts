// The AVRO deserializer: the objects of an Avro container, one event each. The body is the object's own encoding; a header
// names the schema. A position is that of the marker before a block, as in Flume: reading is begun again at blocks alone.
import { crc32 } from 'node:zlib'
import { messageOf } from '../../errors.ts'
import { Event } from '../../event.ts'
import { AvroFormatError, AvroReader } from '../../wire/avro/binary.ts'
import {
  markerBytes,
  readContainerHead,
  unknownCodec,
  type ContainerHead,
} from '../../wire/avro/container.ts'
import { skipDatum } from '../../wire/avro/datum.ts'
import { fingerprint } from '../../wire/avro/fingerprint.ts'
import { readAvroSchema, type AvroType } from '../../wire/avro/schema.ts'
import { unpackSnappy } from '../../wire/kafka/snappy.ts'
import type { Clock } from '../../system/clock.ts'
import type { Pace } from '../../system/pace.ts'
import { unpackedPieces } from '../../system/threads.ts'
import { Gathered } from '../gathered.ts'
import type { EventReader } from './event-reader.ts'
import type { FileWindow } from './file-window.ts'
import { UnreadableFile } from './unreadable-file.ts'

/** Of one block, packed and unpacked, and of a head. */
const mostBlockBytes = 128 * 1024 * 1024
const mostHeadBytes = 4 * 1024 * 1024
/** Copied at a time. */
const sliceBytes = 1024 * 1024
/** Behind a block that Snappy has packed: the checksum of what was packed. */
const snappySumBytes = 4
const remedy = 'Move the file away; one that is whole is read under another name.'

export async function avroDeserializer(
  window: FileWindow,
  schemaType: 'HASH' | 'LITERAL',
  pace: Pace,
  time: Pick<Clock, 'isSimulated'>,
): Promise<EventReader> {
  const begin = window.position
  window.goTo(0)
  const head = await headOf(window)
  const schema = head.meta.get('avro.schema')?.toString('utf8') ?? ''
  const reader = broken(window, () => {
    const header: readonly [string, string] =
      schemaType === 'HASH'
        ? ['flume.avro.schema.hash', fingerprint(schema)]
        : ['flume.avro.schema.literal', schema]
    return new ObjectReader(window, head, readAvroSchema(schema), header, pace, time)
  })
  if (begin > 0) await reader.findBlock(begin)
  return reader
}

async function headOf(window: FileWindow): Promise<ContainerHead> {
  for (;;)
    try {
      const reader = new AvroReader(window.bytes)
      const head = readContainerHead(reader)
      window.use(reader.at)
      return head
    } catch (error) {
      if (!window.isEnd && window.bytes.length < mostHeadBytes) await window.more()
      else throw new UnreadableFile(`it is no Avro container: ${messageOf(error)}`, remedy)
    }
}

class ObjectReader implements EventReader {
  readonly #window: FileWindow
  readonly #head: ContainerHead
  readonly #type: AvroType
  readonly #header: readonly [string, string]
  readonly #pace: Pace
  readonly #time: Pick<Clock, 'isSimulated'>
  #block: AvroReader | null = null
  /** Objects of the block that are left. */
  #left = 0
  /** Where the block of the moment, or the next one, begins. */
  #blockBegin: number

  constructor(
    window: FileWindow,
    head: ContainerHead,
    type: AvroType,
    header: readonly [string, string],
    pace: Pace,
    time: Pick<Clock, 'isSimulated'>,
  ) {
    this.#window = window
    this.#head = head
    this.#type = type
    this.#header = header
    this.#pace = pace
    this.#time = time
    this.#blockBegin = window.position
  }

  get position(): number {
    return Math.max(0, this.#blockBegin - markerBytes)
  }

  /** The first block behind a marker at `from` or later. */
  async findBlock(from: number): Promise<void> {
    const window = this.#window
    window.goTo(from)
    for (;;) {
      const at = window.bytes.indexOf(this.#head.marker)
      if (at !== -1) window.use(at + markerBytes)
      else if (window.isEnd) window.use(window.bytes.length)
      else {
        window.use(Math.max(0, window.bytes.length - markerBytes + 1))
        await window.more()
        continue
      }
      this.#blockBegin = window.position
      return
    }
  }

  next(): Event | null | Promise<Event | null> {
    if (this.#left === 0) return this.#nextBlock()
    return this.#nextObject()
  }

  #nextObject(): Event {
    const block = this.#block!
    const begin = block.at
    try {
      skipDatum(block, this.#type)
    } catch (error) {
      throw new UnreadableFile(
        `an object of the block at byte ${this.#blockBegin} is damaged: ${messageOf(error)}`,
        remedy,
      )
    }
    this.#left--
    const body = Buffer.from(block.bytes.subarray(begin, block.at))
    if (this.#left === 0) {
      this.#block = null
      this.#blockBegin = this.#window.position
    }
    return Event.of(new Map([this.#header]), body)
  }

  async #nextBlock(): Promise<Event | null> {
    const window = this.#window
    for (;;) {
      if (!(await window.has(1))) return null
      await window.has(20)
      const { count, size } = broken(window, () => {
        const reader = new AvroReader(window.bytes)
        const found = { count: reader.readLong(), size: reader.readLong() }
        if (found.count < 0 || found.size < 0) throw reader.broken('a block has a negative size')
        window.use(reader.at)
        return found
      })
      if (size > mostBlockBytes)
        throw new UnreadableFile(
          `the block at byte ${this.#blockBegin} has ${size} bytes, more than the ${mostBlockBytes} that are read`,
          'Write the file with smaller blocks.',
        )
      if (!(await window.has(size + markerBytes)))
        throw new UnreadableFile(`the block at byte ${this.#blockBegin} is cut off`, remedy)
      const data = window.bytes.subarray(0, size)
      try {
        if (!window.bytes.subarray(size, size + markerBytes).equals(this.#head.marker))
          throw new AvroFormatError('a block does not end in the marker')
        this.#block = new AvroReader(await this.#unpacked(data))
      } catch (error) {
        throw damaged(window, error)
      }
      window.use(size + markerBytes)
      this.#left = count
      if (count > 0) return this.#nextObject()
      this.#blockBegin = window.position
    }
  }

  /** In turns of the event loop that stay short. The window moves on: also what was not packed is copied. */
  async #unpacked(data: Buffer): Promise<Buffer> {
    const { codec } = this.#head
    const all = new Gathered()
    let sum = 0
    for await (const piece of this.#pieces(codec, data)) {
      all.add(piece)
      if (codec === 'snappy') sum = crc32(piece, sum)
      if (all.bytes > mostBlockBytes)
        throw new AvroFormatError(`a block unpacks to more than ${mostBlockBytes} bytes`)
      if (this.#pace.isOver) await this.#pace.turn()
    }
    if (codec === 'snappy' && sum !== data.readUInt32BE(data.length - snappySumBytes))
      throw new AvroFormatError('the checksum of a Snappy block is wrong')
    return await this.#pace.run(all.join())
  }

  #pieces(codec: string, data: Buffer): Iterable<Buffer> | AsyncIterable<Buffer> {
    switch (codec) {
      case 'null':
        return slicesOf(data)
      case 'deflate':
      case 'zstandard':
        return unpackedPieces(codec, data, this.#time)
      case 'snappy':
        if (data.length < snappySumBytes) throw new AvroFormatError('a Snappy block is cut off')
        return unpackSnappy(data.subarray(0, -snappySumBytes), mostBlockBytes)
    }
    throw unknownCodec(codec)
  }
}

function* slicesOf(data: Buffer): Generator<Buffer, void> {
  for (let at = 0; at < data.length; at += sliceBytes) yield data.subarray(at, at + sliceBytes)
}

const damaged = (window: FileWindow, error: unknown): UnreadableFile =>
  new UnreadableFile(`it is damaged at byte ${window.position}: ${messageOf(error)}`, remedy)

function broken<T>(window: FileWindow, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw damaged(window, error)
  }
}
