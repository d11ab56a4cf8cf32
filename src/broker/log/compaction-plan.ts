// Whether a log is to be compacted now, and which of its segments that concerns.
import type { LogSettings } from './log-parts.ts'
import type { Segment } from './segment.ts'

export interface CompactionPlan {
  /** From the oldest on. */
  readonly segments: readonly Segment[]
  /** One above their last offset. */
  readonly end: number
}

/** Null where there is nothing to do yet. */
export function planCompaction(
  segments: readonly Segment[],
  log: {
    readonly settings: LogSettings
    readonly now: number
    readonly cleanedTo: number
    /** The last stable offset: what lies there or above may still change. */
    readonly below: number
  },
): CompactionPlan | null {
  const { minCompactionLagMs, maxCompactionLagMs, minCleanableDirtyRatio } = log.settings
  const chosen: Segment[] = []
  let end = 0
  let dirtyBytes = 0
  let cleanBytes = 0
  let isLate = false
  for (const [index, segment] of segments.slice(0, -1).entries()) {
    const next = segments[index + 1]!.baseOffset
    const isDirty = next > log.cleanedTo
    if (next > log.below || (isDirty && segment.maxTimestamp > log.now - minCompactionLagMs)) break
    chosen.push(segment)
    end = next
    if (isDirty) dirtyBytes += segment.end
    else cleanBytes += segment.end
    isLate ||= isDirty && segment.maxTimestamp >= 0 && segment.maxTimestamp < log.now - maxCompactionLagMs
  }
  if (dirtyBytes === 0) return null
  return isLate || dirtyBytes / (dirtyBytes + cleanBytes) >= minCleanableDirtyRatio
    ? { segments: chosen, end }
    : null
}
