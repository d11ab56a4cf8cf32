// Directories of a real Flume file channel, as a stop or a kill leaves them, and what a restarted Flume delivers
// from a copy of them: the measure for taking over from Flume.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, startFlume, type Running } from './peers/peers.ts'
import { waitFor } from './peers/waiting.ts'

export type FlumeVersion = '1.8.0' | '1.11.0'

export interface FlumeDirectories {
  readonly checkpoint: string
  readonly data: readonly string[]
}

export interface Filling {
  readonly version: FlumeVersion
  readonly dataDirectories: number
  /** By SIGKILL while everything moves, or by SIGTERM. */
  readonly end: 'kill' | 'stop'
  /** The end comes when the newest log has at least this id. */
  readonly logs: number
  /** Or when this is true of the ids of all logs there are, or of the directories. */
  readonly until?: (logs: readonly number[], directories: FlumeDirectories) => boolean
  readonly capacity: number
  readonly maxFileSize: number
  /** How many sources put, each in its own thread; 2 where absent. */
  readonly sources?: 1 | 2
  /** Events of one transaction of the sink that commits; 5 where absent. */
  readonly taken?: number
  /** Without the sink that is always refused: its rollbacks change the order in Flume's queue. */
  readonly isOrdered?: boolean
  /** Called before the end, while all of it runs. */
  readonly whileRunning?: (directories: FlumeDirectories, pid: number) => Promise<void>
  /** More lines of the configuration. */
  readonly lines?: readonly string[]
}

export function directoriesBelow(directory: string, count: number): FlumeDirectories {
  return {
    checkpoint: join(directory, 'checkpoint'),
    data: Array.from({ length: count }, (_, index) => join(directory, `data${index}`)),
  }
}

const channelLines = ({ checkpoint, data }: FlumeDirectories, capacity: number): string[] => [
  'a1.channels.c1.type = file',
  `a1.channels.c1.checkpointDir = ${checkpoint}`,
  `a1.channels.c1.dataDirs = ${data.join(',')}`,
  `a1.channels.c1.capacity = ${capacity}`,
  `a1.channels.c1.transactionCapacity = ${Math.min(capacity, 100)}`,
  'a1.channels.c1.minimumRequiredSpace = 1048576',
]

/** Sources put, one sink takes and commits, another takes and is always refused, until enough logs were written. */
export async function fillByFlume(directory: string, filling: Filling): Promise<FlumeDirectories> {
  const { version, dataDirectories, end, logs, capacity, maxFileSize, lines = [] } = filling
  const sources = ['r1', 'r2'].slice(0, filling.sources ?? 2)
  const directories = directoriesBelow(directory, dataDirectories)
  const out = join(directory, 'first-out')
  mkdirSync(out, { recursive: true })
  // A batch of two never fits into the channel behind it.
  const port = await freePort()
  const flume = await startFlume(version, join(directory, 'first'), {
    agent: 'a1',
    conf: [
      `a1.sources = ${sources.join(' ')} refusing`,
      'a1.channels = c1 tiny',
      `a1.sinks = k1${filling.isOrdered ? '' : ' k2'}`,
      'a1.sources.refusing.type = avro',
      'a1.sources.refusing.bind = 127.0.0.1',
      `a1.sources.refusing.port = ${port}`,
      'a1.sources.refusing.channels = tiny',
      'a1.channels.tiny.type = memory',
      'a1.channels.tiny.capacity = 1',
      'a1.channels.tiny.transactionCapacity = 1',
      'a1.channels.tiny.keep-alive = 0',
      ...sources.flatMap((name, index) => [
        `a1.sources.${name}.type = seq`,
        `a1.sources.${name}.batchSize = ${[10, 7][index]}`,
        `a1.sources.${name}.interceptors = i1`,
        `a1.sources.${name}.interceptors.i1.type = static`,
        `a1.sources.${name}.interceptors.i1.key = from`,
        `a1.sources.${name}.interceptors.i1.value = ${name}`,
        `a1.sources.${name}.channels = c1`,
      ]),
      'a1.sinks.k1.type = file_roll',
      `a1.sinks.k1.sink.directory = ${out}`,
      'a1.sinks.k1.sink.rollInterval = 0',
      `a1.sinks.k1.sink.batchSize = ${filling.taken ?? 5}`,
      'a1.sinks.k1.channel = c1',
      'a1.sinks.k2.type = avro',
      'a1.sinks.k2.hostname = 127.0.0.1',
      `a1.sinks.k2.port = ${port}`,
      'a1.sinks.k2.batch-size = 2',
      'a1.sinks.k2.channel = c1',
      ...channelLines(directories, capacity),
      `a1.channels.c1.maxFileSize = ${maxFileSize}`,
      'a1.channels.c1.checkpointInterval = 1000',
      'a1.channels.c1.keep-alive = 1',
      ...lines,
      '',
    ].join('\n'),
  })
  try {
    const { until = ids => Math.max(0, ...ids) >= logs } = filling
    await waitFor(() => until(logsIn(directories), directories), `logs of Flume ${version}`, 120_000)
    await filling.whileRunning?.(directories, flume.pid)
  } finally {
    if (end === 'kill') {
      flume.kill('SIGKILL')
      await flume.ended
    } else await flume.stop()
  }
  return directories
}

