// The netcat source: a TCP port where every line is an event. The protocol, as Flume speaks it:
//
//   line LF        ->  "OK" LF where ack-every-event, "FAILED: <reason>" LF where the channel refused
//   too long a line -> "FAILED: Event exceeds the maximum length (512 chars, including newline)" LF, closed
//
// Lines end at LF alone, a CR stays part of the line. What follows the last LF is not an event.
import { whereOf } from '../address.ts'
import { defineSource, type ChannelProcessor } from '../component.ts'
import { messageOf } from '../errors.ts'
import { Event } from '../event.ts'
import { flag, int, text } from '../fields.ts'
import { charset, type Charset } from '../java/java-charset.ts'
import type { Logger } from '../observe/log.ts'
import { sparing } from '../observe/sparing-log.ts'
import type { Clock } from '../system/clock.ts'
import type { Connection, Listener } from '../system/network.ts'
import { Gathered } from './gathered.ts'
import { claimOfPort, maxConnections, openDoor } from './tcp-door.ts'

const newline = 0x0a
/** What a client may take to read its last reply before its connection is cut. */
const graceMs = 1000

interface Behaviour {
  readonly encoding: Charset
  /** In characters as Java counts them (UTF-16 units), newline included. */
  readonly maxLineLength: number
  readonly ack: boolean
}

export const netcatSource = defineSource({
  type: 'netcat',
  aliases: ['org.apache.flume.source.NetcatSource'],
  summary: 'Listens on a TCP port and turns every line into an event.',
  description: `Lines end at LF; a CR before it stays in the body. One line is one transaction. The reply is \`OK\`, or
\`FAILED: <reason>\` where the channel refused (also with \`ack-every-event = false\`); after a line that is too long the
connection is closed. Text after the last LF is discarded when the client ends. With \`encoding = utf-8\`, the default, the
body is the line's bytes as they came, whether they are UTF-8 or not (Flume closes the connection over bytes that are not, and
stores nothing); text in another character set becomes UTF-8. Flume keeps no
counters for this source, nor does Millrace.

Lines that arrive together are put together and answered in order (Flume: one after the other).`,
  options: {
    bind: text({ doc: 'Address or name to listen on.', required: true, example: '0.0.0.0' }),
    port: int({ doc: 'Port to listen on; 0 takes a free one.', required: true, min: 0, max: 65_535 }),
    'max-line-length': int({
      doc: 'Longest line, in characters, the newline included.',
      default: 512,
      min: 1,
    }),
    maxConnections,
    'ack-every-event': flag({ doc: 'Replies OK to every line accepted.', default: true }),
    encoding: charset({
      doc: 'Character set of the lines and replies.',
      default: 'utf-8',
      differs: 'UTF-16 and UTF-32 are refused: a line end is looked for as one byte.',
    }),
  },
  check({ encoding }, say) {
    if (/^UTF-(16|32)/.test(encoding.name))
      say.error(
        'encoding',
        `${encoding.name} cannot be read line by line here`,
        'write UTF-8 or a one-byte set',
      )
  },
  claims: ({ bind, port }) => claimOfPort({ host: bind, port }),
  create({ bind: host, ...options }, context) {
    const { port, encoding } = options
    const {
      processor,
      log,
      system: { clock },
    } = context
    const behaviour = {
      encoding,
      maxLineLength: options['max-line-length'],
      ack: options['ack-every-event'],
    }
    const clients = new Set<Client>()
    const spared = sparing(log, clock)
    let listener: Listener | undefined
    return {
      async start() {
        const at = { host, port, maxConnections: options.maxConnections, tls: null, halfOpen: true }
        listener = await openDoor(at, context, spared, connection => {
          const client = new Client(connection, processor, behaviour, spared, clock)
          clients.add(client)
          void client.run().finally(() => clients.delete(client))
        })
        log.info(`netcat source listens on ${whereOf(listener)}`)
      },
      async stop() {
        const closed = listener?.close()
        listener = undefined
        await Promise.all([...clients].map(client => client.stop()))
        await closed
      },
    }
  },
})

/** Lines that are put at once, and in one turn of the event loop; each is a transaction. */
const linesAtOnce = 500

/** One connection: reads lines, puts them, replies in order. */
class Client {
  readonly #connection: Connection
  readonly #processor: ChannelProcessor
  readonly #behaviour: Behaviour
  readonly #log: Logger
  readonly #clock: Clock
  /** The beginning of a line whose end has not come, and how many characters it has. */
  #begun = new Gathered()
  #begunChars = 0
  #busy = false
  #stopping = false
  #ended: Promise<void> = Promise.resolve()

  constructor(
    connection: Connection,
    processor: ChannelProcessor,
    behaviour: Behaviour,
    log: Logger,
    clock: Clock,
  ) {
    this.#connection = connection
    this.#processor = processor
    this.#behaviour = behaviour
    this.#log = log
    this.#clock = clock
  }

