// Topics of a cluster, and one topic.
import type { Topic, TopicRow, Topics } from '../../../src/console/api.ts'
import { bytes, counted, rate, whole, wholeOr } from '../format.ts'
import { Head, Mark, Number, Scroll, Waiting } from '../parts.tsx'
import { parameter, pathOf, setParameter } from '../router.ts'
import { useLook } from '../store.ts'
import { finds, Search, Table, type Column } from '../table.tsx'
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

export function TopicsPage() {
  const { data, refusal } = useLook<Topics>(apiOf('topics'))
  if (data === undefined)
    return (
      <main class="main" id="main">
        <Head title="Topics" sub="" />
        <Waiting refusal={refusal} what="the topics" />
      </main>
    )
  const showsInternal = parameter('internal') === 'shown'
  const internal = data.topics.filter(({ isInternal }) => isInternal).length
  const all = data.topics.filter(({ isInternal }) => showsInternal || !isInternal)
  const found = all.filter(({ name }) => finds(name))
  const partitions = all.reduce((sum, row) => sum + row.partitions, 0)
  return (
    <main class="main" id="main">
      <Head title="Topics" sub={`${counted(all.length, 'topic')}, ${counted(partitions, 'partition')}`} />
      {refusal === undefined ? null : <Waiting refusal={refusal} what="what is new" />}
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
    </main>
  )
}

export function TopicPage({ name }: { name: string }) {
  const { data, refusal } = useLook<Topic>(apiOf('topics', name))
  if (data === undefined)
    return (
      <main class="main" id="main">
        <Head title={name} sub="" />
        <Waiting refusal={refusal} what={`topic ${name}`} />
      </main>
    )
  const { row, partitions, settings, groups } = data
  const written = settings?.filter(({ isDefault }) => !isDefault) ?? []
  const showsAll = parameter('settings') === 'all'
  return (
    <main class="main" id="main">
      <Head
        title={name}
        sub={`${counted(row.partitions, 'partition')}, ${counted(row.replicas, 'replica')} of each`}
      >
        <a class="btn primary" href={pathOf('topics', name, 'messages')}>
          Messages
        </a>
      </Head>
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
      <section class="sec">
        <div class="sec-head">
          <h2>Partitions</h2>
        </div>
        <Scroll>
          <table class="t">
            <caption class="vh">Partitions of {name}</caption>
            <thead>
              <tr>
                <th scope="col" class="r">
                  Partition
                </th>
                <th scope="col" class="r">
                  First
                </th>
                <th scope="col" class="r">
                  Next
                </th>
                <th scope="col" class="r">
                  Records
                </th>
                <th scope="col" class="r p1">
                  Size
                </th>
                <th scope="col">Leader</th>
                <th scope="col" class="p1">
                  Replicas
                </th>
                <th scope="col" class="p2">
                  In sync
                </th>
              </tr>
            </thead>
            <tbody>
              {partitions.map(one => (
                <tr key={one.index}>
                  <th scope="row" class="r">
                    {one.index}
                  </th>
                  <td class="r">{wholeOr(one.first)}</td>
                  <td class="r">{wholeOr(one.next)}</td>
                  <td class="r">
                    {one.first === null || one.next === null ? '–' : whole(one.next - one.first)}
                  </td>
                  <td class="r p1">
                    <Number value={bytes(one.bytes)} />
                  </td>
                  <td>
                    {one.leader < 0 ? (
                      <span class="flag bad-t">
                        <Mark level="bad" />
                        none
                      </span>
                    ) : (
                      one.leader
                    )}
                  </td>
                  <td class="p1">{one.replicas.join(', ')}</td>
                  <td class="p2">
                    {one.isr.length < one.replicas.length ? (
                      <span class="flag warn-t">
                        <Mark level="warn" />
                        {one.isr.join(', ') || 'none'}
                      </span>
                    ) : (
                      one.isr.join(', ')
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      </section>
      <section class="sec">
        <div class="sec-head">
          <h2>Consumer groups</h2>
        </div>
        {groups.length === 0 ? (
          <p class="soft">No group has a position here, and none reads it.</p>
        ) : (
          <Scroll>
            <table class="t">
              <caption class="vh">Groups that read {name}</caption>
              <thead>
                <tr>
                  <th scope="col">Group</th>
                  <th scope="col" class="r">
                    Lag here
                  </th>
                </tr>
              </thead>
              <tbody>
                {groups.map(({ id, lag }) => (
                  <tr key={id}>
                    <th scope="row">
                      <a href={pathOf('groups', id)}>{id}</a>
                    </th>
                    <td class="r">{wholeOr(lag)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </Scroll>
        )}
      </section>
      <section class="sec">
        <div class="sec-head">
          <h2>Settings</h2>
          {settings === null ? null : (
            <button
              class="btn link right"
              onClick={() => setParameter('settings', showsAll ? null : 'all', false)}
            >
              {showsAll ? 'Only those that are set' : `All ${settings.length}`}
            </button>
          )}
        </div>
        {settings === null ? (
          <p class="soft">The brokers do not tell them: that came with Kafka 0.11.</p>
        ) : !showsAll && written.length === 0 ? (
          <p class="soft">All are the brokers’ defaults.</p>
        ) : (
          <Scroll>
            <table class="t dense">
              <caption class="vh">Settings of {name}</caption>
              <thead>
                <tr>
                  <th scope="col">Setting</th>
                  <th scope="col">Value</th>
                </tr>
              </thead>
              <tbody>
                {(showsAll ? settings : written).map(one => (
                  <tr key={one.name}>
                    <th scope="row">{one.name}</th>
                    <td class={one.isDefault ? 'soft' : 'changed'}>{one.value ?? '[hidden]'}</td>
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

const Fact = ({ name, value }: { name: string; value: preact.ComponentChildren }) => (
  <div>
    <dt>{name}</dt>
    <dd>{value}</dd>
  </div>
)
