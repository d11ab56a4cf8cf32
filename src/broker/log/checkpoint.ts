// The checkpoint of a partition: what a start need not read again. It is replaced as a whole when a
// segment is full, every so many bytes, and at a clean stop; everything in it can be rebuilt from the
// segments, at the price of reading them.
//
//   file `checkpoint`: crc32 of the rest, 8 hexadecimal digits | blank | JSON
import { crc32 } from 'node:zlib'
import { readWhole, replaceFile } from '../../storage/atomic-file.ts'
import { listOf, nullable, number, object, optional, readJson, tuple, whole } from '../../json-shape.ts'
import type { Disk } from '../../system/disk.ts'
import type { StoredAborted } from './aborted-transactions.ts'
import type { StoredProducer } from './producer-states.ts'

export interface Checkpoint {
  readonly version: 1
  /** First offset that may be read. */
  readonly startOffset: number
  /** Segments before the newest: base offset, bytes, largest timestamp (null: none). */
  readonly full: readonly (readonly [base: number, size: number, maxTimestamp: number | null])[]
  /** Everything before `position` of this segment is accounted for here. */
  readonly tail: {
    readonly base: number
    readonly position: number
    readonly nextOffset: number
    readonly maxTimestamp: number | null
  }
  readonly producers: readonly StoredProducer[]
  /** Absent in checkpoints of brokers without transactions. */
  readonly aborted?: readonly StoredAborted[]
  /** Records below are compacted; absent in checkpoints of brokers without compaction. */
  readonly cleanedTo?: number
}

const checkpointShape = object({
  version: value => value === 1,
  startOffset: whole,
  full: listOf(tuple(whole, whole, nullable(number))),
  tail: object({ base: whole, position: whole, nextOffset: whole, maxTimestamp: nullable(number) }),
  producers: listOf(
    tuple(whole, whole, whole, listOf(tuple(whole, whole, whole, whole)), optional(whole), optional(whole)),
  ),
  aborted: optional(listOf(tuple(whole, whole, whole))),
  cleanedTo: optional(whole),
})

export const checkpointName = 'checkpoint'

export async function writeCheckpoint(disk: Disk, path: string, checkpoint: Checkpoint): Promise<void> {
  const json = JSON.stringify(checkpoint)
  const sum = crc32(json).toString(16).padStart(8, '0')
  await replaceFile(disk, path, Buffer.from(`${sum} ${json}`))
}

/** Null where there is none, or it is damaged. */
export async function readCheckpoint(disk: Disk, path: string): Promise<Checkpoint | null> {
  const text = (await readWhole(disk, path))?.toString()
  if (text === undefined || text.length < 10) return null
  const json = text.slice(9)
  if (crc32(json).toString(16).padStart(8, '0') !== text.slice(0, 8)) return null
  return readJson<Checkpoint>(json, checkpointShape)
}
