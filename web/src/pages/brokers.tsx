// Brokers of a cluster, and one broker.
import type { BrokerTopics, Brokers, MovesUnderWay, Settings } from '../../../src/console/api.ts'
import { bytes, counted, percent, rate, whole } from '../format.ts'
import { Fact, Flagged, Number, Page, Section, State, Waiting } from '../parts.tsx'
import { may, useLook } from '../store.ts'
import { finds, Rows, Search, Table, type Cell, type Column } from '../table.tsx'
import { MovesSection } from './moves.tsx'
import { pathOf } from '../router.ts'
import { apiOf, taskHref, withCluster } from './shared.tsx'
import { SettingsSection } from './settings.tsx'

const none = <span class="faint">–</span>

type Broker = Brokers['brokers'][number]
type Directory = NonNullable<Broker['directories']>[number]

const usedOf = (directories: readonly Directory[]) => {
  const [total, usable] = (['totalBytes', 'usableBytes'] as const).map(name =>
    directories.reduce<number | null>(
      (sum, one) => (sum === null || one[name] === null ? null : sum + one[name]),
      0,
    ),
  )
  return total === null || usable === null ? null : { total: total!, used: total! - usable! }
}

const columns: readonly Cell<Broker>[] = [
  {
    title: 'Id',
    cell: ({ id }) => <a href={withCluster(pathOf('brokers', String(id)))}>{id}</a>,
  },
  { title: 'Address', cell: ({ host, port }) => `${host}:${port}` },
  { title: 'Rack', drop: 'p2', cell: ({ rack }) => rack ?? none },
  { title: 'Leads', isNumber: true, drop: 'p0', cell: ({ leaders }) => whole(leaders) },
  { title: 'Replicas', isNumber: true, drop: 'p1', cell: ({ replicas }) => whole(replicas) },
  { title: 'Written', isNumber: true, cell: broker => <Number value={rate(broker.perSecond)} /> },
  { title: 'Size', isNumber: true, drop: 'p1', cell: broker => <Number value={bytes(broker.bytes)} /> },
  {
    title: 'Disk used',
    isNumber: true,
    drop: 'p2',
    cell: ({ directories }) => {
      const used = usedOf(directories ?? [])
      if (used === null || used.total === 0) return none
      return <Number value={{ text: percent(used.used, used.total), unit: '%' }} />
    },
  },
  {
    title: 'State',
    cell: ({ isController, directories }) =>
      directories?.some(({ problem }) => problem !== null) ? (
        <State level="bad" word="a log directory failed" />
      ) : isController ? (
        'controller'
      ) : (
        none
      ),
  },
]

export const BrokersPage = () => {
  const moves = useLook<MovesUnderWay>(apiOf('moves'), 5000)
  return (
    <Page
      title="Brokers"
      what="the brokers"
      asked={useLook<Brokers>(apiOf('brokers'), 5000)}
      sub={({ brokers, clusterId }) =>
        `${counted(brokers.length, 'broker')}${clusterId === null ? '' : `, cluster ${clusterId}`}`
      }
      action={
        may('operator') ? (
          <a class="btn" href={taskHref('elect', 'brokers')}>
            Elect preferred leaders
          </a>
        ) : undefined
      }
    >
      {({ brokers }) => (
        <>
          <Rows label="Brokers" rows={brokers} columns={columns} nameOf={({ id }) => id} />
          <MovesSection under={moves.data} />
        </>
      )}
    </Page>
  )
}

const directoryColumns: readonly Cell<Directory>[] = [
  { title: 'Directory', cell: ({ path }) => <span class="mono">{path}</span> },
  {
    title: 'State',
    cell: ({ problem }) =>
      problem === null ? <State level="good" word="usable" /> : <State level="bad" word={problem} />,
  },
  { title: 'Replicas', isNumber: true, drop: 'p1', cell: ({ replicas }) => whole(replicas) },
  { title: 'Size', isNumber: true, cell: one => <Number value={bytes(one.bytes)} /> },
  { title: 'Free', isNumber: true, drop: 'p1', cell: one => <Number value={bytes(one.usableBytes)} /> },
  { title: 'Capacity', isNumber: true, drop: 'p2', cell: one => <Number value={bytes(one.totalBytes)} /> },
]

