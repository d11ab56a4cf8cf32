// A sink of your own: appends each body as a line to a file.
import { appendFile } from 'node:fs/promises'
import { defineSink, int, text } from 'millrace'

export default defineSink({
  type: 'own-sink',
  aliases: [],
  summary: 'Appends each body as a line to a file.',
  // The settings below the sink in a configuration. What is not declared here is reported as unknown.
  options: {
    path: text({ doc: 'The file.', required: true, example: '/var/log/events.txt' }),
    batchSize: int({ doc: 'Most events of one batch.', default: 100, min: 1, unit: 'events' }),
  },
  batchSize: ({ batchSize }) => batchSize,
  create({ path, batchSize }, { log }) {
    return {
      batchSize,
      async start() {
        log.info(`writes to ${path}`)
      },
      async stop() {},
      // Resolved: the events leave the channel. Rejected: the same events come again later.
      async deliver(events) {
        await appendFile(path, events.map(event => `${event.body.toString()}\n`).join(''))
      },
    }
  },
})
