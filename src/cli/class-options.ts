// --map <class>=<file>: which file of the operator's takes the place of a Java class.
import { resolve } from 'node:path'
import { addClass, type ClassMap, type MappedClass } from '../config/class-map.ts'
import { UsageError } from './usage-error.ts'

/** Collects the values of an option that may be written several times. */
export const collect = (value: string, before: readonly string[] = []): string[] => [...before, value]

/** The classes of all --map options; relative paths begin at the working directory. Throws UsageError. */
export function readClassOptions(given: readonly string[] = []): ClassMap {
  const classes = new Map<string, MappedClass>()
  for (const one of given) {
    const [, name = '', file = ''] = /^([^=]*)=(.*)$/s.exec(one) ?? []
    if (name.trim() === '' || file.trim() === '')
      throw new UsageError(
        `--map ${one}: write CLASS=FILE, such as com.example.MyInterceptor=./my-interceptor.ts`,
      )
    addClass(classes, name, { path: resolve(file.trim()), written: `--map ${name.trim()}` })
  }
  return classes
}
