// Pages that make, grow, empty and delete topics.
import { useEffect, useState } from 'preact/hooks'
import type { Outcome, Outcomes, Topic } from '../../../src/console/api.ts'
import { bytes, counted, refusalText, whole } from '../format.ts'
import { Choice, Number as Figure } from '../parts.tsx'
import { apiOf } from '../pages/shared.tsx'
import { parameter, pathOf, setParameter } from '../router.ts'
import { ask, useLook } from '../store.ts'
import { Effects, Field, leave, Pairs, Task, TaskWaiting, useChange, type Pair, Confirm } from './form.tsx'

/** Those that are set most. */
const commonSettings = [
  'cleanup.policy',
  'retention.ms',
  'retention.bytes',
  'max.message.bytes',
  'min.insync.replicas',
  'compression.type',
  'segment.ms',
  'segment.bytes',
  'delete.retention.ms',
  'message.timestamp.type',
]

const isWhole = (text: string) => /^\d{1,9}$/.test(text)

export function CreateTopic() {
  const change = useChange()
  const of = (name: string) => parameter(name) ?? ''
  const field = (name: string) => ({
    value: of(name),
    set: (value: string) => setParameter(name, value, false),
    problem: change.problemOf(name),
  })
  const [settings, setSettings] = useState<readonly Pair[]>([])
  const like = parameter('like')
  useEffect(() => {
    if (like === null) return
    void ask<Topic>(apiOf('topics', like)).then(found => {
      if ('refusal' in found) return change.refuse(refusalText(found.refusal))
      const { row, settings: all } = found.data
      setParameter('partitions', String(row.partitions), false)
      setParameter('replicas', String(row.replicas), false)
      setSettings(
        (all ?? []).flatMap(({ name, value, source }) =>
          source === 'topic' && value !== null ? [{ name, value }] : [],
        ),
      )
    })
  }, [like])
  const submit = async () => {
    const name = of('name').trim()
    if (name === '') return change.refuse('A topic has a name.', 'name')
    for (const one of ['partitions', 'replicas'])
      if (of(one) !== '' && (!isWhole(of(one)) || +of(one) === 0))
        return change.refuse('Enter a whole number above 0, or leave the field empty.', one)
    const body = {
      name,
      partitions: of('partitions') === '' ? null : +of('partitions'),
      replicas: of('replicas') === '' ? null : +of('replicas'),
      settings: settings.filter(one => one.name !== ''),
    }
    const url = apiOf('topics')
    if (!(await change.run<Outcome>('Checking', 'POST', url, { ...body, validateOnly: true }))) return
    if (await change.run<Outcome>('Creating', 'POST', url, { ...body, validateOnly: false }))
      leave(pathOf('topics', name), `Topic ${name} was created.`)
  }
  return (
    <Task
      title="Create a topic"
      sub={
        like === null
          ? 'Kafka validates the topic before it is created'
          : `With the partitions and settings of ${like}; records are not copied`
      }
      back={like === null ? '/topics' : pathOf('topics', like)}
      change={change}
      fields={['name', 'partitions', 'replicas', ...(settings.length > 0 ? ['settings'] : [])]}
      button="Create topic"
      submit={() => void submit()}
    >
      <Field label="Name" {...field('name')} size="name" hint="Letters, digits, dot, hyphen and underscore" />
      <div class="row">
        <Field
          label="Partitions"
          {...field('partitions')}
          size="short"
          mode="numeric"
          hint="Empty: default"
        />
        <Field
          label="Replicas of each"
          {...field('replicas')}
          size="short"
          mode="numeric"
          hint="Empty: default"
        />
      </div>
      <Pairs
        label="Settings that differ from the brokers’ defaults"
        what="setting"
        pairs={settings}
        set={setSettings}
        names={commonSettings}
        problem={change.problemOf('settings')}
      />
    </Task>
  )
}

const recordsOf = ({ partitions }: Topic): number =>
  partitions.reduce((sum, { first, next }) => sum + (next ?? 0) - (first ?? 0), 0)

const Readers = ({ groups }: { groups: Topic['groups'] }) =>
  groups.length === 0 ? (
    <p class="soft">No consumer group has a position in this topic.</p>
  ) : (
    <p>
      {groups.length === 1 ? 'One consumer group reads it' : `${groups.length} consumer groups read it`}:{' '}
      <b>
        {groups
          .slice(0, 5)
          .map(({ id }) => id)
          .join(', ')}
      </b>
      {groups.length > 5 ? ` and ${groups.length - 5} more` : ''}.
    </p>
  )

