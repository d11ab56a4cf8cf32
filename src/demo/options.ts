// What the demonstration can be told, and every way to tell it wrong.
import { resolve } from 'node:path'
import { addressesIn, parseAddress } from '../address.ts'

export const demoDefaults = { port: 9092, avroPort: 44_444, rate: 100 }
/** More would fill the disk several times over. */
const mostEvents = 10_000_000
const mostRate = 100_000

/** As written on the command line. */
export interface DemoWords {
  readonly events?: string
  readonly exit?: boolean
  readonly rate?: string
  readonly bootstrap?: string
  readonly port?: string
  readonly avroPort?: string
  readonly dataDir?: string
}

export interface DemoOptions {
  /** null: until it is stopped. */
  readonly events: number | null
  readonly exits: boolean
  /** Events a second; null: as fast as they go. */
  readonly rate: number | null
  /** Brokers of the user's; null: the embedded one. */
  readonly bootstrap: readonly string[] | null
  readonly port: number
  readonly avroPort: number
  /** null: a directory for what is of no lasting worth. */
  readonly directory: string | null
}

/** One sentence: what is wrong and what to write. */
export class DemoOptionProblem extends Error {}

export function readDemoOptions(words: DemoWords): DemoOptions {
  const events = whole('--events', words.events, 1, mostEvents)
  const rate = whole('--rate', words.rate, 1, mostRate)
  if (words.exit === true && events === null)
    throw new DemoOptionProblem(
      '--exit ends after --events N have arrived: add --events, such as --events 10000',
    )
  if (words.bootstrap !== undefined && words.port !== undefined)
    throw new DemoOptionProblem(
      "--port is the embedded broker's, and --bootstrap uses a Kafka of yours: leave one of them out",
    )
  const port = whole('--port', words.port, 0, 65_535) ?? demoDefaults.port
  const avroPort = whole('--avro-port', words.avroPort, 0, 65_535) ?? demoDefaults.avroPort
  if (port === avroPort && port !== 0 && words.bootstrap === undefined)
    throw new DemoOptionProblem(
      `the broker and agent B cannot both listen on port ${port}: give --port and --avro-port different ones`,
    )
  return {
    events,
    exits: words.exit === true,
    rate: rate ?? (events === null ? demoDefaults.rate : null),
    bootstrap: words.bootstrap === undefined ? null : readServers(words.bootstrap),
    port,
    avroPort,
    directory: words.dataDir === undefined ? null : readDirectory(words.dataDir),
  }
}

function whole(name: string, word: string | undefined, least: number, most: number): number | null {
  if (word === undefined) return null
  const number = /^\d{1,9}$/.test(word) ? Number(word) : NaN
  if (number >= least && number <= most) return number
  throw new DemoOptionProblem(`${name} ${word}: write a whole number from ${least} to ${most}, in digits`)
}

function readServers(text: string): string[] {
  const servers = addressesIn(text)
  const isWrong = (one: string) => {
    const { host, port } = parseAddress(one) ?? { host: '', port: 0 }
    return host === '' || port === 0
  }
  const wrong = servers.length === 0 ? text : servers.find(isWrong)
  if (wrong !== undefined)
    throw new DemoOptionProblem(
      `--bootstrap ${text}: "${wrong}" is no broker; write HOST:PORT, such as localhost:9092, several separated by commas`,
    )
  return servers
}

/** It is written into configuration files, where these mean something. */
function readDirectory(path: string): string {
  if (path.trim() === '') throw new DemoOptionProblem('--data-dir: write the path of a directory')
  if (/[,\n\r]|\$\{/.test(path))
    throw new DemoOptionProblem(
      `--data-dir ${path}: a comma, a line break or \${ is not possible in the agents' files; choose another directory`,
    )
  return resolve(path.trim())
}
