// The verdict: what an operator has to know first, in a sentence, and what it means. The worst comes first; of equals,
// what is farthest downstream, because what is before it only waits.
import type { Flow, FlowNode, Verdict } from './api.ts'

type Seen = Pick<Flow, 'agents' | 'nodes' | 'edges'>

/** What is not in it is null. */
type Found = Pick<Verdict, 'level' | 'sentence' | 'detail'> & Partial<Verdict>

export function verdictOf(flow: Seen): Verdict {
  const found =
    flow.agents.length === 0
      ? nobodyVerdict
      : (awayVerdict(flow) ?? troubleVerdict(flow) ?? fillVerdict(flow) ?? calmVerdict(flow))
  const { node = null, since = null, error = null } = found
  return { ...found, node, since, error, waiting: node === null ? null : waitingAt(flow, node) }
}

const nobodyVerdict: Found = {
  level: 'off',
  sentence: 'No agent is seen',
  detail:
    'Agents of this user on this machine appear here when they are started. Others are given with --agents host:port, the address of their monitoring page (-Dflume.monitoring.type=http).',
}

/** In this component and in all from which events come to it. */
function waitingAt(flow: Seen, id: string): number | null {
  const path = new Set([id])
  // A set visits what is added meanwhile.
  for (const one of path) for (const { id: earlier } of before(flow, one)) path.add(earlier)
  const counts = flow.nodes
    .filter(one => path.has(one.id))
    .flatMap(({ fill, lag }) => fill?.size ?? lag?.messages ?? [])
  return counts.length === 0 ? null : counts.reduce((sum, one) => sum + one, 0)
}

function awayVerdict(flow: Seen): Found | null {
  const away = flow.agents.filter(({ problem }) => problem !== null)
  const [first] = away
  if (first === undefined) return null
  const names = away.map(({ name }) => name)
  // What waits for it fills first.
  const [worst] = flow.nodes
    .filter(
      ({ fill }) =>
        fill !== null && (fill.fullInSeconds !== null || fill.size >= (fill.capacity ?? Infinity)),
    )
    .toSorted((one, other) => (one.fill!.fullInSeconds ?? 0) - (other.fill!.fullInSeconds ?? 0))
  const filling = worst === undefined ? null : consequenceOf(flow, worst)
  return {
    level: 'bad',
    sentence: `${
      away.length === 1
        ? `Agent ${first.name} does not answer`
        : `${away.length} agents do not answer: ${names.join(', ')}`
    }${filling === null ? '' : `; ${filling}`}`,
    detail: `${first.problem}. What a file channel holds is kept; the agents before it wait. Start the agent, or correct its address in --agents.`,
    node: senderTo(flow, first.address)?.id ?? null,
    since: first.seenAt,
    error: first.problem,
  }
}

/** What delivers to an agent, and cannot. */
function senderTo(flow: Seen, agent: string): FlowNode | null {
  const senders = flow.nodes
    .filter(one => one.agent === agent)
    .flatMap(({ id }) => before(flow, id))
    .filter(one => one.agent !== agent && one.level === 'bad')
  return lastOf(flow, senders)
}

function troubleVerdict(flow: Seen): Found | null {
  const bad = (fits: (node: FlowNode) => boolean) =>
    lastOf(
      flow,
      flow.nodes.filter(node => node.level === 'bad' && fits(node)),
    )
  const node =
    bad(({ conditions, state }) => conditions.length > 0 || state === 'stuck') ??
    bad(({ state }) => state === 'not running')
  if (node === null) return null
  const condition = node.conditions.find(({ isRed }) => isRed) ?? node.conditions[0]
  const full = consequenceOf(flow, node)
  return {
    level: 'bad',
    sentence: `${nameIn(flow, node)} ${wordOf(node)}${full === null ? '' : `; ${full}`}`,
    detail: [
      condition === undefined ? '' : sentence(condition.problem),
      node.state === 'stuck' ? 'It has delivered no event for some seconds, and reports no error.' : '',
      sentence(condition?.remedy ?? ''),
      keptIn(flow, node),
    ]
      .filter(text => text !== '')
      .join(' '),
    node: node.id,
    since: node.since,
    error: condition?.problem ?? null,
  }
}

const wordOf = ({ kind, state }: FlowNode): string => {
  if (state === 'not running') return 'is not running'
  if (state === 'stuck') return 'delivers nothing'
  return kind === 'sink' ? 'cannot deliver' : kind === 'source' ? 'receives nothing' : 'is in trouble'
}

/** Whether the channel before a sink runs full, and when. */
function consequenceOf(flow: Seen, node: FlowNode): string | null {
  const channel = node.kind === 'sink' ? channelBefore(flow, node) : node
  if (!channel?.fill) return null
  const { size, capacity, fullInSeconds } = channel.fill
  if (capacity !== null && size >= capacity) return `${nameIn(flow, channel)} is full`
  return fullInSeconds === null ? null : `${nameIn(flow, channel)} is full in ${durationOf(fullInSeconds)}`
}

