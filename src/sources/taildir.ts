// The taildir source: lines that are appended to files, wherever the files are renamed to.
import { defineSource, pathOf, type Say, type Surroundings } from '../component.ts'
import { flag, int, list, prefix, text, type OptionsOf } from '../fields.ts'
import { sourceCounters } from '../observe/counters.ts'
import { readGroupPath, type FileGroup } from './taildir/file-group.ts'
import { TailSource } from './taildir/tail-source.ts'

const options = {
  filegroups: list({ doc: 'Names of the groups of files, separated by blanks.', required: true }),
  'filegroups.': prefix({
    doc: 'filegroups.<g>: the files of group g: a directory, a slash and a Java regular expression that matches a whole file name. Names that begin with a dot are no exception.',
    example: '/var/log/app/.*\\\\.log',
    differs:
      'A directory that is missing is a condition of the source, which reads the other groups (Flume: the source does not start).',
  }),
  headers: prefix({ doc: 'headers.<g>.<name>: a header that every event of group g has.' }),
  positionFile: text({
    doc: 'File that keeps how far each file was read. Its directory is made where it is missing.',
    default: '~/.flume/taildir_position.json',
    differs: 'Replaced as a whole (Flume: rewritten in place).',
  }),
  batchSize: int({ doc: 'Most lines of one put.', default: 100, min: 1, unit: 'events' }),
  maxBatchCount: int(
    {
      doc: 'Most puts of one file before the others have their turn.',
      default: Number.MAX_SAFE_INTEGER,
      min: 1,
      since: '1.9',
      badValueMeansDefault: true,
    },
    'long',
  ),
  skipToEnd: flag({
    doc: 'Whether files that are there at the start and not in the position file are read from their end.',
    default: false,
  }),
  idleTimeout: int({
    doc: 'A file that has not changed for so long is closed, and a last line without a newline is handed over.',
    default: 120_000,
    min: 0,
    unit: 'ms',
  }),
  writePosInterval: int({
    doc: 'Longest time until positions that have changed are written.',
    default: 3000,
    min: 0,
    unit: 'ms',
    differs: 'They are written as well when 8 MiB of lines were handed over since.',
  }),
  byteOffsetHeader: flag({
    doc: 'Whether events have a header `byteoffset`: where in the file the line begins.',
    default: false,
  }),
  fileHeader: flag({ doc: 'Whether events have a header with the path of their file.', default: false }),
  fileHeaderKey: text({ doc: 'Name of that header.', default: 'file' }),
  cachePatternMatching: flag({
    doc: 'Whether a directory is listed again only when it has changed.',
    default: true,
  }),
  maxLineBytes: int({
    doc: 'Longest line. A longer one is handed over in parts of so many bytes, each an event, cut between characters of UTF-8; `lines_cut` counts them.',
    default: 16 * 1024 * 1024,
    min: 1,
    max: 1024 * 1024 * 1024,
    unit: 'bytes',
    since: 'ours',
  }),
  backoffSleepIncrement: int({
    doc: 'Has no effect: the time between two looks at the files depends on how long a look takes.',
    default: 1000,
    unit: 'ms',
  }),
  maxBackoffSleep: int({
    doc: 'Longest time between two looks at the files. It begins at 0.1 s and grows to 0.4 s while nothing is found; it is at least 19 times as long as a look takes.',
    default: 5000,
    min: 1,
    unit: 'ms',
  }),
}
type Options = OptionsOf<typeof options>

