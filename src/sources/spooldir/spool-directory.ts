// The directory of a spooling directory source: which files wait in it, in which order, and what becomes of one that was
// read.
import { basename, dirname, join, relative } from 'node:path'
import { diskFault } from '../../errors.ts'
import type { Disk, FileState } from '../../system/disk.ts'

export interface SpoolRules {
  readonly directory: string
  /** Where the tracker is, and with `tracker_dir` the marks of files that were read. */
  readonly trackerDirectory: string
  readonly suffix: string
  readonly include: RegExp
  readonly ignore: RegExp
  readonly isRecursive: boolean
  readonly order: 'oldest' | 'youngest' | 'random'
  readonly afterwards: 'delete' | 'rename' | 'mark'
}

export interface SpooledFile {
  readonly path: string
  readonly state: FileState
}

/** So many files are asked about at a time. */
const statsAtOnce = 64

export class SpoolDirectory {
  readonly #disk: Disk
  readonly #rules: SpoolRules

  constructor(disk: Disk, rules: SpoolRules) {
    this.#disk = disk
    this.#rules = rules
  }

  /** Those that wait, the first one to be read first. Rejects with DISK where the directory cannot be listed. */
  async waiting(): Promise<SpooledFile[]> {
    const { directory, order } = this.#rules
    const found: SpooledFile[] = []
    await this.#collect(directory, found, new Set())
    if (order === 'random') return found
    const sign = order === 'oldest' ? 1 : -1
    const time = ({ state }: SpooledFile) => Math.floor(state.modifiedMs)
    return found.sort(
      (one, other) =>
        sign * (time(one) - time(other)) ||
        compare(basename(one.path), basename(other.path)) ||
        compare(one.path, other.path),
    )
  }

  async #collect(directory: string, found: SpooledFile[], seen: Set<string>): Promise<void> {
    const { isRecursive, ignore, include, suffix } = this.#rules
    const isTop = directory === this.#rules.directory
    const names = await this.#disk.list(directory).catch((error: NodeJS.ErrnoException) => {
      // One below may be gone by now.
      if (!isTop && error.code === 'ENOENT') return []
      throw diskFault(`cannot list ${directory}`, error)
    })
    const marks = await this.#marksOf(directory)
    const isMine = (name: string) =>
      include.test(name) && !ignore.test(name) && !name.endsWith(suffix) && !marks.has(name + suffix)
    const mayCount = (name: string) =>
      !name.startsWith('.') && (isMine(name) || (isRecursive && !ignore.test(name)))
    const wanted = names.filter(mayCount)
    for (let at = 0; at < wanted.length; at += statsAtOnce) {
      const some = wanted.slice(at, at + statsAtOnce)
      const states = await Promise.all(some.map(name => this.stateOf(join(directory, name))))
      for (const [index, name] of some.entries()) {
        const state = states[index]
        const path = join(directory, name)
        if (state?.kind === 'file' && isMine(name)) found.push({ path, state })
        if (state?.kind !== 'directory' || !isRecursive || seen.has(state.identity)) continue
        seen.add(state.identity)
        await this.#collect(path, found, seen)
      }
    }
  }

  /** Names of the marks of files of this directory. */
  async #marksOf(directory: string): Promise<ReadonlySet<string>> {
    if (this.#rules.afterwards !== 'mark') return new Set()
    const marked = dirname(this.#markOf(join(directory, 'x')))
    return new Set(await this.#disk.list(marked).catch(() => []))
  }

  #markOf(path: string): string {
    const { directory, trackerDirectory, suffix } = this.#rules
    return join(trackerDirectory, relative(directory, path) + suffix)
  }

  /** Null where it is gone. */
  async stateOf(path: string): Promise<FileState | null> {
    return await this.#disk.stat!(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR' || error.code === 'ELOOP') return null
      throw diskFault(`cannot look at ${path}`, error)
    })
  }

  /** The file was read: it is deleted, renamed or marked. False where another had its name before. Rejects with DISK. */
  async retire(path: string): Promise<boolean> {
    const { afterwards, suffix } = this.#rules
    const disk = this.#disk
    try {
      if (afterwards === 'delete') await disk.remove(path)
      else if (afterwards === 'rename') {
        if (await disk.exists(path + suffix)) return false
        await disk.rename(path, path + suffix)
      } else {
        const mark = this.#markOf(path)
        if (await disk.exists(mark)) return false
        if (!(await disk.exists(dirname(mark)))) await disk.makeDirectory(dirname(mark))
        await (await disk.open(mark, 'create', true)).close()
        await disk.syncDirectory(dirname(mark))
        return true
      }
      await disk.syncDirectory(dirname(path))
      return true
    } catch (error) {
      throw diskFault(`${path} was read, and cannot be ${pastOf[afterwards]}`, error)
    }
  }
}

const pastOf = { delete: 'deleted', rename: 'renamed', mark: 'marked as read' } as const

/** As Java compares strings. */
const compare = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0)
