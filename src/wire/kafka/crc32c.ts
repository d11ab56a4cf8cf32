// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78, RFC 3720 section 12.1), the checksum of record
// batches. Eight tables, eight bytes a step.

const tables: readonly Int32Array[] = makeTables()

function makeTables(): Int32Array[] {
  const made = Array.from({ length: 8 }, () => new Int32Array(256))
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
    made[0]![byte] = crc
  }
  for (let slice = 1; slice < 8; slice++)
    for (let byte = 0; byte < 256; byte++) {
      const before = made[slice - 1]![byte]!
      made[slice]![byte] = (before >>> 8) ^ made[0]![before & 255]!
    }
  return made
}

const [t0, t1, t2, t3, t4, t5, t6, t7] = tables as [
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
]

/** So much is summed up in one step: some milliseconds. */
const stepBytes = 524_288

/** The same in steps. */
export function* crc32cInSteps(
  bytes: Uint8Array,
  start: number,
  end = bytes.length,
): Generator<void, number> {
  let sum = 0
  for (let at = start; at < end; at += stepBytes) {
    if (at > start) yield
    sum = crc32c(bytes, at, Math.min(end, at + stepBytes), sum)
  }
  return sum
}

/** The checksum of bytes `start` up to `end`, unsigned; `before` is that of the bytes before them. */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length, before = 0): number {
  let crc = ~before
  let at = start
  const last = end - 8
  for (; at <= last; at += 8) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    crc =
      t7[crc & 255]! ^
      t6[(crc >>> 8) & 255]! ^
      t5[(crc >>> 16) & 255]! ^
      t4[crc >>> 24]! ^
      t3[bytes[at + 4]!]! ^
      t2[bytes[at + 5]!]! ^
      t1[bytes[at + 6]!]! ^
      t0[bytes[at + 7]!]!
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ t0[(crc ^ bytes[at]!) & 255]!
  return (crc ^ -1) >>> 0
}
