// The files of all groups, each once, by what the file system calls the same file: its inode, and the time when it was
// made, for an inode is given to another file as soon as it is free.
import { basename, dirname } from 'node:path'
import { messageOf } from '../../errors.ts'
import type { Condition } from '../../observe/conditions.ts'
import type { Logger } from '../../observe/log.ts'
import type { Clock } from '../../system/clock.ts'
import type { Disk, FileState } from '../../system/disk.ts'
import { GroupListing, type FileGroup } from './file-group.ts'
import type { Position, Positions } from './position-file.ts'
import { TailedFile } from './tailed-file.ts'

/** Files asked for their state at a time. */
const statesAtOnce = 64
/** Files that may be open at once, and their share of what the process may open. */
const mostOpen = 1000
const shareOfDescriptors = 1 / 4
/** Files without a name whose positions are kept for when they come back: their file system may be mounted again. */
const mostGone = 10_000

interface Parts {
  readonly system: { readonly disk: Disk; readonly clock: Clock }
  readonly log: Logger
  readonly isCached: boolean
  /** Paths of files that the source itself writes. */
  readonly own: ReadonlySet<string>
  readonly missing: Condition
}

interface Unreadable {
  readonly path: string
  readonly problem: string | null
}

export class FileSet {
  readonly #parts: Parts
  readonly #listings: readonly GroupListing[]
  readonly #byIdentity = new Map<string, TailedFile>()
  /** Those that were replaced under their identity and are read to their end. */
  readonly #replaced = new Set<TailedFile>()
  /** In the order of their last use. */
  readonly #open = new Set<TailedFile>()
  readonly #mostOpen: number
  /** Entries of the position file, by inode, whose files were not found yet. */
  readonly #known: Map<string, Position>
  readonly #knownAtMs: number
  /** Names whose state cannot be had, and why. */
  #strange = new Map<string, string>()
  #looks = 0
  /** What stands in the position file has changed, beside the positions. */
  isChanged = false

