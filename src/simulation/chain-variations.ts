// Plans of chains by seed: Kafka topic -> agent A -> Avro -> agent B -> Kafka topic, as the files of conf/ have
// it, with other batch sizes, windows, sink groups, selectors, channels, partitions and faults.
import { formatProblem } from '../config/problem.ts'
import { loadTopology } from '../load-topology.ts'
import type { Topology } from '../topology/topology.ts'
import { bootstrapOf, type ChainAgent, type ChainBroker, type ChainPlan } from './chain-plan.ts'
import { faultKinds } from './faults.ts'
import { SeededRandom } from './seeded-random.ts'

const loaded = new Map<string, Promise<Topology>>()

function load(name: string, text: string): Promise<Topology> {
  const key = `${name}\n${text}`
  const known = loaded.get(key)
  if (known !== undefined) return known
  const topology = loadTopology([{ file: `${name}.conf`, bytes: Buffer.from(text) }], {
    agent: name,
    environment: {},
    systemProperties: new Map(),
    home: '/home',
  }).then(({ topology: found, problems }) => {
    if (found === undefined) throw new Error(problems.map(formatProblem).join('\n'))
    return found
  })
  loaded.set(key, topology)
  return topology
}

interface Shape {
  readonly partitions: number
  readonly sourceBatch: number
  readonly avroBatch: number
  readonly avroWindow: number
  readonly kafkaBatch: number
  readonly channelA: 'file' | 'memory'
  readonly channelB: 'file' | 'memory'
  readonly group: 'none' | 'failover' | 'load_balance'
  readonly senders: number
  readonly receivers: number
  readonly multiplexing: boolean
  readonly acks: number
  readonly deflate: boolean
  readonly capacity: number
  /** Each record is written once; channels share the records of a partition then. */
  readonly isOnce: boolean
}

const port = 44_444
const broker: ChainBroker = { name: 'kafka', addresses: [{ host: 'kafka', port: 9092 }] }

function textOfA(shape: Shape, sourceBatch: number): string {
  const sinks = shape.group === 'none' ? ['k1'] : ['k1', 'k2']
  const channels = shape.multiplexing ? ['c1', 'c2'] : ['c1']
  const lines = [
    'sources = s1',
    `channels = ${channels.join(' ')}`,
    `sinks = ${shape.multiplexing ? 'k1 k3' : sinks.join(' ')}`,
    'sources.s1.type = org.apache.flume.source.kafka.KafkaSource',
    `sources.s1.batchSize = ${sourceBatch}`,
    'sources.s1.kafka.bootstrap.servers = kafka:9092',
    'sources.s1.kafka.topics = test3',
    'sources.s1.kafka.consumer.group.id = test-consumer-group',
    'sources.s1.kafka.consumer.auto.offset.reset = earliest',
    `sources.s1.interceptors = ${shape.multiplexing && shape.isOnce ? 'i1 i2' : 'i1'}`,
    'sources.s1.interceptors.i1.type = static',
    'sources.s1.interceptors.i1.key = topic',
    'sources.s1.interceptors.i1.preserveExisting = false',
    'sources.s1.interceptors.i1.value = test2',
    `sources.s1.channels = ${channels.join(' ')}`,
  ]
  if (shape.isOnce) lines.push('sources.s1.originHeader = true')
  if (shape.multiplexing)
    lines.push(
      'sources.s1.selector.type = multiplexing',
      `sources.s1.selector.header = ${shape.isOnce ? 'digit' : 'key'}`,
      'sources.s1.selector.mapping.p0 = c2',
      'sources.s1.selector.mapping.3 = c2',
      'sources.s1.selector.mapping.4 = c2',
      'sources.s1.selector.default = c1',
    )
  if (shape.multiplexing && shape.isOnce)
    lines.push(
      'sources.s1.interceptors.i2.type = regex_extractor',
      String.raw`sources.s1.interceptors.i2.regex = ^\\d+/\\d*(\\d)`,
      'sources.s1.interceptors.i2.serializers = s1',
      'sources.s1.interceptors.i2.serializers.s1.name = digit',
    )
  for (const name of channels) lines.push(...channelLines(name, shape.channelA, shape.capacity))
  const group = shape.multiplexing ? ['k1', 'k3'] : sinks
  for (const [index, name] of group.entries())
    lines.push(
      `sinks.${name}.type = avro`,
      `sinks.${name}.hostname = b${shape.receivers > 1 && !shape.multiplexing ? 1 + (index % shape.receivers) : 1}`,
      `sinks.${name}.port = ${port}`,
      `sinks.${name}.batch-size = ${shape.avroBatch}`,
      `sinks.${name}.window = ${shape.avroWindow}`,
      ...(shape.deflate ? [`sinks.${name}.compression-type = deflate`] : []),
      `sinks.${name}.channel = ${name === 'k3' ? 'c2' : 'c1'}`,
    )
  if (shape.group !== 'none' && !shape.multiplexing)
    lines.push(
      'sinkgroups = g1',
      'sinkgroups.g1.sinks = k1 k2',
      `sinkgroups.g1.processor.type = ${shape.group}`,
      ...(shape.group === 'failover'
        ? ['sinkgroups.g1.processor.priority.k1 = 10', 'sinkgroups.g1.processor.priority.k2 = 5']
        : []),
    )
  return lines.map(line => `a.${line}`).join('\n')
}

