// Messages as rows; one of them open.
import type { Message, Shown } from '../../../src/console/api.ts'
import { bytes, exactTime, whole } from '../format.ts'
import { Number as Figure, Scroll } from '../parts.tsx'
import { parameter, setParameter } from '../router.ts'
import { OpenMessage } from './message.tsx'
import { Heads } from '../table.tsx'

export interface MessageTableProps {
  readonly topic: string
  readonly messages: readonly Message[]
  readonly find: string
}

export function MessageTable({ topic, messages, find }: MessageTableProps) {
  const open = parameter('open')
  return (
    <Scroll>
      <table class="t dense messages">
        <caption class="vh">Messages</caption>
        <Heads
          of={[['Partition', 'r p1'], ['Offset', 'r'], 'Time', ['Key', 'p2'], 'Value', ['Size', 'r p1']]}
        />
        <tbody>
          {messages.map(message => {
            const id = `${message.partition}-${message.offset}`
            const isOpen = id === open
            return [
              <tr key={id} data-row={id} class={isOpen ? 'open' : ''}>
                <td class="r p1">{message.partition}</td>
                <th scope="row" class="r">
                  <a
                    href={addressOf(id)}
                    aria-expanded={isOpen}
                    onClick={event => {
                      if (event.metaKey || event.ctrlKey || event.shiftKey) return
                      event.preventDefault()
                      setParameter('open', isOpen ? null : id, false)
                    }}
                  >
                    {whole(message.offset)}
                  </a>
                </th>
                <td class="nw">
                  <Time at={message.timestamp} />
                </td>
                <td class="mono p2 key-cell">
                  <Preview of={message.key} find={find} />
                </td>
                <td class="mono cut">
                  <Preview of={message.value} find={find} isValue />
                </td>
                <td class="r p1">
                  <Figure value={bytes(message.value.bytes)} />
                </td>
              </tr>,
              isOpen ? (
                <tr key={`${id} open`} class="whole-message">
                  <td colSpan={6}>
                    <OpenMessage topic={topic} row={message} find={find} />
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

function addressOf(id: string): string {
  const url = new URL(location.href)
  url.searchParams.set('open', id)
  return url.pathname + url.search
}

/** Local, with UTC where the pointer rests; the day is left out where there is no room. */
export function Time({ at }: { at: number | null }) {
  if (at === null) return <>–</>
  const [day, time] = exactTime(at).split(', ') as [string, string | undefined]
  return (
    <time dateTime={isoOf(at)} title={`${isoOf(at)} (UTC)`}>
      {time === undefined ? null : <span class="p1 soft">{day} </span>}
      {time ?? day}
    </time>
  )
}

/** Beyond the year 275760 there is no date for it. */
export const isoOf = (at: number): string => (at <= 8.64e15 ? new Date(at).toISOString() : String(at))

const around = 40

export function Preview({ of, find, isValue = false }: { of: Shown; find: string; isValue?: boolean }) {
  if (of.kind === 'null') return <span class="none">{isValue ? 'null, deletes the key' : 'null'}</span>
  if (of.bytes === 0) return <span class="none">empty</span>
  if (of.kind === 'hex' && of.bytes > 1024 * 1024) {
    const { text: size, unit } = bytes(of.bytes)
    return (
      <span class="none">
        too large to display ({size} {unit})
      </span>
    )
  }
  const line = of.kind === 'avro' ? of.text.replaceAll(/\s*\n\s*/g, ' ') : of.text
  const text = of.kind === 'hex' ? `0x${line.slice(0, 300)}` : line
  const at = find === '' ? -1 : text.toLowerCase().indexOf(find.toLowerCase())
  const from = at > around * 2 ? at - around : 0
  return (
    <>
      {from > 0 ? '…' : ''}
      <Marked text={text.slice(from, from + 300)} find={find} />
    </>
  )
}

/** The text with what was searched for marked; 100 times at most. */
export function Marked({ text, find }: { text: string; find: string }) {
  if (find === '') return <>{text}</>
  const lower = text.toLowerCase()
  // Some letters change their length: then places would not fit.
  if (lower.length !== text.length) return <>{text}</>
  const parts = []
  let at = 0
  for (
    let index = lower.indexOf(find.toLowerCase());
    index >= 0 && parts.length < 200;
    index = lower.indexOf(find.toLowerCase(), at)
  ) {
    parts.push(text.slice(at, index), <mark key={index}>{text.slice(index, index + find.length)}</mark>)
    at = index + find.length
  }
  return (
    <>
      {parts}
      {text.slice(at)}
    </>
  )
}
