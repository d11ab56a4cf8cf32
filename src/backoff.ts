// The pause after failures in a row: doubled with each one up to a bound, a fifth more or less so that many
// agents and clients do not come back at the same moment (KIP-144 describes the same for the Java client).

/** Bounds of a pause in milliseconds: after the first failure, and the longest. */
export interface Backoff {
  readonly firstMs: number
  readonly mostMs: number
}

/**
 * Between the tries of a runner. A second at most: a peer that has come back is noticed soon, and a try a
 * second burdens nobody.
 */
export const runnerBackoff: Backoff = { firstMs: 100, mostMs: 1000 }

/** Milliseconds to wait after `failures` failures in a row (1: the first). */
export const backoffMs = (failures: number, backoff: Backoff, random: { next(): number }): number =>
  doubledMs(failures, backoff) * (0.8 + 0.4 * random.next())

/** The same to the millisecond. */
export const doubledMs = (failures: number, { firstMs, mostMs }: Backoff): number =>
  Math.min(mostMs, firstMs * 2 ** Math.min(failures - 1, 30))
