// Pages that give up moves of replicas, lift their limit, and have preferred leaders elected.
import type { MovesUnderWay, Outcomes, Topic, Topics } from '../../../src/console/api.ts'
import { bytes, counted, whole } from '../format.ts'
import { Number as Figure, Scroll } from '../parts.tsx'
import { apiOf } from '../pages/shared.tsx'
import { pathOf } from '../router.ts'
import { may, useLook } from '../store.ts'
import { leave, problemsOf, Task, TaskWaiting, useChange, type Change } from './form.tsx'
import { Heads } from '../table.tsx'

interface StopProps {
  readonly what: string
  readonly topics: readonly string[]
  readonly back: string
}

function Stop({ what, topics, back }: StopProps) {
  const change = useChange()
  const submit = async () => {
    const answer = await change.run<Outcomes>('Stopping', 'DELETE', apiOf('placement'), { topics })
    if (answer === null) return
    const problem = problemsOf(answer)
    if (problem !== null) return change.refuse(problem)
    const count = answer.outcomes.length
    leave(
      back,
      count === 0
        ? `No partition of ${what} was moving.`
        : `${counted(count, 'partition')} of ${what} ${count === 1 ? 'stays where it was' : 'stay where they were'}.`,
    )
  }
  return (
    <Task
      title={`Stop the moves of ${what}?`}
      sub="Replicas stay on their current brokers"
      back={back}
      change={change}
      button={topics.length === 0 ? undefined : 'Stop the moves'}
      submit={() => void submit()}
    >
      <p class="lead">
        {topics.length === 0
          ? 'No partition is moving.'
          : 'What has been copied to the new brokers is deleted there. Partitions that have moved already stay on their new brokers.'}
      </p>
    </Task>
  )
}

export const StopMoves = ({ name }: { name: string }) => (
  <Stop what={name} topics={[name]} back={pathOf('topics', name)} />
)

export function StopAllMoves() {
  const { data, refusal } = useLook<MovesUnderWay>(apiOf('moves'))
  if (data === undefined) return <TaskWaiting title="Stop the moves" refusal={refusal} />
  const topics = [...new Set(data.moves?.map(({ topic }) => topic))].filter(name => may('admin', name))
  return (
    <Stop
      what={topics.length === 1 ? topics[0]! : counted(topics.length, 'topic')}
      topics={topics}
      back="/brokers"
    />
  )
}

export function LiftLimit() {
  const change = useChange()
  const { data, refusal } = useLook<MovesUnderWay>(apiOf('moves'))
  if (data === undefined) return <TaskWaiting title="Remove the limit" refusal={refusal} />
  const { bytesPerSecond, moves } = data
  const submit = async () => {
    const answer = await change.run<Outcomes>('Removing', 'DELETE', apiOf('placement', 'limit'), {})
    if (answer === null) return
    const problem = problemsOf(answer)
    if (problem !== null) return change.refuse(problem)
    leave('/brokers', 'The limit for moves was removed from all brokers and topics.')
  }
  return (
    <Task
      title="Remove the limit for moves?"
      sub="From all brokers and topics"
      back="/brokers"
      change={change}
      button={bytesPerSecond === null ? undefined : 'Remove the limit'}
      submit={() => void submit()}
    >
      <p class="lead">
        {bytesPerSecond === null ? (
          'No broker has a limit.'
        ) : (
          <>
            Brokers send and receive at most <Figure value={bytes(bytesPerSecond)} />
            /s for moves. {counted(moves?.length ?? 0, 'partition')} {moves?.length === 1 ? 'is' : 'are'}{' '}
            moving.
          </>
        )}
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
