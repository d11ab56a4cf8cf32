// The null sink: takes events and forgets them, saying now and then how many.
import { defineSink } from '../component.ts'
import { int } from '../fields.ts'

export const nullSink = defineSink({
  type: 'null',
  aliases: ['org.apache.flume.sink.NullSink'],
  summary: 'Discards every event.',
  options: {
    batchSize: int({ doc: 'Most events of one transaction.', default: 100, min: 1, unit: 'events' }),
    logEveryNEvents: int({
      doc: 'Writes a line to the log after each so many events.',
      default: 10_000,
      min: 1,
      unit: 'events',
    }),
  },
  batchSize: options => options.batchSize,
  create({ batchSize, logEveryNEvents }, { name, log }) {
    let total = 0
    return {
      batchSize,
      async start() {},
      async stop() {
        log.info(`Null sink ${name} stopped, ${total} events discarded`)
      },
      async deliver(events) {
        const before = Math.floor(total / logEveryNEvents)
        total += events.length
        const after = Math.floor(total / logEveryNEvents)
        if (after > before)
          log.info(`Null sink ${name} successfully processed ${after * logEveryNEvents} events`)
      },
    }
  },
})
