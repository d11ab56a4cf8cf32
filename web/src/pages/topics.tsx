// Topics of a cluster, and one topic.
import type { Topic, TopicRow, Topics } from '../../../src/console/api.ts'
import { bytes, counted, rate, whole, wholeOr } from '../format.ts'
import { Fact, Mark, Number, Page, Section } from '../parts.tsx'
import { parameter, pathOf, setParameter } from '../router.ts'
import { useLook } from '../store.ts'
import { finds, Rows, Search, Table, type Cell, type Column } from '../table.tsx'
import { apiOf, CmakNote, Percent } from './shared.tsx'

const columns: readonly Column<TopicRow>[] = [
  {
    key: 'name',
    title: 'Topic',
    cell: row => (
      <a href={pathOf('topics', row.name) + location.search.replace(/[?&](find|sort)=[^&]*/g, '')}>
        {row.name}
      </a>
    ),
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
      ['skew', 'Skew %'],
      ['leaderSkew', 'Leader skew %'],
      ['spread', 'Spread %'],
      ['preferred', 'Preferred %'],
      ['underReplicated', 'Under-repl. %'],
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
                  ? 'There is no topic yet. kafka-topics.sh --create --topic NAME makes one.'
                  : 'No topic has these words in its name.'
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

const Flagged = ({ level, text }: { level: 'warn' | 'bad'; text: string }) => (
  <span class={`flag ${level}-t`}>
    <Mark level={level} />
    {text}
  </span>
)

const partitionColumns: readonly Cell<Partition>[] = [
  { title: 'Partition', isNumber: true, cell: ({ index }) => index },
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
  { title: 'Group', cell: ({ id }) => <a href={pathOf('groups', id)}>{id}</a> },
  { title: 'Lag here', isNumber: true, cell: ({ lag }) => wholeOr(lag) },
]

const settingColumns: readonly Cell<NonNullable<Topic['settings']>[number]>[] = [
  { title: 'Setting', cell: ({ name }) => name },
  {
    title: 'Value',
    cell: ({ value, isDefault }) => <span class={isDefault ? 'soft' : 'changed'}>{value ?? '[hidden]'}</span>,
  },
]

export const TopicPage = ({ name }: { name: string }) => (
  <Page
    title={name}
    what={`topic ${name}`}
    asked={useLook<Topic>(apiOf('topics', name))}
    sub={({ row }) => `${counted(row.partitions, 'partition')}, ${counted(row.replicas, 'replica')} of each`}
    action={
      <a class="btn primary" href={pathOf('topics', name, 'messages')}>
        Messages
      </a>
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
        <Section title="Partitions">
          <Rows
            label={`Partitions of ${name}`}
            rows={partitions}
            columns={partitionColumns}
            nameOf={({ index }) => index}
          />
        </Section>
        <Section title="Consumer groups">
          {groups.length === 0 ? (
            <p class="soft">No group has a position here, and none reads it.</p>
          ) : (
            <Rows
              label={`Groups that read ${name}`}
              rows={groups}
              columns={groupColumns}
              nameOf={({ id }) => id}
            />
          )}
        </Section>
        <Settings topic={name} settings={settings} />
      </>
    )}
  </Page>
)

function Settings({ topic, settings }: { topic: string; settings: Topic['settings'] }) {
  if (settings === null)
    return (
      <Section title="Settings">
        <p class="soft">The brokers do not tell them: that came with Kafka 0.11.</p>
      </Section>
    )
  const showsAll = parameter('settings') === 'all'
  const shown = showsAll ? settings : settings.filter(({ isDefault }) => !isDefault)
  return (
    <Section
      title="Settings"
      action={
        <button
          class="btn link right"
          onClick={() => setParameter('settings', showsAll ? null : 'all', false)}
        >
          {showsAll ? 'Only those that are set' : `All ${settings.length}`}
        </button>
      }
    >
      {!showsAll && shown.length === 0 ? (
        <p class="soft">All are the brokers’ defaults.</p>
      ) : (
        <Rows
          label={`Settings of ${topic}`}
          rows={shown}
          columns={settingColumns}
          nameOf={one => one.name}
          isDense
        />
      )}
    </Section>
  )
}
