// Pages that move the positions of a consumer group, after they have shown where to, and that delete it.
import { useState } from 'preact/hooks'
import type { Group, Outcome, PlannedPosition, ResetPlan } from '../../../src/console/api.ts'
import { counted, localTime, time, utcTime, whole, wholeOr, refusalText } from '../format.ts'
import { Choice, Banner, Scroll } from '../parts.tsx'
import { apiOf } from '../pages/shared.tsx'
import { parameter, pathOf, setParameter } from '../router.ts'
import { useLook } from '../store.ts'
import {
  Check,
  listIn,
  toggle,
  Effects,
  Field,
  leave,
  Task,
  TaskWaiting,
  useChange,
  Confirm,
} from './form.tsx'
import { Heads } from '../table.tsx'

type To = 'earliest' | 'latest' | 'time' | 'offset' | 'shift'

const words: readonly (readonly [To, string])[] = [
  ['earliest', 'Earliest'],
  ['latest', 'Latest'],
  ['time', 'Time'],
  ['offset', 'Offset'],
  ['shift', 'Shift'],
]

const nameOf = ({ topic, partition }: Pick<PlannedPosition, 'topic' | 'partition'>) => `${topic}-${partition}`
const signed = (value: number) => (value > 0 ? `+${whole(value)}` : value < 0 ? `−${whole(-value)}` : '0')
const lagOf = (end: number | null, at: number | null) =>
  end === null || at === null ? null : Math.max(0, end - at)

export function ResetOffsets({ id }: { id: string }) {
  const group = useLook<Group>(apiOf('groups', id))
  const to = words.find(([word]) => word === parameter('to'))?.[0] ?? 'earliest'
  const value = parameter('value') ?? ''
  const needsValue = to === 'time' || to === 'offset' || to === 'shift'
  const change = useChange()
  const topics = [...new Set(group.data?.positions.map(({ topic }) => topic))]
  const left = listIn('without')
  const chosen = topics.filter(topic => !left.includes(topic))
  const query = new URLSearchParams({ to, value, scope: chosen.join(';') })
  const isAsked = (!needsValue || value !== '') && chosen.length > 0
  const plan = useLook<ResetPlan>(isAsked ? `${apiOf('groups', id, 'reset')}?${query}` : '')
  const title = `Reset offsets of ${id}`
  if (group.data === undefined) return <TaskWaiting title={title} refusal={group.refusal} />
  const positions = isAsked ? (plan.data?.positions ?? []) : []
  const moved = positions.filter(one => one.to !== null && one.to !== one.from && !left.includes(nameOf(one)))
  const active = plan.data?.active ?? whoReads(group.data)
  const valueProblem = isAsked && plan.refusal?.field === 'value' ? plan.refusal : undefined
  const submit = async () => {
    const body = {
      positions: moved.map(({ topic, partition, from, to: at }) => ({ topic, partition, from, to: at })),
    }
    if (await change.run<Outcome>('Resetting', 'POST', apiOf('groups', id, 'positions'), body))
      leave(
        pathOf('groups', id),
        `${counted(moved.length, 'offset')} of group ${id} ${moved.length === 1 ? 'was' : 'were'} reset.`,
      )
  }
  return (
    <Task
      title={title}
      sub={
        active === null ? 'The group has no members and can be reset' : 'Preview only: the group has members'
      }
      back={pathOf('groups', id)}
      change={change}
      isWide
      button={moved.length === 0 ? 'Reset offsets' : `Reset ${counted(moved.length, 'offset')}`}
      isReady={active === null && moved.length > 0}
      submit={() => void submit()}
    >
      {active === null ? null : (
        <Banner level="warn" title={active}>
          Offsets can be reset once nobody is in the group. This is what it would do.
        </Banner>
      )}
      <div class="row">
        <Choice
          label="Move to"
          name="to"
          value={to}
          of={words}
          set={word => {
            setParameter('value', null, false)
            setParameter('to', word, false)
          }}
        />
        {to === 'time' ? (
          <Field
            label="Time, local"
            type="datetime-local"
            value={localTime(value)}
            set={local => setParameter('value', utcTime(local), false)}
            hint={
              value === '' ? 'The first record at or after this time' : `${value.replace('.000', '')} in UTC`
            }
            problem={valueProblem?.error}
          />
        ) : needsValue ? (
          <Field
            label={to === 'shift' ? 'Records, − for back' : 'Offset, in every partition'}
            value={value}
            set={text => setParameter('value', text.trim(), false)}
            size="short"
            mode={to === 'offset' ? 'numeric' : 'text'}
            problem={valueProblem && refusalText(valueProblem)}
          />
        ) : null}
      </div>
      {topics.length < 2 ? null : (
        <fieldset class="field">
          <legend>Topics</legend>
          <div class="checks">
            {topics.map(topic => (
              <Check
                key={topic}
                label={topic}
                isOn={chosen.includes(topic)}
                set={isOn => toggle('without', topic, !isOn)}
              />
            ))}
          </div>
        </fieldset>
      )}
      {positions.length > 0 ? (
        <Preview positions={positions} left={left} takenAt={plan.data!.takenAt} />
      ) : (
        <p class="soft" role="status">
          {chosen.length === 0
            ? topics.length === 0
              ? 'The group has no position to reset.'
              : 'Choose a topic.'
            : !isAsked
              ? 'Choose a target. The preview appears here before anything is changed.'
              : plan.refusal !== undefined && valueProblem === undefined
                ? refusalText(plan.refusal)
                : plan.refusal === undefined
                  ? 'Reading the offsets …'
                  : ''}
        </p>
      )}
    </Task>
  )
}

