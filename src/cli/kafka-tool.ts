// What our forms of Kafka's tools have in common: options as Kafka takes them (behind one dash or two, with =,
// several times), what they refuse, and how they print.
import { constants } from 'node:os'
import { Command, CommanderError } from 'commander'
import { suggest } from '../did-you-mean.ts'
import { printable } from '../printable.ts'
import { compileJavaRegex } from '../java/java-regex.ts'
import { onSignals } from './signals.ts'
import { UsageError } from './usage-error.ts'
import { version } from './version.ts'

/** Names without dashes, separated by blanks; those of `ignored` that take a value end in "=". */
export interface ToolOptions {
  readonly usage: string
  readonly flags?: string
  /** The last one counts. */
  readonly values?: string
  /** Each counts. */
  readonly lists?: string
  /** May be written without a value. */
  readonly optional?: string
  /** Kafka's, which change nothing here. */
  readonly ignored?: string
  /** Whether words without dashes may follow. */
  readonly takesOperands?: boolean
  /** Kafka's, which cannot be had here: why, and what to write. */
  readonly refused?: Readonly<Record<string, string>>
}

/** What was written on the command line. */
export class Given {
  readonly #values: ReadonlyMap<string, unknown>

  /** Words that belong to no option. */
  readonly operands: readonly string[]

  constructor(values: ReadonlyMap<string, unknown>, operands: readonly string[] = []) {
    this.#values = values
    this.operands = operands
  }

  has(name: string): boolean {
    return this.#values.has(name)
  }

  value(name: string): string | undefined {
    const value = this.#values.get(name)
    return typeof value === 'string' ? value : undefined
  }

  list(name: string): readonly string[] {
    return (this.#values.get(name) as string[] | undefined) ?? []
  }

  required(name: string): string {
    const value = this.value(name)
    if (value === undefined || value === '') throw new UsageError(`--${name} is missing`)
    return value
  }

  /** A whole number from `least` on; undefined where it is not written. */
  whole(name: string, least: number): number | undefined {
    const text = this.value(name)
    if (text === undefined) return undefined
    if (/^[+-]?\d+$/.test(text) && Number(text) >= least && Number.isSafeInteger(Number(text)))
      return Number(text)
    throw new UsageError(`--${name} ${text}: write a whole number from ${least} on`)
  }

  /** The one action of several that is written. */
  action<A extends string>(...names: readonly A[]): A {
    const written = names.filter(name => this.has(name))
    if (written.length === 1) return written[0]!
    throw new UsageError(`write exactly one of ${dashed(names)}`)
  }

  /** Throws where more than one of them is written. */
  exclusive(...names: readonly string[]): void {
    const written = names.filter(name => this.has(name))
    if (written.length > 1) throw new UsageError(`${dashed(written)} exclude each other`)
  }
}

const dashed = (names: readonly string[]) =>
  `${names
    .slice(0, -1)
    .map(name => `--${name}`)
    .join(', ')} and --${names.at(-1)}`.replace(/^ and /, '')
const split = (names = '') => names.split(/\s+/).filter(Boolean)

/** Reads the command line; null where help or the version was asked for, and printed. Throws UsageError. */
export function readWords(words: readonly string[], options: ToolOptions): Given | null {
  const { refused = {} } = options
  const command = new Command()
    .helpOption(false)
    .allowExcessArguments()
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
  const all = (value: string, before: string[] = []) => [...before, value]
  for (const name of split(`help version ${options.flags ?? ''}`)) command.option(`--${name}`)
  for (const name of split(options.values)) command.option(`--${name} <value>`)
  for (const name of split(options.lists)) command.option(`--${name} <value>`, '', all)
  for (const name of [...split(options.optional), ...Object.keys(refused)])
    command.option(`--${name} [value]`)
  for (const name of split(options.ignored))
    command.option(`--${name.replace('=', '')}${name.endsWith('=') ? ' <value>' : ''}`)
  const names = command.options.map(option => option.long!.slice(2))
  const given = words.map(word =>
    names.includes(/^-([^-=][^=]*)/.exec(word)?.[1] ?? '') ? `-${word}` : word,
  )
  try {
    command.parse(given, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    const unknown = /unknown option '--?([^'=]*)/.exec(error.message)?.[1]
    if (unknown === undefined) throw new UsageError(error.message.replace(/^error: /, ''))
    const near = names.find(name => unknown !== '' && name.startsWith(unknown)) ?? suggest(unknown, names)
    throw new UsageError(
      `--${unknown} is not an option of this tool${near === undefined ? '' : `; did you mean --${near}?`} --help lists them`,
    )
  }
  const values = new Map<string, unknown>()
  for (const option of command.options) {
    const value: unknown = command.getOptionValue(option.attributeName())
    if (value !== undefined) values.set(option.long!.slice(2), value)
  }
  if (values.has('help')) process.stdout.write(options.usage)
  else if (values.has('version')) process.stdout.write(`Millrace ${version()}\n`)
  else {
    for (const [name, why] of Object.entries(refused))
      if (values.has(name))
        throw new UsageError(`--${name}: ${why.replace('HOST', hostOf(values.get(name)))}`)
    const [surplus] = command.args
    if (surplus !== undefined && options.takesOperands !== true)
      throw new UsageError(`"${surplus}" belongs to no option; --help lists them`)
    return new Given(values, command.args)
  }
  return null
}

