// The live board as lines of text: a pure function of the state, the terminal's width and whether it has
// colours. The same state gives the same lines; every figure has its place and stays there.
import type { ChannelFill } from './agent-figures.ts'
import { agentText, formatCount, formatLatency, formatRate, type Survived, type View } from './view.ts'

export interface BoardLooks {
  readonly columns: number
  readonly rows: number
  readonly colors: boolean
  /** Whether the terminal shows more than ASCII. */
  readonly unicode: boolean
}

const barCells = 20
const labelWidth = 11
const countWidth = 9
const rateWidth = 10

/** At most `rows - 1` lines, each shorter than `columns`: a line that touches the edge makes terminals wrap. */
export function boardLines(view: View, looks: BoardLooks): string[] {
  const { colors, unicode } = looks
  const paint = (code: number, text: string) => (colors ? `\u001B[${code}m${text}\u001B[0m` : text)
  const dim = (text: string) => paint(2, text)
  const bold = (text: string) => paint(1, text)
  const good = (text: string) => paint(32, text)
  const bad = (text: string) => paint(31, text)
  const row = (label: string, count: string, rate = '', more = '') =>
    `  ${dim(label.padEnd(labelWidth))}${bold(count.padStart(countWidth))}${rate.padStart(rateWidth)}  ${more}`
  const arrow = unicode ? ' → ' : ' -> '
  const asked = view.rate === null ? 'as fast as it goes' : formatRate(view.rate)
  const goal = view.events === null ? '' : ` of ${view.events}`
  const lines = [
    `${bold('millrace demo')}  ${clock(view.elapsedMs)}  ${view.state}  ${dim(`${asked}  Ctrl-C ends it`)}`,
    '',
    `  ${['test3', agentText('A', view.agentA), agentText('B', view.agentB), 'test2'].join(arrow)}`,
    '',
    row('sent', formatCount(view.sent), formatRate(view.sentRate), goal.trim()),
    row('lag', formatCount(view.lag), '', dim('in test3, not yet in A')),
    row('channel A', ...fill(view.channelA, unicode)),
    row('channel B', ...fill(view.channelB, unicode)),
    row('arrived', formatCount(view.arrived), formatRate(view.arrivedRate)),
    `  ${dim('latency'.padEnd(labelWidth))}  ${formatLatency(view.latency)}`,
    '',
    `  in ${view.sent} = out ${view.arrived} + in flight ${view.inFlight}   ${
      view.faults.length === 0 ? verdict(view.survived, good) : bad(view.faults.join('; '))
    }`,
    // Its line is there without it too: nothing jumps.
    view.trouble === null ? '' : `  ${bad(view.trouble)}`,
    ...view.places.map(({ label, text }) => `  ${dim(label.padEnd(labelWidth))}  ${text}`),
  ]
  const width = Math.max(looks.columns - 1, 1)
  return lines.slice(0, Math.max(looks.rows - 1, 1)).map(line => cut(line, width, unicode))
}

const verdict = (survived: Survived | null, good: (text: string) => string): string =>
  survived?.isWhole === false ? survived.text : good(survived?.text ?? 'in order, none twice')

function fill(channel: ChannelFill | null, unicode: boolean): [count: string, rate: string, bar: string] {
  if (channel === null) return ['?', '', '']
  const share = channel.capacity === 0 ? 0 : Math.min(channel.size / channel.capacity, 1)
  return [String(channel.size), percent(share), bar(share, unicode)]
}

/** Neither empty nor full is said of what is only nearly so. */
const percent = (share: number): string =>
  share > 0 && share < 0.001
    ? '< 0.1 %'
    : share < 1 && share > 0.999
      ? '> 99.9 %'
      : `${(share * 100).toFixed(1)} %`

const eighths = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉']

/** As long as the share, to an eighth of a cell where the terminal has such signs. */
function bar(share: number, unicode: boolean): string {
  const parts = Math.round(share * barCells * 8)
  const text = unicode
    ? '█'.repeat(parts >> 3) + eighths[parts & 7]!
    : '#'.repeat(Math.round(share * barCells))
  return text.padEnd(barCells, unicode ? '░' : '.')
}

/** h:mm:ss */
function clock(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  const two = (value: number) => String(value).padStart(2, '0')
  return `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`
}

const colorSequence = new RegExp(`(${String.fromCharCode(27)}\\[\\d+m)`)

/** Cuts to so many visible characters; colours take no room, and end where they ended. */
function cut(line: string, width: number, unicode: boolean): string {
  // Every second part is a colour.
  const parts = line.trimEnd().split(colorSequence)
  const visible = parts.reduce((sum, part, index) => sum + (index % 2 === 0 ? part.length : 0), 0)
  if (visible <= width) return line.trimEnd()
  let left = width - 1
  let isCut = false
  return parts
    .map((part, index) => {
      if (index % 2 === 1) return part
      if (isCut) return ''
      isCut = part.length > left
      const kept = part.slice(0, left)
      left -= kept.length
      return isCut ? `${kept}${unicode ? '…' : '~'}` : kept
    })
    .join('')
}
