// `kafka-consumer-groups.sh --reset-offsets`: where the positions of groups without members shall be, and moving
// them there with --execute.
import { commandLine } from '../system/launcher.ts'
import type { Admin } from '../kafka-client/admin/admin.ts'
import { nameOf, type Position, type TopicPartition } from '../kafka-client/contract.ts'
import { earliest, latest } from '../kafka-client/consumer/offsets.ts'
import { realSystem } from '../system/system.ts'
import { table, type Given } from './kafka-tool.ts'
import { UsageError } from './usage-error.ts'

const forms = [
  'to-earliest',
  'to-latest',
  'to-current',
  'to-offset',
  'shift-by',
  'to-datetime',
  'by-duration',
] as const
type Form = (typeof forms)[number]

/** What can be seen before anybody is asked. Throws UsageError. */
export function checkReset(given: Given): void {
  given.action(...forms)
  given.exclusive('dry-run', 'execute')
  given.exclusive('topic', 'all-topics')
  if (!given.has('topic') && !given.has('all-topics'))
    throw new UsageError('--reset-offsets needs --topic TOPIC or --all-topics')
  given.whole('to-offset', 0)
  given.whole('shift-by', -Number.MAX_SAFE_INTEGER)
  timeOf(given)
}

export async function resetPositions(admin: Admin, given: Given, groups: readonly string[]): Promise<number> {
  const form = given.action(...forms)
  const rows: string[][] = []
  let code = 0
  for (const group of groups) {
    const { state } = await admin.groups.describe(group)
    if (state !== 'Empty' && state !== 'Dead') {
      process.stderr.write(
        `Error: Assignments can only be reset if the group '${group}' is inactive, but the current state is ${state}: stop its members first.\n`,
      )
      code = 1
      continue
    }
    const positions = await planned(admin, given, form, group)
    if (given.has('execute') && positions.length > 0) await admin.groups.commit(group, positions)
    for (const { topic, partition, offset } of positions)
      rows.push([group, topic, String(partition), String(offset)])
  }
  if (!given.has('execute') && !given.has('dry-run'))
    process.stderr.write(
      'WARN: nothing is changed without --execute; --dry-run says the same without this line\n',
    )
  process.stdout.write(
    `\n${table([['GROUP', 'TOPIC', 'PARTITION', 'NEW-OFFSET'], ...rows], [30, 30, 10, 15], false)}`,
  )
  return code
}

async function planned(admin: Admin, given: Given, form: Form, group: string): Promise<Position[]> {
  const committed = await admin.groups.committed(group)
  const partitions: readonly TopicPartition[] = given.has('all-topics')
    ? committed
    : await partitionsOf(admin, given.list('topic'))
  const current = new Map(committed.map(one => [nameOf(one), one.offset]))
  const place = (offsetOf: (name: string) => number): Position[] =>
    partitions.map(({ topic, partition }) => {
      const name = nameOf({ topic, partition })
      return { topic, partition, offset: offsetOf(name) }
    })
  switch (form) {
    case 'to-earliest':
    case 'to-latest': {
      const ends = await admin.offsets.at(partitions, form === 'to-latest' ? latest : earliest)
      return place(name => ends.get(name)!)
    }
    case 'to-current': {
      const open = partitions.filter(one => !current.has(nameOf(one)))
      const ends = await admin.offsets.at(open, latest)
      return place(name => current.get(name) ?? ends.get(name)!)
    }
    case 'to-offset':
      return within(
        admin,
        place(() => given.whole('to-offset', 0)!),
      )
    case 'shift-by': {
      const open = partitions.find(one => !current.has(nameOf(one)))
      if (open !== undefined)
        throw new Error(`group ${group} has no position in ${nameOf(open)} that could be shifted`)
      const by = given.whole('shift-by', -Number.MAX_SAFE_INTEGER)!
      return within(
        admin,
        place(name => current.get(name)! + by),
      )
    }
    default: {
      const [found, ends] = [
        await admin.offsets.at(partitions, timeOf(given)!),
        await admin.offsets.at(partitions, latest),
      ]
      return place(name => {
        const offset = found.get(name)!
        if (offset < 0)
          process.stderr.write(`${name} has no record at or after that time: its end offset is used\n`)
        return offset < 0 ? ends.get(name)! : offset
      })
    }
  }
}

/** The partitions of TOPIC or TOPIC:0,1, each of which must be there. */
export async function partitionsOf(admin: Admin, scopes: readonly string[]): Promise<TopicPartition[]> {
  const named = scopes.map(scope => {
    const [, topic, list] = /^(.*?)(?::(\d+(?:,\d+)*))?$/s.exec(scope)!
    return { topic: topic!, wanted: list?.split(',').map(Number) }
  })
  const topics = await admin.topics.describe(named.map(one => one.topic))
  return named.flatMap(({ topic, wanted }) => {
    const there = topics.find(({ name }) => name === topic)?.partitions.map(({ index }) => index) ?? []
    if (there.length === 0)
      throw new Error(
        `topic ${topic} does not exist; ${commandLine('kafka-topics.sh', '--list')} prints those that do`,
      )
    const astray = wanted?.find(partition => !there.includes(partition))
    if (astray !== undefined)
      throw new Error(`topic ${topic} has no partition ${astray}, but 0 to ${there.length - 1}`)
    return (wanted ?? there).map(partition => ({ topic, partition }))
  })
}

/** Positions outside what a partition holds become its nearest end. */
async function within(admin: Admin, positions: readonly Position[]): Promise<Position[]> {
  const firsts = await admin.offsets.at(positions, earliest)
  const nexts = await admin.offsets.at(positions, latest)
  return positions.map(one => {
    const name = nameOf(one)
    const offset = Math.min(Math.max(one.offset, firsts.get(name)!), nexts.get(name)!)
    if (offset !== one.offset)
      process.stderr.write(
        `${name} holds offsets from ${firsts.get(name)} to ${nexts.get(name)}: ${one.offset} becomes ${offset}\n`,
      )
    return { ...one, offset }
  })
}

/**
 * The time of --to-datetime (UTC where it names no zone) or --by-duration, ms since 1970 and not before: numbers
 * below 0 mean something else to brokers. Throws UsageError.
 */
function timeOf(given: Given): number | undefined {
  const date = given.value('to-datetime')
  if (date !== undefined) {
    const [, day, zone = 'Z'] =
      /^(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)(Z|[+-]\d\d(?::?\d\d)?)?$/.exec(date) ?? []
    const time = Date.parse(
      `${day}${zone.replace(/^([+-]\d\d):?(\d\d)?$/, (_, hours: string, minutes = '00') => `${hours}:${minutes}`)}`,
    )
    if (!Number.isNaN(time)) return Math.max(0, time)
    throw new UsageError(`--to-datetime ${date}: write YYYY-MM-DDThh:mm:ss.sss, UTC unless +hh:mm follows`)
  }
  const duration = given.value('by-duration')
  if (duration === undefined) return undefined
  const [matched, days = 0, hours = 0, minutes = 0, seconds = 0] =
    /^P(?=\d|T\d)(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/i.exec(duration) ?? []
  if (matched === undefined)
    throw new UsageError(`--by-duration ${duration}: write PnDTnHnMnS, such as PT1H30M or P2D`)
  const length = ((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds)
  return Math.max(0, Math.floor(realSystem.clock.now() - length * 1000))
}
