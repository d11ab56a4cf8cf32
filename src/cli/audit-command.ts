// `millrace audit`: whether what is in one topic has arrived in another, each record once and as it was.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { addressesIn, parseAddress } from '../address.ts'
import { explanationOf } from '../errors.ts'
import { readConsumerProperties } from '../kafka-client/kafka-client.ts'
import { countOf } from '../printable.ts'
import { Audit, isEqual } from './audit/audit.ts'
import type { Part } from './audit/record-row.ts'
import { formats, type AuditReport } from './audit/report.ts'
import { openSide, type TopicSide, type Window } from './audit/topic-side.ts'
import { connectionOf, fileOf, toolLog, withAdmin } from './kafka-connection.ts'
import { onEnd, readWords, type Given } from './kafka-tool.ts'
import { writeOut } from './output.ts'
import { UsageError } from './usage-error.ts'

const usage = `Usage: millrace audit --from HOST:PORT/TOPIC --to HOST:PORT/TOPIC [--to …] [options]

Reads both topics to the ends that they have at the start, and prints which records of the first are missing in the second,
doubled, changed or out of order, and which of the second do not come from the first. Several --to of one cluster are one
place: a record has to be in one of them.

  --compare LIST                 what has to be equal: key, value, headers, timestamp. Without it key and value, and headers
                                 where both sides have some
  --origin-header NAME           record header of the second topic with the origin of the record; millrace.origin where absent
  --ignore-order                 do not look at the order of records of one key and partition
  --since TIME  --until TIME     records of the first topic from then to before then: milliseconds since 1970, or a date
                                 such as 2026-01-31T08:00:00Z
  --offsets P:FROM-TO,…          these partitions and offsets of the first topic alone: from, to before; 0:100- to its end
  --isolation-level LEVEL        read_committed (default) or read_uncommitted
  --max-differences N            offsets to name of each kind; 20
  --format FORMAT                text (default) or json
  --command-config FILE          properties of the connections: TLS, logins
  --from-config FILE  --to-config FILE
                                 the same for one side alone
  --temporary-directory DIR      for up to 150 bytes a record; the system's own where absent
  --help  --version

Exit codes: 0 nothing is different, 1 something is, 2 it could not be found out, 130 after Ctrl-C.
`

/** A line that nobody rewrites is printed less often. */
const progressMs = { terminal: 500, plain: 10_000 }
const parts: readonly Part[] = ['key', 'value', 'headers', 'timestamp']

export async function runAudit(words: readonly string[], program: string): Promise<number> {
  try {
    return await audit(words, program)
  } catch (error) {
    process.stderr.write(
      `${program}: ${error instanceof UsageError ? error.message : explanationOf(error)}\n`,
    )
    return 2
  }
}

async function audit(words: readonly string[], program: string): Promise<number> {
  const given = readWords(words, {
    usage,
    flags: 'ignore-order',
    values: `from compare since until offsets isolation-level max-differences origin-header format command-config from-config
      to-config temporary-directory`,
    lists: 'to',
  })
  if (given === null) return 0
  const format = given.value('format') ?? 'text'
  if (format !== 'text' && format !== 'json') throw new UsageError(`--format ${format}: write text or json`)
  const compared = comparedOf(given)
  const origin = given.value('origin-header')
  const mostNamed = given.whole('max-differences', 0) ?? 20
  const window = windowOf(given)
  const targets = given.list('to').map(text => placeOf('to', text))
  if (targets.length === 0) throw new UsageError('--to is missing')
  const [target] = targets
  if (targets.some(one => one.servers !== target!.servers))
    throw new UsageError('every --to has to name the same brokers')
  const stop = new AbortController()
  const signalled = onEnd(() => stop.abort())
  const progress = new Progress(program)
  const side = <T>(
    name: 'from' | 'to',
    servers: string,
    topics: readonly string[],
    seen: Window,
    work: (side: TopicSide) => Promise<T>,
  ): Promise<T> => {
    const { settings, system } = connectionOf(
      given,
      propertiesOf(given, name, servers),
      readConsumerProperties,
      {
        'client.id': 'millrace-audit',
        'isolation.level': 'read_committed',
      },
    )
    return withAdmin(settings, system, async admin =>
      work(
        await openSide(topics, { admin, settings, system, log: toolLog(program) }, seen, {
          signal: stop.signal,
          passed: count => progress.passed(count),
        }),
      ),
    )
  }
  const source = placeOf('from', given.required('from'))
  const base = given.value('temporary-directory') ?? tmpdir()
  // The ends of the second topic first: what arrives meanwhile would not be known to the other side.
  const work = (to: TopicSide) =>
    side('from', source.servers, [source.topic], window, async (from): Promise<AuditReport> => {
      progress.begin(from, to)
      const directory = mkdtempSync(join(base, 'millrace-audit-'))
      try {
        const tally = await new Audit(from, to, {
          directory,
          compared,
          headers: given.has('compare') ? compared.has('headers') : 'auto',
          checksOrder: !given.has('ignore-order'),
          isPartial: given.has('since') || given.has('until') || given.has('offsets'),
          mostNamed,
          ...(origin === undefined ? {} : { originHeader: origin }),
          async turn() {
            progress.show()
            await new Promise<void>(resolve => setImmediate(resolve))
            stop.signal.throwIfAborted()
          },
        }).run()
        return { from, to, compared, tally }
      } finally {
        rmSync(directory, { recursive: true, force: true })
        progress.end()
      }
    })
  let report: AuditReport
  try {
    report = await side(
      'to',
      target!.servers,
      [...new Set(targets.map(one => one.topic))],
      { since: window.since },
      work,
    )
  } catch (error) {
    if (stop.signal.aborted) return signalled()
    throw error
  }
  await writeOut(formats[format](report))
  return isEqual(report.tally) ? 0 : 1
}

