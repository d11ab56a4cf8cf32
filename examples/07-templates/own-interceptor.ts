// An interceptor of your own: sets a header to the length of the body, and drops events without a body.
import { defineInterceptor, flag, text, type Event } from 'millrace'

export default defineInterceptor({
  type: 'own-interceptor',
  aliases: [],
  summary: 'Sets a header to the length of the body, and drops events without a body.',
  // The settings below the interceptor in a configuration. What is not declared here is reported as unknown.
  options: {
    header: text({ doc: 'Name of the header.', default: 'length' }),
    keepEmpty: flag({ doc: 'Keeps events without a body.', default: false }),
  },
  create({ header, keepEmpty }) {
    return {
      // Called once for each event, in order. Gives the event, changed or another, or null to drop it.
      intercept(event: Event): Event | null {
        if (event.body.length === 0 && !keepEmpty) return null
        event.setHeader(header, String(event.body.length))
        return event
      },
    }
  },
})
