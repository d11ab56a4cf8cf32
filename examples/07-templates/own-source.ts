// A source of your own: reads a file once, and turns each line into an event.
import { open } from 'node:fs/promises'
import { defineSource, Event, int, text } from 'millrace'

export default defineSource({
  type: 'own-source',
  aliases: [],
  summary: 'Reads a file once, and turns each line into an event.',
  // The settings below the source in a configuration. What is not declared here is reported as unknown.
  options: {
    path: text({ doc: 'The file.', required: true, example: '/var/log/events.txt' }),
    batchSize: int({ doc: 'Most events of one batch.', default: 100, min: 1, unit: 'events' }),
  },
  batchSize: ({ batchSize }) => batchSize,
  create({ path, batchSize }, { processor }) {
    const stopped = new AbortController()
    let reading = Promise.resolve()

    async function read(): Promise<void> {
      const file = await open(path)
      const events: Event[] = []
      // Resolves when the channels have the events, and waits while they are full.
      const put = () => processor.processUntilAccepted(events.splice(0), stopped.signal)
      try {
        for await (const line of file.readLines()) {
          events.push(Event.of({}, line))
          if (events.length === batchSize) await put()
        }
        await put()
      } finally {
        await file.close()
      }
    }

    return {
      // A rejection is reported, and the start is tried again every 3 s.
      async start() {
        reading = read()
        await reading
      },
      async stop() {
        stopped.abort()
        await reading.catch(() => {})
      },
    }
  },
})
