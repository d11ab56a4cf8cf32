// The shared parts: state marks, quantities, icons, banners, and what a page shows while it has nothing to show.
import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { Level, Refusal } from '../../src/console/api.ts'
import { refusalText, type Quantity } from './format.ts'
import { notice, type Asked } from './store.ts'

const marks: Record<Level, string> = { good: 'dot', warn: 'dot warn', bad: 'dot bad', off: 'dot off' }

export const Mark = ({ level }: { level: Level }) => <span class={marks[level]} aria-hidden="true" />

export const State = ({ level, word }: { level: Level; word: string }) => (
  <span class={`state ${level === 'warn' ? 'warn-t' : level === 'bad' ? 'bad-t' : ''}`}>
    <Mark level={level} />
    {word}
  </span>
)

export const Flagged = ({ level, text }: { level: 'warn' | 'bad'; text: string }) => (
  <span class={`flag ${level}-t`}>
    <Mark level={level} />
    {text}
  </span>
)

export const Number = ({ value }: { value: Quantity }) => (
  <>
    {value.text}
    {value.unit === '' ? null : <span class="u"> {value.unit}</span>}
  </>
)

const paths = {
  flow: 'M2 6.5c2.7-2 5.3-2 8 0s5.3 2 8 0M2 13.5c2.7-2 5.3-2 8 0s5.3 2 8 0',
  topics: 'M3 5h14M3 10h14M3 15h9',
  groups:
    'M4 7.5a3 3 0 1 0 6 0a3 3 0 1 0-6 0M1.8 16.5c.5-3 2.4-4.6 5.2-4.6s4.7 1.6 5.2 4.6M13 4.8a3 3 0 0 1 0 5.5M14.5 12.3c2 .5 3.3 1.9 3.7 4.2',
  brokers:
    'M4.5 3h11A1.5 1.5 0 0 1 17 4.5v3A1.5 1.5 0 0 1 15.5 9h-11A1.5 1.5 0 0 1 3 7.5v-3A1.5 1.5 0 0 1 4.5 3M4.5 11h11a1.5 1.5 0 0 1 1.5 1.5v3a1.5 1.5 0 0 1-1.5 1.5h-11A1.5 1.5 0 0 1 3 15.5v-3A1.5 1.5 0 0 1 4.5 11M6 6h.01M6 14h.01',
  theme: 'M4.5 10a5.5 5.5 0 1 0 11 0a5.5 5.5 0 1 0-11 0M10 4.5a5.5 5.5 0 0 1 0 11z',
  audit: 'M5 2.5h7L15.5 6v11.5h-11V3A.5.5 0 0 1 5 2.5M12 2.5V6h3.5M7 9.5h6M7 12h6M7 14.5h4',
  leave: 'M8 3.5H4.5A1 1 0 0 0 3.5 4.5v11a1 1 0 0 0 1 1H8M12.5 6.5 16 10l-3.5 3.5M16 10H8',
  close: 'm5 5 10 10M15 5 5 15',
  search: 'M4 9a5 5 0 1 0 10 0a5 5 0 1 0-10 0M13 13l4 4',
} as const
export type IconName = keyof typeof paths

export const Icon = ({ name, size = 20 }: { name: IconName; size?: number }) => (
  <svg
    width={size}
    height={size}
    viewBox="0 0 20 20"
    fill="none"
    stroke="currentColor"
    stroke-width="1.5"
    stroke-linecap="round"
    stroke-linejoin="round"
    aria-hidden="true"
  >
    <path d={paths[name]} />
  </svg>
)

export const Banner = ({
  level,
  title,
  children,
}: {
  level: Level
  title: ComponentChildren
  children?: ComponentChildren
}) => (
  <div class={`banner ${level === 'bad' ? 'bad' : level === 'warn' ? '' : 'info'}`} role="status">
    <div class="say">
      <div class="head-line">
        <Mark level={level} />
        <strong>{title}</strong>
      </div>
      {children === undefined || children === '' ? null : <p>{children}</p>}
    </div>
  </div>
)

