import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { describe, test } from 'node:test'
import { TerminalScreen } from '../../test/demo/terminal-screen.ts'
import type { View } from '../demo/view.ts'
import { openOutput } from './demo-terminal.ts'

/** Standard output as a terminal of a size, or as a pipe. */
class FakeStream extends EventEmitter {
  readonly isTTY: boolean
  columns = 80
  rows = 24
  written = ''
  readonly terminal = new TerminalScreen(80, 24)
  constructor(isTTY: boolean) {
    super()
    this.isTTY = isTTY
  }
  write(text: string): boolean {
    this.written += text
    this.terminal.write(text)
    return true
  }
  resize(columns: number, rows: number): void {
    this.columns = columns
    this.rows = rows
    this.terminal.resize(columns, rows)
    this.emit('resize')
  }
}

const view = (sent: number): View => ({
  state: 'running',
  elapsedMs: 1000,
  sent,
  arrived: sent,
  inFlight: 0,
  sentRate: 100,
  arrivedRate: 100,
  rate: 100,
  events: null,
  lag: 0,
  channelA: null,
  channelB: null,
  latency: null,
  agentA: { restarts: 0, isRunning: true },
  agentB: { restarts: 0, isRunning: true },
  survived: null,
  faults: [],
  trouble: null,
  places: [{ label: 'Kafka', text: 'k:1' }],
})

function open(isTTY: boolean, environment: Record<string, string>) {
  const stream = new FakeStream(isTTY)
  const complaints: string[] = []
  const output = openOutput(
    stream as unknown as NodeJS.WriteStream,
    text => {
      complaints.push(text)
      if (isTTY) stream.write(text)
    },
    environment,
  )
  return { stream, complaints, output }
}

const escape = String.fromCharCode(27)

describe('where the demonstration writes', () => {
  test('lines give what is wrong in full once, and by its beginning while it stays', () => {
    const { stream, output } = open(false, {})
    const trouble = `agent B: CHANNEL.c1: ${'x'.repeat(700)}`
    for (const sent of [1, 2, 3]) output.show({ ...view(sent), trouble })
    output.show({ ...view(4), trouble: null })
    const lines = stream.written.split('\n')
    assert.deepEqual(
      lines.slice(0, 4).map(line => line.includes('agent B: CHANNEL.c1: x')),
      [true, true, true, false],
    )
    assert.deepEqual(
      lines.slice(0, 4).map(line => line.length > 700),
      [true, false, false, false],
    )
  })

  test('a pipe and a dumb terminal get plain lines', () => {
    for (const [isTTY, environment] of [
      [false, { TERM: 'xterm' }],
      [true, { TERM: 'dumb' }],
      [true, {}],
    ] as const) {
      const { stream, complaints, output } = open(isTTY, environment)
      assert.equal(output.isBoard, false)
      output.say('one')
      output.progress('waiting')
      output.show(view(5))
      output.endBoard()
      output.complain('wrong')
      assert.deepEqual(complaints, ['wrong\n'])
      assert.match(stream.written, /^one\nwaiting\nin 5 = out 5 \+ in flight 0 \(.*\n/)
      assert.ok(!stream.written.includes(escape))
    }
  })

  test('a terminal gets lines, then a board in its place, then lines again', () => {
    const { stream, output } = open(true, { TERM: 'xterm', LC_ALL: 'C.UTF-8' })
    const { terminal } = stream
    output.say('one')
    output.progress(`waiting ${'long '.repeat(30)}`)
    assert.equal(terminal.lines.length, 2)
    output.progress('waiting, 2 s')
    assert.equal(terminal.lines.at(-1), 'waiting, 2 s')
    output.say('two')
    assert.deepEqual(terminal.lines, ['one', 'two'])
    output.show(view(5))
    output.say('the board says it')
    output.progress('and this')
    output.show(view(6))
    assert.equal(terminal.lines.filter(line => line.includes('in 6 = out 6')).length, 1)
    assert.ok(terminal.lines.some(line => line.includes('→')))
    assert.equal(terminal.lines[2]!.slice(0, 13), 'millrace demo')
    stream.resize(30, 10)
    assert.equal(terminal.lines[0]!.slice(0, 13), 'millrace demo')
    assert.ok(terminal.lines.every(line => line.length < 30))
    output.endBoard()
    output.say('done')
    output.complain('wrong')
    assert.deepEqual(terminal.lines.slice(-2), ['done', 'wrong'])
    assert.ok(terminal.isCursorShown)
    const before = stream.written
    output.endBoard()
    stream.resize(80, 24)
    assert.equal(stream.written, before, 'nothing is drawn after the end')
  })

  test('no colours where NO_COLOR is set, ASCII where the locale has no more', () => {
    const colors = (environment: Record<string, string>) => {
      const { stream, output } = open(true, { TERM: 'xterm', ...environment })
      output.show(view(1))
      return stream.written
    }
    const green = `${escape}[32m`
    assert.ok(colors({}).includes(green))
    assert.ok(colors({ NO_COLOR: '' }).includes(green))
    assert.ok(!colors({ NO_COLOR: '1' }).includes(green))
    assert.ok(colors({ LANG: 'en_US.utf8' }).includes('→'))
    assert.ok(!colors({ LANG: 'C' }).includes('→'))
    assert.ok(!colors({ LC_ALL: 'C', LANG: 'en_US.UTF-8' }).includes('→'))
  })
})
