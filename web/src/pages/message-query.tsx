// What is asked of a topic's messages: where to begin, which partition, what they contain.
import { useState } from 'preact/hooks'
import type { Messages } from '../../../src/console/api.ts'
import { localTime, utcTime } from '../format.ts'
import { Choice } from '../parts.tsx'
import { parameter, setParameter } from '../router.ts'
import { useLook } from '../store.ts'
import { useSearchField } from '../table.tsx'

const places = [
  ['newest', 'Newest'],
  ['oldest', 'Oldest'],
  ['offset', 'Offset'],
  ['time', 'Time'],
] as const
/** Times that are meant most. */
const agos = [
  ['Now', 0],
  ['5 min ago', 300_000],
  ['1 h ago', 3_600_000],
  ['24 h ago', 86_400_000],
] as const
type Place = (typeof places)[number][0]

const placeOf = (from: string | null): Place =>
  from === null || from === 'newest'
    ? 'newest'
    : from === 'oldest'
      ? 'oldest'
      : /^\d+$/.test(from)
        ? 'offset'
        : 'time'

export function Query({ topic, url }: { topic: string; url: string }) {
  const partitions = useLook<Messages>(`${url}?limit=1`, 3_600_000).data?.partitions ?? []
  const from = parameter('from')
  const [chosen, setChosen] = useState<Place>(placeOf(from))
  const [offset, setOffset] = useState(placeOf(from) === 'offset' ? from! : '')
  const [begin, setBegin] = useState(placeOf(from) === 'time' ? localTime(from) : '')
  const [until, setUntil] = useState(localTime(parameter('until')))
  const [find, setFind] = useState(parameter('find') ?? '')
  const field = useSearchField()
  const isFollowing = parameter('follow') !== null
  const ask = (follow: boolean) => {
    const place = { newest: null, oldest: 'oldest', offset: offset.trim(), time: utcTime(begin) }[chosen]
    for (const name of ['open', 'before', 'after']) setParameter(name, null, false)
    setParameter('find', find, false)
    setParameter('until', chosen === 'time' ? utcTime(until) : null, false)
    setParameter('follow', follow ? 'on' : null, false)
    setParameter('from', place)
  }
  return (
    <form
      class="query"
      aria-label={`Search ${topic}`}
      onSubmit={event => {
        event.preventDefault()
        ask(false)
      }}
    >
      <Choice label="From" isFull name="from" value={chosen} of={places} set={setChosen} />
      {chosen === 'offset' ? (
        <label class="field">
          <span class="lab">Offset</span>
          <input
            class="in num"
            inputMode="numeric"
            pattern="[0-9]{1,16}"
            title="a whole number"
            value={offset}
            required
            onInput={event => setOffset(event.currentTarget.value)}
          />
        </label>
      ) : null}
      {chosen === 'time' ? (
        <>
          <label class="field">
            <span class="lab">Begin, local time</span>
            <input
              class="in"
              type="datetime-local"
              step="1"
              value={begin}
              required
              onInput={event => setBegin(event.currentTarget.value)}
            />
          </label>
          <label class="field">
            <span class="lab">Preset</span>
            <select
              class="in"
              value=""
              onChange={event => {
                const ago = Number(event.currentTarget.value)
                setBegin(localTime(`@${Date.now() - ago}`))
                event.currentTarget.value = ''
              }}
            >
              <option value="">–</option>
              {agos.map(([text, ms]) => (
                <option key={ms} value={ms}>
                  {text}
                </option>
              ))}
            </select>
          </label>
          <label class="field">
            <span class="lab">Before (if any)</span>
            <input
              class="in"
              type="datetime-local"
              step="1"
              value={until}
              onInput={event => setUntil(event.currentTarget.value)}
            />
          </label>
        </>
      ) : null}
      <label class="field">
        <span class="lab">Partition</span>
        <select
          class="in"
          value={parameter('partition') ?? ''}
          onChange={event => choose('partition', event.currentTarget.value)}
        >
          <option value="">All{partitions.length > 1 ? ` ${partitions.length}` : ''}</option>
          {partitionChoices(partitions).map(one => (
            <option key={one}>{one}</option>
          ))}
        </select>
      </label>
      <label class="field grow">
        <span class="lab">{isExpression() ? 'Where' : 'Contains'}</span>
        <input
          class="in"
          ref={field}
          value={find}
          placeholder={isExpression() ? 'value.amount > 10 and header.type == "x"' : undefined}
          onInput={event => setFind(event.currentTarget.value)}
        />
      </label>
      <label class="field">
        <span class="lab">Look in</span>
        <select
          class="in"
          value={parameter('in') ?? ''}
          onChange={event => choose('in', event.currentTarget.value)}
        >
          <option value="">Key, value, headers</option>
          <option value="value">Value</option>
          <option value="key">Key</option>
          <option value="headers">Headers</option>
          <option value="expression">Expression</option>
        </select>
      </label>
      <div class="buttons">
        <button class="btn primary">{find === '' && until === '' ? 'Show' : 'Search'}</button>
        <button type="button" class="btn" aria-pressed={isFollowing} onClick={() => ask(!isFollowing)}>
          Follow
        </button>
      </div>
    </form>
  )
}

/** Whether what is looked for is an expression, not a text. */
export const isExpression = (): boolean => parameter('in') === 'expression'

function choose(name: string, value: string): void {
  for (const page of ['open', 'before', 'after']) setParameter(page, null, false)
  setParameter(name, value)
}

/** The one that is chosen stays, also where the answer names no other. */
function partitionChoices(partitions: readonly number[]): number[] {
  const chosen = parameter('partition')
  return [...new Set([...partitions, ...(chosen === null ? [] : [+chosen])])].toSorted(
    (one, other) => one - other,
  )
}