export function DeleteTopic({ name }: { name: string }) {
  const { data, refusal } = useLook<Topic>(apiOf('topics', name))
  const change = useChange()
  const [typed, setTyped] = useState('')
  if (data === undefined) return <TaskWaiting title={`Delete ${name}`} refusal={refusal} />
  const submit = async () => {
    if (await change.run<Outcome>('Deleting', 'DELETE', apiOf('topics', name), { name: typed }))
      leave('/topics', `Topic ${name} was deleted.`)
  }
  return (
    <Task
      title={`Delete topic ${name}?`}
      sub="It cannot be undone"
      back={pathOf('topics', name)}
      change={change}
      fields={['name']}
      button="Delete topic"
      isDangerous
      isReady={typed === name}
      submit={() => void submit()}
    >
      <p class="lead">This deletes the topic, its messages and its settings. It cannot be undone.</p>
      <Effects
        of={[
          ['Partitions', whole(data.partitions.length)],
          ['Records', whole(recordsOf(data))],
          ['Size of leaders', <Figure value={bytes(data.row.bytes)} />],
        ]}
      />
      <Readers groups={data.groups} />
      <Confirm name={name} typed={typed} set={setTyped} change={change} />
    </Task>
  )
}

export function AddPartitions({ name }: { name: string }) {
  const { data, refusal } = useLook<Topic>(apiOf('topics', name))
  const change = useChange()
  if (data === undefined) return <TaskWaiting title={`Add partitions to ${name}`} refusal={refusal} />
  const now = data.partitions.length
  const count = parameter('count') ?? String(now + 1)
  const more = isWhole(count) ? +count - now : 0
  const submit = async () => {
    if (!isWhole(count)) return change.refuse('Write a whole number.', 'partitions')
    const url = apiOf('topics', name, 'partitions')
    if (!(await change.run<Outcome>('Checking', 'POST', url, { count: +count, validateOnly: true }))) return
    if (await change.run<Outcome>('Adding', 'POST', url, { count: +count, validateOnly: false }))
      leave(pathOf('topics', name), `Topic ${name} has ${counted(+count, 'partition')} now.`)
  }
  return (
    <Task
      title={`Add partitions to ${name}`}
      sub={`It has ${counted(now, 'partition')}`}
      back={pathOf('topics', name)}
      change={change}
      fields={['partitions']}
      button={more > 0 ? `Add ${counted(more, 'partition')}` : 'Add partitions'}
      submit={() => void submit()}
    >
      <Field
        label="Partitions in all"
        value={count}
        set={value => setParameter('count', value, false)}
        size="short"
        mode="numeric"
        problem={change.problemOf('partitions')}
      />
      <p class="soft">
        Partitions cannot be taken away again. Records with a key may go to another partition from then on, so
        that their order holds only among those written before, and among those written after.
      </p>
    </Task>
  )
}

export function DeleteRecords({ name }: { name: string }) {
  const { data, refusal } = useLook<Topic>(apiOf('topics', name))
  const change = useChange()
  const [typed, setTyped] = useState('')
  const before = parameter('before') ?? ''
  const isAll = parameter('which') !== 'before'
  if (data === undefined) return <TaskWaiting title={`Delete records of ${name}`} refusal={refusal} />
  // Of partitions that end before the offset, or begin behind it, nothing is deleted.
  const chosen = data.partitions.filter(
    ({ first, next }) =>
      first !== null &&
      next !== null &&
      first < next &&
      (isAll || (isWhole(before) && first < +before && +before <= next)),
  )
  const gone = chosen.reduce((sum, { first, next }) => sum + (isAll ? next! : +before) - first!, 0)
  const submit = async () => {
    const partitions = chosen.map(({ index, next }) => ({ index, before: isAll ? next : +before }))
    const url = apiOf('topics', name, 'messages')
    if (await change.run<Outcomes>('Deleting', 'DELETE', url, { name: typed, partitions }))
      leave(pathOf('topics', name), `${counted(gone, 'record')} of ${name} were deleted.`)
  }
  return (
    <Task
      title={`Delete records of ${name}?`}
      sub="It cannot be undone"
      back={pathOf('topics', name)}
      change={change}
      fields={['name']}
      button={`Delete ${counted(gone, 'record')}`}
      isDangerous
      isReady={typed === name && gone > 0}
      submit={() => void submit()}
    >
      <div class="row">
        <Choice
          label="Records"
          name="which"
          value={isAll ? 'all' : 'before'}
          of={[
            ['all', 'All'],
            ['before', 'Before an offset'],
          ]}
          set={value => setParameter('which', value === 'all' ? null : value, false)}
        />
        {isAll ? null : (
          <Field
            label="Offset, in every partition"
            value={before}
            set={value => setParameter('before', value, false)}
            size="short"
            mode="numeric"
          />
        )}
      </div>
      <Effects
        of={[
          ['Records', whole(gone)],
          ['In partitions', `${chosen.length} of ${data.partitions.length}`],
        ]}
      />
      <Readers groups={data.groups} />
      <Confirm name={name} typed={typed} set={setTyped} change={change} />
    </Task>
  )
}
