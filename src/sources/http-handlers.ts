// What the HTTP source makes of a request: the three handlers Flume brings along.
//
//   JSONHandler   a JSON array of {"headers": {"name": "value"}, "body": "text"}, both parts optional
//   BLOBHandler   the whole body is one event, query and form parameters are its headers
//   BlobHandler   the same, cut at maxBlobLength
import { Event, type Headers } from '../event.ts'
import { findCharset, type Charset } from '../java/java-charset.ts'

export interface HttpRequest {
  /** The path with its query, as the request line has it. */
  readonly target: string
  readonly contentType: string
  readonly body: Buffer
}

/** The events of a request. Throws BadRequest for status 400, anything else for 500. */
export type Handler = (request: HttpRequest) => Event[]

/** The client sent what cannot be read. The message goes to the client only: it may quote the request. */
export class BadRequest extends Error {
  override name = 'BadRequest'
}

export interface HandlerOptions {
  readonly mandatoryParameters: readonly string[]
  readonly maxBlobLength: number
  /** Told when a body is cut. */
  readonly warn: (message: string) => void
}

const makers: Readonly<Record<string, (options: HandlerOptions) => Handler>> = {
  'org.apache.flume.source.http.jsonhandler': () => readJson,
  'org.apache.flume.source.http.blobhandler':
    ({ mandatoryParameters }) =>
    request => {
      const headers = parametersOf(request)
      for (const name of mandatoryParameters)
        if (!headers.has(name)) throw new Error(`Please specify ${name} parameter in the request.`)
      return [Event.of(headers, request.body)]
    },
  'org.apache.flume.sink.solr.morphline.blobhandler':
    ({ maxBlobLength, warn }) =>
    request => {
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
    for (const [name, value] of new URLSearchParams(text)) if (!headers.has(name)) headers.set(name, value)
  return headers
}

// ------------------------------------------------------------------------------------------ JSON

function readJson({ contentType, body }: HttpRequest): Event[] {
  const charset = charsetOf(contentType)
  const text = charset.decode(body).replace(/^\ufeff/, '')
  if (text.trim() === '') throw new Error('The request has no body.')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new BadRequest(`Request has invalid JSON Syntax. ${(error as Error).message}`)
  }
  if (!Array.isArray(value)) throw new BadRequest('Request has invalid JSON Syntax. An array is expected.')
  try {
    return value.map(one => eventOf(one, charset))
  } catch (error) {
    if (!(error instanceof NumberFound)) throw error
    const again = JSON.parse(text, keepNumberText as never) as unknown[]
    return again.map(one => eventOf(one, charset))
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
