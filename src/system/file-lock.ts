// Who holds a POSIX lock on a file, as Java's file locks are: from Linux's list of locks, since Node cannot ask
// for one. Where there is no such list, or the holder lives in another process namespace, nobody is found.
import { readdir, readFile, readlink, realpath, stat } from 'node:fs/promises'

/** The process id; 0 where the system does not tell it; null where nobody is known to hold one. */
export async function lockHolder(path: string): Promise<number | null> {
  const [file, real, locks] = await Promise.all([
    stat(path, { bigint: true }).catch(() => null),
    realpath(path).catch(() => path),
    readFile('/proc/locks', 'utf8').catch(() => ''),
  ])
  if (file === null) return null
  const { dev, ino } = file
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn)
  const minor = (dev & 0xffn) | ((dev >> 12n) & ~0xffn)
  for (const [, pid, ofMajor, ofMinor, ofInode] of locks.matchAll(
    /^\d+: POSIX +\S+ +WRITE +(-?\d+) +([0-9a-f]+):([0-9a-f]+):(\d+) /gm,
  )) {
    if (BigInt(ofInode!) !== ino) continue
    const isDevice = BigInt(`0x${ofMajor}`) === major && BigInt(`0x${ofMinor}`) === minor
    // File systems on top of others name another device there: then the process's open files tell.
    if (isDevice || (await hasOpen(Number(pid), real))) return Math.max(0, Number(pid))
  }
  return null
}

async function hasOpen(pid: number, path: string): Promise<boolean> {
  const directory = `/proc/${pid}/fd`
  for (const name of await readdir(directory).catch(() => []))
    if ((await readlink(`${directory}/${name}`).catch(() => '')) === path) return true
  return false
}
