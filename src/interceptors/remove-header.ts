// The remove_header interceptor: takes headers away by name, by list or by pattern.
import { defineInterceptor } from '../component.ts'
import type { Event } from '../event.ts'
import { regex, text } from '../fields.ts'

export const removeHeaderInterceptor = defineInterceptor({
  type: 'remove_header',
  aliases: ['org.apache.flume.interceptor.RemoveHeaderInterceptor$Builder'],
  summary: 'Removes headers by name, by list of names, or by pattern; the three may be combined.',
  options: {
    withName: text({ doc: 'Name of one header to remove.', since: '1.8' }),
    fromList: text({ doc: 'Names of headers to remove, separated by `fromListSeparator`.', since: '1.8' }),
    fromListSeparator: regex({
      doc: 'What separates the names in `fromList`.',
      default: /\s*,\s*/,
      since: '1.8',
    }),
    matching: regex({ doc: 'Removes every header whose whole name matches.', since: '1.8' }),
  },
  check({ withName, fromList, matching }, say) {
    if (withName === undefined && fromList === undefined && matching === undefined)
      say.warning('type', 'this interceptor removes nothing', 'write withName, fromList or matching')
  },
  flow({ withName, fromList, fromListSeparator, matching }) {
    const names = namesOf(withName, fromList, fromListSeparator)
    const whole = matching === undefined ? [] : [wholeMatch(matching)]
    return [...names, ...whole].map(header => ({ does: 'remove-header', header }))
  },
  create({ withName, fromList, fromListSeparator, matching }) {
    const names = namesOf(withName, fromList, fromListSeparator)
    const whole = matching === undefined ? undefined : wholeMatch(matching)
    return {
      intercept(event: Event) {
        for (const name of names) event.removeHeader(name)
        if (whole !== undefined)
          for (const name of event.headers.keys()) if (whole.test(name)) event.removeHeader(name)
        return event
      },
    }
  },
})

function namesOf(withName: string | undefined, fromList: string | undefined, separator: RegExp): string[] {
  const names = fromList === undefined ? [] : fromList.trim().split(separator)
  if (withName !== undefined) names.push(withName.trim())
  return names.filter(name => name !== '')
}

/** Matches where the pattern matches all of the text, backtracking until it does. */
function wholeMatch({ source, flags }: RegExp): RegExp {
  return new RegExp(`^(?:${source})$`, flags.replaceAll(/[gmy]/g, ''))
}
