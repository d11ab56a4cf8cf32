// The flow as lines of text for a terminal: the same sentence, components and figures as the page, in the width and height
// there are. A pure function of the flow.
import { printable } from '../printable.ts'
import type { Flow, FlowAgent, FlowNode } from './api.ts'

export interface TerminalLooks {
  readonly columns: number
  readonly rows: number
  readonly colors: boolean
  /** Whether the terminal shows more than ASCII. */
  readonly unicode: boolean
  /** The first line of the list that is shown. */
  readonly top: number
  readonly isPaused: boolean
  /** No keys: one picture, as long as it is. */
  readonly isOnce: boolean
}

const colors = { good: 32, warn: 33, bad: 31, off: 2 } as const
const barCells = 10

/** At most `rows` lines, each shorter than `columns`. */
export function terminalLines(flow: Flow, looks: TerminalLooks): string[] {
  const { rows, unicode, isPaused, isOnce } = looks
  // A line that touches the edge makes terminals wrap.
  const columns = looks.columns - 1
  const paint = (code: number, text: string) => (looks.colors ? `\u001B[${code}m${text}\u001B[0m` : text)
  const { verdict, totals } = flow
  const mark = (level: FlowAgent['level']) =>
    paint(
      colors[level],
      unicode
        ? { good: '●', warn: '▲', bad: '■', off: '○' }[level]
        : { good: '+', warn: '!', bad: 'X', off: '-' }[level],
    )
  const head = [
    `${mark(verdict.level)} ${paint(1, cut(verdict.sentence, columns - 2, unicode))}`,
    ...wrap([...lastsOf(flow), verdict.detail].join(' '), columns - 2)
      .slice(0, isOnce ? 9 : 2)
      .map(line => `  ${paint(2, line)}`),
    cut(
      `  in ${rateOf(totals.inPerSecond)}  out ${rateOf(totals.outPerSecond)}  waiting ${countOf(totals.inChannels)} in channels${totals.inTopics === null ? '' : `, ${countOf(totals.inTopics)} in topics`}  oldest ${ageOf(totals.oldestEventAgeMs)}`,
      columns,
      unicode,
    ),
    '',
  ]
  // The name takes what the figures leave.
  const nameWidth = Math.max(8, Math.min(30, columns - 60))
  const stateWidth = 13
  const line = (node: FlowNode) => {
    const state = node.state === '' ? '' : node.state
    const [figures, bar] = node.fill === null ? ['', ''] : [fillOf(node), barOf(node, unicode)]
    const rates =
      node.kind === 'topic' || node.kind === 'outside'
        ? `${' '.repeat(20)}${node.lag === null ? '' : `lag ${countOf(node.lag.messages)}${node.lag.isGrowing ? ' growing' : ''}`}`
        : `${rateOf(node.inPerSecond).padStart(10)}${rateOf(node.outPerSecond).padStart(10)}`
    const text = `${cut(node.name, nameWidth, unicode).padEnd(nameWidth)} ${state.padEnd(stateWidth)}${rates}`
    const start = `  ${mark(node.level)} ${cut(text, columns - 4, unicode)}`.trimEnd()
    const left = columns - 4 - text.length - 2
    if (figures === '' || left < 5) return start
    const hasBar = left >= barCells + 6
    const shown = hasBar ? `${paint(node.level === 'good' ? 36 : colors[node.level], bar)} ` : ''
    return `${start}  ${shown}${cut(figures, left - (hasBar ? barCells + 1 : 0), unicode)}`
  }
  const list: string[] = []
  const group = (title: string, nodes: readonly FlowNode[]) => {
    if (nodes.length > 0) list.push(title, ...nodes.map(line))
  }
  const titles = ` ${'in'.padStart(10)}${'out'.padStart(10)}`
  for (const agent of flow.agents) {
    const title = `agent ${agent.name}${agent.address === agent.name ? '' : `  ${agent.address}`}  ${agent.state}`
    const width = Math.min(columns, nameWidth + 4 + stateWidth)
    const shown = cut(title, width, unicode).padEnd(width)
    group(
      `${paint(1, shown)}${paint(2, titles.slice(0, columns - width))}`,
      flow.nodes.filter(node => node.agent === agent.address),
    )
    if (!flow.nodes.some(node => node.agent === agent.address))
      list.push(paint(1, cut(title, columns, unicode)))
  }
  group(
    paint(1, 'Kafka topics and others'),
    flow.nodes.filter(({ agent }) => agent === null),
  )
  if (isOnce) return [...head, ...list]
  const room = Math.max(1, rows - head.length - 1)
  const top = topOf(looks.top, list.length, room)
  const more =
    list.length > room ? `, lines ${top + 1} to ${Math.min(top + room, list.length)} of ${list.length}` : ''
  const keys = `q quit  p ${isPaused ? 'go on' : 'pause'}  arrows move${more}${isPaused ? '  PAUSED' : ''}`
  const body = list.slice(top, top + room)
  return [...head, ...body, paint(2, cut(keys, columns, unicode))].slice(0, rows)
}

