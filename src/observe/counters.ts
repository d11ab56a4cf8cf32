// Counters under Flume's names. One group a component; a component moves those of its own attributes
// that Flume's moves, the rest stay 0. What Flume has no name for is counted beside them, under names
// of ours, and appears on the Prometheus page only. Each has its meaning here, which that page and
// docs/reference/metrics.md print. A name that ends in Timer counts milliseconds.

const common = {
  SOURCE: {
    EventReceivedCount: 'Events that arrived',
    EventAcceptedCount: 'Events that the channels accepted',
    AppendReceivedCount: 'Calls with a single event that arrived',
    AppendAcceptedCount: 'Calls with a single event that the channels accepted',
    AppendBatchReceivedCount: 'Batches that arrived',
    AppendBatchAcceptedCount: 'Batches that the channels accepted',
    OpenConnectionCount: 'Connections that are open',
  },
  CHANNEL: {
    ChannelSize: 'Events in the channel, those of open transactions included',
    ChannelCapacity: 'Most events that the channel may hold',
    EventPutAttemptCount: 'Events that sources wanted to put',
    EventPutSuccessCount: 'Events that were put',
    EventTakeAttemptCount: 'Events that sinks took, and takes that found the channel empty',
    EventTakeSuccessCount: 'Events that sinks took and committed',
  },
  SINK: {
    ConnectionCreatedCount: 'Connections that were opened',
    ConnectionClosedCount: 'Connections that were closed',
    ConnectionFailedCount: 'Connections that could not be opened',
    BatchEmptyCount: 'Takes that found no event; always 0',
    BatchUnderflowCount: 'Batches smaller than the batch size',
    BatchCompleteCount: 'Batches of the full batch size',
    EventDrainAttemptCount: 'Events that the sink tried to deliver',
    EventDrainSuccessCount: 'Events that were delivered',
  },
} as const

/** Flume 1.9 added these, but not to its Kafka components. */
const failures = {
  SOURCE: {
    EventReadFail: 'Requests or events that could not be read',
    ChannelWriteFail: 'Batches that a channel refused',
    GenericProcessingFail: 'Other failures of a request',
  },
  SINK: {
    EventWriteFail: 'Batches that could not be delivered',
    ChannelReadFail: 'Takes that the channel failed; always 0',
  },
} as const

const kafka = {
  SOURCE: {
    KafkaEventGetTimer: 'Time spent on waiting for records',
    KafkaCommitTimer: 'Time spent on committing positions',
    KafkaEmptyCount: 'Polls that returned no record',
  },
  SINK: {
    KafkaEventSendTimer: 'Time spent on sending batches',
    RollbackCount: 'Batches that were returned to the channel',
  },
} as const

const fileChannel = {
  Open: '1 while the channel is open',
  Closed: '1 after the channel was closed',
  Unhealthy: '1 while the channel cannot write its log',
  EventPutErrorCount: 'Puts that failed',
  EventTakeErrorCount: 'Takes that failed',
  CheckpointWriteErrorCount: 'Checkpoints that could not be written',
  CheckpointBackupWriteErrorCount: 'Copies of checkpoints that could not be written; always 0',
} as const

const kafkaChannel = {
  KafkaEventGetTimer: 'Time spent on waiting for records',
  KafkaEventSendTimer: 'Time spent on sending batches',
  KafkaCommitTimer: 'Time spent on committing positions',
  RollbackCount: 'Events that were returned to the channel',
} as const

export type CounterKind = keyof typeof common

/** The counts that say what goes in and comes out. */
export const flowCounters: Readonly<Record<CounterKind, readonly [inward: string, outward: string]>> = {
  SOURCE: ['EventReceivedCount', 'EventAcceptedCount'],
  CHANNEL: ['EventPutSuccessCount', 'EventTakeSuccessCount'],
  SINK: ['EventDrainAttemptCount', 'EventDrainSuccessCount'],
}

const namesOf = (...tables: readonly object[]): readonly string[] => tables.flatMap(one => Object.keys(one))

export const sourceCounters: readonly string[] = namesOf(common.SOURCE, failures.SOURCE)
export const sinkCounters: readonly string[] = namesOf(common.SINK, failures.SINK)
export const kafkaSourceCounters: readonly string[] = namesOf(common.SOURCE, kafka.SOURCE)
export const kafkaSinkCounters: readonly string[] = namesOf(common.SINK, kafka.SINK)
export const channelCounters: readonly string[] = namesOf(common.CHANNEL)
export const fileChannelCounters: readonly string[] = namesOf(common.CHANNEL, fileChannel)
export const kafkaChannelCounters: readonly string[] = namesOf(common.CHANNEL, kafkaChannel)

