// The spooling directory source: files that are put into a directory whole become events, and are marked as read.
import { resolve } from 'node:path'
import { defineSource, pathOf } from '../component.ts'
import { sourceCounters } from '../observe/counters.ts'
import { spoolOptions } from './spooldir/spool-options.ts'
import { SpoolSource } from './spooldir/spool-source.ts'

export const spooldirSource = defineSource({
  type: 'spooldir',
  aliases: ['org.apache.flume.source.SpoolDirectorySource'],
  summary: 'Reads the files that are put into a directory, and marks those that were read.',
  description: `A file must be complete when it appears in the directory, and never change: write it elsewhere on the same file system, and
rename it into the directory, under a name that was not used before.

Every event is delivered at least once. The position in the file of the moment is noted after each batch that the channel has taken, in
\`.flumespool-main.meta\` of \`trackerDir\`, in Flume's own form: Millrace goes on where a stopped Flume has left a file, and Flume where
Millrace has. After a kill at most one batch comes twice (\`AVRO\`: the events since the beginning of the block, and a batch); after a power
cut also what was read since the last position that the system had written to the disk.

**A file that breaks the rules is set aside**, with a line in the log and a condition that keeps health red: it changed while it was read, a
file of its name with the suffix is there, or its content cannot be read (\`decodeErrorPolicy = FAIL\`, a damaged Avro container). It stays where it is, and
the source goes on with the other files (Flume reads nothing more until it is restarted). What was read of it is in the channel; the rest is not.
Restarts do not read it again, but for a file whose content could not be read, which is tried once more from the place where it failed. Move the file away to end
the condition; under a new name, or as another file of the same name, it is read from its beginning.

\`LINE\`: lines end at LF; a CR before it stays. A line of exactly \`deserializer.maxLineLength\` characters, or a multiple, is followed by an
empty event, as in Flume. An empty file is one event with an empty body. Files that are not regular files are passed over.
\`AVRO\` reads blocks packed by deflate, snappy and zstandard, of up to 128 MiB; the bodies are the bytes of the file.`,
  counters: sourceCounters,
  options: spoolOptions,
  deprecated: { bufferMaxLineLength: { to: 'deserializer.maxLineLength' } },
  withoutEffect: { bufferMaxLines: 'Flume has not read it since 1.3' },
  batchSize: given => given.batchSize,
  check(given, say) {
    if (given.fileSuffix === '' && given.deletePolicy === 'never')
      say.error('fileSuffix', 'is empty, and no file could be told from one that was read', 'write a suffix')
    if (given.fileSuffix.includes('/'))
      say.error('fileSuffix', 'is part of a file name and holds a slash', 'write it without one')
  },
  claims: (given, { home }) => [`directory ${pathOf(given.spoolDir, home)}`],
  async examine(given, say, { system, home }) {
    const path = pathOf(given.spoolDir, home)
    const isOnlyRead = given.trackingPolicy === 'tracker_dir' && given.deletePolicy === 'never'
    const obstacle = await system.disk.obstacleAt?.(path, isOnlyRead ? 'read directory' : 'directory')
    if (obstacle !== null && obstacle !== undefined)
      say.error('spoolDir', obstacle, 'make the directory, with rights for the user of the agent')
    const tracker = resolve(path, given.trackerDir)
    const trackerObstacle = await system.disk.obstacleAt?.(tracker, 'new directory')
    if (trackerObstacle !== null && trackerObstacle !== undefined && obstacle === null)
      say.error('trackerDir', trackerObstacle, 'give a directory that the user of the agent may write into')
  },
  create: (given, context) => new SpoolSource(given, context),
})
