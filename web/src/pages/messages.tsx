// Messages of a topic: where to look, what was found, and one of them whole.
import { useState } from 'preact/hooks'
import type { ComponentChildren } from 'preact'
import type { Message, Messages, Shown } from '../../../src/console/api.ts'
import { bytes, counted, duration, exactTime, whole } from '../format.ts'
import { Head, Number as Figure, Scroll, Waiting } from '../parts.tsx'
import { parameter, pathOf, setParameter } from '../router.ts'
import { useLook } from '../store.ts'
import { apiOf } from './shared.tsx'

/** Kept in the address: what is looked for. */
const asked = ['from', 'partition', 'find', 'limit'] as const

export function MessagesPage({ topic }: { topic: string }) {
  const query = new URLSearchParams()
  for (const name of asked) {
    const value = parameter(name)
    if (value !== null) query.set(name, value)
  }
  const { data, refusal } = useLook<Messages>(`${apiOf('topics', topic, 'messages')}?${query}`, 5000)
  const open = parameter('open')
  return (
    <main class="main" id="main">
      <Head title={topic} sub="Messages; looking commits nothing">
        <a class="btn" href={pathOf('topics', topic)}>
          Partitions and settings
        </a>
      </Head>
      <Query topic={topic} partitions={data?.partitions ?? []} />
      {data === undefined ? (
        <Waiting refusal={refusal} what="the messages" />
      ) : (
        <>
          {refusal === undefined ? null : <Waiting refusal={refusal} what="what is new" />}
          <Progress data={data} />
          {data.messages.length === 0 ? (
            <p class="blank soft">
              {data.all === 0
                ? 'There is no message from this place on.'
                : 'No message that was looked at has this text in its key, value or headers.'}
            </p>
          ) : (
            <Found messages={data.messages} open={open} />
          )}
        </>
      )}
    </main>
  )
}

function Query({ topic, partitions }: { topic: string; partitions: readonly number[] }) {
  const from = parameter('from') ?? 'newest'
  const isPlace = from === 'newest' || from === 'oldest'
  const [place, setPlace] = useState(isPlace ? '' : from)
  const [find, setFind] = useState(parameter('find') ?? '')
  const [chosen, setChosen] = useState(isPlace ? from : 'place')
  const search = (event: SubmitEvent) => {
    event.preventDefault()
    setParameter('open', null, false)
    setParameter('find', find, false)
    setParameter('from', chosen === 'place' ? place.trim() : chosen === 'newest' ? null : chosen)
  }
  return (
    <form class="query" onSubmit={search} aria-label={`Search ${topic}`}>
      <fieldset class="field full">
        <legend>From</legend>
        <div class="seg">
          {(
            [
              ['newest', 'Newest'],
              ['oldest', 'Oldest'],
              ['place', 'Offset or time'],
            ] as const
          ).map(([value, label]) => (
            <label key={value}>
              <input type="radio" name="from" checked={chosen === value} onChange={() => setChosen(value)} />
              {label}
            </label>
          ))}
        </div>
      </fieldset>
      {chosen === 'place' ? (
        <label class="field grow">
          <span class="lab">Offset, or time such as 2026-11-29T14:00Z</span>
          <input class="in" value={place} required onInput={event => setPlace(event.currentTarget.value)} />
        </label>
      ) : null}
      <label class="field">
        <span class="lab">Partition</span>
        <select
          class="in"
          value={parameter('partition') ?? ''}
          onChange={event => setParameter('partition', event.currentTarget.value)}
        >
          <option value="">All</option>
          {partitionChoices(partitions).map(one => (
            <option key={one}>{one}</option>
          ))}
        </select>
      </label>
      <label class="field grow">
        <span class="lab">Contains</span>
        <input class="in" value={find} onInput={event => setFind(event.currentTarget.value)} />
      </label>
      <button class="btn primary">Search</button>
    </form>
  )
}

/** The one that is chosen stays, also where the answer names no other. */
function partitionChoices(partitions: readonly number[]): number[] {
  const chosen = parameter('partition')
  return [...new Set([...partitions, ...(chosen === null ? [] : [+chosen])])].sort(
    (one, other) => one - other,
  )
}

