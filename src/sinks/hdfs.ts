// The HDFS sink: events into files of HDFS, by WebHDFS, or of the local disk, in directories that escapes name.
//
// Batches that are handed over while others are written are written together. A batch is delivered when the store has
// its events: a DataNode's answer, or the sync of a local file.
import { defineSink, type CountedContext, type SessionSink, type SinkSession } from '../component.ts'
import { DeliveryFault } from '../delivery-fault.ts'
import { Fault, messageOf } from '../errors.ts'
import type { Event } from '../event.ts'
import { choice, flag, int, list, text, type OptionsOf } from '../fields.ts'
import { compileEscapes, hostOf, type EscapeOptions } from '../java/escapes.ts'
import { zoneOffset } from '../java/zone-offset.ts'
import { sinkCounters } from '../observe/counters.ts'
import { codecField } from '../serializers/hadoop-codecs.ts'
import { sequenceFile } from '../serializers/sequence-file.ts'
import { makeSerializer, serializerField, serializerFields } from '../serializers/serializer.ts'
import { environmentVariable, userName } from '../system/environment.ts'
import { Pace } from '../system/pace.ts'
import { GroupedDeliveries } from './grouped-deliveries.ts'
import { BucketFiles, type FileFormat } from './hdfs/bucket-files.ts'
import { LocalStore, type FileStore } from './hdfs/file-store.ts'
import { WebHdfs } from './hdfs/webhdfs.ts'

/** Batches under way at once. */
const batchesUnderWay = 16
/** How long a stop waits for files to be closed. */
const stopPatienceMs = 3000
/** Where NameNodes listen for HTTP if nothing else is set (hdfs-default.xml of Hadoop 3). */
const nameNodePort = 9870

const options = {
  'hdfs.path': text({
    doc: 'Directory of the files, with escapes: `hdfs://host/path`, `webhdfs://host:port/path`, `swebhdfs://…` (HTTPS), `file:///path`, or a path alone.',
    required: true,
    example: 'hdfs://namenode/flume/%Y-%m-%d',
    differs:
      'HDFS is reached by WebHDFS. A path alone is on the local disk (Flume: where `fs.defaultFS` of `core-site.xml` says), or in the file system of `hdfs.webHdfs`.',
  }),
  'hdfs.webHdfs': list({
    doc: `HTTP address of the NameNode, or of an HttpFS; with several, the active one is found. Absent: port ${nameNodePort} of the host in \`hdfs.path\`.`,
    separator: ',',
    example: 'http://nn1:9870, http://nn2:9870',
    since: 'ours',
  }),
  'hdfs.delegationToken': text({
    doc: 'Token in place of the name of the user, as `hdfs fetchdt --print` prints it; for a cluster with Kerberos.',
    secret: true,
    since: 'ours',
  }),
  'hdfs.proxyUser': text({ doc: 'User to write as, where the user of the agent may act for it.' }),
  'hdfs.filePrefix': text({ doc: 'Start of every file name, with escapes.', default: 'FlumeData' }),
  'hdfs.fileSuffix': text({
    doc: "End of every file name, with its dot; the codec's extension where it is absent.",
    default: '',
  }),
  'hdfs.inUsePrefix': text({ doc: 'Start of the name while a file is written.', default: '' }),
  'hdfs.inUseSuffix': text({ doc: 'End of the name while a file is written.', default: '.tmp' }),
  'hdfs.emptyInUseSuffix': flag({ doc: '`hdfs.inUseSuffix` is empty.', default: false, since: '1.9' }),
  'hdfs.rollInterval': int({
    doc: 'Age at which a file is closed; 0: never.',
    default: 30,
    min: 0,
    unit: 's',
  }),
  'hdfs.rollSize': int(
    {
      doc: 'Bytes of bodies after which the next event goes to another file; 0: any number.',
      default: 1024,
      min: 0,
      unit: 'bytes',
    },
    'long',
  ),
  'hdfs.rollCount': int(
    {
      doc: 'Events after which the next one goes to another file; 0: any number.',
      default: 10,
      min: 0,
      unit: 'events',
    },
    'long',
  ),
  'hdfs.idleTimeout': int({
    doc: 'A file that takes nothing for so long is closed; 0: never.',
    default: 0,
    min: 0,
    unit: 's',
  }),
  'hdfs.batchSize': int({ doc: 'Most events of one transaction.', default: 100, min: 1, unit: 'events' }),
  'hdfs.codeC': codecField({
    doc: 'Compression of files of the types `SequenceFile` (in blocks) and `CompressedStream`.',
    differs: 'bzip2, lzo and lzop cannot be written.',
  }),
  'hdfs.fileType': choice(['SequenceFile', 'DataStream', 'CompressedStream'], {
    doc: '`SequenceFile` holds records of time and body; `DataStream` and `CompressedStream` what the serializer writes.',
    default: 'SequenceFile',
  }),
  'hdfs.writeFormat': choice(['Writable', 'Text'], {
    doc: 'What the values of a SequenceFile are: `BytesWritable` or `Text`.',
    default: 'Writable',
  }),
  'hdfs.maxOpenFiles': int({
    doc: 'With more, the file that was not written to for the longest time is closed.',
    default: 5000,
    min: 1,
  }),
  'hdfs.callTimeout': int({
    doc: 'Longest time for one call to HDFS; 0: any.',
    default: 30_000,
    min: 0,
    unit: 'ms',
  }),
  'hdfs.round': flag({ doc: 'Rounds the time in escapes down.', default: false }),
  'hdfs.roundValue': int({ doc: 'To a multiple of this, 60 or 24 at most.', default: 1, min: 1, max: 60 }),
  'hdfs.roundUnit': choice(['second', 'minute', 'hour'], {
    doc: 'Unit of `hdfs.roundValue`.',
    default: 'second',
  }),
  'hdfs.timeZone': text({
    doc: 'Time zone of the escapes, such as `America/Los_Angeles`; that of the machine where it is absent.',
  }),
  'hdfs.useLocalTimeStamp': flag({
    doc: 'Escapes take the present time in place of the header `timestamp`.',
    default: false,
  }),
  'hdfs.closeTries': int({
    doc: 'How often a closed file is renamed in vain before it keeps its name; 0: it is never given up.',
    default: 0,
  }),
  'hdfs.retryInterval': int({
    doc: 'Time between these tries; 0: one try.',
    default: 180,
    min: 0,
    unit: 's',
  }),
  serializer: serializerField({ doc: 'How the stream types lay out events; see above.', default: 'TEXT' }),
  'serializer.appendNewline': serializerFields.appendNewline,
  'serializer.syncIntervalBytes': serializerFields.syncIntervalBytes,
  'serializer.compressionCodec': serializerFields.compressionCodec,
}
type Options = OptionsOf<typeof options>

