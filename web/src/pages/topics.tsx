// Topics of a cluster, and one topic.
import type { MovesUnderWay, Topic, TopicRow, Topics } from '../../../src/console/api.ts'
import { bytes, counted, rate, whole, wholeOr } from '../format.ts'
import { Fact, Flagged, Number, Page, Section } from '../parts.tsx'
import { parameter, pathOf, setParameter } from '../router.ts'
import { may, useLook } from '../store.ts'
import { finds, Rows, Search, Table, type Cell, type Column } from '../table.tsx'
import { MovesSection } from './moves.tsx'
import { SettingsSection } from './settings.tsx'
import { apiOf, CmakNote, Percent, taskHref, withCluster } from './shared.tsx'

const columns: readonly Column<TopicRow>[] = [
  {
    key: 'name',
    title: 'Topic',
    cell: row => <a href={withCluster(pathOf('topics', row.name))}>{row.name}</a>,
    order: row => row.name,
  },
  {
    key: 'partitions',
    title: 'Partitions',
    isNumber: true,
    cell: row => whole(row.partitions),
    order: row => row.partitions,
  },
  {
    key: 'replicas',
    title: 'Replicas',
    isNumber: true,
    drop: 'p2',
    cell: row => whole(row.replicas),
    order: row => row.replicas,
  },
  {
    key: 'size',
    title: 'Size',
    isNumber: true,
    cell: row => <Number value={bytes(row.bytes)} />,
    order: row => row.bytes,
  },
  {
    key: 'rate',
    title: 'Rate',
    isNumber: true,
    cell: row => <Number value={rate(row.perSecond)} />,
    order: row => row.perSecond,
  },
  {
    key: 'offsets',
    title: 'Offsets',
    isNumber: true,
    drop: 'p1',
    cell: row => wholeOr(row.offsets),
    order: row => row.offsets,
  },
  ...(
    [
      ['skew', 'Skew'],
      ['leaderSkew', 'Leader skew'],
      ['spread', 'Spread'],
      ['preferred', 'Preferred'],
      ['underReplicated', 'Under-repl.'],
    ] as const
  ).map(([key, title]): Column<TopicRow> => ({
    key,
    title,
    isNumber: true,
    drop: key === 'underReplicated' ? 'p1' : 'p3',
    cell: row => <Percent of={key} row={row} />,
    order: row => row.percentages[key],
  })),
]

export const TopicsPage = () => {
  const showsInternal = parameter('internal') === 'shown'
  const shown = ({ topics }: Topics) => topics.filter(({ isInternal }) => showsInternal || !isInternal)
  return (
    <Page
      title="Topics"
      what="the topics"
      asked={useLook<Topics>(apiOf('topics'))}
      action={
        <>
          {may('admin') ? (
            <a class="btn" href={taskHref('move', 'topics')}>
              Move replicas
            </a>
          ) : null}
          {may('operator') ? (
            <a class="btn primary" href={taskHref('create', 'topics')}>
              Create topic
            </a>
          ) : null}
        </>
      }
      sub={data => {
        const all = shown(data)
        const partitions = all.reduce((sum, row) => sum + row.partitions, 0)
        return `${counted(all.length, 'topic')}, ${counted(partitions, 'partition')}`
      }}
    >
      {data => {
        const all = shown(data)
        const found = all.filter(({ name }) => finds(name))
        const internal = data.topics.filter(({ isInternal }) => isInternal).length
        return (
          <>
            <Search what="topics" found={found.length} all={all.length} />
            <Table
              label="Topics"
              rows={found}
              columns={columns}
              nameOf={row => row.name}
              empty={
                all.length === 0
                  ? 'There is no topic yet. Create one here or from a program.'
                  : 'No topic name contains this text. Shorten the text, or show internal topics below.'
              }
            />
            <p class="foot">
              {internal === 0 ? null : (
                <span>
                  {whole(internal)} internal {internal === 1 ? 'topic' : 'topics'}{' '}
                  {showsInternal ? 'shown' : 'hidden'}{' '}
                  <button
                    class="btn link"
                    onClick={() => setParameter('internal', showsInternal ? null : 'shown', false)}
                  >
                    {showsInternal ? 'Hide' : 'Show'}
                  </button>
                </span>
              )}
              <CmakNote />
            </p>
          </>
        )
      }}
    </Page>
  )
}

