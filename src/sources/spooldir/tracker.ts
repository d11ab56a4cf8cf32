// How far the file of the moment has been read, in Flume's own form (DurablePositionTracker), so that either goes on where
// the other has stopped: an Avro container whose head names the file (`file`) and whose last object is the position.
//
//   record org.apache.flume.serialization.TransferStateFileMeta { long offset }, a block for each position
//
// `millrace.identity` beside it tells the file from another that has taken its name; Flume neither reads nor writes it.
import { join, resolve } from 'node:path'
import { AvroFormatError, AvroReader, longSize, writeLong } from '../../wire/avro/binary.ts'
import { containerBlock, containerHead, readContainerHead } from '../../wire/avro/container.ts'
import { readWhole } from '../../storage/atomic-file.ts'
import type { Disk, DiskFile, FileState } from '../../system/disk.ts'
import type { Random } from '../../system/random.ts'

export const trackerName = '.flumespool-main.meta'

const schema = JSON.stringify({
  type: 'record',
  name: 'TransferStateFileMeta',
  namespace: 'org.apache.flume.serialization',
  fields: [{ name: 'offset', type: 'long' }],
})

/** Survives a rename, and is another for a file that is made in the inode of one that was removed. */
export const identityOf = ({ identity, bornMs }: FileState): string => `${identity}:${bornMs}`

export interface NotedPosition {
  readonly file: string
  /** Null where Flume wrote it. */
  readonly identity: string | null
  readonly position: number
}

/** What the tracker says; null where there is none, or where a crash has left no whole head of it. */
export async function readTracker(disk: Disk, directory: string): Promise<NotedPosition | null> {
  const bytes = await readWhole(disk, join(directory, trackerName))
  if (bytes === null) return null
  const reader = new AvroReader(bytes)
  let position = 0
  try {
    const { meta } = readContainerHead(reader)
    const file = meta.get('file')?.toString('utf8')
    if (file === undefined) return null
    const noted = { file: resolve(file), identity: meta.get('millrace.identity')?.toString('utf8') ?? null }
    try {
      while (reader.at < bytes.length) {
        const count = reader.readLong()
        const block = new AvroReader(reader.readBytes())
        reader.readFixed(16)
        for (let index = 0; index < count; index++) position = block.readLong()
      }
    } catch (error) {
      // The last block was being written when the power failed: the position before it counts.
      if (!(error instanceof AvroFormatError)) throw error
    }
    return { ...noted, position: Math.max(0, position) }
  } catch (error) {
    if (error instanceof AvroFormatError) return null
    throw error
  }
}

/** Of one file, open while that is read. */
export class Tracker {
  readonly #file: DiskFile
  readonly #marker: Buffer
  #end: number

  private constructor(file: DiskFile, marker: Buffer, end: number) {
    this.#file = file
    this.#marker = marker
    this.#end = end
  }

  /** In place of the one before, as a whole: a kill leaves one of both. */
  static async begin(
    { disk, random }: { readonly disk: Disk; readonly random: Random },
    directory: string,
    { file, identity, position }: NotedPosition,
  ): Promise<Tracker> {
    const path = join(directory, trackerName)
    const fresh = `${path}.new`
    const marker = random.bytes(16)
    const meta = { 'avro.schema': schema, file, ...(identity !== null && { 'millrace.identity': identity }) }
    const bytes = Buffer.concat([containerHead(meta, marker), blockOf(position, marker)])
    if (await disk.exists(fresh)) await disk.remove(fresh)
    const opened = await disk.open(fresh, 'create', true)
    try {
      await opened.write(bytes, 0)
      await disk.rename(fresh, path)
    } catch (error) {
      await opened.close()
      throw error
    }
    return new Tracker(opened, marker, bytes.length)
  }

  async store(position: number): Promise<void> {
    const block = blockOf(position, this.#marker)
    // A write that failed half way is written over.
    await this.#file.write(block, this.#end)
    this.#end += block.length
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}

/** The file that it was about is done. */
export async function removeTracker(disk: Disk, directory: string): Promise<void> {
  const path = join(directory, trackerName)
  if (await disk.exists(path)) await disk.remove(path)
}

function blockOf(position: number, marker: Buffer): Buffer {
  const data = Buffer.alloc(longSize(position))
  writeLong(data, 0, position)
  return containerBlock(1, data, marker)
}
