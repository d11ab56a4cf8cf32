// The stress source: events of one size, as fast as the channels take them or at a rate; for measuring what is behind it.
import { defineSource } from '../component.ts'
import { Event } from '../event.ts'
import { int } from '../fields.ts'
import { GeneratedEvents, sleepFields } from './generated-events.ts'

/** Of each byte. */
const filler = 0x7f

export const stressSource = defineSource({
  type: 'org.apache.flume.source.StressSource',
  aliases: [],
  summary: 'Makes events of one size, as fast as the channels take them; for measuring.',
  description: `Bodies are bytes of the value 127, and there are no headers. Events that a channel does not take are repeated, so that all
count as successful (Flume counts them as failed, and makes others). Both limits hold from each start; that of successful
events is looked at before each batch, as in Flume, so that the last one is made whole. Several batches are under way at once where there is
no rate (Flume: one). Flume keeps no counters for this source, nor does Millrace.`,
  options: {
    size: int({ doc: 'Size of a body.', default: 500, min: 0, max: 1_073_741_824, unit: 'bytes' }),
    batchSize: int({ doc: 'Events of one put.', default: 1, min: 1, unit: 'events' }),
    maxTotalEvents: int({
      doc: 'How many events are made in all.',
      default: Infinity,
      min: 0,
      unlimited: true,
      unit: 'events',
    }),
    maxSuccessfulEvents: int({
      doc: 'After how many events that the channels took no more are made.',
      default: Infinity,
      min: 0,
      unlimited: true,
      unit: 'events',
    }),
    maxEventsPerSecond: int({
      doc: 'Most events a second; 0: as many as the channels take.',
      default: 0,
      min: 0,
      since: '1.9',
    }),
    ...sleepFields,
  },
  batchSize: options => options.batchSize,
  create({ size, batchSize, maxTotalEvents, maxSuccessfulEvents, maxEventsPerSecond }, context) {
    const body = Buffer.alloc(size, filler)
    const whole = Math.ceil(maxSuccessfulEvents / batchSize) * batchSize
    return new GeneratedEvents(
      {
        batchSize,
        total: Math.min(maxTotalEvents, whole),
        perSecond: maxEventsPerSecond === 0 ? Infinity : maxEventsPerSecond,
        make: () => Event.of(new Map(), body),
      },
      context,
    )
  },
})
