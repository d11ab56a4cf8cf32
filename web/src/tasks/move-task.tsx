// The page that moves the replicas of one topic or of several to other brokers: a choice, a plan that may be edited by
// hand, and the moves, with a limit for their rate.
import type { ComponentChildren } from 'preact'
import { useEffect, useMemo, useState } from 'preact/hooks'
import type {
  Brokers,
  Outcomes,
  Placements,
  Refusal,
  TopicMove,
  TopicRow,
  Topics,
} from '../../../src/console/api.ts'
import { bytes, counted, duration, refusalText, whole } from '../format.ts'
import { Banner, Number as Figure, Scroll } from '../parts.tsx'
import { apiOf, Percent } from '../pages/shared.tsx'
import { parameter, pathOf, setParameter } from '../router.ts'
import { may, tell, useLook } from '../store.ts'
import { finds, Heads, Search, Table, type Column } from '../table.tsx'
import {
  Check,
  Effects,
  Field,
  leave,
  listIn,
  problemsOf,
  Task,
  TaskWaiting,
  toggle,
  useChange,
} from './form.tsx'

const shownAtFirst = 200
/** Longer lists of names do not fit into an address. */
const mostNamed = 200
const every = '*'

type Row = TopicMove & { readonly bytes: number | null }

const nameOf = ({ topic, index }: Pick<Row, 'topic' | 'index'>) => `${topic}-${index}`

interface Plan {
  readonly rows: readonly Row[]
  /** Topics without a plan, and why. */
  readonly problems: readonly string[]
}

/** Asked for anew with each question, and with each `round`. */
function usePlan(topics: readonly string[], round: unknown): { plan?: Plan; refusal?: Refusal } {
  const chosen =
    parameter('brokers')
      ?.split(',')
      .filter(one => one !== '') ?? null
  const replicas = parameter('replicas')
  const body = JSON.stringify({
    topics,
    brokers: chosen?.map(Number) ?? null,
    replicas: replicas === null ? null : +replicas,
  })
  const isAsked = topics.length > 0 && chosen?.length !== 0
  const [known, setKnown] = useState<{ body: string; plan?: Plan; refusal?: Refusal }>({ body: '' })
  useEffect(() => {
    if (!isAsked) return
    let isOver = false
    void tell<Placements>('POST', apiOf('placement', 'plan'), JSON.parse(body) as object).then(found => {
      if (isOver) return
      if ('refusal' in found) return setKnown({ body, refusal: found.refusal })
      const all = found.data.topics
      const rows = all.flatMap(({ topic, partitions }) => partitions.map(one => ({ topic, ...one })))
      const problems = all.flatMap(({ topic, problem }) => (problem === null ? [] : [`${topic}: ${problem}`]))
      setKnown({ body, plan: { rows, problems } })
    })
    return () => {
      isOver = true
    }
  }, [body, isAsked, round])
  return isAsked && known.body === body ? known : {}
}

/** The brokers that somebody has written for a partition; null where it is no list of those there are. */
function writtenBrokers(text: string, ids: readonly number[]): number[] | null {
  const list = text.split(/[\s,]+/).filter(word => word !== '')
  const numbers = list.map(Number)
  const isRight = list.length > 0 && new Set(numbers).size === list.length
  return isRight && numbers.every(id => ids.includes(id)) ? numbers : null
}

export function MoveTopic({ name }: { name: string }) {
  return <Move title={`Move replicas of ${name}`} back={pathOf('topics', name)} topics={[name]} />
}

export function MoveTopics() {
  const { data, refusal } = useLook<Topics>(apiOf('topics'), 10_000)
  const title = 'Move replicas of topics'
  if (data === undefined) return <TaskWaiting title={title} refusal={refusal} />
  const rows = data.topics.filter(({ name, isInternal }) => !isInternal && may('admin', name))
  const found = rows.filter(({ name }) => finds(name))
  const isEvery = parameter('topics') === every
  const named = isEvery ? found.map(({ name }) => name) : listIn('topics')
  const topics = rows.map(({ name }) => name).filter(name => named.includes(name))
  const choose = (names: readonly string[]) => {
    const isAll = names.length === found.length && found.length > 1
    setParameter('topics', isAll || names.length > mostNamed ? every : names.join(','), false)
  }
  const columns: readonly Column<TopicRow>[] = [
    {
      key: 'name',
      title: 'Topic',
      cell: ({ name }) => (
        <Check
          label={name}
          isOn={topics.includes(name)}
          set={isOn => choose(isOn ? [...topics, name] : topics.filter(one => one !== name))}
        />
      ),
      order: ({ name }) => name,
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
      drop: 'p1',
      cell: row => whole(row.replicas),
      order: row => row.replicas,
    },
    {
      key: 'size',
      title: 'Size',
      isNumber: true,
      drop: 'p1',
      cell: row => <Figure value={bytes(row.bytes)} />,
      order: row => row.bytes,
    },
    ...(['spread', 'skew', 'leaderSkew'] as const).map((key): Column<TopicRow> => ({
      key,
      title: { spread: 'Spread', skew: 'Skew', leaderSkew: 'Leader skew' }[key],
      isNumber: true,
      drop: 'p2',
      cell: row => <Percent of={key} row={row} />,
      order: row => row.percentages[key],
    })),
  ]
  return (
    <Move title={title} back="/topics" topics={topics}>
      <section aria-labelledby="topics">
        <div class="sec-head">
          <h2 id="topics">Topics</h2>
          <Check
            label={`All ${whole(found.length)}`}
            isOn={found.length > 0 && found.every(({ name }) => topics.includes(name))}
            set={isOn => choose(isOn ? found.map(({ name }) => name) : [])}
          />
        </div>
        <Search what="topics" found={found.length} all={rows.length} />
        <Table
          label="Topics to choose from"
          rows={found}
          columns={columns}
          nameOf={({ name }) => name}
          empty={
            rows.length === 0
              ? 'There is no topic to move.'
              : 'No topic name contains this text. Shorten the text.'
          }
        />
      </section>
    </Move>
  )
}

