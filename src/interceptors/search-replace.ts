// The search_replace interceptor: Java's replaceAll over the body.
import { defineInterceptor } from '../component.ts'
import { regex, text } from '../fields.ts'
import { charset } from '../java/java-charset.ts'
import { javaReplacement } from '../java/java-replacement.ts'

export const searchReplaceInterceptor = defineInterceptor({
  type: 'search_replace',
  aliases: ['org.apache.flume.interceptor.SearchAndReplaceInterceptor$Builder'],
  summary: 'Replaces every match of a pattern in the body.',
  description:
    "The replacement is Java's: `$1` and `${name}` are groups, a backslash takes the next character as it is.",
  options: {
    searchPattern: regex({ doc: 'What is looked for.', required: true, flags: 'g' }),
    replaceString: text({ doc: 'What every match is replaced by.', default: '' }),
    charset: charset({ doc: 'Character set of the body.', default: 'UTF-8' }),
  },
  check({ searchPattern, replaceString }, say) {
    const compiled = javaReplacement(replaceString, searchPattern)
    if ('problem' in compiled)
      say.error('replaceString', compiled.problem, 'correct it, or write a backslash before $ and \\')
  },
  create({ searchPattern, replaceString, charset: set }) {
    const compiled = javaReplacement(replaceString, searchPattern)
    if ('problem' in compiled) throw new Error(`replaceString: ${compiled.problem}`)
    const { value: replacement } = compiled
    return {
      intercept(event) {
        const before = set.decode(event.body)
        const after = before.replace(searchPattern, replacement)
        // A body without a match stays as it is, also where it is not valid in the character set.
        if (after !== before) event.body = set.encode(after)
        return event
      },
    }
  },
})
