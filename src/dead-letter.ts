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
// An event with more headers than are allowed has, instead of the last two, "encoded": its Avro bytes, base64.
// Without the line breaks inside. The file is opened for each call, so that it may be moved away at any
// time. A line that was cut off by a crash is followed by a line of its own; its event comes again.
import { dirname } from 'node:path'
import { pathOf, type Outside, type Say } from './component.ts'
import { diskFault, type Fault } from './errors.ts'
import { Event, TooManyHeaders } from './event.ts'
import type { Clock } from './system/clock.ts'
import type { Disk } from './system/disk.ts'

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
    const bytes = Buffer.from(events.map(event => this.#lineOf(event, reason)).join(''))
    const kept = this.#last.then(() => this.#append(bytes))
    this.#last = kept.catch(() => {})
    return kept
  }

  #lineOf(event: Event, { code, message }: Fault): string {
    const { agent, component, clock } = this.#parts
    const letter = {
      time: new Date(clock.now()).toISOString(),
      agent,
      component,
      code,
      reason: message,
      ...contentOf(event),
    }
    // Both are line breaks to some readers.
    const line = JSON.stringify(letter).replace(/[\u2028\u2029]/g, mark =>
      mark === '\u2028' ? '\\u2028' : '\\u2029',
    )
    return `${line}\n`
  }

  async #append(lines: Buffer): Promise<void> {
    const { path, disk } = this.#parts
    try {
      const isNew = !(await disk.exists(path))
      if (isNew) await disk.makeDirectory(dirname(path))
      const file = await disk.open(path, 'append')
      try {
        const size = await file.size()
        const last = Buffer.alloc(1)
        const isTorn = size > 0 && (await file.read(last, size - 1)) === 1 && last[0] !== 0x0a
        await file.write(isTorn ? Buffer.concat([Buffer.from('\n'), lines]) : lines, size)
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

function contentOf(event: Event): { headers: object; body: string } | { encoded: string } {
  try {
    return { headers: Object.fromEntries(event.headers), body: event.body.toString('base64') }
  } catch (error) {
    if (!(error instanceof TooManyHeaders)) throw error
    return { encoded: event.encoded.toString('base64') }
  }
}

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