/** Since when, and how many wait: what is below may be cut off. */
const lastsOf = ({ verdict: { since, waiting }, takenAt }: Flow): string[] => [
  ...(since === null ? [] : [`Since ${clockOf(since)}, for ${ageOf(takenAt - since)}.`]),
  ...(since === null || waiting === null ? [] : [`${countOf(waiting)} events wait.`]),
]

/** Where a list of so many lines can begin. */
export const topOf = (wanted: number, lines: number, room: number): number =>
  Math.max(0, Math.min(wanted, lines - room))

function fillOf({ fill }: FlowNode): string {
  const { size, capacity, fullInSeconds, emptyInSeconds } = fill!
  const share = capacity === null || capacity === 0 ? '' : `${Math.floor((100 * size) / capacity)} %`
  const then =
    fullInSeconds !== null
      ? `, full in ${secondsOf(fullInSeconds)}`
      : emptyInSeconds !== null && emptyInSeconds > 1
        ? `, empty in ${secondsOf(emptyInSeconds)}`
        : ''
  return `${share} ${countOf(size)}${then}`
}

function barOf({ fill }: FlowNode, unicode: boolean): string {
  const { size, capacity } = fill!
  const cells = capacity === null || capacity === 0 ? 0 : Math.round(Math.min(1, size / capacity) * barCells)
  const [full, empty] = unicode ? ['█', '░'] : ['#', '.']
  return full.repeat(size > 0 && cells === 0 ? 1 : cells).padEnd(barCells, empty)
}

function rateOf(value: number | null): string {
  if (value === null) return '-'
  if (value < 0.05) return '0/s'
  if (value < 100) return `${value.toFixed(1)}/s`
  if (value < 10_000) return `${Math.round(value)}/s`
  return value < 1_000_000 ? `${(value / 1000).toFixed(1)}k/s` : `${(value / 1_000_000).toFixed(1)}M/s`
}

const countOf = (value: number): string =>
  value < 100_000
    ? String(value)
    : value < 10_000_000
      ? `${(value / 1000).toFixed(0)}k`
      : `${(value / 1e6).toFixed(0)}M`

const ageOf = (ms: number | null): string => (ms === null ? '-' : secondsOf(ms / 1000))

function secondsOf(seconds: number): string {
  if (seconds < 90) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`
}

const clockOf = (at: number): string => new Date(at).toTimeString().slice(0, 8)

/** Names and problems come from outside. */
function cut(given: string, width: number, unicode: boolean): string {
  const text = printable(given)
  if (text.length <= width) return text
  return `${text.slice(0, Math.max(0, width - 1))}${unicode ? '…' : '~'}`
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  for (const word of printable(text).split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + word.length < width) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word.slice(0, width))
  }
  return lines
}
