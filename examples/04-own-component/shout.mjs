// @ts-check
// A sink of one's own: prints each body in capitals. A configuration names it by the path of this file.
import { defineSink, int, text } from 'millrace'

export default defineSink({
  type: 'shout',
  aliases: [],
  summary: 'Prints each body in capitals.',
  options: {
    mark: text({ doc: 'What stands behind each body.', default: '!' }),
    batchSize: int({ doc: 'Events taken at once.', default: 10, min: 1, unit: 'events' }),
  },
  batchSize: options => options.batchSize,
  create: ({ mark, batchSize }, { log }) => ({
    batchSize,
    start: async () => log.info('ready to shout'),
    stop: async () => {},
    // Resolved: delivered. Rejected: the same events come again later.
    deliver: async events => {
      for (const event of events) process.stdout.write(`${event.body.toString().toUpperCase()}${mark}\n`)
    },
  }),
})
