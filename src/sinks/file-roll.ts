// The file_roll sink: events into files of a directory, a new file after each interval.
//
// Batches that are handed over while a write is under way are written and synced together. A batch is
// delivered when its bytes are on stable storage and its file's name is.
import { join, resolve } from 'node:path'
import { defineSink, type CountedContext, type SessionSink, type SinkSession } from '../component.ts'
import { Fault, messageOf, diskFault } from '../errors.ts'
import type { Event } from '../event.ts'
import { int, text } from '../fields.ts'
import { sinkCounters } from '../observe/counters.ts'
import type { Serializer } from '../serializers/contract.ts'
import { makeSerializer, serializerField, serializerFields } from '../serializers/serializer.ts'
import { isAway } from '../storage/file-place.ts'
import type { Timer } from '../system/clock.ts'
import type { Disk, DiskFile } from '../system/disk.ts'
import { Pace } from '../system/pace.ts'
import { fileNames, pathManagerField } from './file-roll-names.ts'
import { GroupedDeliveries } from './grouped-deliveries.ts'

/** Batches under way at once. */
const batchesUnderWay = 16

export const fileRollSink = defineSink({
  type: 'file_roll',
  aliases: ['org.apache.flume.sink.RollingFileSink'],
  summary: 'Writes events to files of a local directory, a new file after each interval.',
  description: `Events are on stable storage before they leave the channel. What a failed write left behind is written over;
events can come twice only when the process or the disk dies between a write and the channel's record of it.

Differences from Flume: a file is created with its first event, so an idle sink leaves no empty files, and it is closed when
its interval ends also where no event follows; a file that exists is never overwritten (Flume truncates it), the next number
is taken; a file that is removed or renamed while it is written is followed by another one, and a batch that would be
gone with it is written there (Flume goes on writing to it); a directory that is missing refuses the start (Flume retries
for ever).

Serializers (\`sink.serializer\`): \`text\` writes the body, \`header_and_text\` writes \`{k=v, k2=v2} \` and the body, \`avro_event\`
an Avro container of records with headers and body. A serializer class of one's own is not supported.`,
  counters: sinkCounters,
  options: {
    'sink.directory': text({ doc: 'Where the files go; it must exist.', required: true }),
    'sink.rollInterval': int({
      doc: 'How long a file is written to; 0 for ever.',
      default: 30,
      min: 0,
      unit: 's',
    }),
    'sink.pathManager': pathManagerField({
      doc: '`DEFAULT` names files `<prefix><start in ms>-<n>`, `ROLLTIME` `<prefix><yyyyMMddHHmmss>-<n>`.',
      default: 'DEFAULT',
    }),
    'sink.pathManager.prefix': text({ doc: 'Start of every file name.', default: '' }),
    'sink.pathManager.extension': text({ doc: 'End of every file name, without the dot.', default: '' }),
    'sink.serializer': serializerField({ doc: 'How events are laid out; see above.', default: 'TEXT' }),
    'sink.serializer.appendNewline': serializerFields.appendNewline,
    'sink.serializer.syncIntervalBytes': serializerFields.syncIntervalBytes,
    'sink.serializer.compressionCodec': serializerFields.compressionCodec,
    'sink.batchSize': int({ doc: 'Most events of one transaction.', default: 100, min: 1, unit: 'events' }),
  },
  check(options, say) {
    for (const key of ['sink.pathManager.prefix', 'sink.pathManager.extension'] as const)
      if (options[key].includes('/'))
        say.error(key, 'is part of a file name and holds a slash', 'write it without one')
  },
  batchSize: options => options['sink.batchSize'],
  async examine(options, say, { system }) {
    const obstacle = await obstacleIn(system.disk, options['sink.directory'])
    if (obstacle !== null)
      say.error('sink.directory', obstacle, 'make the directory, with rights for the user of the agent')
  },
  create(options, context) {
    const { clock, random } = context.system
    const names = fileNames(
      {
        manager: options['sink.pathManager'],
        prefix: options['sink.pathManager.prefix'],
        extension: options['sink.pathManager.extension'],
      },
      clock.now(),
    )
    return new FileRollSink({
      directory: options['sink.directory'],
      rollIntervalMs: options['sink.rollInterval'] * 1000,
      batchSize: options['sink.batchSize'],
      nextName: () => names(clock.now()),
      newSerializer: () =>
        makeSerializer(
          options['sink.serializer'],
          {
            appendNewline: options['sink.serializer.appendNewline'],
            syncIntervalBytes: options['sink.serializer.syncIntervalBytes'],
            compressionCodec: options['sink.serializer.compressionCodec'],
          },
          random,
        ),
      context,
    })
  },
})

