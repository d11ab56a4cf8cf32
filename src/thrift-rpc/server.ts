// The server of Flume's Thrift service: framed requests, each answered before the next is looked at.
import type { Fault } from '../errors.ts'
import {
  type Answer,
  type Dialect,
  type Handle,
  type Request,
  RequestError,
  type Reserve,
  tooManyEvents,
} from '../rpc-server/rpc-connection.ts'
import { RpcServer, type ServerPlace } from '../rpc-server/rpc-server.ts'
import { secureServer, type TlsContext } from '../system/tls.ts'
import { FrameReader } from '../wire/kafka/frame-reader.ts'
import { otherProtocol } from '../wire/other-protocols.ts'
import {
  encodeException,
  encodeStatus,
  exceptionKinds,
  readCall,
  readEvents,
  type ThriftCall,
} from '../wire/thrift/flume-calls.ts'
import { type ThriftEncoding, ThriftFormatError, ThriftReader } from '../wire/thrift/thrift-reader.ts'

/** What the service is given for each connection. */
export interface ThriftDialectOptions extends Pick<ServerPlace, 'clock'> {
  readonly encoding: ThriftEncoding
  /** Longest request taken; longer ones close the connection before anything is stored. */
  readonly maxRequestBytes: number
  /** Most events of one request; one with more is answered with an error, and its connection closed. */
  readonly maxRequestEvents: number
  readonly handle: Handle
}

/** The same, and where to listen. */
export interface ThriftServerOptions extends ServerPlace, ThriftDialectOptions {
  readonly tls: TlsContext | null
}

/** Listens for senders that speak Thrift. */
export class ThriftServer extends RpcServer {
  constructor(options: ThriftServerOptions) {
    const { tls } = options
    super({
      ...options,
      protocol: 'Thrift',
      layers: async (stream, signal) => (tls === null ? stream : secureServer(stream, tls, signal)),
      dialect: sender => new ThriftDialect(options, sender),
    })
  }
}

const noBytes = Buffer.alloc(0)
/** Of a name that is quoted. */
const mostShown = 60

/** What one connection speaks. */
export class ThriftDialect implements Dialect {
  readonly parser: Dialect['parser']
  readonly resends = false
  readonly #options: ThriftDialectOptions
  readonly #sender: string
  #call: ThriftCall = { name: '', seqid: 0, isOneway: false }

  constructor(options: ThriftDialectOptions, sender: string) {
    this.#options = options
    this.#sender = sender
    this.parser = parserOf(options.maxRequestBytes)
  }

  refuse(_request: Request, { message }: Fault): Buffer {
    return encodeException(this.#options.encoding, this.#call, exceptionKinds.internalError, message)
  }

  async answer({ message }: Request, reserve: Reserve): Promise<Answer> {
    const { encoding, maxRequestEvents, clock, handle } = this.#options
    const reader = new ThriftReader(message, encoding)
    try {
      const call = (this.#call = readCall(reader))
      const { name } = call
      if (name !== 'append' && name !== 'appendBatch') {
        const text = `there is no call "${name.slice(0, mostShown)}": append and appendBatch are`
        const kind = exceptionKinds.unknownMethod
        return { bytes: call.isOneway ? noBytes : encodeException(encoding, call, kind, text) }
      }
      const steps = readEvents(reader, name)
      let [all, step] = [0, steps.next()]
      for (; step.done !== true; step = steps.next())
        if (step.value === 0) await new Promise<void>(resolve => clock.soon(resolve))
        else {
          all += step.value
          if (all > maxRequestEvents) throw tooManyEvents(all, maxRequestEvents)
          // Their encodings are made beside the request.
          await reserve(step.value, all === step.value ? message.length : 0)
        }
      const isAccepted = await handle(step.value, name, this.#sender)
      return { bytes: call.isOneway ? noBytes : encodeStatus(encoding, call, isAccepted ? 'OK' : 'FAILED') }
    } catch (error) {
      if (!(error instanceof ThriftFormatError)) throw error
      throw new RequestError(`its request is ${error.message}`)
    }
  }
}

function parserOf(maxRequestBytes: number): Dialect['parser'] {
  let each: (request: Request) => void = () => {}
  const frames = new FrameReader({
    eagerBytes: 0,
    accept(size, bytes) {
      if (size >= 0 && size <= maxRequestBytes) return true
      const other = otherProtocol(bytes)
      throw new RequestError(
        other === null
          ? `a request of ${bytes.readUInt32BE(0)} bytes is announced, ${maxRequestBytes} are allowed; or these bytes are no Thrift in frames`
          : `these bytes are no Thrift in frames; they look like ${other}${other === 'TLS' ? ': one side has ssl = true, the other has not' : ''}`,
      )
    },
    take: message => each({ message }),
  })
  return {
    get heldBytes() {
      return frames.heldBytes
    },
    get midFrame() {
      return frames.isWithin
    },
    feed(chunk, take) {
      each = take
      frames.read(chunk)
    },
  }
}
