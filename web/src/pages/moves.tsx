// Partitions that move to other brokers, and how far they are.
import type { MovesUnderWay } from '../../../src/console/api.ts'
import { bytes, percent } from '../format.ts'
import { Number, Section } from '../parts.tsx'
import { pathOf } from '../router.ts'
import { may } from '../store.ts'
import { Rows, type Cell } from '../table.tsx'
import { taskHref, withCluster } from './shared.tsx'

type Move = NonNullable<MovesUnderWay['moves']>[number]

const columns: readonly Cell<Move>[] = [
  {
    title: 'Partition',
    cell: ({ topic, partition }) => (
      <a href={withCluster(pathOf('topics', topic))}>
        {topic}-{partition}
      </a>
    ),
  },
  { title: 'To', cell: ({ adding }) => adding.join(', ') || 'another order' },
  { title: 'Away from', drop: 'p1', cell: ({ removing }) => removing.join(', ') || '–' },
  {
    title: 'Copied',
    isNumber: true,
    drop: 'p1',
    cell: ({ copied, bytes: all }) => (
      <>
        <Number value={bytes(copied)} /> of <Number value={bytes(all)} />
      </>
    ),
  },
  {
    title: 'Done',
    isNumber: true,
    cell: ({ copied, bytes: all }) =>
      copied === null ? (
        '–'
      ) : (
        <Number value={{ text: percent(Math.min(copied, all ?? 0), all), unit: '%' }} />
      ),
  },
]

interface MovesProps {
  readonly under: MovesUnderWay | undefined
  /** All where undefined. */
  readonly topic?: string
}

/** Nothing where nothing moves and no limit is left. */
export function MovesSection({ under, topic }: MovesProps) {
  const { moves: all = [], bytesPerSecond = null } = under ?? {}
  const moves = all?.filter(one => topic === undefined || one.topic === topic) ?? []
  const showsLimit = bytesPerSecond !== null && (moves.length > 0 || topic === undefined)
  if (moves.length === 0 && !showsLimit) return null
  return (
    <Section
      title="Moving to other brokers"
      action={
        <span class="right actions">
          {showsLimit ? (
            <span class="soft">
              At most <Number value={bytes(bytesPerSecond)} />
              /s per broker
            </span>
          ) : null}
          {showsLimit && topic === undefined && may('admin', null) ? (
            <a class="btn" href={taskHref('lift', 'brokers')}>
              Remove the limit
            </a>
          ) : null}
          {moves.some(one => may('admin', one.topic)) ? (
            <a
              class="btn"
              href={topic === undefined ? taskHref('stop', 'brokers') : taskHref('stop', 'topics', topic)}
            >
              Stop the moves
            </a>
          ) : null}
        </span>
      }
    >
      {moves.length === 0 ? (
        <p class="soft">No partition is moving. A limit for moves is still set on brokers.</p>
      ) : (
        <Rows
          label="Partitions that move"
          rows={moves}
          columns={columns}
          nameOf={one => `${one.topic}-${one.partition}`}
        />
      )}
    </Section>
  )
}