interface Parts {
  readonly directory: string
  readonly rollIntervalMs: number
  readonly batchSize: number
  readonly nextName: () => string
  readonly newSerializer: () => Serializer
  readonly context: CountedContext
}

interface OpenFile {
  readonly file: DiskFile
  readonly serializer: Serializer
  readonly timer: Timer | null
  /** Where the next batch goes: the end of what is synced. */
  position: number
}

class FileRollSink implements SessionSink {
  readonly batchSize: number
  readonly window = batchesUnderWay
  readonly #parts: Parts
  readonly #pace: Pace
  readonly #deliveries: GroupedDeliveries
  #open: OpenFile | null = null

  constructor(parts: Parts) {
    this.batchSize = parts.batchSize
    this.#parts = parts
    this.#pace = new Pace(parts.context.system.clock)
    this.#deliveries = new GroupedDeliveries({
      counters: parts.context.counters,
      write: batches => this.#write(batches),
      tend: () => this.#close(),
    })
  }

  async start(): Promise<void> {
    const { directory, context } = this.#parts
    const obstacle = await obstacleIn(context.system.disk, directory)
    if (obstacle !== null) throw new Fault('DISK', `sink.directory cannot be used: ${obstacle}`)
  }

  async stop(): Promise<void> {
    await this.#deliveries.tend()
  }

  open(): SinkSession {
    return this.#deliveries.open()
  }

  async #write(batches: readonly (readonly Event[])[]): Promise<{ delivered: number }> {
    const open = (this.#open ??= await this.#create())
    const { file, serializer, position } = open
    const parts: Buffer[] = []
    for (const events of batches) parts.push(await this.#pace.run(serializer.encode(events)))
    const bytes = Buffer.concat(position === 0 ? [serializer.head, ...parts] : parts)
    try {
      await file.write(bytes, position)
    } catch (error) {
      // The next try writes over what is left of this one; cut off, so that no reader sees half an event.
      await file.truncate(position).catch(() => {})
      throw diskFault(`cannot write to ${file.path}`, error)
    }
    try {
      await file.sync()
    } catch (error) {
      // After a failed sync nobody knows what the file holds beyond this point: go on in another.
      await file.truncate(position).catch(() => {})
      await this.#close()
      throw diskFault(`cannot sync ${file.path}`, error)
    }
    if (await isAway(file, file.path)) {
      // The next batch goes to another one; so does this one, where it would be gone with the file.
      const isRemoved = await file.isRemoved?.().catch(() => false)
      await this.#close()
      if (isRemoved === true) throw new Fault('DISK', `${file.path} was removed while it was written`)
    }
    open.position = position + bytes.length
    return { delivered: batches.length }
  }

  /** A new file under the next name that is free. */
  async #create(): Promise<OpenFile> {
    const { directory, rollIntervalMs, nextName, newSerializer, context } = this.#parts
    const { disk, clock } = context.system
    for (;;) {
      const path = join(directory, nextName())
      try {
        const file = await disk.open(path, 'create', true)
        await disk.syncDirectory(directory)
        context.counters.add('ConnectionCreatedCount')
        const roll = () => void this.#deliveries.tend()
        const timer = rollIntervalMs === 0 ? null : clock.after(rollIntervalMs, roll, { background: true })
        return { file, serializer: newSerializer(), timer, position: 0 }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue
        context.counters.add('ConnectionFailedCount')
        throw diskFault(`cannot create ${path}`, error)
      }
    }
  }

  async #close(): Promise<void> {
    const open = this.#open
    this.#open = null
    if (open === null) return
    open.timer?.cancel()
    await open.file.close().catch((error: unknown) => {
      this.#parts.context.log.warn(`closing ${open.file.path}: ${messageOf(error)}`)
    })
    this.#parts.context.counters.add('ConnectionClosedCount')
  }
}

/** Why files cannot be made there, as a clause; null where they can. */
const obstacleIn = async (disk: Disk, directory: string): Promise<string | null> =>
  (await disk.obstacleAt?.(resolve(directory), 'directory')) ?? null
