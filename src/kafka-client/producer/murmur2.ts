// MurmurHash2, 32 bits, seed 0x9747b28c: what the Java client's partitioner hashes keys with. Source:
// Austin Appleby's public description of MurmurHash2; the seed from Kafka's documentation of its partitioner.

/** A signed 32-bit number. */
export function murmur2(key: Uint8Array): number {
  const multiplier = 0x5bd1e995
  const size = key.length
  let hash = 0x9747b28c ^ size
  let at = 0
  for (; at + 4 <= size; at += 4) {
    let word = key[at]! | (key[at + 1]! << 8) | (key[at + 2]! << 16) | (key[at + 3]! << 24)
    word = Math.imul(word, multiplier)
    word ^= word >>> 24
    hash = Math.imul(hash, multiplier) ^ Math.imul(word, multiplier)
  }
  const left = size - at
  if (left > 0) {
    if (left === 3) hash ^= key[at + 2]! << 16
    if (left >= 2) hash ^= key[at + 1]! << 8
    hash = Math.imul(hash ^ key[at]!, multiplier)
  }
  hash = Math.imul(hash ^ (hash >>> 13), multiplier)
  return hash ^ (hash >>> 15)
}

/** The partition the Java client sends a record with this key to. */
export function partitionOfKey(key: Uint8Array, partitionCount: number): number {
  return (murmur2(key) & 0x7fffffff) % partitionCount
}