function textOfB(shape: Shape, kafkaBatch: number): string {
  return [
    'sources = avro-source',
    'sinks = kafka-sink',
    'channels = memory-channel',
    'sources.avro-source.type = avro',
    'sources.avro-source.bind = 0.0.0.0',
    `sources.avro-source.port = ${port}`,
    ...(shape.deflate ? ['sources.avro-source.compression-type = deflate'] : []),
    'sources.avro-source.channels = memory-channel',
    'sinks.kafka-sink.type = org.apache.flume.sink.kafka.KafkaSink',
    'sinks.kafka-sink.kafka.bootstrap.servers = kafka:9092',
    `sinks.kafka-sink.flumeBatchSize = ${kafkaBatch}`,
    ...(shape.isOnce
      ? ['sinks.kafka-sink.deliveryGuarantee = exactly-once', 'sinks.kafka-sink.flow = simulated']
      : [`sinks.kafka-sink.kafka.producer.acks = ${shape.acks}`]),
    'sinks.kafka-sink.channel = memory-channel',
    ...channelLines('memory-channel', shape.channelB, shape.capacity),
  ]
    .map(line => `b.${line}`)
    .join('\n')
}

function channelLines(name: string, type: 'file' | 'memory', capacity: number): string[] {
  if (type === 'memory')
    return [
      `channels.${name}.type = memory`,
      `channels.${name}.capacity = ${capacity}`,
      `channels.${name}.transactionCapacity = 100`,
    ]
  return [
    `channels.${name}.type = file`,
    `channels.${name}.checkpointDir = /flume/${name}/checkpoint`,
    `channels.${name}.dataDirs = /flume/${name}/data`,
    `channels.${name}.maxFileSize = 65536`,
    `channels.${name}.minimumRequiredSpace = 1048576`,
    `channels.${name}.capacity = ${capacity}`,
    `channels.${name}.transactionCapacity = 100`,
  ]
}

/** The plan of a seed. `records` is about how many are written; `isOnce`: each is to arrive once. */
export async function planOf(seed: number, records = 100, isOnce = false): Promise<ChainPlan> {
  const random = new SeededRandom(seed ^ 0x5eed)
  const one = <T>(...of: T[]): T => of[random.below(of.length)]!
  const group = one<Shape['group']>('none', 'none', 'failover', 'load_balance')
  const shape: Shape = {
    partitions: one(1, 1, 3),
    sourceBatch: one(1, 20, 20, 90),
    avroBatch: one(1, 10, 100),
    avroWindow: one(1, 4, 8),
    kafkaBatch: one(1, 5, 5, 90),
    channelA: one('file', 'file', 'file', 'memory'),
    channelB: one('file', 'file', 'file', 'memory'),
    group,
    senders: one(1, 1, 1, 2),
    receivers: group === 'none' ? 1 : one(1, 2),
    multiplexing: group === 'none' && random.chance(0.2),
    acks: one(1, 1, -1),
    deflate: random.chance(0.25),
    capacity: one(100, 500, 2000),
    isOnce,
  }
  const reloads = random.chance(0.2)
  const agentsOf = async (
    name: string,
    count: number,
    text: (extra: number) => string,
    isMortal: boolean,
  ): Promise<ChainAgent[]> => {
    const topology = await load(name, text(0))
    const changed = reloads ? await load(name, text(1)) : null
    return Array.from({ length: count }, (_, index) => ({
      name: `${name}${index + 1}`,
      topology: () => topology,
      changed,
      hosts: [],
      isMortal,
    }))
  }
  return {
    agents: [
      ...(await agentsOf(
        'a',
        shape.senders,
        extra => textOfA(shape, shape.sourceBatch + extra),
        shape.channelA === 'file',
      )),
      ...(await agentsOf(
        'b',
        shape.receivers,
        extra => textOfB(shape, shape.kafkaBatch + extra),
        shape.channelB === 'file',
      )),
    ],
    brokers: [broker],
    inputs: [{ broker: bootstrapOf(broker), name: 'test3', partitions: shape.partitions }],
    others: [{ broker: bootstrapOf(broker), name: 'test2', partitions: shape.partitions }],
    isBetween: () => false,
    modelDoors: 0,
    hasModels: false,
    copies: null,
    records: Math.ceil(records * (0.5 + random.next())),
    // Each seed has some of the kinds: what is rare together would else never happen.
    faults: faultKinds.filter(() => random.chance(0.5)),
    faultCount: random.chance(0.1) ? 0 : random.below(12),
    // A source that catches up after an outage has all that came meanwhile under way.
    inFlight: isOnce
      ? 0
      : Math.max(shape.avroBatch * shape.avroWindow, shape.kafkaBatch * 8, shape.sourceBatch * 4, 120),
    readsCommitted: isOnce,
    keepsOrder:
      shape.receivers === 1 &&
      shape.senders === 1 &&
      shape.group === 'none' &&
      !(isOnce && shape.multiplexing),
    stormMs: 10_000,
    warmUpMs: 0,
    restarts: random.chance(0.3),
    writingSeed: seed,
    mayLose: false,
  }
}
