// The regex_extractor interceptor: groups of a pattern found in the body become headers.
import { defineInterceptor, type Say } from '../component.ts'
import type { Event } from '../event.ts'
import { list, prefix, regex } from '../fields.ts'
import { compileJodaPattern } from '../java/joda-time.ts'

const flume = 'org.apache.flume.interceptor.'
const passThrough = ['default', `${flume}RegexExtractorInterceptorPassThroughSerializer`.toLowerCase()]
const millis = ['millis', `${flume}RegexExtractorInterceptorMillisSerializer`.toLowerCase()]

/** The header's value made of a group's text; null where it cannot be. */
type Serialize = (text: string) => string | null

/** Puts one serializer together from `serializers.<name>.*` at `now` (ms); reports what is wrong by `wrong`. */
function serializerOf(
  settings: Readonly<Record<string, string>>,
  name: string,
  now: number,
  wrong: (key: string, problem: string, fix: string) => void,
): { header: string; serialize: Serialize } | undefined {
  const key = (part: string) => `serializers.${name}.${part}`
  const header = settings[`${name}.name`]?.trim() ?? ''
  if (header === '') {
    wrong(key('name'), 'is missing', 'write the name of the header for this group')
    return undefined
  }
  const type = (settings[`${name}.type`] ?? 'DEFAULT').trim()
  if (passThrough.includes(type.toLowerCase())) return { header, serialize: text => text }
  if (!millis.includes(type.toLowerCase())) {
    const words = `DEFAULT or ${flume}RegexExtractorInterceptorMillisSerializer`
    wrong(key('type'), `there is no serializer "${type}"`, `write ${words}`)
    return undefined
  }
  const pattern = settings[`${name}.pattern`]?.trim() ?? ''
  if (pattern === '') {
    wrong(key('pattern'), 'is missing', 'write how the time looks, e.g. yyyy-MM-dd HH:mm:ss')
    return undefined
  }
  const compiled = compileJodaPattern(pattern, now)
  if ('problem' in compiled) {
    wrong(
      key('pattern'),
      `Joda-Time does not take "${pattern}": ${compiled.problem}`,
      'use the letters G C x w e E y Y D M d a K h H k m s S z Z, and put other text in quotes',
    )
    return undefined
  }
  return { header, serialize: compiled.read }
}

export const regexExtractorInterceptor = defineInterceptor({
  type: 'regex_extractor',
  aliases: [`${flume}RegexExtractorInterceptor$Builder`],
  summary: 'Turns the groups of a pattern found in the body into headers.',
  description: `The first match in the body (read as UTF-8) counts: its first group goes to the first serializer's header,
the second to the second's. Groups beyond the serializers, and serializers beyond the groups, are left out.

Each serializer has \`serializers.<s>.name\`, the header (required), and \`serializers.<s>.type\`: \`DEFAULT\` takes the text as
it is; \`org.apache.flume.interceptor.RegexExtractorInterceptorMillisSerializer\` reads a time by
\`serializers.<s>.pattern\`, as Joda-Time 2.9.9 does, and gives milliseconds since 1970. Where the text has no zone the time
is one of the agent's time zone.

Differences from Flume: a group that took no part in the match sets no header (Flume sets null). A time that does not fit
its pattern, or that clocks were put forward over, sets no header, which the log tells (Flume fails the whole batch, again
and again). Names of months and days are English, whatever the locale. Time zones follow the rules that Node has, which are
newer than those of Joda-Time 2.9.9 (2017): it does not know later changes of the law, and some old ones.`,
  options: {
    regex: regex({ doc: 'The pattern looked for in the body.', required: true }),
    serializers: list({ doc: 'Names of serializers, one a group, in order.', required: true }),
    'serializers.': prefix({ doc: '`serializers.<s>.name`, `.type` and `.pattern`: see above.' }),
  },
  check({ serializers, 'serializers.': settings }, say: Say) {
    if (serializers.length === 0)
      say.error('serializers', 'names no serializer', 'write one name a group of the pattern')
    for (const name of serializers)
      serializerOf(settings, name, 0, (key, problem, fix) => say.error(key, problem, fix))
  },
  flow: ({ serializers, 'serializers.': settings }) =>
    serializers.map(name => ({
      does: 'set-header',
      header: settings[`${name}.name`] ?? '',
      value: null,
      overwrite: true,
    })),
  create({ regex: pattern, serializers, 'serializers.': settings }, { name: own, system, condition }) {
    const parts = serializers.map(name => ({
      name,
      misfit: condition(`serializer ${name}`, { level: 'warn', isRed: false }),
      ...serializerOf(settings, name, system.clock.now(), (key, problem) => {
        throw new Error(`${key} ${problem}`)
      })!,
    }))
    return {
      intercept(event: Event) {
        const match = pattern.exec(event.body.toString('utf8'))
        if (match === null) return event
        for (const [index, { name, header, misfit, serialize }] of parts.entries()) {
          const text = match[index + 1]
          if (text === undefined) continue
          const value = serialize(text)
          if (value === null)
            misfit.raise(
              `interceptor ${own}: what the regex finds does not fit serializers.${name}.pattern, and such events go on without the header ${header}`,
              { remedy: 'Correct the pattern, or the regex.' },
            )
          else {
            event.setHeader(header, value)
            misfit.clear(`interceptor ${own}: what the regex finds fits serializers.${name}.pattern again`)
          }
        }
        return event
      },
    }
  },
})
