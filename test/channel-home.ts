// File channels on real directories of which tests take parts away: filled, drained, killed, refused.
import assert from 'node:assert/strict'
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Channel } from '../src/component.ts'
import { acceptLoss } from '../src/channels/file/tools/copy.ts'
import { fileChannel } from '../src/channels/file.ts'
import { explanationOf } from '../src/errors.ts'
import { Event } from '../src/event.ts'
import { realSystem } from '../src/system/system.ts'
import { contextFor, optionsFor, type TestContext } from './context.ts'
import { rejectsWith } from './contracts/channel-events.ts'

const never = new AbortController().signal
const cleanups: (() => Promise<unknown>)[] = []

/** Stops channels and removes directories. */
export async function cleanUp(): Promise<void> {
  for (const clean of cleanups.splice(0).toReversed()) await clean()
}

/** A few dozen fill a segment of the least size. */
const filler = 'x'.repeat(1000)
export const eventOf = (number: number): Event => Event.of({ n: String(number) }, filler)
export const range = (from: number, end: number): number[] =>
  Array.from({ length: end - from }, (_, index) => from + index)

/** Where a channel has its directories. */
export class Home {
  readonly path: string
  context!: TestContext

  constructor(path: string) {
    this.path = path
  }

  static async make(): Promise<Home> {
    const path = await mkdtemp(join(tmpdir(), 'millrace-missing-'))
    cleanups.push(() => rm(path, { recursive: true, force: true }))
    return new Home(path)
  }

  at(name: string): string {
    return join(this.path, name)
  }

  channel(dataDirs: readonly string[], checkpointDir = 'c'): Channel {
    this.context = contextFor('CHANNEL', 'c1', fileChannel.counters)
    const options = optionsFor(fileChannel, {
      checkpointDir: this.at(checkpointDir),
      dataDirs: dataDirs.map(one => this.at(one)),
      minimumRequiredSpace: 0,
      maxFileSize: 1,
    })
    return fileChannel.create(options, this.context)
  }

  async open(dataDirs: readonly string[], checkpointDir?: string): Promise<Channel> {
    const channel = this.channel(dataDirs, checkpointDir)
    await channel.start()
    cleanups.push(() => channel.stop())
    return channel
  }

  /** Puts events `from` to `end` and stops. */
  async keep(dataDirs: readonly string[], from: number, end: number, checkpointDir?: string): Promise<void> {
    const channel = await this.open(dataDirs, checkpointDir)
    await put(channel, from, end)
    await channel.stop()
  }

  /** The numbers inside; takes them. */
  async drain(dataDirs: readonly string[], checkpointDir?: string): Promise<number[]> {
    const channel = await this.open(dataDirs, checkpointDir)
    const found = await take(channel, channel.size)
    await channel.stop()
    return found
  }

  /** Refuses to open, says why, and leaves everything as it was. */
  async refuses(dataDirs: readonly string[], pattern: RegExp, code?: 'FOREIGN_FILES'): Promise<string> {
    const before = await this.picture()
    const channel = this.channel(dataDirs)
    let message = ''
    await rejectsWith(
      code ?? 'STATE_MISSING',
      channel.start().catch((error: Error) => {
        message = explanationOf(error)
        throw error
      }),
      pattern,
    )
    await channel.stop()
    assert.deepEqual(await this.picture(), before)
    return message
  }

  /** Every name below, with the bytes of small files. */
  async picture(): Promise<Record<string, string>> {
    const found: Record<string, string> = {}
    for (const entry of await readdir(this.path, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name)
      // A spare's content means nothing.
      if (entry.name.endsWith('.lock') || entry.name.includes('spare')) continue
      found[path] = entry.isFile() ? (await readFile(path)).toString('base64') : ''
    }
    return found
  }

  async accept(dataDirs: readonly string[]): Promise<number> {
    const dataDirectories = dataDirs.map(one => this.at(one))
    return await acceptLoss(realSystem, { checkpointDirectory: this.at('c'), dataDirectories }, null)
  }

  async segments(directory: string): Promise<number[]> {
    return (await readdir(this.at(directory)))
      .flatMap(name => /^millrace-(\d+)\.wal$/.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((one, other) => one - other)
  }

  /** As a kill leaves it; the channel there runs on, and may remove an emptied segment while it is copied. */
  async killed(): Promise<Home> {
    for (let tries = 1; ; tries++) {
      const home = await Home.make()
      const isCopied = await cp(this.path, home.path, {
        recursive: true,
        filter: source => !source.endsWith('.lock'),
      }).then(
        () => true,
        (error: NodeJS.ErrnoException) => {
          if (error.code !== 'ENOENT' || tries > 100) throw error
          return false
        },
      )
      if (isCopied) return home
    }
  }
}

export async function put(channel: Channel, from: number, end: number): Promise<void> {
  for (let at = from; at < end; at += 10) await channel.put(range(at, Math.min(end, at + 10)).map(eventOf))
}

export async function take(channel: Channel, count: number): Promise<number[]> {
  const found: number[] = []
  while (found.length < count) {
    const batch = (await channel.take({ events: count - found.length }, never))!
    found.push(...batch.events.map(event => Number(event.headers.get('n'))))
    await batch.commit()
  }
  return found
}
