// Work with a time limit. AbortSignal.any would keep what listens for as long as the longer-lived signal exists.
import type { Clock } from '../../system/clock.ts'

/**
 * Calls `work` with a signal that is aborted after `limitMs`, or with `signal`; resolves and rejects as `work` does.
 * No timer and no listener remains afterwards.
 */
export async function withDeadline<T>(
  clock: Clock,
  limitMs: number,
  signal: AbortSignal,
  work: (over: AbortSignal) => Promise<T>,
): Promise<T> {
  const over = new AbortController()
  const abort = () => over.abort(signal.reason)
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort)
  const timer = clock.after(limitMs, () => over.abort(), { background: true })
  try {
    return await work(over.signal)
  } finally {
    timer.cancel()
    signal.removeEventListener('abort', abort)
  }
}
