// Consumer groups of a cluster, and one group.
import type { Group, GroupRow, Groups } from '../../../src/console/api.ts'
import { counted, duration, wholeOr } from '../format.ts'
import { Head, Scroll, State, Waiting } from '../parts.tsx'
import { pathOf } from '../router.ts'
import { useLook } from '../store.ts'
import { finds, Search, Table, type Column } from '../table.tsx'
import { apiOf } from './shared.tsx'

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
    cell: row => <a href={pathOf('groups', row.id)}>{row.id}</a>,
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

export function GroupsPage() {
  const { data, refusal } = useLook<Groups>(apiOf('groups'))
  if (data === undefined)
    return (
      <main class="main" id="main">
        <Head title="Groups" sub="" />
        <Waiting refusal={refusal} what="the consumer groups" />
      </main>
    )
  const found = data.groups.filter(({ id }) => finds(id))
  const lag = data.groups.reduce((sum, row) => sum + (row.lag ?? 0), 0)
  return (
    <main class="main" id="main">
      <Head
        title="Groups"
        sub={`${counted(data.groups.length, 'group')}, ${counted(lag, 'record')} behind`}
      />
      {refusal === undefined ? null : <Waiting refusal={refusal} what="what is new" />}
      <Search what="groups" found={found.length} all={data.groups.length} />
      <Table
        label="Consumer groups"
        rows={found}
        columns={columns}
        nameOf={row => row.id}
        empty={
          data.groups.length === 0
            ? 'There is no consumer group. One appears when a consumer joins or commits a position.'
            : 'No group has these words in its name.'
        }
      />
      <p class="foot">
        Positions are read before the ends of partitions, so that a lag may be a moment too high and is never
        negative.
      </p>
    </main>
  )
}

export function GroupPage({ id }: { id: string }) {
  const { data, refusal } = useLook<Group>(apiOf('groups', id))
  if (data === undefined)
    return (
      <main class="main" id="main">
        <Head title={id} sub="" />
        <Waiting refusal={refusal} what={`group ${id}`} />
      </main>
    )
  const { row } = data
  return (
    <main class="main" id="main">
      <Head title={id} sub={`${counted(row.members ?? 0, 'member')}, coordinator ${data.coordinator}`} />
      <dl class="facts wide-facts">
        <div>
          <dt>State</dt>
          <dd>
            <State level={levelOf(row)} word={row.state} />
          </dd>
        </div>
        <div>
          <dt>Lag</dt>
          <dd>{wholeOr(row.lag)}</dd>
        </div>
        <div>
          <dt>Trend, last minute</dt>
          <dd>
            <Trend row={row} />
          </dd>
        </div>
        <div>
          <dt>Drained in</dt>
          <dd>{row.lag === 0 ? '0 s' : duration(row.drainsInSeconds)}</dd>
        </div>
        <div>
          <dt>Assignor</dt>
          <dd>{data.assignor || '–'}</dd>
        </div>
      </dl>
      <section class="sec">
        <div class="sec-head">
          <h2>Positions</h2>
        </div>
        {data.positions.length === 0 ? (
          <p class="soft">The group has committed no position and reads no partition.</p>
        ) : (
          <Scroll>
            <table class="t">
              <caption class="vh">Positions of {id}</caption>
              <thead>
                <tr>
                  <th scope="col">Topic</th>
                  <th scope="col" class="r">
                    Partition
                  </th>
                  <th scope="col" class="r">
                    Committed
                  </th>
                  <th scope="col" class="r">
                    End
                  </th>
                  <th scope="col" class="r">
                    Lag
                  </th>
                  <th scope="col" class="p1">
                    Read by
                  </th>
                </tr>
              </thead>
              <tbody>
                {data.positions.map(one => (
                  <tr key={`${one.topic} ${one.partition}`}>
                    <th scope="row">
                      <a href={pathOf('topics', one.topic)}>{one.topic}</a>
                    </th>
                    <td class="r">{one.partition}</td>
                    <td class="r">{wholeOr(one.committed)}</td>
                    <td class="r">{wholeOr(one.end)}</td>
                    <td class={`r ${one.lag === 0 ? 'zero' : ''}`}>{wholeOr(one.lag)}</td>
                    <td class="p1">{one.owner ?? <span class="faint">nobody</span>}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </Scroll>
        )}
      </section>
      <section class="sec">
        <div class="sec-head">
          <h2>Members</h2>
        </div>
        {data.members.length === 0 ? (
          <p class="soft">Nobody is in the group at the moment.</p>
        ) : (
          <Scroll>
            <table class="t">
              <caption class="vh">Members of {id}</caption>
              <thead>
                <tr>
                  <th scope="col">Client</th>
                  <th scope="col">Host</th>
                  <th scope="col" class="r">
                    Partitions
                  </th>
                  <th scope="col" class="p2">
                    Member
                  </th>
                </tr>
              </thead>
              <tbody>
                {data.members.map(member => (
                  <tr key={member.id}>
                    <th scope="row">{member.clientId}</th>
                    <td>{member.host}</td>
                    <td class="r">{member.partitions}</td>
                    <td class="p2 faint">{member.instanceId ?? member.id}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </Scroll>
        )}
      </section>
    </main>
  )
}
