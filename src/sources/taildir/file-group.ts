// A group of files: those of one directory whose names match a Java regular expression.
import { join, resolve } from 'node:path'
import { compileJavaMatch } from '../../java/java-regex.ts'
import type { Clock } from '../../system/clock.ts'
import type { Disk } from '../../system/disk.ts'

export interface FileGroup {
  readonly name: string
  /** Absolute. */
  readonly directory: string
  /** Of a whole file name. */
  readonly pattern: RegExp
  readonly headers: readonly (readonly [name: string, value: string])[]
}

/** Reads the value of `filegroups.<g>`: only what follows the last slash is an expression. */
export function readGroupPath(
  written: string,
): { directory: string; pattern: RegExp } | { problem: string; fix: string } {
  const path = written
    .trim()
    .replaceAll(/\/+/g, '/')
    .replace(/(.)\/$/, '$1')
  const slash = path.lastIndexOf('/')
  const [directory, expression] = [path.slice(0, slash), path.slice(slash + 1)]
  if (slash === -1 || expression === '')
    return {
      problem: `"${written}" names no file in a directory`,
      fix: 'write the path of a directory, a slash and an expression for file names, e.g. /var/log/app/.*\\\\.log',
    }
  const compiled = compileJavaMatch(expression)
  if ('problem' in compiled)
    return {
      problem: `"${expression}" is no expression for file names: ${compiled.problem}`,
      fix: 'write a Java regular expression behind the last slash, e.g. .*\\\\.log instead of *.log (a backslash is written twice in a .properties file)',
    }
  // Not normalised: Flume compares paths with those of the position file as texts.
  return {
    directory: directory.startsWith('/') ? directory : slash === 0 ? '/' : join(resolve('.'), directory),
    pattern: compiled.value,
  }
}

/** So long after its last change another one may have the same time. */
const youngMs = 2000

/** The names in a group's directory; it is read again only when it may have changed. */
export class GroupListing {
  readonly group: FileGroup
  readonly #disk: Disk
  readonly #clock: Clock
  readonly #isCached: boolean
  /** Paths that are no files of a group. */
  readonly #own: ReadonlySet<string>
  #state = ''
  /** Those of files that belong to the group, as paths, and all other names. */
  paths: readonly string[] = []
  others: readonly string[] = []

  constructor(
    group: FileGroup,
    given: { isCached: boolean; own: ReadonlySet<string> },
    system: { disk: Disk; clock: Clock },
  ) {
    this.group = group
    this.#isCached = given.isCached
    this.#own = given.own
    this.#disk = system.disk
    this.#clock = system.clock
  }

  /** Whether the directory was read anew. Rejects as the disk does. */
  async refresh(): Promise<boolean> {
    const { directory, pattern } = this.group
    const { modifiedMs, identity } = await this.#disk.stat!(directory)
    const state = `${identity} ${modifiedMs}`
    if (this.#isCached && state === this.#state) return false
    const names = await this.#disk.list(directory)
    // Wherever the clock stands: a directory that is not known to be old is read again.
    this.#state = this.#clock.now() - modifiedMs > youngMs ? state : ''
    const paths: string[] = []
    const others: string[] = []
    for (const name of names) {
      const path = directory === '/' ? `/${name}` : `${directory}/${name}`
      if (!this.#own.has(path)) (pattern.test(name) ? paths : others).push(path)
    }
    this.paths = paths
    this.others = others
    return true
  }
}
