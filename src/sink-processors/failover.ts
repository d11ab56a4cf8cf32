// The failover processor: the best sink that is not resting serves; a sink that fails rests longer each
// time. Rest after n failures in a row: min(maxpenalty, 1000 * 2^n) milliseconds, as Flume's.
import { doubledMs } from '../backoff.ts'
import { defineSinkProcessor } from '../component.ts'
import { int, prefix } from '../fields.ts'

interface Member {
  readonly name: string
  readonly priority: number
  failures: number
  /** Monotonic milliseconds. */
  restsUntil: number
}

export const failoverProcessor = defineSinkProcessor({
  type: 'failover',
  aliases: ['org.apache.flume.sink.FailoverSinkProcessor'],
  summary: 'Uses the sink of the highest priority and falls back to the next while it fails.',
  description: `A batch that a sink fails to deliver goes to the next at once. The sink that failed rests 2 s, then 4 s, 8 s
and so on up to \`maxpenalty\`; after its rest it takes its place again. When all rest, the events wait in the channel. The sink that
serves is given batches ahead, as one that is in no group; before another serves, all that it was given has ended.

Differences from Flume: sinks of equal priority are all used, in the order written (Flume never uses the later one); sinks
without a priority come after those that have one, in the order written (Flume: in hash order); a sink of lower priority is
not tried with live events while a better one works; the pause never disappears after many failures.`,
  options: {
    priority: prefix({ doc: '`priority.<sink>`: a whole number, higher serves first.' }),
    maxpenalty: int({ doc: 'Longest rest of a sink that fails.', default: 30_000, min: 0, unit: 'ms' }),
  },
  check({ priority }, say) {
    for (const [sink, value] of Object.entries(priority))
      if (!/^\s*[+-]?\d+\s*$/.test(value))
        say.error(`priority.${sink}`, `"${value}" is not a whole number`, 'write a whole number')
  },
  checkNames({ priority }, sinks, say) {
    for (const sink of Object.keys(priority))
      if (!sinks.includes(sink))
        say.warning(
          `priority.${sink}`,
          `${sink} is not a sink of this group`,
          `write one of: ${sinks.join(' ')}`,
        )
  },
  create({ priority, maxpenalty }, { sinks }) {
    const members: Member[] = sinks
      .map((name, index) => {
        const written = priority[name]
        return {
          name,
          priority: written === undefined ? -Infinity : Number(written),
          index,
          failures: 0,
          restsUntil: -Infinity,
        }
      })
      .sort((a, b) => (a.priority === b.priority ? a.index - b.index : a.priority < b.priority ? 1 : -1))
    const byName = new Map(members.map(member => [member.name, member]))
    return {
      order: now => members.filter(member => member.restsUntil <= now).map(member => member.name),
      delivered(sink) {
        const member = byName.get(sink)
        if (member === undefined || member.failures === 0) return
        member.failures = 0
        member.restsUntil = -Infinity
      },
      failed(sink, now) {
        const member = byName.get(sink)
        if (member === undefined) return
        member.failures++
        member.restsUntil = now + doubledMs(member.failures, { firstMs: 2000, mostMs: maxpenalty })
      },
    }
  },
})
