// The first page: the flow from topic to topic across all agents, the sentence that says how it stands, the same as a
// list, and what has happened lately. A component opens beside it.
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { Flow, FlowAgent, FlowEdge, FlowNode } from '../../../src/console/api.ts'
import { bytes, counted, duration, percent, rate, time, whole, wholeOr } from '../format.ts'
import { layoutOf, type Layout, type Placed } from '../layout.ts'
import { Banner, Head, Mark, Number, Scroll, Section, State, Waiting } from '../parts.tsx'
import { parameter, setParameter } from '../router.ts'
import { flow, isPaused } from '../store.ts'
import { Rows, type Cell } from '../table.tsx'
import { Drawer } from './drawer.tsx'
import { kindOf } from './kind.ts'

type Show = 'rate' | 'total'

export function FlowPage() {
  const seen = flow.value
  if (seen === null)
    return (
      <main class="main" id="main">
        <Head title="Flow" sub="" />
        <Waiting what="the flow" />
      </main>
    )
  const node = seen.nodes.find(({ id }) => id === parameter('node'))
  return (
    <div class={`stage ${node === undefined ? '' : 'with-drawer'}`}>
      <main class="main" id="main">
        <FlowHead seen={seen} />
        <Banner level={seen.verdict.level} title={seen.verdict.sentence}>
          {seen.verdict.detail}
          {seen.verdict.since === null ? '' : ` Since ${time(seen.verdict.since)}.`}
        </Banner>
        {seen.nodes.length === 0 ? null : <Picture seen={seen} />}
        {seen.nodes.length === 0 ? null : <Components seen={seen} />}
        <Notices seen={seen} />
      </main>
      {node === undefined ? null : <Drawer key={node.id} node={node} agents={seen.agents} />}
    </div>
  )
}

const shown = (): Show => (parameter('show') === 'total' ? 'total' : 'rate')

function FlowHead({ seen }: { seen: Flow }) {
  const ends = (begins: boolean) =>
    seen.nodes.filter(
      ({ id, kind }) => kind === 'topic' && !seen.edges.some(({ from, to }) => (begins ? to : from) === id),
    )
  const names = (nodes: readonly FlowNode[]) => nodes.map(({ name }) => name).join(', ')
  const [from, to] = [names(ends(true)), names(ends(false))]
  const components = seen.nodes.filter(({ agent }) => agent !== null).length
  return (
    <Head
      title={from === '' || to === '' ? 'Flow' : `${from} to ${to}`}
      sub={`${counted(seen.agents.length, 'agent')}, ${counted(components, 'component')}`}
    >
      <fieldset>
        <legend class="vh">Show</legend>
        <div class="seg">
          {(['rate', 'total'] as const).map(one => (
            <label key={one}>
              <input
                type="radio"
                name="show"
                checked={shown() === one}
                onChange={() => setParameter('show', one === 'rate' ? null : one, false)}
              />
              {one === 'rate' ? 'Rate' : 'Total'}
            </label>
          ))}
        </div>
      </fieldset>
    </Head>
  )
}

// --------------------------------------------------------------------------------------- picture

const channelWidth = 136
const plainWidth = 76
const leastGap = 24
const rowHeight = 256
const lineAt = 66

/** Drawn from left to right where there is room, else from top to bottom. */
function Picture({ seen }: { seen: Flow }) {
  const place = useRef<HTMLDivElement>(null)
  const [width, setWidth] = useState(0)
  useLayoutEffect(() => {
    const look = new ResizeObserver(([entry]) => setWidth(entry!.contentRect.width))
    look.observe(place.current!)
    return () => look.disconnect()
  }, [])
  const layout = layoutOf(seen)
  const widths = Array.from({ length: layout.columns }, (_, column) =>
    layout.placed.some(one => one.column === column && one.node.kind === 'channel')
      ? channelWidth
      : plainWidth,
  )
  const least = widths.reduce((sum, one) => sum + one, 0) + leastGap * (layout.columns - 1)
  return (
    <section class="flow" aria-label="Flow">
      <div ref={place}>
        {width === 0 ? null : width >= least ? (
          <Wide seen={seen} layout={layout} widths={widths} width={width} />
        ) : (
          <Narrow seen={seen} layout={layout} />
        )}
      </div>
      <p class="legend">The wider the line, the higher the rate. Marks on a channel are at 60 % and 85 %.</p>
    </section>
  )
}

interface WideProps {
  readonly seen: Flow
  readonly layout: Layout
  readonly widths: readonly number[]
  readonly width: number
}

