// The json interceptor: what most interceptors of users' own do with JSON bodies. It finds bodies that are no JSON, turns
// fields into headers, reads the event's time from a field, and sets a header by a field's value.
import { isUtf8 } from 'node:buffer'
import { defineInterceptor, type Say } from '../component.ts'
import type { Event } from '../event.ts'
import { choice, flag, int, prefix, text, type OptionsOf } from '../fields.ts'
import { parsePointer, textAt } from './json-pointer.ts'
import type { TimeReader } from '../java/joda-time.ts'
import { timeReader } from './time-format.ts'

/** After so long without an invalid body the log reports that they are over, ms. */
const quietMs = 60_000

const options = {
  invalid: choice(['mark', 'drop', 'keep', 'divert'], {
    doc: 'What happens to an event whose body is not valid: `mark` sets `invalidHeader` to the reason, `drop` discards the event, `keep` passes it on as it is, `divert` marks it and sets `divertHeader` to `divertTo`.',
    default: 'mark',
  }),
  invalidHeader: text({ doc: 'Header for the reason.', default: 'json.invalid' }),
  divertHeader: text({
    doc: 'Header that decides where diverted events go: the topic of a Kafka sink, or the header of a multiplexing selector.',
    default: 'topic',
  }),
  divertTo: text({ doc: 'Value of `divertHeader` for diverted events; `divert` needs it.' }),
  objectsOnly: flag({
    doc: 'Only an object (`{…}`) is valid; otherwise arrays, texts, numbers, true, false and null are valid as well.',
    default: false,
  }),
  maxBodyBytes: int({
    doc: 'A larger body is not read and counts as invalid. Reading 1 MiB takes about 10 ms, in which the agent does nothing else.',
    unit: 'bytes',
    default: 1_048_576,
    min: 1,
    max: 268_435_456,
  }),
  headers: prefix({
    doc: '`headers.<header>` is the JSON Pointer of the field that becomes this header.',
    example: '/user/id',
  }),
  mappings: prefix({
    doc: "`mappings.<header>.<value>` is the header's value where the field has this value; `*` is any other value.",
  }),
  defaults: prefix({
    doc: "`defaults.<header>` is the header's value where the field is missing, null, or has a value that `mappings` do not have.",
  }),
  timestampField: text({ doc: "JSON Pointer of the field that has the event's time.", example: '/ts' }),
  timestampFormat: text({
    doc: '`epoch_ms`, `epoch_s`, `epoch_us`, `epoch_ns`, `iso8601`, or a pattern such as `yyyy-MM-dd HH:mm:ss`.',
    default: 'epoch_ms',
  }),
  timestampZone: text({
    doc: "Time zone of times that name none, such as `Europe/Berlin`; the agent's where absent.",
  }),
  timestampHeader: text({
    doc: 'Header for the time, in milliseconds since 1970.',
    default: 'timestamp',
  }),
}

type Options = OptionsOf<typeof options>

interface HeaderPlan {
  readonly header: string
  readonly steps: readonly string[]
  /** Values of the header by values of the field; null where the field's own is taken. */
  readonly mapping: ReadonlyMap<string, string> | null
  readonly fallback: string | undefined
}

interface Plan {
  readonly headers: readonly HeaderPlan[]
  readonly time: { readonly steps: readonly string[]; readonly read: TimeReader } | null
}

/** What the options ask for at `now` (ms); what is wrong with them goes to `say`. */
function planOf(given: Options, now: number, say: Say): Plan {
  const stepsOf = (key: string, pointer: string): readonly string[] => {
    const parsed = parsePointer(pointer.trim())
    if ('steps' in parsed) return parsed.steps
    say.error(
      key,
      parsed.problem,
      `write a pointer, e.g. /${pointer
        .trim()
        .replaceAll(/^\$?\.|~/g, '')
        .replaceAll('.', '/')}`,
    )
    return []
  }
  const mappings = new Map<string, Map<string, string>>()
  const names = Object.keys(given.headers)
  for (const [key, value] of Object.entries(given.mappings)) {
    // Names of headers may have dots: the longest that there is counts.
    const header = names.filter(name => key.startsWith(`${name}.`)).sort((a, b) => b.length - a.length)[0]
    if (header === undefined)
      say.error(
        `mappings.${key}`,
        'is for a header that no headers.<header> sets',
        'write headers.<header> with the pointer of the field, and begin the mapping with that header',
      )
    else {
      const own = mappings.get(header) ?? new Map<string, string>()
      mappings.set(header, own.set(key.slice(header.length + 1), value))
    }
  }
  for (const header of Object.keys(given.defaults))
    if (!names.includes(header))
      say.error(
        `defaults.${header}`,
        'is for a header that no headers.<header> sets',
        `write headers.${header} with the pointer of the field, or use the interceptor static`,
      )
  const headers = Object.entries(given.headers).map(([header, pointer]) => ({
    header,
    steps: stepsOf(`headers.${header}`, pointer),
    mapping: mappings.get(header) ?? null,
    fallback: given.defaults[header],
  }))
  return { headers, time: timeOf(given, now, say, stepsOf) }
}

