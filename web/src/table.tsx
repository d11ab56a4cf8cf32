// A table that sorts, is searched, and draws only the rows that are seen: 10,000 topics cost as much as 40. Sorting,
// search and place are in the address.
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { ComponentChildren, RefObject } from 'preact'
import { whole } from './format.ts'
import { Icon, Scroll } from './parts.tsx'
import { parameter, setParameter } from './router.ts'
import { hasKeys } from './store.ts'

export interface Cell<Row> {
  readonly title: string
  readonly isNumber?: boolean
  /** From which width of the page on it is left out: p0 the narrowest. */
  readonly drop?: 'p0' | 'p1' | 'p2' | 'p3'
  readonly cell: (row: Row) => ComponentChildren
}

export interface Column<Row> extends Cell<Row> {
  readonly key: string
  /** Null sorts last. */
  readonly order: (row: Row) => string | number | null
}

const rowHeight = 32
const spare = 10

export interface TableProps<Row> {
  readonly label: string
  readonly rows: readonly Row[]
  readonly columns: readonly Column<Row>[]
  readonly nameOf: (row: Row) => string
  readonly empty: string
}

export function sorted<Row>(rows: readonly Row[], column: Column<Row>, isDown: boolean): Row[] {
  const sign = isDown ? -1 : 1
  return rows.toSorted((one, other) => {
    const [a, b] = [column.order(one), column.order(other)]
    if (a === null || b === null) return (a === null ? 1 : 0) - (b === null ? 1 : 0)
    return (
      sign * (typeof a === 'number' ? a - (b as number) : a < (b as string) ? -1 : a > (b as string) ? 1 : 0)
    )
  })
}

