// What figures of the flow are: rates, totals since each component started, or counts since somebody chose "Since now".
import { signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { Flow } from '../../../src/console/api.ts'
import { rate, wholeOr } from '../format.ts'
import { Number } from '../parts.tsx'
import { parameter, setParameter } from '../router.ts'

export type Shown = 'rate' | 'total' | 'since'

export function shown(): Shown {
  const show = parameter('show')
  return show === 'total' || show === 'since' ? show : 'rate'
}

/** The totals from which is counted, and when they were those. */
const base = signal<{ at: string; totals: ReadonlyMap<string, number | null> } | null>(null)

export const totalsOf = ({ nodes, edges }: Pick<Flow, 'nodes' | 'edges'>): Map<string, number | null> =>
  new Map([
    ...nodes.flatMap(({ id, inTotal, outTotal }) => [
      [`in ${id}`, inTotal] as const,
      [`out ${id}`, outTotal] as const,
    ]),
    ...edges.map(({ from, to, total }) => [`${from} ${to}`, total] as const),
  ])

/** A link from elsewhere, whose totals are not known here, counts from when it is opened. */
export function useSince(seen: Flow | null): void {
  useEffect(() => {
    if (shown() !== 'since' || seen === null || base.value?.at === parameter('since')) return
    base.value = { at: String(seen.takenAt), totals: totalsOf(seen) }
    setParameter('since', base.value.at, false)
  })
}

interface FigureProps {
  /** As `totalsOf` names it. */
  readonly of: string
  readonly perSecond: number | null
  readonly total: number | null
}

export function Figure({ of, perSecond, total }: FigureProps) {
  if (shown() === 'rate') return <Number value={rate(perSecond)} />
  if (shown() === 'total' || total === null) return <>{wholeOr(total)}</>
  const before = base.value?.totals.get(of) ?? 0
  // An agent that has started again counts from 0.
  return <>{wholeOr(total < before ? total : total - before)}</>
}
