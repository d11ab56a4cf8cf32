// One message, open: its value, key, headers and bytes, read in the format that somebody chooses; copied as it was written.
import { useEffect, useState } from 'preact/hooks'
import type { ComponentChildren } from 'preact'
import type { Message, Refusal, Shown } from '../../../src/console/api.ts'
import { bytes, counted, exactTime, whole, refusalText } from '../format.ts'
import { Banner } from '../parts.tsx'
import { parameter, setParameter } from '../router.ts'
import { ask, may, tell } from '../store.ts'
import { indented } from './json-lines.ts'
import { isoOf, Marked, Preview } from './message-table.tsx'
import { apiOf, clusterName, taskHref } from './shared.tsx'

const parts = ['value', 'key', 'headers'] as const
type Part = (typeof parts)[number]

const readings = [
  ['auto', 'found by its content'],
  ['json', 'JSON'],
  ['text', 'Text'],
  ['hex', 'Bytes'],
  ['avro', 'Avro, by a schema'],
] as const

/** More is not coloured: it would take the browser's time. */
const mostColoured = 50_000
const headersAtFirst = 100

interface OpenProps {
  readonly topic: string
  readonly row: Message
  readonly find: string
}

export function OpenMessage({ topic, row, find }: OpenProps) {
  const { partition, offset } = row
  const [known, setKnown] = useState<{ message: Message; refusal: Refusal | null }>({
    message: row,
    refusal: null,
  })
  const as = parameter('as') ?? 'auto'
  const kept = `schema ${clusterName()} ${topic}`
  const [schema, setSchema] = useState(localStorage.getItem(kept) ?? '')
  const url = apiOf('topics', topic, 'messages', String(partition), String(offset))
  const look = async () => {
    const found =
      as === 'avro' && schema !== ''
        ? await tell<Message>('POST', url, { schema })
        : await ask<Message>(`${url}?as=${as}`)
    setKnown(old =>
      'data' in found ? { message: found.data, refusal: null } : { ...old, refusal: found.refusal },
    )
  }
  useEffect(() => void look(), [url, as, schema])
  const { message, refusal } = known
  const part = parts.find(one => one === parameter('part')) ?? 'value'
  const shown = part === 'headers' ? null : message[part]
  return (
    <div class="open-message">
      <div>
        <div class="tabs" role="group" aria-label="Parts of the message">
          {parts.map(one => (
            <button
              key={one}
              aria-pressed={part === one}
              onClick={() => setParameter('part', one === 'value' ? null : one, false)}
            >
              {one === 'headers' ? (
                <>
                  Headers <span class="faint">{whole(message.headerCount)}</span>
                </>
              ) : (
                one[0]!.toUpperCase() + one.slice(1)
              )}
            </button>
          ))}
        </div>
        {refusal === null ? null : (
          <Banner level="bad" title="It cannot be read">
            {refusalText(refusal)}
          </Banner>
        )}
        {shown === null ? (
          <Headers message={message} find={find} />
        ) : (
          <>
            <Tools
              topic={topic}
              place={`${partition}-${offset}`}
              shown={shown}
              as={as}
              part={part}
              url={url}
            />
            {as === 'avro' ? (
              <SchemaForm
                schema={schema}
                keep={text => {
                  if (text === '') localStorage.removeItem(kept)
                  else localStorage.setItem(kept, text)
                  setSchema(text)
                }}
              />
            ) : null}
            <Content of={shown} find={find} part={part} url={url} />
          </>
        )}
      </div>
      <dl class="meta">
        <Fact name="Partition" value={partition} />
        <Fact name="Offset" value={whole(offset)} />
        <Fact name="Local time" value={exactTime(message.timestamp)} />
        <Fact name="UTC" value={message.timestamp === null ? '–' : isoOf(message.timestamp)} />
        <Fact name="Key" value={sizeOf(message.key)} />
        <Fact name="Value" value={sizeOf(message.value)} />
        <Fact name="Headers" value={whole(message.headerCount)} />
      </dl>
    </div>
  )
}

const Fact = ({ name, value }: { name: string; value: ComponentChildren }) => (
  <>
    <dt>{name}</dt>
    <dd>{value}</dd>
  </>
)

function sizeOf({ kind, bytes: size }: Shown): string {
  if (kind === 'null') return 'null'
  const { text, unit } = bytes(size)
  return size === 0 ? 'empty' : `${text} ${unit}`
}

interface ToolsProps {
  readonly topic: string
  /** partition-offset */
  readonly place: string
  readonly shown: Shown
  readonly as: string
  readonly part: Part
  readonly url: string
}

