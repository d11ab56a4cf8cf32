// The door to compression that runs in the thread pool: a connection whose bytes are one continuous zlib
// stream in each direction (RFC 1950), flushed with a sync marker after every write, as Flume's Avro RPC
// does with compression-type = deflate. Backpressure holds in both directions, so a small input that
// inflates to much is inflated only as far as somebody reads.
import { Duplex } from 'node:stream'
import { constants, createDeflate, createInflate, type Deflate, type Inflate } from 'node:zlib'

/**
 * What a zlib stream has inside; _processChunk works without the thread pool, closes the handle behind it and leaves
 * a listener.
 */
interface Inside {
  _handle: { close(): void }
  _processChunk(chunk: Buffer, flush: number): Buffer
  _transform(chunk: Buffer, encoding: string, done: (error: Error | null, bytes?: Buffer) => void): void
}

/** Lets the stream work in the turn in which it is given something: simulated time does not wait for threads. */
function atOnce<S extends Deflate | Inflate>(stream: S, flush: number): S {
  const inside = stream as unknown as Inside
  inside._transform = (chunk, _encoding, done) => {
    const handle = inside._handle
    const listeners = stream.listeners('error')
    const { close } = handle
    handle.close = () => {}
    let bytes: Buffer
    try {
      // Node asks for a flush by a chunk without bytes.
      // A copy: the next chunk is written into the same memory, where this one may still wait for a slow reader.
      bytes = Buffer.from(inside._processChunk(chunk, chunk.length === 0 ? constants.Z_SYNC_FLUSH : flush))
    } catch (error) {
      return done(error as Error)
    } finally {
      for (const one of stream.listeners('error'))
        if (!listeners.includes(one)) stream.off('error', one as () => void)
      handle.close = close
      inside._handle = handle
    }
    done(null, bytes)
  }
  return stream
}

export class DeflatedStream extends Duplex {
  readonly #inner: Duplex
  readonly #level: number
  readonly #isAtOnce: boolean
  readonly #inflate: Inflate
  /** Made at the first write: it takes 256 KiB, and many a connection never gets an answer. */
  #deflate: Deflate | null = null

  /** `level` is zlib's, 0 to 9. Ending or destroying the layer ends or destroys `inner`. */
  constructor(inner: Duplex, level = 6, isAtOnce = false) {
    super()
    this.#inner = inner
    this.#level = level
    this.#isAtOnce = isAtOnce
    // Peers that go away do not always write the trailer; what came before it counts all the same.
    const inflate = createInflate({ finishFlush: constants.Z_SYNC_FLUSH })
    this.#inflate = isAtOnce ? atOnce(inflate, constants.Z_SYNC_FLUSH) : inflate
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
    const made = createDeflate({ level: this.#level })
    const deflate = this.#isAtOnce ? atOnce(made, constants.Z_NO_FLUSH) : made
    deflate.on('data', (chunk: Buffer) => {
      if (!this.#inner.write(chunk)) deflate.pause()
    })
    deflate.on('error', error => this.destroy(error))
    return (this.#deflate = deflate)
  }
}