function Progress({ data }: { data: Messages }) {
  return (
    <p class="progress" role="status">
      <span>
        looked at <b>{whole(data.scanned)}</b> of {counted(data.all, 'message')}
        {' · '}
        <Figure value={bytes(data.bytes)} />
        {' · '}
        {duration(data.elapsedMs / 1000)}
        {data.isComplete ? '' : ' · stopped there: it took too long; choose a later place or one partition'}
      </span>
    </p>
  )
}

function Found({ messages, open }: { messages: readonly Message[]; open: string | null }) {
  return (
    <Scroll>
      <table class="t dense">
        <caption class="vh">Messages found</caption>
        <thead>
          <tr>
            <th scope="col" class="r p1">
              Partition
            </th>
            <th scope="col" class="r">
              Offset
            </th>
            <th scope="col" class="p2">
              Time
            </th>
            <th scope="col" class="p2">
              Key
            </th>
            <th scope="col">Value</th>
            <th scope="col" class="r p1">
              Size
            </th>
          </tr>
        </thead>
        <tbody>
          {messages.map(message => {
            const id = `${message.partition}-${message.offset}`
            const isOpen = id === open
            return [
              <tr key={id} class={isOpen ? 'open' : ''}>
                <td class="r p1">{message.partition}</td>
                <td class="r">
                  <button
                    class="btn link"
                    aria-expanded={isOpen}
                    onClick={() => setParameter('open', isOpen ? null : id, false)}
                  >
                    {whole(message.offset)}
                  </button>
                </td>
                <td class="p2">{exactTime(message.timestamp)}</td>
                <td class="mono p2 key-cell">
                  <Preview of={message.key} />
                </td>
                <td class="mono cut">
                  <Preview of={message.value} isValue />
                </td>
                <td class="r p1">
                  <Figure value={bytes(message.value.bytes)} />
                </td>
              </tr>,
              isOpen ? (
                <tr key={`${id} open`} class="whole-message">
                  <td colSpan={6}>
                    <Whole message={message} />
                  </td>
                </tr>
              ) : null,
            ]
          })}
        </tbody>
      </table>
    </Scroll>
  )
}

function Preview({ of, isValue = false }: { of: Shown; isValue?: boolean }) {
  if (of.kind === 'null') return <span class="none">{isValue ? 'null: deletes the key' : 'null'}</span>
  if (of.bytes === 0) return <span class="none">empty</span>
  return <>{of.text.slice(0, 300)}</>
}

function Whole({ message }: { message: Message }) {
  const { headers } = message
  const facts: readonly (readonly [string, ComponentChildren])[] = [
    ['UTC', message.timestamp === null ? '–' : new Date(message.timestamp).toISOString()],
    ['Key', <Content of={message.key} />],
    ...headers.map(({ key, value }) => [`Header ${key}`, <Content of={value} />] as const),
  ]
  return (
    <div class="whole">
      <dl>
        {facts.map(([name, value], index) => (
          <div key={index}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <Content of={message.value} isValue />
    </div>
  )
}

function Content({ of, isValue = false }: { of: Shown; isValue?: boolean }) {
  if (of.kind === 'null' || of.bytes === 0) return <Preview of={of} isValue={isValue} />
  const { text, unit } = bytes(of.bytes)
  return (
    <>
      {isValue ? (
        <pre class="code" tabIndex={0} aria-label="Value">
          {of.kind === 'hex' ? hexLines(of.text) : of.text}
        </pre>
      ) : (
        <code>{of.text}</code>
      )}
      {of.isCut ? (
        <p class="hint">
          Too large to show whole ({text} {unit}): this is its beginning.
        </p>
      ) : null}
    </>
  )
}

/** 16 bytes a line, with what is readable of them. */
function hexLines(hex: string): string {
  const lines: string[] = []
  for (let at = 0; at < hex.length; at += 32) {
    const pairs = hex.slice(at, at + 32).match(/../g) ?? []
    const readable = pairs
      .map(pair => parseInt(pair, 16))
      .map(code => (code > 31 && code < 127 ? String.fromCharCode(code) : '.'))
    lines.push(
      `${(at / 2).toString(16).padStart(6, '0')}  ${pairs.join(' ').padEnd(48)} ${readable.join('')}`,
    )
  }
  return lines.join('\n')
}
