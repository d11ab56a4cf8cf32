// `millrace ledger`: what the agents of a flow have read, have and have written, one table for each origin partition, and
// whether it balances.
import { addressesIn } from '../address.ts'
import { Agents } from '../console/agents.ts'
import type { SeenSnapshot } from '../console/flow.ts'
import { explanationOf } from '../errors.ts'
import type { OffsetRange } from '../origin/offset-set.ts'
import { countOf, printable } from '../printable.ts'
import { realSystem } from '../system/system.ts'
import { agentsGiven } from './agents-given.ts'
import { readWords, table } from './kafka-tool.ts'
import { balanceOf, inBoth, isBalanced, type Balance, type OriginBalance } from './ledger/balance.ts'
import { writeOut } from './output.ts'
import { UsageError } from './usage-error.ts'

const usage = `Usage: millrace ledger [--agents HOST:PORT,...] [--flow NAME] [--format text|json]

Prints, for each partition that events come from (originHeader = true), what each agent has read, dropped, put, delivered and
set aside since it was started, what is in flight and where, and whether offsets are missing or came twice.

  --agents HOST:PORT,...  monitoring pages of all agents of the flow (-Dflume.monitoring.type=http); without it the agents of
                          this user on this machine, which are found
  --flow NAME             partitions alone whose events reach this sink: AGENT/SINK, or its flow
  --format FORMAT         text (default) or json
  --help

Exit codes: 0 balanced, 1 an offset is missing or came twice, 2 an agent does not answer, or there is none.
`

/** What is missing is looked for again after so long. */
const againMs = 300

export async function runLedger(words: readonly string[], program: string): Promise<number> {
  try {
    return await ledger(words)
  } catch (error) {
    process.stderr.write(
      `${program}: ${error instanceof UsageError ? error.message : explanationOf(error)}\n`,
    )
    return 2
  }
}

async function ledger(words: readonly string[]): Promise<number> {
  const given = readWords(words, { usage, values: 'agents flow format' })
  if (given === null) return 0
  const format = given.value('format') ?? 'text'
  if (format !== 'text' && format !== 'json') throw new UsageError(`--format ${format}: write text or json`)
  const addresses = addressesIn(given.value('agents') ?? '')
  const options = { ...agentsGiven(addresses), announced: addresses.length === 0 }
  const agents = new Agents(options, realSystem.clock)
  const look = async () => {
    await agents.once()
    return flowOf(snapshotsOf(agents), given.value('flow'))
  }
  let balance = await look()
  if (!isBalanced(balance)) {
    await realSystem.clock.sleep(againMs)
    balance = inBoth(balance, await look())
  }
  const isGood = isBalanced(balance)
  await writeOut(format === 'json' ? json(balance) : text(balance))
  return isGood ? 0 : 1
}

function snapshotsOf(agents: Agents): SeenSnapshot[] {
  const views = agents.views.filter(({ isHere, problem }) => !isHere || problem === null)
  const silent = views.find(({ problem }) => problem !== null)
  if (silent !== undefined)
    throw new UsageError(
      `agent ${silent.address}: ${silent.problem}. Without its ledger nothing can be said; start it, or leave it out of --agents`,
    )
  if (views.length === 0)
    throw new UsageError('there is no agent; name the monitoring pages of agents with --agents HOST:PORT')
  return views.flatMap(({ snapshot }) => (snapshot === null ? [] : [snapshot]))
}

/** The origins whose events a sink of the flow has had. */
function flowOf(snapshots: readonly SeenSnapshot[], flow: string | undefined): Balance {
  const balance = balanceOf(snapshots)
  if (flow === undefined) return balance
  const sinks = new Set(
    snapshots.flatMap(({ agent, sinks: all }) =>
      all
        .filter(({ name, options }) => flow === `${agent}/${name}` || options['flow']?.value === flow)
        .map(({ name }) => `${agent} SINK.${name}`),
    ),
  )
  if (sinks.size === 0) throw new UsageError(`--flow ${flow}: no sink of the agents has this name or flow`)
  const reaches = ({ rows }: OriginBalance) =>
    rows.some(({ agent, component }) => sinks.has(`${agent} ${component}`))
  return { ...balance, origins: balance.origins.filter(reaches) }
}

const rangesText = (ranges: readonly OffsetRange[] | null, most = 6): string => {
  if (ranges === null || ranges.length === 0) return ''
  const shown = ranges.slice(-most).map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`))
  return `${ranges.length > most ? '…, ' : ''}${shown.join(', ')}`
}

function text({ origins, unknown, short }: Balance): string {
  const parts = origins.map(one => {
    const rows = one.rows.map(({ step, agent, component, events, repeated, ranges }) => [
      step,
      `${agent} ${component}`,
      step === 'read' ? '' : String(events),
      repeated > 0 && step !== 'dropped' ? String(repeated) : '',
      rangesText(ranges),
    ])
    return [
      one.origin === null ? 'events without an origin' : `origin ${one.origin}`,
      table([['step', 'where', 'events', 'again', 'offsets'], ...rows], [0, 0, 0, 0, 0]).trimEnd(),
      ...sentences(one),
      '',
    ].join('\n')
  })
  const ends = [
    ...short.map(
      ({ agent, channel, events }) =>
        `MISSING: ${channel} of ${agent} holds ${countOf(events, 'event')} fewer than came in and did not go out`,
    ),
    ...(unknown > 0
      ? [
          `${countOf(unknown, 'event')} lay in channels before their agents were started; what is missing can be said when they are delivered`,
        ]
      : []),
    isBalanced({ origins, unknown, short })
      ? `balanced${unknown > 0 ? ', as far as this can be said' : ''}`
      : 'not balanced',
  ]
  return `${[...parts, ...ends].join('\n')}\n`
}

function sentences({ origin, inFlight, written, missing, doubled, letGo }: OriginBalance): string[] {
  const places = inFlight.map(({ agent, channel, events }) => `${events} in ${agent} ${channel}`)
  return [
    `in flight: ${places.length === 0 ? 'none' : places.join(', ')}; delivered at the end: ${written}${letGo > 0 ? `; let go because they had been written: ${letGo}` : ''}`,
    ...(missing.length === 0 ? [] : [`MISSING: offset ${rangesText(missing)} of ${origin}`]),
    ...(doubled.events === 0
      ? []
      : [
          `TWICE: ${countOf(doubled.events, 'event')}${origin === null ? '' : `, offset ${rangesText(doubled.ranges)} of ${origin}`}`,
        ]),
  ].map(line => printable(line))
}

const json = (balance: Balance): string =>
  `${JSON.stringify({ isBalanced: isBalanced(balance), ...balance }, null, 2)}\n`
