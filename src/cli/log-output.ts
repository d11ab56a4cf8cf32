// The log of a process: pino underneath, and on top the two forms that -Dflume.root.logger=LEVEL,WHERE
// asks for: `console` (standard error, as log4j's console appender does) and `LOGFILE`.
//
//   2026-11-23 01:02:03,456 (k1) [INFO - millrace.k1] Component type: SINK, name: k1 started
//
// the pattern of Flume's own log, %d (%t) [%p - %l] %m%n: where a thread and a line of Java would stand,
// the component stands. With -Dflume.log.format=json each line is an object:
//
//   {"time":"2026-11-23T01:02:03.456Z","level":"INFO","component":"k1","message":"Component type: …","lines":["…"]}
//
// `lines` has what the pattern prints below the message: a stack at DEBUG, the dump of an event.
import { closeSync, existsSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { pino, type Logger as Pino } from 'pino'
import type { Problem } from '../config/problem.ts'
import { messageOf } from '../errors.ts'
import type { Logger } from '../observe/log.ts'
import { countOf, printable } from '../printable.ts'
import { isUnread } from './output.ts'

const levels: Record<string, string> = {
  ALL: 'trace',
  TRACE: 'trace',
  DEBUG: 'debug',
  INFO: 'info',
  WARN: 'warn',
  ERROR: 'error',
  FATAL: 'fatal',
  OFF: 'silent',
}

export interface LogOutput {
  readonly log: Logger
  /** Opens the log's file again under its name, for who moves or removes files of a log that is written. */
  reopen(): void
}

interface LogSink {
  write(text: string): void
  reopen?(): void
}

export interface LogSettings {
  /** pino's name of the least level. */
  readonly level: string
  readonly isJson: boolean
  readonly isOnConsole: boolean
  /** null: no file. */
  readonly file: { readonly directory: string; readonly path: string } | null
  readonly problems: readonly Problem[]
}

/**
 * The log as the properties ask: flume.root.logger (INFO,console where absent), flume.log.dir, flume.log.file,
 * flume.log.format (pattern where absent).
 */
export function readLogSettings(properties: ReadonlyMap<string, string>): LogSettings {
  const problems: Problem[] = []
  const complain = (problem: string, fix: string, key = 'flume.root.logger') =>
    void problems.push({ severity: 'warning', problem: `${key}: ${problem}`, fix })
  const [levelWord = '', ...places] = (properties.get('flume.root.logger') ?? 'INFO,console')
    .split(',')
    .map(word => word.trim())
  let level = levels[levelWord.toUpperCase()]
  if (level === undefined) {
    complain(`"${levelWord}" is not a level; INFO is used`, `write one of: ${Object.keys(levels).join(', ')}`)
    level = 'info'
  }
  const isFile = (place: string) => /^(logfile|daily)$/i.test(place)
  const isConsole = (place: string) => /^console$/i.test(place)
  for (const place of places)
    if (!isFile(place) && !isConsole(place)) complain(`"${place}" is not known`, 'write console or LOGFILE')
  const shape = (properties.get('flume.log.format') ?? 'pattern').trim()
  const isJson = /^json$/i.test(shape)
  if (!isJson && !/^pattern$/i.test(shape))
    complain(`"${shape}" is not a format; pattern is used`, 'write pattern or json', 'flume.log.format')
  const directory = properties.get('flume.log.dir') ?? './logs'
  const hasFile = places.some(isFile)
  return {
    level,
    isJson,
    isOnConsole: places.some(isConsole) || !hasFile,
    file: hasFile
      ? { directory, path: join(directory, properties.get('flume.log.file') ?? 'flume.log') }
      : null,
    problems,
  }
}

/** Throws where the file cannot be written. */
export function openLog(properties: ReadonlyMap<string, string>): LogOutput {
  const { level, isJson, isOnConsole, file } = readLogSettings(properties)
  const render = isJson ? jsonOf : patternOf
  const sinks: LogSink[] = [
    ...(isOnConsole ? [new ConsoleSink(render)] : []),
    ...(file === null ? [] : [new FileSink(file.directory, file.path)]),
  ]
  const destination = { write: (line: string) => format(line, render, sinks) }
  const root = pino({ level, base: null, timestamp: () => `,"time":${Date.now()}` }, destination)
  const log = new PinoLogger(root, 'main')
  const reopen = (): void => {
    for (const sink of sinks)
      try {
        sink.reopen?.()
      } catch (error) {
        log.error(
          'the log file cannot be reopened, and the process writes on in the old one. Correct the cause, and send SIGHUP again',
          error,
        )
      }
  }
  return { log, reopen }
}

class ConsoleSink implements LogSink {
  readonly #render: Render
  #leftOut = 0

  constructor(render: Render) {
    this.#render = render
  }

  write(text: string): void {
    if (isUnread(process.stderr)) {
      this.#leftOut++
      return
    }
    let note = ''
    if (this.#leftOut > 0) {
      const lines = `${countOf(this.#leftOut, 'line')} of the log ${this.#leftOut === 1 ? 'is' : 'are'} discarded here, because standard error was not read`
      note = this.#render(Date.now(), 'WARN', 'main', [lines])
      this.#leftOut = 0
    }
    process.stderr.write(note + text)
  }
}

/** Not by `recursive`: Node 24 never comes back where a parent is there and nothing can be made in it, as in /proc. */
function makeDirectories(directory: string): void {
  if (existsSync(directory)) return
  makeDirectories(dirname(directory))
  mkdirSync(directory)
}

/** Appends to the file. Written at once: what a process says last is what is wanted most. */
class FileSink implements LogSink {
  readonly #directory: string
  readonly #path: string
  #fd: number
  #complained = false

  constructor(directory: string, path: string) {
    this.#directory = directory
    this.#path = path
    this.#fd = this.#open()
  }

  #open(): number {
    try {
      makeDirectories(resolve(this.#directory))
      return openSync(this.#path, 'a')
    } catch (error) {
      throw new Error(
        `cannot write the log ${this.#path}: ${messageOf(error)}; see -Dflume.log.dir and -Dflume.log.file`,
        { cause: error },
      )
    }
  }

  write(text: string): void {
    try {
      writeSync(this.#fd, text)
      this.#complained = false
    } catch (error) {
      if (!this.#complained) process.stderr.write(`cannot write the log ${this.#path}: ${messageOf(error)}\n`)
      this.#complained = true
    }
  }

  reopen(): void {
    let fd
    try {
      fd = this.#open()
    } catch (error) {
      // The file it had may be one that nobody finds any more.
      process.stderr.write(`${messageOf(error)}\n`)
      throw error
    }
    closeSync(this.#fd)
    this.#fd = fd
  }
}

function format(line: string, render: Render, sinks: readonly LogSink[]): void {
  const { level, time, msg, name, below } = JSON.parse(line) as {
    level: number
    time: number
    msg: string
    name: string
    below?: string[]
  }
  const word = pino.levels.labels[level]?.toUpperCase() ?? String(level)
  const text = render(time, word, printable(name), [msg, ...(below ?? [])].map(printable))
  for (const sink of sinks) sink.write(text)
}

type Render = (time: number, level: string, name: string, lines: readonly string[]) => string

const patternOf: Render = (time, level, name, [message, ...below]) =>
  [`${stamp(time)} (${name}) [${level} - millrace.${name}] ${message}`, ...below]
    .map(line => `${line}\n`)
    .join('')

const jsonOf: Render = (time, level, name, [message, ...lines]) => {
  const more = lines.length === 0 ? {} : { lines }
  return `${JSON.stringify({ time: new Date(time).toISOString(), level, component: name, message, ...more })}\n`
}

/** Local time as log4j's %d prints it. */
function stamp(ms: number): string {
  const date = new Date(ms)
  const two = (value: number) => String(value).padStart(2, '0')
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
  return `${day} ${time},${String(date.getMilliseconds()).padStart(3, '0')}`
}

class PinoLogger implements Logger {
  readonly #pino: Pino

  constructor(parent: Pino, name: string) {
    this.#pino = parent.child({ name })
    this.#parent = parent
  }
  readonly #parent: Pino

  get debugs(): boolean {
    return this.#pino.isLevelEnabled('debug')
  }

  error(message: string, cause?: unknown): void {
    this.#pino.error(this.#stack(cause), withCause(message, cause))
  }

  warn(message: string, cause?: unknown): void {
    this.#pino.warn(this.#stack(cause), withCause(message, cause))
  }

  info(message: string, below?: readonly string[]): void {
    this.#pino.info({ below }, message)
  }

  debug(message: string): void {
    this.#pino.debug(message)
  }

  child(name: string): Logger {
    return new PinoLogger(this.#parent, name)
  }

  /** The stack at DEBUG only: a user reads the message, which is not said twice. */
  #stack(cause: unknown): object {
    const stack = this.debugs && cause instanceof Error ? cause.stack?.split('\n') : undefined
    return { below: stack?.filter(line => /^ +at /.test(line)) }
  }
}

function withCause(message: string, cause: unknown): string {
  return cause === undefined ? message : `${message}: ${messageOf(cause)}`
}