function timeOf(
  { timestampField, timestampFormat, timestampZone }: Options,
  now: number,
  say: Say,
  stepsOf: (key: string, pointer: string) => readonly string[],
): Plan['time'] {
  if (timestampField === undefined) return null
  const steps = stepsOf('timestampField', timestampField)
  let reader: ReturnType<typeof timeReader>
  try {
    reader = timeReader(timestampFormat.trim(), timestampZone?.trim(), now)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    say.error('timestampZone', `there is no time zone ${timestampZone}`, 'write a name such as Europe/Berlin')
    return null
  }
  if ('read' in reader) return { steps, read: reader.read }
  say.error(
    'timestampFormat',
    `"${timestampFormat}" is no pattern: ${reader.problem}`,
    'write epoch_ms, epoch_s, epoch_us, epoch_ns, iso8601, or a pattern of the letters G y M d E H h K k a m s S z Z X w D, with other text in quotes',
  )
  return null
}

export const jsonInterceptor = defineInterceptor({
  type: 'json',
  aliases: [],
  summary:
    "Reads JSON bodies: finds those that are not valid, and sets headers and the event's time from fields.",
  description: `Flume has no such interceptor; it does what many interceptors of users' own do
([Java classes](../guides/java-classes.md)). The body is not changed.

\`\`\`properties
a1.sources.r1.interceptors = i1
a1.sources.r1.interceptors.i1.type = json
a1.sources.r1.interceptors.i1.invalid = drop
a1.sources.r1.interceptors.i1.timestampField = /ts
a1.sources.r1.interceptors.i1.timestampFormat = epoch_s
a1.sources.r1.interceptors.i1.headers.user = /user/id
a1.sources.r1.interceptors.i1.headers.topic = /type
a1.sources.r1.interceptors.i1.mappings.topic.start = topic_start
a1.sources.r1.interceptors.i1.mappings.topic.event = topic_event
a1.sources.r1.interceptors.i1.defaults.topic = topic_other
\`\`\`

**Valid** is one JSON value (RFC 8259) in UTF-8, with blanks around it or not, behind a byte order mark or not. The reason
for an invalid body is one of \`empty\`, \`too large\`, \`not UTF-8\`, \`not JSON\` and \`not an object\`. An invalid event gets
no other header. The log has a warning while there are such events.

**Fields** are named by JSON Pointer (RFC 6901): \`/user/id\`, \`/items/0\`; a key's \`/\` is written \`~1\`, its \`~\` is written
\`~0\`. A text becomes the header as it is. Numbers are taken as they are written, so that \`12345678901234567890\` and \`1.10\`
stay exact; so are arrays and objects. Of equal keys in one object the last counts. Where the field is missing or null, the
header stays as it was, unless \`defaults\` has a value.

**Mappings** compare the field's text with regard to case. A value that is not mapped takes the value of \`*\`, then that of
\`defaults\`; without both, the header stays as it was. To choose by whether a field is there at all, write \`*\` and
\`defaults\`.

**Times** may be texts or numbers. A time that cannot be read sets no header, which the log reports; the header then stays as
it was, so that the \`timestamp\` interceptor before this one gives such events the time of their arrival. A pattern has the
letters of Joda-Time, in which \`y M d H m s S\` mean what they mean in Java's SimpleDateFormat, and \`X\` for an offset such as
\`+01:00\` or \`Z\`. The text must fit the pattern from its beginning to its end. A time that occurs twice, because clocks are
put back, is the earlier one; a time that clocks leave out cannot be read. In \`iso8601\` the time of day and the zone may be
left out.`,
  options,
  check(given, say) {
    const { headers, timestampField, invalid, divertTo } = given
    planOf(given, 0, say)
    if (invalid === 'divert' && divertTo === undefined)
      say.error('divertTo', 'is required with invalid = divert', 'write where diverted events go')
    if (invalid !== 'divert' && divertTo !== undefined)
      say.warning(
        'divertTo',
        'has no effect without invalid = divert',
        'write invalid = divert, or remove it',
      )
    if (invalid === 'keep' && timestampField === undefined && Object.keys(headers).length === 0)
      say.warning(
        'type',
        'this interceptor changes nothing',
        'write headers.<header>, timestampField or invalid',
      )
  },
  flow({ headers, timestampField, timestampHeader, invalid, invalidHeader, divertHeader }) {
    const names = [
      ...Object.keys(headers),
      ...(timestampField === undefined ? [] : [timestampHeader]),
      ...(invalid === 'mark' || invalid === 'divert' ? [invalidHeader] : []),
      ...(invalid === 'divert' ? [divertHeader] : []),
    ]
    return names.map(header => ({ does: 'set-header', header, value: null, overwrite: true }))
  },
  create(given, { name, system: { clock }, condition }) {
    const refuse = (key: string, problem: string) => {
      throw new Error(`${key} ${problem}`)
    }
    const { headers, time } = planOf(given, clock.now(), { error: refuse, warning: () => {} })
    const {
      invalid,
      invalidHeader,
      divertHeader,
      divertTo = '',
      objectsOnly,
      maxBodyBytes,
      timestampHeader,
    } = given
    const quiet = { level: 'warn', isRed: false } as const
    const noJson = condition('json', quiet)
    const noTime = condition('timestampField', quiet)
    let lastInvalid = 0
    let lastUntimed = 0
    const fate = {
      drop: 'discards such events',
      keep: 'passes such events on as they are',
      mark: `sets the header ${invalidHeader} of such events`,
      divert: `sets the header ${divertHeader} of such events to ${divertTo}`,
    }[invalid]

    /** The text and what it stands for, or why it is invalid. */
    function read({ body }: Event): { text: string; value: unknown } | string {
      if (body.length > maxBodyBytes) return 'too large'
      if (body.length === 0) return 'empty'
      if (!isUtf8(body)) return 'not UTF-8'
      const whole = body.toString('utf8')
      const text = whole.startsWith('\uFEFF') ? whole.slice(1) : whole
      let value: unknown
      try {
        value = JSON.parse(text)
      } catch {
        return text.trim() === '' ? 'empty' : 'not JSON'
      }
      const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
      return objectsOnly && !isObject ? 'not an object' : { text, value }
    }

    function setTime(event: Event, found: string | undefined): void {
      const ms = found === undefined ? null : time!.read(found)
      if (ms !== null) {
        event.setHeader(timestampHeader, ms)
        if (noTime.isRaised && clock.monotonic() - lastUntimed > quietMs)
          noTime.clear(`interceptor ${name}: times can be read again`)
        return
      }
      lastUntimed = clock.monotonic()
      noTime.raise(
        `interceptor ${name}: the time at ${given.timestampField} ${found === undefined ? 'is missing' : 'does not fit timestampFormat'}, and such events go on without a new header ${timestampHeader}`,
        {
          remedy:
            'Correct timestampField and timestampFormat, or place the interceptor timestamp before this one.',
        },
      )
    }

    return {
      intercept(event) {
        const found = read(event)
        if (typeof found === 'string') {
          lastInvalid = clock.monotonic()
          noJson.raise(`interceptor ${name}: a body is ${found}; the interceptor ${fate}`, {
            remedy: 'Correct the sender, or the option invalid.',
          })
          if (invalid === 'drop') return null
          if (invalid !== 'keep') event.setHeader(invalidHeader, found)
          if (invalid === 'divert') event.setHeader(divertHeader, divertTo)
          return event
        }
        if (noJson.isRaised && clock.monotonic() - lastInvalid > quietMs)
          noJson.clear(`interceptor ${name}: bodies are valid again`)
        for (const { header, steps, mapping, fallback } of headers) {
          const field = textAt(found.text, found.value, steps)
          const mapped =
            mapping === null || field === undefined ? field : (mapping.get(field) ?? mapping.get('*'))
          const value = mapped ?? fallback
          if (value !== undefined) event.setHeader(header, value.toWellFormed())
        }
        if (time !== null) setTime(event, textAt(found.text, found.value, time.steps))
        return event
      },
    }
  },
})
