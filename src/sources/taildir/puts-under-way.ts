// Puts of lines that the channels have not yet taken, in their order: the position of a file advances over those at the
// front that were taken, so that none before it is missing.
import type { TailedFile } from './tailed-file.ts'

/** Bytes that may be under way at once; one put may have more. */
const mostBytes = 4 * 1024 * 1024

interface Put {
  readonly file: TailedFile
  /** Where in the file what follows its lines begins. */
  readonly end: number
  readonly mark: Buffer
  readonly bytes: number
  /** Never rejects. */
  readonly settled: Promise<void>
  isTaken: boolean
}

export class PutsUnderWay {
  /** Puts that may be under way at once. */
  static readonly most = 64
  readonly #puts: Put[] = []
  #bytes = 0
  readonly #ends = new Map<TailedFile, number>()
  /** What the first that failed was rejected with; those behind it do not count. */
  failure: unknown = null

  get count(): number {
    return this.#puts.length
  }

  get hasRoom(): boolean {
    return this.#bytes < mostBytes
  }

  /** Settled when the first has. */
  get first(): Promise<void> {
    return this.#puts[0]!.settled
  }

  add(file: TailedFile, end: number, mark: Buffer, work: Promise<void>, taken: () => void): void {
    const bytes = end - (this.#ends.get(file) ?? file.position)
    this.#ends.set(file, end)
    this.#bytes += bytes
    const put: Put = {
      file,
      end,
      mark,
      bytes,
      isTaken: false,
      settled: work.then(
        () => {
          put.isTaken = true
          taken()
        },
        (error: unknown) => {
          this.failure ??= error
        },
      ),
    }
    this.#puts.push(put)
  }

  /** Resolves when nothing is under way any more. */
  async allSettled(): Promise<void> {
    await Promise.all(this.#puts.map(put => put.settled))
  }

  /** Gives up what is left behind a failure: their files are read again from their positions. */
  rewind(): void {
    for (const { file } of this.#puts) file.rewind()
  }

  /** Advances positions over what was taken; gives how many bytes that were. */
  advance(): number {
    let done = 0
    for (let put = this.#puts[0]; put?.isTaken === true; put = this.#puts[0]) {
      put.file.taken(put.end, put.mark)
      if (this.#ends.get(put.file) === put.end) this.#ends.delete(put.file)
      done += put.bytes
      this.#bytes -= put.bytes
      this.#puts.shift()
    }
    return done
  }
}