interface MoveProps {
  readonly title: string
  readonly back: string
  readonly topics: readonly string[]
  /** Where they are chosen. */
  readonly children?: ComponentChildren
}

function Move({ title, back, topics, children }: MoveProps) {
  const brokers = useLook<Brokers>(apiOf('brokers'), 10_000)
  const change = useChange()
  const isPlanned = children === undefined || parameter('plan') === 'shown'
  const { plan, refusal } = usePlan(isPlanned ? topics : [], change.refusal)
  const [edited, setEdited] = useState<Readonly<Record<string, string>>>({})
  const list = brokers.data?.brokers
  const ids = useMemo(() => list?.map(({ id }) => id) ?? [], [list])
  if (list === undefined) return <TaskWaiting title={title} refusal={brokers.refusal} />
  const rows = (plan?.rows ?? []).map(row => {
    const text = edited[nameOf(row)]
    return text === undefined ? row : { ...row, after: writtenBrokers(text, ids) ?? [] }
  })
  const odd = rows.find(({ after }) => after.length === 0)
  const moves = rows.filter(({ before, after }) => before.join() !== after.join())
  const limit = parameter('limit') ?? ''
  const bytesPerSecond = limit === '' ? null : Math.round(Number(limit) * 1024 * 1024)
  const submit = async () => {
    if (!isPlanned) return setParameter('plan', 'shown')
    if (odd !== undefined)
      return change.refuse(
        `Enter brokers that are there, such as ${ids.slice(0, 2).join(', ')}, for ${nameOf(odd)}.`,
      )
    if (bytesPerSecond !== null && !(bytesPerSecond >= 1024))
      return change.refuse('Enter a number above 0, or leave the field empty.', 'limit')
    const partitions = moves.map(({ topic, index, before, after }) => ({ topic, index, before, after }))
    const body = { partitions, bytesPerSecond }
    const answer = await change.run<Outcomes>('Starting', 'PUT', apiOf('placement'), body)
    if (answer === null) return
    const problem = problemsOf(answer)
    if (problem !== null) return change.refuse(problem)
    leave(
      children === undefined ? back : '/brokers',
      `${counted(moves.length, 'partition')} of ${topics.length === 1 ? topics[0] : counted(topics.length, 'topic')} began to move.`,
    )
  }
  const button = !isPlanned
    ? topics.length === 0
      ? 'Make the plan'
      : `Plan for ${counted(topics.length, 'topic')}`
    : moves.length === 0
      ? 'Move partitions'
      : `Move ${counted(moves.length, 'partition')}`
  return (
    <Task
      title={title}
      sub={
        isPlanned
          ? 'Nothing moves before you confirm the plan'
          : 'Choose topics and brokers; then look at the plan'
      }
      back={back}
      change={change}
      fields={['limit']}
      isWide
      button={button}
      isReady={isPlanned ? moves.length > 0 : topics.length > 0}
      submit={() => void submit()}
    >
      <div class="row">
        <BrokerChoice list={list} />
        <Field
          label="Replicas of each"
          value={parameter('replicas') ?? ''}
          set={value => setParameter('replicas', value.replaceAll(/\D/g, ''), false)}
          size="short"
          mode="numeric"
          hint="Empty: as many as now"
        />
        {may('admin', null) ? (
          <Field
            label="Limit, MiB/s per broker"
            value={limit}
            set={value => setParameter('limit', value, false)}
            size="short"
            mode="numeric"
            hint="Empty: no limit"
            problem={change.problemOf('limit')}
          />
        ) : null}
      </div>
      {children === undefined ? null : isPlanned ? (
        <p>
          {counted(topics.length, 'topic')} chosen.{' '}
          <button type="button" class="btn link" onClick={() => setParameter('plan', null)}>
            Choose others
          </button>
        </p>
      ) : (
        children
      )}
      {!isPlanned ? null : refusal !== undefined ? (
        <Banner level="bad" title={refusalText(refusal)} />
      ) : plan === undefined ? (
        <p class="soft" role="status">
          {topics.length === 0
            ? 'Choose a topic.'
            : parameter('brokers') === ','
              ? 'Choose a broker.'
              : 'Making the plan …'}
        </p>
      ) : (
        <PlanSection
          rows={rows}
          problems={plan.problems}
          isOne={children === undefined}
          bytesPerSecond={bytesPerSecond}
          edited={edited}
          edit={(row, text) => setEdited({ ...edited, [nameOf(row)]: text })}
        />
      )}
    </Task>
  )
}

