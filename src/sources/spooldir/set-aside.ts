// Files that are not read any further, because they are not what a spooling directory asks for: changed while they were
// read, of a name that was there before, no text. They stay where they are. The list is kept beside the tracker, so that no
// restart reads them again from their beginning.
import { basename, join } from 'node:path'
import { readWhole, replaceFile } from '../../storage/atomic-file.ts'
import type { Disk } from '../../system/disk.ts'

const listName = '.millrace-set-aside.json'

export interface SetAsideFile {
  readonly path: string
  /** Of the file itself: another that takes its name is read. */
  readonly identity: string
  /** Up to where its events are in the channel. */
  readonly position: number
  readonly why: 'changed' | 'name taken' | 'unreadable'
}

export class SetAside {
  readonly #disk: Disk
  readonly #path: string
  #files = new Map<string, SetAsideFile>()

  constructor(disk: Disk, directory: string) {
    this.#disk = disk
    this.#path = join(directory, listName)
  }

  /** What was set aside before. Those that could not be read are tried once more, from where they were left. */
  async open(): Promise<ReadonlyMap<string, SetAsideFile>> {
    const bytes = await readWhole(this.#disk, this.#path)
    const again = new Map<string, SetAsideFile>()
    this.#files = new Map()
    for (const one of listIn(bytes)) {
      this.#files.set(one.path, one)
      if (one.why === 'unreadable') again.set(one.path, one)
    }
    return again
  }

  get files(): readonly SetAsideFile[] {
    return [...this.#files.values()]
  }

  at(path: string): SetAsideFile | undefined {
    return this.#files.get(path)
  }

  async add(file: SetAsideFile): Promise<void> {
    this.#files.set(file.path, file)
    await this.#keep()
  }

  /** They are there no more, or done. */
  async forget(paths: readonly string[]): Promise<void> {
    if (paths.length === 0) return
    for (const path of paths) this.#files.delete(path)
    await this.#keep()
  }

  async #keep(): Promise<void> {
    if (this.#files.size > 0)
      await replaceFile(this.#disk, this.#path, Buffer.from(JSON.stringify(this.files, null, 1)))
    else if (await this.#disk.exists(this.#path)) await this.#disk.remove(this.#path)
  }

  /** A sentence without its full stop; empty where there is none. */
  describe(): string {
    const [first] = this.#files.values()
    if (first === undefined) return ''
    const others = this.#files.size === 1 ? '' : `, and ${this.#files.size - 1} more`
    return `${basename(first.path)}${others} ${this.#files.size === 1 ? 'was' : 'were'} set aside and ${this.#files.size === 1 ? 'is' : 'are'} not read any further (${[...new Set(this.files.map(({ why }) => reasons[why]))].join('; ')})`
  }
}

const reasons = {
  changed: 'changed while it was read',
  'name taken': 'there is a file of its name that was read before',
  unreadable: 'its content cannot be read',
} as const

function listIn(bytes: Buffer | null): readonly SetAsideFile[] {
  try {
    const list = JSON.parse(bytes?.toString('utf8') ?? '[]') as readonly SetAsideFile[]
    return list.filter(
      one => typeof one.path === 'string' && typeof one.identity === 'string' && one.why in reasons,
    )
  } catch {
    return []
  }
}
