// Messages of a topic: a page of them, a search, or as they come. Everything that is asked for is in the address.
import { useEffect, useRef, useState } from 'preact/hooks'
import type {
  Message,
  Messages,
  Refusal,
  SearchEnd,
  SearchProgress,
  TailBatch,
} from '../../../src/console/api.ts'
import { bytes, counted, duration, rate, whole, refusalText } from '../format.ts'
import { openStream } from '../event-stream.ts'
import { Banner, Head, Number as Figure, Waiting } from '../parts.tsx'
import { parameter, pathOf, setParameter } from '../router.ts'
import { isPaused, may, useLook } from '../store.ts'
import { MessageTable } from './message-table.tsx'
import { isExpression, Query } from './message-query.tsx'
import { apiOf, taskHref, withCluster } from './shared.tsx'

/** Kept in the address: what is looked for. */
const asked = ['from', 'until', 'partition', 'find', 'in', 'limit', 'before', 'after'] as const
const mostFollowed = 500
/** Of more a second than this so many are kept: they are gone before anybody has read them. */
const fast = { perSecond: 1000, kept: 100 }
/** Nobody reads faster, and drawing hundreds of rows takes a moment in which keys wait. */
const drawMs = 400

function queryOf(...names: readonly string[]): URLSearchParams {
  const query = new URLSearchParams()
  for (const name of names) {
    const value = parameter(name)
    if (value !== null) query.set(name, value)
  }
  return query
}

export function MessagesPage({ topic }: { topic: string }) {
  const isFollowing = parameter('follow') !== null
  const isSearch = !isFollowing && (parameter('find') !== null || parameter('until') !== null)
  const url = apiOf('topics', topic, 'messages')
  return (
    <main class="main" id="main">
      <Head title={topic} sub="Shown without a consumer group; nothing is committed">
        {may('operator', topic) ? (
          <a class="btn" href={taskHref('produce', 'topics', topic, 'messages')}>
            Produce
          </a>
        ) : null}
        <Export url={`${url}/export`} query={queryOf('from', 'until', 'partition', 'find', 'in')} />
        <a class="btn" href={withCluster(pathOf('topics', topic))}>
          Partitions and settings
        </a>
      </Head>
      <Query topic={topic} url={url} />
      {isFollowing ? (
        <Follow
          key={topic}
          topic={topic}
          url={`${url}/tail`}
          query={queryOf('partition', 'find', 'in').toString()}
        />
      ) : isSearch ? (
        <SearchResults topic={topic} url={`${url}/search`} query={queryOf(...asked).toString()} />
      ) : (
        <Browse topic={topic} url={url} query={queryOf(...asked).toString()} />
      )}
    </main>
  )
}

const Export = ({ url, query }: { url: string; query: URLSearchParams }) => (
  <details class="menu">
    <summary class="btn">Export</summary>
    <div>
      {(['ndjson', 'csv'] as const).map(kind => (
        <a key={kind} href={`${url}.${kind}?${query}`} download>
          {kind === 'csv' ? 'CSV' : 'NDJSON'}
        </a>
      ))}
      <p class="hint">
        What is asked for here, 100 000 messages at most. The file’s last line says how it ended.
      </p>
    </div>
  </details>
)

// ----------------------------------------------------------------------------------------------- pages

interface BrowseProps {
  readonly topic: string
  readonly url: string
  readonly query: string
}

function Browse({ topic, url, query }: BrowseProps) {
  const isFirst = parameter('before') === null && parameter('after') === null
  const isNewest = isFirst && parameter('from') === null
  const [isWhole, setWhole] = useState(false)
  // What somebody reads does not move. A page that has room grows at its end: messages since now.
  const grows = isNewest || (isFirst && !isWhole)
  const everyMs = grows && parameter('open') === null ? 5000 : 3_600_000
  const { data, refusal } = useLook<Messages>(`${url}?${query}`, everyMs)
  useEffect(() => setWhole(data?.newer !== null), [data?.newer])
  if (data === undefined) return <Waiting refusal={refusal} what="the messages" />
  // Pages go the way they were begun: newest first, or on from a place.
  const isDown = (parameter('from') ?? 'newest') === 'newest'
  const isTurned = isDown ? parameter('after') !== null : parameter('before') !== null
  const messages = isTurned ? data.messages.toReversed() : data.messages
  return (
    <>
      {refusal === undefined ? null : <Waiting refusal={refusal} what="what is new" />}
      <div class="progress" role="status">
        <span>
          {data.messages.length === 0 ? null : (
            <>
              {counted(data.messages.length, 'message')} of <b>{whole(data.all)}</b>{' '}
              {isDown ? 'up to here' : 'from here on'}
              {isNewest ? ', the newest first' : ''}
            </>
          )}
          {data.isComplete
            ? ''
            : ' · a partition took too long and is missing: choose one partition, or a later place'}
        </span>
        <Pages data={data} />
      </div>
      {messages.length === 0 ? (
        <div class="blank">
          {data.older === null && data.newer === null ? (
            <p>
              The topic is empty. Choose <b>Follow</b> to wait for its first message.
            </p>
          ) : grows && /^(@|\d+-)/.test(parameter('from') ?? '') ? (
            <p>There are no messages from this position on. New ones appear here.</p>
          ) : (
            <p>
              There are no messages from this position on. Choose an earlier position, or <b>Follow</b> to
              wait for the next message.
            </p>
          )}
        </div>
      ) : (
        <>
          <MessageTable topic={topic} messages={messages} find="" />
          <div class="progress foot-pages">
            <Pages data={data} />
          </div>
        </>
      )}
    </>
  )
}