function Wide({ seen, layout, widths, width }: WideProps) {
  const gap = (width - widths.reduce((sum, one) => sum + one, 0)) / Math.max(1, layout.columns - 1)
  const lefts = widths.map((_, column) => widths.slice(0, column).reduce((sum, one) => sum + one + gap, 0))
  const spots = new Map(
    layout.placed.map(one => {
      const isChannel = one.node.kind === 'channel'
      const middle = lefts[one.column]! + widths[one.column]! / 2
      const half = isChannel ? channelWidth / 2 : 16
      return [one.node.id, { ...one, middle, half, y: one.row * rowHeight + lineAt }] as const
    }),
  )
  const heaviest = Math.max(1, ...seen.edges.map(edge => edge.perSecond ?? 0))
  return (
    <div class="race" style={{ height: `${layout.rows * rowHeight}px` }}>
      {seen.agents.map(agent => {
        const own = layout.placed.filter(({ node }) => node.agent === agent.address)
        if (own.length === 0) return null
        const columns = own.map(({ column }) => column)
        const rows = own.map(({ row }) => row)
        const left = lefts[Math.min(...columns)]! - 8
        const last = Math.max(...columns)
        return (
          <div
            key={agent.address}
            class="ground"
            style={{
              left: `${left}px`,
              width: `${lefts[last]! + widths[last]! + 8 - left}px`,
              top: `${Math.min(...rows) * rowHeight}px`,
              height: `${(Math.max(...rows) - Math.min(...rows) + 1) * rowHeight - 8}px`,
            }}
          >
            <AgentLine agent={agent} />
          </div>
        )
      })}
      <svg class="lines" width={width} height={layout.rows * rowHeight} aria-hidden="true">
        {seen.edges.map(edge => {
          const [from, to] = [spots.get(edge.from), spots.get(edge.to)]
          if (from === undefined || to === undefined) return null
          const [x1, x2] = [from.middle + from.half, to.middle - to.half]
          const bend = (x1 + x2) / 2
          const d =
            from.y === to.y
              ? `M${x1} ${from.y}H${x2}`
              : `M${x1} ${from.y}C${bend} ${from.y} ${bend} ${to.y} ${x2} ${to.y}`
          const thick = lineWidth(edge.perSecond, heaviest)
          return (
            <g key={`${edge.from} ${edge.to}`} class={edge.perSecond === null ? 'unknown' : ''}>
              <path class="water" d={d} style={{ strokeWidth: `${thick}px` }} />
              {(edge.perSecond ?? 0) > 0 ? (
                <path
                  class="crest"
                  d={d}
                  style={{ animationDuration: `${crestSeconds(edge.perSecond!)}s` }}
                />
              ) : null}
            </g>
          )
        })}
      </svg>
      <ol class="nodes">
        {layout.placed.map(one => (
          <Spot key={one.node.id} placed={one} left={lefts[one.column]!} width={widths[one.column]!} />
        ))}
      </ol>
      {seen.edges.map(edge => {
        const [from, to] = [spots.get(edge.from), spots.get(edge.to)]
        if (from === undefined || to === undefined) return null
        const x = (from.middle + from.half + to.middle - to.half) / 2
        return (
          <div
            key={`${edge.from} ${edge.to}`}
            class="carries"
            style={{ left: `${x}px`, top: `${(from.y + to.y) / 2}px` }}
          >
            <EdgeFigure edge={edge} />
            {edge.label === '' ? null : <span class="via">{edge.label}</span>}
          </div>
        )
      })}
    </div>
  )
}

const lineWidth = (perSecond: number | null, heaviest: number): number =>
  perSecond === null || perSecond < 0.05 ? 2 : 3 + 6 * Math.sqrt(perSecond / heaviest)

const crestSeconds = (perSecond: number): number => Math.max(0.5, 2.4 - 0.4 * Math.log10(1 + perSecond))

function EdgeFigure({ edge }: { edge: FlowEdge }) {
  if (shown() === 'total') return <span class="rate">{wholeOr(edge.total)}</span>
  return (
    <span class="rate">
      <Number value={rate(edge.perSecond)} />
    </span>
  )
}

const AgentLine = ({ agent }: { agent: FlowAgent }) => (
  <p class="agent">
    <span class="b">agent {agent.name}</span>
    {agent.name === agent.address ? null : <span class="faint">{agent.address}</span>}
    <State level={agent.level} word={agent.state} />
  </p>
)

function Spot({ placed, left, width }: { placed: Placed; left: number; width: number }) {
  const { node, row } = placed
  const isOpen = parameter('node') === node.id
  return (
    <li
      class={`st ${node.kind} ${node.level}`}
      aria-current={isOpen ? 'true' : undefined}
      style={{ left: `${left}px`, width: `${width}px`, top: `${row * rowHeight + lineAt - 22}px` }}
    >
      <NodeMark node={node} />
      <NodeName node={node} />
      <span class="kd">{kindOf(node)}</span>
      {node.fill === null ? <NodeNote node={node} /> : <Pond node={node} />}
    </li>
  )
}

