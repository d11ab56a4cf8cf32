// `kafka-consumer-groups.sh` and `millrace groups`: lists, describes and deletes consumer groups and their
// positions, with the options and the columns of Kafka's own tool. Moving positions is in group-reset.ts.
import { whereOf } from '../address.ts'
import type { Admin } from '../kafka-client/admin/admin.ts'
import { groupPositions } from '../kafka-client/admin/group-positions.ts'
import type { GroupDescription } from '../kafka-client/admin/groups.ts'
import { messageOf } from '../errors.ts'
import { nameOf, type TopicPartition } from '../kafka-client/contract.ts'
import { checkReset, partitionsOf, resetPositions } from './group-reset.ts'
import { administer, fileOf } from './kafka-connection.ts'
import { noZooKeeper, readWords, table, type Given } from './kafka-tool.ts'
import { UsageError } from './usage-error.ts'

const usage = `Usage: kafka-consumer-groups.sh --bootstrap-server HOST:PORT ACTION [options]

  --list [--state [STATES]]
  --describe (--group GROUP... | --all-groups) [--offsets | --members | --state] [--verbose]
  --reset-offsets (--group GROUP... | --all-groups) (--topic TOPIC[:0,1]... | --all-topics)
           (--to-earliest | --to-latest | --to-current | --to-offset N | --shift-by N |
           --to-datetime YYYY-MM-DDThh:mm:ss.sss[Z] | --by-duration PnDTnHnMnS)
           [--dry-run | --execute]
  --delete (--group GROUP... | --all-groups)
  --delete-offsets --group GROUP --topic TOPIC[:0,1]...

  --timeout MS            how long a coordinator is waited for (15000)
  --command-config FILE   properties of the connection: TLS, logins
  --help  --version

The same: millrace groups. Exit codes: 0 done, 1 not, or not all of it.
`

export async function runGroups(words: readonly string[]): Promise<number> {
  const given = readWords(words, {
    usage,
    flags: `list describe reset-offsets delete delete-offsets all-groups all-topics offsets members verbose
      dry-run execute to-earliest to-latest to-current`,
    values: `bootstrap-server broker-list command-config timeout to-offset shift-by to-datetime by-duration`,
    lists: 'group topic',
    optional: 'state',
    ignored: 'new-consumer',
    refused: {
      zookeeper: `${noZooKeeper}; groups of the consumer of Kafka 0.8 are not known to brokers`,
      'from-file': 'write --topic TOPIC:PARTITION --to-offset N for each position',
      export: 'the output of --reset-offsets has group, topic, partition and offset in columns',
      type: 'this tool does not report the types of groups',
      'validate-regex': 'patterns are checked where they are used',
    },
  })
  if (given === null) return 0
  const action = given.action('list', 'describe', 'reset-offsets', 'delete', 'delete-offsets')
  given.exclusive('group', 'all-groups')
  given.exclusive('offsets', 'members', 'state')
  if (action !== 'list' && !given.has('group') && !given.has('all-groups'))
    throw new UsageError(`--${action} needs --group GROUP or --all-groups`)
  if (action === 'list' && given.has('group'))
    throw new UsageError('--list names all groups; --describe --group tells of one')
  if (action === 'reset-offsets') checkReset(given)
  if (action === 'delete' && given.has('topic'))
    throw new UsageError(
      '--delete forgets the whole group; --delete-offsets --topic forgets positions in a topic',
    )
  const timeout = given.whole('timeout', 1)
  const properties = fileOf(given.value('command-config'))
  if (timeout !== undefined) properties.set('request.timeout.ms', { value: String(timeout) })
  const work = async (admin: Admin) => {
    if (action === 'list') return list(admin, given)
    const all = given.has('all-groups') ? (await admin.groups.list()).map(({ id }) => id) : []
    const groups = [...new Set([...given.list('group'), ...all])]
    if (action === 'describe') return describeAll(admin, given, groups)
    if (action === 'reset-offsets') return resetPositions(admin, given, groups)
    return action === 'delete' ? deleteGroups(admin, groups) : deletePositions(admin, given, groups)
  }
  return administer(given, work, properties)
}

async function list(admin: Admin, given: Given): Promise<number> {
  const wanted = given.value('state')?.toLowerCase().split(',')
  let groups: readonly { id: string; state: string }[] = await admin.groups.list()
  // Brokers before 2.6 tell states one by one.
  if (given.has('state') && groups.some(({ state }) => state === ''))
    groups = await Promise.all(groups.map(({ id }) => admin.groups.describe(id)))
  const fitting = groups.filter(({ state }) => wanted?.includes(state.toLowerCase()) ?? true)
  const rows = fitting.map(({ id, state }) => [id, state] as const)
  const width = (column: 0 | 1, least: number) => Math.max(least, ...rows.map(row => row[column].length)) + 10
  print(
    given.has('state')
      ? table([['GROUP', 'STATE'], ...rows], [width(0, 15), width(1, 10)], false)
      : rows.map(([id]) => `${id}\n`).join(''),
  )
  return 0
}