  constructor(groups: readonly FileGroup[], known: Positions | null, parts: Parts) {
    this.#parts = parts
    this.#listings = groups.map(group => new GroupListing(group, parts, parts.system))
    this.#known = new Map(known?.entries.map(entry => [entry.inode, entry]))
    this.#knownAtMs = known?.writtenMs ?? 0
    const { disk } = parts.system
    this.#mostOpen = Math.max(
      1,
      Math.min(mostOpen, (disk.descriptorLimit?.() ?? Infinity) * shareOfDescriptors),
    )
  }

  /** Of those that have a name. */
  get size(): number {
    return this.#all.filter(file => !file.isGone).length
  }

  get #all(): readonly TailedFile[] {
    return [...this.#byIdentity.values(), ...this.#replaced]
  }

  /** Notices files that are new, have grown, were renamed, replaced or removed. `skipsToEnd`: new ones are read from their end. */
  async look(skipsToEnd: boolean): Promise<void> {
    const look = ++this.#looks
    const fresh: GroupListing[] = []
    const failed = new Map<FileGroup, string>()
    for (const listing of this.#listings)
      try {
        if (await listing.refresh()) fresh.push(listing)
      } catch (error) {
        failed.set(listing.group, messageOf(error))
      }
    this.#reportMissing(failed)
    this.#strange = new Map()
    for (const listing of this.#listings)
      if (!failed.has(listing.group))
        for (let at = 0; at < listing.paths.length; at += statesAtOnce) {
          const paths = listing.paths.slice(at, at + statesAtOnce)
          const states = await Promise.all(paths.map(path => this.#stateOf(path)))
          for (const [index, state] of states.entries())
            if (state?.kind === 'file') this.#found(paths[index]!, listing.group, state, skipsToEnd)
        }
    await this.#missOthers(look, fresh, failed)
    const failedDirectories = new Set([...failed.keys()].map(group => group.directory))
    for (const [inode, { file }] of this.#known)
      if (!failedDirectories.has(dirname(file))) this.#known.delete(inode)
    for (const file of this.#all)
      if (file.handle === null && !file.isGone && file.isDue(false) && this.#open.size < this.#mostOpen)
        await this.open(file).catch(() => {}) // reading it will say so
    await this.#learnMarks()
  }

  async #learnMarks(): Promise<void> {
    const without = this.#all.filter(file => file.needsMark)
    for (let at = 0; at < without.length; at += statesAtOnce)
      await Promise.all(
        without.slice(at, at + statesAtOnce).map(file => this.#learnMark(file).catch(() => {})), // likewise
      )
  }

  async #learnMark(file: TailedFile): Promise<void> {
    file.needsMark = false
    const isOpen = file.handle !== null
    if (!isOpen && (file.isGone || !(await file.open(this.#parts.system.disk, file.path)))) return
    try {
      await file.learnMark()
    } finally {
      if (!isOpen) await file.close()
    }
  }

  async #stateOf(path: string): Promise<FileState | null> {
    try {
      return await this.#parts.system.disk.stat!(path)
    } catch (error) {
      const isNoName = (error as NodeJS.ErrnoException).code === 'ENOENT'
      if (!isNoName) this.#strange.set(path, messageOf(error))
      else if (path.includes('\ufffd')) this.#strange.set(path, 'its name is not UTF-8')
      return null
    }
  }

  #found(path: string, group: FileGroup, state: FileState, skipsToEnd: boolean): void {
    const now = this.#parts.system.clock.monotonic()
    let file = this.#byIdentity.get(state.identity)
    if (file !== undefined && !file.isSame(state)) {
      this.#gone(file)
      if (file.handle !== null) this.#replaced.add(file)
      file = undefined
    }
    if (file === undefined) {
      const position = this.#takeKnown(path, state) ?? (skipsToEnd ? state.bytes : 0)
      file = new TailedFile(path, group, state, position, now)
      this.#byIdentity.set(state.identity, file)
      this.isChanged = true
    } else if (file.seenIn === this.#looks) return // by another of its names
    else {
      file.looked(state, now)
      if (file.path !== path || file.isGone) this.#renamed(file, path, group)
    }
    file.seenIn = this.#looks
  }

  #renamed(file: TailedFile, path: string, group: FileGroup): void {
    if (file.path !== path)
      this.#parts.log.info(`${file.path} was renamed to ${path}: it is read on from byte ${file.position}`)
    file.path = path
    file.group = group
    file.isGone = false
    this.isChanged = true
  }

  /** The position of a file that is new to this run; undefined where the position file does not have it. */
  #takeKnown(path: string, state: FileState): number | undefined {
    const entry = this.#known.get(state.inode)
    if (entry === undefined) return undefined
    // An inode may have been given to another file since: the time when a file was made tells, to a few ms.
    const isNewer = state.bornMs > this.#knownAtMs
    const isOther = entry.file !== path && (state.bornMs === 0 || state.bornMs === this.#knownAtMs)
    if (isNewer || isOther) return undefined
    this.#known.delete(state.inode)
    return entry.pos
  }

  /** Files that this look has not found under a name of their group: what is left of them is read. */
  async #missOthers(
    look: number,
    fresh: readonly GroupListing[],
    failed: ReadonlyMap<FileGroup, string>,
  ): Promise<void> {
    const { clock } = this.#parts.system
    const lost: TailedFile[] = []
    for (const file of this.#all) {
      if (file.seenIn === look || failed.has(file.group)) continue
      if (!file.isGone) {
        this.#gone(file)
        if (file.handle === null) lost.push(file)
      }
      const state = (await file.handle?.stat!().catch(() => null)) ?? null
      if (state !== null) file.looked(state, clock.monotonic())
    }
    if (lost.length > 0 || this.#known.size > 0) await this.#findOthers(fresh, lost)
    let most = mostGone
    for (const file of [...this.#byIdentity.values()].toReversed())
      if (file.isGone && file.handle === null && (file.bornMs === 0 || --most < 0))
        this.#byIdentity.delete(file.identity)
  }

  #gone(file: TailedFile): void {
    file.isGone = true
    file.problem = null
    this.isChanged = true
  }

  /** Files that were renamed to names of no group, before they were read to their end: now, or while no agent ran. */
  async #findOthers(fresh: readonly GroupListing[], lost: readonly TailedFile[]): Promise<void> {
    for (const { others, group } of fresh)
      for (let at = 0; at < others.length; at += statesAtOnce) {
        const paths = others.slice(at, at + statesAtOnce)
        const states = await Promise.all(
          paths.map(path => this.#parts.system.disk.stat!(path).catch(() => null)),
        )
        for (const [index, state] of states.entries())
          if (state?.kind === 'file') await this.#foundElsewhere(paths[index]!, group, state, lost)
      }
  }

  async #foundElsewhere(
    path: string,
    group: FileGroup,
    state: FileState,
    lost: readonly TailedFile[],
  ): Promise<void> {
    const { clock, disk } = this.#parts.system
    let file = lost.find(one => one.isSame(state))
    if (file === undefined) {
      const entry = this.#known.get(state.inode)
      const isLikely = entry !== undefined && dirname(entry.file) === dirname(path) && state.bornMs > 0
      if (!isLikely || !basename(path).startsWith(basename(entry.file))) return
      const position = this.#takeKnown(path, state)
      if (position === undefined) return
      file = new TailedFile(entry.file, group, state, position, clock.monotonic())
      file.isGone = true
      this.#byIdentity.set(state.identity, file)
    }
    file.looked(state, clock.monotonic())
    if (state.bytes <= file.position) return
    this.#parts.log.info(
      `${file.path} was renamed to ${path}: it is read to its end from byte ${file.position}`,
    )
    if (await file.open(disk, path).catch(() => false)) this.#open.add(file)
  }

  /** Its bytes are others: it is read from its beginning. Nothing of it may be under way. */
  restart(file: TailedFile): void {
    file.restart()
    this.isChanged = true
  }

  /** Those with something to read, the one first that was changed first. */
  due(idleMs: number): TailedFile[] {
    const now = this.#parts.system.clock.monotonic()
    return this.#all
      .filter(file => (!file.isGone || file.handle !== null) && file.isDue(file.changedAt + idleMs <= now))
      .sort((one, other) =>
        one.modifiedMs < other.modifiedMs ? -1 : one.modifiedMs > other.modifiedMs ? 1 : 0,
      )
  }

  /** False where its name leads to another file by now; the next look will tell. Rejects as the disk does. */
  async open(file: TailedFile): Promise<boolean> {
    if (file.handle === null && (file.isGone || !(await file.open(this.#parts.system.disk, file.path))))
      return false
    this.#open.delete(file)
    this.#open.add(file)
    if (this.#open.size > this.#mostOpen) {
      const all = [...this.#open]
      await this.#close(all.find(one => !one.isGone && one !== file) ?? all[0]!)
    }
    return true
  }

  async #close(file: TailedFile): Promise<void> {
    this.#open.delete(file)
    this.#replaced.delete(file)
    await file.close()
  }

  /** Closes what has not changed since then (monotonic ms) and is read to its end. */
  async closeIdle(since: number): Promise<void> {
    for (const file of this.#open)
      if (file.changedAt <= since && !file.isDue(true)) {
        if (file.isGone) this.isChanged = true
        await this.#close(file)
      }
  }

  async close(): Promise<void> {
    for (const file of this.#open) await this.#close(file)
  }

  positions(): Position[] {
    const own = this.#all
      .filter(file => !file.isGone || file.handle !== null)
      .map(file => ({ inode: file.inode, pos: file.position, file: file.path }))
    return [...own, ...this.#known.values()]
  }

  unreadable(): Unreadable[] {
    const strange = [...this.#strange].map(([path, problem]) => ({ path, problem }))
    return [...this.#all.filter(file => file.problem !== null), ...strange]
  }

  #reportMissing(failed: ReadonlyMap<FileGroup, string>): void {
    const { missing } = this.#parts
    const [first, ...more] = failed
    if (first === undefined) return missing.clear('The directories of all groups can be listed')
    const [{ name, directory }, problem] = first
    const others = more.length === 0 ? '' : `, nor those of ${more.map(([group]) => group.name).join(', ')}`
    missing.raise(
      `directory ${directory} of group ${name} cannot be listed${others}: ${problem}. Millrace retries with each look and reads the other groups meanwhile`,
      {
        remedy: `Make the directory, or correct filegroups.${name}: only what follows the last slash is an expression.`,
      },
    )
  }
}
