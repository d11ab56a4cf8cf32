// The multiport_syslogtcp source: messages of syslog senders by TCP, on many ports, each with a character set of its own.
import { whereOf } from '../address.ts'
import { defineSource, type Say } from '../component.ts'
import { messageOf } from '../errors.ts'
import { int, list, prefix, text } from '../fields.ts'
import { charset, findCharset, type Charset } from '../java/java-charset.ts'
import { sourceCounters } from '../observe/counters.ts'
import type { Timer } from '../system/clock.ts'
import { eventSize, SyslogConnections } from './syslog/connections.ts'
import { keepFields } from './syslog/message.ts'
import { multiportReader } from './syslog/multiport-messages.ts'
import { senderFields } from './syslog/sender.ts'
import { claimOfPort, examineTls, maxConnections, tlsOf, tlsOptions } from './tcp-door.ts'

/** How often a port that cannot be listened on is tried again. */
const retryMs = 3000

function checkCharset(key: string, set: Charset | undefined, say: Say): void {
  if (set === undefined || /^UTF-(16|32)/.test(set.name))
    say.error(
      key,
      set === undefined
        ? 'is not a character set known here'
        : `${set.name} cannot be read line by line here`,
      'write UTF-8 or a one-byte set',
    )
}

export const multiportSyslogSource = defineSource({
  type: 'multiport_syslogtcp',
  aliases: ['org.apache.flume.source.MultiportSyslogTCPSource'],
  summary: 'Takes syslog messages (RFC 3164 and RFC 5424) by TCP on several ports.',
  description: `A message ends at LF; empty lines are left out (Flume loses the messages around them), and what follows the last LF is
discarded when the connection ends. The source reports a port that is in use and retries it every 3 s; the others serve
meanwhile (Flume tries once).

| header | value |
|---|---|
| \`Priority\`, \`Facility\`, \`Severity\` | of the priority, a number of up to five characters |
| \`Version\` | 1, where the message has it |
| \`timestamp\` | milliseconds since 1970; that of arrival where the time is \`-\`, 0 where it looks like one of RFC 3164 and is none |
| \`host\` | what follows the time, up to the next blank |
| \`flume.syslog.status\` | \`Invalid\`: not so written, or not in the character set. \`Incomplete\`: cut at \`eventSize\` |

The body is the text behind the host, in the character set of the port; a message without text is the body as it came. So is an Invalid one,
which has no headers but that one, and those of \`portHeader\`, \`clientIPHeader\` and \`clientHostnameHeader\`, and counts as \`EventReadFail\`.

Times of RFC 3164 are of UTC, as in Flume, while [syslogtcp](source-syslogtcp.md) takes them for local. The year is the one that makes the
time at most eleven months old, or a month ahead (Flume 1.11: 2001 where it is more than a month old).

A full channel holds senders back: nothing more is read from them meanwhile (Flume discards the messages). What was read when the source
stops is put for at most 1.7 s.

A zero byte is part of the message (Flume discards it and what follows). A message that no field can be cut from is Invalid (Flume
loses it with those that came with it, where it ends in the middle of a time, or has a time of RFC 5424 that is none).`,
  counters: sourceCounters,
  options: {
    host: text({ doc: 'Address or name to listen on.', default: '0.0.0.0' }),
    ports: list({ doc: 'Ports to listen on; 0 takes a free one.', required: true, example: '10001 10002' }),
    eventSize,
    batchSize: int({ doc: 'Most events of one put.', default: 100, min: 1, unit: 'events' }),
    keepFields,
    portHeader: text({ doc: 'Header for the port that the message came to; none where absent.' }),
    ...senderFields,
    'charset.default': charset({ doc: 'Character set of the messages.', default: 'UTF-8' }),
    'charset.port': prefix({ doc: 'Character set at one port: `charset.port.10001 = ISO-8859-1`.' }),
    maxConnections,
    ...tlsOptions,
  },
  withoutEffect: {
    numProcessors: 'connections share one event loop',
    readBufferBytes: 'the system decides how much is read at once',
  },
  batchSize: ({ batchSize }) => batchSize,
  check({ ports, 'charset.default': initial, 'charset.port': own }, say) {
    const odd = ports.find(port => !/^\d+$/.test(port) || Number(port) > 65_535)
    if (odd !== undefined) say.error('ports', `"${odd}" is not a port`, 'write numbers from 0 to 65535')
    if (ports.length === 0) say.error('ports', 'names no port', 'write one or several, separated by blanks')
    checkCharset('charset.default', initial, say)
    for (const [port, name] of Object.entries(own)) {
      checkCharset(`charset.port.${port}`, findCharset(name), say)
      if (!ports.some(one => Number(one) === Number(port)))
        say.warning(
          `charset.port.${port}`,
          `${port} is not among the ports`,
          'add it to ports, or remove the line',
        )
    }
  },
  claims: ({ host, ports }) => ports.flatMap(port => claimOfPort({ host, port: Number(port) })),
  examine: examineTls,
  create(given, context) {
    const { system, log, condition } = context
    const notListening = condition('ports')
    let connections: SyslogConnections | null = null
    let retry: Timer | null = null

    async function listen(port: number): Promise<void> {
      if (connections === null) return
      const name = given['charset.port'][String(port)]
      const set = name === undefined ? given['charset.default'] : findCharset(name)!
      const reader = multiportReader(given.keepFields, set, system.clock)
      const { portHeader, host } = given
      // A port that the system chose is known only then.
      const headers: [string, string][] = []
      const listener = await connections.listen({ host, port }, { reader, headers })
      if (portHeader !== undefined) headers.push([portHeader, String(listener.port)])
      log.info(`multiport syslog source listens on ${whereOf(listener)}`)
    }

    /** Ports that cannot be listened on are tried again; where there is no other, it fails. */
    async function listenAll(ports: readonly number[]): Promise<void> {
      const tried = await Promise.allSettled(ports.map(listen))
      const failed = ports.filter((_, index) => tried[index]!.status === 'rejected')
      const reasons = tried.flatMap(one => (one.status === 'rejected' ? [one.reason as unknown] : []))
      if (failed.length === given.ports.length) throw reasons[0]
      if (failed.length === 0) return notListening.clear('All ports are listened on')
      notListening.raise(
        `${failed.length} of ${given.ports.length} ports are not listened on; the source retries them every ${retryMs} ms: ${messageOf(reasons[0])}`,
        { remedy: 'End the program on this port, or choose another one.' },
      )
      retry = system.clock.after(retryMs, () => void listenAll(failed))
    }

    return {
      async start() {
        const tls = await tlsOf(given, context)
        const rules = { ...given, tls, joinsPriorities: false, countsInvalid: true }
        connections = new SyslogConnections(rules, context)
        await listenAll(given.ports.map(Number))
      },
      async stop() {
        retry?.cancel()
        await connections?.stop()
        connections = retry = null
      },
    }
  },
})
