// Who uses a program's lock file: the process that has it open, as far as Linux's /proc tells. Processes of other
// users do not show it to whoever is not root, and other systems have no such list; then nobody is found. The
// lock on it says less: Node cannot ask for one, and Java's are lost when the program closes the file once more,
// as Flume does right after locking it.
import { readdir, readlink, stat } from 'node:fs/promises'
import { basename } from 'node:path'

/** Its process id, or null. */
export async function lockHolder(path: string): Promise<number | null> {
  const file = await stat(path).catch(() => null)
  if (file === null) return null
  const name = `/${basename(path)}`
  for (const pid of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue
    const directory = `/proc/${pid}/fd`
    for (const one of await readdir(directory).catch(() => [])) {
      const target = await readlink(`${directory}/${one}`).catch(() => '')
      // The path may be another one in another container; the file is the same.
      if (!target.endsWith(name)) continue
      const found = await stat(`${directory}/${one}`).catch(() => null)
      if (found !== null && found.ino === file.ino && found.dev === file.dev) return Number(pid)
    }
  }
  return null
}