export const hdfsSink = defineSink({
  type: 'hdfs',
  aliases: ['org.apache.flume.sink.hdfs.HDFSEventSink'],
  summary: 'Writes events to files of HDFS, by WebHDFS, or of the local disk.',
  description: `Files are named, rolled and laid out as in Flume. An event leaves the channel when HDFS has acknowledged it: each
group of batches is one append, which opens and closes the file, so that a killed agent leaves no lease behind. What was
in flight at a kill or at a call that failed comes again, in another file; the file of before keeps its in-use name after
a kill or a creation that failed, as in Flume, and gets its own after an append that failed. Files are created with their first events.

**Reaching HDFS.** Hadoop's own protocol is not spoken: the NameNode's HTTP port must be reachable (\`dfs.webhdfs.enabled\`, on
by default; port 9870, in Hadoop 2 50070), and the DataNodes by the names that they are known by there; or an HttpFS. The
port in \`hdfs://host:8020/path\` is that of the other protocol and has no meaning here. For a name service of several NameNodes
write their addresses in \`hdfs.webHdfs\`. The user is that of the agent's process, or \`HADOOP_USER_NAME\`. Kerberos is not
spoken: write \`hdfs.delegationToken\`.

Escapes in \`hdfs.path\` and \`hdfs.filePrefix\`: \`%{header}\`, \`%Y %m %d %H %M %S\` and the others of Flume. They need the header
\`timestamp\` or \`hdfs.useLocalTimeStamp\`; an event without it can never be delivered, and is isolated (Flume repeats its batch
for ever).

Serializers: \`text\` writes the body, \`header_and_text\` writes \`{k=v, k2=v2} \` and the body, \`avro_event\` an Avro container
of records with headers and body. A serializer class of one's own is not supported, nor is \`AvroEventSerializer\`.`,
  counters: sinkCounters,
  options,
  withoutEffect: {
    'hdfs.threadsPoolSize': 'calls do not take threads here',
    'hdfs.rollTimerPoolSize': 'timers do not take threads here',
    'hdfs.minBlockReplicas': 'each append is acknowledged by the replicas that the cluster asks for',
  },
  refused: {
    'hdfs.kerberosPrincipal':
      'Kerberos is not spoken to HDFS. Write hdfs.delegationToken with a token of hdfs fetchdt, or use an HttpFS that does not ask for Kerberos',
    'hdfs.kerberosKeytab':
      'Kerberos is not spoken to HDFS. Write hdfs.delegationToken with a token of hdfs fetchdt, or use an HttpFS that does not ask for Kerberos',
  },
  check(given, say) {
    const { 'hdfs.fileType': type, 'hdfs.codeC': codec } = given
    if (type === 'DataStream' && codec !== undefined)
      say.error(
        'hdfs.codeC',
        'a DataStream is not compressed',
        'remove it, or write hdfs.fileType = CompressedStream',
      )
    if (type === 'CompressedStream' && codec === undefined)
      say.error('hdfs.fileType', 'a CompressedStream needs hdfs.codeC', 'add it, for example gzip')
    if (given['hdfs.roundUnit'] === 'hour' && given['hdfs.roundValue'] > 24)
      say.error('hdfs.roundValue', 'a day has 24 hours', 'write a number from 1 to 24')
    const place = placeOf(given)
    if ('problem' in place) say.error(place.key, place.problem, place.fix)
    else if (place.servers === null && !given['hdfs.path'].startsWith('file:'))
      say.warning(
        'hdfs.path',
        'is a path without a file system, so that files are written to the local disk',
        'write hdfs://host/path for HDFS; for the local disk write file:// in front, and this warning is gone',
      )
    for (const key of ['hdfs.fileSuffix', 'hdfs.inUsePrefix', 'hdfs.inUseSuffix'] as const)
      if (given[key].includes('/'))
        say.error(key, 'is part of a file name and holds a slash', 'write directories in hdfs.path')
    const zone = given['hdfs.timeZone']
    try {
      zoneOffset(zone)
    } catch {
      say.error('hdfs.timeZone', `there is no time zone ${zone}`, 'write a name such as Europe/Berlin')
      return
    }
    for (const key of ['hdfs.path', 'hdfs.filePrefix'] as const)
      try {
        compileEscapes(given[key], { now: () => 0 })
      } catch (error) {
        say.error(key, messageOf(error), 'correct the escape')
      }
  },
  batchSize: given => given['hdfs.batchSize'],
  create: (given, context) => new HdfsSink(given, context),
})

