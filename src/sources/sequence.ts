// The sequence source: events "0", "1", "2" ... as fast as the channels take them.
import { defineSource } from '../component.ts'
import { Event } from '../event.ts'
import { int } from '../fields.ts'
import { sourceCounters } from '../observe/counters.ts'
import { GeneratedEvents, sleepFields } from './generated-events.ts'

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
    ...sleepFields,
  },
  batchSize: options => options.batchSize,
  create({ batchSize, totalEvents }, context) {
    const { counters } = context
    return new GeneratedEvents(
      {
        batchSize,
        total: totalEvents,
        perSecond: Infinity,
        make: number => Event.of(new Map(), String(number)),
        begun() {
          if (batchSize > 1) counters.add('AppendBatchReceivedCount')
        },
        accepted(events) {
          if (batchSize > 1) counters.add('AppendBatchAcceptedCount')
          counters.add('EventAcceptedCount', events)
        },
      },
      context,
    )
  },
})
