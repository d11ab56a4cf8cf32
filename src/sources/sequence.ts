// The sequence source: events "0", "1", "2" ... as fast as the channels take them.
import { defineSource } from '../component.ts'
import { Event } from '../event.ts'
import { int } from '../fields.ts'
import { sourceCounters } from '../observe/counters.ts'

/** Events handed over in one round, in as many batches as that takes; a round ends with a turn of the event loop. */
const roundEvents = 1000
/** Most batches under way at once: the channel makes them durable together. */
const roundBatches = 64

export const sequenceSource = defineSource({
  type: 'seq',
  aliases: ['org.apache.flume.source.SequenceGeneratorSource'],
  summary: 'Makes events whose bodies count 0, 1, 2 and so on; for trying things out.',
  description: `Events that a channel does not take are repeated unchanged and in order. The count starts at 0 with every
start. Several batches are under way at once (Flume: one).`,
  counters: sourceCounters,
  options: {
    batchSize: int({ doc: 'Events of one put.', default: 1, min: 1, unit: 'events' }),
    totalEvents: int({
      doc: 'How many events are made in all.',
      default: Number.MAX_SAFE_INTEGER,
      min: 0,
      unit: 'events',
    }),
    backoffSleepIncrement: int({ doc: 'Has no effect: nothing sleeps here.', default: 1000, unit: 'ms' }),
    maxBackoffSleep: int({ doc: 'Has no effect: nothing sleeps here.', default: 5000, unit: 'ms' }),
  },
  batchSize: options => options.batchSize,
  create({ batchSize, totalEvents }, { processor, counters, system: { clock } }) {
    let next = 0
    const batches = Math.min(roundBatches, Math.max(1, Math.ceil(roundEvents / batchSize)))

    async function put(first: number, end: number, signal: AbortSignal): Promise<void> {
      const events: Event[] = []
      for (let value = first; value < end; value++) events.push(Event.of(new Map(), String(value)))
      if (batchSize > 1) counters.add('AppendBatchReceivedCount')
      try {
        await processor.processUntilAccepted(events, signal)
      } catch (error) {
        // Made again from the first that was refused.
        next = Math.min(next, first)
        throw error
      }
      if (batchSize > 1) counters.add('AppendBatchAcceptedCount')
      counters.add('EventAcceptedCount', events.length)
    }

    return {
      async start() {
        next = 0
      },
      async stop() {},
      async poll(signal) {
        if (next >= totalEvents) return untilAborted(signal)
        const puts: Promise<void>[] = []
        while (puts.length < batches && next < totalEvents) {
          const first = next
          next = Math.min(first + batchSize, totalEvents)
          puts.push(put(first, next, signal))
        }
        const failure = (await Promise.allSettled(puts)).find(one => one.status === 'rejected')
        if (failure !== undefined) throw failure.reason
        await new Promise<void>(resolve => clock.soon(resolve))
      },
    }
  },
})

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