/** The ids of Flume's logs. */
export function logsIn({ data }: FlumeDirectories): number[] {
  const names = data.flatMap(one => (existsSync(one) ? readdirSync(one) : []))
  return names.flatMap(name => (/^log-\d+$/.test(name) ? [Number(name.slice(4))] : []))
}

/** What a Flume delivers from a copy of the directories: a line of headers and body each. */
export async function deliveredByFlume(
  directory: string,
  version: FlumeVersion,
  from: FlumeDirectories,
  how: { readonly capacity: number; readonly withCheckpoint: boolean; readonly lines?: readonly string[] },
): Promise<string[]> {
  const copy = directoriesBelow(join(directory, 'copy'), from.data.length)
  rmSync(join(directory, 'copy'), { recursive: true, force: true })
  from.data.forEach((one, index) => cpSync(one, copy.data[index]!, { recursive: true }))
  if (how.withCheckpoint) cpSync(from.checkpoint, copy.checkpoint, { recursive: true })
  const out = join(directory, 'second-out')
  rmSync(out, { recursive: true, force: true })
  mkdirSync(out)
  const port = await freePort()
  const metricsPort = await freePort()
  const flume = await startFlume(version, join(directory, 'second'), {
    agent: 'a1',
    properties: { 'flume.monitoring.type': 'http', 'flume.monitoring.port': metricsPort },
    conf: [
      'a1.sources = r1',
      'a1.channels = c1',
      'a1.sinks = k1',
      'a1.sources.r1.type = avro',
      'a1.sources.r1.bind = 127.0.0.1',
      `a1.sources.r1.port = ${port}`,
      'a1.sources.r1.channels = c1',
      'a1.sinks.k1.type = file_roll',
      `a1.sinks.k1.sink.directory = ${out}`,
      'a1.sinks.k1.sink.rollInterval = 0',
      'a1.sinks.k1.sink.serializer = HEADER_AND_TEXT',
      `a1.sinks.k1.sink.batchSize = ${Math.min(how.capacity, 100)}`,
      'a1.sinks.k1.channel = c1',
      ...channelLines(copy, how.capacity),
      ...(how.lines ?? []),
      '',
    ].join('\n'),
  })
  try {
    await waitFor(() => isEmpty(flume, metricsPort), 'an empty channel')
  } catch (error) {
    throw new Error(`Flume did not deliver all: ${flume.output.slice(-3000)}`, { cause: error })
  } finally {
    await flume.stop()
  }
  return readdirSync(out)
    .flatMap(name => readFileSync(join(out, name), 'utf8').split('\n'))
    .filter(line => line !== '')
}

async function isEmpty(flume: Running, port: number): Promise<boolean> {
  const ended = await Promise.race([flume.ended, Promise.resolve(null)])
  if (ended !== null) throw new Error(`Flume ended: ${flume.output.slice(-2000)}`)
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`).catch(() => null)
  if (answer === null) return false
  const metrics = (await answer.json()) as Record<string, Record<string, string>>
  return metrics['CHANNEL.c1']?.['ChannelSize'] === '0'
}
