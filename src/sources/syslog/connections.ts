// TCP connections of syslog senders. Messages end at LF; one of eventSize bytes or more is cut there. There are no answers:
// a full channel holds senders back, because nothing more is read from their connections meanwhile.
import type { SourceContext } from '../../component.ts'
import { Fault, messageOf } from '../../errors.ts'
import type { Event } from '../../event.ts'
import { int } from '../../fields.ts'
import type { Logger } from '../../observe/log.ts'
import { sparing, sparingOne } from '../../observe/sparing-log.ts'
import { countOf } from '../../printable.ts'
import type { MemoryShare } from '../../system/memory-budget.ts'
import type { Connection, Listener } from '../../system/network.ts'
import { Pace } from '../../system/pace.ts'
import type { TlsContext } from '../../system/tls.ts'
import { LineCutter } from '../line-cutter.ts'
import { openDoor } from '../tcp-door.ts'
import type { MessageReader } from './message.ts'
import { Senders, type SenderOptions } from './sender.ts'

/** What was read by the stop may take so long to be put. */
const stopMs = 1700
/** While others wait for memory, the rest of a message that has begun may take so long. */
const stallMs = 10_000
/** What an event of a message takes beside its bytes, in items of the memory budget: its headers. */
const itemsOfEvent = 6
const lf = Buffer.from('\n')

export const eventSize = int({
  doc: 'A message of so many bytes or more is cut there; its parts are marked `Incomplete` but for the last.',
  default: 2500,
  min: 10,
  max: 16 * 1024 * 1024,
  unit: 'bytes',
})

interface Rules extends SenderOptions {
  readonly eventSize: number
  /** Most messages of one put. */
  readonly batchSize: number
  readonly maxConnections: number
  readonly tls: TlsContext | null
  /** A LF within a priority belongs to the message, which goes on to the next one, as Flume's syslogtcp has it. */
  readonly joinsPriorities: boolean
  /** Invalid messages count as EventReadFail, as in Flume's multiport source. */
  readonly countsInvalid: boolean
}

/** What is read from one port. */
interface Port {
  readonly reader: MessageReader
  readonly headers: readonly (readonly [name: string, value: string])[]
}

interface Client {
  readonly connection: Connection
  readonly share: MemoryShare
  readonly cutter: LineCutter
  isBusy: boolean
  /** Messages so far. */
  count: number
  /** A priority in which a LF came. */
  openPriority: Buffer | null
  ended: Promise<void>
}

export class SyslogConnections {
  readonly #rules: Rules
  readonly #context: SourceContext
  readonly #senders: Senders
  readonly #pace: Pace
  readonly #log: Logger
  readonly #markLog: Logger
  readonly #listeners: Listener[] = []
  readonly #clients = new Set<Client>()
  /** Gives up what waits for a channel. */
  readonly #patience = new AbortController()
  #isStopping = false
  #lost = 0

  constructor(rules: Rules, context: SourceContext) {
    const { clock } = context.system
    this.#rules = rules
    this.#context = context
    this.#senders = new Senders(rules, context.system)
    this.#pace = new Pace(clock)
    this.#log = sparing(context.log, clock)
    this.#markLog = sparingOne(context.log, clock)
  }

