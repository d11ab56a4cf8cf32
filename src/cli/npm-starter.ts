// npm and npx as the starters of a process. They pass SIGTERM to the shell between them and the process, and not to the
// process itself; killed with SIGKILL they pass on nothing. Whoever ended them meant what they had started.
import { readFileSync } from 'node:fs'

/** The parent and the session of a process, as Linux shows them; null where it is gone, or not on Linux. */
function originOf(pid: number): { readonly parent: number; readonly session: string } | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // Its name stands in parentheses and may hold anything.
    const [, parent, , session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return { parent: Number(parent), session: session! }
  } catch {
    return null
  }
}

/** npm and npx give themselves this title. */
function isNpm(pid: number): boolean {
  try {
    return /^npm[ \0]/.test(readFileSync(`/proc/${pid}/cmdline`, 'latin1'))
  } catch {
    return false
  }
}

/**
 * Whether npm has gone that started this process, directly or by its shell; null where none did, where this
 * process has a session of its own (setsid), and outside of Linux.
 */
export function npmStarter(): { readonly pid: number; isGone(): boolean } | null {
  const parent = process.ppid
  const above = originOf(parent)
  if (above === null) return null
  const npm = isNpm(parent) ? parent : isNpm(above.parent) ? above.parent : null
  if (npm === null || originOf(npm)?.session !== originOf(process.pid)?.session) return null
  return {
    pid: npm,
    isGone: () => process.ppid !== parent || (npm !== parent && originOf(parent)?.parent !== npm),
  }
}
