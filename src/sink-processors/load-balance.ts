// The load_balance processor: batches go to the sinks of a group in turn or at random; with backoff a
// sink that failed is passed over for min(maxTimeOut, 1000 * 2^n) milliseconds, as in Flume.
import { doubledMs } from '../backoff.ts'
import { defineSinkProcessor } from '../component.ts'
import { choice, flag, int } from '../fields.ts'

/** Flume counts failures as following one another when they are less than this apart, rest not counted. */
const sequenceMs = 3_600_000

interface Rest {
  failures: number
  lastFailure: number
  until: number
}

export const loadBalanceProcessor = defineSinkProcessor({
  type: 'load_balance',
  aliases: ['org.apache.flume.sink.LoadBalancingSinkProcessor'],
  summary: 'Spreads batches over the sinks of its group.',
  description: `A batch that a sink fails to deliver goes to the next at once. Each sink is given batches ahead, as one that
is in no group. The order of events does not survive. When
every sink rests, the events wait in the channel (Flume's \`random\` throws an error instead). A selector class of one's
own is not supported.`,
  options: {
    selector: choice(['round_robin', 'random'], { doc: 'In turn, or at random.', default: 'round_robin' }),
    backoff: flag({ doc: 'Lets a sink that failed rest, longer each time.', default: false }),
    'selector.maxTimeOut': int({ doc: 'Longest rest.', default: 30_000, min: 0, unit: 'ms' }),
  },
  create({ selector, backoff, 'selector.maxTimeOut': maxTimeOutMs }, { sinks, system: { random } }) {
    const rests = new Map<string, Rest>()
    /** Whose turn it is, first; the same however often it is asked for a batch. */
    let turn = [...sinks]
    const draw = () => shuffle(turn, () => random.next())
    if (selector === 'random') draw()
    return {
      spreads: true,
      order: now => turn.filter(name => (rests.get(name)?.until ?? -Infinity) <= now),
      assigned(sink) {
        if (selector === 'random') return draw()
        const next = sinks.indexOf(sink) + 1
        turn = [...sinks.slice(next), ...sinks.slice(0, next)]
      },
      delivered: sink => void rests.delete(sink),
      failed(sink, now) {
        if (!backoff) return
        const before = rests.get(sink)
        const pauseMs = (failures: number) => doubledMs(failures, { firstMs: 2000, mostMs: maxTimeOutMs })
        const inSequence =
          before !== undefined && now - before.lastFailure < sequenceMs + pauseMs(before.failures)
        const failures = inSequence ? Math.min(before.failures + 1, 16) : 1
        rests.set(sink, { failures, lastFailure: now, until: now + pauseMs(failures) })
      },
    }
  },
})

function shuffle(names: string[], next: () => number): void {
  for (let last = names.length - 1; last > 0; last--) {
    const other = Math.floor(next() * (last + 1))
    const kept = names[last]!
    names[last] = names[other]!
    names[other] = kept
  }
}
