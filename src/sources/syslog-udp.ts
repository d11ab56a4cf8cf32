// The syslogudp source: messages of syslog senders by UDP, one a datagram.
import { defineSource } from '../component.ts'
import { int, text } from '../fields.ts'
import { sourceCounters } from '../observe/counters.ts'
import { sparingOne } from '../observe/sparing-log.ts'
import { keepFields } from './syslog/message.ts'
import { senderFields, Senders } from './syslog/sender.ts'
import { checkFormat, format, singlePortReader } from './syslog/single-port-messages.ts'
import { claimOfUdpPort, DatagramSource, waitingDatagrams } from './udp-door.ts'

const lf = 0x0a

export const syslogUdpSource = defineSource({
  type: 'syslogudp',
  aliases: ['org.apache.flume.source.SyslogUDPSource'],
  summary: 'Takes syslog messages (RFC 3164 and RFC 5424) by UDP.',
  description: `One datagram is one message: LFs in front are left out, and it ends at the next LF or with the datagram. An empty one is
discarded and counted as \`EventReadFail\`. Headers, bodies and differences from Flume are those of [syslogtcp](source-syslogtcp.md).

${waitingDatagrams} Use syslogtcp where messages must not be lost.`,
  counters: sourceCounters,
  options: {
    host: text({ doc: 'Address or name to listen on.', default: '0.0.0.0' }),
    port: int({ doc: 'Port to listen on; 0 takes a free one.', required: true, min: 0, max: 65_535 }),
    keepFields,
    ...senderFields,
    format,
  },
  withoutEffect: { eventSize: 'a datagram is one message, whatever its size, as in Flume' },
  check: checkFormat,
  claims: claimOfUdpPort,
  create(given, context) {
    const { log, system } = context
    const reader = singlePortReader(given, system.clock)
    const senders = new Senders(given, system)
    const markLog = sparingOne(log, system.clock)
    return new DatagramSource('syslog UDP source', given, context, async ({ bytes, from }) => {
      const start = bytes.findIndex(byte => byte !== lf)
      if (start === -1) return null
      const end = bytes.indexOf(lf, start + 1)
      const { event, isInvalid } = reader(bytes.subarray(start, end === -1 ? bytes.length : end), false)
      for (const [name, value] of await senders.headersOf(from.host)) event.setHeader(name, value)
      if (isInvalid)
        markLog.warn(`a datagram of ${from.host} is no syslog message: its event is marked Invalid`)
      return event
    })
  },
})
