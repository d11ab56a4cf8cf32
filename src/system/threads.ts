// The door to the thread pool, for computations that would keep the event loop longer than a turn may last. One at a time,
// so that the pool has threads left for disks, and memory for one set of tables. Where time is simulated they are done at
// once: simulated time does not wait for threads.
import { pbkdf2, pbkdf2Sync, scrypt, scryptSync } from 'node:crypto'
import {
  createInflateRaw,
  createZstdDecompress,
  inflateRawSync,
  zstdCompress,
  zstdCompressSync,
  zstdDecompressSync,
  type ZstdOptions,
} from 'node:zlib'
import type { Clock } from './clock.ts'

type Time = Pick<Clock, 'isSimulated'>

let busy: Promise<unknown> = Promise.resolve()

function inTurn<T>(begin: (done: (error: Error | null, result: T) => void) => void): Promise<T> {
  const done = busy.then(
    () =>
      new Promise<T>((resolve, reject) =>
        begin((error, result) => (error === null ? resolve(result) : reject(error))),
      ),
  )
  busy = done.catch(() => {})
  return done
}

/** What is to be packed by zstd; `packed` stays null where that fails. */
export interface ZstdTask {
  readonly bytes: Buffer
  readonly options: ZstdOptions
  packed: Buffer | null
}

/** Never rejects. */
export async function packByZstd(task: ZstdTask, time: Time): Promise<void> {
  const { bytes, options } = task
  try {
    task.packed =
      time.isSimulated === true
        ? zstdCompressSync(bytes, options)
        : await inTurn(done => zstdCompress(bytes, options, done))
  } catch {
    task.packed = null
  }
}

/** Of what is unpacked, bytes. */
const chunkSize = 1024 * 1024

/** What `data` unpack to, in pieces, as far as somebody asks for more. Throws as zlib does where they are damaged. */
export async function* unpackedPieces(
  codec: 'deflate' | 'zstandard',
  data: Buffer,
  time: Time,
): AsyncGenerator<Buffer, void> {
  if (time.isSimulated === true)
    return yield codec === 'deflate' ? inflateRawSync(data) : zstdDecompressSync(data)
  const stream = codec === 'deflate' ? createInflateRaw({ chunkSize }) : createZstdDecompress({ chunkSize })
  stream.end(data)
  yield* stream as AsyncIterable<Buffer>
}

export interface Pbkdf2 {
  readonly hash: string
  readonly password: string | Buffer
  readonly salt: Buffer
  readonly iterations: number
  /** Of the key, bytes. */
  readonly size: number
}

/** Rejects with an Error where the hash is not known. */
export async function derivePbkdf2(
  { hash, password, salt, iterations, size }: Pbkdf2,
  time: Time,
): Promise<Buffer> {
  return time.isSimulated === true
    ? pbkdf2Sync(password, salt, iterations, size, hash)
    : await inTurn(done => pbkdf2(password, salt, iterations, size, hash, done))
}

export interface Scrypt extends Omit<Pbkdf2, 'hash' | 'iterations'> {
  readonly cost: number
  readonly blockSize: number
  readonly parallel: number
  /** It may take no more memory. */
  readonly mostBytes: number
}

/** Rejects with an Error where the numbers make no sense, or ask for too much. */
export async function deriveScrypt(
  { password, salt, size, cost, blockSize, parallel, mostBytes }: Scrypt,
  time: Time,
): Promise<Buffer> {
  const options = { N: cost, r: blockSize, p: parallel, maxmem: mostBytes }
  return time.isSimulated === true
    ? scryptSync(password, salt, size, options)
    : await inTurn(done => scrypt(password, salt, size, options, done))
}
