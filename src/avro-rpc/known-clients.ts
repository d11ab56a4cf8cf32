// The server's half of the handshake: which clients it knows, by hash or by the protocol text they sent.
import { AvroReader } from '../wire/avro/binary.ts'
import {
  decodeHandshakeRequest,
  encodeHandshakeResponse,
  windowMeta,
  windowOf,
} from '../wire/avro-rpc/handshake.ts'
import { ProtocolMismatch, protocolHash, protocolText, readProtocol } from '../wire/avro-rpc/protocol.ts'

export interface Greeting {
  /** The handshake part of the reply. */
  readonly reply: Buffer
  /** False: the client is not known, the call is not executed, and the next request shakes hands again. */
  readonly known: boolean
  /** Requests in flight agreed with a Millrace sender; 0 with any other. */
  readonly window: number
  /** Why the client's protocol does not fit; the reply carries it as an error. */
  readonly mismatch?: string
}

/** Most hashes remembered: beyond that the oldest is forgotten, and its owner sends the text again. */
const maxKnown = 1000

export class KnownClients {
  readonly #hashes = new Set([protocolHash.toString('latin1')])

  /** Reads the handshake at the reader's position and answers it. Throws AvroFormatError. */
  greet(reader: AvroReader, offeredWindow: number): Greeting {
    const request = decodeHandshakeRequest(reader)
    const hash = request.clientHash.toString('latin1')
    let mismatch: string | undefined
    if (request.clientProtocol !== null && !this.#hashes.has(hash))
      try {
        readProtocol(request.clientProtocol)
        this.#remember(hash)
      } catch (error) {
        if (!(error instanceof ProtocolMismatch)) throw error
        mismatch = error.message
      }
    const known = this.#hashes.has(hash) || mismatch !== undefined
    const same = known && request.serverHash.equals(protocolHash)
    const window = Math.min(windowOf(request.meta), offeredWindow)
    const reply = encodeHandshakeResponse({
      match: same ? 'BOTH' : known ? 'CLIENT' : 'NONE',
      serverProtocol: same ? null : protocolText,
      serverHash: same ? null : protocolHash,
      meta: window > 0 ? windowMeta(window) : null,
    })
    return { reply, known, window, ...(mismatch === undefined ? {} : { mismatch }) }
  }

  #remember(hash: string): void {
    // The first one in is Flume's own and stays.
    if (this.#hashes.size >= maxKnown) this.#hashes.delete([...this.#hashes][1]!)
    this.#hashes.add(hash)
  }
}
