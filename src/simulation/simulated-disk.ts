// A disk in memory that loses what a real one may lose. Writes stay pending until a sync; a crash keeps
// any of their sectors, in any combination. Names created, renamed and removed stay pending until the
// directory is synced; a crash keeps any first part of them. A sync can be made to fail: the data it
// should have saved is then lost, although it still reads back, and the next sync says all is well.
// Writes and reads can fail too, and the disk can be full: then part of a write may have happened.
import { basename, dirname, join } from 'node:path'
import { Fault } from '../errors.ts'
import type { Disk, DiskFile, FileState } from '../system/disk.ts'
import type { SeededRandom } from './seeded-random.ts'

const sectorBytes = 512

interface Pending {
  readonly at: number
  readonly bytes: Buffer
}

/** A file's bytes: appending does not copy what is there already. */
class Content {
  #room: Buffer
  #length: number

  constructor(bytes = Buffer.alloc(0)) {
    this.#room = bytes
    this.#length = bytes.length
  }

  get bytes(): Buffer {
    return this.#room.subarray(0, this.#length)
  }

  get length(): number {
    return this.#length
  }

  write({ at, bytes }: Pending): void {
    const end = at + bytes.length
    if (end > this.#room.length) {
      const room = Buffer.alloc(Math.max(end, 2 * this.#room.length))
      this.#room.copy(room, 0, 0, this.#length)
      this.#room = room
    }
    if (at > this.#length) this.#room.fill(0, this.#length, at)
    bytes.copy(this.#room, at)
    this.#length = Math.max(this.#length, end)
  }

  cut(size: number): void {
    this.#length = Math.min(this.#length, size)
  }

  copy(): Content {
    return new Content(Buffer.from(this.bytes))
  }
}

let inodes = 0

class Inode {
  readonly number = String(++inodes)
  /** What reads give, and what is on the platter. */
  current = new Content()
  durable = new Content()
  pending: Pending[] = []
  /** The size to which it was cut since the last sync; null where it was not. */
  truncatedTo: number | null = null
}

/** This disk keeps no times: none of its files is known to be old. */
const stateOf = ({ number, current }: Inode): FileState => ({
  identity: number,
  inode: number,
  bytes: current.length,
  modifiedMs: Infinity,
  bornMs: 0,
  kind: 'file',
})

type NameChange = { readonly name: string; readonly inode: Inode | null }

class Directory {
  /** Whether its own name is durable: the directory above was synced. */
  isDurable = false
  current = new Map<string, Inode>()
  durable = new Map<string, Inode>()
  /** Each a change that happens as a whole. */
  pending: NameChange[][] = []
}

function errorOf(code: string, path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: simulated, ${path}`), { code })
}

export class SimulatedDisk {
  readonly #random: SeededRandom
  readonly #directories = new Map<string, Directory>()
  /** By directory: the life that holds it. */
  readonly #locks = new Map<string, number>()
  #life = 0
  /** Operations until everything stands still; the last one may have happened in part. */
  operationsLeft = Infinity
  /** Probability that a sync, a write, a read or opening a file fails. */
  syncFailures = 0
  writeFailures = 0
  readFailures = 0
  /** Bytes that fit on it, all files together. */
  capacityBytes = Infinity
  /** How often each has happened. */
  readonly happened = { syncFailures: 0, writeFailures: 0, readFailures: 0, full: 0 }
  /** Called when everything stands still. */
  onStill: () => void = () => {}

  constructor(random: SeededRandom) {
    this.#random = random
  }

  /** The process ends, the machine goes on: nothing is lost, what was pending stays so. */
  kill(): void {
    this.#life++
    this.operationsLeft = Infinity
  }

  /** No call fails any more, and there is room. */
  heal(): void {
    this.syncFailures = this.writeFailures = this.readFailures = 0
    this.capacityBytes = Infinity
  }

  get usedBytes(): number {
    let used = 0
    for (const directory of this.#directories.values())
      for (const inode of directory.current.values()) used += inode.current.length
    return used
  }

  /**
   * Power goes and comes back: gives what may have survived, or, where `nothing` is set, only what must
   * have. Doors of the life before stay silent for ever.
   */
  crash({ nothing = false } = {}): void {
    this.#life++
    this.operationsLeft = Infinity
    const random = this.#random
    const kept = nothing ? 0 : [0, 0.5, 0.9, 1][random.below(4)]!
    const seen = new Set<Inode>()
    for (const [path, { isDurable }] of this.#directories)
      if (!isDurable && (nothing || random.chance(0.5))) this.#directories.delete(path)
    for (const directory of this.#directories.values()) {
      const changes = nothing ? [] : directory.pending.slice(0, random.below(directory.pending.length + 1))
      for (const change of changes.flat())
        if (change.inode === null) directory.durable.delete(change.name)
        else directory.durable.set(change.name, change.inode)
      directory.current = new Map(directory.durable)
      directory.pending = []
      for (const inode of directory.current.values()) seen.add(inode)
    }
    for (const inode of seen) {
      for (const { at, bytes } of inode.pending)
        for (let from = 0; from < bytes.length;) {
          const to = Math.min(bytes.length, (Math.floor((at + from) / sectorBytes) + 1) * sectorBytes - at)
          if (random.chance(kept)) inode.durable.write({ at: at + from, bytes: bytes.subarray(from, to) })
          from = to
        }
      inode.pending = []
      inode.current = inode.durable.copy()
    }
  }

  /**
   * The door of this life. `pause` is what a call waits for before it happens, and now and then before it returns: a
   * process may be killed in between.
   */
  open(pause: (() => Promise<void>) | null = null): Disk {
    const life = this.#life
    const step = async <T>(work: () => T): Promise<T> => {
      if (pause === null) return await happen(work)
      await pause()
      try {
        return await happen(work)
      } finally {
        if (this.#random.chance(0.25)) await pause()
      }
    }
    const happen = async <T>(work: () => T): Promise<T> => {
      await Promise.resolve()
      if (life !== this.#life || this.operationsLeft <= 0) return await new Promise<T>(() => {})
      if (--this.operationsLeft === 0) {
        try {
          if (this.#random.chance(0.5)) work()
        } finally {
          this.onStill()
        }
        return await new Promise<T>(() => {})
      }
      return work()
    }
    const directoryOf = (path: string): Directory => {
      const found = this.#directories.get(dirname(path))
      if (found === undefined) throw errorOf('ENOENT', path)
      return found
    }
    const inodeOf = (path: string): Inode => {
      const found = directoryOf(path).current.get(basename(path))
      if (found === undefined) throw errorOf('ENOENT', path)
      return found
    }
    const change = (directory: Directory, changes: NameChange[]): void => {
      for (const { name, inode } of changes)
        if (inode === null) directory.current.delete(name)
        else directory.current.set(name, inode)
      directory.pending.push(changes)
    }
    const fileOf = (path: string, inode: Inode, appends: boolean): DiskFile => ({
      path,
      stat: () => step(() => stateOf(inode)),
      size: () => step(() => inode.current.length),
      read: (target, position) =>
        step(() => {
          this.#mayFailToRead(path)
          return position >= inode.current.length ? 0 : inode.current.bytes.copy(target, 0, position)
        }),
      write: (bytes, position) =>
        step(() => this.#write(path, inode, bytes, appends ? inode.current.length : position)),
      writeAll: (buffers, position) => step(() => this.#write(path, inode, Buffer.concat(buffers), position)),
      writeDurably: async (buffers, position) => {
        await step(() => this.#write(path, inode, Buffer.concat(buffers), position))
        await step(() => this.#sync(path, inode))
      },
      truncate: size =>
        step(() => {
          inode.current.cut(size)
          // Not ordered with the writes before: a crash may keep those, and what was cut off with them.
          inode.truncatedTo = size
        }),
      sync: () => step(() => this.#sync(path, inode)),
      close: () => step(() => {}),
    })
    return {
      open: (path, mode) =>
        step(() => {
          const isThere = directoryOf(path).current.has(basename(path))
          if (mode === 'read') this.#mayFailToRead(path)
          if (mode === 'append' ? isThere : mode !== 'create') {
            const inode = inodeOf(path)
            return fileOf(path, inode, mode === 'append')
          }
          if (isThere) throw errorOf('EEXIST', path)
          const inode = new Inode()
          change(directoryOf(path), [{ name: basename(path), inode }])
          return fileOf(path, inode, mode === 'append')
        }),
      exists: path =>
        step(
          () =>
            this.#directories.has(path) ||
            (this.#directories.get(dirname(path))?.current.has(basename(path)) ?? false),
        ),
      stat: path =>
        step(() =>
          this.#directories.has(path)
            ? { ...stateOf(new Inode()), identity: path, kind: 'directory' }
            : stateOf(inodeOf(path)),
        ),
      list: path =>
        step(() => {
          const below = [...this.#directories.keys()].filter(one => dirname(one) === path && one !== path)
          return [...directoryOf(join(path, 'x')).current.keys(), ...below.map(one => basename(one))].sort()
        }),
      makeDirectory: path =>
        step(() => void this.#directories.set(path, this.#directories.get(path) ?? new Directory())),
      rename: (from, to) =>
        step(() =>
          change(directoryOf(from), [
            { name: basename(to), inode: inodeOf(from) },
            { name: basename(from), inode: null },
          ]),
        ),
      remove: path =>
        step(() => {
          inodeOf(path)
          change(directoryOf(path), [{ name: basename(path), inode: null }])
        }),
      removeDirectory: path =>
        step(() => {
          if (directoryOf(join(path, 'x')).current.size > 0) throw errorOf('ENOTEMPTY', path)
          this.#directories.delete(path)
        }),
      syncDirectory: path =>
        step(() => {
          for (const [below, one] of this.#directories)
            if (dirname(below) === path && below !== path) one.isDurable = true
          const directory = this.#directories.get(path)
          if (directory === undefined) return
          directory.durable = new Map(directory.current)
          directory.pending = []
        }),
      freeBytes: () =>
        step(() => Math.min(Number.MAX_SAFE_INTEGER, Math.max(0, this.capacityBytes - this.usedBytes))),
      totalBytes: () => step(() => Number.MAX_SAFE_INTEGER),
      readText: path => step(() => inodeOf(path).current.bytes.toString()),
      lockDirectory: path =>
        step(() => {
          if (!this.#directories.has(path)) throw new Fault('DISK', `no directory ${path}`)
          if (this.#locks.get(path) === life)
            throw new Fault('DIRECTORY_IN_USE', `directory ${path} is in use`)
          this.#locks.set(path, life)
          return { release: async () => void this.#locks.delete(path) }
        }),
    }
  }

  #write(path: string, inode: Inode, bytes: Buffer, at: number): void {
    let fits = bytes.length
    let problem: string | null = null
    const grown = at + bytes.length - inode.current.length
    if (this.capacityBytes !== Infinity && grown > 0) {
      const free = Math.max(0, this.capacityBytes - this.usedBytes)
      if (grown > free) {
        fits = Math.max(0, bytes.length - (grown - free))
        problem = 'ENOSPC'
        this.happened.full++
      }
    }
    if (problem === null && this.#random.chance(this.writeFailures)) {
      fits = this.#random.below(bytes.length + 1)
      problem = 'EIO'
      this.happened.writeFailures++
    }
    if (fits > 0) {
      const write = { at, bytes: Buffer.from(bytes.subarray(0, fits)) }
      inode.current.write(write)
      inode.pending.push(write)
    }
    if (problem !== null) throw errorOf(problem, path)
  }

  #mayFailToRead(path: string): void {
    if (!this.#random.chance(this.readFailures)) return
    this.happened.readFailures++
    throw errorOf('EIO', path)
  }

  #sync(path: string, inode: Inode): void {
    if (this.#random.chance(this.syncFailures)) {
      this.happened.syncFailures++
      for (const write of inode.pending) if (this.#random.chance(0.3)) inode.durable.write(write)
      inode.pending = []
      throw errorOf('EIO', path)
    }
    for (const write of inode.pending) inode.durable.write(write)
    inode.pending = []
    if (inode.truncatedTo !== null) inode.durable = inode.current.copy()
    inode.truncatedTo = null
  }
}
