// How many files and connections the process may have open at a time. A soft limit is raised to the hard one when Node starts.
import { readFileSync } from 'node:fs'

/** The limit of `ulimit -n`; Infinity where it is not known. */
export function descriptorLimit(): number {
  try {
    const most = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
    return Number(most ?? Infinity)
  } catch {
    return Infinity
  }
}
