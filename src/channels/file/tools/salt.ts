// Finds the salt of a segment whose header is gone in both copies: the one with which an entry's header
// checksum fits. CRC-32 is linear in its start value, so that the 32 bits follow from any one entry.
import { crc32 } from 'node:zlib'
import { entryHeaderBytes } from '../entry.ts'

const covered = entryHeaderBytes - 8
const zeros = Buffer.alloc(covered)
const atZero = crc32(zeros, 0)

/** What each bit of the start value changes in the checksum of as many bytes as an entry's header covers. */
const columns = Array.from({ length: 32 }, (_, bit) => (crc32(zeros, (1 << bit) >>> 0) ^ atZero) >>> 0)

/** The salt with which the header that begins `entry` has its checksum. */
export function saltOf(entry: Buffer): number {
  let wanted = (entry.readUInt32LE(4) ^ crc32(entry.subarray(8, entryHeaderBytes), 0)) >>> 0
  // Gaussian elimination over single bits: each row is a set of columns, and the start values that give it.
  const rows = columns.map((column, bit) => ({ column, value: (1 << bit) >>> 0 }))
  let salt = 0
  for (let bit = 31; bit >= 0; bit--) {
    const mask = (1 << bit) >>> 0
    const index = rows.findIndex(({ column }) => (column & mask) !== 0)
    if (index === -1) continue
    const [row] = rows.splice(index, 1)
    for (const other of rows)
      if ((other.column & mask) !== 0) {
        other.column = (other.column ^ row!.column) >>> 0
        other.value = (other.value ^ row!.value) >>> 0
      }
    if ((wanted & mask) !== 0) {
      wanted = (wanted ^ row!.column) >>> 0
      salt = (salt ^ row!.value) >>> 0
    }
  }
  return salt
}