function fillVerdict(flow: Seen): Found | null {
  const worst = (level: 'bad' | 'warn') =>
    flow.nodes.filter(node => node.kind === 'channel' && node.level === level)
  const node = lastOf(flow, worst('bad')) ?? lastOf(flow, worst('warn'))
  if (node === null || node.fill === null) return warningVerdict(flow)
  const { size, capacity, fullInSeconds, emptyInSeconds } = node.fill
  const sinks = flow.edges
    .filter(({ from }) => from === node.id)
    .map(({ to }) => flow.nodes.find(({ id }) => id === to))
  const sink = sinks.map(one => one?.name).join(', ')
  const isFull = capacity !== null && size >= capacity
  const share = capacity === null || capacity === 0 ? '' : `${Math.floor((100 * size) / capacity)} % full`
  const then = isFull
    ? 'is full'
    : fullInSeconds === null
      ? `is ${share}${emptyInSeconds === null ? '' : ` and empty in ${durationOf(emptyInSeconds)}`}`
      : `is full in ${durationOf(fullInSeconds)}`
  return {
    level: node.level,
    sentence: `${nameIn(flow, node)} ${then}`,
    detail: [
      emptyInSeconds === null && sink !== '' ? `More events arrive than ${sink} delivers.` : '',
      keptIn(flow, node),
    ]
      .filter(text => text !== '')
      .join(' '),
    node: node.id,
    since: node.since,
  }
}

function warningVerdict(flow: Seen): Found | null {
  const node = lastOf(
    flow,
    flow.nodes.filter(({ level }) => level === 'warn'),
  )
  const condition = node?.conditions[0]
  if (node === null || condition === undefined) return null
  return {
    level: 'warn',
    sentence: `${nameIn(flow, node)} has a warning`,
    detail: [sentence(condition.problem), sentence(condition.remedy)].filter(text => text !== '').join(' '),
    node: node.id,
    since: node.since,
    error: condition.problem,
  }
}

function calmVerdict({ nodes, agents }: Seen): Found {
  if (agents.some(({ level }) => level === 'off'))
    return {
      level: 'off',
      sentence: 'The agents are asked',
      detail: agents
        .filter(({ level }) => level === 'off')
        .map(({ name, state }) => `Agent ${name}: ${state}.`)
        .join(' '),
    }
  const sinks = nodes.filter(({ kind }) => kind === 'sink')
  const rate = sinks.reduce((sum, { outPerSecond }) => sum + (outPerSecond ?? 0), 0)
  return {
    level: 'good',
    sentence: rate >= 0.05 ? 'Events flow' : 'Nothing to do',
    detail:
      rate >= 0.05
        ? 'Every component runs, and no channel fills.'
        : 'Every component runs; no event arrives at the moment.',
  }
}

/** Where events wait while a component does not go on. */
function keptIn(flow: Seen, node: FlowNode): string {
  const channel = node.kind === 'sink' ? channelBefore(flow, node) : node.kind === 'channel' ? node : null
  if (channel === null || channel === undefined) return ''
  const sources = before(flow, channel.id).filter(({ kind }) => kind === 'source')
  const waits = sources
    .flatMap(source => before(flow, source.id))
    .map(one =>
      one.kind === 'topic' ? `events stay in topic ${one.name}` : `${one.name} keeps them in its channel`,
    )
  const [first] = waits
  if (first === undefined)
    return channel.type.endsWith('memory') ? '' : 'The channel keeps what it has taken.'
  return `Nothing is lost: when ${nameIn(flow, channel)} is full, ${first}.`
}

/** With its agent where there are several of the name. */
function nameIn({ nodes, agents }: Seen, { kind, name, agent }: FlowNode): string {
  if (nodes.filter(one => one.kind === kind && one.name === name).length === 1) return name
  return `${name} of ${agents.find(({ address }) => address === agent)?.name ?? agent}`
}

const before = (flow: Seen, id: string): FlowNode[] =>
  flow.edges.filter(({ to }) => to === id).flatMap(({ from }) => flow.nodes.filter(node => node.id === from))

const channelBefore = (flow: Seen, sink: FlowNode): FlowNode | undefined =>
  before(flow, sink.id).find(({ kind }) => kind === 'channel')

/** The one that most others lead to; null where there is none. */
function lastOf(flow: Seen, nodes: readonly FlowNode[]): FlowNode | null {
  const depth = (id: string, been: ReadonlySet<string> = new Set()): number =>
    been.has(id) ? 0 : Math.max(0, ...before(flow, id).map(one => 1 + depth(one.id, new Set([...been, id]))))
  return nodes.toSorted((one, other) => depth(other.id) - depth(one.id))[0] ?? null
}

function sentence(text: string): string {
  const trimmed = text.trim()
  if (trimmed === '') return ''
  const first = trimmed[0]!.toUpperCase() + trimmed.slice(1)
  return /[.!?]$/.test(first) ? first : `${first}.`
}

/** 40 s, 4 min, 3 h, 2 days. */
function durationOf(seconds: number): string {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`
  return seconds < 48 * 3600 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`
}
