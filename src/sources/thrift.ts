// The Thrift source: a port to which Flume's Thrift sinks and clients, and those of other languages, send events.
import { whereOf, withoutBrackets } from '../address.ts'
import { defineSource, pathOf, type Source, type SourceContext } from '../component.ts'
import { examineDeadLetters } from '../dead-letter.ts'
import { choice, flag, type OptionsOf } from '../fields.ts'
import { sourceCounters } from '../observe/counters.ts'
import { ThriftServer } from '../thrift-rpc/server.ts'
import { Intake, placeOptions, requestOptions } from './rpc/intake.ts'
import { claimOfPort, examineTls, tlsOf, tlsOptions } from './tcp-door.ts'

const options = {
  ...placeOptions,
  protocol: choice(['compact', 'binary'], {
    doc: "Encoding of the messages; the sender's must be the same.",
    default: 'compact',
  }),
  ...tlsOptions,
  kerberos: flag({
    doc: 'Login by SASL and Kerberos, which is not possible here: true is refused.',
    default: false,
  }),
  ...requestOptions,
}
type Options = OptionsOf<typeof options>

const noKerberos = 'Kerberos is not spoken here'

export const thriftSource = defineSource({
  type: 'thrift',
  aliases: ['org.apache.flume.source.ThriftSource'],
  summary: 'Takes events from Thrift sinks and Thrift clients of Flume.',
  description: `The transport is framed, as Flume's. One request is one transaction in each channel. It is answered \`OK\` when every
required channel has the events, \`FAILED\` when one has refused (after its keep-alive). A connection's requests are handled strictly in
order.

A batch larger than a channel's \`transactionCapacity\` can never be accepted. It is answered \`FAILED\`, as in Flume, and health is red
while its sender repeats it. With \`deadLetter.file\` the batch goes there as it came, is counted as \`events_diverted\`, and is answered \`OK\`.

Flume answers with a Thrift error when something other than the channel fails; Millrace answers \`FAILED\`.

Bytes that are no such request close the connection with one line in the log (at most 10 lines a minute).`,
  options,
  withoutEffect: {
    threads: 'connections share one event loop',
    'agent-principal': noKerberos,
    'agent-keytab': noKerberos,
  },
  check({ kerberos }, say) {
    if (kerberos)
      say.error(
        'kerberos',
        'Thrift with Kerberos (SASL/GSSAPI) is not spoken here',
        'use ssl = true, or an Avro source with ipFilterRules',
      )
  },
  flow: ({ bind, port, ssl, protocol }) => [
    { does: 'receive', host: bind, port, tls: ssl, protocol: `Thrift (${protocol})` },
  ],
  claims({ bind, port, 'deadLetter.file': file }, { home }) {
    const letters = file === undefined ? [] : [`file ${pathOf(file, home)}`]
    return [...claimOfPort({ host: bind, port }), ...letters]
  },
  counters: sourceCounters,
  async examine(given, say, outside) {
    await examineTls(given, say, outside)
    await examineDeadLetters(given['deadLetter.file'], say, outside)
  },
  create: (given, context) => new ThriftSource(given, context),
})

export class ThriftSource implements Source {
  readonly #options: Options
  readonly #context: SourceContext
  readonly #intake: Intake
  #server: ThriftServer | null = null

  constructor(given: Options, context: SourceContext) {
    this.#options = given
    this.#context = context
    this.#intake = new Intake('Thrift', given['deadLetter.file'], context)
  }

  /** The port listened on; known once started. */
  get port(): number {
    return this.#server?.port ?? this.#options.port
  }

  async start(): Promise<void> {
    const { bind, port, protocol, ...given } = this.#options
    const { log, name, system } = this.#context
    const server = new ThriftServer({
      host: bind,
      port,
      encoding: protocol,
      maxRequestBytes: given.maxRequestBytes,
      maxRequestEvents: given.maxRequestEvents,
      maxConnections: given.maxConnections,
      memory: system.memory,
      stallMs: given['stall-timeout'],
      tls: await tlsOf(this.#options, this.#context),
      network: system.network,
      clock: system.clock,
      log,
      handle: this.#intake.handle,
      connections: open => this.#intake.connections(open),
    })
    await server.start()
    this.#server = server
    const where = whereOf({ host: withoutBrackets(bind), port: server.port })
    log.info(`Thrift source ${name} listens on ${where}`)
  }

  async stop(): Promise<void> {
    await this.#server?.stop()
    this.#server = null
  }
}
