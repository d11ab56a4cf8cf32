// The door to compression that runs in the thread pool: a connection whose bytes are one continuous zlib
// stream in each direction (RFC 1950), flushed with a sync marker after every write, as Flume's Avro RPC
// does with compression-type = deflate. Backpressure holds in both directions, so a small input that
// inflates to much is inflated only as far as somebody reads.
import { Duplex } from 'node:stream'
import { constants, createDeflate, createInflate, type Deflate, type Inflate } from 'node:zlib'

export class DeflatedStream extends Duplex {
  readonly #inner: Duplex
  readonly #level: number
  readonly #inflate: Inflate
  /** Made at the first write: it takes 256 KiB, and many a connection never gets an answer. */
  #deflate: Deflate | null = null

  /** `level` is zlib's, 0 to 9. Ending or destroying the layer ends or destroys `inner`. */
  constructor(inner: Duplex, level = 6) {
    super()
    this.#inner = inner
    this.#level = level
    // Peers that go away do not always write the trailer; what came before it counts all the same.
    this.#inflate = createInflate({ finishFlush: constants.Z_SYNC_FLUSH })
    this.#inflate.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) this.#inflate.pause()
    })
    this.#inflate.on('end', () => this.push(null))
    this.#inflate.on('error', error => this.destroy(error))
    inner.on('error', error => this.destroy(error))
    inner.on('close', () => {
      if (!inner.readableEnded) this.destroy()
    })
    inner.on('drain', () => this.#deflate?.resume())
    inner.pipe(this.#inflate)
  }

  override _read(): void {
    this.#inflate.resume()
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#openDeflate().write(chunk)
    this.#flush(done)
  }

  override _writev(
    chunks: readonly { readonly chunk: Buffer }[],
    done: (error?: Error | null) => void,
  ): void {
    for (const { chunk } of chunks) this.#openDeflate().write(chunk)
    this.#flush(done)
  }

  override _final(done: (error?: Error | null) => void): void {
    const deflate = this.#openDeflate()
    deflate.once('end', () => {
      // Only when the last bytes are out: a stream that has ended on both sides is destroyed at once.
      this.#inner.end(() => done())
    })
    deflate.end()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#inner.unpipe(this.#inflate)
    this.#inflate.destroy()
    this.#deflate?.destroy()
    this.#inner.destroy()
    done(error)
  }

  #flush(done: (error?: Error | null) => void): void {
    this.#deflate!.flush(constants.Z_SYNC_FLUSH, () => done())
  }

  #openDeflate(): Deflate {
    if (this.#deflate !== null) return this.#deflate
    const deflate = createDeflate({ level: this.#level })
    deflate.on('data', (chunk: Buffer) => {
      if (!this.#inner.write(chunk)) deflate.pause()
    })
    deflate.on('error', error => this.destroy(error))
    return (this.#deflate = deflate)
  }
}