async function describeAll(admin: Admin, given: Given, groups: readonly string[]): Promise<number> {
  let code = 0
  for (const id of groups) {
    const group = await admin.groups.describe(id)
    if (group.state === 'Dead') {
      process.stderr.write(`consumer group ${id} does not exist; --list names those that do\n`)
      code = 1
      continue
    }
    if (group.members.length === 0) process.stderr.write(`\nConsumer group '${id}' has no active members.\n`)
    else if (group.state !== 'Stable')
      process.stderr.write(`\nWarning: Consumer group '${id}' is rebalancing (${group.state}).\n`)
    if (given.has('state')) print(`\n${stateTable(group)}`)
    else if (given.has('members')) print(`\n${memberTable(group, given.has('verbose'))}`)
    else {
      const rows = await offsetRows(admin, group)
      if (rows.length > 0) print(`\n${offsetTable(rows)}`)
    }
  }
  return code
}

function stateTable({ id, coordinator, assignor, state, members }: GroupDescription): string {
  const where = `${whereOf(coordinator)}  (${coordinator.nodeId})`
  return table(
    [
      ['GROUP', 'COORDINATOR (ID)', 'ASSIGNMENT-STRATEGY', 'STATE', '#MEMBERS'],
      [id, where, assignor === '' ? '-' : assignor, state, String(members.length)],
    ],
    [15, 25, 20, 20, 0],
  )
}

function memberTable({ id, members }: GroupDescription, isVerbose: boolean): string {
  const hasInstances = members.some(({ instanceId }) => instanceId !== null)
  const cells = (...[group, consumer, instance, host, client, count, assignment]: string[]) => [
    group!,
    consumer!,
    ...(hasInstances ? [instance!] : []),
    host!,
    client!,
    count!,
    ...(isVerbose ? [assignment!] : []),
  ]
  const head = ['GROUP', 'CONSUMER-ID', 'GROUP-INSTANCE-ID', 'HOST', 'CLIENT-ID', '#PARTITIONS']
  const rows = members.map(one =>
    cells(
      id,
      one.id,
      one.instanceId ?? '-',
      one.host,
      one.clientId,
      String(one.partitions.length),
      assignmentOf(one.partitions),
    ),
  )
  const all = [cells(...head, 'CURRENT-ASSIGNMENT'), ...rows]
  return table(
    all,
    all[0]!.map(() => 15),
    false,
  )
}

/** t1:0,1,2,t2:0 */
function assignmentOf(partitions: readonly TopicPartition[]): string {
  const topics = Map.groupBy(partitions, ({ topic }) => topic)
  const texts = [...topics].map(([topic, list]) => `${topic}:${list.map(one => one.partition).join(',')}`)
  return texts.length === 0 ? '-' : texts.join(',')
}

async function offsetRows(admin: Admin, group: GroupDescription): Promise<string[][]> {
  return (await groupPositions(admin, group)).map(({ topic, partition, committed, end, member }) => [
    group.id,
    topic,
    String(partition),
    String(committed ?? '-'),
    String(end ?? '-'),
    committed === null || end === null ? '-' : String(end - committed),
    member?.id ?? '-',
    member?.host ?? '-',
    member?.clientId ?? '-',
  ])
}

const offsetTable = (rows: readonly string[][]) =>
  table(
    [
      [
        'GROUP',
        'TOPIC',
        'PARTITION',
        'CURRENT-OFFSET',
        'LOG-END-OFFSET',
        'LAG',
        'CONSUMER-ID',
        'HOST',
        'CLIENT-ID',
      ],
      ...rows,
    ],
    [15, 15, 10, 15, 15, 15, 15, 15, 0],
  )

async function deleteGroups(admin: Admin, groups: readonly string[]): Promise<number> {
  const failed: string[] = []
  for (const group of groups)
    await admin.groups.delete(group).catch((error: unknown) => failed.push(messageOf(error)))
  const gone = groups.length - failed.length
  if (failed.length === 0)
    print(
      `Deletion of requested consumer groups (${groups.map(one => `'${one}'`).join(', ')}) was successful.\n`,
    )
  else
    process.stderr.write(
      `Error: Deletion of some consumer groups failed:\n${failed.map(one => `* ${one}\n`).join('')}${gone} of ${groups.length} groups were deleted.\n`,
    )
  return failed.length === 0 ? 0 : 1
}

async function deletePositions(admin: Admin, given: Given, groups: readonly string[]): Promise<number> {
  const [group] = groups
  if (groups.length !== 1) throw new UsageError('--delete-offsets takes one --group at a time')
  if (!given.has('topic')) throw new UsageError('--delete-offsets needs --topic TOPIC')
  const partitions = await partitionsOf(admin, given.list('topic'))
  const results = await admin.groups.deletePositions(group!, partitions)
  const rows = partitions.map(one => {
    const why = results.get(nameOf(one))
    return [one.topic, String(one.partition), why === null ? 'Successful' : `Error: ${why}`]
  })
  const isDone = rows.every(([, , status]) => status === 'Successful')
  print(
    isDone
      ? `Request succeeded for deleting offsets from group ${group}.\n`
      : 'Error: Encountered some partition-level error, see the follow-up details.\n',
  )
  print(`\n${table([['TOPIC', 'PARTITION', 'STATUS'], ...rows], [15, 10, 15], false)}`)
  return isDone ? 0 : 1
}

function print(text: string): void {
  process.stdout.write(text)
}
