// The flow as a picture: a race with ponds in it. From left to right where there is room, else from top to bottom.
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { Flow, FlowAgent, FlowEdge, FlowNode } from '../../../src/console/api.ts'
import { byLines, layoutOf, type Layout, type Placed } from '../layout.ts'
import { State } from '../parts.tsx'
import { parameter } from '../router.ts'
import { Figure } from './figures.tsx'
import { kindOf } from './kind.ts'
import { channelWidth, NodeMark, Pond, TopicLag } from './node-looks.tsx'
import { lasting, NodeName } from './node-name.tsx'

const plainWidth = 76
const leastGap = 24
const mostGap = 220
/** With more rows the channels say less. */
const mostTallRows = 3
const lineAt = 66

/** Drawn from left to right where there is room, else from top to bottom. */
export function Picture({ seen }: { seen: Flow }) {
  const place = useRef<HTMLDivElement>(null)
  const [width, setWidth] = useState(0)
  useLayoutEffect(() => {
    const look = new ResizeObserver(([entry]) => setWidth(entry!.contentRect.width))
    look.observe(place.current!)
    // Before the first paint, so that nothing moves when the picture comes.
    setWidth(place.current!.clientWidth)
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
      <p class="legend">
        The width of a line shows its rate. The marks on a channel are at 60 % and 85 %.
        {seen.edges.some(({ isStuck }) => isStuck) ? ' A broken red line is the hop that is stuck.' : ''}
      </p>
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
  const gap = Math.min(
    mostGap,
    (width - widths.reduce((sum, one) => sum + one, 0)) / Math.max(1, layout.columns - 1),
  )
  const isDense = layout.rows > mostTallRows
  const rowHeight = isDense ? 172 : 256
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
            class={`ground ${agent.level}`}
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
            <g
              key={`${edge.from} ${edge.to}`}
              class={edge.isStuck ? 'stuck' : edge.perSecond === null ? 'unknown' : ''}
            >
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
          <Spot
            key={one.node.id}
            placed={one}
            left={lefts[one.column]!}
            width={widths[one.column]!}
            top={spots.get(one.node.id)!.y - 22}
            isDense={isDense}
            takenAt={seen.takenAt}
          />
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
            aria-hidden="true"
            style={{ left: `${x}px`, top: `${(from.y + to.y) / 2}px` }}
          >
            <EdgeFigure edge={edge} />
            {edge.isStuck ? (
              <span class="via">
                <State level="bad" word="stuck" />
              </span>
            ) : edge.label === '' ? null : (
              <span class="via">{edge.label}</span>
            )}
          </div>
        )
      })}
    </div>
  )
}

const lineWidth = (perSecond: number | null, heaviest: number): number =>
  perSecond === null || perSecond < 0.05 ? 2 : 3 + 6 * Math.sqrt(perSecond / heaviest)

const crestSeconds = (perSecond: number): number => Math.max(0.5, 2.4 - 0.4 * Math.log10(1 + perSecond))

const EdgeFigure = ({ edge: { from, to, perSecond, total } }: { edge: FlowEdge }) => (
  <span class="rate">
    <Figure of={`${from} ${to}`} perSecond={perSecond} total={total} />
  </span>
)

const AgentLine = ({ agent }: { agent: FlowAgent }) => (
  <p class="agent">
    <span class="b">agent {agent.name}</span>
    {agent.name === agent.address ? null : <span class="faint">{agent.address}</span>}
    <State level={agent.level} word={agent.state} />
  </p>
)

interface SpotProps {
  readonly placed: Placed
  readonly left: number
  readonly width: number
  readonly top: number
  readonly isDense: boolean
  readonly takenAt: number
}

function Spot({ placed: { node }, left, width, top, isDense, takenAt }: SpotProps) {
  const isOpen = parameter('node') === node.id
  return (
    <li
      class={`st ${node.kind} ${node.level}`}
      aria-current={isOpen ? 'true' : undefined}
      style={{ left: `${left}px`, width: `${width}px`, top: `${top}px` }}
    >
      <NodeMark node={node} />
      <NodeName node={node} />
      <span class="kd">{kindOf(node)}</span>
      {node.fill === null ? (
        <NodeNote node={node} takenAt={takenAt} />
      ) : (
        <Pond node={node} isDense={isDense} />
      )}
      <TopicLag node={node} />
    </li>
  )
}

function NodeNote({ node, takenAt }: { node: FlowNode; takenAt: number }) {
  if (node.level !== 'good')
    return (
      <span class="note">
        <State level={node.level} word={node.state} />
        {node.since === null ? null : <span>for {lasting(node.since, takenAt)}</span>}
      </span>
    )
  return node.interceptors.length === 0 ? null : <span class="sx faint">{node.interceptors.join(', ')}</span>
}

/** From top to bottom, agent by agent: a phone. */
function Narrow({ seen, layout }: { seen: Flow; layout: Layout }) {
  const order = layout.placed.toSorted(byLines)
  const groups: { agent: string | null; placed: Placed[] }[] = []
  for (const one of order) {
    const last = groups.find(({ agent }) => agent !== null && agent === one.node.agent)
    if (last === undefined) groups.push({ agent: one.node.agent, placed: [one] })
    else last.placed.push(one)
  }
  const listed = groups.flatMap(({ placed }) => placed.map(({ node }) => node))
  /** Named where it is not what stands below. */
  const targetOf = ({ from, to }: FlowEdge) => {
    const next = listed[listed.findIndex(({ id }) => id === from) + 1]
    return next?.id === to ? '' : `to ${listed.find(({ id }) => id === to)?.name ?? ''} `
  }
  return (
    <div class="column">
      {groups.map(({ agent, placed }) => {
        const found = seen.agents.find(({ address }) => address === agent)
        return (
          <section key={placed[0]!.node.id} class={found === undefined ? '' : `ground ${found.level}`}>
            {found === undefined ? null : <AgentLine agent={found} />}
            <ol>
              {placed.map(({ node }) => (
                <li key={node.id} class={`st ${node.kind} ${node.level}`}>
                  {node.kind === 'channel' ? null : <NodeMark node={node} />}
                  <NodeName node={node} />
                  <span class="kd">{kindOf(node)}</span>
                  {node.fill === null ? (
                    <NodeNote node={node} takenAt={seen.takenAt} />
                  ) : (
                    <Pond node={node} />
                  )}
                  <TopicLag node={node} />
                  {node.fill === null ? null : (
                    <span class={`fill ${node.level}`}>
                      <i style={{ width: `${(100 * node.fill.size) / (node.fill.capacity || Infinity)}%` }} />
                    </span>
                  )}
                  <ul class="outs">
                    {seen.edges
                      .filter(({ from }) => from === node.id)
                      .map(edge => (
                        <li key={edge.to} class={edge.isStuck ? 'stuck' : ''}>
                          <span aria-hidden="true">↓ </span>
                          <EdgeFigure edge={edge} /> {targetOf(edge)}
                          {edge.isStuck ? (
                            <State level="bad" word="stuck" />
                          ) : (
                            <span class="faint">{edge.label}</span>
                          )}
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
