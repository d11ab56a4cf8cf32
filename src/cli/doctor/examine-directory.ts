// The doctor's look at a directory: file channels of Millrace and of Flume in it, dead letters, logs, and the space on its
// disk. Nothing is changed; a channel that an agent has open is left to the look at that agent.
import { createReadStream } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { Checkpoint, checkpointName } from '../../channels/file/checkpoint.ts'
import { readMarks } from '../../channels/file/directory-mark.ts'
import { Fault, explanationOf } from '../../errors.ts'
import { countOf } from '../../printable.ts'
import type { Disk } from '../../system/disk.ts'
import { commandLine } from '../../system/launcher.ts'
import { damageText, howToRepair, readContent } from '../channel-content.ts'
import { channelKindOf, lockAll, type ChannelDirectories } from '../channel-directories.ts'
import { linesOf } from '../lines.ts'
import { examineLog } from './examine-log.ts'
import type { Finding } from './finding.ts'

const deepest = 4
const mostDirectories = 1000
/** Flume's minimumRequiredSpace. */
const leastFreeBytes = 524_288_000

interface Found {
  readonly data: { readonly path: string; readonly kind: ChannelDirectories['kind'] }[]
  readonly checkpoints: string[]
  readonly logs: string[]
  readonly letters: string[]
  directories: number
}

export async function examineDirectory(
  path: string,
  disk: Disk,
): Promise<{ readonly lookedAt: string[]; readonly findings: Finding[] }> {
  const found: Found = { data: [], checkpoints: [], logs: [], letters: [], directories: 0 }
  await walk(disk, path, 0, found)
  const lookedAt: string[] = []
  const findings: Finding[] = []
  for (const channel of await channelsOf(disk, found)) {
    const { note, problems } = await examineChannel(disk, channel)
    lookedAt.push(`file channel in ${channel.data.join(', ')} (${note})`)
    findings.push(...problems)
  }
  for (const checkpoint of found.checkpoints) findings.push(...(await absentOf(disk, checkpoint)))
  for (const file of found.letters) {
    lookedAt.push(`dead letters ${file}`)
    findings.push(...(await examineLetters(file)))
  }
  for (const file of found.logs) {
    lookedAt.push(`log ${file}`)
    findings.push(...(await examineLog(file, createReadStream(file))))
  }
  const free = await disk.freeBytes(path)
  if (free < leastFreeBytes)
    findings.push({
      severity: 'warning',
      problem: `The file system of ${path} is nearly full`,
      evidence: `${Math.floor(free / 1_048_576)} MiB are free`,
      fix: 'Free space before it is full: a full disk makes file channels refuse puts. Millrace goes on by itself when there is space.',
    })
  if (lookedAt.length === 0) lookedAt.push(`${path}, in which no channel, log or dead letter was found`)
  return { lookedAt, findings }
}

async function walk(disk: Disk, path: string, depth: number, found: Found): Promise<void> {
  if (++found.directories > mostDirectories) return
  // Of a directory that may not be read, and of what is a file, the caller's look shows more.
  const names = await disk.list(path)
  const kind = await channelKindOf(disk, path)
  if (kind !== null) found.data.push({ path, kind })
  if (names.includes(checkpointName)) found.checkpoints.push(path)
  for (const name of names) {
    const inside = join(path, name)
    if (/\.log(\.\d+)?$/.test(name)) found.logs.push(inside)
    else if (name.endsWith('.jsonl')) found.letters.push(inside)
    else if (kind === null && depth < deepest) await walk(disk, inside, depth + 1, found).catch(() => {})
  }
}

/** Several channels may lie side by side: ours know each other by their marks, Flume's by the directory around them. */
async function channelsOf(disk: Disk, { data, checkpoints }: Found): Promise<ChannelDirectories[]> {
  const groups = new Map<string, ChannelDirectories>()
  const ids = new Map<string, string>()
  for (const checkpoint of checkpoints) {
    const state = await new Checkpoint(disk, checkpoint).read().catch(() => null)
    if (state !== null) ids.set(state.channelId, checkpoint)
  }
  for (const { path, kind } of data) {
    const mark = kind === 'millrace' ? ((await readMarks(disk, [path]))[0]?.mark ?? null) : null
    const key = mark?.channel ?? `${kind} ${dirname(path)}`
    const before = groups.get(key)
    const others: string[] = []
    for (const one of mark?.directories ?? [])
      if (one.path !== path && (await readMarks(disk, [one.path]))[0]?.mark?.channel === mark?.channel)
        others.push(one.path)
    groups.set(key, {
      kind,
      data: [...new Set([...(before?.data ?? []), path, ...others])],
      checkpoint: before?.checkpoint ?? ids.get(key) ?? join(dirname(path), 'checkpoint'),
    })
  }
  return [...groups.values()]
}

