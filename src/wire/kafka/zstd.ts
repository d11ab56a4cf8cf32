// zstd (RFC 8878) as zstd-jni reads it, by which Kafka unpacks: frame after frame to the end, skippable ones as well.
// No dictionaries, and windows of 128 MiB at most.
import { UnpackedFrames } from './unpacked-frames.ts'

/** So many bytes it takes in at once. */
const readBytes = 131_075

/** Piece by piece. Throws PackingError, also above `maxBytes` of output. */
export function* unpackZstd(bytes: Buffer, maxBytes: number): Generator<Buffer> {
  const frames = new UnpackedFrames('zstd', bytes, maxBytes)
  try {
    for (let at = 0; at < bytes.length; at = frames.end) {
      // It notices that the last frame is cut off only where it had to read on after the one before.
      const mayBeCutOff = Math.ceil(at / readBytes) === Math.ceil(bytes.length / readBytes)
      yield* frames.frame(at, mayBeCutOff)
      if (frames.end === at) throw frames.broken('are damaged: a frame has no bytes')
    }
  } finally {
    frames.close()
  }
}