/** All attributes of Flume's, with what they mean. */
export const counterMeanings: Readonly<Record<CounterKind, Readonly<Record<string, string>>>> = {
  SOURCE: { ...common.SOURCE, ...failures.SOURCE, ...kafka.SOURCE },
  CHANNEL: { ...common.CHANNEL, ...fileChannel, ...kafkaChannel },
  SINK: { ...common.SINK, ...failures.SINK, ...kafka.SINK },
}

/** Attributes that go up and down; the others only grow. */
export const gauges: ReadonlySet<string> = new Set([
  'ChannelSize',
  'ChannelCapacity',
  'OpenConnectionCount',
  'Open',
  'Closed',
  'Unhealthy',
])

/** What Flume has no name for; a component of the user's own may count more. */
export const ownCounterMeanings: Readonly<Record<CounterKind, Readonly<Record<string, string>>>> = {
  SOURCE: {
    events_diverted: 'Events written to the dead letters',
    records_left_out: 'Records larger than maxRecordBytes that were left out',
    records_gone: 'Records that Kafka removed before they were read',
    records_cut_off: 'Records read that a new leader of the partition does not have',
    datagrams_discarded: 'Datagrams that arrived faster than the channels took them',
    lines_cut: 'Parts that lines longer than the limit were cut into, without the last one of each',
    partitions_recreated: 'Partitions whose topic was deleted and created again',
    records_not_flume_events: 'Records that are no event and were skipped',
    records_null_value: 'Records without a value, which became events with an empty body',
    records_binary_key: 'Records whose key is not UTF-8',
    records_binary_header: 'Records with a mapped header that is not UTF-8',
    records_unmapped_headers: 'Records with headers that no option maps',
  },
  CHANNEL: {
    events_lost_to_damage: 'Events that damaged or missing files of the channel cost',
    records_not_flume_events: 'Records that are no event and were skipped',
    records_gone: 'Records that Kafka removed before they were read',
    records_cut_off: 'Records read that a new leader of the partition does not have',
    partitions_recreated: 'Partitions whose topic was deleted and created again',
  },
  SINK: {
    events_diverted: 'Events written to the dead letters',
    events_already_written: 'Events that were let go, because their flow had written them (exactly-once)',
    events_without_origin: 'Events without the header millrace.origin, written at least once (exactly-once)',
    writers_fenced: 'Writers whose transactional id another producer has taken over (exactly-once)',
    brokers_without_record_headers: 'Times that a broker without record headers was met',
  },
}

/** The counters of one component. */
export class Counters {
  readonly kind: CounterKind
  readonly name: string
  /** Milliseconds since 1970; 0 while not started, or while running. */
  startTime = 0
  stopTime = 0
  readonly #values = new Map<string, number | boolean>()
  readonly #own = new Map<string, number>()

  constructor(kind: CounterKind, name: string, attributes: readonly string[]) {
    this.kind = kind
    this.name = name
    for (const attribute of attributes) this.#values.set(attribute, attribute === 'Open' ? false : 0)
  }

  /** The component as /metrics names it: SINK.k1. */
  get component(): string {
    return `${this.kind}.${this.name}`
  }

  /** Adds to one of the group's attributes; naming another is a bug and throws. */
  add(attribute: string, delta = 1): void {
    const value = this.#values.get(attribute)
    if (typeof value !== 'number')
      throw new Error(`${this.kind} ${this.name} has no count named ${attribute}`)
    this.#values.set(attribute, value + delta)
  }

  /** Of a gauge. Throws where the group has no such attribute. */
  set(attribute: string, value: number | boolean): void {
    if (!this.#values.has(attribute))
      throw new Error(`${this.kind} ${this.name} has nothing named ${attribute}`)
    this.#values.set(attribute, value)
  }

  /** Undefined where the group has no such attribute. */
  get(attribute: string): number | boolean | undefined {
    return this.#values.get(attribute)
  }

  /** Counts something Flume has no name for: snake_case, e.g. `records_gone`. */
  addOwn(name: string, delta = 1): void {
    this.#own.set(name, (this.#own.get(name) ?? 0) + delta)
  }

  get values(): ReadonlyMap<string, number | boolean> {
    return this.#values
  }

  get own(): ReadonlyMap<string, number> {
    return this.#own
  }
}
