// What the HTTP source makes of a request: the three handlers Flume brings along.
//
//   JSONHandler   a JSON array of {"headers": {"name": "value"}, "body": "text"}, both parts optional
//   BLOBHandler   the whole body is one event, query and form parameters are its headers
//   BlobHandler   the same, cut at maxBlobLength
import { Event, type Headers } from '../../event.ts'
import { maxHeaders } from '../../wire/avro/flume-event.ts'
import { elementsOf, NoArray, NoText } from './json-array.ts'
import { findCharset, type Charset } from '../../java/java-charset.ts'

export interface HttpRequest {
  /** The path with its query, as the request line has it. */
  readonly target: string
  readonly contentType: string
  readonly body: Buffer
}

/** The events of a request. Rejects with BadRequest for status 400, TooMany for 413, anything else for 500. */
export type Handler = (request: HttpRequest) => Promise<Event[]>

/** The client sent what cannot be read. The message goes to the client only where it quotes the request. */
export class BadRequest extends Error {
  override name = 'BadRequest'
  /** What the log may hold of it. */
  readonly loggable: string

  constructor(message: string, loggable = message) {
    super(message)
    this.loggable = loggable
  }
}

/** More than is allowed. */
export class TooMany extends Error {
  override name = 'TooMany'
}

export interface HandlerOptions {
  readonly maxEvents: number
  /** Called behind each so many events, at most: resolves when they may be held. */
  made(events: number): Promise<void>
  nextTurn(): Promise<void>
  readonly mandatoryParameters: readonly string[]
  readonly maxBlobLength: number
  /** Told when a body is cut. */
  readonly warn: (message: string) => void
}

const makers: Readonly<Record<string, (options: HandlerOptions) => Handler>> = {
  'org.apache.flume.source.http.jsonhandler': options => request => readJson(request, options),
  'org.apache.flume.source.http.blobhandler':
    ({ mandatoryParameters }) =>
    async request => {
      const headers = parametersOf(request)
      for (const name of mandatoryParameters)
        if (!headers.has(name)) throw new Error(`Please specify ${name} parameter in the request.`)
      return [Event.of(headers, request.body)]
    },
  'org.apache.flume.sink.solr.morphline.blobhandler':
    ({ maxBlobLength, warn }) =>
    async request => {
      if (request.body.length > maxBlobLength)
        warn(
          `a request of ${request.body.length} bytes is cut to handler.maxBlobLength = ${maxBlobLength} bytes`,
        )
      return [Event.of(parametersOf(request), request.body.subarray(0, maxBlobLength))]
    },
}

export const handlerNames: readonly string[] = [
  'org.apache.flume.source.http.JSONHandler',
  'org.apache.flume.source.http.BLOBHandler',
  'org.apache.flume.sink.solr.morphline.BlobHandler',
]

/** The handler of this class name, or undefined where there is none. */
export function makeHandler(name: string, options: HandlerOptions): Handler | undefined {
  const known = name.toLowerCase()
  return Object.hasOwn(makers, known) ? makers[known]!(options) : undefined
}

// ------------------------------------------------------------------------------------ parameters

/** As Jetty: form parameters are looked for in bodies up to this size. */
const maxFormBytes = 200_000

function parametersOf({ target, contentType, body }: HttpRequest): Headers {
  const headers: Headers = new Map()
  const query = target.indexOf('?')
  const texts = query < 0 ? [] : [target.slice(query + 1)]
  if (
    contentType.toLowerCase().startsWith('application/x-www-form-urlencoded') &&
    body.length <= maxFormBytes
  )
    texts.push(body.toString('utf8'))
  for (const text of texts)
    for (const [name, value] of new URLSearchParams(text))
      if (!headers.has(name)) {
        if (headers.size === maxHeaders)
          throw new BadRequest(`There are more than the ${maxHeaders} parameters allowed.`)
        headers.set(name, value)
      }
  return headers
}

// ------------------------------------------------------------------------------------------ JSON

