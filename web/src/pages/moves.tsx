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
    title: 'Done %',
    isNumber: true,
    cell: ({ copied, bytes: all }) => (copied === null ? '–' : percent(Math.min(copied, all ?? 0), all)),
  },
]

/** Nothing where nothing moves. */
export const MovesSection = ({ moves, topic }: { moves: readonly Move[]; topic?: string }) =>
  moves.length === 0 ? null : (
    <Section
      title="Moving to other brokers"
      action={
        topic !== undefined && may('admin', topic) ? (
          <span class="right actions">
            <a class="btn" href={taskHref('stop', 'topics', topic)}>
              Stop the moves
            </a>
          </span>
        ) : undefined
      }
    >
      <Rows
        label="Partitions that move"
        rows={moves}
        columns={columns}
        nameOf={one => `${one.topic}-${one.partition}`}
      />
    </Section>
  )
