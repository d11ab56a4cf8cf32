// The syslogtcp source: messages of syslog senders by TCP, one port.
import { whereOf } from '../address.ts'
import { defineSource } from '../component.ts'
import { int, text } from '../fields.ts'
import { sourceCounters } from '../observe/counters.ts'
import { eventSize, SyslogConnections } from './syslog/connections.ts'
import { keepFields } from './syslog/message.ts'
import { senderFields } from './syslog/sender.ts'
import { checkFormat, format, singlePortReader } from './syslog/single-port-messages.ts'
import { claimOfPort, examineTls, maxConnections, tlsOf, tlsOptions } from './tcp-door.ts'

/** Messages of one put; Flume puts each alone. */
const batchSize = 500

export const syslogTcpSource = defineSource({
  type: 'syslogtcp',
  aliases: ['org.apache.flume.source.SyslogTcpSource'],
  summary: 'Takes syslog messages (RFC 3164 and RFC 5424) by TCP.',
  description: `A message ends at LF; empty lines are left out, and what follows the last LF is discarded when the connection
ends. Sizes in front of messages (octet counting) are not understood, as in Flume.

| header | value |
|---|---|
| \`Facility\`, \`Severity\` | of the priority; 0 where there is none |
| \`priority\`, \`version\`, \`host\` | as written; absent where the message has none, or fits neither format |
| \`timestamp\` | milliseconds since 1970; absent where the time cannot be read |
| \`flume.syslog.status\` | \`Invalid\`: no priority of one to three digits. \`Incomplete\`: cut at \`eventSize\` |

The body is the text behind the host. A message that fits neither format, has no text or is Invalid is the body as it came; so is one with a
CR, which no format allows. A LF within a priority (\`<13\` LF) belongs to the message, which is Invalid then and goes on to the next LF.

A time without a zone is local. RFC 3164 writes no year: it is the one that makes the time at most eleven months old, or a month ahead.

A full channel holds senders back: nothing more is read from them meanwhile (Flume discards the messages). What was read when the source
stops is put for at most 1.7 s.

Differences from Flume 1.11:

- A message that fits no format has no \`priority\` and \`version\` (Flume: those of the last message that had one).
- A time of RFC 5424 with a fraction is in the zone that it names, and \`.1\` is 100 ms (Flume: local time, and 1 ms).
- A field that is \`-\` is kept as \`-\` (Flume: \`null\`).
- Bytes of the text that are no UTF-8 stay as they came (Flume replaces them).`,
  counters: sourceCounters,
  options: {
    host: text({
      doc: 'Address or name to listen on.',
      default: '0.0.0.0',
      differs: 'Flume 1.10 and 1.11 do not listen where it is absent.',
    }),
    port: int({ doc: 'Port to listen on; 0 takes a free one.', required: true, min: 0, max: 65_535 }),
    eventSize,
    keepFields,
    ...senderFields,
    format,
    maxConnections,
    ...tlsOptions,
  },
  check: checkFormat,
  claims: claimOfPort,
  examine: examineTls,
  create(given, context) {
    let connections: SyslogConnections | null = null
    return {
      async start() {
        const tls = await tlsOf(given, context)
        const rules = { ...given, batchSize, tls, joinsPriorities: true, countsInvalid: false }
        connections = new SyslogConnections(rules, context)
        const reader = singlePortReader(given, context.system.clock)
        const listener = await connections.listen(given, { reader, headers: [] })
        context.log.info(`syslog TCP source listens on ${whereOf(listener)}`)
      },
      async stop() {
        await connections?.stop()
        connections = null
      },
    }
  },
})
