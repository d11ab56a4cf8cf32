// A file system whose disk stops taking write-back: an ext4 image on a small tmpfs. The blocks under the rest of a
// file are taken out of the image and the tmpfs is filled, so that writes to them reach the page cache and fail
// when they go to the disk, as a failing drive's do. Needs root, loop devices, mkfs.ext4 and filefrag.
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const blockBytes = 4096
const imageMegabytes = 48

const quiet = (program: string, ...words: string[]): string =>
  execFileSync(program, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

const zeros = Buffer.alloc(blockBytes)

export class FailingVolume {
  readonly mounted: string
  readonly #directory: string
  readonly #memory: string
  readonly #image: string
  readonly #mounts: string[] = []
  /** What the disk has where it fails, by position in the image. */
  readonly #before = new Map<number, Buffer>()

  constructor() {
    this.#directory = fs.mkdtempSync(join(tmpdir(), 'millrace-writeback-'))
    this.#memory = join(this.#directory, 'memory')
    this.mounted = join(this.#directory, 'mounted')
    this.#image = join(this.#memory, 'image')
    fs.mkdirSync(this.#memory)
    fs.mkdirSync(this.mounted)
    try {
      quiet('mount', '-t', 'tmpfs', '-o', `size=${imageMegabytes + 1}m`, 'millrace', this.#memory)
      this.#mounts.push(this.#memory)
      quiet('truncate', '-s', `${imageMegabytes}M`, this.#image)
      quiet('mkfs.ext4', '-q', '-F', '-E', 'nodiscard,lazy_itable_init=0', this.#image)
      // All of it has its place: only what is taken out below is missing.
      quiet('fallocate', '-l', `${imageMegabytes}M`, this.#image)
      this.#mount(this.#image)
    } catch (error) {
      this.remove()
      throw error
    }
  }

  #mount(image: string): void {
    quiet('mount', '-o', 'loop', image, this.mounted)
    this.#mounts.push(this.mounted)
  }

  /**
   * From the block on that the next entry begins in, the disk under the file fails. Gives how many bytes do. (That
   * block, too: a loop device takes a write of which only the beginning went through for one that went well.)
   */
  fail(path: string): number {
    quiet('sync', '-f', this.mounted)
    const first = firstUnused(fs.readFileSync(path)) - blockBytes
    const image = fs.openSync(this.#image, 'r')
    for (const position of blocksOf(path, first)) {
      const bytes = Buffer.alloc(blockBytes)
      fs.readSync(image, bytes, 0, blockBytes, position)
      this.#before.set(position, bytes)
    }
    fs.closeSync(image)
    for (const [from, bytes] of runsOf([...this.#before.keys()]))
      quiet('fallocate', '--punch-hole', '-o', String(from), '-l', String(bytes), this.#image)
    const ballast = fs.openSync(join(this.#memory, 'ballast'), 'w')
    try {
      for (;;) fs.writeSync(ballast, zeros)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    } finally {
      fs.closeSync(ballast)
    }
    return this.#before.size * blockBytes
  }

  /** What is on the disk and nothing else, mounted at the same place: no page cache, and the disk is well again. */
  startAgain(): void {
    this.#unmount(this.mounted)
    const copy = join(this.#directory, 'copy')
    // A copy: whoever has begun a mount namespace meanwhile keeps the old one mounted.
    fs.copyFileSync(this.#image, copy)
    const image = fs.openSync(copy, 'r+')
    // What could not be written leaves the block as it was.
    for (const [position, before] of this.#before) {
      const now = Buffer.alloc(blockBytes)
      fs.readSync(image, now, 0, blockBytes, position)
      if (now.equals(zeros)) fs.writeSync(image, before, 0, blockBytes, position)
    }
    fs.closeSync(image)
    this.#mount(copy)
  }

  #unmount(place: string): void {
    quiet('umount', place)
    this.#mounts.splice(this.#mounts.lastIndexOf(place), 1)
  }

  remove(): void {
    for (const place of this.#mounts.splice(0).toReversed()) quiet('umount', '-l', place)
    fs.rmSync(this.#directory, { recursive: true })
  }
}

/** Position of the first block from which on all are alike: the part of a file that was made ready and not used. */
function firstUnused(bytes: Buffer): number {
  const blocks = Math.floor(bytes.length / blockBytes)
  const block = (index: number): Buffer => bytes.subarray(index * blockBytes, (index + 1) * blockBytes)
  let first = blocks
  while (first > 0 && block(first - 1).equals(block(blocks - 1))) first--
  return first * blockBytes
}

/** Positions in the image of the file's blocks from `first` on. */
function blocksOf(path: string, first: number): number[] {
  const positions: number[] = []
  for (const line of quiet('filefrag', '-v', `-b${blockBytes}`, path).split('\n')) {
    const extent = /^ *\d+: +(\d+)\.\. +(\d+): +(\d+)\.\./.exec(line)
    if (extent === null) continue
    const [from, to, physical] = extent.slice(1).map(Number) as [number, number, number]
    for (let at = from; at <= to; at++)
      if (at * blockBytes >= first) positions.push((physical + at - from) * blockBytes)
  }
  return positions
}

/** Where each run of blocks begins, and its bytes. */
function runsOf(positions: number[]): [from: number, bytes: number][] {
  const runs: [number, number][] = []
  for (const at of positions.toSorted((a, b) => a - b)) {
    const last = runs.at(-1)
    if (last !== undefined && last[0] + last[1] === at) last[1] += blockBytes
    else runs.push([at, blockBytes])
  }
  return runs
}

/** Why such a volume cannot be had here; null where it can. */
export function whyNoFailingVolume(): string | null {
  try {
    const volume = new FailingVolume()
    try {
      const path = join(volume.mounted, 'file')
      fs.writeFileSync(path, Buffer.alloc(16 * blockBytes))
      volume.fail(path)
      const file = fs.openSync(path, 'r+')
      try {
        fs.writeSync(file, Buffer.alloc(blockBytes, 'x'))
        fs.fdatasyncSync(file)
      } catch {
        return null
      } finally {
        fs.closeSync(file)
      }
      return 'a write to a block that the disk cannot take was synced without an error'
    } finally {
      volume.remove()
    }
  } catch (error) {
    return String((error as { stderr?: string }).stderr || (error as Error).message).trim()
  }
}