function placeOf(name: string, text: string): { servers: string; topic: string } {
  const at = text.lastIndexOf('/')
  const [servers, topic] = [text.slice(0, Math.max(0, at)), text.slice(at + 1)]
  const addresses = addressesIn(servers)
  if (topic === '' || addresses.length === 0 || addresses.some(one => parseAddress(one) === null))
    throw new UsageError(`--${name} ${text}: write HOST:PORT/TOPIC, such as localhost:9092/orders`)
  return { servers: addresses.join(','), topic }
}

function propertiesOf(given: Given, name: 'from' | 'to', servers: string) {
  const client = fileOf(given.value(`${name}-config`) ?? given.value('command-config'))
  client.set('bootstrap.servers', { value: servers })
  client.set('group.id', { value: 'millrace-audit' })
  const level = given.value('isolation-level')
  if (level !== undefined) client.set('isolation.level', { value: level })
  return client
}

function comparedOf(given: Given): ReadonlySet<Part> {
  const list = given.value('compare')?.split(',') ?? ['key', 'value', 'headers']
  const wrong = list.find(one => !parts.includes(one as Part))
  if (wrong !== undefined) throw new UsageError(`--compare ${wrong}: write ${parts.join(', ')}`)
  return new Set(list as Part[])
}

function windowOf(given: Given): Window {
  const time = (name: string) => {
    const text = given.value(name)
    if (text === undefined) return undefined
    const at = /^\d+$/.test(text) ? Number(text) : Date.parse(text)
    if (Number.isSafeInteger(at) && at >= 0) return at
    throw new UsageError(
      `--${name} ${text}: write milliseconds since 1970, or a date such as 2026-01-31T08:00:00Z`,
    )
  }
  const [since, until] = [time('since'), time('until')]
  const text = given.value('offsets')
  if (text === undefined) return { since, until }
  const ranges = text.split(',').map(one => {
    const [, partition, from, to] = /^(\d+):(\d*)-(\d*)$/.exec(one.trim()) ?? []
    if (partition === undefined)
      throw new UsageError(`--offsets ${one}: write PARTITION:FROM-TO, such as 0:100-200 or 0:100-`)
    return [Number(partition), [Number(from), to === '' ? Infinity : Number(to)]] as const
  })
  return { since, until, offsets: new Map(ranges) }
}

/** On standard error. */
class Progress {
  readonly #program: string
  #begun = 0
  #shown = 0
  #records = 0
  #all = 0

  constructor(program: string) {
    this.#program = program
  }

  begin(...sides: readonly TopicSide[]): void {
    this.#begun = this.#shown = performance.now()
    for (const { partitions } of sides)
      this.#all += partitions.reduce((sum, { first, next }) => sum + next - first, 0)
  }

  passed(records: number): void {
    this.#records += records
  }

  show(): void {
    const now = performance.now()
    const { isTTY } = process.stderr
    if (now - this.#shown < (isTTY ? progressMs.terminal : progressMs.plain)) return
    this.#shown = now
    const rate = Math.round(this.#records / ((now - this.#begun) / 1000))
    const line = `${this.#program}: read ${countOf(this.#records, 'record')} of at most ${this.#all}, ${rate} a second on average`
    process.stderr.write(isTTY ? `\r\u001B[K${line}` : `${line}\n`)
  }

  end(): void {
    if (process.stderr.isTTY && this.#shown > this.#begun) process.stderr.write('\r\u001B[K')
  }
}
