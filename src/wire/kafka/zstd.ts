// zstd (RFC 8878) as zstd-jni reads it, by which Kafka unpacks: frame after frame to the end, skippable ones as well.
// No dictionaries, and windows of 128 MiB at most.
import { PackingError } from './format-error.ts'
import { UnpackedFrames } from './unpacked-frames.ts'

const frameMagic = 0xfd2fb528
/** A window that every frame may have; 128 MiB is the largest that is taken at all. */
const commonWindowBytes = 8_388_608

/**
 * How much of what it has unpacked the decoder keeps for the frame at `at`: the window that its header asks for, or the size
 * of its content where that is known to be less. 0 where no frame begins there.
 */
export function windowBytes(bytes: Buffer, at = 0): number {
  if (bytes.length - at < 6 || bytes.readUInt32LE(at) !== frameMagic) return 0
  const descriptor = bytes[at + 4]!
  const isSingle = (descriptor & 32) !== 0
  const exponent = bytes[at + 5]! >>> 3
  const window = isSingle ? Infinity : 2 ** (10 + exponent) * (1 + (bytes[at + 5]! & 7) / 8)
  const sizeAt = at + (isSingle ? 5 : 6) + [0, 1, 2, 4][descriptor & 3]!
  const sizeBytes = [isSingle ? 1 : 0, 2, 4, 8][descriptor >>> 6]!
  if (sizeBytes === 0 || bytes.length < sizeAt + sizeBytes) return window === Infinity ? 0 : window
  const size =
    sizeBytes === 8
      ? Number(bytes.readBigUInt64LE(sizeAt))
      : bytes.readUIntLE(sizeAt, sizeBytes) + (sizeBytes === 2 ? 256 : 0)
  return Math.min(window, size)
}

/** So many bytes it takes in at once. */
const readBytes = 131_075

/** Piece by piece. Throws PackingError, also above `maxBytes` of output. */
export function* unpackZstd(bytes: Buffer, maxBytes: number): Generator<Buffer> {
  const frames = new UnpackedFrames('zstd', bytes, maxBytes)
  // Whoever counts memory has looked at the first.
  const allowed = Math.max(windowBytes(bytes), commonWindowBytes)
  try {
    for (let at = 0; at < bytes.length; at = frames.end) {
      if (windowBytes(bytes, at) > allowed)
        throw new PackingError(
          `a frame of the zstd data asks for a window of ${windowBytes(bytes, at)} bytes, larger than the first`,
        )
      // It notices that the last frame is cut off only where it had to read on after the one before.
      const mayBeCutOff = Math.ceil(at / readBytes) === Math.ceil(bytes.length / readBytes)
      yield* frames.frame(at, mayBeCutOff)
      if (frames.end === at) throw frames.broken('are damaged: a frame has no bytes')
    }
  } finally {
    frames.close()
  }
}
