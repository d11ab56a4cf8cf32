// Dead letters: a file for events that can never be delivered, with what is needed to know why and to send
// them again. JSON Lines in UTF-8, one object an event, only ever appended to:
//
//   {"time":"2026-01-31T12:00:00.000Z",    when it was set aside
//    "agent":"a1","component":"k1",        by whom
//    "code":"UNDELIVERABLE",               as in the reference of errors
//    "reason":"broker:9092 refuses …",     one sentence
//    "headers":{"topic":"t"},              of the event
//    "body":"aGVsbG8="}                    of the event, base64
//
// An event with more headers than are allowed, or with a megabyte of them, has, instead of the last two, "encoded": its
// Avro bytes, base64. What is left out where it is (a record that is too large for the Kafka source) has "headers" alone,
// which name the place. Without the line breaks inside. The file is opened for each call, so that it may be moved away at any
// time. A line that was cut off by a crash is followed by a line of its own; its event comes again.
import { dirname } from 'node:path'
import { pathOf, type Outside, type Say } from './component.ts'
import { diskFault, type Fault } from './errors.ts'
import { Event, TooManyHeaders } from './event.ts'
import type { Clock } from './system/clock.ts'
import type { Disk, DiskFile } from './system/disk.ts'

export interface DeadLetterParts {
  readonly path: string
  readonly agent: string
  readonly component: string
  readonly disk: Disk
  readonly clock: Clock
}

export class DeadLetterFile {
  readonly #parts: DeadLetterParts
  /** One write after the other. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(parts: DeadLetterParts) {
    this.#parts = parts
  }

  /** Durable when resolved. Rejects with DISK or DISK_FULL; part of the events may be in the file then. */
  keep(events: readonly Event[], reason: Fault): Promise<void> {
    return this.#write(this.#linesOf(events, reason))
  }

  /** The same for something whose bytes are not kept: `headers` say where it is. */
  keepPlace(headers: Readonly<Record<string, string>>, reason: Fault): Promise<void> {
    return this.#write([Buffer.from(`${this.#beginningOf(reason)}"headers":${jsonOf(headers)}}\n`)])
  }

  #write(pieces: Iterable<Buffer>): Promise<void> {
    const kept = this.#last.then(() => this.#append(pieces))
    this.#last = kept.catch(() => {})
    return kept
  }

  /** In pieces of a megabyte or so, each made when the one before has been written. */
  *#linesOf(events: readonly Event[], reason: Fault): Generator<Buffer> {
    let lines = ''
    for (const event of events) {
      const { headers, name, bytes } = contentOf(event)
      lines += `${this.#beginningOf(reason)}${headers}"${name}":"`
      for (let at = 0; at < bytes.length; at += pieceBytes) {
        lines += bytes.toString('base64', at, at + pieceBytes)
        if (lines.length < pieceBytes) continue
        yield Buffer.from(lines)
        lines = ''
      }
      lines += '"}\n'
    }
    yield Buffer.from(lines)
  }

  /** Without the brace at the end, and with a comma. */
  #beginningOf({ code, message }: Fault): string {
    const { agent, component, clock } = this.#parts
    const time = new Date(clock.now()).toISOString()
    return `${jsonOf({ time, agent, component, code, reason: message }).slice(0, -1)},`
  }

  async #append(pieces: Iterable<Buffer>): Promise<void> {
    const { path, disk } = this.#parts
    try {
      const isNew = !(await disk.exists(path))
      if (isNew) await disk.makeDirectory(dirname(path))
      const file = await disk.open(path, 'append')
      try {
        let size = await file.size()
        const last = Buffer.alloc(1)
        const isTorn = size > 0 && (await file.read(last, size - 1)) === 1 && last[0] !== 0x0a
        if (isTorn) size += await writeAt(file, size, Buffer.from('\n'))
        for (const piece of pieces) size += await writeAt(file, size, piece)
        await file.sync()
      } finally {
        await file.close()
      }
      if (isNew) await disk.syncDirectory(dirname(path))
    } catch (error) {
      throw diskFault(
        `events that cannot be delivered could not be written to ${path} (deadLetter.file)`,
        error,
      )
    }
  }
}

async function writeAt(file: DiskFile, at: number, bytes: Buffer): Promise<number> {
  await file.write(bytes, at)
  return bytes.length
}

/** So much is made in one turn of the event loop; a multiple of three, so that base64 of pieces can be joined. */
const pieceBytes = 786_432

/** What stands before the last field, and that field. */
function contentOf(event: Event): { headers: string; name: 'body' | 'encoded'; bytes: Buffer } {
  const encoded = { headers: '', name: 'encoded', bytes: event.encoded } as const
  try {
    if (event.size - event.body.length > pieceBytes) return encoded
    const headers = `"headers":${jsonOf(Object.fromEntries(event.headers))},`
    return { headers, name: 'body', bytes: event.body }
  } catch (error) {
    if (!(error instanceof TooManyHeaders)) throw error
    return encoded
  }
}

/** Both are line breaks to some readers. */
const jsonOf = (value: object): string =>
  JSON.stringify(value).replace(/[\u2028\u2029]/g, mark => (mark === '\u2028' ? '\\u2028' : '\\u2029'))

/** The event of a line; null where the line holds none (cut off by a crash, or another file). */
export function readDeadLetter(line: string): Event | null {
  let letter: unknown
  try {
    letter = JSON.parse(line)
  } catch {
    return null
  }
  const { headers, body, encoded } = (letter ?? {}) as Record<string, unknown>
  if (typeof encoded === 'string') return Event.fromEncoded(Buffer.from(encoded, 'base64'))
  if (typeof headers !== 'object' || headers === null || typeof body !== 'string') return null
  const pairs = Object.entries(headers as Record<string, unknown>)
  if (pairs.some(([, value]) => typeof value !== 'string')) return null
  return Event.of(new Map(pairs as [string, string][]), Buffer.from(body, 'base64'))
}

/** Says where letters could not be kept; `file` is the option deadLetter.file as written. */
export async function examineDeadLetters(
  file: string | undefined,
  say: Say,
  { system, home }: Outside,
): Promise<void> {
  if (file === undefined) return
  const obstacle = (await system.disk.obstacleAt?.(pathOf(file, home), 'written file')) ?? null
  if (obstacle !== null)
    say.error('deadLetter.file', obstacle, 'name a file that the user of the agent may write')
}