function NodeName({ node }: { node: FlowNode }) {
  if (node.agent === null) return <span class="nm">{node.name}</span>
  const query = new URLSearchParams({ node: node.id })
  if (shown() === 'total') query.set('show', 'total')
  return (
    <a class="nm" href={`/?${query}`} data-node={node.id} title={node.name}>
      {node.name}
    </a>
  )
}

function NodeNote({ node }: { node: FlowNode }) {
  if (node.level !== 'good')
    return (
      <span class="sx">
        <State level={node.level} word={node.state} />
      </span>
    )
  return node.interceptors.length === 0 ? null : <span class="sx faint">{node.interceptors.join(', ')}</span>
}

const shapes = {
  source: 'M10 16h11M16.5 11.5 21 16l-4.5 4.5',
  sink: 'M11 11.5 15.5 16 11 20.5M20.5 11v10',
  topic: 'M9 11h14M9 16h14M9 21h9',
  outside: 'M12 12l8 8M20 12l-8 8',
} as const

function NodeMark({ node }: { node: FlowNode }) {
  if (node.kind === 'channel') return <PondShape node={node} />
  return (
    <span class="ico" aria-hidden="true">
      <svg width="32" height="32" viewBox="0 0 32 32">
        {node.kind === 'topic' ? (
          <rect x="4" y="5" width="24" height="22" rx="3" />
        ) : (
          <circle cx="16" cy="16" r="12.5" />
        )}
        <path d={shapes[node.kind]} />
      </svg>
    </span>
  )
}

/** The channel as a pond in the race, filled from the left. */
function PondShape({ node }: { node: FlowNode }) {
  const { fill } = node
  const share =
    fill === null || fill.capacity === null || fill.capacity === 0
      ? 0
      : Math.min(1, fill.size / fill.capacity)
  const outline =
    'M0 18.5C9 18.5 8 5 18 5H118C128 5 127 18.5 136 18.5V25.5C127 25.5 128 39 118 39H18C8 39 9 25.5 0 25.5Z'
  const clip = `pond-${node.id.replaceAll(/\W/g, '-')}`
  return (
    <svg class="pond" width={channelWidth} height="44" viewBox={`0 0 ${channelWidth} 44`} aria-hidden="true">
      <clipPath id={clip}>
        <path d={outline} />
      </clipPath>
      <g clip-path={`url(#${clip})`}>
        <rect class="bed" width={channelWidth} height="44" />
        <rect class="w" width={share === 0 ? 0 : Math.max(3, share * channelWidth)} height="44" />
        <path class="tk" d={`M${0.6 * channelWidth} 33v6M${0.85 * channelWidth} 33v6`} />
      </g>
      <path class="rim" d={outline} />
    </svg>
  )
}

function Pond({ node }: { node: FlowNode }) {
  const fill = node.fill!
  return (
    <>
      <span class="pct">
        <span>
          {percent(fill.size, fill.capacity)}
          <span class="u"> %</span>
        </span>
        <State level={node.level} word={node.state} />
      </span>
      <dl>
        <dt>events</dt>
        <dd>
          {whole(fill.size)} <span class="u">/ {wholeOr(fill.capacity)}</span>
        </dd>
        <dt>on disk</dt>
        <dd>
          <Number value={bytes(fill.diskBytes)} />
        </dd>
        <dt>oldest</dt>
        <dd>{fill.oldestEventAgeMs === null ? '–' : duration(fill.oldestEventAgeMs / 1000)}</dd>
        <Forecast node={node} />
      </dl>
    </>
  )
}

function Forecast({ node }: { node: FlowNode }) {
  const { fullInSeconds, emptyInSeconds } = node.fill!
  if (fullInSeconds !== null)
    return (
      <>
        <dt>full in</dt>
        <dd class={node.level === 'good' ? '' : 'warn-t b'}>{duration(fullInSeconds)}</dd>
      </>
    )
  return (
    <>
      <dt>empty in</dt>
      <dd>{duration(emptyInSeconds)}</dd>
    </>
  )
}