export const taildirSource = defineSource({
  type: 'taildir',
  aliases: ['org.apache.flume.source.taildir.TaildirSource'],
  summary: 'Follows files that are appended to, and turns every line into an event.',
  description: `A line ends in LF; one CR before it is no part of it. The body is the line's bytes as they are, in whatever
character set. A line without its newline waits for it, until the file has not changed for \`idleTimeout\`. Directories,
pipes, sockets and devices are not read; a link is followed to its file. Files are read in the order of their last changes,
each to the size that it had when it was looked at.

The position file is Flume's: stop Flume, start Millrace with the same file, and each file is continued where Flume stopped; and
the other way round. Positions are those of lines that every required channel has taken. After a kill, the lines since the
last write of the position file come again: those of \`writePosInterval\`, but no more than 20 MiB (8 MiB, and twice what may be
under way: 4 MiB and a put). With several required channels, or interceptors that drop lines, the same lines are meant.

| what happens to a file | Millrace | Flume 1.11 |
|---|---|---|
| renamed to a name of a group | goes on where it was | read again from its beginning |
| renamed to another name in its directory | read to its end, then left | the same while it is open, else left |
| renamed so while the agent was stopped | read to its end where the new name begins with the old one | left |
| deleted | read to its end while it is open | the same |
| replaced by a file with the same inode | read from its beginning, where the file system knows when files were made | goes on at the old position |
| truncated | read from its beginning | the same |
| truncated and filled again beyond the position | read from its beginning: the 64 bytes before the position are compared | goes on at the old position |
| two names of one file, both of a group | read once | read again and again |
| cannot be read | the others are; the condition \`unreadable\` names it | none is read |
| the position file is damaged | entries that are whole count, files without one are read from their beginning; the damaged file is kept beside it as \`.damaged\` | entries before the damage count |

Lines that are written between the copy and the truncation of a \`copytruncate\` rotation are lost before any reader sees
them: rotate by renaming.`,
  counters: sourceCounters,
  options,
  batchSize: given => given.batchSize,
  check(given, say) {
    groupsOf(given, say)
  },
  claims: (given, { home }: Surroundings) => [`file ${pathOf(given.positionFile, home)}`],
  async examine(given, say, { system: { disk }, home }) {
    const path = pathOf(given.positionFile, home)
    const obstacle = (await disk.obstacleAt?.(path, 'written file')) ?? null
    if (obstacle !== null)
      say.error(
        'positionFile',
        `file ${path} cannot be used: ${obstacle}`,
        'name one that the user of the agent may make and write',
      )
    for (const { name, directory } of groupsOf(given)) {
      const isMissing = (await disk.obstacleAt?.(directory, 'read directory')) ?? null
      if (isMissing !== null)
        say.warning(
          `filegroups.${name}`,
          `its files are not read at present: ${isMissing}`,
          'make the directory, or correct the path: only what follows the last slash is an expression',
        )
    }
  },
  create(given, context) {
    return new TailSource(
      {
        groups: groupsOf(given),
        positionFile: pathOf(given.positionFile, context.home),
        batchSize: given.batchSize,
        maxBatchCount: given.maxBatchCount,
        skipToEnd: given.skipToEnd,
        idleMs: given.idleTimeout,
        writePositionsMs: given.writePosInterval,
        offsetHeader: given.byteOffsetHeader ? 'byteoffset' : null,
        fileHeader: given.fileHeader ? given.fileHeaderKey : null,
        cachesListings: given.cachePatternMatching,
        maxLineBytes: given.maxLineBytes,
        mostRestMs: given.maxBackoffSleep,
      },
      context,
    )
  },
})

/** In the order in which they are named; one that cannot be read is left out, and reported where there is a `say`. */
function groupsOf(given: Options, say?: Say): FileGroup[] {
  const { filegroups, 'filegroups.': paths, headers } = given
  const groups: FileGroup[] = []
  for (const name of new Set(filegroups)) {
    const path = paths[name]
    const key = `filegroups.${name}`
    if (path === undefined) {
      say?.warning(
        'filegroups',
        `names ${name}, of which there is no ${key}`,
        `write ${key}, or leave ${name} out`,
      )
      continue
    }
    const read = readGroupPath(path)
    if ('problem' in read) {
      say?.error(key, read.problem, read.fix)
      continue
    }
    const own = Object.entries(headers).filter(([header]) => header.startsWith(`${name}.`))
    groups.push({
      name,
      ...read,
      headers: own.map(([header, value]) => [header.slice(name.length + 1), value] as const),
    })
  }
  if (say === undefined) return groups
  if (!filegroups.some(name => paths[name] !== undefined))
    say.error(
      'filegroups',
      'names no group of which there is a path',
      'write filegroups.<g> for each group g',
    )
  for (const name of Object.keys(paths))
    if (!filegroups.includes(name))
      say.warning(
        `filegroups.${name}`,
        'has no effect: filegroups does not name it',
        `add ${name} to filegroups`,
      )
  for (const header of Object.keys(headers)) {
    const key = `headers.${header}`
    if (!header.includes('.')) say.error(key, 'names no group', 'write headers.<g>.<name> for each group g')
    else if (!filegroups.some(name => header.startsWith(`${name}.`)))
      say.warning(key, 'has no effect: filegroups does not name its group', 'correct the name of the group')
  }
  return groups
}
