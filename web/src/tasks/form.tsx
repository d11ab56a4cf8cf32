// What pages that change something have in common: fields with their errors, what Kafka refuses, the button that waits.
import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Outcomes, Refusal } from '../../../src/console/api.ts'
import { Banner, Head } from '../parts.tsx'
import { go, parameter, setParameter } from '../router.ts'
import { notice, tell } from '../store.ts'
import { isTyping } from '../table.tsx'
import { withCluster } from '../pages/shared.tsx'
import { refusalText, sentence } from '../format.ts'

type Method = Parameters<typeof tell>[0]

export interface Change {
  /** What is under way, as the button says it: Checking; null while nothing is. */
  readonly busy: string | null
  readonly refusal: Refusal | null
  /** What is wrong with the field, in Kafka's words. */
  problemOf(field: string): string | undefined
  refuse(error: string, field?: string): void
  /** Null where it was refused. */
  run<T>(doing: string, method: Method, url: string, body: object): Promise<T | null>
}

export function useChange(): Change {
  const [busy, setBusy] = useState<string | null>(null)
  const [refusal, setRefusal] = useState<Refusal | null>(null)
  useEffect(() => {
    if (refusal !== null) document.querySelector<HTMLElement>('.task [aria-invalid=true]')?.focus()
  }, [refusal])
  return {
    busy,
    refusal,
    problemOf: field => (refusal?.field === field ? refusalText(refusal) : undefined),
    refuse: (error, field) => setRefusal({ error, remedy: '', ...(field === undefined ? {} : { field }) }),
    async run<T>(doing: string, method: Method, url: string, body: object) {
      setBusy(doing)
      setRefusal(null)
      const answer = await tell<T>(method, url, body)
      setBusy(null)
      if ('data' in answer) return answer.data
      setRefusal(answer.refusal)
      return null
    },
  }
}

/** To the page that shows what has become of it, with a sentence that says so. */
export function leave(to: string, sentence: string): void {
  notice.value = sentence
  go(withCluster(to))
}

/** What was refused of several; null where nothing was. */
export function problemsOf({ outcomes }: Outcomes): string | null {
  const refused = outcomes.filter(({ problem }) => problem !== null)
  if (refused.length === 0) return null
  const [first] = refused
  return `${refused.length} of ${outcomes.length} were refused; ${first!.what}: ${first!.problem}`
}

/** Of the address. */
export const listIn = (name: string): string[] => (parameter(name) ?? '').split(',').filter(one => one !== '')

/** Puts the word into the list in the address, or takes it out. Where `all` is given, no list means all of them. */
export function toggle(name: string, word: string, isOn: boolean, all?: readonly string[]): void {
  const now = all !== undefined && parameter(name) === null ? all : listIn(name)
  const others = now.filter(one => one !== word)
  const next = isOn ? [...others, word] : others
  setParameter(
    name,
    next.length === all?.length ? null : next.join(',') || (all === undefined ? null : ','),
    false,
  )
}

export interface TaskProps {
  readonly title: string
  readonly sub: string
  /** Where Cancel and Escape lead. */
  readonly back: string
  readonly change: Change
  /** Fields that show a refusal themselves. */
  readonly fields?: readonly string[]
  readonly isWide?: boolean
  /** Undefined: there is nothing to do. */
  readonly button?: ComponentChildren
  readonly isDangerous?: boolean
  readonly isReady?: boolean
  readonly submit?: () => void
  readonly children: ComponentChildren
}

export function Task(props: TaskProps) {
  const { title, sub, back, change, fields = [], isWide, button, isDangerous, isReady = true, submit } = props
  const form = useRef<HTMLFormElement>(null)
  useEffect(() => {
    const fields = form.current?.querySelectorAll<HTMLInputElement>('input, select, textarea') ?? []
    const first = [...fields].find(one => !one.disabled && (one.type !== 'radio' || one.checked))
    first?.focus()
    const press = (event: KeyboardEvent) => {
      if (event.key === 'Escape' && !isTyping(event)) go(withCluster(back))
    }
    addEventListener('keydown', press)
    return () => removeEventListener('keydown', press)
  }, [back])
  const { busy, refusal } = change
  const isBeside = refusal?.field !== undefined && fields.includes(refusal.field)
  return (
    <main class="main" id="main">
      <Head title={title} sub={sub} />
      <form
        class={`task ${isWide ? 'wide' : ''}`}
        ref={form}
        noValidate
        aria-busy={busy !== null}
        onSubmit={event => {
          event.preventDefault()
          if (busy === null && isReady) submit?.()
        }}
      >
        {props.children}
        {refusal !== null && !isBeside ? (
          <div role="alert">
            <Banner level="bad" title={sentence(refusal.error)}>
              {refusal.remedy}
            </Banner>
          </div>
        ) : null}
        <div class="buttons">
          {button === undefined ? null : (
            <button class={`btn ${isDangerous ? 'danger' : 'primary'}`} disabled={busy !== null || !isReady}>
              {busy === null ? button : `${busy} …`}
            </button>
          )}
          <a class="btn" href={withCluster(back)}>
            {button === undefined ? 'Back' : 'Cancel'}
          </a>
          <span role="status" class="vh">
            {busy === null ? '' : `${busy} …`}
          </span>
        </div>
      </form>
    </main>
  )
}

