// `millrace check --live`: asks the clusters that the agents name whether they have, and allow, what the agents need.
// Nothing is written or created.
import {
  keyOf,
  nameOf,
  partsOf,
  placeOf,
  type Finding,
  type SetAgent,
  type SetPart,
} from '../agent-set/set-agent.ts'
import type { Flow } from '../component.ts'
import { messageOf } from '../errors.ts'
import { fits } from '../agent-set/agent-join.ts'
import { patternText } from '../agent-set/known-headers.ts'
import type { Admin } from '../kafka-client/admin/admin.ts'
import type { Setting } from '../kafka-client/admin/settings.ts'
import type { TopicDescription } from '../kafka-client/admin/topics.ts'
import { readAdminProperties, readProducerProperties } from '../kafka-client/properties.ts'
import { realSystem } from '../system/system.ts'
import { errorCodes, kafkaError } from '../wire/kafka/error-codes.ts'
import { impatience, withAdmin } from './kafka-connection.ts'

type KafkaFlow = Extract<Flow, { does: 'read-topics' | 'write-topic' }>

/** AclOperation's numbers, which are places of bits. */
const readBit = 1 << 3
const writeBit = 1 << 4

interface Asked {
  readonly part: SetPart
  readonly flow: KafkaFlow
  readonly properties: Readonly<Record<string, string>>
}

export async function askBrokers(
  agents: readonly SetAgent[],
  systemProperties: ReadonlyMap<string, string>,
): Promise<Finding[]> {
  const findings = await Promise.all(
    agents.flatMap(partsOf).flatMap(part => {
      const options = part.options as Record<string, unknown>
      const prefix = part.kind === 'source' ? 'kafka.consumer' : 'kafka.producer'
      const properties = (options[prefix] ?? {}) as Record<string, string>
      const flows =
        (part.definition.kind === 'source' || part.definition.kind === 'sink'
          ? part.definition.flow?.(part.options)
          : undefined) ?? []
      return flows
        .filter((flow): flow is KafkaFlow => flow.does === 'read-topics' || flow.does === 'write-topic')
        .map(flow => ask({ part, flow, properties }, systemProperties))
    }),
  )
  return findings.flat()
}

async function ask(asked: Asked, systemProperties: ReadonlyMap<string, string>): Promise<Finding[]> {
  const { part, flow, properties } = asked
  const all = { ...properties, 'bootstrap.servers': flow.servers }
  const { settings } = readAdminProperties(all, { systemProperties, usual: impatience })
  if (settings === undefined) return []
  const findings: Finding[] = []
  const say = (severity: Finding['severity'], key: string, problem: string, fix: string): void =>
    void findings.push({ rule: 'broker', severity, place: placeOf(part, key, ...older(key)), problem, fix })
  try {
    await withAdmin(settings, { ...realSystem, systemProperties }, admin =>
      flow.does === 'read-topics'
        ? askForSource({ ...asked, flow }, admin, say)
        : askForSink({ ...asked, flow }, admin, say),
    )
  } catch (error) {
    say(
      'error',
      'kafka.bootstrap.servers',
      `the brokers of ${nameOf(part)} at ${flow.servers} cannot be asked: ${messageOf(error)}`,
      `correct ${keyOf(part, 'kafka.bootstrap.servers')}, the login and the network, or start the brokers`,
    )
  }
  return findings
}

/** Older spellings of a key. */
const older = (key: string): string[] =>
  ({ 'kafka.bootstrap.servers': ['brokerList'], 'kafka.topic': ['topic'], 'kafka.topics': ['topic'] })[key] ??
  []

type Say = (severity: Finding['severity'], key: string, problem: string, fix: string) => void

async function askForSource(
  { part, flow }: Asked & { readonly flow: Extract<Flow, { does: 'read-topics' }> },
  admin: Admin,
  say: Say,
): Promise<void> {
  const { pattern, topics, group, servers } = flow
  const key = pattern === undefined ? 'kafka.topics' : 'kafka.topics.regex'
  const found = await admin.topics.describe(pattern === undefined ? topics : undefined, { operations: true })
  const read = pattern === undefined ? found : found.filter(({ name }) => fits(name, pattern))
  if (pattern !== undefined && read.length === 0)
    say(
      'warning',
      key,
      `no topic of ${servers} matches ${patternText(pattern)}, which ${nameOf(part)} reads`,
      'create the topic, or correct the pattern',
    )
  for (const name of pattern === undefined ? topics : read.map(one => one.name)) {
    const topic = found.find(one => one.name === name)
    if (!isUsable(topic, { part, name, key, servers }, say)) continue
    if (topic.operations !== undefined && (topic.operations & readBit) === 0)
      say(
        'error',
        key,
        `${nameOf(part)} may not read topic ${name} of ${servers}`,
        `allow its login the operation Read on topic ${name}`,
      )
    await askForSize(part, { admin, name, servers }, say)
  }
  if (group === undefined) return
  try {
    await admin.groups.describe(group)
  } catch (error) {
    say(
      'error',
      'kafka.consumer.group.id',
      `${nameOf(part)} cannot join group ${group} on ${servers}: ${messageOf(error)}`,
      `allow its login the operation Read on group ${group}`,
    )
  }
}

