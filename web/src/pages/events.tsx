// Events of a component, beside its figures: a live sample of those that pass (tap), and the oldest in a channel (peek).
// Nothing is asked of the agent until the reader wants it; which of them is open is in the address.
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Flow, FlowNode, Peek, Refusal, TapSample } from '../../../src/console/api.ts'
import { bytes, counted, time, whole, refusalText } from '../format.ts'
import { Number } from '../parts.tsx'
import { parameter, setParameter } from '../router.ts'
import { isPaused, mayLook, useLook } from '../store.ts'

type Event = TapSample['events'][number]

/** More are not kept: the oldest goes. */
const mostShown = 60

export function Events({ node, seen }: { node: FlowNode; seen: Flow }) {
  if (!mayLook('operator', null)) return null
  const near = (id: string) => seen.nodes.find(one => one.id === id && one.agent === node.agent)
  const edges = seen.edges.flatMap(({ from, to }) => {
    const [one, other] = [near(from), near(to)]
    return one !== undefined && other !== undefined && (one === node || other === node)
      ? [{ from, to, name: `${one.name} → ${other.name}` }]
      : []
  })
  if (edges.length === 0 || node.type === 'Flume') return null
  const open = parameter('events')
  const tapped = edges.find(({ from, to }) => open === `tap ${from === node.id ? to : from}`)
  const isPeek = open === 'peek' && node.kind === 'channel'
  const choice = (value: string, text: string, isOn: boolean) => (
    <button
      key={value}
      class="btn small"
      aria-pressed={isOn}
      onClick={() => setParameter('events', isOn ? null : value, false)}
    >
      {text}
    </button>
  )
  return (
    <section aria-label="Events">
      <h3>Events</h3>
      <div class="choices">
        {edges.map(edge => {
          const other = edge.from === node.id ? edge.to : edge.from
          return choice(`tap ${other}`, `Tap ${edge.name}`, edge === tapped)
        })}
        {node.kind === 'channel' ? choice('peek', 'Peek at the oldest', isPeek) : null}
      </div>
      {tapped === undefined ? null : <Tap key={tapped.name} from={tapped.from} to={tapped.to} />}
      {isPeek ? <Oldest id={node.id} /> : null}
      {tapped === undefined && !isPeek ? (
        <p class="hint">Peek does not take events and does not delay the flow.</p>
      ) : null}
    </section>
  )
}

interface Numbered {
  readonly number: number
  readonly at: number
  readonly event: Event
}

function Tap({ from, to }: { from: string; to: string }) {
  const [rows, setRows] = useState<readonly Numbered[]>([])
  const [refusal, setRefusal] = useState<Refusal | null>(null)
  const counts = useRef({ passed: 0, shown: 0 })
  useEffect(() => {
    const stream = new EventSource(`/api/flow/tap?${new URLSearchParams({ from, to })}`)
    stream.addEventListener('sample', message => {
      setRefusal(null)
      if (isPaused.value || document.hidden) return
      const { at, passed, events } = JSON.parse(message.data) as TapSample
      const { current } = counts
      current.passed += passed
      const first = current.shown
      current.shown += events.length
      setRows(before =>
        [
          ...events.map((event, index) => ({ number: first + index, at, event })).toReversed(),
          ...before,
        ].slice(0, mostShown),
      )
    })
    stream.addEventListener('refusal', message => {
      setRefusal(JSON.parse(message.data) as Refusal)
      stream.close()
    })
    stream.addEventListener('error', () =>
      setRefusal({ error: 'The stream was interrupted.', remedy: 'The page reconnects automatically.' }),
    )
    return () => stream.close()
  }, [from, to])
  const { passed, shown } = counts.current
  return (
    <>
      {refusal === null ? (
        <p class="hint" aria-live="off">
          {shown === passed
            ? `${counted(passed, 'event')} passed, all shown`
            : `${whole(shown)} shown of ${whole(passed)} that passed`}
          {isPaused.value ? '; paused' : ''}
        </p>
      ) : (
        <p class="warn-t">{refusalText(refusal)}</p>
      )}
      {rows.length === 0 && refusal === null ? <p class="soft">No events at the moment.</p> : null}
      <ol class="events" tabIndex={0} aria-label="Sample of events, newest first">
        {rows.map(({ number, at, event }) => (
          <EventLine key={number} event={event} note={time(at)} />
        ))}
      </ol>
    </>
  )
}

function Oldest({ id }: { id: string }) {
  const { data, refusal } = useLook<Peek>(`/api/flow/nodes/${encodeURIComponent(id)}/events?limit=20`, 2000)
  if (data === undefined)
    return refusal === undefined ? (
      <p class="soft">Reading …</p>
    ) : (
      <p class="warn-t">{refusalText(refusal)}</p>
    )
  if (data.events.length === 0) return <p class="soft">The channel is empty.</p>
  return (
    <>
      <p class="hint">
        {whole(data.events.length)} oldest of {counted(data.size, 'event')}; none is taken by looking
      </p>
      <ol class="events" tabIndex={0} aria-label="Oldest events, oldest first">
        {data.events.map((event, index) => (
          <EventLine key={index} event={event} note={event.isTaken ? 'with a sink' : ''} />
        ))}
      </ol>
    </>
  )
}

function EventLine({ event, note }: { event: Event; note: string }) {
  const headers = Object.entries(event.headers)
  return (
    <li>
      <details>
        <summary>
          <code>{event.body === '' ? '(no body)' : event.body.slice(0, 200)}</code>
          <span class="faint nw">{note}</span>
        </summary>
        {headers.length === 0 ? null : (
          <dl class="headers">
            {headers.map(([name, value]) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ))}
          </dl>
        )}
        <pre class="code">{event.body}</pre>
        <p class="hint">
          <Number value={bytes(event.bytes)} />
          {event.isText ? '' : ', shown in hexadecimal'}
          {event.isCut ? ', the beginning is shown' : ''}
        </p>
      </details>
    </li>
  )
}