  async listen(at: { host: string; port: number }, port: Port): Promise<Listener> {
    const { maxConnections, tls } = this.#rules
    // A sender that has ended its side counts as a connection until all that it sent is put.
    const door = { ...at, maxConnections, tls, halfOpen: true }
    const listener = await openDoor(door, this.#context, this.#log, connection => {
      const client: Client = {
        connection,
        share: this.#context.system.memory.share(),
        cutter: new LineCutter({ ends: 'LF', mostBytes: this.#rules.eventSize }),
        isBusy: false,
        count: 0,
        openPriority: null,
        ended: Promise.resolve(),
      }
      this.#clients.add(client)
      client.ended = this.#serve(client, port).finally(() => this.#clients.delete(client))
    })
    this.#listeners.push(listener)
    if (this.#isStopping) await listener.close()
    return listener
  }

  /** What was read is put first, within `stopMs`. */
  async stop(): Promise<void> {
    const { clock } = this.#context.system
    this.#isStopping = true
    const closed = this.#listeners.map(listener => listener.close())
    for (const { connection, isBusy } of this.#clients) if (!isBusy) connection.stream.destroy()
    const timer = clock.after(stopMs, () => {
      this.#patience.abort()
      for (const { connection } of this.#clients) connection.stream.destroy()
    })
    await Promise.all([...this.#clients].map(({ ended }) => ended))
    timer.cancel()
    await Promise.all(closed)
    if (this.#lost > 0)
      this.#context.log.warn(
        `${countOf(this.#lost, 'message')} of syslog senders were not put within ${stopMs} ms and are lost`,
      )
  }

  async #serve(client: Client, { reader, headers }: Port): Promise<void> {
    const { stream, remote, remoteAddress } = client.connection
    // What breaks a connection ends the loop below by itself; without a listener it would end the process.
    stream.on('error', error => this.#log.debug(`connection of ${remote}: ${error.message}`))
    const gone = new AbortController()
    stream.once('close', () => gone.abort())
    try {
      const all = [...headers, ...(await this.#senders.headersOf(remoteAddress))]
      const read: MessageReader = (bytes, isIncomplete) => {
        const message = reader(bytes, isIncomplete)
        for (const [name, value] of all) message.event.setHeader(name, value)
        return message
      }
      for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        client.isBusy = true
        await this.#take(client, chunk, read, gone.signal)
        client.isBusy = false
        if (this.#isStopping) break
      }
      stream.end(() => stream.destroy())
    } catch (error) {
      if (!this.#isStopping) this.#log.debug(`connection of ${remote} broke: ${messageOf(error)}`)
      stream.destroy()
    } finally {
      client.share.close()
    }
  }

  /** Puts the messages that are complete with the chunk. */
  async #take(client: Client, chunk: Buffer, read: MessageReader, gone: AbortSignal): Promise<void> {
    const { share, cutter } = client
    await share.reserve('The chunk', chunk.length, 0, gone)
    const messages = this.#messagesIn(client, chunk)
    for (let isOver = false; !isOver;) {
      const batch: Buffer[] = []
      while (batch.length < this.#rules.batchSize && !isOver) {
        const { done, value } = messages.next()
        isOver = done === true
        if (value !== undefined) batch.push(value)
        if (this.#pace.isOver) await this.#pace.turn()
      }
      if (batch.length === 0) break
      await share.reserve('The messages', 0, batch.length * itemsOfEvent, gone)
      await this.#put(client, batch, read)
      share.add(0, -batch.length * itemsOfEvent)
    }
    share.add(cutter.heldBytes - share.heldBytes)
    if (cutter.heldBytes === 0) share.finished()
    else this.#watch(client)
  }

  /** The messages in the chunk, with those before it that it completes. */
  *#messagesIn(client: Client, chunk: Buffer): Generator<Buffer, undefined> {
    for (const line of client.cutter.add(chunk)) {
      client.count++
      const open = client.openPriority
      client.openPriority = null
      if (open !== null) yield Buffer.concat([open, lf, line])
      else if (this.#rules.joinsPriorities && /^<\d{0,3}$/.test(line.toString('latin1', 0, 5)))
        client.openPriority = line
      else if (line.length > 0) yield line
    }
    return undefined
  }

  async #put(client: Client, batch: readonly Buffer[], read: MessageReader): Promise<void> {
    const { counters, processor } = this.#context
    const { eventSize: mostBytes, countsInvalid } = this.#rules
    const { remote } = client.connection
    const events: Event[] = []
    for (const bytes of batch) {
      const { event, isInvalid, isIncomplete } = read(bytes, bytes.length >= mostBytes)
      events.push(event)
      if (isInvalid && countsInvalid) counters.add('EventReadFail')
      if (isInvalid)
        this.#markLog.warn(`a message of ${remote} is no syslog message: its event is marked Invalid`)
      else if (isIncomplete)
        this.#log.warn(
          `a message of ${remote} has ${mostBytes} bytes or more (eventSize): its event is marked Incomplete`,
        )
      if (this.#pace.isOver) await this.#pace.turn()
    }
    counters.add('EventReceivedCount', events.length)
    try {
      await processor.processUntilAccepted(events, this.#patience.signal)
      counters.add('EventAcceptedCount', events.length)
    } catch (error) {
      if (error instanceof Fault && error.code === 'STOPPED') this.#lost += events.length
      else {
        counters.add('GenericProcessingFail')
        this.#log.error(
          `${countOf(events.length, 'message')} of ${remote} could not be processed and are lost`,
          error,
        )
      }
    }
  }

  /** Cuts off a sender that stops within a message while others wait for the memory that it holds. */
  #watch(client: Client): void {
    const { clock, memory } = this.#context.system
    const { count, connection, cutter } = client
    if (cutter.heldBytes <= 65_536) return
    clock.after(
      stallMs,
      () => {
        if (client.count !== count || cutter.heldBytes === 0 || memory.waiting === 0) return
        this.#log.warn(
          `connection of ${connection.remote} closed: a message did not end within ${stallMs} ms, and others wait for the memory that it takes`,
        )
        connection.stream.destroy()
      },
      { background: true },
    )
  }
}
