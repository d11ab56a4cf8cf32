// How each component of the flow stands: the hop that is stuck, what only waits for it, and since when. A component that
// waits for a full channel reports a red condition as well; from the whole flow alone it can be told from the cause.
import type { ComponentSnapshot } from '../observe/snapshot.ts'
import { isStandstill } from '../topology/standstill.ts'
import type { Condition, Fill, Flow, FlowAgent, FlowEdge, FlowNode, Level } from './api.ts'

/** From this fill on a channel is worth a look, and nearly full. */
const fullish = { warn: 0.6, bad: 0.85 }
/** A channel that is full within this time is named. */
const soonSeconds = 3600
/** Events a second: less is none. */
const leastRate = 0.05

export type Standing = readonly [Level, string]

/** Whether the condition is that of a source which waits until its channel has room. */
export const isWait = ({ name }: Condition): boolean => isStandstill(name)

/** The component by itself. */
export function standingOf(part: ComponentSnapshot, conditions: readonly Condition[]): Standing {
  if (part.state === 'not running') return ['bad', 'not running']
  if (conditions.some(one => one.isRed && !isWait(one))) return ['bad', 'failing']
  if (conditions.some(isWait)) return ['warn', 'waiting']
  if (part.state === 'starting') return ['off', 'starting']
  return conditions.length > 0 ? ['warn', 'warning'] : ['good', 'running']
}

export function fillStanding({ size, capacity, net, fullInSeconds, emptyInSeconds }: Fill): Standing {
  const share = capacity === null || capacity === 0 ? 0 : size / capacity
  if (share >= 1) return ['bad', 'full']
  if (share >= fullish.bad) return ['bad', 'nearly full']
  if (fullInSeconds !== null && fullInSeconds < soonSeconds) return ['warn', 'filling']
  if (share >= fullish.warn) return ['warn', emptyInSeconds === null ? 'filled' : 'draining']
  if (size === 0) return ['good', 'empty']
  return ['good', net !== null && emptyInSeconds !== null ? 'draining' : 'steady']
}

export const isFull = ({ fill }: FlowNode): boolean =>
  fill !== null && fill.capacity !== null && fill.capacity > 0 && fill.size >= fill.capacity

/** States that no condition dates. */
const isOfFigures = (state: string): boolean => /^(stuck|draining|fill|full|nearly)/.test(state)

interface Seen {
  readonly takenAt: number
  readonly agents: readonly FlowAgent[]
  readonly nodes: readonly FlowNode[]
  readonly edges: readonly FlowEdge[]
}

/** `before`: the flow of the look before, which knows since when a state lasts that no condition dates. */
export function standings(seen: Seen, before: Pick<Flow, 'nodes'>): Pick<Flow, 'nodes' | 'edges'> {
  const { edges } = seen
  const nodeOf = new Map(seen.nodes.map(node => [node.id, node]))
  const after = (id: string) => edges.flatMap(({ from, to }) => (from === id ? (nodeOf.get(to) ?? []) : []))
  const set = (node: FlowNode, [level, state]: Standing) => nodeOf.set(node.id, { ...node, level, state })

  for (const sink of seen.nodes.filter(({ kind }) => kind === 'sink')) {
    const waits = after(sink.id).some(receiver => after(receiver.id).some(isFull))
    const isRefused =
      sink.state === 'failing' && sink.conditions.every(one => !one.isRed || one.name === 'delivery')
    const channel = seen.nodes.find(({ id }) => edges.some(({ from, to }) => from === id && to === sink.id))
    const standsStill =
      sink.level === 'good' &&
      (sink.outPerSecond ?? 1) < leastRate &&
      channel !== undefined &&
      isFull(channel)
    if (waits && (isRefused || standsStill)) set(sink, ['warn', 'waiting'])
    else if (standsStill) set(sink, ['bad', 'stuck'])
  }
  for (const node of seen.nodes) {
    // A sender gets its refusal, and has it told by its source: that is no trouble of the source.
    if (node.kind === 'source' && node.state === 'warning' && after(node.id).some(isFull))
      set(node, ['warn', 'waiting'])
    // What is after it stands out then.
    const isHeldUp = after(node.id).some(({ id }) => {
      const { level, state } = nodeOf.get(id)!
      return level === 'bad' || level === 'off' || state === 'waiting'
    })
    if (node.kind === 'channel' && node.state.endsWith('full') && isHeldUp) set(node, ['warn', node.state])
  }
  const isStuck = (id: string, kind: FlowNode['kind']) =>
    nodeOf.get(id)?.kind === kind && nodeOf.get(id)?.level === 'bad'
  return {
    nodes: [...nodeOf.values()].map(node => ({ ...node, since: sinceOf(node, seen, before) })),
    edges: edges.map(edge => ({
      ...edge,
      isStuck: isStuck(edge.from, 'sink') || isStuck(edge.to, 'source'),
    })),
  }
}

function sinceOf(node: FlowNode, { agents, takenAt }: Seen, before: Pick<Flow, 'nodes'>): number | null {
  const { id, level, state, agent } = node
  if (agent === null || level === 'good') return null
  if (state === 'unknown') return agents.find(({ address }) => address === agent)?.seenAt ?? null
  const conditions = isOfFigures(state)
    ? []
    : node.conditions.filter(({ isRed }) => isRed || state !== 'failing')
  if (conditions.length > 0) return Math.min(...conditions.map(({ since }) => since))
  const old = before.nodes.find(one => one.id === id)
  // When a state began that was there at the first look is not known.
  if (old === undefined) return null
  return old.state === state ? old.since : takenAt
}