const whoReads = ({ row, members }: Group): string | null => {
  const [first] = members
  if (first === undefined) return row.state === 'Empty' ? null : `Group ${row.id} is ${row.state}`
  const more = members.length - 1
  return `${first.clientId} at ${first.host}${more > 0 ? ` and ${more} more` : ''} ${more > 0 ? 'are' : 'is'} in group ${row.id}`
}

function Preview({
  positions,
  left,
  takenAt,
}: {
  positions: readonly PlannedPosition[]
  left: readonly string[]
  takenAt: number
}) {
  const isIn = (one: PlannedPosition) => one.to !== null && !left.includes(nameOf(one))
  const moves = positions.filter(isIn).map(one => one.to! - (one.from ?? one.first!))
  const again = -moves.filter(by => by < 0).reduce((sum, by) => sum + by, 0)
  const skipped = moves.filter(by => by > 0).reduce((sum, by) => sum + by, 0)
  const total = (values: readonly (number | null)[]) =>
    values.reduce<number>((sum, value) => sum + (value ?? 0), 0)
  const lagNow = total(positions.map(one => lagOf(one.end, one.from ?? one.first)))
  const lagThen = total(positions.map(one => lagOf(one.end, isIn(one) ? one.to : (one.from ?? one.first))))
  return (
    <section aria-labelledby="preview">
      <div class="sec-head">
        <h2 id="preview">Preview</h2>
        <span class="soft">as of {time(takenAt)}; committed as shown, or not at all</span>
      </div>
      <Effects
        of={[
          ['Read again', whole(again)],
          ['Skipped', whole(skipped)],
          ['Lag now', whole(lagNow)],
          ['Lag then', whole(lagThen)],
        ]}
      />
      <Scroll>
        <table class="t">
          <caption class="vh">Positions of the group after the reset</caption>
          <Heads
            of={[
              'Partition',
              ['Now', 'r'],
              ['Then', 'r'],
              ['Moves', 'r p1'],
              ['Lag then', 'r p2'],
              ['Remark', 'p2'],
            ]}
          />
          <tbody>
            {positions.map(one => (
              <tr key={nameOf(one)}>
                <th scope="row">
                  <Check
                    label={nameOf(one)}
                    isOn={!left.includes(nameOf(one))}
                    set={isOn => toggle('without', nameOf(one), !isOn)}
                  />
                </th>
                <td class="r">{wholeOr(one.from, 'none')}</td>
                <td class={`r ${isIn(one) ? 'now' : 'was'}`}>{isIn(one) ? whole(one.to!) : 'stays'}</td>
                <td class="r p1">
                  {isIn(one) && one.from !== null ? signed(one.to! - one.from) : <span class="zero">–</span>}
                </td>
                <td class="r p2">{wholeOr(lagOf(one.end, isIn(one) ? one.to : one.from))}</td>
                <td class="p2 soft">{one.note}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </section>
  )
}

export function DeleteGroup({ id }: { id: string }) {
  const { data, refusal } = useLook<Group>(apiOf('groups', id))
  const change = useChange()
  const [typed, setTyped] = useState('')
  if (data === undefined) return <TaskWaiting title={`Delete ${id}`} refusal={refusal} />
  const active = whoReads(data)
  const submit = async () => {
    if (await change.run<Outcome>('Deleting', 'DELETE', apiOf('groups', id), { name: typed }))
      leave('/groups', `Group ${id} was deleted.`)
  }
  return (
    <Task
      title={`Delete group ${id}?`}
      sub="It cannot be undone"
      back={pathOf('groups', id)}
      change={change}
      fields={['name']}
      button="Delete group"
      isDangerous
      isReady={typed === id && active === null}
      submit={() => void submit()}
    >
      {active === null ? null : (
        <Banner level="warn" title={active}>
          A group is deleted once nobody is in it.
        </Banner>
      )}
      <p class="lead">
        Its positions are forgotten: who joins it again begins where its own settings say (auto.offset.reset).
      </p>
      <Effects
        of={[
          ['Positions', whole(data.positions.filter(one => one.committed !== null).length)],
          ['Topics', whole(data.row.topics.length)],
          ['Lag', wholeOr(data.row.lag)],
        ]}
      />
      <Confirm name={id} typed={typed} set={setTyped} change={change} />
    </Task>
  )
}
