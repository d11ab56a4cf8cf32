// Consumer groups of a cluster, and one group.
import type { Group, GroupRow, Groups } from '../../../src/console/api.ts'
import { Chart } from '../chart.tsx'
import { counted, duration, whole, wholeOr } from '../format.ts'
import { Fact, Page, Section, State } from '../parts.tsx'
import { pathOf } from '../router.ts'
import { may, useLook } from '../store.ts'
import { finds, Rows, Search, Table, type Cell, type Column } from '../table.tsx'
import { apiOf, taskHref, withCluster } from './shared.tsx'

const levelOf = ({ state, problem }: GroupRow) =>
  problem !== null ? 'bad' : state === 'Stable' ? 'good' : state === 'Empty' ? 'off' : 'warn'

const Trend = ({ row }: { row: GroupRow }) => {
  const { lagPerSecond, lag } = row
  if (lagPerSecond === null) return <span class="faint">–</span>
  if (Math.abs(lagPerSecond) < 0.05 || lag === null) return <span class="zero">steady</span>
  return lagPerSecond > 0 ? (
    <State level="warn" word={`grows ${lagPerSecond.toFixed(1)} /s`} />
  ) : (
    <span>shrinks {(-lagPerSecond).toFixed(1)} /s</span>
  )
}

const columns: readonly Column<GroupRow>[] = [
  {
    key: 'group',
    title: 'Group',
    cell: row => <a href={withCluster(pathOf('groups', row.id))}>{row.id}</a>,
    order: row => row.id,
  },
  {
    key: 'state',
    title: 'State',
    cell: row => <State level={levelOf(row)} word={row.problem === null ? row.state : 'no answer'} />,
    order: row => row.state,
  },
  {
    key: 'members',
    title: 'Members',
    isNumber: true,
    drop: 'p1',
    cell: row => wholeOr(row.members),
    order: row => row.members,
  },
  {
    key: 'topics',
    title: 'Topics',
    drop: 'p2',
    cell: row => (row.topics.length <= 2 ? row.topics.join(', ') : `${row.topics.length} topics`),
    order: row => row.topics.length,
  },
  { key: 'lag', title: 'Lag', isNumber: true, cell: row => wholeOr(row.lag), order: row => row.lag },
  {
    key: 'trend',
    title: 'Trend',
    isNumber: true,
    drop: 'p1',
    cell: row => <Trend row={row} />,
    order: row => row.lagPerSecond,
  },
  {
    key: 'drains',
    title: 'Drained in',
    isNumber: true,
    drop: 'p2',
    cell: row => (row.lag === 0 ? <span class="zero">0</span> : duration(row.drainsInSeconds)),
    order: row => row.drainsInSeconds,
  },
]

export const GroupsPage = () => (
  <Page
    title="Groups"
    what="the consumer groups"
    asked={useLook<Groups>(apiOf('groups'))}
    sub={({ groups }) => {
      const lag = groups.reduce((sum, row) => sum + (row.lag ?? 0), 0)
      return `${counted(groups.length, 'group')}, ${counted(lag, 'record')} behind`
    }}
  >
    {({ groups, problems }) => {
      const found = groups.filter(({ id }) => finds(id))
      return (
        <>
          <Search what="groups" found={found.length} all={groups.length} />
          <Table
            label="Consumer groups"
            rows={found}
            columns={columns}
            nameOf={row => row.id}
            empty={
              groups.length === 0
                ? 'There is no consumer group. One appears when a consumer joins or commits a position.'
                : 'No group name contains this text. Shorten the text.'
            }
          />
          {problems.map(problem => (
            <p key={problem} class="soft">
              {problem}
            </p>
          ))}
          <p class="foot">
            Positions are read before the ends of partitions, so that a lag may be a moment too high and is
            never negative.
          </p>
        </>
      )
    }}
  </Page>
)

const positionColumns: readonly Cell<Group['positions'][number]>[] = [
  { title: 'Topic', cell: ({ topic }) => <a href={withCluster(pathOf('topics', topic))}>{topic}</a> },
  { title: 'Partition', isNumber: true, cell: ({ partition }) => partition },
  { title: 'Committed', isNumber: true, cell: ({ committed }) => wholeOr(committed) },
  { title: 'End', isNumber: true, cell: ({ end }) => wholeOr(end) },
  {
    title: 'Lag',
    isNumber: true,
    cell: ({ lag }) => <span class={lag === 0 ? 'zero' : ''}>{wholeOr(lag)}</span>,
  },
  { title: 'Read by', drop: 'p1', cell: ({ owner }) => owner ?? <span class="faint">nobody</span> },
]