function BrokerChoice({ list }: { list: Brokers['brokers'] }) {
  const ids = list.map(({ id }) => String(id))
  const chosen = parameter('brokers') === null ? ids : listIn('brokers')
  return (
    <fieldset class="field">
      <legend>Brokers</legend>
      <div class="checks">
        {list.map(({ id, host, port, rack }) => (
          <Check
            key={id}
            label={`${id}, ${host}:${port}${rack === null ? '' : `, rack ${rack}`}`}
            isOn={chosen.includes(String(id))}
            set={isOn => toggle('brokers', String(id), isOn, ids)}
          />
        ))}
      </div>
    </fieldset>
  )
}

interface PlanProps {
  readonly rows: readonly Row[]
  readonly problems: readonly string[]
  /** Rows need not name their topic. */
  readonly isOne: boolean
  readonly bytesPerSecond: number | null
  readonly edited: Readonly<Record<string, string>>
  readonly edit: (row: Row, text: string) => void
}

function PlanSection({ rows, problems, isOne, bytesPerSecond, edited, edit }: PlanProps) {
  const [most, setMost] = useState(shownAtFirst)
  const isEditing = parameter('edit') === 'on'
  const isMoved = ({ before, after }: Row) => before.join() !== after.join()
  const moves = rows.filter(isMoved)
  const arriving = new Map<number, number>()
  for (const { before, after, bytes: size } of moves)
    for (const id of after) if (!before.includes(id)) arriving.set(id, (arriving.get(id) ?? 0) + (size ?? 0))
  const copies = [...arriving.values()].reduce((sum, size) => sum + size, 0)
  // Where there are many, those that stay are not worth a line.
  const shown = isOne || isEditing ? rows : moves
  return (
    <section aria-labelledby="plan">
      <div class="sec-head">
        <h2 id="plan">Plan</h2>
        <span class="soft">
          round robin, without regard to racks; the first broker is the preferred leader
        </span>
        <span class="right">
          <Check
            label="Edit by hand"
            isOn={isEditing}
            set={isOn => setParameter('edit', isOn ? 'on' : null, false)}
          />
        </span>
      </div>
      <Effects
        of={[
          ['Partitions that move', `${whole(moves.length)} of ${whole(rows.length)}`],
          ['To be copied', <Figure value={bytes(copies)} />],
          ...(bytesPerSecond !== null && bytesPerSecond > 0 && copies > 0
            ? [
                [
                  'At this limit',
                  `${duration(Math.max(0, ...arriving.values()) / bytesPerSecond)} or more`,
                ] as const,
              ]
            : []),
        ]}
      />
      {problems.slice(0, 5).map(problem => (
        <Banner key={problem} level="warn" title={`No plan for ${problem}`} />
      ))}
      {problems.length > 5 ? <p class="soft">No plan for {whole(problems.length - 5)} more topics.</p> : null}
      {shown.length === 0 ? (
        <p class="soft">
          Every replica lies where the plan has it. Choose other brokers, or edit the plan by hand.
        </p>
      ) : (
        <Scroll>
          <table class="t">
            <caption class="vh">Current and planned replicas</caption>
            <Heads of={['Partition', 'Now', 'Then', ['Size', 'r p1']]} />
            <tbody>
              {shown.slice(0, most).map(row => (
                <tr key={nameOf(row)}>
                  <th scope="row">{isOne ? row.index : nameOf(row)}</th>
                  <td>{row.before.join(', ')}</td>
                  <td>
                    {isEditing ? (
                      <Field
                        label={`Replicas of ${nameOf(row)}`}
                        value={edited[nameOf(row)] ?? row.after.join(', ')}
                        set={text => edit(row, text)}
                        size="short"
                        isHidden
                        problem={row.after.length === 0 ? 'ids of brokers, with commas' : undefined}
                      />
                    ) : (
                      <Then row={row} />
                    )}
                  </td>
                  <td class="r p1">
                    <Figure value={bytes(row.bytes)} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
      {shown.length > most ? (
        <button type="button" class="btn" onClick={() => setMost(most + 1000)}>
          {whole(shown.length - most)} more partitions
        </button>
      ) : null}
    </section>
  )
}

const Then = ({ row: { before, after } }: { row: Row }) =>
  before.join() === after.join() ? (
    <span class="was">stays</span>
  ) : (
    <>
      {after.map((id, at) => (
        <span key={id} class={before.includes(id) ? '' : 'now'}>
          {at === 0 ? '' : ', '}
          {id}
          {before.includes(id) ? '' : ' new'}
        </span>
      ))}
    </>
  )
