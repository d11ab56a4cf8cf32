// A taildir source on a directory of its own, driven pass by pass: nothing sleeps or syncs, and the clock is moved on by hand.
import {
  mkdirSync,
  appendFileSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type { Source } from '../src/component.ts'
import type { Event } from '../src/event.ts'
import { taildirSource } from '../src/sources/taildir.ts'
import type { DiskFile, FileState } from '../src/system/disk.ts'
import { realSystem } from '../src/system/system.ts'
import { contextFor, optionsFor, type TestContext } from './context.ts'

interface Entry {
  readonly inode: string
  readonly pos: number
  readonly file: string
}

export class TailStage {
  readonly directory: string
  readonly #given: Record<string, unknown>
  #source: Source | null = null
  readonly #opened = new Map<string, number>()
  context!: TestContext
  /** All that were handed over and taken, and how many came together. */
  readonly events: Event[] = []
  readonly batches: number[] = []
  /** Awaited before events count as taken. */
  put: (events: readonly Event[]) => Promise<void> = async () => {}
  /** Paths that cannot be opened. */
  refuse: (path: string) => boolean = () => false
  inodeOf: ((state: FileState) => string) | null = null
  wallShiftMs = 0
  bytesRead = 0
  #shiftMs = 0

  /** Paths of groups are below the directory; there is one group `g` of `.*\.log` where nothing else is given. */
  constructor(directory: string, given: Record<string, unknown> = {}) {
    this.directory = directory
    this.#given = given
    mkdirSync(directory, { recursive: true })
  }

  path(name: string): string {
    return join(this.directory, name)
  }

  write(name: string, text: string): void {
    writeFileSync(this.path(name), text)
  }

  append(name: string, text: string): void {
    appendFileSync(this.path(name), text)
  }

  rename(from: string, to: string): void {
    renameSync(this.path(from), this.path(to))
  }

  remove(name: string): void {
    rmSync(this.path(name))
  }

  /** Makes its last change older, in seconds. */
  age(name: string, seconds: number): void {
    const { mtimeMs } = statSync(this.path(name))
    utimesSync(this.path(name), mtimeMs / 1000 - seconds, mtimeMs / 1000 - seconds)
  }

  /** Lets the file system's clock, which moves in steps of some ms, pass the last change of a file, if there is one. */
  untilLater(name: string): void {
    const changed = statSync(this.path(name), { throwIfNoEntry: false })?.mtimeMs ?? 0
    const probe = this.path('.probe')
    do writeFileSync(probe, '')
    while (statSync(probe).mtimeMs <= changed)
    rmSync(probe)
  }

  inode(name: string): string {
    return String(statSync(this.path(name), { bigint: true }).ino)
  }

  /** Makes files until one has this inode and gives it the name; false where none has. */
  untilInode(name: string, inode: string, text: string): boolean {
    const others: string[] = []
    for (let tries = 0; tries < 200; tries++) {
      const other = `.try-${tries}`
      this.write(other, text)
      others.push(other)
      if (this.inode(other) === inode) {
        this.rename(others.pop()!, name)
        break
      }
    }
    const isFound = others.length < 200
    for (const other of others) this.remove(other)
    return isFound
  }

  sleep(ms: number): void {
    this.#shiftMs += ms
  }

  openFiles(name: string): number {
    return this.#opened.get(this.path(name)) ?? 0
  }

  async start(): Promise<void> {
    const { clock, disk } = realSystem
    const stateOf = (state: FileState): FileState =>
      this.inodeOf === null || state.kind !== 'file' ? state : { ...state, inode: this.inodeOf(state) }
    const system = {
      ...realSystem,
      clock: {
        ...clock,
        now: () => clock.now() + this.wallShiftMs,
        monotonic: () => clock.monotonic() + this.#shiftMs,
        sleep: async () => {},
      },
      disk: {
        ...disk,
        syncDirectory: async () => {},
        stat: async (path: string) => stateOf(await disk.stat!(path)),
        open: async (path: string, mode: 'read' | 'write' | 'create' | 'append', isShared?: boolean) => {
          if (this.refuse(path)) throw Object.assign(new Error(`EACCES: ${path}`), { code: 'EACCES' })
          return this.#watched(await disk.open(path, mode, isShared), stateOf)
        },
      },
    }
    this.context = contextFor('SOURCE', 'r1', taildirSource.counters, { system })
    const given = { filegroups: ['g'], positionFile: this.path('positions.json'), ...this.#given }
    const groups = Object.entries((this.#given['filegroups.'] ?? { g: '.*\\.log' }) as Record<string, string>)
    const paths = Object.fromEntries(groups.map(([name, path]) => [name, `${this.directory}/${path}`]))
    const process = async (events: readonly Event[]) => {
      await this.put(events)
      this.events.push(...events)
      this.batches.push(events.length)
    }
    this.#source = taildirSource.create(optionsFor(taildirSource, { ...given, 'filegroups.': paths }), {
      ...this.context,
      processor: { process, processUntilAccepted: process },
    })
    await this.#source.start()
  }

  #watched(file: DiskFile, stateOf: (state: FileState) => FileState): DiskFile {
    const count = (by: number) => this.#opened.set(file.path, (this.#opened.get(file.path) ?? 0) + by)
    count(1)
    return {
      path: file.path,
      stat: async () => stateOf(await file.stat!()),
      size: () => file.size(),
      read: async (target, position) => {
        const bytes = await file.read(target, position)
        this.bytesRead += bytes
        return bytes
      },
      write: (bytes, position) => file.write(bytes, position),
      writeAll: (buffers, position) => file.writeAll(buffers, position),
      truncate: size => file.truncate(size),
      sync: async () => {},
      close: async () => {
        count(-1)
        await file.close()
      },
    }
  }

  /** One pass; gives the bodies of what was taken in it. */
  async pass(signal = new AbortController().signal): Promise<string[]> {
    const before = this.events.length
    await this.#source!.poll!(signal)
    return this.bodies().slice(before)
  }

  bodies(): string[] {
    return this.events.map(event => event.body.toString())
  }

  /** Passes by themselves until the file is open: a pass is under way that notices it. */
  async untilOpen(name: string): Promise<void> {
    while (this.openFiles(name) === 0) await new Promise<void>(resolve => realSystem.clock.soon(resolve))
  }

  async stop(): Promise<void> {
    await this.#source?.stop()
    this.#source = null
  }

  /** As a kill leaves it: nothing is written any more. */
  kill(): void {
    this.#source = null
  }

  positions(): Entry[] {
    const text = readFileSync(this.path('positions.json'), 'utf8')
    return JSON.parse(text.replaceAll(/"inode":(\d+)/g, '"inode":"$1"')) as Entry[]
  }
}

/** How many descriptors of this process lead into the directory. */
export function descriptorsBelow(directory: string): number {
  let count = 0
  for (const fd of readdirSync('/proc/self/fd'))
    try {
      if (dirname(readlinkSync(`/proc/self/fd/${fd}`)) === directory) count++
    } catch {
      // the one that the listing itself had open
    }
  return count
}