async function examineChannel(
  disk: Disk,
  channel: ChannelDirectories,
): Promise<{ readonly note: string; readonly problems: Finding[] }> {
  const problems: Finding[] = []
  const words = channel.data
  const failed = (error: unknown): Finding => ({
    severity: 'problem',
    problem: `The file channel in ${words.join(', ')} cannot be read`,
    evidence: explanationOf(error),
    fix: error instanceof Fault ? error.remedy : 'Do what the message says.',
  })
  try {
    const lock = await lockAll(disk, channel, () => {})
    try {
      const content = await readContent(disk, channel, null)
      if (content.locked === null) for await (const _ of content.events());
      for (const one of content.damage)
        problems.push({
          severity: 'problem',
          problem: `A file of the channel is damaged or missing${content.lost > 0 ? `, which costs ${countOf(content.lost, 'event')}` : ''}`,
          evidence: damageText(one),
          fix: `Restore the files from a copy if you have one. ${content.inside} undelivered events can be read: ${howToRepair(channel)}.`,
        })
      const isStopped = content.ours?.segments.at(-1)?.isStopped ?? true
      return {
        note: `${countOf(content.inside, 'event')} inside${isStopped ? '' : ', not stopped cleanly'}${content.locked === null ? '' : ', encrypted'}`,
        problems,
      }
    } finally {
      await lock.release()
    }
  } catch (error) {
    if (error instanceof Fault && error.code === 'DIRECTORY_IN_USE')
      return { note: `not read: ${error.message}`, problems }
    return { note: 'cannot be read', problems: [failed(error)] }
  }
}

/** A checkpoint whose channel has data directories that are nowhere: not mounted, moved or removed. */
async function absentOf(disk: Disk, checkpoint: string): Promise<Finding[]> {
  const state = await new Checkpoint(disk, checkpoint).read().catch(() => null)
  const absent: string[] = []
  for (const { path } of state?.directories ?? []) if (!(await disk.exists(path))) absent.push(path)
  if (absent.length === 0) return []
  return [
    {
      severity: 'problem',
      problem: `A data directory of the channel is not where it was: ${absent.join(', ')}`,
      evidence: `${join(checkpoint, checkpointName)} names it`,
      fix: `Mount it or put it back, or name its new place in dataDirs. If it is lost, ${commandLine('millrace', 'channel', 'repair', '--accept-loss', '--checkpoint', checkpoint, 'DATADIR...')} opens the channel without it.`,
    },
  ]
}

async function examineLetters(file: string): Promise<Finding[]> {
  const kinds = new Map<string, { count: number; last: Record<string, unknown> }>()
  for await (const lines of linesOf(createReadStream(file)))
    for (const bytes of lines)
      try {
        const letter = JSON.parse(bytes.toString()) as Record<string, unknown>
        if (typeof letter['code'] !== 'string' || typeof letter['reason'] !== 'string') continue
        const key = `${String(letter['component'])} ${letter['code']}`
        kinds.set(key, { count: (kinds.get(key)?.count ?? 0) + 1, last: letter })
      } catch {
        // The line of a write that a crash cut off; its event follows in a line of its own.
      }
  return [...kinds.values()].map(({ count, last }) => ({
    severity: 'warning',
    problem: `${countOf(count, 'event')} of ${String(last['component'])} could not be delivered and ${count === 1 ? 'is' : 'are'} in ${basename(file)} (${String(last['code'])})`,
    evidence: `the last at ${String(last['time'])}: ${String(last['reason'])}`,
    fix: `Correct the cause, move the file away, and send it again: flume-ng avro-client -H HOST -p PORT -F ${file} --dead-letters.`,
  }))
}