export interface FieldProps {
  readonly label: string
  readonly value: string
  readonly set: (value: string) => void
  readonly hint?: ComponentChildren
  readonly problem?: string | undefined
  readonly size?: 'short' | 'name' | ''
  readonly mode?: 'numeric' | 'text'
  readonly type?: 'text' | 'datetime-local'
  readonly list?: string
  readonly isMono?: boolean
  readonly isHidden?: boolean
  readonly isArea?: boolean
  readonly isOff?: boolean
}

let made = 0

/** A label, its input, a hint, and what is wrong. */
export function Field(props: FieldProps) {
  const { label, value, set, hint, problem, size = '', mode, type = 'text', list, isOff = false } = props
  const [id] = useState(() => `field-${made++}`)
  const about = [problem === undefined ? '' : `${id}-problem`, hint === undefined ? '' : `${id}-hint`]
  const input = {
    id,
    class: `in ${props.isMono ? 'mono' : ''}`,
    value,
    disabled: isOff,
    'aria-invalid': problem !== undefined,
    'aria-describedby': about.filter(one => one !== '').join(' ') || undefined,
    autocomplete: 'off',
    spellcheck: false,
  } as const
  return (
    <div class={`field ${size}`}>
      <label for={id} class={props.isHidden ? 'vh' : ''}>
        {label}
      </label>
      {props.isArea ? (
        <textarea {...input} rows={8} onInput={event => set(event.currentTarget.value)} />
      ) : (
        <input
          {...input}
          type={type}
          inputMode={mode}
          list={list}
          step={type === 'datetime-local' ? 1 : undefined}
          onInput={event => set(event.currentTarget.value)}
        />
      )}
      {problem === undefined ? null : (
        <span class="err" id={`${id}-problem`}>
          {problem}
        </span>
      )}
      {hint === undefined ? null : (
        <span class="hint" id={`${id}-hint`}>
          {hint}
        </span>
      )}
    </div>
  )
}

/** The name of what is deleted has to be typed. */
export const Confirm = ({
  name,
  typed,
  set,
  change,
}: {
  name: string
  typed: string
  set: (typed: string) => void
  change: Change
}) => (
  <Field
    label={`Type ${name} to confirm`}
    value={typed}
    set={set}
    size="name"
    problem={change.problemOf('name')}
  />
)

export const Check = ({
  label,
  isOn,
  set,
  isHidden,
}: {
  label: string
  isOn: boolean
  set: (isOn: boolean) => void
  isHidden?: boolean
}) => (
  <label class="check">
    <input type="checkbox" checked={isOn} onChange={event => set(event.currentTarget.checked)} />
    <span class={isHidden ? 'vh' : ''}>{label}</span>
  </label>
)

export interface Pair {
  readonly name: string
  readonly value: string
}

/** Names with values: settings, headers. */
export function Pairs({
  label,
  what,
  pairs,
  set,
  names,
  problem,
}: {
  label: string
  /** One of them: setting. */
  what: string
  pairs: readonly Pair[]
  set: (pairs: readonly Pair[]) => void
  /** Those that are offered. */
  names?: readonly string[]
  problem?: string | undefined
}) {
  const change = (at: number, more: Partial<Pair>) =>
    set(pairs.map((pair, index) => (index === at ? { ...pair, ...more } : pair)))
  return (
    <fieldset class="field">
      <legend>{label}</legend>
      {names === undefined ? null : (
        <datalist id={`names of ${what}`}>
          {names.map(name => (
            <option key={name} value={name} />
          ))}
        </datalist>
      )}
      <div class="pairs">
        {pairs.map(({ name, value }, at) => (
          <div class="pair" key={at}>
            <Field
              label={`Name of ${what} ${at + 1}`}
              value={name}
              set={text => change(at, { name: text })}
              {...(names === undefined ? {} : { list: `names of ${what}` })}
              isMono
              problem={at === 0 ? problem : undefined}
            />
            <Field
              label={`Value of ${what} ${at + 1}`}
              value={value}
              set={text => change(at, { value: text })}
              isMono
            />
            <button type="button" class="btn" onClick={() => set(pairs.filter((_, index) => index !== at))}>
              Remove
              <span class="vh">
                {' '}
                {what} {at + 1}
              </span>
            </button>
          </div>
        ))}
        <div>
          <button type="button" class="btn" onClick={() => set([...pairs, { name: '', value: '' }])}>
            Add a {what}
          </button>
        </div>
      </div>
    </fieldset>
  )
}

export const Effects = ({ of }: { of: readonly (readonly [string, ComponentChildren])[] }) => (
  <dl class="effects">
    {of.map(([name, value]) => (
      <div key={name}>
        <dt>{name}</dt>
        <dd>{value}</dd>
      </div>
    ))}
  </dl>
)

/** Until what it is about has been read. */
export const TaskWaiting = ({ title, refusal }: { title: string; refusal?: Refusal | undefined }) => (
  <main class="main" id="main">
    <Head title={title} sub="" />
    {refusal === undefined ? (
      <div class="blank" role="status">
        <p>Reading …</p>
      </div>
    ) : (
      <Banner level="bad" title={sentence(refusal.error)}>
        {refusal.remedy}
      </Banner>
    )}
  </main>
)