type Partition = Topic['partitions'][number]

const partitionColumns: readonly Cell<Partition>[] = [
  { title: 'Partition', cell: ({ index }) => index },
  { title: 'First', isNumber: true, cell: ({ first }) => wholeOr(first) },
  { title: 'Next', isNumber: true, cell: ({ next }) => wholeOr(next) },
  {
    title: 'Records',
    isNumber: true,
    cell: ({ first, next }) => (first === null || next === null ? '–' : whole(next - first)),
  },
  { title: 'Size', isNumber: true, drop: 'p1', cell: one => <Number value={bytes(one.bytes)} /> },
  {
    title: 'Leader',
    cell: ({ leader }) => (leader < 0 ? <Flagged level="bad" text="none" /> : leader),
  },
  {
    title: 'Preferred',
    drop: 'p2',
    cell: ({ leader, replicas }) =>
      leader === replicas[0] ? (
        <span class="soft">yes</span>
      ) : (
        <Flagged level="warn" text={`no, ${replicas[0]}`} />
      ),
  },
  { title: 'Replicas', drop: 'p1', cell: ({ replicas }) => replicas.join(', ') },
  {
    title: 'In sync',
    drop: 'p2',
    cell: ({ isr, replicas }) =>
      isr.length < replicas.length ? (
        <Flagged level="warn" text={isr.join(', ') || 'none'} />
      ) : (
        isr.join(', ')
      ),
  },
]

const groupColumns: readonly Cell<Topic['groups'][number]>[] = [
  { title: 'Group', cell: ({ id }) => <a href={withCluster(pathOf('groups', id))}>{id}</a> },
  { title: 'Lag here', isNumber: true, cell: ({ lag }) => wholeOr(lag) },
]

const PartitionActions = ({ name }: { name: string }) => (
  <span class="right actions">
    {may('operator', name) ? (
      <>
        <a class="btn" href={taskHref('partitions', 'topics', name)}>
          Add partitions
        </a>
        <a class="btn" href={taskHref('elect', 'topics', name)}>
          Elect preferred leaders
        </a>
      </>
    ) : null}
    {may('admin', name) ? (
      <a class="btn" href={taskHref('spread', 'topics', name)}>
        Move replicas
      </a>
    ) : null}
  </span>
)

interface Holder {
  readonly id: number
  readonly held: readonly number[]
  readonly led: readonly number[]
  /** Holds, or leads, more than its share: CMAK's formula. */
  readonly isSkewed: boolean
  readonly isLeaderSkewed: boolean
}

function brokersOf(partitions: readonly Partition[]): Holder[] {
  const ids = [...new Set(partitions.flatMap(({ replicas }) => replicas))].sort((one, other) => one - other)
  const replicas = Math.max(0, ...partitions.map(one => one.replicas.length))
  const share = Math.ceil((partitions.length / ids.length) * replicas)
  const leadShare = Math.ceil(partitions.length / ids.length)
  const indexes = (fits: (one: Partition) => boolean) => partitions.filter(fits).map(({ index }) => index)
  return ids.map(id => {
    const held = indexes(one => one.replicas.includes(id))
    const led = indexes(one => one.leader === id)
    return { id, held, led, isSkewed: held.length > share, isLeaderSkewed: led.length > leadShare }
  })
}

const Indexes = ({ of, isSkewed }: { of: readonly number[]; isSkewed: boolean }) => (
  <>
    {isSkewed ? <Flagged level="warn" text={`${of.length}, skewed`} /> : of.length}
    {of.length === 0 ? null : <span class="soft"> ({rangesOf(of)})</span>}
  </>
)

