// What a component looks like in the picture: its sign, and a channel as a pond that fills from the left.
import type { FlowNode } from '../../../src/console/api.ts'
import { bytes, duration, percent, whole } from '../format.ts'
import { Number, State } from '../parts.tsx'

export const channelWidth = 136

const shapes = {
  source: 'M10 16h11M16.5 11.5 21 16l-4.5 4.5',
  sink: 'M11 11.5 15.5 16 11 20.5M20.5 11v10',
  topic: 'M9 11h14M9 16h14M9 21h9',
  outside: 'M12 12l8 8M20 12l-8 8',
} as const

export function NodeMark({ node }: { node: FlowNode }) {
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

export function Pond({ node, isDense = false }: { node: FlowNode; isDense?: boolean }) {
  const fill = node.fill!
  return (
    <>
      <span class="pct">
        <span>
          {fill.capacity === null ? whole(fill.size) : percent(fill.size, fill.capacity)}
          <span class="u"> {fill.capacity === null ? 'events' : '%'}</span>
        </span>
        <State level={node.level} word={node.state} />
      </span>
      <dl>
        {/* One without a limit, such as a Kafka channel, shows them above. */}
        {fill.capacity === null ? null : (
          <>
            <dt>events</dt>
            <dd>
              {whole(fill.size)} <span class="u">/ {whole(fill.capacity)}</span>
            </dd>
          </>
        )}
        {isDense ? null : (
          <>
            <dt>on disk</dt>
            <dd>
              <Number value={bytes(fill.diskBytes)} />
            </dd>
            <dt>oldest</dt>
            <dd>{fill.oldestEventAgeMs === null ? '–' : duration(fill.oldestEventAgeMs / 1000)}</dd>
            <Forecast node={node} />
          </>
        )}
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

/** How far agents are behind in a topic. */
export function TopicLag({ node }: { node: FlowNode }) {
  if (node.lag === null) return null
  const { messages, isGrowing, drainsInSeconds, groups, cluster } = node.lag
  return (
    <span class="lag" title={`Lag of ${groups.join(', ')} in cluster ${cluster}`}>
      <span class="figure">{whole(messages)}</span>
      <span class={isGrowing ? 'warn-t' : 'soft'}>
        {isGrowing
          ? 'lag, growing'
          : drainsInSeconds === null
            ? 'lag'
            : `lag, ${duration(drainsInSeconds)} to read`}
      </span>
    </span>
  )
}
