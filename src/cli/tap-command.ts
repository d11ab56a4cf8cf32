// `millrace tap`: a live sample of the events that pass an edge of an agent, one JSON line each.
import { addressesIn } from '../address.ts'
import { Agents } from '../console/agents.ts'
import type { Flow } from '../console/api.ts'
import { explanationOf } from '../errors.ts'
import { printable } from '../printable.ts'
import { realSystem } from '../system/system.ts'
import { agentsGiven, agentsUsage } from './agents-given.ts'
import type { Arguments } from './arguments.ts'
import { exitCodes } from './exit-codes.ts'
import { readWords } from './kafka-tool.ts'
import { writeOut } from './output.ts'
import { UsageError } from './usage-error.ts'

const usage = `Usage: millrace tap EDGE [--max N] [--seconds N] [--agents HOST:PORT,...]

Prints events that pass an edge, one JSON line each: at most 50 a second, chosen by the agent, with [hidden] in place of
values that may be secrets. The flow is not held up. EDGE is AGENT/FROM/TO, such as A/r1/c1 (from source r1 into channel
c1) or A/c1/k1 (delivered by sink k1), or FROM/TO where that is clear; without EDGE, or where there is no such edge, the
edges are listed.

  --max N                           ends after N events
  --seconds N                       ends after N seconds
${agentsUsage}
  --help

An agent on this machine shows its events to its own user; at the address of flume.monitoring it shows them where it was
started with -Dmillrace.monitoring.events=true.

Exit codes: 0 ended, 1 refused, or the agent does not show its events or has gone.
`

interface Edge {
  readonly name: string
  readonly from: string
  readonly to: string
}

/** Resolves with the exit code. */
export async function runTap(given: Arguments): Promise<number> {
  const [first = '', ...others] = given.rest
  const hasEdge = first !== '' && !first.startsWith('-')
  const words = readWords(hasEdge ? others : given.rest, {
    usage,
    flags: '',
    values: 'agents max seconds',
    lists: '',
    refused: {},
  })
  if (words === null) return 0
  const [max, seconds] = [words.whole('max', 1) ?? Infinity, words.whole('seconds', 1)]
  const agents = new Agents(agentsGiven(addressesIn(words.value('agents') ?? '')), realSystem.clock)
  const flow = await agents.once()
  const edge = edgeOf(flow, hasEdge ? first : '')
  const over = new AbortController()
  const timer = seconds === undefined ? null : setTimeout(() => over.abort(), seconds * 1000)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => over.abort())
  let count = 0
  try {
    for await (const { at, events } of agents.tap(edge.from, edge.to, over.signal)!)
      for (const event of events) {
        await writeOut(`${JSON.stringify({ at: new Date(at).toISOString(), edge: edge.name, ...event })}\n`)
        if (++count >= max) return 0
      }
    // The agent has ended the stream.
    process.stderr.write(`millrace tap: the agent has stopped\n`)
    return exitCodes.usage
  } catch (error) {
    if (over.signal.aborted || isReaderGone(error)) return 0
    process.stderr.write(`millrace tap: ${explanationOf(error)}\n`)
    return exitCodes.usage
  } finally {
    if (timer !== null) clearTimeout(timer)
    over.abort()
  }
}

/** `millrace tap A/r1/c1 | head -1` has what it wanted. */
const isReaderGone = (error: unknown): boolean =>
  ((error as Error).cause as NodeJS.ErrnoException | undefined)?.code === 'EPIPE'

/** Throws UsageError, with the edges that there are. */
function edgeOf(flow: Flow, wanted: string): Edge {
  const edges = edgesOf(flow)
  const [found, ...more] = edges.filter(({ name }) => name === wanted || name.endsWith(`/${wanted}`))
  if (wanted !== '' && found !== undefined && more.length === 0) return found
  const list = edges.map(({ name }) => `\n  ${printable(name)}`).join('')
  const problem =
    wanted === ''
      ? 'name an edge'
      : found === undefined
        ? `there is no edge ${printable(wanted)}`
        : `${printable(wanted)} is in several agents`
  const away = flow.agents.filter(agent => agent.problem !== null).map(agent => `; ${agent.problem}`)
  throw new UsageError(
    edges.length === 0
      ? `${problem}; no agent of this user runs on this machine, and none is given by --agents${away.join('')}`
      : `${problem}; there is${list}`,
  )
}

function edgesOf({ agents, nodes, edges }: Flow): Edge[] {
  return edges.flatMap(({ from, to }) => {
    const [one, other] = [from, to].map(id => nodes.find(node => node.id === id))
    const agent = agents.find(({ address }) => address === one?.agent)
    if (agent === undefined || one?.agent !== other?.agent || agent.kind === 'flume') return []
    const isUnique = agents.filter(({ name }) => name === agent.name).length === 1
    return [{ name: `${isUnique ? agent.name : agent.address}/${one!.name}/${other!.name}`, from, to }]
  })
}
