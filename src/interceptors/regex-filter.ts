// The regex_filter interceptor: keeps or drops events by what their body contains.
import { defineInterceptor } from '../component.ts'
import { flag, regex } from '../fields.ts'

export const regexFilterInterceptor = defineInterceptor({
  type: 'regex_filter',
  aliases: ['org.apache.flume.interceptor.RegexFilteringInterceptor$Builder'],
  summary: 'Keeps the events whose body contains a match of a pattern, or drops them.',
  description:
    'The body is read as UTF-8 (Flume: in the character set of the platform). A match anywhere in the body counts.',
  options: {
    regex: regex({ doc: 'The pattern looked for in the body.', default: /.*/ }),
    excludeEvents: flag({ doc: 'Drops the events that match and keeps the others.', default: false }),
  },
  create({ regex: pattern, excludeEvents }) {
    return {
      intercept: event => (pattern.test(event.body.toString('utf8')) === excludeEvents ? null : event),
    }
  },
})
