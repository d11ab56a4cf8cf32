// The end of a demonstration in a few lines: counts, events a second, latency, and what is wrong.
import type { Ledger } from './ledger.ts'
import { formatLatency, formatMs } from './view.ts'
import { countOf } from '../printable.ts'

/** `isWhole`: it came to its end, and what has not arrived is missing; else it may still be on its way. */
export function reportOf(
  ledger: Ledger,
  begunMs: number,
  isWhole: boolean,
  /** How often agents were started again. */
  restarts = 0,
): { lines: string[]; faults: string[] } {
  const { sent, arrived, inFlight, firstArrivedMs, foreign } = ledger
  const faults = isWhole ? ledger.faults(restarts > 0) : ledger.faultsSoFar(restarts > 0)
  const rate = ledger.eventsPerSecond()
  const twice = ledger.doubled === 0 ? 'none twice' : `${ledger.doubled} twice`
  const order = faults.length === 0 && arrived > 0 ? `, all in order, ${twice}` : ''
  const verdict = isWhole || inFlight === 0 ? order : `, ${inFlight} were still in flight`
  const lines = [`${countOf(sent, 'event')} sent, ${arrived} arrived${verdict}`]
  if (restarts > 0)
    lines.push(
      `agents were started again ${restarts === 1 ? 'once' : `${restarts} times`}${faults.length === 0 && isWhole ? ', and nothing was lost' : ''}`,
    )
  if (rate !== null)
    lines.push(
      `${Math.round(rate)} events/s; latency ${formatLatency(ledger.latencies.percentiles()).replace('  ', ', ')}`,
    )
  if (firstArrivedMs !== null) lines.push(`first event ${formatMs(firstArrivedMs - begunMs)} after the start`)
  if (foreign > 0)
    lines.push(`not counted: ${foreign} other ${foreign === 1 ? 'record' : 'records'} in test2`)
  // Every event twice is what a second agent between the same topics makes.
  const hint =
    arrived > 0 && ledger.doubled >= arrived / 2
      ? '; another agent, or another demonstration, seems to carry test3 to test2 as well'
      : ''
  return {
    lines,
    faults: faults.map((one, at) => `events are wrong: ${one}${at === faults.length - 1 ? hint : ''}`),
  }
}
