// flume.opts: options of `flume-ng agent` in a properties file, by their long names, as Flume 1.10 and
// later read them (`name = a1`, `conf-file = flume.conf`). What the command line gives wins.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { readPropertiesFile } from './properties-file.ts'

/** Command-line words for the options of the file that `known` names and `given` does not have. */
export function wordsOfOptionsFile(
  confDirectory: string | undefined,
  known: ReadonlyMap<string, { readonly takesValue: boolean; readonly given: boolean }>,
  system = '/etc/flume/flume.opts',
): string[] {
  const places = [system, ...(confDirectory === undefined ? [] : [join(confDirectory, 'flume.opts')])]
  const path = places.find(place => existsSync(place))
  if (path === undefined) return []
  return readPropertiesFile(path).flatMap(({ key, value, place }) => {
    const option = known.get(key)
    if (option === undefined)
      throw new Error(
        `${path}:${place.line}: flume-ng agent has no option ${key}; write long names without dashes`,
      )
    if (option.given || (!option.takesValue && value.trim().toLowerCase() === 'false')) return []
    return option.takesValue ? [`--${key}`, value.trim()] : [`--${key}`]
  })
}