/** The machine of ZooKeeper is often the broker's. */
const hostOf = (value: unknown) =>
  typeof value === 'string' ? (/^[^:/,\s]+/.exec(value)?.[0] ?? 'HOST') : 'HOST'

export const noZooKeeper =
  'nothing here speaks to ZooKeeper; write --bootstrap-server HOST:9092 in its place, the address of a broker'

/** Throws where one of these options names a Java class that stands for more than bytes as they are. */
export function refuseClasses(given: Given, names: readonly string[]): void {
  const harmless =
    /(LineMessageReader|DefaultMessageFormatter|(String|Bytes?|ByteArray)(S|Des)erializer|(String|Default)(En|De)coder)$/
  for (const name of names) {
    const value = given.value(name)
    if (value !== undefined && !harmless.test(value))
      throw new UsageError(
        `--${name} ${value} is a Java class, and there is no JVM; bytes are taken as they are`,
      )
  }
}

/**
 * The topics meant by a list of names or Java regular expressions, as Kafka's tools take them: separated by
 * commas or bars. A topic of exactly that name is meant alone: its dots are no wildcards.
 */
export function topicFilter(text: string, names: readonly string[]): (name: string) => boolean {
  if (names.includes(text)) return name => name === text
  const source = text
    .trim()
    .replaceAll(',', '|')
    .replaceAll(' ', '')
    .replaceAll(/^["']+|(?<!["'])["']+$/g, '')
  const compiled = compileJavaRegex(`^(?:${source})$`)
  if ('problem' in compiled) throw new UsageError(`${text} is no regular expression: ${compiled.problem}`)
  return name => compiled.value.test(name)
}

/** Lines of columns: each as wide as its widest cell, and at least as said; the last one where `trims` is not padded. */
export function table(
  cells: readonly (readonly string[])[],
  widths: readonly number[],
  trims = true,
): string {
  // Names of groups, clients and members are what somebody else chose.
  const rows = cells.map(row => row.map(printable))
  const wide = widths.map((width, column) => Math.max(width, ...rows.map(row => row[column]!.length)))
  return rows
    .map(row =>
      row.map((cell, at) => (trims && at === row.length - 1 ? cell : cell.padEnd(wide[at]!))).join(' '),
    )
    .map(line => `${line}\n`)
    .join('')
}

/** Calls `stop` at the first signal that ends a process. Gives the exit code that a shell expects then, 0 before. */
export function onEnd(stop: () => void): () => number {
  let code = 0
  const end = onSignals({
    stop(cause) {
      // npm that has gone was ended, as a rule by SIGTERM.
      code = 128 + (constants.signals[/^\w+/.exec(cause)![0] as NodeJS.Signals] ?? constants.signals.SIGTERM)
      stop()
    },
    stopAtOnce: number => process.exit(number),
    reload: () => end('SIGHUP'),
    reopen() {},
    report() {},
    none() {},
  })
  return () => code
}
