// Flume's checkpoint: which events were inside at one moment, by where they were put. Read only where the
// logs alone do not say it: with several data directories, a log that tells of takes may be deleted before
// the log with the puts.
//
//   checkpoint        big-endian numbers of 8 bytes: 0 version (3), 1 write order id, 4 whether it was being
//                     written; from 1029 on the ring of pointers
//   checkpoint.meta   head and length of the ring, and the write order id again
//   inflighttakes     MD5 of the rest, then for each open transaction of takes its id, how many, and pointers
//
// A pointer is the id of a log, 4 bytes, and the position of a put in it, 4 bytes.
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { readWhole } from '../../../storage/atomic-file.ts'
import type { Disk } from '../../../system/disk.ts'
import { GrowingNumbers } from './growing-numbers.ts'
import { readCheckpointMetadata } from './metadata.ts'

export interface FlumeCheckpoint {
  /** All records with a higher write order id came after it. */
  readonly order: number
  /** Positions of the events inside, those of open takes included, by log; ascending. */
  readonly inside: ReadonlyMap<number, Uint32Array>
  readonly logs: readonly number[]
}

const slotBytes = 8
const ringSlot = 1029
const slotsAtOnce = 128 * 1024
const checksumBytes = 16

/** `problem` says why there is none that could be used. */
export type ReadCheckpoint = FlumeCheckpoint | { readonly problem: string }

export async function readFlumeCheckpoint(disk: Disk, directory: string): Promise<ReadCheckpoint> {
  const path = join(directory, 'checkpoint')
  const metadata = await readCheckpointMetadata(disk, directory)
  if (metadata === null) return { problem: `${path}.meta is missing or cannot be read` }
  if (!(await disk.exists(path))) return { problem: `${path} is missing` }
  const file = await disk.open(path, 'read')
  const inside = new Map<number, GrowingNumbers<Uint32Array>>()
  const add = (id: number, at: number): void => {
    let positions = inside.get(id)
    if (positions === undefined) inside.set(id, (positions = GrowingNumbers.uint32()))
    positions.push(at)
  }
  try {
    const slots = Math.floor((await file.size()) / slotBytes) - ringSlot
    if (slots < 1) return { problem: `${path} is too short` }
    const head = Buffer.alloc(5 * slotBytes)
    await file.read(head, 0)
    const { version, order, queueSize, queueHead } = metadata
    if (Number(head.readBigInt64BE(0)) !== 3 || version !== 3)
      return { problem: `${path} is not of version 3` }
    if (head.readBigInt64BE(4 * slotBytes) !== 0n) return { problem: `${path} was being written` }
    if (Number(head.readBigInt64BE(slotBytes)) !== order)
      return { problem: `${path} and ${path}.meta are not of the same moment` }
    if (queueSize < 0 || queueSize > slots || queueHead < 0 || queueHead >= slots)
      return { problem: `${path}.meta names a queue that does not fit into ${path}` }
    for (let done = 0; done < queueSize;) {
      const from = (queueHead + done) % slots
      const count = Math.min(slotsAtOnce, queueSize - done, slots - from)
      const bytes = Buffer.allocUnsafe(count * slotBytes)
      if ((await file.read(bytes, (ringSlot + from) * slotBytes)) < bytes.length)
        return { problem: `${path} ended while it was read` }
      for (let at = 0; at < bytes.length; at += slotBytes)
        add(bytes.readUInt32BE(at), bytes.readUInt32BE(at + 4))
      done += count
    }
    const problem = await readOpenTakes(disk, join(directory, 'inflighttakes'), add)
    if (problem !== null) return { problem }
    const sorted = new Map<number, Uint32Array>()
    for (const [id, positions] of inside) sorted.set(id, positions.values().sort())
    return { order, inside: sorted, logs: metadata.logs }
  } finally {
    await file.close()
  }
}

/** Gives what is wrong, or null. */
async function readOpenTakes(
  disk: Disk,
  path: string,
  add: (id: number, at: number) => void,
): Promise<string | null> {
  const bytes = await readWhole(disk, path)
  if (bytes === null) return `${path} is missing`
  // Flume leaves the file empty where nothing was open.
  if (bytes.length === 0) return null
  const found: [number, number][] = []
  let at = checksumBytes
  // Zeros end the list.
  while (at + 2 * slotBytes <= bytes.length) {
    if (bytes.readBigInt64BE(at) === 0n) break
    const count = Number(bytes.readBigInt64BE(at + slotBytes))
    const end = at + (2 + count) * slotBytes
    if (count < 0 || end > bytes.length) return `${path} ends inside a transaction`
    for (at += 2 * slotBytes; at < end; at += slotBytes)
      found.push([bytes.readUInt32BE(at), bytes.readUInt32BE(at + 4)])
  }
  if (
    !createHash('md5').update(bytes.subarray(checksumBytes)).digest().equals(bytes.subarray(0, checksumBytes))
  )
    return `${path} fails its checksum`
  for (const [id, position] of found) add(id, position)
  return null
}
