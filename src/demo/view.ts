// The state of a demonstration at one moment, as board and lines show it.
import type { ChannelFill } from './agent-figures.ts'
import type { Percentiles } from './latencies.ts'

export interface View {
  readonly state: string
  /** Since the first event was sent. */
  readonly elapsedMs: number
  /** Events of this run. */
  readonly sent: number
  readonly arrived: number
  readonly inFlight: number
  /** Events a second over the last seconds. */
  readonly sentRate: number
  readonly arrivedRate: number
  /** What the stream was asked for: events a second, null for as fast as it goes. */
  readonly rate: number | null
  /** How many events there will be; null: no end. */
  readonly events: number | null
  /** Records of test3 that agent A has not taken over; null: not known at the moment. */
  readonly lag: number | null
  readonly channelA: ChannelFill | null
  readonly channelB: ChannelFill | null
  readonly agentA: AgentView
  readonly agentB: AgentView
  /** Of the last ten seconds. */
  readonly latency: Percentiles | null
  readonly faults: readonly string[]
  /** How far everything has arrived, and what came twice, where agents were started again; else null. */
  readonly survived: Survived | null
  /** Why nothing moves; null while all is well. */
  readonly trouble: string | null
  readonly places: readonly Place[]
}

export interface Survived {
  readonly text: string
  /** Nothing is missing up to the last that arrived. */
  readonly isWhole: boolean
}

export interface AgentView {
  /** How often it was started again. */
  readonly restarts: number
  readonly isRunning: boolean
}

/** `agent A`, and what has become of it. */
export function agentText(letter: string, { restarts, isRunning }: AgentView): string {
  if (restarts === 0) return `agent ${letter}`
  const times = restarts === 1 ? 'once' : `${restarts} times`
  return `agent ${letter} (${isRunning ? `started again ${times}` : 'is started again'})`
}

export interface Place {
  readonly label: string
  readonly text: string
}

/** Milliseconds with as many digits as mean something. */
export const formatMs = (ms: number): string =>
  ms < 10 ? `${ms.toFixed(1)} ms` : ms < 10_000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`

export const formatRate = (rate: number): string => `${rate < 10 ? rate.toFixed(1) : Math.round(rate)}/s`

export const formatLatency = (latency: Percentiles | null): string =>
  latency === null ? 'p50 -  p99 -' : `p50 ${formatMs(latency.p50)}  p99 ${formatMs(latency.p99)}`

/** `42`, or a question mark where it is not known. */
export const formatCount = (count: number | null): string => (count === null ? '?' : String(count))

/** One line for a pipe or a file. */
export function lineOfView(view: View): string {
  const { sent, arrived, inFlight, lag, channelA, channelB, sentRate, arrivedRate, latency } = view
  const where = `lag ${formatCount(lag)}, channel A ${formatCount(channelA?.size ?? null)}, channel B ${formatCount(channelB?.size ?? null)}`
  const rest = [
    `rate ${formatRate(sentRate)} in, ${formatRate(arrivedRate)} out`,
    `latency ${formatLatency(latency)}`,
    ...[view.agentA, view.agentB].flatMap((agent, at) =>
      agent.restarts > 0 ? [agentText('AB'[at]!, agent)] : [],
    ),
    ...view.faults,
    ...(view.survived === null ? [] : [view.survived.text]),
    ...(view.trouble === null ? [] : [view.trouble]),
  ]
  return `in ${sent} = out ${arrived} + in flight ${inFlight} (${where}); ${rest.join('; ')}`
}
