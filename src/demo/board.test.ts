import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { TerminalScreen } from '../../test/demo/terminal-screen.ts'
import { boardLines, type BoardLooks } from './board.ts'
import { Screen } from './screen.ts'
import { lineOfView, type View } from './view.ts'

const looks: BoardLooks = { columns: 100, rows: 40, colors: false, unicode: true }
const view = (more: Partial<View> = {}): View => ({
  state: 'running',
  elapsedMs: 3_723_400,
  sent: 7200,
  arrived: 7195,
  inFlight: 5,
  sentRate: 100.2,
  arrivedRate: 99.6,
  rate: 100,
  events: null,
  lag: 2,
  channelA: { size: 250_000, capacity: 1_000_000 },
  channelB: { size: 1, capacity: 1_000_000 },
  latency: { p50: 3.14, p99: 41.2 },
  agentA: { restarts: 0, isRunning: true },
  agentB: { restarts: 0, isRunning: true },
  survived: null,
  faults: [],
  trouble: null,
  places: [{ label: 'Kafka', text: '127.0.0.1:9092' }],
  ...more,
})
const escape = String.fromCharCode(27)
const plain = (line: string) => line.replaceAll(new RegExp(`${escape}\\[\\d+m`, 'g'), '')

describe('the board', () => {
  test('shows every figure in its place', () => {
    assert.deepEqual(boardLines(view(), looks), [
      'millrace demo  1:02:03  running  100/s  Ctrl-C ends it',
      '',
      '  test3 → agent A → agent B → test2',
      '',
      '  sent            7200     100/s',
      '  lag                2            in test3, not yet in A',
      '  channel A     250000    25.0 %  █████░░░░░░░░░░░░░░░',
      '  channel B          1   < 0.1 %  ░░░░░░░░░░░░░░░░░░░░',
      '  arrived         7195     100/s',
      '  latency      p50 3.1 ms  p99 41 ms',
      '',
      '  in 7200 = out 7195 + in flight 5   in order, none twice',
      '',
      '  Kafka        127.0.0.1:9092',
    ])
  })

  test('what is not known is a question mark; faults and troubles are said', () => {
    const text = boardLines(
      view({
        lag: null,
        channelA: null,
        latency: null,
        faults: ['1 out of order (the first is event 9)'],
        trouble: 'no broker',
        rate: null,
        events: 9000,
      }),
      { ...looks, unicode: false },
    ).join('\n')
    for (const one of [
      'lag                ?',
      'channel A          ?',
      'p50 -  p99 -',
      'in flight 5   1 out of order (the first is event 9)',
      '  no broker',
      'as fast as it goes',
      'of 9000',
      'test3 -> agent A',
      '< 0.1 %  ....',
    ])
      assert.ok(text.includes(one), `${one} in\n${text}`)
    assert.match(text, /^[\x20-\x7E\n]*$/)
  })

  test('figure and bar of a channel say the same', () => {
    const rowOf = (size: number, capacity: number, unicode = true) =>
      boardLines(view({ channelA: { size, capacity } }), { ...looks, unicode })[6]!.replace(
        /^ +channel A +\d+ +/,
        '',
      )
    assert.equal(rowOf(0, 1000), `0.0 %  ${'░'.repeat(20)}`)
    assert.equal(rowOf(1, 1_000_000), `< 0.1 %  ${'░'.repeat(20)}`)
    assert.equal(rowOf(10, 1000), `1.0 %  ▎${'░'.repeat(19)}`)
    assert.equal(rowOf(500, 1000), `50.0 %  ${'█'.repeat(10)}${'░'.repeat(10)}`)
    assert.equal(rowOf(999_999, 1_000_000), `> 99.9 %  ${'█'.repeat(20)}`)
    assert.equal(rowOf(1000, 1000), `100.0 %  ${'█'.repeat(20)}`)
    assert.equal(rowOf(520, 1000, false), `52.0 %  ${'#'.repeat(10)}${'.'.repeat(10)}`)
  })

  test('agents that were started again, and that nothing was lost by it', () => {
    const lines = boardLines(
      view({
        agentA: { restarts: 2, isRunning: true },
        agentB: { restarts: 1, isRunning: false },
        survived: { text: '1 to 7195 arrived in order, none twice', isWhole: true },
      }),
      looks,
    )
    assert.equal(lines[2], '  test3 → agent A (started again 2 times) → agent B (is started again) → test2')
    assert.equal(lines[11], '  in 7200 = out 7195 + in flight 5   1 to 7195 arrived in order, none twice')
  })

  test('has colours only where asked for, and they change no place', () => {
    const colored = boardLines(view(), { ...looks, colors: true })
    assert.ok(colored.join('').includes(`${escape}[32min order, none twice${escape}[0m`))
    assert.deepEqual(colored.map(plain), boardLines(view(), looks))
  })

  test('fits every size: no line touches the edge, and there is room for the cursor', () => {
    for (const colors of [false, true])
      for (let columns = 1; columns < 110; columns++)
        for (const rows of [1, 2, 5, 14, 15, 24]) {
          const lines = boardLines(view(), { columns, rows, colors, unicode: true })
          assert.ok(lines.length <= Math.max(rows - 1, 1))
          for (const line of lines) {
            assert.ok(plain(line).length <= Math.max(columns - 1, 1), `${columns}: ${line}`)
            // What was begun in colour ends without.
            const codes = line.split(`${escape}[`).length - 1
            assert.equal(codes % 2, 0)
          }
        }
  })

  test('a pipe gets the same in one line', () => {
    assert.equal(
      lineOfView(view({ trouble: 'no broker' })),
      'in 7200 = out 7195 + in flight 5 (lag 2, channel A 250000, channel B 1); rate 100/s in, 100/s out; latency p50 3.1 ms  p99 41 ms; no broker',
    )
  })
})