function Pages({ data }: { data: Messages }) {
  const turn = (name: 'before' | 'after', place: string | null) => () => {
    setParameter('open', null, false)
    setParameter(name === 'before' ? 'after' : 'before', null, false)
    setParameter(name, place)
  }
  // One page is all there is.
  if (data.newer === null && data.older === null) return null
  return (
    <span class="pages">
      <button class="btn quiet" disabled={data.newer === null} onClick={turn('after', data.newer)}>
        Newer
      </button>
      <button class="btn quiet" disabled={data.older === null} onClick={turn('before', data.older)}>
        Older
      </button>
    </span>
  )
}

// ---------------------------------------------------------------------------------------------- search

interface Found {
  readonly messages: readonly Message[]
  readonly progress: SearchProgress | null
  readonly end: SearchEnd | null
  readonly refusal: Refusal | null
  readonly isCancelled: boolean
}

const nothing: Found = { messages: [], progress: null, end: null, refusal: null, isCancelled: false }

function SearchResults({ topic, url, query }: { topic: string; url: string; query: string }) {
  const [found, setFound] = useState(nothing)
  const close = useRef<() => void>(() => {})
  const open = (more: string) => {
    close.current()
    close.current = openStream(`${url}?${query}${more}`, {
      on: {
        found: (batch: readonly Message[]) =>
          setFound(old => ({ ...old, messages: [...old.messages, ...batch] })),
        progress: (progress: SearchProgress) => setFound(old => ({ ...old, progress })),
        end: (end: SearchEnd) => setFound(old => ({ ...old, end, progress: end })),
      },
      over: refusal => setFound(old => (refusal === null ? old : { ...old, refusal })),
    })
  }
  useEffect(() => {
    setFound(nothing)
    open('')
    return () => close.current()
  }, [url, query])
  const { messages, progress, end, refusal, isCancelled } = found
  const isRunning = end === null && refusal === null && !isCancelled
  const goOn = () => {
    setFound(old => ({ ...old, end: null, refusal: null, isCancelled: false }))
    open(`&${end!.rest}`)
  }
  return (
    <>
      <div class="progress" aria-busy={isRunning}>
        {isRunning ? (
          <progress max={progress?.all ?? 1} value={progress?.scanned ?? 0} aria-label="Searched">
            {progress === null ? '' : `${whole(progress.scanned)} of ${whole(progress.all)}`}
          </progress>
        ) : null}
        {progress === null ? (
          <span>Searching …</span>
        ) : (
          <span>
            scanned <b>{whole(progress.scanned)}</b> of {whole(progress.all)} ·{' '}
            <Figure value={bytes(progress.bytes)} /> · {duration(progress.elapsedMs / 1000)} ·{' '}
            <Figure value={rate((progress.scanned * 1000) / Math.max(1, progress.elapsedMs))} />
          </span>
        )}
        {isRunning ? (
          <button
            class="btn link"
            onClick={() => {
              close.current()
              setFound(old => ({ ...old, isCancelled: true }))
            }}
          >
            Cancel
          </button>
        ) : null}
        <span class="pages" role="status">
          <span>
            <b>{whole(messages.length)}</b> found{whyOf(end, isCancelled)}
          </span>
          {end?.rest === null || end === null ? null : (
            <button class="btn" onClick={goOn}>
              Continue
            </button>
          )}
        </span>
      </div>
      {refusal === null ? null : (
        <Banner level="bad" title="The search ended">
          {refusalText(refusal)}
        </Banner>
      )}
      {messages.length > 0 ? (
        <MessageTable
          topic={topic}
          messages={messages}
          find={isExpression() ? '' : (parameter('find') ?? '')}
        />
      ) : refusal !== null ? null : (
        <div class="blank">
          <p>
            {isRunning
              ? 'Nothing is found so far.'
              : end?.why === 'end'
                ? isExpression()
                  ? 'No message fits this expression. Search in all partitions, or from the oldest message.'
                  : 'No message contains this text. Search in key, value and headers, in all partitions, or from the oldest message.'
                : 'No match so far. Continue the search, or begin it elsewhere.'}
          </p>
        </div>
      )}
    </>
  )
}

function whyOf(end: SearchEnd | null, isCancelled: boolean): string {
  if (isCancelled) return ', cancelled'
  switch (end?.why) {
    case 'end':
      return ', and that is all'
    case 'time':
      return ', stopped after a minute'
    case 'records':
      return ', stopped after 5 million messages'
    case 'found':
      return ', and there may be more'
    default:
      return ''
  }
}