async function askForSize(
  part: SetPart,
  { admin, name, servers }: { admin: Admin; name: string; servers: string },
  say: Say,
): Promise<void> {
  const most = Number((part.options as Record<string, unknown>)['maxRecordBytes'])
  const largest = numberOf(await settingsOf(admin, name), 'max.message.bytes')
  if (largest !== undefined && largest > most)
    say(
      'warning',
      'maxRecordBytes',
      `topic ${name} of ${servers} takes records of up to ${largest} bytes, and ${nameOf(part)} reads up to ${most}`,
      `raise ${keyOf(part, 'maxRecordBytes')} to ${largest}`,
    )
}

async function askForSink(
  { part, flow, properties }: Asked & { readonly flow: Extract<Flow, { does: 'write-topic' }> },
  admin: Admin,
  say: Say,
): Promise<void> {
  const { topic: name, servers, acks, isDeadLetter } = flow
  const key = isDeadLetter === true ? 'deadLetter.topic' : 'kafka.topic'
  // What headers and escapes name is not known before there is an event.
  if (name.includes('%')) return
  const [topic] = await admin.topics.describe([name], { operations: true })
  if (!isUsable(topic, { part, name, key, servers }, say)) return
  if (topic.operations !== undefined && (topic.operations & writeBit) === 0)
    say(
      'error',
      key,
      `${nameOf(part)} may not write to topic ${name} of ${servers}`,
      `allow its login the operation Write on topic ${name}`,
    )
  const wanted = (part.options as Record<string, unknown>)['defaultPartitionId']
  if (typeof wanted === 'number' && wanted >= topic.partitions.length)
    say(
      'error',
      'defaultPartitionId',
      `${nameOf(part)} writes to partition ${wanted}, and topic ${name} of ${servers} has ${topic.partitions.length}`,
      `write a partition below ${topic.partitions.length}, or add partitions to the topic`,
    )
  const settings = await settingsOf(admin, name)
  const most = numberOf(settings, 'max.message.bytes')
  const request = readProducerProperties({ ...properties, 'bootstrap.servers': servers }).settings
    ?.maxRequestSize
  if (most !== undefined && request !== undefined && most < request)
    say(
      'warning',
      key,
      `topic ${name} of ${servers} refuses batches above ${most} bytes, and ${nameOf(part)} sends up to ${request}: a larger event blocks its channel`,
      `raise max.message.bytes of the topic to ${request}, or lower ${keyOf(part, 'kafka.producer.max.request.size')} to ${most}`,
    )
  if (acks === -1)
    askForReplicas(part, { topic, servers, key, least: numberOf(settings, 'min.insync.replicas') }, say)
}

/** What `acks = all` waits for. */
function askForReplicas(
  part: SetPart,
  {
    topic,
    servers,
    key,
    least = 1,
  }: { topic: TopicDescription; servers: string; key: string; least: number | undefined },
  say: Say,
): void {
  const replicas = Math.min(...topic.partitions.map(one => one.replicas.length))
  const inSync = Math.min(...topic.partitions.map(one => one.isr.length))
  const where = `topic ${topic.name} of ${servers}`
  if (least > inSync)
    say(
      'error',
      key,
      `${where} needs ${least} replicas in sync (min.insync.replicas), and a partition has ${inSync} of ${replicas}: with acks = all nothing is written`,
      least > replicas
        ? `lower min.insync.replicas to ${replicas}, or give the topic more replicas`
        : 'start the brokers that are missing',
    )
  else if (replicas > 1 && least < 2)
    say(
      'note',
      key,
      `${where} has min.insync.replicas = ${least}: ${nameOf(part)} writes with acks = all, but a single broker may be all that has an event`,
      'set min.insync.replicas = 2 for the topic',
    )
  else if (replicas === 1)
    say(
      'note',
      key,
      `${where} has one replica: ${nameOf(part)} writes with acks = all, but the broker that has an event is the only one`,
      'give the topic a replication factor of 3',
    )
}

function isUsable(
  topic: TopicDescription | undefined,
  { part, name, key, servers }: { part: SetPart; name: string; key: string; servers: string },
  say: Say,
): topic is TopicDescription {
  const code = topic?.errorCode ?? errorCodes.UNKNOWN_TOPIC_OR_PARTITION
  const does = part.kind === 'source' ? 'reads' : 'writes to'
  if (code === errorCodes.UNKNOWN_TOPIC_OR_PARTITION)
    say(
      part.kind === 'source' ? 'error' : 'warning',
      key,
      `topic ${name}, which ${nameOf(part)} ${does}, does not exist on ${servers}`,
      `create it: millrace topics --bootstrap-server ${servers} --create --topic ${name}`,
    )
  else if (code !== 0) {
    const { name: error, meaning } = kafkaError(code)
    say(
      'error',
      key,
      `topic ${name}, which ${nameOf(part)} ${does}, cannot be used on ${servers}: ${error}: ${meaning}`,
      'allow its login the operations Describe and Read or Write on the topic, or repair the cluster',
    )
  } else {
    const lost = topic!.partitions.filter(({ leader }) => leader < 0)
    if (lost.length > 0)
      say(
        'error',
        key,
        `topic ${name} of ${servers} has no leader for ${lost.length} of ${topic!.partitions.length} partitions`,
        'start the brokers that are missing',
      )
  }
  return code === 0
}

/** None where brokers tell none, or tell none to this login. */
const settingsOf = async (admin: Admin, topic: string): Promise<readonly Setting[]> =>
  (await admin.topics.settings([topic]).catch(() => null))?.get(topic) ?? []

const numberOf = (settings: readonly Setting[], name: string): number | undefined => {
  const value = settings.find(one => one.name === name)?.value
  return value === undefined || value === null ? undefined : Number(value)
}
