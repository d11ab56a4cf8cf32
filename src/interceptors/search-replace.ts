// The search_replace interceptor: Java's replaceAll over the body.
import { defineInterceptor } from '../component.ts'
import { regex, text } from '../fields.ts'
import { charset } from '../java/java-charset.ts'

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

/** Java's replacement text as JavaScript's, for `pattern`. */
function javaReplacement(text: string, pattern: RegExp): { value: string } | { problem: string } {
  const groups = new RegExp(`${pattern.source}|`, pattern.flags).exec('')!
  const count = groups.length - 1
  let value = ''
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!
    if (character === '\\') {
      const next = text[++at]
      if (next === undefined) return { problem: 'a backslash stands at the end' }
      value += next === '$' ? '$$' : next
    } else if (character === '$') {
      const [whole, digit, name] = /^(?:(\d)|\{([A-Za-z][A-Za-z0-9]*)\})/.exec(text.slice(at + 1)) ?? []
      if (whole === undefined) return { problem: '$ is not followed by a group' }
      if (
        Number(digit) > count ||
        (name !== undefined && groups.groups?.[name] === undefined && !pattern.source.includes(`(?<${name}>`))
      )
        return { problem: `there is no group ${digit ?? name} in searchPattern` }
      value += digit === '0' ? '$&' : digit === undefined ? `$<${name}>` : `$${digit}`
      at += whole.length
    } else value += character
  }
  return { value }
}
