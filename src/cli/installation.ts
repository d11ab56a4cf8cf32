// Whether the program's own files were replaced while it runs, by `git pull`, `npm ci` or an installation over the old
// one. What is loaded late, such as a component that a changed configuration names, would be of another version.
import { lstat, readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** `src` of a checkout, `dist` of the package. */
const program = dirname(import.meta.dirname)

/** The time of a file's last change is set by whoever writes it, whatever time an archive gives it. */
export async function isInstallationReplaced(since = performance.timeOrigin): Promise<boolean> {
  try {
    for (const one of await readdir(program, { recursive: true }))
      if (!one.endsWith('.test.ts') && (await lstat(join(program, one))).ctimeMs > since) return true
    return false
  } catch {
    return true // files are gone
  }
}

export const replacedInstallation = `the installation in ${dirname(program)} was replaced while this agent runs`
