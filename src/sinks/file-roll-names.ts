// Names of the file_roll sink's files, as Flume's path managers make them:
//
//   DEFAULT    <prefix><start of the sink, ms since 1970>-<n>[.<extension>]
//   ROLLTIME   <prefix><yyyyMMddHHmmss, local>-<n>[.<extension>], n from 1 in every second
import type { Field } from '../fields.ts'

const managers = { DEFAULT: 'DefaultPathManager', ROLLTIME: 'RollTimePathManager' } as const
export type PathManagerName = keyof typeof managers

/** An option that names a path manager, by alias or by the class name of its Builder. */
export function pathManagerField(about: {
  readonly doc: string
  readonly default: PathManagerName
}): Field<PathManagerName, true> {
  const accepts = Object.keys(managers).join(', ')
  return {
    ...about,
    kind: 'choice',
    accepts,
    required: false,
    parse(text) {
      const wanted = text.trim().toLowerCase()
      for (const [name, simple] of Object.entries(managers)) {
        const full = `org.apache.flume.formatter.output.${simple}`
        if ([name, full, `${full}$Builder`].some(one => one.toLowerCase() === wanted))
          return { value: name as PathManagerName }
      }
      return { problem: `there is no path manager "${text}"`, fix: `write one of: ${accepts}` }
    },
  }
}

export interface NameParts {
  readonly manager: PathManagerName
  readonly prefix: string
  readonly extension: string
}

/** Gives a new name at each call. `startMs` and `nowMs` are milliseconds since 1970. */
export function fileNames({ manager, prefix, extension }: NameParts, startMs: number) {
  const ending = extension === '' ? '' : `.${extension}`
  let stamp = String(startMs)
  let index = 0
  return (nowMs: number): string => {
    if (manager === 'ROLLTIME') {
      const now = secondOf(nowMs)
      if (now !== stamp) index = 0
      stamp = now
    }
    index++
    return `${prefix}${stamp}-${index}${ending}`
  }
}

function secondOf(nowMs: number): string {
  const time = new Date(nowMs)
  const two = (value: number) => String(value).padStart(2, '0')
  const day = `${String(time.getFullYear()).padStart(4, '0')}${two(time.getMonth() + 1)}${two(time.getDate())}`
  return `${day}${two(time.getHours())}${two(time.getMinutes())}${two(time.getSeconds())}`
}
