// The flow in a terminal: nothing is wider or longer than it, whatever its size, and what comes from outside cannot move
// its cursor.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Flow, FlowNode } from './api.ts'
import { terminalLines, type TerminalLooks } from './terminal.ts'

const node = (kind: FlowNode['kind'], name: string, more: Partial<FlowNode> = {}): FlowNode => ({
  id: `A/${kind}.${name}`,
  kind,
  agent: 'A',
  name,
  type: kind,
  level: 'good',
  state: 'running',
  since: null,
  inPerSecond: 1234.5,
  outPerSecond: 0.2,
  inTotal: 1,
  outTotal: 1,
  fill: null,
  conditions: [],
  interceptors: [],
  lag: null,
  ...more,
})
const fill = {
  size: 850,
  capacity: 1000,
  diskBytes: null,
  oldestEventAgeMs: 1500,
  net: 10,
  fullInSeconds: 15,
  emptyInSeconds: null,
}
const flow: Flow = {
  takenAt: 0,
  agents: [
    { address: 'A', name: 'A', kind: 'millrace', state: 'running', level: 'good', problem: null, seenAt: 0 },
    {
      address: 'host:41414',
      name: 'B\u001B[2J',
      kind: 'millrace',
      state: 'no answer',
      level: 'bad',
      problem: 'gone',
      seenAt: 0,
    },
  ],
  nodes: [
    node('source', 'a-source-with-a-name-that-is-longer-than-any-terminal-would-like-to-have'),
    node('channel', 'c1', { fill, level: 'warn', state: 'nearly full' }),
    node('sink', 'k1\u001B]0;title\u0007', { level: 'bad', state: 'failing' }),
    ...Array.from({ length: 40 }, (_, index) => node('sink', `k${index + 2}`)),
    node('topic', 'test3', {
      agent: null,
      lag: {
        groups: ['g'],
        cluster: 'kafka',
        messages: 12_345,
        perSecond: 5,
        drainsInSeconds: null,
        isGrowing: true,
      },
    }),
  ],
  edges: [],
  totals: { inPerSecond: 1, outPerSecond: null, inChannels: 850, inTopics: 12_345, oldestEventAgeMs: 1500 },
  verdict: {
    level: 'bad',
    sentence: 'k1 cannot deliver; c1 is full in 15 s',
    detail: 'host:1 refuses. '.repeat(20),
    node: null,
    since: 0,
    waiting: 13_195,
    error: null,
  },
  notices: [],
}
const looks: TerminalLooks = {
  columns: 80,
  rows: 24,
  colors: false,
  unicode: true,
  top: 0,
  isPaused: false,
  isOnce: false,
}

test('it fits every size, with and without colours', () => {
  const color = new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, 'g')
  for (const columns of [30, 40, 50, 60, 79, 80, 81, 100, 132, 300])
    for (const rows of [8, 12, 24, 50])
      for (const colors of [true, false])
        for (const unicode of [true, false]) {
          const lines = terminalLines(flow, { ...looks, columns, rows, colors, unicode })
          assert.ok(lines.length <= rows, `${lines.length} lines in ${rows}`)
          for (const line of lines) {
            const plain = line.replaceAll(color, '')
            assert.ok(plain.length < columns, `${plain.length} letters in ${columns}: ${plain}`)
            assert.doesNotMatch(plain, /[\p{Cc}]/u)
          }
        }
})

test('it names what is wrong first, then each component with its figures', () => {
  const lines = terminalLines(flow, looks)
  assert.equal(lines[0], '■ k1 cannot deliver; c1 is full in 15 s')
  assert.match(lines.join('\n'), /c1 +nearly full +1235\/s +0\.2\/s +█{8,9}░* 85 %/)
  assert.match(lines.join('\n'), /waiting 850 in channels, 12345 in topics +oldest 1\.5 s/)
  assert.match(lines.at(-1)!, /^q quit {2}p pause {2}arrows move, lines 1 to \d+ of 47$/)
  const paused = terminalLines(flow, { ...looks, top: 999, isPaused: true })
  assert.match(paused.join('\n'), /test3 .*lag 12345 growing/, 'the end of the list is reached')
  assert.match(paused.at(-1)!, /p go on.*PAUSED/)
  const once = terminalLines(flow, { ...looks, isOnce: true, rows: Infinity })
  assert.ok(once.length > 50 && !once.at(-1)!.includes('quit'))
})
