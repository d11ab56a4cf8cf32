// A file read forward: what was read and not used yet, and more where that is asked for. Bytes are read up to the size that
// the file had when it was opened.
import type { DiskFile } from '../../system/disk.ts'

const pieceBytes = 65_536

export class FileWindow {
  readonly #file: DiskFile
  #size: number
  #bytes: Buffer = Buffer.alloc(0)
  #position: number

  constructor(file: DiskFile, size: number, position: number) {
    this.#file = file
    this.#size = size
    this.#position = position
  }

  /** A view that lasts until `more`. */
  get bytes(): Buffer {
    return this.#bytes
  }

  /** Of the first of the bytes. */
  get position(): number {
    return this.#position
  }

  get isEnd(): boolean {
    return this.#position + this.#bytes.length >= this.#size
  }

  use(bytes: number): void {
    this.#bytes = this.#bytes.subarray(bytes)
    this.#position += bytes
  }

  goTo(position: number): void {
    this.#bytes = Buffer.alloc(0)
    this.#position = position
  }

  /** Reads on, as much again where much is there. The end is where a file that has become shorter ends. */
  async more(): Promise<void> {
    const from = this.#position + this.#bytes.length
    const room = Math.min(Math.max(pieceBytes, this.#bytes.length), this.#size - from)
    const larger = Buffer.allocUnsafeSlow(this.#bytes.length + room)
    this.#bytes.copy(larger)
    const count = await this.#file.read(larger.subarray(this.#bytes.length), from)
    this.#bytes = larger.subarray(0, this.#bytes.length + count)
    if (count < room) this.#size = from + count
  }

  /** Until so many bytes are there; false where the file ends before. */
  async has(bytes: number): Promise<boolean> {
    while (this.#bytes.length < bytes && !this.isEnd) await this.more()
    return this.#bytes.length >= bytes
  }
}
