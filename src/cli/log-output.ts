// The log of a process, in the two forms that -Dflume.root.logger=LEVEL,WHERE asks for: `console` (standard
// error, as log4j's console appender does) and `LOGFILE`.
//
//   2026-11-23 01:02:03,456 (k1) [INFO - millrace.k1] Component type: SINK, name: k1 started
//
// the pattern of Flume's own log, %d (%t) [%p - %l] %m%n: where a thread and a line of Java would stand,
// the component stands.
import { mkdirSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf } from '../errors.ts'
import type { Logger } from '../observe/log.ts'

/** From the most urgent on; a log of one level prints those before it too. */
const words = ['OFF', 'FATAL', 'ERROR', 'WARN', 'INFO', 'DEBUG', 'TRACE', 'ALL'] as const
type Level = (typeof words)[number]
const rankOf = (level: Level): number => words.indexOf(level)

export interface LogOutput {
  readonly log: Logger
  /** What was wrong with flume.root.logger, one sentence each. */
  readonly complaints: readonly string[]
}

/** The log as the properties ask: flume.root.logger (INFO,console where absent), flume.log.dir, flume.log.file. */
export function openLog(properties: ReadonlyMap<string, string>): LogOutput {
  const complaints: string[] = []
  const [levelWord = '', ...places] = (properties.get('flume.root.logger') ?? 'INFO,console')
    .split(',')
    .map(word => word.trim())
  let level = words.find(word => word === levelWord.toUpperCase())
  if (level === undefined) {
    complaints.push(
      `flume.root.logger: "${levelWord}" is not a level; INFO is used. Write one of: ${words.toReversed().join(', ')}`,
    )
    level = 'INFO'
  }
  const sinks: ((text: string) => void)[] = []
  for (const place of places.length === 0 ? ['console'] : places)
    switch (place.toLowerCase()) {
      case 'console':
        sinks.push(text => void process.stderr.write(text))
        break
      case 'logfile':
      case 'daily': {
        const directory = properties.get('flume.log.dir') ?? './logs'
        const path = join(directory, properties.get('flume.log.file') ?? 'flume.log')
        sinks.push(fileSink(directory, path))
        break
      }
      default:
        complaints.push(`flume.root.logger: "${place}" is not known; write console or LOGFILE`)
    }
  if (sinks.length === 0) sinks.push(text => void process.stderr.write(text))
  const rank = rankOf(level)
  const write = (word: Level, name: string, message: string, detail: string | undefined) => {
    const text = `${stamp(Date.now())} (${name}) [${word} - millrace.${name}] ${message}${detail === undefined ? '' : `\n${detail}`}\n`
    for (const sink of sinks) sink(text)
  }
  return { log: new LineLogger({ rank, write }, 'main'), complaints }
}

/** Appends to the file. Written at once: what a process says last is what is wanted most. */
function fileSink(directory: string, path: string): (text: string) => void {
  try {
    mkdirSync(directory, { recursive: true })
    const fd = openSync(path, 'a')
    let complained = false
    return text => {
      try {
        writeSync(fd, text)
        complained = false
      } catch (error) {
        if (!complained) process.stderr.write(`cannot write the log ${path}: ${messageOf(error)}\n`)
        complained = true
      }
    }
  } catch (error) {
    throw new Error(
      `cannot write the log ${path}: ${messageOf(error)}; see -Dflume.log.dir and -Dflume.log.file`,
      { cause: error },
    )
  }
}

/** Local time as log4j's %d prints it. */
function stamp(ms: number): string {
  const date = new Date(ms)
  const two = (value: number) => String(value).padStart(2, '0')
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
  return `${day} ${time},${String(date.getMilliseconds()).padStart(3, '0')}`
}

interface Lines {
  readonly rank: number
  write(word: Level, name: string, message: string, detail: string | undefined): void
}

class LineLogger implements Logger {
  readonly #lines: Lines
  readonly #name: string

  constructor(lines: Lines, name: string) {
    this.#lines = lines
    this.#name = name
  }

  get debugs(): boolean {
    return this.#lines.rank >= rankOf('DEBUG')
  }

  error(message: string, cause?: unknown): void {
    this.#print('ERROR', withCause(message, cause), cause)
  }

  warn(message: string, cause?: unknown): void {
    this.#print('WARN', withCause(message, cause), cause)
  }

  info(message: string): void {
    this.#print('INFO', message)
  }

  debug(message: string): void {
    this.#print('DEBUG', message)
  }

  child(name: string): Logger {
    return new LineLogger(this.#lines, name)
  }

  /** The stack at DEBUG only: a user reads the message. */
  #print(word: Level, message: string, cause?: unknown): void {
    if (this.#lines.rank < rankOf(word)) return
    const detail = this.debugs && cause instanceof Error ? cause.stack : undefined
    this.#lines.write(word, this.#name, message, detail)
  }
}

function withCause(message: string, cause: unknown): string {
  return cause === undefined ? message : `${message}: ${messageOf(cause)}`
}