export function Table<Row>({ label, rows, columns, nameOf, empty }: TableProps<Row>) {
  const [key = columns[0]!.key, direction] = (parameter('sort') ?? '').split(' ').filter(word => word !== '')
  const by = columns.find(column => column.key === key) ?? columns[0]!
  const isDown = direction === 'down'
  const body = useRef<HTMLTableSectionElement>(null)
  const [[from, to], setSeen] = useState([0, 60])
  const all = sorted(rows, by, isDown)

  useLayoutEffect(() => {
    const look = () => {
      const top = body.current?.getBoundingClientRect().top ?? 0
      const first = Math.max(0, Math.floor(-top / rowHeight) - spare)
      const last = Math.ceil((innerHeight - top) / rowHeight) + spare
      setSeen(before => (before[0] === first && before[1] === last ? before : [first, last]))
    }
    look()
    addEventListener('scroll', look, { passive: true })
    addEventListener('resize', look)
    return () => {
      removeEventListener('scroll', look)
      removeEventListener('resize', look)
    }
  }, [])

  const first = Math.min(from!, Math.max(0, all.length - 1))
  const seen = all.slice(first, to)
  const sort = (column: Column<Row>) =>
    setParameter('sort', column.key === by.key && !isDown ? `${column.key} down` : column.key, false)
  if (all.length === 0) return <p class="blank soft">{empty}</p>
  return (
    <Scroll>
      <table class="t heads" aria-rowcount={all.length}>
        <caption class="vh">{label}</caption>
        <thead>
          <tr>
            {columns.map(column => (
              <th
                key={column.key}
                scope="col"
                class={classOf(column)}
                aria-sort={column.key === by.key ? (isDown ? 'descending' : 'ascending') : undefined}
              >
                <button class="sort" onClick={() => sort(column)}>
                  {column.title}
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody ref={body}>
          {first === 0 ? null : <Gap rows={first} columns={columns.length} />}
          {seen.map(row => (
            <tr key={nameOf(row)} data-row={nameOf(row)}>
              <Cells row={row} columns={columns} name={nameOf(row)} />
            </tr>
          ))}
          {first + seen.length === all.length ? null : (
            <Gap rows={all.length - first - seen.length} columns={columns.length} />
          )}
        </tbody>
      </table>
    </Scroll>
  )
}

const classOf = ({ isNumber, drop }: Pick<Cell<never>, 'isNumber' | 'drop'>) =>
  `${isNumber ? 'r' : ''} ${drop ?? ''}`

interface CellsProps<Row> {
  readonly row: Row
  readonly columns: readonly Cell<Row>[]
  /** Where the first cell may be too narrow for it. */
  readonly name?: string
}

/** The first cell names the row. */
const Cells = <Row,>({ row, columns, name }: CellsProps<Row>) => (
  <>
    {columns.map((column, index) =>
      index === 0 ? (
        <th key={column.title} scope="row" class={classOf(column)} title={name}>
          {column.cell(row)}
        </th>
      ) : (
        <td key={column.title} class={classOf(column)}>
          {column.cell(row)}
        </td>
      ),
    )}
  </>
)

export interface RowsProps<Row> {
  readonly label: string
  readonly rows: readonly Row[]
  readonly columns: readonly Cell<Row>[]
  readonly nameOf: (row: Row) => string | number
  readonly isDense?: boolean
  readonly isOpen?: (row: Row) => boolean
}

/** A short table, in the order of its rows. */
export const Rows = <Row,>({ label, rows, columns, nameOf, isDense, isOpen }: RowsProps<Row>) => (
  <Scroll>
    <table class={isDense ? 't dense' : 't'}>
      <caption class="vh">{label}</caption>
      <Heads of={columns.map(column => [column.title, classOf(column)] as const)} />
      <tbody>
        {rows.map(row => (
          <tr key={nameOf(row)} class={isOpen?.(row) ? 'open' : ''}>
            <Cells row={row} columns={columns} />
          </tr>
        ))}
      </tbody>
    </table>
  </Scroll>
)

/** Titles of columns; with classes: r for numbers, p1 for those that are left out where it is narrow. */
export const Heads = ({
  of,
  isHidden = false,
}: {
  of: readonly (string | readonly [title: string, classes: string])[]
  /** From eyes; a screen reader reads them. */
  isHidden?: boolean
}) => (
  <thead class={isHidden ? 'vh' : ''}>
    <tr>
      {of.map(one => {
        const [title, classes] = typeof one === 'string' ? [one, ''] : one
        return (
          <th key={title} scope="col" class={classes}>
            {title}
          </th>
        )
      })}
    </tr>
  </thead>
)

const Gap = ({ rows, columns }: { rows: number; columns: number }) => (
  <tr aria-hidden="true" class="gap">
    <td colSpan={columns} style={{ height: `${rows * rowHeight}px` }} />
  </tr>
)

/** The field that `/` leads to. */
export function useSearchField(): RefObject<HTMLInputElement | null> {
  const field = useRef<HTMLInputElement>(null)
  useEffect(() => {
    const focus = (event: KeyboardEvent) => {
      if (event.key !== '/' || !isShortcut(event)) return
      event.preventDefault()
      field.current?.focus()
    }
    addEventListener('keydown', focus)
    return () => removeEventListener('keydown', focus)
  }, [])
  return field
}

/** The field over a table; `/` leads to it. */
export function Search({ what, found, all }: { what: string; found: number; all: number }) {
  const field = useSearchField()
  return (
    <div class="toolbar">
      <label class="search">
        <span class="vh">Search {what}</span>
        <Icon name="search" size={16} />
        <input
          ref={field}
          class="in"
          type="text"
          placeholder={`Search ${what}`}
          value={parameter('find') ?? ''}
          onInput={event => setParameter('find', event.currentTarget.value, false)}
        />
        <kbd aria-hidden="true">/</kbd>
      </label>
      <span class="right soft">
        {found === all ? `${whole(all)} ${what}` : `${whole(found)} of ${whole(all)} ${what}`}
      </span>
    </div>
  )
}

/** Whether a single key is meant for the page, and is not switched off (WCAG 2.1.4). */
export const isShortcut = (event: KeyboardEvent): boolean => hasKeys.value && !isTyping(event)

export const isTyping = (event: KeyboardEvent): boolean =>
  event.ctrlKey ||
  event.metaKey ||
  event.altKey ||
  (event.target instanceof HTMLElement && event.target.closest('input, select, textarea') !== null)

/** Names that hold every word of the search. */
export function finds(name: string): boolean {
  const words = (parameter('find') ?? '').toLowerCase().split(/\s+/)
  return words.every(word => name.toLowerCase().includes(word))
}