type Place =
  /** Servers of WebHDFS, null for the local disk; and the path in it, with escapes. */
  | { readonly servers: readonly string[] | null; readonly path: string }
  | { readonly key: 'hdfs.path' | 'hdfs.webHdfs'; readonly problem: string; readonly fix: string }

function placeOf(given: Options): Place {
  const { 'hdfs.path': whole, 'hdfs.webHdfs': servers } = given
  for (const server of servers ?? [])
    if (!/^https?:\/\/[^/\s]+\/?$/.test(server))
      return {
        key: 'hdfs.webHdfs',
        problem: `"${server}" is no HTTP address`,
        fix: `write http://host:${nameNodePort}, several separated by commas`,
      }
  const bare = servers?.map(server => server.replace(/\/$/, ''))
  const [, scheme, host, path] = /^(?:([a-z][\w+.-]*):)?(?:\/\/([^/]*))?(\/.*)?$/is.exec(whole.trim()) ?? []
  const relative = {
    key: 'hdfs.path',
    problem: `"${whole}" has no path from the root`,
    fix: 'write it with a slash in front',
  } as const
  if (path === undefined) return relative
  const directory = path.length > 1 ? path.replace(/\/+$/, '') : path
  switch (scheme?.toLowerCase()) {
    case undefined:
      return host === undefined ? { servers: bare ?? null, path: directory } : relative
    case 'file':
      return { servers: null, path: directory }
    case 'hdfs':
    case 'webhdfs':
    case 'swebhdfs': {
      if (bare !== undefined) return { servers: bare, path: directory }
      if (host === undefined || host === '')
        return {
          key: 'hdfs.path',
          problem: 'names no host of HDFS',
          fix: `write hdfs://host/path, or the NameNodes in hdfs.webHdfs`,
        }
      const protocol = scheme!.toLowerCase() === 'swebhdfs' ? 'https' : 'http'
      const bareHost = host.replace(/:\d+$/, '')
      const hasPort = scheme!.toLowerCase() !== 'hdfs' && bareHost !== host
      const at = hasPort ? host : `${bareHost}:${nameNodePort}`
      return { servers: [`${protocol}://${at}`], path: directory }
    }
    default:
      return {
        key: 'hdfs.path',
        problem: `Millrace has no file system for ${scheme}:`,
        fix: 'write hdfs:, webhdfs:, swebhdfs: or file:; object stores are reached through an HttpFS or a gateway',
      }
  }
}

