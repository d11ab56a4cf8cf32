// The page that writes a message into a topic, or several like it; also one like a message that is there.
import { useEffect, useState } from 'preact/hooks'
import type { Message, NewMessage, Topic, Written } from '../../../src/console/api.ts'
import { counted, refusalText, whole } from '../format.ts'
import { Choice, State } from '../parts.tsx'
import { apiOf, withCluster } from '../pages/shared.tsx'
import { parameter, pathOf, setParameter } from '../router.ts'
import { ask, useLook } from '../store.ts'
import { Check, Field, Pairs, Task, TaskWaiting, useChange, type Pair } from './form.tsx'

type Format = 'json' | NewMessage['encoding']

const formats: readonly (readonly [Format, string])[] = [
  ['text', 'Text'],
  ['json', 'JSON'],
  ['hex', 'Hex'],
  ['base64', 'Base64'],
]

export function Produce({ topic }: { topic: string }) {
  const { data, refusal } = useLook<Topic>(apiOf('topics', topic), 10_000)
  const change = useChange()
  const [key, setKey] = useState('')
  const [hasKey, setHasKey] = useState(true)
  const [value, setValue] = useState('')
  const [hasValue, setHasValue] = useState(true)
  const [headers, setHeaders] = useState<readonly Pair[]>([])
  const [written, setWritten] = useState<readonly Written[]>([])
  const like = parameter('like')
  useEffect(() => {
    if (like === null) return
    void messageLike(topic, like).then(found => {
      if (typeof found === 'string') return change.refuse(found)
      const { key: itsKey, value: itsValue, headers: itsHeaders } = found
      setHasKey(itsKey.kind !== 'null')
      setKey(itsKey.text)
      setHasValue(itsValue.kind !== 'null')
      setValue(itsValue.text)
      setHeaders(itsHeaders.map(one => ({ name: one.key, value: one.value.text })))
      setParameter('format', itsValue.kind === 'hex' || itsKey.kind === 'hex' ? 'hex' : null, false)
    })
  }, [topic, like])
  const back = pathOf('topics', topic, 'messages')
  if (data === undefined) return <TaskWaiting title={`Produce to ${topic}`} refusal={refusal} />
  const partition = parameter('partition')
  const format = formats.find(([one]) => one === parameter('format'))?.[0] ?? 'text'
  const count = parameter('count') ?? '1'
  const submit = async () => {
    if (!/^\d{1,4}$/.test(count) || +count < 1 || +count > 1000)
      return change.refuse('Enter a whole number from 1 to 1000.', 'count')
    if (format === 'json' && hasValue)
      try {
        JSON.parse(value)
      } catch (error) {
        return change.refuse(`This is no JSON: ${(error as Error).message}`, 'value')
      }
    const body: NewMessage = {
      partition: partition === null ? null : +partition,
      key: hasKey ? key : null,
      value: hasValue ? value : null,
      encoding: format === 'json' ? 'text' : format,
      headers: headers
        .filter(({ name }) => name !== '')
        .map(({ name, value: text }) => ({ name, value: text })),
      count: +count,
    }
    const answer = await change.run<Written>('Writing', 'POST', apiOf('topics', topic, 'messages'), body)
    if (answer !== null) setWritten([answer, ...written].slice(0, 5))
  }
  return (
    <div
      class="contents"
      onKeyDown={event => {
        if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && change.busy === null) void submit()
      }}
    >
      <Task
        title={`Produce to ${topic}`}
        sub="Ctrl+Enter sends the message"
        back={back}
        change={change}
        fields={['key', 'value', 'count']}
        button={+count > 1 ? `Write ${count} messages` : 'Write message'}
        submit={() => void submit()}
      >
        <div class="row">
          <label class="field short">
            <span class="lab">Partition</span>
            <select
              class="in"
              value={partition ?? ''}
              onChange={event => setParameter('partition', event.currentTarget.value, false)}
            >
              <option value="">By key</option>
              {data.partitions.map(({ index }) => (
                <option key={index}>{index}</option>
              ))}
            </select>
          </label>
          <Choice
            label="Key and value are"
            name="format"
            value={format}
            of={formats}
            set={one => setParameter('format', one === 'text' ? null : one, false)}
          />
          <Field
            label="How many"
            value={count}
            set={text => setParameter('count', text === '1' ? null : text, false)}
            size="short"
            mode="numeric"
            problem={change.problemOf('count')}
          />
        </div>
        <div>
          <Field
            label="Key"
            value={hasKey ? key : ''}
            set={setKey}
            isMono
            isOff={!hasKey}
            problem={change.problemOf('key')}
          />
          <Check label="No key" isOn={!hasKey} set={isOn => setHasKey(!isOn)} />
        </div>
        <div>
          <Field
            label="Value"
            value={hasValue ? value : ''}
            set={setValue}
            isArea
            isOff={!hasValue}
            problem={change.problemOf('value')}
          />
          <Check
            label="Tombstone: no value, which deletes the key in a compacted topic"
            isOn={!hasValue}
            set={isOn => setHasValue(!isOn)}
          />
        </div>
        <Pairs label="Headers" what="header" pairs={headers} set={setHeaders} />
        <div role="status" class="steps">
          {written.map(one => (
            <p key={`${one.partition}-${one.offset}`}>
              <State
                level="good"
                word={`${one.count === 1 ? 'Written' : `${counted(one.count, 'message')} written, the last`} to partition ${one.partition} at offset ${whole(one.offset)}.`}
              />{' '}
              <a
                href={withCluster(
                  `${back}?from=${one.offset}&partition=${one.partition}&open=${one.partition}-${one.offset}`,
                )}
              >
                Look at it
              </a>
            </p>
          ))}
        </div>
      </Task>
    </div>
  )
}

/** As text, or in hexadecimal where its key or value is no text; a sentence where it cannot be written again. */
async function messageLike(topic: string, like: string): Promise<Message | string> {
  const url = apiOf('topics', topic, 'messages', ...like.split('-'))
  for (const as of ['text', 'hex']) {
    const found = await ask<Message>(`${url}?as=${as}`)
    if ('refusal' in found) return refusalText(found.refusal)
    const { key, value, headers } = found.data
    if (key.isCut || value.isCut) return 'This message is too large to be written again here.'
    if (headers.some(one => one.value.kind === 'hex'))
      return 'A header of this message is no text: the message cannot be written again here.'
    if (as === 'hex' || (key.kind !== 'hex' && value.kind !== 'hex')) return found.data
  }
  return ''
}