describe('the screen', () => {
  const shown = (terminal: TerminalScreen, count: number) => terminal.lines.slice(-count)

  test('rewrites what changed in its place, and scrolls nothing, whatever a key has echoed', () => {
    const terminal = new TerminalScreen(80, 24)
    const screen = new Screen()
    for (let line = 0; line < 30; line++) terminal.write(`before ${line}\n`)
    const draw = (more: Partial<View>) => {
      const lines = boardLines(view(more), {
        columns: terminal.columns,
        rows: terminal.rows,
        colors: true,
        unicode: true,
      })
      const text = screen.draw(lines)
      terminal.write(text)
      assert.deepEqual(shown(terminal, lines.length), lines.map(plain))
      return text
    }
    draw({})
    const { scrolled } = terminal
    assert.equal(terminal.isCursorShown, false)
    for (let sent = 7201; sent < 7260; sent++) {
      if (sent % 7 === 0) terminal.write('^C')
      const text = draw({ sent, inFlight: sent - 7195, ...(sent % 3 === 0 ? { trouble: 'no broker' } : {}) })
      assert.ok(sent % 3 < 2 || text.length < 1000, 'only what changed is written')
    }
    assert.equal(terminal.scrolled, scrolled)
    assert.deepEqual(terminal.unknown, [])
    draw({ arrived: 7201 })
    assert.equal(draw({ arrived: 7201 }), '', 'the same state writes nothing')
    terminal.write('^C')
    terminal.write(screen.leave())
    terminal.write('after\n')
    assert.equal(terminal.lines.at(-1), 'after')
    assert.equal(terminal.isCursorShown, true)
  })

  test('begins at the top after every change of size, narrow and low too', () => {
    const terminal = new TerminalScreen(100, 40)
    const screen = new Screen()
    const lines = () =>
      boardLines(view(), { columns: terminal.columns, rows: terminal.rows, colors: false, unicode: true })
    terminal.write('before\n'.repeat(10))
    terminal.write(screen.draw(lines()))
    for (const [columns, rows] of [
      [40, 10],
      [12, 4],
      [3, 2],
      [200, 60],
    ] as const) {
      terminal.resize(columns, rows)
      const { scrolled } = terminal
      terminal.write(screen.redraw(lines()))
      terminal.write(screen.draw(lines().map(line => line.replace('7200', '7201'))))
      assert.deepEqual(
        terminal.lines,
        lines().map(line => line.replace('7200', '7201')),
      )
      assert.equal(terminal.scrolled, scrolled)
    }
  })

  test('after leaving, a new block begins below', () => {
    const screen = new Screen()
    const terminal = new TerminalScreen(20, 10)
    terminal.write(screen.draw(['one', 'two']))
    terminal.write(screen.leave())
    assert.equal(screen.leave(), '')
    terminal.write(screen.draw(['three']))
    assert.deepEqual(terminal.lines, ['one', 'two', 'three'])
  })
})