function Tools({ topic, place, shown, as, part, url }: ToolsProps) {
  return (
    <div class="tools">
      <label>
        Read as{' '}
        <select
          class="in"
          value={as}
          onChange={event => setParameter('as', event.currentTarget.value, false)}
        >
          {readings.map(([value, name]) => (
            <option key={value} value={value}>
              {value === 'auto' ? `${shown.format}, ${name}` : name}
            </option>
          ))}
        </select>
      </label>
      <span class="right">
        {may('operator', topic) ? (
          <a class="btn quiet" href={`${taskHref('produce', 'topics', topic, 'messages')}&like=${place}`}>
            Write again
          </a>
        ) : null}
        {shown.kind === 'null' || shown.isCut ? null : <Copy text={shown.text} what={part} />}
        {shown.kind === 'null' ? null : (
          <a class="btn quiet" href={`${url}/${part}`} download>
            Download
          </a>
        )}
      </span>
    </div>
  )
}

/** What is copied is what was written, digit by digit, and not how it is laid out here. */
function Copy({ text, what }: { text: string; what: string }) {
  const [state, setState] = useState('')
  const copy = () =>
    navigator.clipboard.writeText(text).then(
      () => setState('Copied'),
      () => setState('Not permitted'),
    )
  return (
    <>
      <button class="btn quiet" onClick={copy} onBlur={() => setState('')}>
        {state === '' ? `Copy ${what}` : state}
      </button>
      <span class="vh" role="status">
        {state}
      </span>
    </>
  )
}

function SchemaForm({ schema, keep }: { schema: string; keep: (text: string) => void }) {
  const [text, setText] = useState(schema)
  return (
    <form
      class="schema"
      onSubmit={event => {
        event.preventDefault()
        keep(text.trim())
      }}
    >
      <label class="field">
        <span class="lab">Schema (JSON); this browser keeps it for the topic</span>
        <textarea
          class="in mono"
          rows={4}
          spellcheck={false}
          value={text}
          onInput={event => setText(event.currentTarget.value)}
        />
      </label>
      <div class="buttons">
        <button class="btn">Read by this schema</button>
        <label class="btn quiet">
          From a file
          <input
            type="file"
            class="vh"
            accept=".avsc,.json"
            onChange={event => void event.currentTarget.files?.[0]?.text().then(setText)}
          />
        </label>
      </div>
    </form>
  )
}

interface ContentProps {
  readonly of: Shown
  readonly find: string
  readonly part: Part
  readonly url: string
}

function Content({ of, find, part, url }: ContentProps) {
  if (of.kind === 'null' || of.bytes === 0)
    return (
      <p class="nothing">
        <Preview of={of} find="" isValue={part === 'value'} />
      </p>
    )
  const { text, unit } = bytes(of.bytes)
  return (
    <>
      {of.problem === null ? null : <p class="hint">{of.problem}</p>}
      {of.isCut ? (
        <p class="hint">
          Too large to display ({text} {unit}): this is its beginning.{' '}
          <a href={`${url}/${part}`}>Download the whole value</a>.
        </p>
      ) : null}
      <pre class="code" tabIndex={0} aria-label={part === 'value' ? 'Value' : 'Key'}>
        {of.kind === 'hex' ? hexLines(of.text.slice(0, 65_536)) : <Text of={of} find={find} />}
      </pre>
      {of.kind === 'hex' && of.text.length > 65_536 ? <p class="hint">The first 32 KiB.</p> : null}
    </>
  )
}

function Text({ of, find }: { of: Shown; find: string }) {
  const text = of.kind === 'json' && !of.isCut ? indented(of.text) : of.text
  if (of.kind === 'text' || text.length > mostColoured) return <Marked text={text} find={find} />
  const pieces = text.split(/("(?:[^"\\]|\\.)*"(?=\s*:))/)
  return (
    <>
      {pieces.map((piece, index) =>
        index % 2 === 1 ? (
          <span class="k" key={index}>
            <Marked text={piece} find={find} />
          </span>
        ) : (
          <Marked key={index} text={piece} find={find} />
        ),
      )}
    </>
  )
}

function Headers({ message, find }: { message: Message; find: string }) {
  const [most, setMost] = useState(headersAtFirst)
  const { headers, headerCount } = message
  if (headerCount === 0) return <p class="nothing soft">This message has no header.</p>
  return (
    <>
      <div class="tools">
        <span class="soft">{counted(headerCount, 'header')}</span>
        <span class="right">
          <Copy
            text={JSON.stringify(
              headers.map(({ key, value }) => [key, value.kind === 'null' ? null : value.text]),
            )}
            what="headers"
          />
        </span>
      </div>
      <dl class="headers" tabIndex={0} aria-label="Headers">
        {headers.slice(0, most).map(({ key, value }, index) => (
          <div key={index}>
            <dt>
              <Marked text={key} find={find} />
            </dt>
            <dd class="mono">
              {value.kind === 'null' || value.bytes === 0 ? (
                <Preview of={value} find="" />
              ) : (
                <Marked text={value.kind === 'hex' ? `0x${value.text}` : value.text} find={find} />
              )}
            </dd>
          </div>
        ))}
      </dl>
      {headers.length > most ? (
        <button class="btn" onClick={() => setMost(most + 500)}>
          {whole(headers.length - most)} more
        </button>
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