type BrokerTopic = BrokerTopics['topics'][number]

const topicColumns: readonly Column<BrokerTopic>[] = [
  {
    key: 'name',
    title: 'Topic',
    cell: ({ name }) => <a href={withCluster(pathOf('topics', name))}>{name}</a>,
    order: ({ name }) => name,
  },
  ...(
    [
      ['held', 'Replicas here', 'isSkewed'],
      ['led', 'Leads', 'isLeaderSkewed'],
    ] as const
  ).map(([key, title, skew]): Column<BrokerTopic> => ({
    key,
    title,
    isNumber: true,
    cell: row => (
      <>
        {row[skew] ? <Flagged level="warn" text={`${row[key]}, skewed`} /> : whole(row[key])}
        <span class="u"> of {whole(row.partitions)}</span>
      </>
    ),
    order: row => row[key],
  })),
  {
    key: 'rate',
    title: 'Written',
    isNumber: true,
    cell: row => <Number value={rate(row.perSecond)} />,
    order: row => row.perSecond,
  },
  {
    key: 'size',
    title: 'Size here',
    isNumber: true,
    drop: 'p1',
    cell: row => <Number value={bytes(row.bytes)} />,
    order: row => row.bytes,
  },
]

function TopicsSection({ id }: { id: string }) {
  const { data, refusal } = useLook<BrokerTopics>(apiOf('brokers', id, 'topics'), 5000)
  const found = data?.topics.filter(({ name }) => finds(name)) ?? []
  return (
    <Section title="Topics on this broker">
      {data === undefined ? (
        <Waiting refusal={refusal} what="the topics" />
      ) : (
        <>
          <Search what="topics" found={found.length} all={data.topics.length} />
          <Table
            label={`Topics on broker ${id}`}
            rows={found}
            columns={topicColumns}
            nameOf={({ name }) => name}
            empty={
              data.topics.length === 0
                ? 'No topic has a replica on this broker.'
                : 'No topic name contains this text. Shorten the text.'
            }
          />
        </>
      )}
    </Section>
  )
}

export const BrokerPage = ({ id }: { id: string }) => {
  const settings = useLook<Settings>(apiOf('brokers', id, 'settings'), 15_000)
  return (
    <Page
      title={`Broker ${id}`}
      what={`broker ${id}`}
      asked={useLook<Brokers>(apiOf('brokers'), 5000)}
      sub={({ brokers }) => {
        const broker = brokers.find(one => String(one.id) === id)
        return broker === undefined ? 'is not part of the cluster' : `${broker.host}:${broker.port}`
      }}
    >
      {({ brokers }) => {
        const broker = brokers.find(one => String(one.id) === id)
        if (broker === undefined)
          return (
            <p class="blank soft">
              The cluster has {counted(brokers.length, 'broker')}, and none of this id. Look at{' '}
              <a href={withCluster('/brokers')}>those it has</a>.
            </p>
          )
        return (
          <>
            <dl class="facts wide-facts">
              <Fact name="Leads" value={whole(broker.leaders)} />
              <Fact name="Replicas" value={whole(broker.replicas)} />
              <Fact name="Written" value={<Number value={rate(broker.perSecond)} />} />
              <Fact name="Size" value={<Number value={bytes(broker.bytes)} />} />
              <Fact name="Rack" value={broker.rack ?? '–'} />
              <Fact name="Controller" value={broker.isController ? 'yes' : 'no'} />
            </dl>
            <Section title="Log directories">
              {broker.directories === null ? (
                <p class="soft">This broker does not report log directories. Kafka 1.0 introduced that.</p>
              ) : (
                <Rows
                  label={`Log directories of broker ${id}`}
                  rows={broker.directories}
                  columns={directoryColumns}
                  nameOf={one => one.path}
                />
              )}
            </Section>
            <SettingsSection
              of={`broker ${id}`}
              settings={settings.data?.settings}
              change={may('admin', null) ? taskHref('settings', 'brokers', id) : undefined}
            />
            <TopicsSection id={id} />
          </>
        )
      }}
    </Page>
  )
}
