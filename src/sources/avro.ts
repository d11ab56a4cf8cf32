// The Avro source: a port to which Flume and Millrace agents, and Flume's clients, send events by Avro RPC.
import { whereOf, withoutBrackets } from '../address.ts'
import { defineSource, type Source, type SourceContext, pathOf } from '../component.ts'
import { examineDeadLetters } from '../dead-letter.ts'
import { Fault } from '../errors.ts'
import { choice, flag, int, list, type OptionsOf, text } from '../fields.ts'
import { admits, parseIpRules } from '../avro-rpc/ip-filter.ts'
import { AvroServer } from '../avro-rpc/server.ts'
import { sourceCounters } from '../observe/counters.ts'
import { maxWindow } from '../wire/avro-rpc/handshake.ts'
import { Intake, placeOptions, requestOptions } from './rpc/intake.ts'
import { claimOfPort, examineTls, tlsOf, tlsOptions } from './tcp-door.ts'

/**
 * Flume up to 1.9 uses Netty 3, which on a Java with TLS 1.3 offers that version and then stumbles over
 * a server's first answer when its records arrive together ("not an SSL/TLS record"; measured with 1.8.0).
 */
const usualProtocols = ['TLSv1.2']

const options = {
  ...placeOptions,
  'compression-type': choice(['none', 'deflate'], {
    doc: 'deflate compresses both directions as one zlib stream each; the sender must say the same.',
    default: 'none',
    badValueMeansDefault: true,
  }),
  ...tlsOptions,
  ssl: flag({
    doc: 'TLS from the first byte. With compression-type = deflate both layerings are accepted: TLS around zlib (Flume up to 1.9) and zlib around TLS (Flume from 1.10).',
    default: false,
  }),
  'include-protocols': list({
    doc: 'TLS versions to speak, by Java’s names; TLSv1.2 where empty.',
    example: 'TLSv1.2 TLSv1.3',
    since: '1.9',
    differs:
      'TLSv1.3 is spoken only where it is written: on a JVM that knows it, senders of Flume up to 1.9 cannot complete its handshake with servers other than their own.',
  }),
  ipFilter: flag({ doc: 'Whether ipFilterRules decide who may connect.', default: false }),
  ipFilterRules: text({
    doc: 'Comma list of <allow|deny>:<ip|name>:<pattern>, * and ? are wildcards. The first rule that matches decides; who matches none may connect.',
    example: 'allow:ip:10.1.*,allow:name:localhost,deny:ip:*',
  }),
  ...requestOptions,
  window: int({
    doc: 'Requests a Millrace sender may have in flight on one connection; 0 allows one.',
    default: 32,
    min: 0,
    max: maxWindow,
    since: 'ours',
  }),
}
type Options = OptionsOf<typeof options>

export const avroSource = defineSource({
  type: 'avro',
  aliases: ['org.apache.flume.source.AvroSource'],
  summary: 'Takes events from Avro sinks and Flume clients by Avro RPC.',
  description: `One request is one transaction in each channel. It is answered \`OK\` when every required channel has the
events, \`FAILED\` when one has refused (after its keep-alive). Where the source has one channel, and that has room, requests
that wait on one connection are one transaction together.

A connection's requests are handled strictly in order. After the first that is not accepted, every later one on the same
connection is answered \`FAILED\` without being put, until the sender has opened a new connection; so the order holds also
for a sender with several requests in flight. Flume's senders reopen by themselves. A sender that does not is
disconnected 10 s after the refusal.

A batch larger than a channel's \`transactionCapacity\` can never be accepted. It is answered \`FAILED\`, as in Flume, and
its sender repeats it for ever; health is red meanwhile, and one line, again each minute, names the sender, the batch, the
channel and the remedy. With \`deadLetter.file\` the batch goes there as it came, is counted as \`events_diverted\`, and is
answered \`OK\` (where an event goes to several channels, one of them may have taken it too). Formats, and how to send such
events again: docs/formats/dead-letters.md.

Bytes that are no Avro RPC close the connection with one line in the log (at most 10 lines a minute).

Flume answers \`append\` with an Avro error when something other than the channel fails; Millrace answers \`FAILED\`.`,
  options,
  withoutEffect: {
    maxBufferedBytes: '-Dmillrace.memoryBudget bounds what all sources hold together',
    threads: 'connections share one event loop; Flume ignores it too since 1.10',
  },
  check({ ipFilter, ipFilterRules }, say) {
    if (!ipFilter) return
    const fix = 'write ipFilterRules = <allow|deny>:<ip|name>:<pattern>, …'
    if (ipFilterRules === undefined || ipFilterRules.trim() === '')
      return say.error('ipFilter', 'ipFilter = true without ipFilterRules', fix)
    const parsed = parseIpRules(ipFilterRules)
    if ('problem' in parsed) say.error('ipFilterRules', parsed.problem, fix)
  },
  flow: ({ bind, port, ssl, 'compression-type': compression }) => [
    { does: 'receive', host: bind, port, tls: ssl, deflate: compression === 'deflate' },
  ],
  claims({ bind, port, 'deadLetter.file': file }, { home }) {
    const letters = file === undefined ? [] : [`file ${pathOf(file, home)}`]
    return [...claimOfPort({ host: bind, port }), ...letters]
  },
  counters: sourceCounters,
  async examine(given, say, outside) {
    await examineTls({ ...given, usualProtocols }, say, outside)
    await examineDeadLetters(given['deadLetter.file'], say, outside)
  },
  create: (given, context) => new AvroSource(given, context),
})

export class AvroSource implements Source {
  readonly #options: Options
  readonly #context: SourceContext
  #server: AvroServer | null = null
  readonly #intake: Intake

  constructor(given: Options, context: SourceContext) {
    this.#options = given
    this.#context = context
    this.#intake = new Intake('Avro', given['deadLetter.file'], context)
  }

  /** The port listened on; known once started. */
  get port(): number {
    return this.#server?.port ?? this.#options.port
  }

  async start(): Promise<void> {
    const { bind, port } = this.#options
    const { log } = this.#context
    const server = new AvroServer({
      host: bind,
      port,
      maxRequestBytes: this.#options.maxRequestBytes,
      maxRequestEvents: this.#options.maxRequestEvents,
      maxConnections: this.#options.maxConnections,
      memory: this.#context.system.memory,
      window: this.#options.window,
      stallMs: this.#options['stall-timeout'],
      deflate: this.#options['compression-type'] === 'deflate',
      tls: await tlsOf({ ...this.#options, usualProtocols }, this.#context),
      network: this.#context.system.network,
      clock: this.#context.system.clock,
      log,
      handle: this.#intake.handle,
      handleTogether: this.#intake.handleTogether,
      ...this.#filter(),
      connections: open => this.#intake.connections(open),
    })
    await server.start()
    this.#server = server
    log.info(
      `Avro source ${this.#context.name} listens on ${whereOf({ host: withoutBrackets(bind), port: server.port })}`,
    )
  }

  async stop(): Promise<void> {
    await this.#server?.stop()
    this.#server = null
  }

  #filter(): { admits?: (address: string) => Promise<boolean> } {
    if (!this.#options.ipFilter) return {}
    const parsed = parseIpRules(this.#options.ipFilterRules ?? '')
    if ('problem' in parsed) throw new Fault('ADDRESS', `ipFilterRules: ${parsed.problem}`)
    const { network } = this.#context.system
    return {
      admits: address => admits(parsed.rules, address, one => network.nameOf(one), network.addresses()),
    }
  }
}
