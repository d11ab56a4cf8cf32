// `flume-ng avro-client`: sends lines of a file, of a directory's files or of standard input to an Avro
// source, one event a line.
import { createReadStream } from 'node:fs'
import { readdir, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Command } from 'commander'
import { parseAddress, whereOf } from '../address.ts'
import { connectAvro, type AvroClient } from '../avro-rpc/client.ts'
import { readDeadLetter } from '../dead-letter.ts'
import { Event } from '../event.ts'
import { countOf } from '../printable.ts'
import { realSystem } from '../system/system.ts'
import { linesOf } from './lines.ts'
import { readPropertiesFile } from './properties-file.ts'
import { flumeUsage } from './usage.ts'

interface ClientOptions {
  host?: string
  port?: string
  rpcProps?: string
  filename?: string
  dirname?: string
  headerFile?: string
  deadLetters?: boolean
  help?: boolean
}

/** Flume's batch with --host and --port; a properties file may say otherwise. */
const defaultBatch = 5

export async function runAvroClient(rest: readonly string[]): Promise<number> {
  const options = new Command('avro-client')
    .helpOption(false)
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .option('-H, --host <host>')
    .option('-p, --port <port>')
    .option('-P, --rpcProps <file>')
    .option('-F, --filename <file>')
    .option('--dirname <directory>')
    .option('-R, --headerFile <file>')
    .option('--dead-letters')
    .option('-c, --conf <directory>')
    .option('-h, --help')
    .parse([...rest], { from: 'user' })
    .opts<ClientOptions>()
  if (options.help === true) {
    process.stdout.write(flumeUsage)
    return 0
  }
  if (options.filename !== undefined && options.dirname !== undefined)
    throw new Error('--filename and --dirname exclude each other')
  const target = await targetOf(options)
  const headers =
    options.headerFile === undefined ? new Map<string, string>() : readProperties(options.headerFile)
  const toEvent = (line: Buffer) =>
    options.deadLetters === true ? readDeadLetter(line.toString()) : Event.of({}, line)
  const client = await connectAvro({ ...realSystem, ...target })
  try {
    let count = 0
    if (options.dirname === undefined)
      count = await sendLines(client, options.filename, { headers, toEvent }, target.batch)
    else
      for (const name of (await readdir(options.dirname)).sort()) {
        const path = join(options.dirname, name)
        if (name.startsWith('.') || name.endsWith('.COMPLETED') || !(await stat(path)).isFile()) continue
        count += await sendLines(client, path, { headers, toEvent }, target.batch)
        await rename(path, `${path}.COMPLETED`)
      }
    process.stderr.write(`${countOf(count, 'event')} sent to ${whereOf(target)}\n`)
  } finally {
    await client.close()
  }
  return 0
}

const readProperties = (path: string): Map<string, string> =>
  new Map(readPropertiesFile(path).map(({ key, value }) => [key, value]))

interface Target {
  readonly host: string
  readonly port: number
  readonly batch: number
  readonly connectTimeoutMs?: number
  readonly requestTimeoutMs?: number
  readonly deflateLevel?: number
}

async function targetOf(options: ClientOptions): Promise<Target> {
  if (options.rpcProps === undefined) {
    if (options.host === undefined || options.port === undefined)
      throw new Error('where to? Add --host HOST --port PORT, or --rpcProps FILE')
    return { host: options.host, port: portOf(options.port), batch: defaultBatch }
  }
  const file = options.rpcProps
  const properties = readProperties(file)
  const [alias] = (properties.get('hosts') ?? '').trim().split(/\s+/)
  const address = parseAddress(properties.get(`hosts.${alias}`) ?? '')
  if (address === null || address.host === '' || address.port === 0)
    throw new Error(`${file}: no host; write hosts = h1 and hosts.h1 = HOST:PORT`)
  const type = properties.get('client.type') ?? 'default'
  if (type.toLowerCase() !== 'default')
    throw new Error(
      `${file}: client.type = ${type} is not supported; the first host alone is used with client.type = default`,
    )
  const number = (key: string, least: number): number | undefined => {
    const value = Number(properties.get(key))
    return Number.isInteger(value) && value >= least ? value : undefined
  }
  const connectTimeoutMs = number('connect-timeout', 1000)
  const requestTimeoutMs = number('request-timeout', 1000)
  return {
    host: address.host,
    port: address.port,
    batch: number('batch-size', 1) ?? 100,
    ...(connectTimeoutMs === undefined ? {} : { connectTimeoutMs }),
    ...(requestTimeoutMs === undefined ? {} : { requestTimeoutMs }),
    ...(properties.get('compression-type')?.toLowerCase() === 'deflate'
      ? { deflateLevel: number('compression-level', 0) ?? 6 }
      : {}),
  }
}

function portOf(text: string): number {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new Error(`${text} is not a port: write a number from 1 to 65535`)
  return port
}

/** Sends every line of the file, or of standard input; gives their number. Lines without an event are told. */
async function sendLines(
  client: AvroClient,
  path: string | undefined,
  given: { headers: ReadonlyMap<string, string>; toEvent: (line: Buffer) => Event | null },
  batch: number,
): Promise<number> {
  const input = path === undefined ? process.stdin : createReadStream(path)
  await new Promise<void>((resolve, reject) => {
    if (path === undefined) return resolve()
    input.once('readable', resolve)
    input.once('error', reject)
  })
  let waiting: Event[] = []
  let count = 0
  let number = 0
  for await (const lines of linesOf(input))
    for (const line of lines) {
      number++
      const event = given.toEvent(line)
      if (event === null) {
        process.stderr.write(`${path ?? 'standard input'}:${number}: no dead letter, left out\n`)
        continue
      }
      // Headers of the event itself win.
      waiting.push(Event.of(new Map([...given.headers, ...event.headers]), event.body))
      count++
      if (waiting.length < batch) continue
      await client.appendBatch(waiting)
      waiting = []
    }
  if (waiting.length > 0) await client.appendBatch(waiting)
  return count
}