  run(): Promise<void> {
    this.#ended = this.#serve()
    return this.#ended
  }

  /** Lines already read are put and answered first, within `graceMs`. */
  async stop(): Promise<void> {
    this.#stopping = true
    if (!this.#busy) this.#connection.stream.destroy()
    await this.#endWithin(this.#ended)
  }

  async #serve(): Promise<void> {
    const { stream, remote } = this.#connection
    // What breaks a connection ends the loop below by itself; without a listener it would end the process.
    stream.on('error', error => this.#log.debug(`connection of ${remote}: ${error.message}`))
    const closed = new Promise<void>(resolve => stream.once('close', () => resolve()))
    try {
      for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        this.#busy = true
        const goOn = await this.#take(chunk, closed)
        this.#busy = false
        if (!goOn || this.#stopping) break
      }
      // What still comes is read and thrown away: closing over unread bytes would reset the connection
      // and could take the last reply with it.
      stream.end()
      stream.resume()
      await this.#endWithin(closed)
    } catch (error) {
      if (!this.#stopping) this.#log.debug(`connection of ${remote} broke: ${messageOf(error)}`)
      stream.destroy()
    }
  }

  async #endWithin(end: Promise<void>): Promise<void> {
    const timer = this.#clock.after(graceMs, () => this.#connection.stream.destroy())
    await end
    timer.cancel()
  }

  /** Puts the lines that are complete with `chunk`; false when the connection has to be closed. */
  async #take(chunk: Buffer, closed: Promise<void>): Promise<boolean> {
    const { encoding, ack, maxLineLength } = this.#behaviour
    let from = 0
    for (let isLast = false; !isLast;) {
      const puts: Promise<string>[] = []
      let tooLong = false
      for (; puts.length < linesAtOnce && !tooLong && !isLast;) {
        const end = chunk.indexOf(newline, from)
        const piece = chunk.subarray(from, end === -1 ? chunk.length : end)
        tooLong = this.#isTooLong(piece)
        isLast = tooLong || end === -1
        from = end + 1
        if (tooLong) break
        if (isLast) this.#begin(piece)
        else puts.push(this.#put(this.#begun.bytes === 0 ? piece : await this.#joined(piece)))
      }
      let replies = (await Promise.all(puts)).filter(reply => ack || reply !== 'OK\n').join('')
      if (tooLong) {
        replies += `FAILED: Event exceeds the maximum length (${maxLineLength} chars, including newline)\n`
        this.#log.warn(
          `a line from ${this.#connection.remote} is longer than ${maxLineLength} characters; the connection is closed`,
        )
      }
      const { stream } = this.#connection
      if (replies !== '' && !stream.write(encoding.encode(replies)))
        await Promise.race([closed, new Promise(resolve => stream.once('drain', resolve))])
      if (tooLong) return false
      if (!isLast) await this.#turn()
    }
    return true
  }

  #turn(): Promise<void> {
    return new Promise(resolve => this.#clock.soon(resolve))
  }

  /** The line that ends with `piece`. */
  async #joined(piece: Buffer): Promise<Buffer> {
    this.#begun.add(piece)
    const joining = this.#begun.join()
    this.#begun = new Gathered()
    this.#begunChars = 0
    let step = joining.next()
    for (; step.done !== true; step = joining.next()) await this.#turn()
    return step.value
  }

  #put(line: Buffer): Promise<string> {
    const { encoding } = this.#behaviour
    // Bytes that are no UTF-8 stay as they came: nothing is lost by what was not understood.
    const body = encoding.name === 'UTF-8' ? line : Buffer.from(encoding.decode(line))
    return this.#processor.process([Event.of(new Map(), body)]).then(
      () => 'OK\n',
      (error: unknown) => `FAILED: ${messageOf(error)}\n`,
    )
  }

  #begin(piece: Buffer): void {
    this.#begun.add(piece)
    this.#begunChars += this.#charsOf(piece)
  }

  /** Whether the line that goes on with `piece` has too many characters. */
  #isTooLong(piece: Buffer): boolean {
    const { maxLineLength } = this.#behaviour
    const bytes = this.#begun.bytes + piece.length
    if (bytes < maxLineLength) return false
    return bytes >= maxLineLength * 4 || this.#begunChars + this.#charsOf(piece) >= maxLineLength
  }

  /** As Java counts them. In a set of several bytes a character that is no UTF-8 and comes in two pieces counts twice. */
  #charsOf(piece: Buffer): number {
    const { encoding } = this.#behaviour
    if (encoding.name !== 'UTF-8') return encoding.decode(piece).length
    let chars = 0
    for (const byte of piece) chars += byte >= 0xf0 ? 2 : (byte & 0xc0) === 0x80 ? 0 : 1
    return chars
  }
}
