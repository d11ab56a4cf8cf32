// The netcatudp source: a UDP port where every datagram is an event.
import { whereOf } from '../address.ts'
import { defineSource } from '../component.ts'
import { Event, type Headers } from '../event.ts'
import { int, text } from '../fields.ts'
import { javaAddress } from './syslog/sender.ts'
import { claimOfUdpPort, DatagramSource, waitingDatagrams } from './udp-door.ts'

const lf = 0x0a

export const netcatUdpSource = defineSource({
  type: 'netcatudp',
  aliases: ['org.apache.flume.source.NetcatUdpSource'],
  summary: 'Listens on a UDP port and turns every datagram into an event.',
  description: `The body is the text up to the first LF; what follows it is discarded, as in Flume. There is no answer. Flume keeps no
counters for this source, nor does Millrace but \`datagrams_discarded\`.

${waitingDatagrams}`,
  options: {
    bind: text({ doc: 'Address or name to listen on.', default: '0.0.0.0' }),
    port: int({ doc: 'Port to listen on; 0 takes a free one.', required: true, min: 0, max: 65_535 }),
    remoteAddress: text({
      doc: "Header for the sender's address and port, as in `/10.0.0.1:4711`.",
      differs:
        'There is no header where the key is absent (Flume adds one without a name, which an Avro sink cannot send).',
    }),
  },
  withoutEffect: {
    remoteAddressHeader: 'Flume reads remoteAddress, whatever its guide says: write that',
  },
  claims: ({ bind, port }) => claimOfUdpPort({ host: bind, port }),
  create({ bind, port, remoteAddress }, context) {
    return new DatagramSource('netcat UDP source', { host: bind, port }, context, ({ bytes, from }) => {
      const end = bytes.indexOf(lf)
      const headers: Headers = new Map()
      if (remoteAddress !== undefined)
        headers.set(remoteAddress, `/${whereOf({ host: javaAddress(from.host), port: from.port })}`)
      return Event.of(headers, end === -1 ? bytes : bytes.subarray(0, end))
    })
  },
})