/** Event by event, so that neither the time it takes nor what is held beside the events depends on how many there are. */
async function readJson(
  { contentType, body }: HttpRequest,
  { maxEvents, nextTurn, made }: HandlerOptions,
): Promise<Event[]> {
  const charset = charsetOf(contentType)
  if (charset.name !== 'UTF-8' && body.length > maxEventBytes)
    throw new TooMany(`A body of ${charset.name} has ${maxEventBytes} bytes at most: use utf-8.`)
  const text = withoutMark(charset.name === 'UTF-8' ? body : Buffer.from(charset.decode(body)))
  const events: Event[] = []
  try {
    for (const element of elementsOf(text)) {
      if (element !== null) {
        if (events.length === maxEvents)
          throw new TooMany(`The request has more than maxRequestEvents = ${maxEvents} events.`)
        // The names of body and headers are no headers.
        if (element.names > maxHeaders + 2)
          throw new BadRequest(`An event has more than the ${maxHeaders} headers allowed.`)
        if (element.text.length > maxEventBytes)
          throw new TooMany(
            `An event of JSON has ${maxEventBytes} bytes at most: send a larger one to a source with handler = BLOBHandler.`,
          )
        events.push(parseEvent(element.text.toString(), charset))
      }
      if (element === null || events.length % eventsInTurn === 0) {
        await made(eventsInTurn)
        await nextTurn()
      }
    }
  } catch (error) {
    if (error instanceof NoText) throw new Error('The request has no body.', { cause: error })
    if (!(error instanceof NoArray)) throw error
    throw new BadRequest(`Request has invalid JSON Syntax. ${error.message}`)
  }
  return events
}

/** So many events are parsed in one turn of the event loop. */
const eventsInTurn = 5000
/** Of one event as JSON, which is parsed in one turn, and of texts that are decoded in one. */
const maxEventBytes = 16_777_216
const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf])
const withoutMark = (text: Buffer): Buffer =>
  text.subarray(0, 3).equals(byteOrderMark) ? text.subarray(3) : text

function parseEvent(text: string, charset: Charset): Event {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    const syntax = 'Request has invalid JSON Syntax.'
    // The engine's words quote the text.
    throw new BadRequest(`${syntax} ${(error as Error).message}`, syntax)
  }
  try {
    return eventOf(value, charset)
  } catch (error) {
    if (!(error instanceof NumberFound)) throw error
    return eventOf(JSON.parse(text, keepNumberText as never), charset)
  }
}

/** A number stands where text belongs: it is taken as it was written ("1.0", "1e5"), which parsing loses. */
class NumberFound extends Error {}

function keepNumberText(_key: string, value: unknown, context: { source: string }): unknown {
  return typeof value === 'number' ? context.source : value
}

function eventOf(value: unknown, charset: Charset): Event {
  if (!isObject(value)) throw new BadRequest('Request has invalid JSON Syntax. An event is an object.')
  const headers: Headers = new Map()
  const { headers: given, body } = value
  if (given !== undefined && given !== null) {
    if (!isObject(given)) throw new BadRequest('Request has invalid JSON Syntax. headers is an object.')
    for (const [name, content] of Object.entries(given)) {
      const text = textOf(content)
      if (text !== null) headers.set(name, text)
    }
  }
  const text = textOf(body)
  return Event.of(headers, text === null ? Buffer.alloc(0) : charset.encode(text))
}

function textOf(value: unknown): string | null {
  if (typeof value === 'string') return value
  if (value === undefined || value === null) return null
  if (typeof value === 'boolean') return String(value)
  if (typeof value === 'number') throw new NumberFound()
  throw new BadRequest('Request has invalid JSON Syntax. Header values and bodies are text.')
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function charsetOf(contentType: string): Charset {
  const name = /;\s*charset\s*=\s*"?([^\s;"]+)"?/i.exec(contentType)?.[1] ?? 'utf-8'
  const charset = /^utf-(8|16|32)$/i.test(name) ? findCharset(name) : undefined
  if (charset === undefined)
    throw new Error(`The character set ${name} is not supported: use utf-8, utf-16 or utf-32.`)
  return charset
}
