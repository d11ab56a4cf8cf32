// Names of the file_roll sink's files, as Flume's path managers make them:
//
//   DEFAULT    <prefix><start of the sink, ms since 1970>-<n>[.<extension>]
//   ROLLTIME   <prefix><yyyyMMddHHmmss, local>-<n>[.<extension>], n from 1 in every second
import { named } from '../fields.ts'

const managers = {
  DEFAULT: ['DEFAULT', 'org.apache.flume.formatter.output.DefaultPathManager'],
  ROLLTIME: ['ROLLTIME', 'org.apache.flume.formatter.output.RollTimePathManager'],
} as const
export type PathManagerName = keyof typeof managers

/** An option that names a path manager, by alias or by the class name of its Builder. */
export const pathManagerField = (about: { readonly doc: string; readonly default: PathManagerName }) =>
  named('path manager', managers, about)

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