/** Where an answer is not there yet, or there is none. */
export const Waiting = ({ refusal, what }: { refusal?: Refusal | undefined; what: string }) =>
  refusal === undefined ? (
    <div class="blank" role="status">
      <p>Reading {what} …</p>
    </div>
  ) : (
    <Banner level="bad" title={`${what[0]!.toUpperCase()}${what.slice(1)} cannot be shown`}>
      {refusalText(refusal)}
    </Banner>
  )

export const Head = ({
  title,
  sub,
  children,
}: {
  title: string
  sub: string
  children?: ComponentChildren
}) => (
  <div class="head">
    <h1>{title}</h1>
    <span class="sub">{sub}</span>
    {children === undefined ? null : <div class="right">{children}</div>}
  </div>
)

interface PageProps<T> {
  readonly title: string
  /** What is read, in the sentence that it cannot be shown. */
  readonly what: string
  readonly asked: Asked<T>
  readonly sub: (data: T) => string
  readonly action?: ComponentChildren
  readonly children: (data: T) => ComponentChildren
}

/** What was changed last, on the page that follows. */
export const Notice = () => (
  <div role="status" class="notice">
    {notice.value === null ? null : (
      <>
        <Mark level="good" />
        <span>{notice.value}</span>
        <button
          class="btn quiet icon"
          aria-label="Dismiss"
          title="Dismiss"
          onClick={() => (notice.value = null)}
        >
          <Icon name="close" size={14} />
        </button>
      </>
    )}
  </div>
)

/** A page over an answer: what it says until there is one, and what it says when there is no newer one. */
export const Page = <T,>({ title, what, asked: { data, refusal }, sub, action, children }: PageProps<T>) => (
  <main class="main" id="main">
    <Notice />
    <Head title={title} sub={data === undefined ? '' : sub(data)}>
      {data === undefined ? undefined : action}
    </Head>
    {data === undefined ? (
      <Waiting refusal={refusal} what={what} />
    ) : (
      <>
        {refusal === undefined ? null : <Waiting refusal={refusal} what="what is new" />}
        {children(data)}
      </>
    )}
  </main>
)

export const Section = ({
  title,
  action,
  children,
}: {
  title: string
  action?: ComponentChildren
  children: ComponentChildren
}) => (
  <section class="sec">
    <div class="sec-head">
      <h2>{title}</h2>
      {action}
    </div>
    {children}
  </section>
)

export const Fact = ({ name, value }: { name: string; value: ComponentChildren }) => (
  <div>
    <dt>{name}</dt>
    <dd>{value}</dd>
  </div>
)

/** Around what may be wider than the page: keys reach it where it scrolls. */
export function Scroll({ children }: { children: ComponentChildren }) {
  const place = useRef<HTMLDivElement>(null)
  const [scrolls, setScrolls] = useState(false)
  useLayoutEffect(() => {
    const look = new ResizeObserver(() => setScrolls(place.current!.scrollWidth > place.current!.clientWidth))
    look.observe(place.current!)
    look.observe(place.current!.firstElementChild!)
    return () => look.disconnect()
  }, [])
  return (
    <div class="tw" ref={place} tabIndex={scrolls ? 0 : undefined}>
      {children}
    </div>
  )
}

interface ChoiceProps<T extends string> {
  readonly label: string
  /** The label is read by screen readers alone. */
  readonly isLabelHidden?: boolean
  readonly isFull?: boolean
  readonly name: string
  readonly value: T
  readonly of: readonly (readonly [T, ComponentChildren])[]
  readonly set: (value: T) => void
}

/** One of a few. */
export const Choice = <T extends string>(props: ChoiceProps<T>) => (
  <fieldset class={props.isLabelHidden ? '' : `field ${props.isFull ? 'full' : ''}`}>
    <legend class={props.isLabelHidden ? 'vh' : ''}>{props.label}</legend>
    <div class="seg">
      {props.of.map(([one, text]) => (
        <label key={one}>
          <input
            type="radio"
            name={props.name}
            checked={props.value === one}
            onChange={() => props.set(one)}
          />
          {text}
        </label>
      ))}
    </div>
  </fieldset>
)