class HdfsSink implements SessionSink {
  readonly batchSize: number
  readonly window = batchesUnderWay
  readonly #context: CountedContext
  readonly #deliveries: GroupedDeliveries
  readonly #files: BucketFiles
  readonly #webHdfs: WebHdfs | null
  readonly #directoryOf: (headers: ReadonlyMap<string, string>) => string
  readonly #prefixOf: (headers: ReadonlyMap<string, string>) => string

  constructor(given: Options, context: CountedContext) {
    const { system, counters, log, condition } = context
    const { clock, network } = system
    this.batchSize = given['hdfs.batchSize']
    this.#context = context
    const place = placeOf(given)
    if ('problem' in place) throw new Error(place.problem)
    this.#webHdfs =
      place.servers === null
        ? null
        : new WebHdfs({
            servers: place.servers,
            user: environmentVariable('HADOOP_USER_NAME') ?? userName(),
            proxyUser: given['hdfs.proxyUser'] ?? null,
            delegationToken: given['hdfs.delegationToken'] ?? null,
            callTimeoutMs: given['hdfs.callTimeout'] || Infinity,
          })
    const store: FileStore = this.#webHdfs ?? new LocalStore(system.disk)
    const escapes: EscapeOptions = {
      now: () => clock.now(),
      useLocalTimeStamp: given['hdfs.useLocalTimeStamp'],
      ...(given['hdfs.timeZone'] !== undefined && { timeZone: given['hdfs.timeZone'] }),
      ...(given['hdfs.round'] && {
        round: { value: given['hdfs.roundValue'], unit: given['hdfs.roundUnit'] },
      }),
      host: hostOf(network),
    }
    this.#directoryOf = compileEscapes(place.path, escapes)
    this.#prefixOf = compileEscapes(given['hdfs.filePrefix'], escapes)
    const retryMs = given['hdfs.retryInterval'] * 1000
    this.#files = new BucketFiles({
      store,
      newFormat: formatMaker(given, context),
      suffix: given['hdfs.fileSuffix'] || (given['hdfs.codeC']?.extension ?? ''),
      inUsePrefix: given['hdfs.inUsePrefix'],
      inUseSuffix: given['hdfs.emptyInUseSuffix'] ? '' : given['hdfs.inUseSuffix'],
      rollIntervalMs: given['hdfs.rollInterval'] * 1000,
      rollBytes: given['hdfs.rollSize'],
      rollEvents: given['hdfs.rollCount'],
      idleMs: given['hdfs.idleTimeout'] * 1000,
      maxOpenFiles: given['hdfs.maxOpenFiles'],
      closeTries: retryMs === 0 ? 1 : given['hdfs.closeTries'] > 0 ? given['hdfs.closeTries'] : Infinity,
      closeRetryMs: retryMs,
      clock,
      counters,
      log,
      unnamed: condition('names'),
      onDue: () => void this.#deliveries.tend(),
    })
    this.#deliveries = new GroupedDeliveries({
      counters,
      write: batches => this.#write(batches),
      tend: () => this.#files.closeDue(),
    })
  }

  async start(): Promise<void> {}

  open(signal: AbortSignal): SinkSession {
    if (this.#webHdfs !== null) this.#webHdfs.signal = signal
    return this.#deliveries.open()
  }

  /** Each bucket's events in one go, in their order; the first failure ends it. */
  async #write(batches: readonly (readonly Event[])[]): Promise<{ delivered: number; error?: unknown }> {
    const buckets = new Map<string, { directory: string; prefix: string; events: Event[] }>()
    let sound = 0
    let error: unknown
    for (const events of batches) {
      error = this.#addTo(buckets, events)
      if (error !== undefined) break
      sound++
    }
    const kept = new Set<Event>()
    try {
      for (const { directory, prefix, events } of buckets.values())
        await this.#files.write(directory, prefix, events, done => done.forEach(event => kept.add(event)))
    } catch (failure) {
      const first = batches.slice(0, sound).findIndex(events => !events.every(event => kept.has(event)))
      if (first === -1) throw failure
      return { delivered: first, error: this.#withoutKept(batches[first]!, kept, failure) }
    }
    return { delivered: sound, error }
  }

  /** All or none of the batch; gives why none. */
  #addTo(
    buckets: Map<string, { directory: string; prefix: string; events: Event[] }>,
    batch: readonly Event[],
  ): DeliveryFault | undefined {
    const places: { directory: string; prefix: string }[] = []
    for (const event of batch)
      try {
        places.push(this.#placeOf(event))
      } catch (error) {
        return new DeliveryFault('UNDELIVERABLE', messageOf(error), {
          undelivered: batch,
          event,
          cause: error,
        })
      }
    for (const [index, { directory, prefix }] of places.entries()) {
      const key = `${directory}/${prefix}`
      let bucket = buckets.get(key)
      if (bucket === undefined) buckets.set(key, (bucket = { directory, prefix, events: [] }))
      bucket.events.push(batch[index]!)
    }
    return undefined
  }

  #placeOf({ headers }: Event): { directory: string; prefix: string } {
    // A prefix may have directories too.
    const path = `${this.#directoryOf(headers)}/${this.#prefixOf(headers)}`
    const parts = path.split('/').filter((part, index, all) => part !== '' || index === all.length - 1)
    // A header must not lead out of the directory.
    if (parts.includes('..') || path.includes('\0'))
      throw new Error(
        `the headers of the event make the path ${path}, and a path may not have ".." or NUL in it`,
      )
    return { directory: `/${parts.slice(0, -1).join('/')}`, prefix: parts.at(-1)! }
  }

  #withoutKept(events: readonly Event[], kept: ReadonlySet<Event>, error: unknown): unknown {
    if (!(error instanceof Fault)) return error
    return new DeliveryFault(error.code, error.message, {
      undelivered: events.filter(event => !kept.has(event)),
      cause: error.cause,
      remedy: error.remedy,
    })
  }

  async stop(): Promise<void> {
    const giveUp = new AbortController()
    if (this.#webHdfs !== null) this.#webHdfs.signal = giveUp.signal
    const late = Promise.withResolvers<void>()
    const timer = this.#context.system.clock.after(stopPatienceMs, () => {
      giveUp.abort()
      late.resolve()
    })
    // A call that was begun before may hang for longer.
    await Promise.race([this.#deliveries.tend().then(() => this.#files.closeAll()), late.promise])
    timer.cancel()
  }
}

