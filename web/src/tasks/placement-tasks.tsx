// Pages that spread replicas over brokers, give up moves, and have preferred leaders elected.
import type { Brokers, Outcomes, Placement, Topic, Topics } from '../../../src/console/api.ts'
import { bytes, counted, whole, refusalText } from '../format.ts'
import { Number as Figure, Scroll } from '../parts.tsx'
import { apiOf } from '../pages/shared.tsx'
import { parameter, pathOf, setParameter } from '../router.ts'
import { may, useLook } from '../store.ts'
import { Check, Effects, Field, leave, Task, TaskWaiting, useChange, type Change } from './form.tsx'
import { Heads } from '../table.tsx'

/** What was refused of several; null where nothing was. */
function problemsOf({ outcomes }: Outcomes): string | null {
  const refused = outcomes.filter(({ problem }) => problem !== null)
  if (refused.length === 0) return null
  const [first] = refused
  return `${refused.length} of ${outcomes.length} were refused; ${first!.what}: ${first!.problem}`
}

export function Reassign({ name }: { name: string }) {
  const brokers = useLook<Brokers>(apiOf('brokers'), 10_000)
  const change = useChange()
  const chosen =
    parameter('brokers')
      ?.split(',')
      .filter(one => one !== '') ?? null
  const replicas = parameter('replicas')
  const query = new URLSearchParams()
  if (chosen !== null) query.set('brokers', chosen.join(','))
  if (replicas !== null) query.set('replicas', replicas)
  const isAsked = chosen === null || chosen.length > 0
  const plan = useLook<Placement>(isAsked ? `${apiOf('topics', name, 'placement')}?${query}` : '', 5000)
  const title = `Spread ${name} over brokers`
  if (brokers.data === undefined) return <TaskWaiting title={title} refusal={brokers.refusal} />
  const ids = brokers.data.brokers.map(({ id }) => String(id))
  const partitions = (isAsked ? plan.data?.partitions : undefined) ?? []
  const moves = partitions.filter(one => one.before.join() !== one.after.join())
  const copies = moves.reduce(
    (sum, { before, after, bytes: size }) =>
      sum + after.filter(id => !before.includes(id)).length * (size ?? 0),
    0,
  )
  const submit = async () => {
    const body = { partitions: moves.map(({ index, before, after }) => ({ index, before, after })) }
    const answer = await change.run<Outcomes>('Starting', 'PUT', apiOf('topics', name, 'placement'), body)
    if (answer === null) return
    const problem = problemsOf(answer)
    if (problem !== null) return change.refuse(problem)
    leave(pathOf('topics', name), `${counted(moves.length, 'partition')} of ${name} began to move.`)
  }
  const now = partitions[0]?.before.length
  return (
    <Task
      title={title}
      sub="Round robin, without regard to racks"
      back={pathOf('topics', name)}
      change={change}
      isWide
      button={moves.length === 0 ? 'Move partitions' : `Move ${counted(moves.length, 'partition')}`}
      isReady={moves.length > 0}
      submit={() => void submit()}
    >
      <div class="row">
        <fieldset class="field">
          <legend>Brokers</legend>
          <div class="checks">
            {brokers.data.brokers.map(({ id, host, port }) => (
              <Check
                key={id}
                label={`${id}, ${host}:${port}`}
                isOn={chosen === null || chosen.includes(String(id))}
                set={isOn => {
                  const others = (chosen ?? ids).filter(one => one !== String(id))
                  const next = isOn ? [...others, String(id)] : others
                  setParameter('brokers', next.length === ids.length ? null : next.join(',') || ',', false)
                }}
              />
            ))}
          </div>
        </fieldset>
        <Field
          label="Replicas of each"
          value={replicas ?? String(now ?? '')}
          set={value => setParameter('replicas', /^\d*$/.test(value) ? value : replicas, false)}
          size="short"
          mode="numeric"
          problem={isAsked && plan.refusal !== undefined ? refusalText(plan.refusal) : undefined}
        />
      </div>
      {partitions.length === 0 ? (
        <p class="soft" role="status">
          {isAsked ? (plan.refusal === undefined ? 'Making the plan …' : '') : 'Choose a broker.'}
        </p>
      ) : (
        <section aria-labelledby="plan">
          <div class="sec-head">
            <h2 id="plan">Plan</h2>
            <span class="soft">the first broker is the preferred leader</span>
          </div>
          <Effects
            of={[
              ['Partitions that move', `${moves.length} of ${partitions.length}`],
              ['To be copied', <Figure value={bytes(copies)} />],
            ]}
          />
          <Scroll>
            <table class="t">
              <caption class="vh">Current and planned replicas</caption>
              <Heads of={['Partition', 'Now', 'Then', ['Size', 'r p1']]} />
              <tbody>
                {partitions.map(({ index, before, after, bytes: size }) => (
                  <tr key={index}>
                    <th scope="row">{index}</th>
                    <td>{before.join(', ')}</td>
                    <td>
                      {before.join() === after.join() ? (
                        <span class="was">stays</span>
                      ) : (
                        after.map((id, at) => (
                          <span key={id} class={before.includes(id) ? '' : 'now'}>
                            {at === 0 ? '' : ', '}
                            {id}
                            {before.includes(id) ? '' : ' new'}
                          </span>
                        ))
                      )}
                    </td>
                    <td class="r p1">
                      <Figure value={bytes(size)} />
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </Scroll>
        </section>
      )}
    </Task>
  )
}

export function StopMoves({ name }: { name: string }) {
  const change = useChange()
  const submit = async () => {
    const answer = await change.run<Outcomes>('Stopping', 'DELETE', apiOf('topics', name, 'placement'), {
      name,
    })
    if (answer === null) return
    const problem = problemsOf(answer)
    if (problem !== null) return change.refuse(problem)
    leave(
      pathOf('topics', name),
      answer.outcomes.length === 0
        ? `No partition of ${name} was moving.`
        : `${counted(answer.outcomes.length, 'partition')} of ${name} stay where they were.`,
    )
  }
  return (
    <Task
      title={`Stop the moves of ${name}?`}
      sub="Replicas stay on their current brokers"
      back={pathOf('topics', name)}
      change={change}
      button="Stop the moves"
      submit={() => void submit()}
    >
      <p class="lead">
        What has been copied to the new brokers is deleted there. Partitions that have moved already stay on
        their new brokers.
      </p>
    </Task>
  )
}

async function elect(change: Change, topics: readonly string[], back: string): Promise<void> {
  const answer = await change.run<Outcomes>('Electing', 'POST', apiOf('elections'), { topics })
  if (answer === null) return
  const problem = problemsOf(answer)
  if (problem !== null) return change.refuse(problem)
  leave(
    back,
    answer.outcomes.length === 0
      ? 'Every partition already had its preferred leader.'
      : `${counted(answer.outcomes.length, 'partition')} ${answer.outcomes.length === 1 ? 'has its' : 'have their'} preferred leader.`,
  )
}

export function ElectForTopic({ name }: { name: string }) {
  const { data, refusal } = useLook<Topic>(apiOf('topics', name))
  const change = useChange()
  if (data === undefined)
    return <TaskWaiting title={`Elect preferred leaders of ${name}`} refusal={refusal} />
  const wrong = data.partitions.filter(({ leader, replicas }) => leader !== replicas[0])
  const able = wrong.filter(({ isr, replicas }) => isr.includes(replicas[0]!))
  return (
    <Task
      title={`Elect preferred leaders of ${name}`}
      sub={`${wrong.length} of ${counted(data.partitions.length, 'partition')} ${wrong.length === 1 ? 'is' : 'are'} led by another`}
      back={pathOf('topics', name)}
      change={change}
      button={wrong.length === 0 ? undefined : `Elect ${counted(wrong.length, 'leader')}`}
      submit={() => void elect(change, [name], pathOf('topics', name))}
    >
      {wrong.length === 0 ? (
        <p class="lead">Every partition is led by its preferred replica (the first in its list).</p>
      ) : (
        <>
          <p class="lead">
            Each partition is led by the first of its replicas again, so that brokers have an even share of
            the work.
            {able.length < wrong.length
              ? ` ${whole(wrong.length - able.length)} of them cannot be at the moment: that replica is not in sync.`
              : ''}
          </p>
          <Scroll>
            <table class="t">
              <caption class="vh">Partitions with another leader</caption>
              <Heads of={['Partition', ['Leader now', 'r'], ['Preferred', 'r'], 'In sync']} />
              <tbody>
                {wrong.map(({ index, leader, replicas, isr }) => (
                  <tr key={index}>
                    <th scope="row">{index}</th>
                    <td class="r">{leader < 0 ? 'none' : leader}</td>
                    <td class="r now">{replicas[0]}</td>
                    <td>{isr.join(', ')}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </Scroll>
        </>
      )}
    </Task>
  )
}

export function ElectForCluster() {
  const { data, refusal } = useLook<Topics>(apiOf('topics'))
  const change = useChange()
  if (data === undefined) return <TaskWaiting title="Elect preferred leaders" refusal={refusal} />
  const wrong = data.topics.filter(
    ({ name, percentages, partitions }) =>
      partitions > 0 && percentages.preferred < 100 && may('operator', name),
  )
  return (
    <Task
      title="Elect preferred leaders"
      sub={`${counted(wrong.length, 'topic')} with partitions that have another leader`}
      back="/brokers"
      change={change}
      button={wrong.length === 0 ? undefined : `Elect for ${counted(wrong.length, 'topic')}`}
      submit={() =>
        void elect(
          change,
          wrong.map(({ name }) => name),
          '/brokers',
        )
      }
    >
      {wrong.length === 0 ? (
        <p class="lead">Every partition is led by its preferred replica (the first in its list).</p>
      ) : (
        <Scroll>
          <table class="t">
            <caption class="vh">Topics with partitions that have another leader</caption>
            <Heads of={['Topic', ['Partitions', 'r'], ['Led by the preferred, %', 'r']]} />
            <tbody>
              {wrong.map(({ name, partitions, percentages }) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td class="r">{whole(partitions)}</td>
                  <td class="r">{percentages.preferred}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
    </Task>
  )
}
