// Who answers in place of an Avro source, as far as that can be told: by the bytes that came instead of a
// handshake, or, where the connection was closed without any, by asking as Kafka's and TLS clients do.
import type { Duplex } from 'node:stream'
import { withoutBrackets } from '../address.ts'
import type { Fault } from '../errors.ts'
import { printable } from '../printable.ts'
import type { Clock } from '../system/clock.ts'
import type { Network } from '../system/network.ts'
import { createTlsContext, secureClient } from '../system/tls.ts'

const shownBytes = 60
const speaksTls = 'it speaks TLS (ssl = true, if it is a source)'
/** Types of a TLS record (change cipher spec, alert, handshake, data) and the first byte of its version. */
const isTls = (first: number, second: number): boolean => first >= 0x14 && first <= 0x17 && second === 3
const isZlib = (first: number, second: number): boolean => first === 0x78 && (first * 256 + second) % 31 === 0

/** What the first bytes of an answer are, in a clause; null where they are nothing known. */
export function answerOf(bytes: Buffer): string | null {
  const [first = 0, second = 0] = bytes
  if (isTls(first, second)) return speaksTls
  if (isZlib(first, second)) return 'it compresses (compression-type = deflate, if it is a source)'
  const text = bytes.subarray(0, shownBytes).toString('latin1')
  const [line = ''] = /^[\x20-\x7e]{4,}/.exec(text) ?? []
  if (line === '') return null
  const said = printable(line)
  return /^(HTTP\/|<!DOCTYPE|<html)/i.test(line)
    ? `it answers as a web server (${said})`
    : `it answers with text ("${said}")`
}

/** ApiVersions version 0 (KIP-35): size, API 18, version 0, a number that comes back, no name of a client. */
const number = 0x4d_49_4c_4c
const question = Buffer.from([0, 0, 0, 10, 0, 18, 0, 0, 0x4d, 0x49, 0x4c, 0x4c, 0xff, 0xff])
const patienceMs = 1000
const rememberedMs = 60_000

const anyTls = {
  includeProtocols: [],
  excludeProtocols: [],
  includeCipherSuites: [],
  excludeCipherSuites: [],
}

/** One address; whoever answers there is asked once a minute at most. */
export class UnknownPeer {
  readonly #address: { readonly host: string; readonly port: number }
  readonly #network: Network
  readonly #clock: Clock
  #askedAt = -Infinity
  #answer: string | null = null

  constructor(address: { host: string; port: number }, system: { network: Network; clock: Clock }) {
    this.#address = { ...address, host: withoutBrackets(address.host) }
    this.#network = system.network
    this.#clock = system.clock
  }

  /** A clause about one that closes connections without a word; null where it does so with any. Never rejects. */
  async ask(): Promise<string | null> {
    const now = this.#clock.monotonic()
    if (now - this.#askedAt < rememberedMs) return this.#answer
    this.#askedAt = now
    this.#answer = (await this.#isKafka())
      ? 'a Kafka broker answers there'
      : (await this.#isTls())
        ? speaksTls
        : null
    return this.#answer
  }

  #isKafka(): Promise<boolean> {
    return this.#tried(
      stream =>
        new Promise(resolve => {
          let answer: Buffer = Buffer.alloc(0)
          stream.on('close', () => resolve(false))
          stream.on('data', (chunk: Buffer) => {
            answer = Buffer.concat([answer, chunk])
            if (answer.length >= 8) resolve(answer.readInt32BE(4) === number)
          })
          stream.write(question)
        }),
    )
  }

  #isTls(): Promise<boolean> {
    const settings = {
      context: createTlsContext({ policy: anyTls }),
      verifiesCertificate: false,
      verifiesHost: false,
    }
    return this.#tried((stream, signal) =>
      secureClient(stream, this.#address, settings, signal).then(
        () => true,
        // One that wants a certificate of ours, or another version, says so in TLS.
        (error: Fault) => /ALERT/i.test((error.cause as NodeJS.ErrnoException | undefined)?.code ?? ''),
      ),
    )
  }

  /** False where nothing comes in time. */
  async #tried(look: (stream: Duplex, signal: AbortSignal) => Promise<boolean>): Promise<boolean> {
    const over = new AbortController()
    const timer = this.#clock.after(patienceMs, () => over.abort(), { background: true })
    const isOver = new Promise<boolean>(resolve => {
      over.signal.addEventListener('abort', () => resolve(false), { once: true })
    })
    try {
      const { stream } = await this.#network.connect({ ...this.#address, timeoutMs: patienceMs })
      stream.on('error', () => {})
      const found = await Promise.race([look(stream, over.signal), isOver])
      stream.destroy()
      return found
    } catch {
      return false
    } finally {
      timer.cancel()
    }
  }
}
