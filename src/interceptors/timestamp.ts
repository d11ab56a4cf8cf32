// The timestamp interceptor: when the event came in, as a header.
import { defineInterceptor } from '../component.ts'
import { HeaderName } from '../event.ts'
import { flag, text } from '../fields.ts'

export const timestampInterceptor = defineInterceptor({
  type: 'timestamp',
  aliases: ['org.apache.flume.interceptor.TimestampInterceptor$Builder'],
  summary: 'Sets a header to the time of interception, in milliseconds since 1970.',
  options: {
    preserveExisting: flag({ doc: 'Leaves an event alone that has the header already.', default: false }),
    headerName: text({ doc: 'Name of the header.', default: 'timestamp' }),
  },
  flow: ({ headerName, preserveExisting }) => [
    { does: 'set-header', header: headerName, value: null, overwrite: !preserveExisting },
  ],
  create({ preserveExisting, headerName }, { system: { clock } }) {
    const name = new HeaderName(headerName)
    return {
      intercept(event) {
        if (!preserveExisting || event.header(name) === undefined)
          event.setHeader(headerName, String(clock.now()))
        return event
      },
    }
  },
})
