// A client that does nothing but send requests of any version over one socket and decode the answers: what
// the broker says to every version, and to requests that are wrong, is asked with it.
import { connect, type Socket } from 'node:net'
import type { Api } from '../../src/wire/kafka/api.ts'
import type { BodyOf, FieldSet, InputOf } from '../../src/wire/kafka/fields.ts'

interface Waiting {
  resolve(bytes: Buffer): void
  reject(error: Error): void
}

export class WireClient {
  readonly #socket: Socket
  readonly #waiting: Waiting[] = []
  readonly closed: Promise<void>
  #bytes = Buffer.alloc(0)
  #correlationId = 0

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => this.#received(chunk))
    socket.on('error', () => {})
    this.closed = new Promise(resolve =>
      socket.on('close', () => {
        for (const { reject } of this.#waiting.splice(0))
          reject(new Error('the broker closed the connection'))
        resolve()
      }),
    )
  }

  static connect(port: number): Promise<WireClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port })
      socket.once('error', reject)
      socket.once('connect', () => resolve(new WireClient(socket)))
    })
  }

  /** Answers come in the order of the requests; rejects when the connection is closed before. */
  async ask<Q extends FieldSet, S extends FieldSet>(
    api: Api<Q, S>,
    version: number,
    body: InputOf<Q>,
    /** Makes the bytes of the request. */
    encode: (
      api: Api<Q, S>,
      message: { version: number; correlationId: number; clientId: string; body: InputOf<Q> },
    ) => Buffer = (one, message) => one.encodeRequest(message),
  ): Promise<BodyOf<S>> {
    const correlationId = ++this.#correlationId
    const answer = this.raw(encode(api, { version, correlationId, clientId: 'test', body }))
    const decoded = api.decodeResponse(version, await answer)
    if (decoded.correlationId !== correlationId) throw new Error('the answer is that of another request')
    return decoded.body
  }

  /** Sends and does not wait for an answer: acks=0. */
  tell<Q extends FieldSet, S extends FieldSet>(api: Api<Q, S>, version: number, body: InputOf<Q>): void {
    this.#socket.write(
      api.encodeRequest({ version, correlationId: ++this.#correlationId, clientId: null, body }),
    )
  }

  /** Whole bytes out, the next answer without its size back. */
  raw(bytes: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      this.#socket.write(bytes)
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  #received(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk])
    while (this.#bytes.length >= 4) {
      const size = this.#bytes.readInt32BE(0)
      if (this.#bytes.length < 4 + size) return
      const whole = this.#bytes.subarray(4, 4 + size)
      this.#bytes = this.#bytes.subarray(4 + size)
      this.#waiting.shift()?.resolve(whole)
    }
  }
}