/** Makes the layout of a new file. */
function formatMaker(given: Options, { system }: CountedContext): () => FileFormat {
  const { clock, random } = system
  const pace = new Pace(clock)
  const codec = given['hdfs.codeC'] ?? null
  if (given['hdfs.fileType'] === 'SequenceFile')
    return () => {
      const file = sequenceFile({
        writeFormat: given['hdfs.writeFormat'],
        codec,
        marker: random.bytes(16),
        now: () => clock.now(),
      })
      return {
        begin: async events => Buffer.concat([file.head, await pace.run(file.encode(events))]),
        more: events => pace.run(file.encode(events)),
      }
    }
  return () => {
    const serializer = makeSerializer(
      given.serializer,
      {
        appendNewline: given['serializer.appendNewline'],
        syncIntervalBytes: given['serializer.syncIntervalBytes'],
        compressionCodec: given['serializer.compressionCodec'],
      },
      random,
    )
    const packed = async (bytes: Buffer) => (codec === null ? bytes : await pace.run(codec.pack(bytes)))
    const encoded = (events: readonly Event[]) => pace.run(serializer.encode(events))
    return {
      begin: async events => packed(Buffer.concat([serializer.head, await encoded(events)])),
      more: async events => packed(await encoded(events)),
    }
  }
}
