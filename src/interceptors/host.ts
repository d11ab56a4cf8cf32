// The host interceptor: this machine's address or name, as a header.
import { defineInterceptor } from '../component.ts'
import { HeaderName } from '../event.ts'
import { flag, text } from '../fields.ts'

export const hostInterceptor = defineInterceptor({
  type: 'host',
  aliases: ['org.apache.flume.interceptor.HostInterceptor$Builder'],
  summary: "Sets a header to this machine's address or name.",
  description: `The address is the machine's first IPv4 address that is not loopback, 127.0.0.1 where there is none; it is
looked up once, when the agent starts. Flume asks the resolver for the host name's address, which on many machines is
127.0.1.1.`,
  options: {
    preserveExisting: flag({ doc: 'Leaves an event alone that has the header already.', default: false }),
    useIP: flag({ doc: 'The IP address; false for the host name.', default: true }),
    hostHeader: text({ doc: 'Name of the header.', default: 'host' }),
  },
  flow: ({ hostHeader, preserveExisting }) => [
    { does: 'set-header', header: hostHeader, value: null, overwrite: !preserveExisting },
  ],
  create({ preserveExisting, useIP, hostHeader }, { system: { network } }) {
    const addresses = network.addresses()
    const address = addresses.find(one => !one.includes(':')) ?? addresses[0] ?? '127.0.0.1'
    const value = useIP ? address : network.hostName()
    const name = new HeaderName(hostHeader)
    return {
      intercept(event) {
        if (!preserveExisting || event.header(name) === undefined) event.setHeader(hostHeader, value)
        return event
      },
    }
  },
})
