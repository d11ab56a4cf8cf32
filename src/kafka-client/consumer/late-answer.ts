// A join or a sync waits for the other members of a group, for minutes. Whether its answer was lost meanwhile, on a
// connection that has gone silent or behind an answer that was wrong, nothing tells.
import type { Clock } from '../../system/clock.ts'

/** Longer than most groups take to agree. */
const lateMs = 45_000

/**
 * Asks, and asks again where the answer is late and `giveUp` ended the wait for it: a coordinator gives a member that asks
 * again the same answer, or has it wait on.
 */
export async function askAgainWhenLate<T>(
  clock: Clock,
  ask: () => Promise<T>,
  giveUp: () => boolean,
): Promise<T> {
  for (;;) {
    let isGivenUp = false
    const timer = clock.after(lateMs, () => void (isGivenUp = giveUp()), { background: true })
    try {
      return await ask()
    } catch (error) {
      if (!isGivenUp) throw error
    } finally {
      timer.cancel()
    }
  }
}
