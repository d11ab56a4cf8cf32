// `millrace top`: the flow through agents, live in a terminal; where there is none, one picture of it.
import { addressesIn } from '../address.ts'
import { Agents } from '../console/agents.ts'
import type { Flow } from '../console/api.ts'
import { terminalLines } from '../console/terminal.ts'
import { Screen } from '../demo/screen.ts'
import { realSystem } from '../system/system.ts'
import { agentsGiven, agentsUsage } from './agents-given.ts'
import type { Arguments } from './arguments.ts'
import { exitCodes } from './exit-codes.ts'
import { readWords } from './kafka-tool.ts'
import { isUnread, writeOut } from './output.ts'
import { onSignals } from './signals.ts'

const usage = `Usage: millrace top [--agents HOST:PORT,...]

Shows the flow through agents, with rates, fill and what is wrong, once a second. Where standard output is no
terminal one picture is printed.

${agentsUsage}
  --help

Keys: q quits, p pauses and goes on, arrows move through what has no room. NO_COLOR is respected.

Exit codes: 0 shown, 1 refused, or no agent was found.
`

/** Of what is no terminal, whose width nobody knows. */
const plainColumns = 120
/** Of what a terminal hands over at once. */
const oneKey = new RegExp(`${String.fromCharCode(27)}(?:\\[[\\d;]*[A-Za-z~]|O[A-Z])|[^]`, 'g')
const enter = '\u001B[?1049h'
const leave = '\u001B[?1049l'

/** Resolves with the exit code. */
export async function runTop(given: Arguments): Promise<number> {
  const words = readWords(given.rest, { usage, flags: '', values: 'agents', lists: '', refused: {} })
  if (words === null) return 0
  const agents = new Agents(agentsGiven(addressesIn(words.value('agents') ?? '')), realSystem.clock)
  const { env, stdout } = process
  // https://no-color.org: set and not empty.
  const colors = stdout.isTTY && (env['NO_COLOR'] ?? '') === ''
  const unicode = /utf-?8/i.test(env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || '')
  const looks = { colors, unicode }
  const isBoard = stdout.isTTY && stdout.columns > 0 && (env['TERM'] ?? 'dumb') !== 'dumb'
  if (isBoard) return show(agents, looks)
  const flow = await agents.once()
  const plain = { ...looks, columns: plainColumns, rows: Infinity, top: 0, isPaused: false, isOnce: true }
  await writeOut(`${terminalLines(flow, plain).join('\n')}\n`)
  return flow.agents.length === 0 ? exitCodes.usage : 0
}

function show(agents: Agents, looks: { colors: boolean; unicode: boolean }): Promise<number> {
  const { stdin, stdout } = process
  const screen = new Screen()
  const ended = Promise.withResolvers<number>()
  let seen: Flow = agents.flow
  let newest = seen
  let isPaused = false
  let top = 0
  const lines = () => {
    const { columns, rows } = stdout
    return terminalLines(seen, { ...looks, columns, rows: rows - 1, top, isPaused, isOnce: false })
  }
  const draw = () => {
    if (!isUnread(stdout)) stdout.write(screen.draw(lines()))
  }
  const move = (by: number) => {
    // Not beyond what there is: a step back is seen at once.
    const most = seen.nodes.length + seen.agents.length + 1
    top = Math.max(0, Math.min(most, top + by))
    draw()
  }
  const keys: Readonly<Record<string, () => void>> = {
    q: () => ended.resolve(0),
    '\u0003': () => ended.resolve(0),
    p() {
      isPaused = !isPaused
      if (!isPaused) seen = newest
      draw()
    },
    '\u001B[A': () => move(-1),
    '\u001B[B': () => move(1),
    '\u001BOA': () => move(-1),
    '\u001BOB': () => move(1),
    k: () => move(-1),
    j: () => move(1),
    '\u001B[5~': () => move(-10),
    '\u001B[6~': () => move(10),
  }
  const press = (data: Buffer) => {
    for (const [key] of data.toString('latin1').matchAll(oneKey)) keys[key]?.()
  }
  const restore = () => {
    if (stdin.isTTY) stdin.setRawMode(false)
    stdout.write(`${screen.leave()}${leave}`)
  }
  stdout.write(enter)
  process.once('exit', restore)
  if (stdin.isTTY) stdin.setRawMode(true)
  stdin.on('data', press)
  stdin.on('error', () => {})
  stdout.on('resize', () => stdout.write(screen.redraw(lines())))
  stdout.on('error', () => ended.resolve(0))
  const end = () => ended.resolve(0)
  onSignals({
    stop: end,
    stopAtOnce: code => process.exit(code),
    reload: end,
    reopen: () => {},
    report: () => {},
    none: () => {},
  })
  draw()
  agents.watch(flow => {
    newest = flow
    if (isPaused) return
    seen = flow
    draw()
  })
  agents.start()
  return ended.promise.finally(() => {
    agents.stop()
    stdin.off('data', press).pause()
  })
}
