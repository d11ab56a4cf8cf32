// The UUID interceptor: an identity for every event, as a header.
import { defineInterceptor } from '../component.ts'
import { HeaderName } from '../event.ts'
import { flag, text } from '../fields.ts'

export const uuidInterceptor = defineInterceptor({
  type: 'org.apache.flume.sink.solr.morphline.UUIDInterceptor$Builder',
  aliases: ['uuid'],
  summary: 'Sets a header to a random UUID.',
  description: 'Flume has no alias for this interceptor and needs its Morphline module; `uuid` is our alias.',
  options: {
    headerName: text({ doc: 'Name of the header.', default: 'id' }),
    preserveExisting: flag({ doc: 'Leaves an event alone that has the header already.', default: true }),
    prefix: text({ doc: 'Text put before the UUID.', default: '' }),
  },
  flow: ({ headerName, preserveExisting }) => [
    { does: 'set-header', header: headerName, value: null, overwrite: !preserveExisting },
  ],
  create({ headerName, preserveExisting, prefix }, { system: { random } }) {
    const name = new HeaderName(headerName)
    return {
      intercept(event) {
        if (!preserveExisting || event.header(name) === undefined)
          event.setHeader(headerName, prefix + random.uuid())
        return event
      },
    }
  },
})
