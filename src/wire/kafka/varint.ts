// Zig-zag varints as records use them. Values are safe integers: the sign is kept apart from the
// magnitude, for twice the value may not be a safe integer any more.

export function varintSize(value: number): number {
  const magnitude = value >= 0 ? value : -value - 1
  if (magnitude < 64) return 1
  if (magnitude < 8192) return 2
  let size = 2
  for (let rest = Math.floor(magnitude / 8192); rest > 0; rest = Math.floor(rest / 128)) size++
  return size
}

/** Writes at `at`; gives the position after it. */
export function writeVarint(target: Uint8Array, at: number, value: number): number {
  const sign = value >= 0 ? 0 : 1
  const magnitude = sign === 0 ? value : -value - 1
  if (magnitude < 64) {
    target[at] = (magnitude << 1) | sign
    return at + 1
  }
  target[at++] = ((magnitude % 64) << 1) | sign | 128
  let rest = Math.floor(magnitude / 64)
  while (rest >= 128) {
    target[at++] = (rest % 128) | 128
    rest = Math.floor(rest / 128)
  }
  target[at++] = rest
  return at
}