/** From top to bottom, agent by agent: a phone. */
function Narrow({ seen, layout }: { seen: Flow; layout: Layout }) {
  const order = layout.placed.toSorted((one, other) => one.column - other.column || one.row - other.row)
  const groups: { agent: string | null; placed: Placed[] }[] = []
  for (const one of order) {
    const last = groups.find(({ agent }) => agent !== null && agent === one.node.agent)
    if (last === undefined) groups.push({ agent: one.node.agent, placed: [one] })
    else last.placed.push(one)
  }
  return (
    <div class="column">
      {groups.map(({ agent, placed }) => {
        const found = seen.agents.find(({ address }) => address === agent)
        return (
          <section key={placed[0]!.node.id} class={found === undefined ? '' : 'ground'}>
            {found === undefined ? null : <AgentLine agent={found} />}
            <ol>
              {placed.map(({ node }) => (
                <li key={node.id} class={`st ${node.kind} ${node.level}`}>
                  {node.kind === 'channel' ? null : <NodeMark node={node} />}
                  <NodeName node={node} />
                  <span class="kd">{kindOf(node)}</span>
                  {node.fill === null ? <NodeNote node={node} /> : <Pond node={node} />}
                  {node.fill === null ? null : (
                    <span class={`fill ${node.level}`}>
                      <i style={{ width: `${(100 * node.fill.size) / (node.fill.capacity || Infinity)}%` }} />
                    </span>
                  )}
                  <ul class="outs">
                    {seen.edges
                      .filter(({ from }) => from === node.id)
                      .map(edge => (
                        <li key={edge.to}>
                          <span aria-hidden="true">↓ </span>
                          <EdgeFigure edge={edge} /> <span class="faint">{edge.label}</span>
                        </li>
                      ))}
                  </ul>
                </li>
              ))}
            </ol>
          </section>
        )
      })}
    </div>
  )
}

// --------------------------------------------------------------------------------- list, notices

function Components({ seen }: { seen: Flow }) {
  const components = seen.nodes.filter(({ agent }) => agent !== null)
  useKeys(components.map(({ id }) => id))
  const figure = (perSecond: number | null, total: number | null) =>
    shown() === 'total' ? wholeOr(total) : <Number value={rate(perSecond)} />
  const columns: readonly Cell<FlowNode>[] = [
    { title: 'Name', cell: node => <NodeName node={node} /> },
    { title: 'Kind', drop: 'p1', cell: node => <span class="soft">{kindOf(node)}</span> },
    { title: 'Agent', cell: node => seen.agents.find(({ address }) => address === node.agent)?.name ?? '' },
    { title: 'State', cell: node => <State level={node.level} word={node.state} /> },
    { title: 'In', isNumber: true, cell: node => figure(node.inPerSecond, node.inTotal) },
    { title: 'Out', isNumber: true, cell: node => figure(node.outPerSecond, node.outTotal) },
    {
      title: 'Conditions',
      isNumber: true,
      drop: 'p2',
      cell: ({ conditions: { length } }) => <span class={length === 0 ? 'zero' : ''}>{length}</span>,
    },
  ]
  return (
    <Section title="Components" action={<span class="faint">the same flow as a list</span>}>
      <Rows
        label="Components of the flow"
        rows={components}
        columns={columns}
        nameOf={({ id }) => id}
        isDense
        isOpen={({ id }) => id === parameter('node')}
      />
    </Section>
  )
}

/** j and k go from component to component, Escape closes. */
function useKeys(ids: readonly string[]): void {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return
      if (event.key === 'Escape') setParameter('node', null)
      if (event.key !== 'j' && event.key !== 'k') return
      const at = ids.indexOf(parameter('node') ?? '')
      const next = event.key === 'j' ? at + 1 : at - 1
      setParameter('node', ids[Math.max(0, Math.min(ids.length - 1, next))] ?? null, false)
    }
    addEventListener('keydown', press)
    return () => removeEventListener('keydown', press)
  }, [ids.join(' ')])
}

const words = { good: 'over', warn: 'warning', bad: 'error', off: 'info' } as const

function Notices({ seen }: { seen: Flow }) {
  const nameOf = (id: string) =>
    seen.nodes.find(node => node.id === id)?.name ??
    seen.agents.find(({ address }) => address === id)?.name ??
    id
  return (
    <Section
      title="Notices"
      action={<span class="faint">since this console was started{isPaused.value ? '; paused' : ''}</span>}
    >
      {seen.notices.length === 0 ? (
        <p class="soft">Nothing has happened: no condition began or ended.</p>
      ) : (
        <Scroll>
          <table class="t dense">
            <caption class="vh">Last notices</caption>
            <thead class="vh">
              <tr>
                <th scope="col">Time</th>
                <th scope="col">Level</th>
                <th scope="col">Component</th>
                <th scope="col">Message</th>
              </tr>
            </thead>
            <tbody>
              {seen.notices.slice(0, 20).map(({ at, level, node, text }) => (
                <tr key={`${at} ${node} ${text}`}>
                  <td class="soft">{time(at)}</td>
                  <td>
                    <span class="state">
                      <Mark level={level} />
                      {words[level]}
                    </span>
                  </td>
                  <td class="p1">{nameOf(node)}</td>
                  <td class="wrap">{text}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
    </Section>
  )
}