/** 0-3, 7, 9-11 */
function rangesOf(sorted: readonly number[]): string {
  const ranges: [number, number][] = []
  for (const one of sorted) {
    const last = ranges.at(-1)
    if (last !== undefined && last[1] === one - 1) last[1] = one
    else ranges.push([one, one])
  }
  return ranges.map(([from, to]) => (from === to ? from : `${from}-${to}`)).join(', ')
}

const brokerColumns: readonly Cell<Holder>[] = [
  {
    title: 'Broker',
    cell: ({ id }) => <a href={withCluster(pathOf('brokers', String(id)))}>{id}</a>,
  },
  { title: 'Holds', cell: ({ held, isSkewed }) => <Indexes of={held} isSkewed={isSkewed} /> },
  { title: 'Leads', cell: ({ led, isLeaderSkewed }) => <Indexes of={led} isSkewed={isLeaderSkewed} /> },
]

export const TopicPage = ({ name }: { name: string }) => {
  const moves = useLook<MovesUnderWay>(apiOf('moves')).data
  return (
    <Page
      title={name}
      what={`topic ${name}`}
      asked={useLook<Topic>(apiOf('topics', name))}
      sub={({ row }) =>
        `${counted(row.partitions, 'partition')}, ${counted(row.replicas, 'replica')} of each`
      }
      action={
        <>
          {may('operator') ? (
            <a class="btn quiet" href={`${taskHref('create', 'topics')}&like=${encodeURIComponent(name)}`}>
              Create one like it
            </a>
          ) : null}
          {may('admin', name) ? (
            <>
              <a class="btn quiet" href={taskHref('empty', 'topics', name)}>
                Delete records
              </a>
              <a class="btn quiet" href={taskHref('delete', 'topics', name)}>
                Delete topic
              </a>
            </>
          ) : null}
          <a class="btn primary" href={withCluster(pathOf('topics', name, 'messages'))}>
            Messages
          </a>
        </>
      }
    >
      {({ row, partitions, groups, settings }) => (
        <>
          <dl class="facts wide-facts">
            <Fact name="Offsets" value={wholeOr(row.offsets)} />
            <Fact name="Rate" value={<Number value={rate(row.perSecond)} />} />
            <Fact name="Size of leaders" value={<Number value={bytes(row.bytes)} />} />
            <Fact name="Preferred replicas" value={<Percent of="preferred" row={row} />} />
            <Fact name="Under-replicated" value={<Percent of="underReplicated" row={row} />} />
            <Fact name="Brokers skewed" value={<Percent of="skew" row={row} />} />
            <Fact name="Leaders skewed" value={<Percent of="leaderSkew" row={row} />} />
            <Fact name="Brokers spread" value={<Percent of="spread" row={row} />} />
          </dl>
          <MovesSection topic={name} under={moves} />
          <Section title="Partitions" action={<PartitionActions name={name} />}>
            <Rows
              label={`Partitions of ${name}`}
              rows={partitions}
              columns={partitionColumns}
              nameOf={({ index }) => index}
            />
          </Section>
          <Section title="Brokers">
            <Rows
              label={`Brokers that hold ${name}`}
              rows={brokersOf(partitions)}
              columns={brokerColumns}
              nameOf={({ id }) => id}
            />
          </Section>
          <Section title="Consumer groups">
            {groups.length === 0 ? (
              <p class="soft">No consumer group reads this topic or has a position in it.</p>
            ) : (
              <Rows
                label={`Groups that read ${name}`}
                rows={groups}
                columns={groupColumns}
                nameOf={({ id }) => id}
              />
            )}
          </Section>
          <SettingsSection
            of={name}
            settings={settings}
            change={may('operator', name) ? taskHref('settings', 'topics', name) : undefined}
          />
        </>
      )}
    </Page>
  )
}
