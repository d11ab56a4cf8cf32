// zstd (RFC 8878) as zstd-jni reads it, by which Kafka unpacks: frame after frame to the end, skippable ones as well.
// No dictionaries, and windows of 128 MiB at most.
import { constants, zstdDecompressSync } from 'node:zlib'
import { UnpackedFrames } from './unpacked-frames.ts'

/** So many bytes it takes in at once. */
const readBytes = 131_075

/** Throws PackingError, also above `maxBytes` of output. */
export function decompressZstd(bytes: Buffer, maxBytes: number): Buffer {
  const output = new UnpackedFrames('zstd', zstdDecompressSync, maxBytes)
  for (let at = 0; at < bytes.length;) {
    // It notices that the last frame is cut off only where it had to read on after the one before.
    const mayBeCutOff = Math.ceil(at / readBytes) === Math.ceil(bytes.length / readBytes)
    const { end } = output.take(bytes, at, mayBeCutOff ? constants.ZSTD_e_flush : undefined)
    if (end === at) throw output.broken('are damaged: a frame has no bytes')
    at = end
  }
  return output.bytes
}
