// A line over the last hour or day, drawn into the width there is; the same as a table for who does not see it.
import { useState } from 'preact/hooks'
import { duration, whole } from './format.ts'
import { Heads } from './table.tsx'

export interface Line {
  readonly name: string
  readonly values: readonly (number | null)[]
  readonly kind: 'a' | 'b'
}

export interface ChartProps {
  readonly title: string
  readonly lines: readonly Line[]
  readonly stepSeconds: number
  /** A level to compare with. */
  readonly limit?: number | null
  /** Whether it stands by itself on a page, not inside a section. */
  readonly isSection?: boolean
}

/** In steps of ten seconds 5 min, 15 min and an hour; in steps of a minute 30 min, 90 min, 6 h and a day: as much as is known. */
const spans = [30, 90, 360, 1440]

export function Chart({ title, lines, stepSeconds, limit = null, isSection = false }: ChartProps) {
  const [isTable, setTable] = useState(false)
  const known = lines.flatMap(({ values }) => values.filter(value => value !== null))
  const highest = Math.max(1, ...known)
  // A limit far above would press the line to the ground.
  const showsLimit = limit !== null && limit <= highest * 4
  const top = niceTop(showsLimit ? Math.max(highest, limit) : highest)
  const y = (value: number) => 100 - (100 * value) / top
  const longest = Math.max(...lines.map(({ values }) => values.length))
  const points = spans.find(span => span >= longest) ?? 1440
  const Title = isSection ? 'h2' : 'h3'
  return (
    <figure class="chart">
      <figcaption>
        <Title>{title}</Title>
        <span class="key">
          {lines.map(line => (
            <span key={line.name}>
              <svg width="16" height="6" aria-hidden="true">
                <line class={`c-${line.kind}`} x1="0" y1="3" x2="16" y2="3" />
              </svg>
              {line.name}
            </span>
          ))}
        </span>
      </figcaption>
      {isTable ? (
        <PastTable lines={lines} stepSeconds={stepSeconds} />
      ) : (
        <>
          <div class="plot">
            <svg
              viewBox="0 0 100 100"
              preserveAspectRatio="none"
              role="img"
              aria-label={`${title}: ${lines.map(line => `${line.name} ${summaryOf(line.values)}`).join('; ')}`}
            >
              <line class="c-grid" x1="0" x2="100" y1={y(top / 2)} y2={y(top / 2)} />
              <line class="c-grid" x1="0" x2="100" y1="0" y2="0" />
              {showsLimit ? <line class="c-cap" x1="0" x2="100" y1={y(limit)} y2={y(limit)} /> : null}
              {lines.map(line => (
                <path key={line.name} class={`c-${line.kind}`} d={pathOf(line.values, points, y)} />
              ))}
            </svg>
          </div>
          <div class="y" aria-hidden="true">
            <span class="y-top">{whole(top)}</span>
            <span class="y-mid">{top >= 10 ? whole(top / 2) : top / 2}</span>
            <span class="y-low">0</span>
          </div>
          <div class="x" aria-hidden="true">
            <span class="x-begin">{duration(points * stepSeconds)} ago</span>
            <span class="x-end">now</span>
          </div>
        </>
      )}
      <button class="btn link" onClick={() => setTable(!isTable)}>
        {isTable ? 'Show as chart' : 'Show as table'}
      </button>
    </figure>
  )
}

/** 1, 2, 5, 10, 20, … */
function niceTop(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value))
  return [1, 2, 5, 10].find(step => step * power >= value)! * power
}

function pathOf(values: readonly (number | null)[], points: number, y: (value: number) => number): string {
  let path = ''
  let isOpen = false
  for (const [index, value] of values.entries()) {
    if (value === null) {
      isOpen = false
      continue
    }
    const x = (100 * (points - values.length + index + 1)) / points
    path += `${isOpen ? 'L' : 'M'}${x.toFixed(2)} ${y(value).toFixed(2)}`
    isOpen = true
  }
  return path
}

function summaryOf(values: readonly (number | null)[]): string {
  const known = values.filter(value => value !== null)
  if (known.length === 0) return 'not known yet'
  return `between ${Math.round(Math.min(...known))} and ${Math.round(Math.max(...known))}, now ${Math.round(known.at(-1)!)}`
}

function PastTable({ lines, stepSeconds }: Pick<ChartProps, 'lines' | 'stepSeconds'>) {
  const longest = Math.max(...lines.map(({ values }) => values.length))
  const everySixth = Array.from({ length: longest }, (_, index) => index).filter(
    index => (longest - 1 - index) % 6 === 0,
  )
  return (
    <div class="hour" tabIndex={0}>
      <table class="t dense small">
        <Heads of={['Ago', ...lines.map(({ name }) => [name, 'r'] as const)]} />
        <tbody>
          {everySixth.toReversed().map(index => (
            <tr key={index}>
              <th scope="row">{duration((longest - 1 - index) * stepSeconds, 0)}</th>
              {lines.map(({ name, values }) => (
                <td key={name} class="r">
                  {values[index]?.toFixed(1) ?? '–'}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