// ---------------------------------------------------------------------------------------------- follow

interface Tail {
  readonly messages: readonly Message[]
  readonly last: TailBatch | null
  /** What came while somebody reads. */
  readonly held: readonly Message[]
  readonly perSecond: number | null
  readonly refusal: Refusal | null
}

function Follow({ topic, url, query }: { topic: string; url: string; query: string }) {
  const [tail, setTail] = useState<Tail>({
    messages: [],
    last: null,
    held: [],
    perSecond: null,
    refusal: null,
  })
  const [isReading, setReading] = useState(false)
  const reads = useRef(false)
  reads.current = isReading || parameter('open') !== null
  const place = useRef('')
  const counts = useRef<{ at: number; seen: number }[]>([])
  const base = useRef({ seen: 0, matched: 0, dropped: 0 })
  const paused = isPaused.value
  useEffect(() => {
    if (paused) return
    counts.current = []
    const from = { ...base.current }
    let fresh: readonly Message[] = []
    let news: Pick<Tail, 'last' | 'perSecond'> | null = null
    let timer: ReturnType<typeof setTimeout> | undefined
    const draw = () => {
      clearTimeout(timer)
      timer = undefined
      if (news === null) return
      const { last, perSecond } = news
      const kept = (perSecond ?? 0) > fast.perSecond ? fast.kept : mostFollowed
      const add = (to: readonly Message[]) => [...added, ...to].slice(0, kept)
      const added = fresh
      fresh = []
      news = null
      setTail(old =>
        reads.current
          ? { ...old, held: add(old.held), last, perSecond, refusal: null }
          : { messages: add(old.messages), held: old.held, last, perSecond, refusal: null },
      )
      timer = setTimeout(draw, drawMs)
    }
    const close = openStream(`${url}?${query}${place.current === '' ? '' : `&after=${place.current}`}`, {
      on: {
        tail: (batch: TailBatch) => {
          place.current = batch.after
          base.current = {
            seen: from.seen + batch.seen,
            matched: from.matched + batch.matched,
            dropped: from.dropped + batch.dropped,
          }
          const at = Date.now()
          counts.current = [...counts.current.filter(one => at - one.at < 5000), { at, seen: batch.seen }]
          const [first] = counts.current
          const perSecond =
            at - first!.at < 500 ? null : ((batch.seen - first!.seen) * 1000) / (at - first!.at)
          news = { last: { ...batch, ...base.current, messages: [] }, perSecond }
          fresh = [...batch.messages.toReversed(), ...fresh].slice(0, mostFollowed)
          if (timer === undefined) draw()
        },
      },
      over(refusal) {
        draw()
        setTail(old => ({
          ...old,
          refusal: refusal ?? { error: 'The console ended the tail.', remedy: 'Load the page again.' },
        }))
      },
    })
    return () => {
      close()
      draw()
      clearTimeout(timer)
    }
  }, [url, query, paused])
  const show = () =>
    setTail(old => ({ ...old, messages: [...old.held, ...old.messages].slice(0, mostFollowed), held: [] }))
  useEffect(() => {
    if (!reads.current && tail.held.length > 0) show()
  })
  const { messages, last, held, perSecond, refusal } = tail
  return (
    <>
      <div class="progress">
        <span class="state">
          <span class={paused || refusal !== null ? 'dot off' : 'dot'} aria-hidden="true" />
          {paused
            ? 'Paused; resuming continues from here'
            : refusal === null
              ? 'Following'
              : 'No longer following'}
        </span>
        {last === null ? null : (
          <span>
            <b>{whole(last.seen)}</b> came
            {last.matched === last.seen
              ? ''
              : `, ${whole(last.matched)} ${isExpression() ? 'of this expression' : 'with this text'}`}{' '}
            · <Figure value={rate(perSecond)} />
            {last.dropped === 0 ? '' : ` · ${whole(last.dropped)} left out: more than can be read`}
          </span>
        )}
        <button class="btn link" onClick={() => (isPaused.value = !paused)}>
          {paused ? 'Go on' : 'Pause'}
        </button>
        {held.length > 0 ? (
          <span class="pages">
            <button class="btn" onClick={show}>
              {held.length === mostFollowed ? `${mostFollowed} or more` : whole(held.length)} new
            </button>
          </span>
        ) : null}
      </div>
      {refusal === null ? null : (
        <Banner level="bad" title="The tail ended">
          {refusalText(refusal)}
        </Banner>
      )}
      {messages.length === 0 ? (
        refusal !== null ? null : (
          <div class="blank">
            <p>Waiting for the next message of {topic} …</p>
          </div>
        )
      ) : (
        <div onPointerEnter={() => setReading(true)} onPointerLeave={() => setReading(false)}>
          <MessageTable
            topic={topic}
            messages={messages}
            find={isExpression() ? '' : (parameter('find') ?? '')}
          />
        </div>
      )}
    </>
  )
}
