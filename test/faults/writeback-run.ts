// One write-back failure under a channel's process, ours or another that says the same words: it puts 200 events and
// says `ready`; the disk under the rest of its log fails; it hears of a line, puts from eight writers at once, and
// says what was acknowledged and what refused. Then what the disk has is read.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { FailingVolume } from './failing-volume.ts'

export interface Outcome {
  readonly acknowledged: readonly string[]
  readonly refused: readonly string[]
  /** What was inside when the disk was mounted again. */
  readonly there: readonly string[]
  /** Acknowledged, and the event's bytes are in no file of the log on the disk. */
  readonly erased: readonly string[]
  /** Whether the channel opened then and was read to its end. */
  readonly opened: boolean
  /** `well`, or what the channel said; null where it says nothing. */
  readonly health: string | null
  /** Why, where something ended early. */
  readonly said: string
}

export interface Program {
  readonly program: string
  readonly words: (directory: string, what: 'write' | 'read') => readonly string[]
  /** Name of the file that the log is written to, of those in the data directory. */
  readonly newest: (names: readonly string[]) => string
  readonly env?: Readonly<Record<string, string>>
}

export const millrace: Program = {
  program: process.execPath,
  words: (directory, what) => [new URL('writeback-writer.ts', import.meta.url).pathname, directory, what],
  newest: names =>
    names
      .filter(name => name.endsWith('.wal'))
      .toSorted()
      .at(-1)!,
}

export async function failWriteBack({ program, words, newest, env = {} }: Program): Promise<Outcome> {
  const volume = new FailingVolume()
  try {
    const directory = join(volume.mounted, 'channel')
    const live = async (what: 'write' | 'read'): Promise<{ lines: string[]; said: string }> => {
      const child = spawn(program, words(directory, what), { env: { ...process.env, ...env } })
      let said = ''
      child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
      const ended = once(child, 'close')
      const lines: string[] = []
      for await (const line of createInterface({ input: child.stdout })) {
        if (line === 'ready') {
          const data = join(directory, 'data')
          const bytes = volume.fail(join(data, newest(readdirSync(data))))
          if (bytes < 64 * 1024) throw new Error(`the disk fails under ${bytes} bytes only: too few`)
          child.stdin.write('go\n')
        }
        lines.push(line)
      }
      await ended
      return { lines, said }
    }
    const first = await live('write')
    volume.startAgain()
    const data = join(directory, 'data')
    const files = readdirSync(data)
      .filter(name => !name.endsWith('lock'))
      .map(name => readFileSync(join(data, name)))
    const second = await live('read')
    const of = (lines: readonly string[], word: string): string[] =>
      lines.filter(line => line.startsWith(`${word} `)).map(line => line.slice(word.length + 1))
    if (!first.lines.includes('end')) throw new Error(`the writer ended by itself: ${first.said}`)
    return {
      acknowledged: of(first.lines, 'acknowledged'),
      refused: of(first.lines, 'refused'),
      health: of(first.lines, 'health')[0] ?? null,
      erased: of(first.lines, 'acknowledged').filter(id => !files.some(file => file.includes(bodyOf(id)))),
      there: of(second.lines, 'there'),
      opened: second.lines.includes('end'),
      said: second.said,
    }
  } finally {
    volume.remove()
  }
}

/** As the writers make it. */
const bodyOf = (id: string): string => `${id} `.padEnd(id.startsWith('before') ? 100 : 6000, '.')

/** Acknowledged and not there. */
export const lostOf = ({ acknowledged, there }: Outcome): string[] => {
  const inside = new Set(there)
  return acknowledged.filter(id => !inside.has(id))
}

/** Refused and there. */
export const backOf = ({ refused, there }: Outcome): string[] => {
  const inside = new Set(there)
  return refused.filter(id => inside.has(id))
}
