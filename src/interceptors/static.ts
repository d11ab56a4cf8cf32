// The static interceptor: one header, the same for every event.
import { defineInterceptor } from '../component.ts'
import { HeaderName } from '../event.ts'
import { flag, text } from '../fields.ts'

export const staticInterceptor = defineInterceptor({
  type: 'static',
  aliases: ['org.apache.flume.interceptor.StaticInterceptor$Builder'],
  summary: 'Sets one header to a fixed value.',
  description: `Mind the default of \`preserveExisting\`: a header that is there already is **not** overwritten. Several
headers take several interceptors.`,
  options: {
    preserveExisting: flag({ doc: 'Leaves an event alone that has the header already.', default: true }),
    key: text({ doc: 'Name of the header.', default: 'key' }),
    value: text({ doc: 'Its value.', default: 'value' }),
  },
  flow: ({ key, value, preserveExisting }) => [
    { does: 'set-header', header: key, value, overwrite: !preserveExisting },
  ],
  create({ preserveExisting, key, value }) {
    const name = new HeaderName(key)
    return {
      intercept(event) {
        if (!preserveExisting || event.header(name) === undefined) event.setHeader(key, value)
        return event
      },
    }
  },
})
