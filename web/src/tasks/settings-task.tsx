// The page on which settings of a topic or a broker are changed: each with its default and where it comes from; what would
// change is shown before it is applied.
import { useState } from 'preact/hooks'
import type { Outcome, Setting, Settings } from '../../../src/console/api.ts'
import { counted } from '../format.ts'
import { Scroll } from '../parts.tsx'
import { apiOf } from '../pages/shared.tsx'
import { parameter, setParameter } from '../router.ts'
import { useLook } from '../store.ts'
import { finds, Search, Heads } from '../table.tsx'
import { Check, Field, leave, Task, TaskWaiting, useChange } from './form.tsx'

/** Null: taken back. */
type Edits = ReadonlyMap<string, string | null>

const sourceWords: Readonly<Record<string, string>> = {
  topic: 'this topic',
  broker: 'this broker',
  'all brokers': 'all brokers',
  "broker's file": 'the broker’s file',
  default: 'default',
}

export function ChangeSettings({
  kind,
  name,
  back,
}: {
  kind: 'topic' | 'broker'
  name: string
  back: string
}) {
  const url = apiOf(`${kind}s`, name, 'settings')
  const { data, refusal } = useLook<Settings>(url, 5000)
  const change = useChange()
  const [edits, setEdits] = useState<Edits>(new Map())
  const title = `Settings of ${kind} ${name}`
  if (data === undefined) return <TaskWaiting title={title} refusal={refusal} />
  const all = data.settings
  if (all === null)
    return (
      <Task title={title} sub="" back={back} change={change}>
        <p class="lead">
          These brokers are older than Kafka 0.11, which brought questions about settings. In 0.10 those of
          topics are kept in ZooKeeper: kafka-configs.sh --zookeeper changes them there.
        </p>
      </Task>
    )
  const edit = (setting: string, value: string | null | undefined) => {
    const next = new Map(edits)
    if (value === undefined) next.delete(setting)
    else next.set(setting, value)
    setEdits(next)
  }
  const showsAll = parameter('all') === 'yes' || kind === 'topic'
  const known = showsAll ? all : all.filter(one => !one.isReadOnly)
  const shown = known.filter(one => finds(one.name))
  const changed = all.filter(one => edits.has(one.name) && edits.get(one.name) !== one.value)
  const body = {
    changes: changed.map(one => ({ name: one.name, before: one.value, after: edits.get(one.name)! })),
  }
  const submit = async () => {
    if (!(await change.run<Outcome>('Checking', 'PATCH', url, { ...body, validateOnly: true }))) return
    if (await change.run<Outcome>('Applying', 'PATCH', url, { ...body, validateOnly: false }))
      leave(
        back,
        `${counted(changed.length, 'setting')} of ${name} ${changed.length === 1 ? 'was' : 'were'} changed.`,
      )
  }
  return (
    <Task
      title={title}
      sub={`${counted(all.length, 'setting')}, ${all.filter(one => one.source === kind).length} set for this ${kind}`}
      back={back}
      change={change}
      isWide
      button={changed.length === 0 ? 'Apply' : `Apply ${counted(changed.length, 'change')}`}
      isReady={changed.length > 0}
      submit={() => void submit()}
    >
      <div>
        <Search what="settings" found={shown.length} all={known.length} />
        {kind === 'topic' ? null : (
          <Check
            label="Including settings that only the broker’s file can change"
            isOn={showsAll}
            set={isOn => setParameter('all', isOn ? 'yes' : null, false)}
          />
        )}
        <Scroll>
          <table class="t">
            <caption class="vh">{title}</caption>
            <Heads of={['Setting', 'Value', ['Comes from', 'p1'], ['Without it', 'p2'], ['Meaning', 'p3']]} />
            <tbody>
              {shown.map(one => (
                <Row
                  key={one.name}
                  setting={one}
                  kind={kind}
                  edit={edits.get(one.name)}
                  set={value => edit(one.name, value)}
                />
              ))}
            </tbody>
          </table>
        </Scroll>
      </div>
      {changed.length === 0 ? null : (
        <section aria-labelledby="diff">
          <div class="sec-head">
            <h2 id="diff">What changes</h2>
          </div>
          <table class="t">
            <caption class="vh">What changes</caption>
            <Heads of={['Setting', 'Now', 'Then']} />
            <tbody>
              {changed.map(one => (
                <tr key={one.name}>
                  <th scope="row">{one.name}</th>
                  <td class="was mono">{one.value ?? 'not set'}</td>
                  <td class="now mono">{edits.get(one.name) ?? withoutIt(one)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </Task>
  )
}

const withoutIt = ({ inherited }: Setting) => inherited ?? 'the brokers’ default'

function Row({
  setting,
  kind,
  edit,
  set,
}: {
  setting: Setting
  kind: 'topic' | 'broker'
  edit: string | null | undefined
  set: (value: string | null | undefined) => void
}) {
  const { name, value, source, isReadOnly, isSensitive, doc } = setting
  const isOwn = source === kind
  return (
    <tr>
      <th scope="row" class="high">
        {name}
      </th>
      <td class="edit high">
        {edit === undefined ? (
          <div class="row">
            <span class={isOwn ? 'now' : ''}>
              {isSensitive ? '[hidden]' : value === '' ? '–' : (value ?? '–')}
            </span>
            {isReadOnly ? null : (
              <button type="button" class="btn link" onClick={() => set(value ?? '')}>
                Change<span class="vh"> {name}</span>
              </button>
            )}
            {isOwn && !isReadOnly ? (
              <button type="button" class="btn link" onClick={() => set(null)}>
                Reset<span class="vh"> {name} to what holds without it</span>
              </button>
            ) : null}
          </div>
        ) : (
          <div class="row">
            {edit === null ? (
              <span class="now">{withoutIt(setting)}</span>
            ) : setting.kind === 'boolean' ? (
              <select
                class="in"
                aria-label={name}
                value={edit}
                onChange={event => set(event.currentTarget.value)}
              >
                <option>true</option>
                <option>false</option>
              </select>
            ) : (
              <Field label={name} value={edit} set={set} isHidden isMono />
            )}
            <button type="button" class="btn link" onClick={() => set(undefined)}>
              Undo<span class="vh"> the change of {name}</span>
            </button>
          </div>
        )}
      </td>
      <td class="p1 high">{sourceWords[source] ?? source}</td>
      <td class="p2 high soft">{isOwn ? withoutIt(setting) : ''}</td>
      <td class="p3 high doc">{doc}</td>
    </tr>
  )
}