interface TopicSum {
  readonly topic: string
  readonly partitions: number
  readonly read: number
  readonly lag: number | null
}

const sumColumns: readonly Cell<TopicSum>[] = [
  { title: 'Topic', cell: ({ topic }) => <a href={withCluster(pathOf('topics', topic))}>{topic}</a> },
  { title: 'Partitions', isNumber: true, cell: one => whole(one.partitions) },
  { title: 'Read by a member', isNumber: true, cell: one => whole(one.read) },
  {
    title: 'Lag',
    isNumber: true,
    cell: ({ lag }) => <span class={lag === 0 ? 'zero' : ''}>{wholeOr(lag)}</span>,
  },
]

/** Of a group that reads several topics. */
const sumsOf = (positions: Group['positions']): TopicSum[] =>
  [...Map.groupBy(positions, ({ topic }) => topic)].map(([topic, list]) => ({
    topic,
    partitions: list.length,
    read: list.filter(({ owner }) => owner !== null).length,
    lag: list.every(({ lag }) => lag === null) ? null : list.reduce((sum, { lag }) => sum + (lag ?? 0), 0),
  }))

const memberColumns: readonly Cell<Group['members'][number]>[] = [
  { title: 'Client', cell: ({ clientId }) => clientId },
  { title: 'Host', cell: ({ host }) => host },
  {
    title: 'Reads',
    cell: ({ assigned }) =>
      assigned.length === 0 ? (
        <span class="faint">nothing</span>
      ) : (
        assigned.map(({ topic, partitions }) => `${topic}: ${partitions.join(', ')}`).join('; ')
      ),
  },
  {
    title: 'Member',
    drop: 'p2',
    cell: member => <span class="faint">{member.instanceId ?? member.id}</span>,
  },
]

export const GroupPage = ({ id }: { id: string }) => (
  <Page
    title={id}
    what={`group ${id}`}
    asked={useLook<Group>(apiOf('groups', id))}
    sub={({ row, coordinator }) => `${counted(row.members ?? 0, 'member')}, coordinator ${coordinator}`}
    action={
      <>
        {may('admin', null) ? (
          <a class="btn quiet" href={taskHref('delete', 'groups', id)}>
            Delete group
          </a>
        ) : null}
        {may('operator') ? (
          <a class="btn primary" href={taskHref('reset', 'groups', id)}>
            Reset offsets
          </a>
        ) : null}
      </>
    }
  >
    {({ row, assignor, positions, members, history }) => (
      <>
        <dl class="facts wide-facts">
          <Fact name="State" value={<State level={levelOf(row)} word={row.state} />} />
          <Fact name="Lag" value={wholeOr(row.lag)} />
          <Fact name="Trend, last minute" value={<Trend row={row} />} />
          <Fact name="Drained in" value={row.lag === 0 ? '0 s' : duration(row.drainsInSeconds)} />
          <Fact name="Assignor" value={assignor || '–'} />
        </dl>
        <Chart
          title="Lag, the last hour"
          isSection
          lines={[{ name: 'records', values: history.lag, kind: 'a' }]}
          stepSeconds={history.stepSeconds}
        />
        {row.topics.length < 2 ? null : (
          <Section title="Topics">
            <Rows
              label={`Topics of ${id}`}
              rows={sumsOf(positions)}
              columns={sumColumns}
              nameOf={({ topic }) => topic}
            />
          </Section>
        )}
        <Section title="Positions">
          {positions.length === 0 ? (
            <p class="soft">The group has committed no position and reads no partition.</p>
          ) : (
            <Rows
              label={`Positions of ${id}`}
              rows={positions}
              columns={positionColumns}
              nameOf={one => `${one.topic} ${one.partition}`}
            />
          )}
        </Section>
        <Section title="Members">
          {members.length === 0 ? (
            <p class="soft">The group has no members at the moment.</p>
          ) : (
            <Rows label={`Members of ${id}`} rows={members} columns={memberColumns} nameOf={one => one.id} />
          )}
        </Section>
      </>
    )}
  </Page>
)
