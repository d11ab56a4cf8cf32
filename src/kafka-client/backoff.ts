// Waits that grow: doubled with every failure up to a bound, spread by a fifth to each side so that many
// clients do not come back at the same moment (KIP-144 describes the same for the Java client).
import type { Random } from '../system/random.ts'

/** Milliseconds to wait after `failures` failures in a row (1: the first). */
export function backoffMs(failures: number, firstMs: number, mostMs: number, random: Random): number {
  const grown = Math.min(mostMs, firstMs * 2 ** Math.min(failures - 1, 30))
  return grown * (0.8 + random.next() * 0.4)
}
