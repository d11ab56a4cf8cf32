// Rows of one size, sorted into buckets and read back bucket by bucket in the order in which they were added. Full blocks
// go to a file, so that the memory does not depend on the number of rows.
import { closeSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** Bytes of the blocks that are being filled, over all buckets of a spill. */
const openBytes = 8 * 1024 * 1024
const largestBlock = 64 * 1024
export const mostBuckets = 2048

let made = 0

export class Spill {
  readonly #path: string
  readonly #rowBytes: number
  readonly #blockBytes: number
  readonly #open: (Buffer | undefined)[]
  readonly #filled: number[]
  /** Numbers of the blocks of each bucket in the file. */
  readonly #written: number[][]
  #file: number | null = null
  #blocks = 0

  constructor(directory: string, rowBytes: number, buckets: number) {
    this.#path = join(directory, `rows-${made++}`)
    this.#rowBytes = rowBytes
    const rows = Math.max(1, Math.floor(Math.min(largestBlock, openBytes / buckets) / rowBytes))
    this.#blockBytes = rows * rowBytes
    this.#open = Array<undefined>(buckets).fill(undefined)
    this.#filled = Array<number>(buckets).fill(0)
    this.#written = Array.from({ length: buckets }, () => [])
  }

  get buckets(): number {
    return this.#open.length
  }

  /** Copies the row. Throws what the file system throws. */
  add(bucket: number, row: Buffer): void {
    const block = (this.#open[bucket] ??= Buffer.allocUnsafe(this.#blockBytes))
    row.copy(block, this.#filled[bucket]!)
    this.#filled[bucket]! += this.#rowBytes
    if (this.#filled[bucket] === this.#blockBytes) this.#write(bucket, block)
  }

  #write(bucket: number, block: Buffer): void {
    if (this.#file === null) {
      this.#file = openSync(this.#path, 'wx+', 0o600)
      // Nothing stays behind, however the process ends.
      rmSync(this.#path, { force: true })
    }
    writeSync(this.#file, block, 0, block.length, this.#blocks * this.#blockBytes)
    this.#written[bucket]!.push(this.#blocks++)
    this.#filled[bucket] = 0
  }

  count(bucket: number): number {
    return (this.#written[bucket]!.length * this.#blockBytes + this.#filled[bucket]!) / this.#rowBytes
  }

  /** Each is a view that counts until the next one is asked for. */
  *rows(bucket: number): Generator<Buffer> {
    const block = Buffer.allocUnsafe(this.#blockBytes)
    for (const number of this.#written[bucket]!) {
      readSync(this.#file!, block, 0, block.length, number * this.#blockBytes)
      for (let at = 0; at < block.length; at += this.#rowBytes) yield block.subarray(at, at + this.#rowBytes)
    }
    const rest = this.#open[bucket]
    for (let at = 0; at < this.#filled[bucket]!; at += this.#rowBytes)
      yield rest!.subarray(at, at + this.#rowBytes)
  }

  close(): void {
    if (this.#file !== null) closeSync(this.#file)
    this.#file = null
    this.#open.fill(undefined)
    this.#filled.fill(0)
    for (const list of this.#written) list.length = 0
  }
}
